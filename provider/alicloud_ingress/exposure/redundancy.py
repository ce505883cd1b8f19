"""
Which rules of a group do nothing: they could go, and no packet would notice.

A rule is named here only if for each packet that it matches, another rule matches
that comes before it, or that comes at the same place and does the same. This holds
whatever other groups the interface is in: ECS merges the rules of all of them, so a
rule that is covered only by a later one is not named, since a drop of another group
may stand between the two.

What a list holds may change at any time by another hand, so rules with a prefix
list or a port list, or with a text that cannot be read, are never named and never
count as cover. A source group covers and is covered as itself only.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from alicloud_ingress.exposure.comparison import rank
from alicloud_ingress.exposure.diagram import Diagram, bits
from alicloud_ingress.exposure.packets import Box, OpaqueSet, matched
from alicloud_ingress.rules.rule import IngressRule

Kind = Literal["shadowed", "redundant"]


@dataclass(frozen=True, slots=True)
class Needless:
    """
    A rule that does nothing, and by which others.

    Args:
        rule: its place among the rules given, from 0.
        kind: `shadowed` where rules that win before it cover all it matches;
            `redundant` where it takes others of the same priority and policy.
        by: places of rules that cover it together; just one wherever one does.
    """

    rule: int
    kind: Kind
    by: tuple[int, ...]


def needless(rules: Sequence[IngressRule]) -> tuple[Needless, ...]:
    """
    Name each rule that could be removed alone without changing any packet's lot.

    Two duplicates are both named; see `removable` for what may go together.

    Raises:
        TooComplexError: the rules cannot be judged in bounded time.
    """
    cover = _Cover(rules)
    needed = {firsts[0] for firsts in cover.firsts if len(firsts) == 1}
    named = [rule for rule in cover.judged if rule not in needed]
    return cover.explained(named, keep=frozenset(range(len(rules))))


def removable(rules: Sequence[IngressRule]) -> tuple[Needless, ...]:
    """
    Name rules that may all be removed at once without changing any packet's lot.

    Of rules that stand for each other the widest is kept, and of equal ones the
    first given: give the oldest first. `by` names rules that are kept. Should one of
    those go for another reason, ask again, with only the rules that stay.

    Raises:
        TooComplexError: the rules cannot be judged in bounded time.
    """
    cover = _Cover(rules)
    left = [set(firsts) for firsts in cover.firsts]
    standing: dict[int, list[set[int]]] = {rule: [] for rule in cover.judged}
    for firsts in left:
        for rule in firsts:
            standing[rule].append(firsts)
    gone: set[int] = set()
    for rule in sorted(cover.judged, key=lambda rule: (cover.sizes[rule], -rule)):
        if all(len(firsts) > 1 for firsts in standing[rule]):
            gone.add(rule)
            for firsts in standing[rule]:
                firsts.discard(rule)
    return cover.explained(sorted(gone), keep=frozenset(cover.judged) - gone)


def covered_by(
    rules: Sequence[IngressRule], staying: Iterable[int], asked: Sequence[int]
) -> tuple[int, ...]:
    """
    Name those of some rules that do nothing beside the rules that stay.

    Args:
        rules: all of them.
        staying: places of those that cover.
        asked: places of those in question; one that stays does not cover itself.

    Raises:
        TooComplexError: the rules cannot be judged in bounded time.
    """
    if not asked:
        return ()
    cover = _Cover(rules)
    return tuple(cover.covered(frozenset(staying), asked))


class _Cover:
    """
    Which rules meet where.

    Attributes:
        judged: places of the rules that can be judged.
        firsts: for each set of rules that meet somewhere, those that share the
            first place there.
        sizes: the number of packets that a rule matches, by its place.
    """

    def __init__(self, rules: Sequence[IngressRule]) -> None:
        self._ranks = [rank(rule) for rule in rules]
        self._boxes: dict[int, tuple[Box, ...]] = {}
        groups: dict[int, frozenset[OpaqueSet]] = {}
        for place, rule in enumerate(rules):
            packets = matched(rule)
            if packets.boxes and all(u.kind == "group" for u in packets.unknown):
                self._boxes[place] = packets.boxes
                groups[place] = packets.unknown
        self.judged = tuple(self._boxes)
        self.sizes = {
            place: sum(box.size for box in boxes)
            for place, boxes in self._boxes.items()
        }
        self._met = {
            met
            for members in {frozenset[OpaqueSet](), *groups.values()}
            for met in self._meetings(
                [place for place, group in groups.items() if group <= members],
                {place for place, group in groups.items() if group == members},
            )
        }
        self.firsts = {tuple(self._first(met)) for met in self._met}

    def _meetings(
        self, inside: Iterable[int], own: set[int]
    ) -> Iterator[frozenset[int]]:
        """
        Each set of rules that some packet from a source group is matched by, the
        worst case being a packet from no other group.
        """
        placed = [(place, box) for place in inside for box in self._boxes[place]]
        required = sum(1 << n for n, (place, _) in enumerate(placed) if place in own)
        if not required:
            return
        for met in Diagram([box for _, box in placed], required).met():
            yield frozenset(placed[number][0] for number in bits(met))

    def _first(self, met: Iterable[int]) -> Iterator[int]:
        best = min(self._ranks[place] for place in met)
        return (place for place in sorted(met) if self._ranks[place] == best)

    def covered(self, staying: frozenset[int], asked: Iterable[int]) -> Iterator[int]:
        """
        Those asked for that some staying rule comes before, or is like, everywhere.
        """
        wanted = set(asked).intersection(self.judged)
        needed = {
            place
            for met in self._met
            for place in met & wanted
            if not any(
                other != place and self._ranks[other] <= self._ranks[place]
                for other in met & staying
            )
        }
        return iter(sorted(wanted - needed))

    def explained(
        self, named: Sequence[int], keep: frozenset[int]
    ) -> tuple[Needless, ...]:
        """
        Tell for each rule named which of those kept cover it.
        """
        where: dict[int, list[frozenset[int]]] = {rule: [] for rule in named}
        for met in self._met:
            for rule in met & where.keys():
                where[rule].append(met & keep)
        return tuple(self._explained(rule, where[rule]) for rule in named)

    def _explained(self, rule: int, meetings: Sequence[frozenset[int]]) -> Needless:
        mine = self._ranks[rule]
        covers = [
            frozenset(p for p in met if p != rule and self._ranks[p] <= mine)
            for met in meetings
        ]
        earlier = [frozenset(p for p in c if self._ranks[p] < mine) for c in covers]
        shadowed = all(earlier)
        by = _fewest(earlier if shadowed else covers)
        return Needless(rule, "shadowed" if shadowed else "redundant", by)


def _fewest(covers: Sequence[frozenset[int]]) -> tuple[int, ...]:
    """
    A small choice that has a member in each; one alone wherever one does.
    """
    chosen: list[int] = []
    left = list(covers)
    while left:
        counts: dict[int, int] = {}
        for cover in left:
            for place in cover:
                counts[place] = counts.get(place, 0) + 1
        best = min(counts, key=lambda place: (-counts[place], place))
        chosen.append(best)
        left = [cover for cover in left if best not in cover]
    return tuple(sorted(chosen))
