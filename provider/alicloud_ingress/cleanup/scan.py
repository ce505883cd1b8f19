"""
Reads and judges many groups in parallel, within a limit of calls per second.

Memory holds only the groups that are being read, however many there are.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from alicloud_ingress.cleanup.findings import (
    GroupFacts,
    GroupFindings,
    Question,
    judge,
)
from alicloud_ingress.cleanup.owners import Owners
from alicloud_ingress.cleanup.parallel import CALLS_PER_S, RateLimiter, in_parallel
from alicloud_ingress.cleanup.plan_file import Plan
from alicloud_ingress.ecs.client import EcsClient
from alicloud_ingress.ecs.connections import Connections
from alicloud_ingress.ecs.list_entries import NOT_FOUND
from alicloud_ingress.ecs.reactions import OF_EVERY_GROUP
from alicloud_ingress.ecs.responses import ListedGroup
from alicloud_ingress.errors import EcsError, GroupNotFoundError
from alicloud_ingress.rules.live import LiveGroup, LiveRule
from alicloud_ingress.rules.rule import IngressRule
from alicloud_ingress.times import now
from alicloud_ingress.usage.judging import GroupUsage, UsageJudge, VpcReader


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
        self._fatal: EcsError | None = None

    def findings(self, listed: ListedGroup) -> GroupFindings:
        """
        Read a group and judge its rules. If it cannot be read, `not_judged` says why.
        """
        if self._fatal is not None:
            return self._unread(listed, f"it was not read: {self._fatal.quoted}")
        try:
            self._rate_limiter.wait()
            group = self._client.describe(listed.group_id)
        except EcsError as error:
            if isinstance(error, OF_EVERY_GROUP):
                self._fatal = error
            return self._unread(listed, str(error))
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

    def _unread(self, listed: ListedGroup, why: str) -> GroupFindings:
        return GroupFindings(
            group_id=listed.group_id,
            region=self._region,
            vpc_id="",
            rule_count=0,
            stale=(),
            kept=(),
            not_judged=(why,),
        )

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
        except EcsError as error:
            if error.code in NOT_FOUND:
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


@dataclass(slots=True, kw_only=True)
class Survey:
    """
    Reads and judges the groups of one or more regions.

    Args:
        connections: clients by region.
        regions: names of regions; none for the configured one.
        groups: IDs of groups; none for all groups of the regions.
        owners: owners from the states that were passed.
        question: the criteria.
        known: region and ID of groups that are judged already.
        usage: judges which rules are unused; None if no table is passed.

    Attributes:
        left_alone: groups that are skipped because a cloud service manages them; filled
            by `findings`.
        not_judged: regions and groups that could not be read; filled by `findings`.
        notes: groups whose use the logs do not prove; filled by `findings`.
    """

    connections: Connections
    regions: Sequence[str] = ()
    groups: Sequence[str] = ()
    owners: Owners = field(default_factory=Owners)
    question: Question = field(default_factory=lambda: Question(now=now()))
    known: Iterable[tuple[str, str]] = ()
    usage: UsageJudge | None = None
    left_alone: list[str] = field(default_factory=list[str])
    not_judged: list[str] = field(default_factory=list[str])
    notes: list[str] = field(default_factory=list[str])

    def account_id(self) -> str:
        """
        The account of the groups; "" if STS refuses to return it.
        """
        return self.connections.client(self._regions()[0]).account_id()

    def findings(self) -> Iterator[GroupFindings]:
        """
        Judge group by group, in order. Memory holds only the groups being read.
        """
        rate_limiter = RateLimiter(CALLS_PER_S)
        scanners = {
            region: Scanner(
                self.connections.client(region),
                region,
                self.owners,
                self.question,
                rate_limiter,
                self._reader(region),
            )
            for region in self._regions()
        }
        yield from in_parallel(
            lambda place: scanners[place[0]].findings(place[1]),
            self._places(rate_limiter),
        )
        self.not_judged += [doubt.text for doubt in self.owners.doubts]
        for scanner in scanners.values():
            self.notes += sorted(scanner.notes)

    def plan(
        self,
        made_at: str,
        account_id: str,
        groups_judged: int,
        groups: Iterable[GroupFindings] = (),
    ) -> Plan:
        """
        The plan, once `findings` has judged all groups.
        """
        return Plan(
            made_at=made_at,
            account_id=account_id,
            stacks=self.owners.stacks,
            groups_judged=groups_judged,
            left_alone=tuple(self.left_alone),
            not_judged=tuple(self.not_judged),
            groups=tuple(groups),
        )

    def _reader(self, region: str) -> VpcReader | None:
        if self.usage is None:
            return None
        client = self.connections.client(region)
        return VpcReader(self.usage, client, region, self.groups)

    def _regions(self) -> tuple[str, ...]:
        return self.connections.regions(self.regions)

    def _places(self, rate_limiter: RateLimiter) -> Iterator[tuple[str, ListedGroup]]:
        known = frozenset(self.known)
        missing = set(self.groups)
        for region in self._regions():
            client = self.connections.client(region)
            try:
                rate_limiter.wait()
                for listed in client.describe_groups(self.groups):
                    missing.discard(listed.group_id)
                    if listed.service_managed:
                        self.left_alone.append(listed.group_id)
                    elif (region, listed.group_id) not in known:
                        yield region, listed
            except EcsError as error:
                missing.clear()
                self.not_judged.append(str(error))
        regions = ", ".join(self._regions())
        self.not_judged += [
            f"there is no group {group_id} in {regions}; check its ID, --region and the"
            " account"
            for group_id in sorted(missing)
        ]
