"""
Reads and judges many groups in parallel, within a limit of calls per second.

Memory holds only the groups that are being read, however many there are.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, wait
from typing import TypeVar

from alicloud_ingress.cleanup.findings import (
    GroupFacts,
    GroupFindings,
    Question,
    judge,
)
from alicloud_ingress.cleanup.owners import Owners
from alicloud_ingress.cleanup.rate_limiter import RateLimiter
from alicloud_ingress.ecs.client import EcsClient
from alicloud_ingress.ecs.group_listing import ListedGroup
from alicloud_ingress.errors import BatchEntryError, EcsError, GroupNotFoundError
from alicloud_ingress.rules.live import LiveGroup, LiveRule
from alicloud_ingress.rules.rule import IngressRule
from alicloud_ingress.usage.judging import GroupUsage, VpcReader

CALLS_PER_S = 50.0
"""
Maximum calls per second. It leaves room for other callers of the account.
"""
MAX_PARALLEL = 16
INTERRUPTED_WITHIN_S = 1.0
"""
How long an interrupted caller waits for calls that are being sent.
"""

_Given = TypeVar("_Given")
_Made = TypeVar("_Made")


def in_parallel(
    work: Callable[[_Given], _Made],
    given: Iterable[_Given],
    max_parallel: int = MAX_PARALLEL,
) -> Iterator[_Made]:
    """
    Apply *work* to each item in parallel, and yield the results in order.

    Items are taken from *given* only as earlier ones are finished. If the caller is
    interrupted, it hardly waits for calls that have no answer yet: the threads end with
    the process. So *work* must only read.
    """
    waiting: deque[Future[_Made]] = deque()
    free = threading.Semaphore(max_parallel)

    def run(result: Future[_Made], each: _Given) -> None:
        with free:
            if not result.set_running_or_notify_cancel():
                return
            try:
                result.set_result(work(each))
            except BaseException as error:  # noqa: BLE001 - raised in the caller
                result.set_exception(error)

    try:
        for each in given:
            waiting.append(Future())
            threading.Thread(target=run, args=(waiting[-1], each), daemon=True).start()
            if len(waiting) >= 2 * max_parallel:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:
        for result in waiting:
            result.cancel()
        wait(waiting, INTERRUPTED_WITHIN_S)


class Scanner:
    """
    Judges groups of one region. Threads may share it.

    Args:
        client: client of the region.
        region: name of the region.
        owners: owners from the states that were passed.
        question: the criteria.
        rate_limiter: shared by all regions.
        usage: judges which rules are unused; None if no table was passed.
    """

    def __init__(  # noqa: PLR0913, PLR0917 - one for each thing that it goes by
        self,
        client: EcsClient,
        region: str,
        owners: Owners,
        question: Question,
        rate_limiter: RateLimiter,
        usage: VpcReader | None = None,
    ) -> None:
        self._client = client
        self._region = region
        self._owners = owners
        self._question = question
        self._rate_limiter = rate_limiter
        self._usage = usage
        self.notes: list[str] = []
        self._account_id = client.account_id()
        self._lock = threading.Lock()
        self._is_gone: dict[str, bool] = {}

    def findings(self, listed: ListedGroup) -> GroupFindings:
        """
        Read a group and judge its rules. If it cannot be read, `not_judged` says why.
        """
        try:
            self._rate_limiter.wait()
            group = self._client.describe(listed.group_id)
        except EcsError as error:
            return GroupFindings(
                group_id=listed.group_id,
                region=self._region,
                vpc_id="",
                rule_count=0,
                stale=(),
                kept=(),
                not_judged=(str(error),),
            )
        owners = self._owners.of(group) if self._owners.given else None
        gone, problems = self._gone(group)
        unused, unread = self._unused(group)
        facts = GroupFacts(
            owners=owners,
            gone=gone,
            not_judged=(*problems, *unread),
            tags=listed.tags,
            unused=unused,
        )
        return judge(group, facts, self._question)

    def _unused(self, group: LiveGroup) -> tuple[dict[LiveRule, str], tuple[str, ...]]:
        """
        The rules that no traffic could have used; and which calls failed.
        """
        if self._usage is None:
            return {}, ()
        try:
            usage, problems = self._usage.usage_of(group)
        except EcsError as error:
            return {}, (f"which rules are unused: {error}",)
        if note := _note(usage):
            self.notes.append(note)
        unused = {
            judged.live: "; ".join(judged.reasons)
            for judged in usage.rules
            if judged.verdict == "unused"
        }
        return unused, tuple(f"which rules are unused: {each}" for each in problems)

    def _gone(self, group: LiveGroup) -> tuple[frozenset[str], tuple[str, ...]]:
        """
        The source groups and prefix lists of the rules that no longer exist.
        """
        groups = {
            live.rule.source_group_id
            for live in group.rules
            if live.rule.source_group_id and self._is_ours(live.rule)
        }
        lists = {live.rule.source_prefix_list_id for live in group.rules} - {""}
        gone: set[str] = set()
        problems: list[str] = []
        for what, named, ask in (
            ("source groups", groups, self._gone_groups),
            ("prefix lists", lists, self._gone_lists),
        ):
            try:
                gone |= self._remembered(named, ask)
            except EcsError as error:
                problems.append(f"whether its {what} exist: {error}")
        return frozenset(gone), tuple(problems)

    def _is_ours(self, rule: IngressRule) -> bool:
        """
        Whether the rule's source group is in this account. ECS does not list groups of
        other accounts, so they must not count as deleted.
        """
        if rule.source_group_owner_account:
            return False
        return rule.source_group_owner_id in ("", self._account_id)

    def _remembered(
        self, named: set[str], ask: Callable[[list[str]], set[str]]
    ) -> set[str]:
        with self._lock:
            new = sorted(each for each in named if each not in self._is_gone)
        if new:
            gone = ask(new)
            with self._lock:
                self._is_gone |= {each: each in gone for each in new}
        return {each for each in named if self._is_gone[each]}

    def _gone_groups(self, named: list[str]) -> set[str]:
        """
        The groups that do not exist according to two calls: one that lists groups, and
        one that reads this one.
        """
        self._rate_limiter.wait()
        there = {group.group_id for group in self._client.describe_groups(named)}
        return {each for each in named if each not in there and self._is_unknown(each)}

    def _is_unknown(self, group_id: str) -> bool:
        self._rate_limiter.wait()
        try:
            self._client.describe(group_id)
        except GroupNotFoundError:
            return True
        return False

    def _gone_lists(self, named: list[str]) -> set[str]:
        """
        The prefix lists that do not exist, also according to two calls.
        """
        self._rate_limiter.wait()
        there = self._client.existing_prefix_lists(named)
        return {
            each for each in named if each not in there and self._is_unknown_list(each)
        }

    def _is_unknown_list(self, list_id: str) -> bool:
        self._rate_limiter.wait()
        try:
            self._client.list_entries(list_id)
        except BatchEntryError as error:
            if error.code == "InvalidPrefixListId.NotFound":
                return True
            raise
        return False


def _note(usage: GroupUsage) -> str:
    """
    How many rules of a group lack the logs to be judged by, and why; "" for none.
    """
    open_ = [
        judged
        for judged in usage.rules
        if judged.verdict == "not judged" and not judged.is_drop
    ]
    if not open_:
        return ""
    reasons = dict.fromkeys(each for judged in open_ for each in judged.reasons)
    rules = "1 rule" if len(open_) == 1 else f"{len(open_)} rules"
    why = "; ".join(reasons)
    return f"{usage.group.group_id}: the use of {rules} is not judged: {why}"
