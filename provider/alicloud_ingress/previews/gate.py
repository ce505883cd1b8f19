"""
Finds what a change newly opens to the world, and which part of that is waived.

Works on the rules of one group before and after, each with its owners, and does not
know of previews. Openings are about packets (`exposure.internet`). For a waiver, the
rules that it names are left out on both sides: what is still found is not waived.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

from alicloud_ingress.exposure.comparison import Entry, Judged, entries_of
from alicloud_ingress.exposure.internet import (
    InternetOpening,
    internet_cases,
    internet_openings,
    internet_uncovered,
)
from alicloud_ingress.exposure.packets import (
    Box,
    Interval,
    Matched,
    OpaqueSet,
    contains,
    gaps,
    joined,
    matched,
)
from alicloud_ingress.exposure.reach import Traffic
from alicloud_ingress.rules.rule import IngressRule

Lists = Mapping[str, Sequence[str]]
"""
The contents of prefix lists and port lists, by ID; see `packets.matched`.
"""

_WITH_PORTS = (6, 17)


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnedRule:
    """
    A rule of a group, and the resources that declare it.

    Args:
        rule: as ECS stores it; in a VPC its NIC type has no meaning.
        owners: URNs; none for a rule that no resource declares.
        rule_id: `sgr-...`, or "".
    """

    rule: IngressRule
    owners: tuple[str, ...] = ()
    rule_id: str = ""

    @property
    def names(self) -> tuple[str, ...]:
        """
        What waivers must name to waive it: all of its owners, or its ID if it has none.
        """
        return self.owners or (self.rule_id,)


Side = tuple[OwnedRule, ...]


@dataclass(frozen=True, kw_only=True)
class GroupChange:
    """
    The rules of a group before and after.

    Args:
        before: the rules before.
        after: the rules after.
        least_before: the most restrictive case before: rules that accept only if they
            surely exist, and all that may drop; None if it is `before`.
        most_after: the most open case after: all rules that may accept, and rules that
            drop only if they surely exist; None if it is `after`. In both cases, what
            is not known of a rule is at its worst, too.
        is_whole: whether all rules of the group are known.
        lists_before: contents of the lists before.
        lists_after: contents of the lists after.
    """

    before: Side
    after: Side
    least_before: Side | None = None
    most_after: Side | None = None
    is_whole: bool
    lists_before: Lists = field(default_factory=dict[str, Sequence[str]])
    lists_after: Lists = field(default_factory=dict[str, Sequence[str]])

    @cached_property
    def entries(self) -> list[Entry]:
        """
        The rules of both sides, in the order of evaluation.
        """
        return self._entries(self.before, self.after, {})

    @cached_property
    def worst_entries(self) -> list[Entry] | None:
        """
        The same for the worst case; None if the worst case is the same.
        """
        return self._worst({})

    def without(self, waived: Waived) -> tuple[list[Entry], list[Entry] | None]:
        """
        Both of the above, without the waived part of rules that accept.
        """
        if not waived:
            return self.entries, self.worst_entries
        return self._entries(self.before, self.after, waived), self._worst(waived)

    def _worst(self, waived: Waived) -> list[Entry] | None:
        all_exist = self.least_before is None and self.most_after is None
        if all_exist and not any(_unknown(entry.matched) for entry in self.entries):
            return None
        old = at_worst(self.least_before, self.before)
        new = at_worst(self.most_after, self.after)
        before = [*_judged(old, self.lists_before, waived)]
        after = [*_judged(new, self.lists_after, waived)]
        free = _free(before, after)
        if all_exist and not free:
            return None
        return entries_of(_at_least(before, free), _at_most(after, free))

    def _entries(self, before: Side, after: Side, waived: Waived) -> list[Entry]:
        return entries_of(
            _judged(before, self.lists_before, waived),
            _judged(after, self.lists_after, waived),
        )


Waived = Mapping[str, tuple[Interval, ...] | None]
"""
Waived ports by the URN of a resource or the ID of a rule; None for all ports.
"""


def openings(
    change: GroupChange,
    ports: Iterable[int] | None = None,
    waived: Waived | None = None,
) -> tuple[InternetOpening, ...]:
    """
    What is newly open to the world, followed by what may be.

    Args:
        change: the rules of one group.
        ports: ports of tcp and udp; None for all traffic of all protocols.
        waived: left out of the rules that accept, on both sides.

    Raises:
        TooComplexError: the rules are too many or too entangled to be judged.
    """
    asked = None if ports is None else tuple(ports)
    entries, worst = change.without(waived or {})
    cases = internet_cases(entries, asked)
    found = internet_openings(cases)
    uncovering = cases if _some_drop_goes(entries) else ()
    if worst is not None:
        cases = internet_cases(worst, asked)
        found += _perhaps(lacking(internet_openings(cases), found))
        uncovering += cases if _some_drop_goes(worst) else ()
    if not change.is_whole:
        found += lacking(internet_uncovered(uncovering), found)
    return found


def lacking(
    found: Iterable[InternetOpening], known: Iterable[InternetOpening]
) -> tuple[InternetOpening, ...]:
    """
    The part of some openings that is not in others.
    """
    there: dict[str, list[Traffic]] = {}
    for opening in known:
        there.setdefault(opening.world, []).extend(opening.traffic)
    rest = (
        replace(opening, traffic=_without(opening.traffic, there[opening.world]))
        if opening.world in there
        else opening
        for opening in found
    )
    return tuple(opening for opening in rest if opening.traffic)


def _perhaps(found: Iterable[InternetOpening]) -> tuple[InternetOpening, ...]:
    return tuple(replace(opening, certain=False) for opening in found)


def _some_drop_goes(entries: Iterable[Entry]) -> bool:
    return any(
        entry.before and not entry.after and entry.rule.policy != "accept"
        for entry in entries
    )


def _judged(side: Side, lists: Lists, waived: Waived) -> Iterator[Judged]:
    for owned in side:
        packets = matched(owned.rule, lists)
        if not owned.rule.drops and all(n in waived for n in owned.names):
            if owned.rule.policy != "accept":
                # A waiver does not cover what it drops, if it does.
                yield replace(owned.rule, policy="drop"), packets
            packets = _waived(packets, [waived[name] for name in owned.names])
        yield owned.rule, packets


def at_worst(worst: Side | None, side: Side) -> Side:
    """
    The worst case of a side. One without any rule is a worst case, too.

    Args:
        worst: of the side; None if it is the side itself.
        side: as the preview shows it.
    """
    return side if worst is None else worst


def _unknown(packets: Matched) -> frozenset[OpaqueSet]:
    """
    The unknown sets that may be the Internet: the members of a group are not.
    """
    return frozenset(each for each in packets.unknown if each.kind != "group")


def _free(before: Iterable[Judged], after: Iterable[Judged]) -> frozenset[OpaqueSet]:
    """
    The unknown sets of one side alone, which may be anything there.
    """
    old, new = (
        frozenset(each for _, packets in side for each in _unknown(packets))
        for side in (before, after)
    )
    return old ^ new | _places(before, after)


def _places(before: Iterable[Judged], after: Iterable[Judged]) -> frozenset[OpaqueSet]:
    """
    The unknown policies and priorities that decide about traffic of a changed rule.

    Another unknown set of both sides holds the same packets before and after.
    """
    old, new = {*before}, {*after}
    changed = [box for _, packets in old ^ new for box in packets.boxes]
    return frozenset(
        unknown
        for _, packets in old & new
        for unknown in packets.unknown
        if unknown.kind == "policy"
        and any(box.has_traffic_of(b) for box in packets.boxes for b in changed)
    )


def _at_least(side: Iterable[Judged], free: frozenset[OpaqueSet]) -> Iterator[Judged]:
    """
    The most restrictive case: a rule with one of these sets drops all that it may
    match, or accepts nothing.
    """
    for rule, packets in side:
        if packets.unknown.isdisjoint(free):
            yield rule, packets
        elif rule.policy != "accept":
            narrowed = packets._replace(unknown=packets.unknown - free)
            yield replace(rule, policy="drop"), narrowed


def _at_most(side: Iterable[Judged], free: frozenset[OpaqueSet]) -> Iterator[Judged]:
    """
    The most open case: a rule with one of these sets accepts all that it may match, or
    drops nothing.
    """
    for rule, packets in side:
        if packets.unknown.isdisjoint(free):
            yield rule, packets
        elif not rule.drops:
            yield rule, packets._replace(unknown=packets.unknown - free)


def _waived(packets: Matched, waived: Sequence[tuple[Interval, ...] | None]) -> Matched:
    """
    The part of a rule that is not waived, if each of its owners is for some ports.
    """
    rest = [
        part
        for ports in waived
        if ports is not None
        for box in packets.boxes
        for part in _cut(box, ports)
    ]
    return packets._replace(boxes=tuple(dict.fromkeys(rest)))


def _cut(box: Box, ports: Sequence[Interval]) -> Iterator[Box]:
    """
    The box without some ports of tcp and udp.
    """
    for protocols in gaps(box.protocols, [(n, n) for n in _WITH_PORTS]):
        yield box._replace(protocols=protocols)
    for number in _WITH_PORTS:
        protocol = (number, number)
        if contains(box.protocols, protocol):
            for range_ in gaps(box.ports, joined(ports)):
                yield box._replace(protocols=protocol, ports=range_)


def _without(
    traffic: Iterable[Traffic], known: Sequence[Traffic]
) -> tuple[Traffic, ...]:
    """
    The traffic without other traffic. If protocols overlap in part, nothing is cut.
    """
    rest: list[Traffic] = []
    for each in traffic:
        holes = joined(
            ports
            for other in known
            if contains(other.protocols, each.protocols)
            for ports in other.ports
        )
        left = [part for ports in each.ports for part in gaps(ports, holes)]
        if ports := tuple(part for part in left if part != (0, 0)):
            rest.append(replace(each, ports=ports))
    return tuple(rest)
