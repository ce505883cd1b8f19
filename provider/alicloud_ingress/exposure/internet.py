"""
Finds the ports that are open to the whole Internet.

One rule or several together can open a port: two halves of the address space add up,
port ranges and the protocol ALL count, and a drop that ECS applies first is respected.
A port is open to the Internet ("the world" in this module) if at least half of all
addresses in use can reach it. A change opens it if, besides, it lets in some packet to
this port that was not accepted before.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Literal, NamedTuple

from alicloud_ingress.exposure.comparison import Entry, MembershipCase, membership_cases
from alicloud_ingress.exposure.diagram import Diagram, Piece, bits
from alicloud_ingress.exposure.packets import (
    IPV4,
    IPV6,
    PORTS,
    Box,
    Interval,
    addresses,
    contains,
    joined,
    overlap,
)
from alicloud_ingress.exposure.reach import Traffic, traffic_words
from alicloud_ingress.rules.rule import IngressRule

World = Literal["0.0.0.0/0", "::/0"]
WORLDS: dict[World, Interval] = {
    "0.0.0.0/0": addresses("0.0.0.0/0"),
    "::/0": addresses("::/0"),
}
"""
All addresses of each family, by the block that a rule names.
"""

InternetCase = tuple[MembershipCase, World]
"""
A case, and a key of `WORLDS`.
"""

_WITH_PORTS = (6, 17)
_ASSIGNED_IPV6 = (
    "2001:0::/23",
    "2001:200::/23",
    "2001:400::/23",
    "2001:600::/23",
    "2001:800::/22",
    "2001:c00::/23",
    "2001:e00::/23",
    "2001:1200::/23",
    "2001:1400::/22",
    "2001:1800::/23",
    "2001:1a00::/23",
    "2001:1c00::/22",
    "2001:2000::/19",
    "2001:4000::/23",
    "2001:4200::/23",
    "2001:4400::/23",
    "2001:4600::/23",
    "2001:4800::/23",
    "2001:4a00::/23",
    "2001:4c00::/23",
    "2001:5000::/20",
    "2001:8000::/19",
    "2001:a000::/20",
    "2001:b000::/20",
    "2002::/16",
    "2003::/18",
    "2400::/12",
    "2410::/12",
    "2600::/12",
    "2610::/23",
    "2620::/23",
    "2630::/12",
    "2800::/12",
    "2a00::/12",
    "2a10::/12",
    "2c00::/12",
)
"""
Source: the IANA registry "IPv6 Global Unicast Address Assignments".
"""

_USED: dict[World, tuple[Interval, ...]] = {
    "0.0.0.0/0": ((IPV4[0], addresses("224.0.0.0")[0] - 1),),
    "::/0": joined(map(addresses, _ASSIGNED_IPV6)),
}
"""
The addresses of each family that are in use, as unicast addresses.
"""
_IN_USE = {
    world: sum(last - first + 1 for first, last in used)
    for world, used in _USED.items()
}
"""
The number of these addresses.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class InternetOpening:
    """
    Ports that half of all addresses in use, or more, can reach.

    Args:
        world: `0.0.0.0/0` or `::/0`.
        certain: False if it depends on what a prefix list or another unknown set holds.
        rules: the widest rules that open them; empty if such a rule is not known.
    """

    world: World
    certain: bool
    rules: tuple[IngressRule, ...]
    traffic: tuple[Traffic, ...]

    @property
    def what(self) -> str:
        """
        The ports as text, such as `tcp 22, 3389`.
        """
        return traffic_words(self.traffic)

    @property
    def as_text(self) -> str:
        """
        `0.0.0.0/0 may reach tcp 22`.
        """
        may = "may reach" if self.certain else "might reach"
        return f"{self.world} {may} {self.what}"


def internet_openings(cases: Iterable[InternetCase]) -> tuple[InternetOpening, ...]:
    """
    What the whole Internet can reach after a change, if a part of it could not before.
    """
    certain: dict[World, list[_Ports]] = {world: [] for world in WORLDS}
    found: dict[tuple[bool, World, tuple[IngressRule, ...]], list[_Ports]] = {}
    for case, world in cases:
        if not _may_be_open(case, world):
            continue
        known = certain[world]
        opened = [
            ports
            for ports in _opened(world, case.opened, case.accepted)
            if not (case.members and any(map(ports.is_within, known)))
        ]
        if not case.members:
            known += opened
        widest = _widest(case, world) if opened else []
        for ports in opened:
            for part, rules in _openers(case, ports, world, widest):
                found.setdefault((not case.members, world, rules), []).append(part)
    return tuple(
        InternetOpening(certain=sure, world=world, rules=rules, traffic=_traffic(parts))
        for (sure, world, rules), parts in found.items()
    )


def internet_uncovered(cases: Iterable[InternetCase]) -> tuple[InternetOpening, ...]:
    """
    What the whole Internet might reach after a change, by rules that are not known.

    Such a rule may have any priority. It takes effect where a drop decided before the
    change, and after it no drop of the same or a smaller priority decides.
    """
    found: dict[World, list[_Ports]] = defaultdict(list)
    for case, world in cases:
        found[world] += _opened(world, case.uncovered, None)
    return tuple(
        InternetOpening(certain=False, world=world, rules=(), traffic=_traffic(parts))
        for world, parts in found.items()
        if parts
    )


def internet_cases(
    entries: Sequence[Entry], ports: Iterable[int] | None = None
) -> tuple[InternetCase, ...]:
    """
    Each case that can concern the whole Internet, for each address family.

    Rules with a source group do not: the members of a group are not the whole Internet.

    Args:
        entries: both sides, in the order of evaluation.
        ports: of tcp and udp; None for all ports and all protocols.
    """
    entries = [entry for entry in entries if not _is_of_groups(entry)]
    if ports is not None:
        asked = tuple(ports)
        narrowed = (_narrowed(entry, asked) for entry in entries)
        entries = [entry for entry in narrowed if entry.matched.boxes]
    return tuple(
        (case, world)
        for case in membership_cases(entries, whole=True)
        for world in WORLDS
    )


def _is_of_groups(entry: Entry) -> bool:
    return any(unknown.kind == "group" for unknown in entry.matched.unknown)


def _narrowed(entry: Entry, ports: Sequence[int]) -> Entry:
    boxes = tuple(
        narrowed
        for box in entry.matched.boxes
        for protocol in _WITH_PORTS
        for port in ports
        if (narrowed := box.narrowed(protocol, port))
    )
    return replace(entry, matched=entry.matched._replace(boxes=boxes))


class _Ports(NamedTuple):
    """
    Ports of protocols, such as a change opens to the whole Internet.
    """

    protocols: Interval
    ports: Interval

    def is_within(self, other: _Ports | Box) -> bool:
        return contains(other.protocols, self.protocols) and contains(
            other.ports, self.ports
        )


def _traffic(parts: Iterable[_Ports]) -> tuple[Traffic, ...]:
    by_protocol: dict[Interval, list[Interval]] = defaultdict(list)
    for part in parts:
        by_protocol[part.protocols].append(part.ports)
    return tuple(Traffic(p, joined(ports)) for p, ports in sorted(by_protocol.items()))


def _opened(
    world: World,
    newly: Iterable[Piece],
    afterwards: Iterable[Piece] | None,
) -> Iterator[_Ports]:
    """
    The ports that a change opens.

    Args:
        world: a key of `WORLDS`.
        newly: the packets that the change lets in.
        afterwards: the packets that are accepted after the change; at least half of
            the addresses in use must be among them. None if all may be.
    """
    new = _parts_of(newly, world)
    if not new:
        return
    parts = [*new, *_parts_of(afterwards or (), world)]
    opened = (1 << len(new)) - 1
    flat = Diagram([_flat(part) for part in parts], opened)

    def is_open(met: int) -> bool:
        if not met & opened or afterwards is None:
            return bool(met & opened)
        sources = joined(s for n in bits(met & ~opened) for s in parts[n].sources)
        return 2 * _share(sources, world) >= _IN_USE[world]

    for piece in flat.region(is_open):
        yield _Ports(piece.protocols, piece.ports)


def _may_be_open(case: MembershipCase, world: World) -> bool:
    """
    Whether all that the rules accept after the change, of whatever port, adds up to
    half of the addresses in use. If not, no port is open.
    """
    accepting = bits(case.after & case.accepts)
    sources = joined(case.boxes[number].sources for number in accepting)
    return 2 * _share(sources, world) >= _IN_USE[world]


def _parts_of(pieces: Iterable[Piece], world: World) -> list[Piece]:
    return [p for p in pieces if p.ports != (0, 0) and _is_of(p.sources, world)]


def _is_of(sources: Iterable[Interval], world: World) -> bool:
    return any(overlap(part, WORLDS[world]) for part in sources)


def _flat(piece: Piece) -> Box:
    whole = (IPV4[0], IPV6[1])
    return Box((0, 0), piece.protocols, piece.ports, whole, PORTS, whole)


def _openers(
    case: MembershipCase,
    opened: _Ports,
    world: World,
    widest: Iterable[tuple[int, int]],
) -> Iterator[tuple[_Ports, tuple[IngressRule, ...]]]:
    """
    Parts of the ports, and the widest rules that accept each, until they add up to half
    of the addresses in use.
    """
    around = _around(opened, world)
    meeting = [each for each in widest if case.boxes[each[1]].meets(around)]
    needed = _until_half(case, opened, world, meeting)
    for part in _cut(opened, [case.boxes[number] for number in needed]):
        numbers = _until_half(case, part, world, meeting)
        rules = [
            case.entries[number].rule
            for number in numbers
            if part.is_within(case.boxes[number])
        ]
        yield part, tuple(dict.fromkeys(rules))


def _until_half(
    case: MembershipCase,
    ports: _Ports,
    world: World,
    widest: Iterable[tuple[int, int]],
) -> list[int]:
    """
    The numbers of the first boxes, until those that have all of these ports add up to
    half of the addresses in use.
    """
    found: list[int] = []
    total = 0
    for share, number in widest:
        if 2 * total >= _IN_USE[world]:
            break
        found.append(number)
        total += share * ports.is_within(case.boxes[number])
    return found


def _around(opened: _Ports, world: World) -> Box:
    every = (IPV4[0], IPV6[1])
    return Box((0, 1), opened.protocols, opened.ports, WORLDS[world], PORTS, every)


def _cut(whole: _Ports, boxes: Iterable[Box]) -> Iterator[_Ports]:
    """
    The ports in parts, so that each box has all of a part or nothing of it.
    """
    cutting = [box for box in boxes if not whole.is_within(box)]
    for protocols in _between(whole.protocols, (box.protocols for box in cutting)):
        own = [box.ports for box in cutting if contains(box.protocols, protocols)]
        for ports in _between(whole.ports, own):
            yield _Ports(protocols, ports)


def _between(whole: Interval, parts: Iterable[Interval]) -> Iterator[Interval]:
    """
    The interval, cut at the ends of others.
    """
    first, last = whole
    ends = {end for a, b in parts for end in (a, b + 1) if first < end <= last}
    cuts = [first, *sorted(ends), last + 1]
    return ((here, beyond - 1) for here, beyond in pairwise(cuts))


def _widest(case: MembershipCase, world: World) -> list[tuple[int, int]]:
    """
    The boxes that accept some packet after the change, as pairs of the number of
    addresses in use and the number of the box: new ones first, then the widest, and of
    these those with the most ports.
    """
    met = case.diagram.met()
    first = {after & -after for each in met if (after := each & case.after)}
    shares = (
        (_share((case.boxes[number].sources,), world), number)
        for number in bits(sum(first) & case.accepts)
    )

    def place(pair: tuple[int, int]) -> tuple[bool, int, int, int]:
        share, number = pair
        box = case.boxes[number]
        ports = math.prod(b - a + 1 for a, b in (box.protocols, box.ports))
        return case.entries[number].before, -share, -ports, number

    return sorted((s for s in shares if s[0]), key=place)


def _share(sources: Iterable[Interval], world: World) -> int:
    return sum(
        max(0, min(b, last) - max(a, first) + 1)
        for a, b in sources
        for first, last in _USED[world]
    )
