"""
The gate: what a change newly opens to the world, and what of that is waived.

Nothing here knows of previews. *Before* and *after* are the rules of one group, each
with its owners; a finding is a statement about packets (`policy.world`); a waiver is a
counterfactual: what it names is left out of both sides, and what is found all the same
is not waived.
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
from alicloud_ingress.exposure.packets import Box, Interval, Matched, matched
from alicloud_ingress.exposure.reach import Traffic
from alicloud_ingress.rules.rule import IngressRule

Lists = Mapping[str, Sequence[str]]
"""
What prefix lists and port lists hold, by ID; see `packets.matched`.
"""

_WITH_PORTS = (6, 17)


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """
    A rule of a group, and the resources that state it.

    Args:
        rule: as ECS keeps it; in a VPC its NIC type counts for nothing.
        owners: URNs; none for a rule that no resource states.
        rule_id: `sgr-...`, or "".
    """

    rule: IngressRule
    owners: tuple[str, ...] = ()
    rule_id: str = ""

    @property
    def names(self) -> tuple[str, ...]:
        """
        What a waiver has to name, all of them: its owners, or else its ID.
        """
        return self.owners or (self.rule_id,)


Side = tuple[Standing, ...]


@dataclass(frozen=True, kw_only=True)
class Change:
    """
    A group before and after.

    Args:
        before: what stands in it.
        after: what will.
        least_before: what surely stands in it, and drops that may; None for `before`.
        most_after: what may stand in it then, without drops that may go; None for
            `after`.
        is_whole: whether no other rule can stand in the group.
        lists_before: as they are.
        lists_after: as they will be.
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
        Both sides, in the order of evaluation.
        """
        return self._entries(self.before, self.after, {})

    @cached_property
    def worst_entries(self) -> list[Entry] | None:
        """
        Both sides as bad as they may be; None where that is the same question.
        """
        return self._worst({})

    def without(self, waived: Waived) -> tuple[list[Entry], list[Entry] | None]:
        """
        The same two, with what is waived left out where it accepts.
        """
        if not waived:
            return self.entries, self.worst_entries
        return self._entries(self.before, self.after, waived), self._worst(waived)

    def _worst(self, waived: Waived) -> list[Entry] | None:
        if self.least_before is None and self.most_after is None:
            return None
        before = self.before if self.least_before is None else self.least_before
        after = self.after if self.most_after is None else self.most_after
        return self._entries(before, after, waived)

    def _entries(self, before: Side, after: Side, waived: Waived) -> list[Entry]:
        return entries_of(
            _judged(before, self.lists_before, waived),
            _judged(after, self.lists_after, waived),
        )


Waived = Mapping[str, tuple[Interval, ...] | None]
"""
Ports that are waived, by the URN of a resource or the ID of a rule; None for all.
"""


def openings(
    change: Change, ports: Iterable[int] | None = None, waived: Waived | None = None
) -> tuple[InternetOpening, ...]:
    """
    What is newly open to the world, or may be; the former first.

    Args:
        change: of one group.
        ports: of tcp and udp; None for everything, other protocols too.
        waived: left out of both sides, where it accepts.

    Raises:
        TooComplexError: the rules cannot be judged in bounded time.
    """
    asked = None if ports is None else tuple(ports)
    entries, worst = change.without(waived or {})
    cases = internet_cases(entries, asked)
    found = internet_openings(cases)
    if worst is not None:
        perhaps = internet_openings(internet_cases(worst, asked))
        found += _perhaps(lacking(perhaps, found))
    if not change.is_whole and _some_drop_goes(entries):
        found += lacking(internet_uncovered(cases), found)
    return found


def lacking(
    found: Iterable[InternetOpening], known: Iterable[InternetOpening]
) -> tuple[InternetOpening, ...]:
    """
    What of some openings is not in others.
    """
    there: dict[str, list[Traffic]] = {}
    for opening in known:
        there.setdefault(opening.world, []).extend(opening.traffic)
    left = (
        replace(opening, traffic=_without(opening.traffic, there[opening.world]))
        if opening.world in there
        else opening
        for opening in found
    )
    return tuple(opening for opening in left if opening.traffic)


def _perhaps(found: Iterable[InternetOpening]) -> tuple[InternetOpening, ...]:
    return tuple(replace(opening, certain=False) for opening in found)


def _some_drop_goes(entries: Iterable[Entry]) -> bool:
    return any(
        entry.before and not entry.after and entry.rule.policy != "accept"
        for entry in entries
    )


def _judged(side: Side, lists: Lists, waived: Waived) -> Iterator[Judged]:
    for standing in side:
        packets = matched(standing.rule, lists)
        if standing.rule.policy != "drop" and all(n in waived for n in standing.names):
            packets = _waived(packets, [waived[name] for name in standing.names])
        yield standing.rule, packets


def _waived(packets: Matched, waived: Sequence[tuple[Interval, ...] | None]) -> Matched:
    """
    What is left of a rule where each of its owners is waived for some ports.
    """
    left = [
        part
        for ports in waived
        if ports is not None
        for box in packets.boxes
        for part in _cut(box, ports)
    ]
    return packets._replace(boxes=tuple(dict.fromkeys(left)))


def _cut(box: Box, ports: Sequence[Interval]) -> Iterator[Box]:
    """
    A box without some ports of tcp and udp.
    """
    others = _minus([box.protocols], [(n, n) for n in _WITH_PORTS])
    for protocols in others:
        yield box._replace(protocols=protocols)
    for number in _WITH_PORTS:
        if box.protocols[0] <= number <= box.protocols[1]:
            for range_ in _minus([box.ports], ports):
                yield box._replace(protocols=(number, number), ports=range_)


def _minus(parts: Iterable[Interval], holes: Iterable[Interval]) -> list[Interval]:
    left = [*parts]
    for first, last in holes:
        left = [
            (a, b)
            for part in left
            for a, b in (
                (part[0], min(part[1], first - 1)),
                (max(part[0], last + 1), part[1]),
            )
            if a <= b
        ]
    return left


def _without(
    traffic: Iterable[Traffic], known: Sequence[Traffic]
) -> tuple[Traffic, ...]:
    """
    Traffic that is in no other; where protocols overlap in part, it stays whole.
    """
    left: list[Traffic] = []
    for each in traffic:
        holes = [
            ports
            for other in known
            if other.protocols[0] <= each.protocols[0]
            and each.protocols[1] <= other.protocols[1]
            for ports in other.ports
        ]
        if ports := tuple(p for p in _minus(each.ports, holes) if p != (0, 0)):
            left.append(replace(each, ports=ports))
    return tuple(left)
