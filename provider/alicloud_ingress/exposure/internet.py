"""
Finds the ports that are open to the whole Internet.

One rule or several together can open a port: two halves of the address space add up,
port ranges and the protocol ALL count, and a drop that ECS applies first is respected.
A port is open to the Internet ("the world" in this module) if at least half of all
addresses in use can reach it. A change opens it if, besides, it lets in some packet to
this port that was not accepted before.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
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
    certain: dict[World, list[_Opening]] = {world: [] for world in WORLDS}
    found: dict[tuple[bool, World, tuple[IngressRule, ...]], list[_Opening]] = {}
    for case, world in cases:
        if not _may_be_open(case, world):
            continue
        known = certain[world]
        for opening in _opened(case, world, case.opened, case.accepted):
            if case.members and any(map(opening.is_within, known)):
                continue
            if not case.members:
                known.append(opening)
            key = (not case.members, world, opening.rules)
            found.setdefault(key, []).append(opening)
    return tuple(
        InternetOpening(
            certain=sure, world=world, rules=rules, traffic=_traffic(openings)
        )
        for (sure, world, rules), openings in found.items()
    )


def internet_uncovered(cases: Iterable[InternetCase]) -> tuple[InternetOpening, ...]:
    """
    What the whole Internet might reach after a change, by rules that are not known.

    Such a rule may have any priority. It takes effect where a drop decided before the
    change, and after it no drop of the same or a smaller priority decides.
    """
    found: dict[World, list[_Opening]] = defaultdict(list)
    for case, world in cases:
        found[world] += _opened(case, world, case.uncovered, None)
    return tuple(
        InternetOpening(
            certain=False, world=world, rules=(), traffic=_traffic(openings)
        )
        for world, openings in found.items()
        if openings
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


class _Opening(NamedTuple):
    """
    Ports that a change opens to the whole Internet, and the rules that open them.
    """

    protocols: Interval
    ports: Interval
    rules: tuple[IngressRule, ...]

    def is_within(self, other: _Opening) -> bool:
        return contains(other.protocols, self.protocols) and contains(
            other.ports, self.ports
        )


def _traffic(openings: Iterable[_Opening]) -> tuple[Traffic, ...]:
    by_protocol: dict[Interval, list[Interval]] = defaultdict(list)
    for opening in openings:
        by_protocol[opening.protocols].append(opening.ports)
    return tuple(Traffic(p, joined(ports)) for p, ports in sorted(by_protocol.items()))


def _opened(
    case: MembershipCase,
    world: World,
    newly: Iterable[Piece],
    afterwards: Iterable[Piece] | None,
) -> Iterator[_Opening]:
    """
    The ports that a change opens.

    Args:
        case: with the rules of both sides.
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

    pieces = flat.region(is_open)
    widest = _widest(case, world) if pieces else []
    for piece in pieces:
        yield _Opening(
            piece.protocols, piece.ports, _opening(case, piece, world, widest)
        )


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


def _opening(
    case: MembershipCase, piece: Piece, world: World, widest: Iterable[tuple[int, int]]
) -> tuple[IngressRule, ...]:
    """
    The widest rules that accept these packets, until they add up to half of the
    addresses in use.
    """
    around = Box(
        (0, 1), piece.protocols, piece.ports, WORLDS[world], PORTS, (IPV4[0], IPV6[1])
    )
    found: dict[IngressRule, None] = {}
    share = 0
    for part, number in widest:
        if 2 * share >= _IN_USE[world]:
            break
        if case.boxes[number].meets(around):
            found[case.entries[number].rule] = None
            share += part
    return tuple(found)


def _widest(case: MembershipCase, world: World) -> list[tuple[int, int]]:
    """
    The boxes that accept some packet after the change, as pairs of the number of
    addresses in use and the number of the box: new ones first, then the widest.
    """
    met = case.diagram.met()
    first = {after & -after for each in met if (after := each & case.after)}
    shares = (
        (_share((case.boxes[number].sources,), world), number)
        for number in bits(sum(first) & case.accepts)
    )

    def place(pair: tuple[int, int]) -> tuple[bool, int, int]:
        return case.entries[pair[1]].before, -pair[0], pair[1]

    return sorted((s for s in shares if s[0]), key=place)


def _share(sources: Iterable[Interval], world: World) -> int:
    return sum(
        max(0, min(b, last) - max(a, first) + 1)
        for a, b in sources
        for first, last in _USED[world]
    )
