"""
Which rules have no effect because other rules cover them.

A rule is covered if, for each packet that it matches, another rule matches that is
evaluated before it, or that has the same priority and policy. This holds whatever other
groups the network interface is in. ECS merges the rules of all its groups, so a rule
that only a later rule repeats is not covered: a drop of another group may come between.

The entries of a prefix list or port list may change at any time. So rules with a list,
or with a field that cannot be read, are never covered and never cover others. A rule
with a source group covers, and is covered by, rules as for members of that group only.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from alicloud_ingress.exposure.comparison import rank
from alicloud_ingress.exposure.diagram import TooComplexError, bits, diagram_of
from alicloud_ingress.exposure.packets import Box, OpaqueSet, matched
from alicloud_ingress.rules.rule import IngressRule

Kind = Literal["shadowed", "redundant"]

PAIR_LIMIT = 20_000_000
"""
The maximum number of pairs of rules that match the same packets, counted for each set
of such packets. They take about two seconds and a gigabyte.
"""


@dataclass(frozen=True, slots=True)
class CoveredRule:
    """
    A rule that has no effect, and the rules that cover it.

    Args:
        rule: its index in the given rules.
        kind: `shadowed` if rules that are evaluated before it cover all it matches;
            `redundant` if rules of the same priority and policy are needed too.
        by: indexes of rules that cover it together; a single one if one is enough.
    """

    rule: int
    kind: Kind
    by: tuple[int, ...]


def alone(rules: Sequence[IngressRule]) -> dict[int, CoveredRule]:
    """
    Find each rule that could be deleted alone without a change for any packet.

    Of two duplicates, both are found; `together` finds what can be deleted at once.

    Returns:
        the covered rules, by index.

    Raises:
        TooComplexError: the rules overlap in too many ways.
    """
    every = range(len(rules))
    return covered(rules, every, every)


def covered(
    rules: Sequence[IngressRule], staying: Collection[int], candidates: Collection[int]
) -> dict[int, CoveredRule]:
    """
    Find the candidates that the staying rules cover.

    Args:
        rules: all rules of a group.
        staying: indexes of the rules that may cover others.
        candidates: indexes of the rules to judge. None covers itself.

    Returns:
        the covered rules, by index.

    Raises:
        TooComplexError: the rules overlap in too many ways.
    """
    if not candidates:
        return {}
    asked = frozenset(candidates)
    return _Overlaps(rules, asked).covered(frozenset(staying), asked)


def together(
    rules: Sequence[IngressRule], *, going: Collection[int], free: Sequence[int]
) -> dict[int, CoveredRule]:
    """
    Find the rules that can be deleted together without a change for any packet.

    The rules that are neither found nor going cover each rule that is found. So any
    choice of those found, with any choice of those going, has only the effect of the
    latter. Of rules that cover each other, the widest is kept.

    Args:
        rules: all rules of a group.
        going: indexes of rules that are deleted for another reason. They cover nothing;
            those that are covered are found too.
        free: indexes of other rules that may be deleted, oldest first: of equal rules
            the first is kept.

    Returns:
        the covered rules, by index.

    Raises:
        TooComplexError: the rules overlap in too many ways.
    """
    overlaps = _Overlaps(rules, range(len(rules)))
    staying = set(range(len(rules))).difference(going)
    newest_first = [n for n in reversed(free) if n in staying and n in overlaps.sizes]
    first_in = overlaps.first_in(staying)
    for n in sorted(newest_first, key=overlaps.sizes.__getitem__):
        if all(len(firsts) > 1 for firsts in first_in.get(n, ())):
            staying.remove(n)
            for firsts in first_in.get(n, ()):
                firsts.remove(n)
    deleted = frozenset(range(len(rules))) - staying
    return overlaps.covered(frozenset(staying), deleted)


def covers_as_text(
    entry: CoveredRule, rules: Sequence[IngressRule], ids: Mapping[int, str]
) -> str:
    """
    Say which rules cover a rule, and how.
    """
    named = ", ".join(f"{ids[n] or 'a rule'} ({rules[n].as_text})" for n in entry.by)
    if entry.kind == "shadowed":
        return f"decided before by {named}"
    return f"the same is done by {named}"


class _Overlaps:
    """
    Which rules match the same packets.

    Args:
        rules: all rules of a group.
        asked: indexes of rules; packets that none of them matches do not count.

    Attributes:
        sizes: for each rule that can be judged, how many packets it matches.
    """

    def __init__(self, rules: Sequence[IngressRule], asked: Collection[int]) -> None:
        self._ranks = [rank(rule) for rule in rules]
        self._boxes: dict[int, tuple[Box, ...]] = {}
        groups: dict[int, frozenset[OpaqueSet]] = {}
        for index, rule in enumerate(rules):
            packets = matched(rule)
            if packets.boxes and all(u.kind == "group" for u in packets.unknown):
                self._boxes[index] = packets.boxes
                groups[index] = packets.unknown
        self.sizes = {
            index: sum(box.size for box in boxes)
            for index, boxes in self._boxes.items()
        }
        self._met = {
            met
            for members in {frozenset[OpaqueSet](), *groups.values()}
            for met in self._meetings(
                [index for index, group in groups.items() if group <= members],
                {n for n in asked if groups.get(n) == members},
            )
        }

    def _meetings(
        self, inside: Iterable[int], own: set[int]
    ) -> Iterator[frozenset[int]]:
        """
        Each set of rules that match a packet of a source group.

        In the worst case a packet is from no other group.
        """
        placed = [(index, box) for index in inside for box in self._boxes[index]]
        required = sum(1 << n for n, (index, _) in enumerate(placed) if index in own)
        if not required:
            return
        diagram = diagram_of(tuple(box for _, box in placed), required)
        for met in diagram.met():
            yield frozenset(placed[number][0] for number in bits(met))

    def first_in(self, among: Collection[int]) -> dict[int, list[set[int]]]:
        """
        For each rule, the sets of rules of which one decides about some packet.

        Args:
            among: the rules that exist.
        """
        result: dict[int, list[set[int]]] = defaultdict(list)
        for firsts in {self._firsts(met.intersection(among)) for met in self._met}:
            changeable = set(firsts)
            for index in firsts:
                result[index].append(changeable)
        return result

    def _firsts(self, met: Collection[int]) -> frozenset[int]:
        best = min((self._ranks[index] for index in met), default=None)
        return frozenset(index for index in met if self._ranks[index] == best)

    def covered(
        self, staying: frozenset[int], candidates: frozenset[int]
    ) -> dict[int, CoveredRule]:
        beside: dict[int, set[frozenset[int]]] = {
            index: set() for index in sorted(candidates) if index in self._boxes
        }
        pairs = sum(len(met) * len(met & beside.keys()) for met in self._met)
        if pairs > PAIR_LIMIT:
            raise TooComplexError("too many of these rules match the same packets")
        for met in self._met:
            for index in met & beside.keys():
                beside[index].add(self._covering(index, met & staying))
        return {
            index: self._explained(index, covers)
            for index, covers in beside.items()
            if all(covers)
        }

    def _covering(self, rule: int, others: frozenset[int]) -> frozenset[int]:
        mine = self._ranks[rule]
        return frozenset(n for n in others if n != rule and self._ranks[n] <= mine)

    def _explained(self, rule: int, covers: Iterable[frozenset[int]]) -> CoveredRule:
        mine = self._ranks[rule]
        before = [frozenset(n for n in c if self._ranks[n] < mine) for c in covers]
        if all(before):
            return CoveredRule(rule, "shadowed", _fewest(before))
        return CoveredRule(rule, "redundant", _fewest(covers))


def _fewest(covers: Iterable[frozenset[int]]) -> tuple[int, ...]:
    """
    A small choice that has a member in each set; a single one if one is enough.
    """
    chosen: list[int] = []
    rest: list[frozenset[int]] = list(covers)
    while rest:
        counts: Counter[int] = Counter(index for cover in rest for index in cover)
        best = min(counts, key=lambda index: (-counts[index], index))
        chosen.append(best)
        rest = [cover for cover in rest if best not in cover]
    return tuple(sorted(chosen))
