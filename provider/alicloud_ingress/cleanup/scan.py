"""
Looks at many groups at once, within a call rate, and asks what their rules hang on.

Groups come and go one by one: however many there are, only those in flight are held.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
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
from alicloud_ingress.errors import EcsError, GroupNotFoundError
from alicloud_ingress.rules.live import LiveGroup
from alicloud_ingress.rules.rule import IngressRule

CALLS_PER_S = 50.0
"""
How often ECS is called at most, so that others of the account can call it too.
"""
AT_ONCE = 16

_Given = TypeVar("_Given")
_Made = TypeVar("_Made")


def in_parallel(
    work: Callable[[_Given], _Made], given: Iterable[_Given], at_once: int = AT_ONCE
) -> Iterator[_Made]:
    """
    Do the same work on each, several at once, and give the results in order.

    No more is taken from *given* than is being worked on.
    """
    waiting: deque[Future[_Made]] = deque()
    pool = ThreadPoolExecutor(at_once, thread_name_prefix="survey")
    try:
        for each in given:
            waiting.append(pool.submit(work, each))
            if len(waiting) >= 2 * at_once:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:
        pool.shutdown(cancel_futures=True)


class Scanner:
    """
    Judges groups of one region; threads may share it.

    Args:
        client: of the region.
        region: its name.
        owners: of the states that were given.
        question: what is asked of each group.
        pace: the call rate, shared by all regions.
    """

    def __init__(
        self,
        client: EcsClient,
        region: str,
        owners: Owners,
        question: Question,
        pace: RateLimiter,
    ) -> None:
        self._client = client
        self._region = region
        self._owners = owners
        self._question = question
        self._pace = pace
        self._account_id = client.account_id()
        self._lock = threading.Lock()
        self._is_gone: dict[str, bool] = {}

    def findings(self, listed: ListedGroup) -> GroupFindings:
        """
        Read a group and judge it; one that cannot be read is not judged.
        """
        try:
            self._pace.wait()
            group = self._client.describe(listed.group_id)
        except EcsError as error:
            return GroupFindings(
                group_id=listed.group_id, region=self._region, not_judged=(str(error),)
            )
        owners = self._owners.of(group) if self._owners.given else None
        gone, problems = self._gone(group)
        around = GroupFacts(
            owners=owners, gone=gone, not_judged=problems, tags=listed.tags
        )
        return judge(group, around, self._question)

    def _gone(self, group: LiveGroup) -> tuple[frozenset[str], tuple[str, ...]]:
        """
        What the rules name as a source and what is not there any more.
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
                problems.append(f"whether its {what} are there: {error}")
        return frozenset(gone), tuple(problems)

    def _is_ours(self, rule: IngressRule) -> bool:
        """
        A group of another account is not shown to us, and so not gone.
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
        Those that two calls agree on: they are not listed, and cannot be read.
        """
        self._pace.wait()
        there = {group.group_id for group in self._client.describe_groups(named)}
        return {each for each in named if each not in there and self._is_unknown(each)}

    def _is_unknown(self, group_id: str) -> bool:
        self._pace.wait()
        try:
            self._client.describe(group_id)
        except GroupNotFoundError:
            return True
        return False

    def _gone_lists(self, named: list[str]) -> set[str]:
        self._pace.wait()
        return set(named) - self._client.existing_prefix_lists(named)
