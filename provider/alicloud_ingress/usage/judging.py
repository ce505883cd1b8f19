"""
Judges the rules of groups by a usage table, one VPC at a time.
"""

from __future__ import annotations

import datetime as dt
import threading
from collections.abc import Collection, Iterable, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass

from alicloud_ingress.ecs.client import EcsClient
from alicloud_ingress.ecs.connections import Connections, NoSuchGroupError, located
from alicloud_ingress.ecs.sharing import shared
from alicloud_ingress.errors import EcsError
from alicloud_ingress.rules.live import LiveGroup
from alicloud_ingress.usage.attribution import attribute
from alicloud_ingress.usage.coverage import Coverage, JudgedPeriod, Watch, read_watched
from alicloud_ingress.usage.encoding import RuleKey
from alicloud_ingress.usage.facts import VpcFacts, read_facts
from alicloud_ingress.usage.table import UsageTable
from alicloud_ingress.usage.traffic import Use
from alicloud_ingress.usage.verdicts import Judged, judged


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
        self._watch = Watch(metadata, read_watched(table), self.period)
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
