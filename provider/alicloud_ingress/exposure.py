"""
Who may reach what through a group's rules, and what a change does to that.

ECS takes the rule with the smallest priority first, on a tie a drop before an
accept, and lets nothing in that no rule accepts. What a group lets in is worked
out here for all packets at once, exactly, by the diagrams of `packets`.

A source group or an unresolved list is a set that the rules do not tell. Whoever
is in it is judged apart, and apart from everybody else: it may hold any address,
or none. So an accept from such a set is always shown, and a drop of such a set
never hides what others may reach.

Source: the pages "Security group rules" and AuthorizeSecurityGroup of ECS.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import combinations
from typing import NamedTuple

from alicloud_ingress.packets import (
    IPV4,
    IPV6,
    PORTS,
    Box,
    Diagram,
    Interval,
    Matched,
    Piece,
    Unknown,
    addresses,
    bits,
    joined,
    matched,
)
from alicloud_ingress.reach import Reach, Traffic, reaches, traffic_words
from alicloud_ingress.rule import IngressRule

WORLDS = {
    "0.0.0.0/0": addresses("0.0.0.0/0"),
    "::/0": addresses("::/0"),
}
"""
The two worlds, by how a rule names them.
"""

PORT_PROTOCOLS = ("6", "17")
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """
    What a change of rules does.

    Args:
        opened: what can be reached after it only.
        closed: what could be reached before it only.
        without_effect: rules added or taken away (in this order) that have no
            part in that: another rule decides, or did the same before. A rule
            with an unknown set is never among them.
        newly_world_open: of `opened`, what the world may reach.
    """

    opened: tuple[Reach, ...]
    closed: tuple[Reach, ...]
    without_effect: tuple[IngressRule, ...]
    newly_world_open: tuple[WorldOpen, ...]


class Policy:
    """
    The effective policy of a group.

    Args:
        rules: all inbound rules of the group.
        resolved: entries of prefix lists (blocks) and port lists (`first/last`)
            by the list's ID; other lists are unknown sets.

    Raises:
        TooComplexError: from any method, see `packets.STEP_LIMIT`.
    """

    def __init__(
        self,
        rules: Iterable[IngressRule],
        resolved: Mapping[str, Sequence[str]] | None = None,
    ) -> None:
        self.rules = tuple(sorted(rules, key=rank))
        self.matched = tuple(matched(rule, resolved) for rule in self.rules)

    @cached_property
    def reach(self) -> tuple[Reach, ...]:
        """
        All that may be reached, and by whom, in a fixed order.
        """
        return _Comparison(Policy(()), self).opened()

    def world_open(self, ports: Iterable[int] | None = None) -> tuple[WorldOpen, ...]:
        """
        What the world may reach.

        Args:
            ports: of tcp and udp; None for everything, other protocols too.
        """
        return newly_world_open(Policy(()), self, ports)


def difference(
    before: Policy, after: Policy, ports: Iterable[int] | None = None
) -> Difference:
    """
    Compare two policies of one group.

    Args:
        before: the group as it is.
        after: the group as it will be.
        ports: what counts for `newly_world_open`, as in `Policy.world_open`.
    """
    comparison = _Comparison(before, after)
    return Difference(
        opened=comparison.opened(),
        closed=comparison.closed(),
        without_effect=comparison.without_effect(),
        newly_world_open=newly_world_open(before, after, ports),
    )


def rank(rule: IngressRule) -> tuple[int, bool]:
    """
    The place of a rule in the order of evaluation; equal ones do the same.
    """
    return rule.priority, rule.policy != "drop"


@dataclass(frozen=True, slots=True, eq=False)
class _Entry:
    """
    A rule of either side, or of both.
    """

    rule: IngressRule
    matched: Matched
    before: bool
    after: bool


class _Plane:
    """
    The packets that are in given unknown sets, and in no other.

    Both sides share one numbering of boxes in the order of evaluation, so the
    lowest bit of a side decides.
    """

    def __init__(
        self, inside: Iterable[_Entry], members: frozenset[Unknown], *, whole: bool
    ) -> None:
        self.members = members
        all_inside = [*inside]
        own = [
            box
            for entry in all_inside
            if entry.matched.unknown == members
            for box in entry.matched.boxes
        ]
        placed = [
            (entry, box)
            for entry in all_inside
            for box in entry.matched.boxes
            if entry.matched.unknown == members or any(map(box.meets, own))
        ]
        self.entries = [entry for entry, _ in placed]
        self.boxes = [box for _, box in placed]
        self.before = self._bits(lambda entry: entry.before)
        self.after = self._bits(lambda entry: entry.after)
        self.accepts = self._bits(lambda entry: entry.rule.policy != "drop")
        self.fewer = [self._within(some) for some in _subsets(members)[:-1]]
        all_own = self._bits(lambda entry: entry.matched.unknown == members)
        required = all_own if whole else self.before ^ self.after
        self.diagram = Diagram(self.boxes, required)

    def _within(self, members: frozenset[Unknown]) -> int:
        return self._bits(lambda entry: entry.matched.unknown <= members)

    def _bits(self, wanted: Callable[[_Entry], bool]) -> int:
        return sum(1 << n for n, entry in enumerate(self.entries) if wanted(entry))

    def lets_in(self, met: int) -> bool:
        """
        Whether the first of these boxes accepts.
        """
        return bool(met & -met & self.accepts)

    def lets_in_before(self, met: int) -> bool:
        """
        Whether a packet got in before the change.
        """
        return self.lets_in(met & self.before)

    def lets_in_after(self, met: int) -> bool:
        """
        Whether a packet gets in after the change.
        """
        return self.lets_in(met & self.after)

    def opens(self, met: int) -> bool:
        """
        Whether a packet gets in after the change only.
        """
        return self.lets_in_after(met) and not self.lets_in_before(met)

    def closes(self, met: int) -> bool:
        """
        Whether a packet got in before the change only.
        """
        return self.lets_in_before(met) and not self.lets_in_after(met)

    def only_here(self, changes: Callable[[int], bool]) -> list[Piece]:
        """
        What changes for the members, and not for everybody else as well.
        """
        return self.diagram.region(
            lambda met: (
                changes(met) and not any(changes(met & fewer) for fewer in self.fewer)
            )
        )

    @cached_property
    def widest(self) -> dict[str, list[tuple[int, int]]]:
        """
        For each world the boxes by which some packet gets in after the change, and
        how many of its addresses they hold, widest first.
        """
        first = {
            side & -side for met in self.diagram.met() if (side := met & self.after)
        }
        opening = [*bits(sum(first) & self.accepts)]
        return {
            world: sorted(
                (
                    (share, number)
                    for number in opening
                    if (share := _share((self.boxes[number].sources,), world))
                ),
                key=lambda pair: (-pair[0], pair[1]),
            )
            for world in WORLDS
        }

    def effective(self) -> set[_Entry]:
        """
        The rules of one side that have a part in a change.

        Such a rule decides on its side; or it would decide otherwise if it had
        been left in.
        """
        changed = self.before ^ self.after
        taken = self.before & ~self.after
        effective = 0
        for met in self.diagram.met():
            was, is_ = met & self.before, met & self.after
            if self.lets_in(was) == self.lets_in(is_):
                continue
            first = is_ & -is_
            otherwise = ~self.accepts if self.lets_in(is_) else self.accepts
            effective |= ((was & -was) | first) & changed
            effective |= met & taken & (first - 1) & otherwise
        return {self.entries[number] for number in bits(effective)}


def _planes(entries: Sequence[_Entry], *, whole: bool) -> list[_Plane]:
    """
    A plane for each combination of unknown sets in which something changes.

    Args:
        entries: of both sides, in the order of evaluation.
        whole: whether packets count that no changed rule matches.
    """
    by_members: dict[frozenset[Unknown], list[tuple[int, _Entry]]] = {frozenset(): []}
    for place, entry in enumerate(entries):
        by_members.setdefault(entry.matched.unknown, []).append((place, entry))
    changed = {e.matched.unknown for e in entries if e.before != e.after}
    planes: list[_Plane] = []
    for members in sorted(by_members, key=sorted):
        subsets = [some for some in _subsets(members) if some in by_members]
        if changed.isdisjoint(subsets):
            continue
        inside = sorted(pair for some in subsets for pair in by_members[some])
        planes.append(_Plane((entry for _, entry in inside), members, whole=whole))
    return planes


def _subsets(members: frozenset[Unknown]) -> list[frozenset[Unknown]]:
    """
    All of them, the smallest first and the whole last.
    """
    return [
        frozenset(some)
        for count in range(len(members) + 1)
        for some in combinations(sorted(members), count)
    ]


class _Comparison:
    """
    Two policies, judged where they differ.
    """

    def __init__(self, before: Policy, after: Policy) -> None:
        entries = _entries(before, after)
        self._changed = [entry for entry in entries if entry.before != entry.after]
        self._planes = _planes(entries, whole=False)

    def opened(self) -> tuple[Reach, ...]:
        return self._told(lambda plane: plane.opens)

    def closed(self) -> tuple[Reach, ...]:
        return self._told(lambda plane: plane.closes)

    def _told(
        self, change: Callable[[_Plane], Callable[[int], bool]]
    ) -> tuple[Reach, ...]:
        return tuple(
            reach
            for plane in self._planes
            for reach in reaches(plane.only_here(change(plane)), plane.members)
        )

    def without_effect(self) -> tuple[IngressRule, ...]:
        effective = set[_Entry]().union(*(p.effective() for p in self._planes))
        idle = [
            entry
            for entry in self._changed
            if not entry.matched.unknown and entry not in effective
        ]
        return tuple(
            entry.rule
            for side in (True, False)
            for entry in idle
            if entry.after is side
        )


def newly_world_open(
    before: Policy, after: Policy, ports: Iterable[int] | None = None
) -> tuple[WorldOpen, ...]:
    """
    What the world may reach after a change and could not before.

    Args:
        before: the group as it is.
        after: the group as it will be.
        ports: of tcp and udp; None for everything, other protocols too.
    """
    entries = _entries(before, after)
    if ports is not None:
        entries = [_narrowed(entry, tuple(ports)) for entry in entries]
    certain: dict[str, list[_Opening]] = {world: [] for world in WORLDS}
    found: dict[tuple[bool, str, tuple[IngressRule, ...]], list[_Opening]] = {}
    for plane in _planes(entries, whole=True):
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


def _narrowed(entry: _Entry, ports: Sequence[int]) -> _Entry:
    boxes = tuple(
        narrowed
        for box in entry.matched.boxes
        for protocol in map(int, PORT_PROTOCOLS)
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


def _entries(before: Policy, after: Policy) -> list[_Entry]:
    """
    Rules that are on both sides once, and the others as often as they are there, in
    the order of evaluation.
    """
    old = Counter(zip(before.rules, before.matched, strict=True))
    new = Counter(zip(after.rules, after.matched, strict=True))
    sides = (
        (old & new, True, True),
        (new - old, False, True),
        (old - new, True, False),
    )
    return sorted(
        (
            _Entry(rule, packets, before=was, after=is_)
            for side, was, is_ in sides
            for rule, packets in side.elements()
        ),
        key=lambda entry: rank(entry.rule),
    )


def _newly_open(plane: _Plane, world: str) -> Iterator[_Opening]:
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

    for piece in flat.region(
        lambda met: (
            is_open(met & opened)
            or (is_open(met & after) and not is_open(met & before))
        )
    ):
        yield _Opening(piece.protocols, piece.ports, _opening(plane, piece, world))


def _flat(piece: Piece) -> Box:
    whole = (IPV4[0], IPV6[1])
    return Box((0, 0), piece.protocols, piece.ports, whole, PORTS, whole)


def _opening(plane: _Plane, piece: Piece, world: str) -> tuple[IngressRule, ...]:
    """
    The widest accepting rules there, until they make up half of the world.
    """
    around = Box(
        (0, 1), piece.protocols, piece.ports, WORLDS[world], PORTS, (IPV4[0], IPV6[1])
    )
    found: dict[IngressRule, None] = {}
    share = 0
    for part, number in plane.widest[world]:
        if 2 * share >= _size(_USED[world]):
            break
        if plane.boxes[number].meets(around):
            found[plane.entries[number].rule] = None
            share += part
    return tuple(found)


def _share(sources: Iterable[Interval], world: str) -> int:
    first, last = _USED[world]
    return sum(max(0, min(b, last) - max(a, first) + 1) for a, b in sources)


def _size(interval: Interval) -> int:
    return interval[1] - interval[0] + 1
