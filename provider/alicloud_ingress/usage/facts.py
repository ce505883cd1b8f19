"""
What is known of a VPC: its groups, their rules, its interfaces, what lists hold, and
whether the logs cover it, so that a missing flow proves something.

All but the logs is as it is now. ECS keeps no history of it, so what was different
earlier is handled as a doubt where the usage is attributed. A rule is called unused
only where every window of every interface of its group was watched. What is not known
to be covered is not covered.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Literal

from alicloud_ingress.ecs.client import EcsClient
from alicloud_ingress.ecs.list_entries import read_lists
from alicloud_ingress.ecs.responses import NetworkInterface
from alicloud_ingress.errors import EcsError, some_of
from alicloud_ingress.rules.live import LiveGroup
from alicloud_ingress.usage.engine import connect, escaped
from alicloud_ingress.usage.table import DAY_S, Metadata, UsageTable, time_text

InnerAccess = Literal["open", "closed", "unknown"]
"""
Whether members of a group reach one another before any rule is read.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupFacts:
    """
    One group.

    Args:
        group_type: `normal` (basic) or `enterprise` (advanced); "" where it is not
            known.
    """

    group: LiveGroup
    group_type: str = ""

    @property
    def inner_access(self) -> InnerAccess:
        """
        Only a basic group lets its members in by itself, unless it says `Drop`.
        """
        if self.group_type == "enterprise" or self.group.inner_access.lower() == "drop":
            return "closed"
        known = self.group_type == "normal" and self.group.inner_access
        return "open" if known else "unknown"


@dataclass(frozen=True, kw_only=True)
class VpcFacts:
    """
    One VPC.

    Args:
        listed: IDs of all its groups.
        groups: by ID, those that have interfaces and those that are asked about.
        unread: IDs of groups of interfaces whose rules could not be read.
        interfaces: all of the VPC.
        lists: entries of prefix lists and port range lists, by ID; a list that is
            empty, gone or could not be read is missing.
        problems: calls that failed, in sentences.
    """

    vpc_id: str
    region: str
    listed: frozenset[str] = frozenset()
    groups: Mapping[str, GroupFacts] = field(default_factory=dict[str, GroupFacts])
    unread: frozenset[str] = frozenset()
    interfaces: tuple[NetworkInterface, ...] = ()
    lists: Mapping[str, tuple[str, ...]] = field(
        default_factory=dict[str, tuple[str, ...]]
    )
    problems: tuple[str, ...] = ()

    def members(self, group_id: str) -> tuple[NetworkInterface, ...]:
        """
        The interfaces of a group.
        """
        return tuple(i for i in self.interfaces if group_id in i.group_ids)


def read_facts(
    client: EcsClient,
    vpc_id: str,
    region: str,
    asked: Collection[str] = (),
    known: Iterable[LiveGroup] = (),
) -> VpcFacts:
    """
    Read a VPC.

    Args:
        client: of the region.
        vpc_id: of the VPC.
        region: its name.
        asked: IDs of groups that are read though they have no interfaces; none for
            all groups of the VPC.
        known: groups that have been read already.

    Raises:
        EcsError: its interfaces or its groups cannot be listed.
    """
    interfaces = client.network_interfaces(vpc_id)
    listed = {each.group_id: each for each in client.describe_groups(vpc_id=vpc_id)}
    groups = {group.group_id: group for group in known}
    unread: set[str] = set()
    problems: list[str] = []
    needed = {each for i in interfaces for each in i.group_ids}
    needed.update(listed.keys() & asked if asked else listed)
    for group_id in sorted(needed - groups.keys()):
        try:
            groups[group_id] = client.describe(group_id)
        except EcsError as error:
            unread.add(group_id)
            problems.append(f"the rules of {group_id} could not be read: {error}")
    rules = [live.rule for group in groups.values() for live in group.rules]
    # A list that is empty or gone now may have held something in the period.
    found, unreadable = read_lists(client, rules)
    lists = {list_id: entries for list_id, entries in found.items() if entries}
    types = {group_id: each.group_type for group_id, each in listed.items()}
    return VpcFacts(
        vpc_id=vpc_id,
        region=region,
        listed=frozenset({*listed, *groups}),
        groups={
            group_id: GroupFacts(group=group, group_type=types.get(group_id, ""))
            for group_id, group in groups.items()
        },
        unread=frozenset(unread),
        interfaces=interfaces,
        lists=lists,
        problems=(*problems, *unreadable),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class WatchedInterface:
    """
    What was watched of one interface; see `table.WATCHED_COLUMNS`.
    """

    interface_id: str
    vpc_id: str
    windows_skipped: int
    first_window: int | None
    last_window: int | None
    window_s: int
    unreadable: int

    def windows_within(self, start: int, end: int) -> int:
        """
        How many windows between two seconds are surely watched.

        When a window was skipped is not known, so it counts as one of these.
        """
        if self.first_window is None or self.last_window is None:
            return 0
        first = max(self.first_window, _up(start, self.window_s))
        last = min(self.last_window + self.window_s, _down(end, self.window_s))
        return max(0, (last - first) // self.window_s - self.windows_skipped)


_WATCHED_FIELDS = tuple(each.name for each in fields(WatchedInterface))


@dataclass(frozen=True, slots=True, kw_only=True)
class JudgedPeriod:
    """
    The period over which rules are judged, in Unix seconds.

    Args:
        start: its first second.
        end: the second behind it.
        min_coverage: the least share of windows, 0 to 1.
    """

    start: int
    end: int
    min_coverage: float = 1.0

    @property
    def as_text(self) -> str:
        """
        Such as `2026-10-01T00:00:00Z to 2026-11-12T00:00:00Z (42 days)`.
        """
        days = (self.end - self.start) / DAY_S
        return f"{time_text(self.start)} to {time_text(self.end)} ({days:g} days)"


@dataclass(frozen=True, slots=True, kw_only=True)
class Coverage:
    """
    What was watched of a group.

    Args:
        interfaces: how many the group has.
        watched_share: of the windows of the interface that was watched least; of a
            group without interfaces, of the VPC.
        skipped_windows: of the interfaces of the group.
        problems: why no rule of the group can be called unused, in sentences.
        ipv6_problem: why no rule that lets IPv6 in can be; "" where one can.
    """

    interfaces: int
    watched_share: float
    skipped_windows: int
    problems: tuple[str, ...] = ()
    ipv6_problem: str = ""

    @property
    def as_text(self) -> str:
        """
        Such as `2 interfaces, watched for at least 99.5 % of the period`.
        """
        noun = "interface" if self.interfaces == 1 else "interfaces"
        return (
            f"{self.interfaces} {noun}, watched for at least"
            f" {_percent(self.watched_share)} of the period"
        )


def read_watched(table: UsageTable) -> tuple[WatchedInterface, ...] | None:
    """
    Read what was watched, by interface ID; None where that is not known.
    """
    if table.watched is None:
        return None
    columns = ", ".join(_WATCHED_FIELDS)
    with connect() as database:
        found = database.read_parquet(escaped(str(table.watched)))
        rows = found.project(columns).order("interface_id").fetchall()
    return tuple(
        WatchedInterface(**dict(zip(_WATCHED_FIELDS, row, strict=True))) for row in rows
    )


@dataclass(frozen=True, slots=True)
class Logged:
    """
    What the inbound flows of a VPC show of the settings of its flow log.

    Args:
        actions: those of `table.ACTIONS` that it has.
        has_ipv6: whether it has a flow from an IPv6 address.
    """

    actions: frozenset[str]
    has_ipv6: bool


def read_logged(table: UsageTable) -> Mapping[str, Logged]:
    """
    What the inbound flows of each VPC show, by its ID.
    """
    columns = "vpc_id, list(DISTINCT action), bool_or(contains(source, ':'))"
    with connect() as database:
        found = database.read_parquet(escaped(str(table.flows)))
        rows = found.aggregate(columns, "vpc_id").fetchall()
    return {
        vpc_id: Logged(frozenset(actions), has_ipv6)
        for vpc_id, actions, has_ipv6 in rows
    }


class Watch:
    """
    What a table says about coverage, asked group by group.

    Args:
        metadata: of the table.
        watched: of each interface; None where it is not known.
        logged: of each VPC; see `read_logged`.
        period: over which rules are judged.
    """

    def __init__(
        self,
        metadata: Metadata,
        watched: Sequence[WatchedInterface] | None,
        logged: Mapping[str, Logged],
        period: JudgedPeriod,
    ) -> None:
        self._metadata = metadata
        self._watched = watched
        self._logged = logged
        self._period = period
        self._of: dict[str, list[WatchedInterface]] = {}
        for each in watched or ():
            self._of.setdefault(each.interface_id, []).append(each)

    def coverage(self, group_id: str, facts: VpcFacts) -> Coverage:
        """
        What was watched of a group of a VPC.
        """
        members = facts.members(group_id)
        counted = members or facts.interfaces
        shares = {each.interface_id: self._share(each) for each in counted}
        return Coverage(
            interfaces=len(members),
            watched_share=min(shares.values(), default=0.0),
            skipped_windows=sum(
                each.windows_skipped
                for member in members
                for each in self._of.get(member.interface_id, ())
            ),
            problems=tuple(
                dict.fromkeys(
                    (
                        *self.problems(),
                        *self._vpc_problems(facts),
                        *self._member_problems(counted, shares),
                        *(self._empty_problems(facts) if not members else ()),
                    )
                )
            ),
            ipv6_problem=self._ipv6_problem(members, facts),
        )

    def problems(self) -> Iterator[str]:
        """
        Why nothing at all can be called unused by this table.
        """
        metadata, period = self._metadata, self._period
        if period.start < metadata.period_from or period.end > metadata.period_to:
            days = (metadata.period_to - metadata.period_from) / DAY_S
            yield (
                f"the table covers {days:g} days from"
                f" {time_text(metadata.period_from)}, which is not all of"
                f" {period.as_text}"
            )
        if self._watched is None:
            yield "what was watched is not known: the table's .watched file is missing"
        if not metadata.all_paths:
            yield (
                "whether the flow logs take all traffic, over all paths, is not stated;"
                " see `usage collect --all-paths`"
            )
        if metadata.files_unreadable:
            yield f"{metadata.files_unreadable} log files could not be read"
        if metadata.records_unreadable:
            # What such a record names is not believed: it may be any field of another.
            rows = [each for each in self._watched or () if each.unreadable]
            where = f" of {_named(rows)}" if rows else ""
            yield f"{metadata.records_unreadable} records{where} could not be read"

    def _vpc_problems(self, facts: VpcFacts) -> Iterator[str]:
        """
        Windows and flows that are missing, of any interface that may be of the VPC.
        """
        shown = {action for each in self._logged_of(facts) for action in each.actions}
        if shown == {"REJECT"}:
            yield (
                f"the log has rejected flows of {facts.vpc_id} and no accepted one, as"
                " a flow log with the traffic type Drop has; collect one with the type"
                " All"
            )
        ours = {each.interface_id for each in facts.interfaces}
        rows = [
            each
            for each in self._watched or ()
            if each.vpc_id in (facts.vpc_id, "") or each.interface_id in ours
        ]
        if skipped := [each for each in rows if each.windows_skipped]:
            yield (
                f"{sum(each.windows_skipped for each in skipped)} windows of"
                f" {_named(skipped)} in {facts.vpc_id} were skipped or are missing"
            )

    def _logged_of(self, facts: VpcFacts) -> Sequence[Logged]:
        names = (facts.vpc_id, "")
        return [self._logged[each] for each in names if each in self._logged]

    def _ipv6_problem(
        self, members: Sequence[NetworkInterface], facts: VpcFacts
    ) -> str:
        """
        A flow log takes IPv4 alone unless its IP version is DualStack, and does not say
        so. Where no interface has an IPv6 address, it hides nothing; which one the
        interfaces of an empty group had is not known.
        """
        addresses = (text for each in facts.interfaces for text in each.addresses)
        if members and not any(":" in text for text in addresses):
            return ""
        if any(each.has_ipv6 for each in self._logged_of(facts)):
            return ""
        return (
            f"the rule lets IPv6 in, and the log has no IPv6 flow of {facts.vpc_id}, as"
            " a flow log with the IP version IPv4 has none; collect one with the"
            " version DualStack"
        )

    def _member_problems(
        self, members: Sequence[NetworkInterface], shares: dict[str, float]
    ) -> Iterator[str]:
        late = [m.interface_id for m in members if self._start(m) >= self._period.end]
        if late:
            yield f"{some_of(late, 1)} was created after the logs end"
        low = [
            each
            for each, share in shares.items()
            if share < self._period.min_coverage and each not in late
        ]
        if low:
            low.sort(key=lambda each: shares[each])
            yield (
                f"{some_of(low, 1)} was watched for"
                f" {_percent(shares[low[0]])} of the period, and"
                f" {_percent(self._period.min_coverage)} are needed"
            )
        blind = [each for each, share in shares.items() if not share]
        if blind and not low and not late:
            yield f"{some_of(blind, 1)} was not watched"

    def _empty_problems(self, facts: VpcFacts) -> Iterator[str]:
        """
        A group without interfaces is judged by the log of its VPC.
        """
        whole = any(
            self._share_of(each, self._period.start) >= self._period.min_coverage
            and self._share_of(each, self._period.start) > 0
            for each in self._watched or ()
            if each.vpc_id == facts.vpc_id
        )
        if not whole:
            yield (
                f"the group has no interfaces, and no interface of {facts.vpc_id} shows"
                " that its VPC was watched over the whole period"
            )

    def _share(self, interface: NetworkInterface) -> float:
        start = self._start(interface)
        rows = self._of.get(interface.interface_id, ())
        return min((self._share_of(each, start) for each in rows), default=0.0)

    def _share_of(self, watched: WatchedInterface, start: int) -> float:
        size = watched.window_s
        if size <= 0:
            return 0.0
        end = _down(self._period.end, size)
        # What came within the last window has no whole one: that one has to do.
        begin = _down(start, size) if _up(start, size) >= end else _up(start, size)
        if begin >= end:
            return 0.0
        return watched.windows_within(begin, end) * size / (end - begin)

    def _start(self, interface: NetworkInterface) -> int:
        """
        From when on an interface has to be watched.
        """
        if interface.created is None:
            return self._period.start
        return max(self._period.start, int(interface.created.timestamp()))


def _up(second: int, size: int) -> int:
    return -(-second // size) * size


def _down(second: int, size: int) -> int:
    return second // size * size


def _percent(share: float) -> str:
    """
    Rounded down, so that what is not all is not called 100 %.
    """
    return f"{int(share * 10_000) / 100:g} %"


def _named(rows: Iterable[WatchedInterface]) -> str:
    return some_of((each.interface_id or "unknown interfaces" for each in rows), 1)
