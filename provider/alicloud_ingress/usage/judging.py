"""
What is said about a rule: used, possibly used, unused, or not judged.

Only what is proven is called unused: no flow of any kind could have needed the rule,
and everything that could have shown one was watched. Whatever is in doubt keeps the
rule. Each VPC is read and judged once, for all its groups.
"""

from __future__ import annotations

import datetime as dt
import threading
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from functools import reduce
from operator import add
from typing import Literal, get_args

from alicloud_ingress.ecs.client import EcsClient
from alicloud_ingress.ecs.connections import Connections, NoSuchGroupError, located
from alicloud_ingress.ecs.sharing import shared
from alicloud_ingress.errors import EcsError
from alicloud_ingress.exposure.packets import IPV6, matched
from alicloud_ingress.rules.live import LiveGroup, LiveRule
from alicloud_ingress.rules.rule import IngressRule
from alicloud_ingress.usage.attribution import attribute
from alicloud_ingress.usage.encoding import RuleKey, existence
from alicloud_ingress.usage.facts import (
    Coverage,
    JudgedPeriod,
    VpcFacts,
    Watch,
    read_facts,
    read_logged,
    read_watched,
)
from alicloud_ingress.usage.table import UsageTable
from alicloud_ingress.usage.traffic import Doubt, Tally, Traffic, Use

Verdict = Literal["used", "possibly used", "unused", "not judged"]
VERDICTS: tuple[Verdict, ...] = get_args(Verdict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """
    One rule and what is said about it.

    Args:
        reasons: in sentences; why it is possibly used, unused or not judged.
        traffic: what a used rule surely decided, and what a possibly used one may
            have decided; of a drop, what it stopped.
        doubtful: what a used rule may have decided beside that.
    """

    live: LiveRule
    verdict: Verdict
    reasons: tuple[str, ...]
    traffic: tuple[Traffic, ...] = ()
    doubtful: tuple[Traffic, ...] = ()

    @property
    def tally(self) -> Tally | None:
        """
        The traffic in numbers; None for none.
        """
        if not self.traffic:
            return None
        return reduce(add, (each.tally for each in self.traffic))

    @property
    def is_drop(self) -> bool:
        """
        Whether the rule drops, so that traffic is what it stopped.
        """
        return self.live.rule.drops


def judged(
    live: LiveRule, use: Use, facts: VpcFacts, coverage: Coverage, period: JudgedPeriod
) -> Judged:
    """
    Judge one rule.

    Args:
        live: the rule.
        use: of `attribution.attribute`; an empty one where there was none.
        facts: of its VPC.
        coverage: of its group.
        period: over which it is judged.
    """
    if use.certain:
        return Judged(
            live=live,
            verdict="used",
            reasons=(),
            traffic=use.certain,
            doubtful=use.possible_traffic,
        )
    if use.possible:
        return Judged(
            live=live,
            verdict="possibly used",
            reasons=tuple(REASONS[each] for each in use.doubts),
            traffic=use.possible_traffic,
        )
    if doubts := tuple(_doubts(live, facts, coverage, period)):
        return Judged(live=live, verdict="not judged", reasons=doubts)
    lowered = (
        f" (--min-coverage {period.min_coverage:g})" if period.min_coverage < 1 else ""
    )
    text = (
        f"no flow from {period.as_text} could have used it; {coverage.as_text}{lowered}"
    )
    return Judged(live=live, verdict="unused", reasons=(text,))


def _doubts(
    live: LiveRule, facts: VpcFacts, coverage: Coverage, period: JudgedPeriod
) -> Iterator[str]:
    if live.rule.policy != "accept":
        yield "it stopped nothing; a drop is never called unused, as removing it opens"
    yield from coverage.problems
    if coverage.ipv6_problem and lets_ipv6_in(live.rule, facts.lists):
        yield coverage.ipv6_problem
    surely, _ = existence(live.create_time)
    if surely is None:
        yield "when it was created is not known"
    elif surely > period.start:
        yield f"it was created at {live.create_time}, within the period"
    yield from (f"{each} could not be resolved" for each in unresolved(live, facts))


def lets_ipv6_in(
    rule: IngressRule, lists: Mapping[str, Sequence[str]] | None = None
) -> bool:
    """
    Whether a rule matches a source with an IPv6 address.
    """
    return any(box.sources[0] >= IPV6[0] for box in matched(rule, lists).boxes)


def unresolved(live: LiveRule, facts: VpcFacts) -> Iterator[str]:
    """
    What a rule names and what is not known, in words.
    """
    for each in sorted(matched(live.rule, facts.lists).unknown):
        if each.kind != "group":
            yield f"the {each.kind.replace('_', ' ')} {each.name}".rstrip()
        elif each.name not in facts.listed:
            yield f"the source group {each.name}"


REASONS: Mapping[Doubt, str] = {
    Doubt.OPENER: "a flow that it matches may be an answer to a connection that the"
    " interface itself opened",
    Doubt.MATCHES: "whether it matches a flow is not known: a list, the source group,"
    " an address, a port or the time of its creation is in doubt",
    Doubt.BELOW: "a rule before it may have decided its flows",
    Doubt.INNER: "traffic among members of one group, which needs no rule, matches it",
    Doubt.UNREAD: "not all rules of the interface of a flow could be read",
    Doubt.REFUSED: "a flow matches it that today's rules of its interface do not"
    " accept",
    Doubt.GONE: "a flow of an interface that no longer exists matches it",
    Doubt.CHANGED: "a flow that today's rules do not accept matches it, if its list or"
    " source group was different then",
}
"""
Why a use is only possible, in words.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupUsage:
    """
    The rules of one group, judged.

    Args:
        rules: in the order in which ECS lists them.
    """

    group: LiveGroup
    coverage: Coverage
    rules: tuple[Judged, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class VpcUsage:
    """
    The groups of one VPC, judged.

    Args:
        groups: by ID; those that were asked about and could be read.
        problems: calls that failed, in sentences.
    """

    groups: Mapping[str, GroupUsage]
    problems: tuple[str, ...] = ()


class UsageJudge:
    """
    Judges groups by one table; threads may share it.

    Args:
        table: that was checked.
        unused_for: how far back from the table's end a rule must not have been used;
            None for all of the table's period.
        min_coverage: the least share of windows that must have been watched.
    """

    def __init__(
        self,
        table: UsageTable,
        unused_for: dt.timedelta | None = None,
        min_coverage: float = 1.0,
    ) -> None:
        metadata = table.metadata
        start = metadata.period_from
        if unused_for is not None:
            start = metadata.period_to - int(unused_for.total_seconds())
        self.table = table
        self.period = JudgedPeriod(
            start=start, end=metadata.period_to, min_coverage=min_coverage
        )
        self._watch = Watch(
            metadata, read_watched(table), read_logged(table), self.period
        )
        self._one_at_a_time = threading.Lock()

    def vpc(self, facts: VpcFacts, asked: Collection[str]) -> VpcUsage:
        """
        Judge groups of a VPC, by their IDs.
        """
        # One after the other, so that the memory of the engine is bounded.
        with self._one_at_a_time:
            uses = attribute(self.table, facts, asked, self.period.start)
        return VpcUsage(
            groups={
                group_id: self._group(facts.groups[group_id].group, facts, uses)
                for group_id in sorted(asked)
                if group_id in facts.groups
            },
            problems=facts.problems,
        )

    def _group(
        self, group: LiveGroup, facts: VpcFacts, uses: Mapping[RuleKey, Use]
    ) -> GroupUsage:
        coverage = self._watch.coverage(group.group_id, facts)
        rules = tuple(
            judged(
                live,
                uses.get(RuleKey(group.group_id, place), Use()),
                facts,
                coverage,
                self.period,
            )
            for place, live in enumerate(group.rules)
        )
        return GroupUsage(group=group, coverage=coverage, rules=rules)


def not_judged(group: LiveGroup, why: str) -> GroupUsage:
    """
    A group of which nothing can be said, and why.
    """
    return GroupUsage(
        group=group,
        coverage=Coverage(
            interfaces=0, watched_share=0.0, skipped_windows=0, problems=(why,)
        ),
        rules=tuple(
            Judged(live=live, verdict="not judged", reasons=(why,))
            for live in group.rules
        ),
    )


CLASSIC = "the group is in the classic network, which has no flow logs"
LATE = "the group was not among those of its VPC, or could not be read with them"


class VpcReader:
    """
    Reads and judges each VPC once, and serves all its groups; threads may share it.

    Args:
        judge: by what they are judged.
        client: of the region.
        region: its name.
        asked: IDs of groups; none for all groups.
    """

    def __init__(
        self,
        judge: UsageJudge,
        client: EcsClient,
        region: str,
        asked: Iterable[str] = (),
    ) -> None:
        self._judge = judge
        self._client = client
        self._region = region
        self._asked = frozenset(asked)
        self._lock = threading.Lock()
        self._found: dict[str, Future[VpcUsage]] = {}

    def usage_of(self, group: LiveGroup) -> tuple[GroupUsage, tuple[str, ...]]:
        """
        The rules of a group, judged; and which calls about its VPC failed.

        Raises:
            EcsError: the VPC cannot be read.
        """
        if not group.vpc_id:
            return not_judged(group, CLASSIC), ()
        with self._lock:
            is_first = group.vpc_id not in self._found
            found = self._found.setdefault(group.vpc_id, Future())
        if is_first:
            try:
                found.set_result(self._read(group))
            except BaseException as error:
                found.set_exception(error)
                if not isinstance(error, Exception):
                    raise
        usage = shared(found)
        known = usage.groups.get(group.group_id)
        if known is None:
            return not_judged(group, LATE), usage.problems
        return known, usage.problems

    def _read(self, group: LiveGroup) -> VpcUsage:
        facts = read_facts(
            self._client, group.vpc_id, self._region, self._asked, [group]
        )
        asked = self._asked or frozenset(facts.groups)
        return self._judge.vpc(facts, asked & facts.groups.keys())


class GroupReader:
    """
    Reads groups of several regions; each VPC is read and judged once.

    Args:
        connections: clients by region.
        regions: names; none for the one that is configured.
        judge: by what they are judged.
        asked: IDs of all groups that will be read.

    Attributes:
        doubts: what could not be read, in sentences, told while it goes on.
    """

    def __init__(
        self,
        connections: Connections,
        regions: Sequence[str],
        judge: UsageJudge,
        asked: Sequence[str],
    ) -> None:
        self._connections = connections
        self._regions = regions
        self._judge = judge
        self._asked = asked
        self._vpcs: dict[str, VpcReader] = {}
        self.doubts: list[str] = []

    def read(self, group_id: str) -> GroupUsage | None:
        """
        Judge a group; None where it cannot be read.
        """
        try:
            client = located(self._connections, self._regions, group_id)
            group = client.describe(group_id)
            reader = self._vpcs.setdefault(
                group.region,
                VpcReader(self._judge, client, group.region, self._asked),
            )
            usage, problems = reader.usage_of(group)
        except (EcsError, NoSuchGroupError) as error:
            self.doubts.append(str(error))
            return None
        self.doubts += problems
        return usage
