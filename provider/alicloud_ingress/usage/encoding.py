"""
The rules of a VPC as tables of small numbers, for a join inside the engine.

What a rule matches comes from `exposure.packets`, the same exact model that `exposure`
uses: boxes of intervals. Here each bound of an interval becomes the number of a
segment, each set of groups that some interface is in a *profile*, and what cannot be
decided from the columns of a usage table a doubt.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from alicloud_ingress.ecs.responses import NetworkInterface
from alicloud_ingress.exposure.comparison import rank
from alicloud_ingress.exposure.packets import (
    IPV4,
    IPV6,
    PORTS,
    Box,
    Interval,
    addresses,
    matched,
)
from alicloud_ingress.rules.live import LiveRule
from alicloud_ingress.rules.spelling import WITH_PORTS
from alicloud_ingress.times import span_of
from alicloud_ingress.usage.facts import VpcFacts

CLOCK_TOLERANCE_S = 2
"""
How far the clock of ECS and the clock of the flow logs may lie apart.
"""
_MINUTE_S = 60
_ALL_WITH_A_NUMBER: Interval = (1, PORTS[1])
"""
All ports that a rule of TCP or UDP can name. Whether they hold port 0, which a packet
can have, is not documented.
"""
UNKNOWN_GROUP = -1
"""
The number of a source group that is not among the groups of the VPC.
"""

Row = tuple[int | bool | str | None, ...]
Span = tuple[int, int, int, int | None]
"""
First and last address, the profile of who holds them, and from when on.
"""


@dataclass(frozen=True, slots=True)
class RuleKey:
    """
    A rule of a group: by its place, since an answer may hold no rule ID.
    """

    group_id: str
    place: int


@dataclass(frozen=True, slots=True)
class _EncodedBox:
    box: Box
    sure: bool
    source_group: int | None


class Encoding:
    """
    One VPC in numbers.

    Args:
        facts: of the VPC.

    Attributes:
        rules: each rule of the groups that were read; its number is its place.
        profiles: each set of groups that an interface is in; its number is its place.
        sources, dests: the segments of addresses.
        ports: the segments of ports.
    """

    def __init__(self, facts: VpcFacts) -> None:
        self.facts = facts
        self.rules: tuple[tuple[RuleKey, LiveRule], ...] = tuple(
            (RuleKey(group_id, place), live)
            for group_id in sorted(facts.groups)
            for place, live in enumerate(facts.groups[group_id].group.rules)
        )
        self._groups = {each: n for n, each in enumerate(sorted(facts.listed))}
        self.profiles: tuple[tuple[str, ...], ...] = tuple(
            sorted({tuple(sorted(i.group_ids)) for i in facts.interfaces})
        )
        self._numbers = {profile: n for n, profile in enumerate(self.profiles)}
        self._boxes = [tuple(self._encoded(live)) for _, live in self.rules]
        flat = [each.box for boxes in self._boxes for each in boxes]
        self.sources = Segments((box.sources for box in flat), IPV4, IPV6)
        self.dests = Segments((box.dest for box in flat), IPV4, IPV6)
        self.ports = Segments((box.ports for box in flat), PORTS)

    def rule_rows(self, since: int) -> tuple[list[Row], tuple[int, ...]]:
        """
        Rows of `rule, rank, accepts, sure_from, possible_from`, and the moments.

        The last two are numbers of moments: a rule surely exists for a flow whose
        first packet was seen at or after the first moment, and may exist for one
        whose last was seen at or after the second. 0 is before all flows, and the
        number behind all moments is never.

        Args:
            since: seconds at which the first flow was seen.
        """
        spans = [existence(live.create_time) for _, live in self.rules]
        moments = sorted({at for span in spans for at in span if at and at > since})
        number = {at: n for n, at in enumerate(moments, 1)}
        rows: list[Row] = []
        for place, (_, live) in enumerate(self.rules):
            sure, possible = spans[place]
            never = len(moments) + 1
            rows.append(
                (
                    place,
                    2 * rank(live.rule)[0] + rank(live.rule)[1],
                    rank(live.rule)[1],
                    never if sure is None else number.get(sure, 0),
                    number.get(possible, 0) if possible else 0,
                )
            )
        return rows, tuple(moments)

    def box_rows(self) -> Iterator[Row]:
        """
        Rows of `rule, sure, source_group`, and the first and the last number of
        `protocols, ports, sources, dests`.
        """
        for place, boxes in enumerate(self._boxes):
            for each in boxes:
                yield self._row(place, each.sure, each.source_group, each.box)

    def earlier_box_rows(self) -> Iterator[Row]:
        """
        The same of each rule from a list or a group, whatever that holds: its members
        were perhaps others in the period.
        """
        for place, (_, live) in enumerate(self.rules):
            rule = live.rule
            if (
                rule.source_group_id
                or rule.source_prefix_list_id
                or rule.port_range_list_id
            ):
                for box in matched(rule).boxes:
                    yield self._row(place, False, None, box)

    def _row(self, place: int, sure: bool, source_group: int | None, box: Box) -> Row:  # noqa: FBT001
        return (
            place,
            sure,
            source_group,
            *box.protocols,
            *self.ports.range(box.ports),
            *self.sources.range(box.sources),
            *self.dests.range(box.dest),
        )

    def profile_rows(self) -> Iterator[Row]:
        """
        Rows of `profile, rule`: the rules of the effective policy.
        """
        of_group: dict[str, list[int]] = {}
        for place, (key, _) in enumerate(self.rules):
            of_group.setdefault(key.group_id, []).append(place)
        for number, profile in enumerate(self.profiles):
            for group_id in profile:
                for place in of_group.get(group_id, ()):
                    yield number, place

    def whole_rows(self) -> Iterator[Row]:
        """
        Rows of `profile, whole`: whether all rules of the profile could be read.
        """
        for number, profile in enumerate(self.profiles):
            yield number, all(each in self.facts.groups for each in profile)

    def member_rows(self) -> Iterator[Row]:
        """
        Rows of `profile, group`: the groups that the holder of an address is in.
        """
        for number, profile in enumerate(self.profiles):
            for group_id in profile:
                if group_id in self._groups:
                    yield number, self._groups[group_id]

    def inner_rows(self) -> Iterator[Row]:
        """
        Rows of `profile, holder, open`: pairs whose traffic may pass before any rule
        is read, since they share a basic group; whether it surely does.
        """
        by_group: dict[str, list[int]] = {}
        for number, profile in enumerate(self.profiles):
            for group_id in profile:
                by_group.setdefault(group_id, []).append(number)
        pairs: dict[tuple[int, int], bool] = {}
        for group_id, numbers in by_group.items():
            known = self.facts.groups.get(group_id)
            access = known.inner_access if known else "unknown"
            if access == "closed":
                continue
            for one in numbers:
                for other in numbers:
                    is_open = pairs.get((one, other), False) or access == "open"
                    pairs[one, other] = is_open
        for (one, other), is_open in pairs.items():
            yield one, other, is_open

    def interface_rows(self) -> Iterator[Row]:
        """
        Rows of `interface_id, profile`.
        """
        for each in self.facts.interfaces:
            yield each.interface_id, self._profile_of(each)

    def holder_rows(self) -> Iterator[Span]:
        """
        Rows of `first, last, profile, made`: who holds which addresses, apart.

        An address that two interfaces claim is left out: who had it is not known.
        `made` is the second from which on the holder surely existed; None is never.
        """
        spans: list[Span] = [
            (
                *addresses(text),
                self._profile_of(i),
                _made(i.created),
            )
            for i in self.facts.interfaces
            for text in i.addresses
        ]
        spans.sort(key=lambda span: span[:2])
        for group in _overlapping(spans):
            if len(group) == 1:
                yield group[0]

    def _profile_of(self, interface: NetworkInterface) -> int:
        return self._numbers[tuple(sorted(interface.group_ids))]

    def _encoded(self, live: LiveRule) -> Iterator[_EncodedBox]:
        rule = live.rule
        boxes, unknown = matched(rule, self.facts.lists)
        source_group = None
        if rule.source_group_id and any(each.kind == "group" for each in unknown):
            source_group = self._groups.get(rule.source_group_id, UNKNOWN_GROUP)
        sure = all(each.kind == "group" for each in unknown)
        for box in boxes:
            # The table holds no source port.
            whole = box.source_ports == PORTS
            if rule.ip_protocol not in WITH_PORTS and box.ports != PORTS:
                # Whether such a rule matches a packet without ports is not documented.
                yield _EncodedBox(box._replace(ports=PORTS), False, source_group)
            else:
                yield _EncodedBox(box, sure and whole, source_group)
            if box.ports == _ALL_WITH_A_NUMBER:
                yield _EncodedBox(box._replace(ports=(0, 0)), False, source_group)


def existence(create_time: str) -> tuple[int | None, int | None]:
    """
    From when on a rule surely exists, and from when on it may, in Unix seconds.

    Args:
        create_time: as ECS reports it.

    Returns:
        None twice where it is not known.
    """
    span = span_of(create_time)
    if span is None:
        return None, None
    first, last = (int(each.timestamp()) for each in span)
    return last + CLOCK_TOLERANCE_S, first - CLOCK_TOLERANCE_S


def _made(created: datetime | None) -> int | None:
    if created is None:
        return None
    return int(created.timestamp()) + _MINUTE_S + CLOCK_TOLERANCE_S


def _overlapping(spans: Sequence[Span]) -> Iterator[list[Span]]:
    """
    Sorted spans, put together where they overlap.
    """
    group: list[Span] = []
    last = -1
    for span in spans:
        if group and span[0] > last:
            yield group
            group = []
        group.append(span)
        last = max(last, span[1])
    if group:
        yield group


class Segments:
    """
    A line of numbers, cut into segments at the bounds of some intervals.

    Addresses are long numbers; the rules of a VPC cut their line in few places. Two
    addresses between the same cuts are the same to every rule.

    Args:
        intervals: on the line of `exposure.packets`, where IPv6 begins behind IPv4.
        whole: the intervals that the line consists of.

    Attributes:
        starts: the first number of each segment, in order; the segment's own number
            is its place.
    """

    def __init__(self, intervals: Iterable[Interval], *whole: Interval) -> None:
        cuts = {first for first, _ in whole}
        last = max(end for _, end in whole)
        for first, end in intervals:
            cuts.add(first)
            if end < last:
                cuts.add(end + 1)
        self.starts = tuple(sorted(cuts))

    def range(self, interval: Interval) -> Interval:
        """
        The numbers of the first and the last segment of one of the intervals.
        """
        first, end = interval
        return bisect_left(self.starts, first), bisect_left(self.starts, end + 1) - 1


def family_of(number: int) -> int:
    """
    4 or 6, of a number on the line of addresses.
    """
    return 6 if number >= IPV6[0] else 4


def within_family(number: int) -> int:
    """
    The address as a number of its own family.
    """
    return number - IPV6[0] if number >= IPV6[0] else number
