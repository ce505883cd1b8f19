"""
What the whole world may reach, however it gets in.

The world need not come by one rule: halves add up, ranges and ALL count, and a drop
that wins holds. Half of all addresses in use is taken for all of them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

from alicloud_ingress.policy.diagram import Diagram, Piece, bits
from alicloud_ingress.policy.packets import (
    IPV4,
    IPV6,
    PORTS,
    Box,
    Interval,
    addresses,
    joined,
)
from alicloud_ingress.policy.planes import Entry, Plane, planes_of
from alicloud_ingress.policy.reach import Traffic, traffic_words
from alicloud_ingress.rule import IngressRule

WORLDS = {
    "0.0.0.0/0": addresses("0.0.0.0/0"),
    "::/0": addresses("::/0"),
}
"""
The two worlds, by how a rule names them.
"""

_WITH_PORTS = (6, 17)
_USED = {
    "0.0.0.0/0": (IPV4[0], addresses("224.0.0.0")[0] - 1),
    "::/0": addresses("2000::/3"),
}
"""
What of a world is in use as single hosts' addresses.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class WorldOpen:
    """
    Ports that the world may reach: half of all addresses in use, or more.

    Args:
        world: `0.0.0.0/0` or `::/0`.
        certain: False where it hangs on a set that the rules do not tell.
        rules: the widest rules that let the world in, at least one.
    """

    world: str
    certain: bool
    rules: tuple[IngressRule, ...]
    traffic: tuple[Traffic, ...]

    @property
    def what(self) -> str:
        """
        The ports in words, such as `tcp 22, 3389`.
        """
        return traffic_words(self.traffic)

    @property
    def in_words(self) -> str:
        """
        `0.0.0.0/0 may reach tcp 22`.
        """
        may = "may reach" if self.certain else "might reach"
        return f"{self.world} {may} {self.what}"


def world_openings(
    entries: Sequence[Entry], ports: Iterable[int] | None = None
) -> tuple[WorldOpen, ...]:
    """
    What the world may reach after a change and could not before.

    Args:
        entries: both sides, in the order of evaluation.
        ports: of tcp and udp; None for everything, other protocols too.
    """
    if ports is not None:
        asked = tuple(ports)
        entries = [_narrowed(entry, asked) for entry in entries]
    certain: dict[str, list[_Opening]] = {world: [] for world in WORLDS}
    found: dict[tuple[bool, str, tuple[IngressRule, ...]], list[_Opening]] = {}
    for plane in planes_of(entries, whole=True):
        if any(unknown.kind == "group" for unknown in plane.members):
            continue
        for world, known in certain.items():
            for opening in _newly_open(plane, world):
                if plane.members and any(map(opening.is_within, known)):
                    continue
                if not plane.members:
                    known.append(opening)
                key = (not plane.members, world, opening.rules)
                found.setdefault(key, []).append(opening)
    return tuple(
        WorldOpen(certain=sure, world=world, rules=rules, traffic=_traffic(openings))
        for (sure, world, rules), openings in found.items()
    )


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
    Ports of protocols that are newly open to a world, and the rules that do it.
    """

    protocols: Interval
    ports: Interval
    rules: tuple[IngressRule, ...]

    def is_within(self, other: _Opening) -> bool:
        return all(
            theirs[0] <= mine[0] and mine[1] <= theirs[1]
            for mine, theirs in (
                (self.protocols, other.protocols),
                (self.ports, other.ports),
            )
        )


def _traffic(openings: Iterable[_Opening]) -> tuple[Traffic, ...]:
    by_protocol: dict[Interval, list[Interval]] = {}
    for opening in openings:
        by_protocol.setdefault(opening.protocols, []).append(opening.ports)
    return tuple(Traffic(p, joined(ports)) for p, ports in sorted(by_protocol.items()))


def _newly_open(plane: Plane, world: str) -> Iterator[_Opening]:
    """
    Where half of a world gets in by the change, or by both what was and what is new.
    """
    regions = [
        [
            piece
            for piece in plane.diagram.region(wanted)
            if piece.ports != (0, 0) and _share(piece.sources, world)
        ]
        for wanted in (plane.opens, plane.lets_in_after, plane.lets_in_before)
    ]
    parts = [part for region in regions for part in region]
    flat = Diagram([_flat(part) for part in parts])
    ends = [len(regions[0]), len(regions[0]) + len(regions[1]), len(parts)]
    opened, after, before = (
        (1 << end) - (1 << start) for start, end in zip([0, *ends], ends, strict=False)
    )

    def is_open(met: int) -> bool:
        sources = joined(part for n in bits(met) for part in parts[n].sources)
        return 2 * _share(sources, world) >= _size(_USED[world])

    widest = _widest(plane, world) if parts else []
    for piece in flat.region(
        lambda met: (
            is_open(met & opened)
            or (is_open(met & after) and not is_open(met & before))
        )
    ):
        yield _Opening(
            piece.protocols, piece.ports, _opening(plane, piece, world, widest)
        )


def _flat(piece: Piece) -> Box:
    whole = (IPV4[0], IPV6[1])
    return Box((0, 0), piece.protocols, piece.ports, whole, PORTS, whole)


def _opening(
    plane: Plane, piece: Piece, world: str, widest: Iterable[tuple[int, int]]
) -> tuple[IngressRule, ...]:
    """
    The widest accepting rules there, until they make up half of the world.
    """
    around = Box(
        (0, 1), piece.protocols, piece.ports, WORLDS[world], PORTS, (IPV4[0], IPV6[1])
    )
    found: dict[IngressRule, None] = {}
    share = 0
    for part, number in widest:
        if 2 * share >= _size(_USED[world]):
            break
        if plane.boxes[number].meets(around):
            found[plane.entries[number].rule] = None
            share += part
    return tuple(found)


def _widest(plane: Plane, world: str) -> list[tuple[int, int]]:
    """
    The boxes by which some packet gets in after the change, and how many of the
    world's addresses they hold, widest first.
    """
    met = plane.diagram.met()
    first = {after & -after for each in met if (after := each & plane.after)}
    shares = (
        (_share((plane.boxes[number].sources,), world), number)
        for number in bits(sum(first) & plane.accepts)
    )
    return sorted((s for s in shares if s[0]), key=lambda pair: (-pair[0], pair[1]))


def _share(sources: Iterable[Interval], world: str) -> int:
    first, last = _USED[world]
    return sum(max(0, min(b, last) - max(a, first) + 1) for a, b in sources)


def _size(interval: Interval) -> int:
    return interval[1] - interval[0] + 1
