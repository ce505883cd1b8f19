"""
Compares the rules of a group before and after a change, once for each membership case.

The rules do not say which addresses are in a source group or an unresolved list. Such
an unknown set may hold any address, or none. So packets from its members are compared
separately from all other packets.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import combinations

from alicloud_ingress.exposure.diagram import Piece, diagram_of
from alicloud_ingress.exposure.packets import Box, Matched, OpaqueSet
from alicloud_ingress.rules.rule import IngressRule

MAX_COMBINED = 4
"""
Of more unknown sets than these, not each combination is compared.
"""

Judged = tuple[IngressRule, Matched]
"""
A rule, and the packets that it matches.
"""


def rank(rule: IngressRule) -> tuple[int, bool]:
    """
    The place of a rule in the order of evaluation. Rules of equal rank act the same.
    """
    return rule.priority, not rule.drops


@dataclass(frozen=True, slots=True, eq=False)
class Entry:
    """
    A rule, and whether it exists before the change and after it.
    """

    rule: IngressRule
    matched: Matched
    before: bool
    after: bool


class MembershipCase:
    """
    The packets whose source is in the given unknown sets, and in no other.

    The boxes of both sides are numbered together, in the order of evaluation. A set of
    boxes is an integer with a bit per box (`met`), so its lowest bit is the box that
    decides.
    """

    def __init__(
        self, inside: Iterable[Entry], members: frozenset[OpaqueSet], *, whole: bool
    ) -> None:
        self.members = members
        boxes = [(entry, box) for entry in inside for box in entry.matched.boxes]
        if whole:
            meets, own = Box.has_traffic_of, [b for e, b in boxes if e.matched.unknown]
        else:
            meets, own = Box.meets, [b for e, b in boxes if _is_of(e, members)]
        placed = [
            (entry, box)
            for entry, box in boxes
            if not members
            or _is_of(entry, members)
            or any(meets(box, other) for other in own)
        ]
        self.entries = [entry for entry, _ in placed]
        self.boxes = [box for _, box in placed]
        self.before = self._bits(lambda entry: entry.before)
        self.after = self._bits(lambda entry: entry.after)
        self.accepts = self._bits(lambda entry: not entry.rule.drops)
        self.own = self._bits(lambda entry: _is_of(entry, members))
        required = 0 if whole else self.before ^ self.after
        everything = (1 << len(self.boxes)) - 1
        self.diagram = diagram_of(tuple(self.boxes), required or everything)

    @cached_property
    def fewer(self) -> list[int]:
        """
        The boxes of each case with fewer of these sets: there are two to the power of
        their number, so this is only for sets that one rule names.
        """
        return [self._within(some) for some in _subsets(self.members)[:-1]]

    def _within(self, members: frozenset[OpaqueSet]) -> int:
        return self._bits(lambda entry: entry.matched.unknown <= members)

    def _bits(self, wanted: Callable[[Entry], bool]) -> int:
        return sum(1 << n for n, entry in enumerate(self.entries) if wanted(entry))

    def lets_in(self, met: int) -> bool:
        """
        Whether the box that decides is of an accepting rule.
        """
        return bool(met & -met & self.accepts)

    def lets_in_after(self, met: int) -> bool:
        """
        Whether the packet is accepted after the change.
        """
        return self.lets_in(met & self.after)

    def opens(self, met: int) -> bool:
        """
        Whether the packet is accepted after the change only.
        """
        return self.lets_in_after(met) and not self.lets_in(met & self.before)

    def uncovers(self, met: int) -> bool:
        """
        Whether a drop decided before the change, and after it no drop of the same or a
        smaller priority decides.

        Then a rule that is not known here may accept the packet.
        """
        was, is_ = met & self.before, met & self.after
        if not was or self.lets_in(was):
            return False
        return not is_ or self.lets_in(is_) or self._priority(is_) > self._priority(was)

    def _priority(self, met: int) -> int:
        return self.entries[(met & -met).bit_length() - 1].rule.priority

    def closes(self, met: int) -> bool:
        """
        Whether the packet was accepted before the change only.
        """
        return self.lets_in(met & self.before) and not self.lets_in_after(met)

    @cached_property
    def opened(self) -> list[Piece]:
        """
        The packets that are accepted after the change only.
        """
        return self.diagram.region(self.opens)

    @cached_property
    def accepted(self) -> list[Piece]:
        """
        The packets that are accepted after the change.
        """
        return self.diagram.region(self.lets_in_after)

    @cached_property
    def uncovered(self) -> list[Piece]:
        """
        The packets that a rule which is not known here may accept after the change.
        """
        return self.diagram.region(self.uncovers)

    def only_here(self, changes: Callable[[int], bool]) -> list[Piece]:
        """
        The packets that change in this case, if a rule names exactly these sets and
        the same packets do not change in a case with fewer sets.
        """

        def changes_here(met: int) -> bool:
            return (
                changes(met)
                and (not self.members or bool(met & self.own))
                and not any(changes(met & fewer) for fewer in self.fewer)
            )

        return self.diagram.region(changes_here)


def membership_cases(entries: Sequence[Entry], *, whole: bool) -> list[MembershipCase]:
    """
    A case for each combination of unknown sets in which something changes.

    Args:
        entries: of both sides, in the order of evaluation.
        whole: whether to include packets that no changed rule matches, and combinations
            of sets that no single rule has.
    """
    by_members: dict[frozenset[OpaqueSet], list[tuple[int, Entry]]] = {frozenset(): []}
    for place, entry in enumerate(entries):
        by_members.setdefault(entry.matched.unknown, []).append((place, entry))
    changed = {e.matched.unknown for e in entries if e.before != e.after}
    cases: list[MembershipCase] = []
    for members in sorted(
        _combined(by_members, changed) if whole else by_members, key=sorted
    ):
        subsets = [some for some in by_members if some <= members]
        if changed.isdisjoint(subsets):
            continue
        inside = sorted(pair for some in subsets for pair in by_members[some])
        cases.append(
            MembershipCase((entry for _, entry in inside), members, whole=whole)
        )
    return cases


def _is_of(entry: Entry, members: frozenset[OpaqueSet]) -> bool:
    return entry.matched.unknown == members


def _combined(
    known: Iterable[frozenset[OpaqueSet]], changed: Iterable[frozenset[OpaqueSet]]
) -> set[frozenset[OpaqueSet]]:
    """
    The combinations of some sets: all of them, or otherwise of each changed
    one with each other.

    Two are enough to find each packet that a change lets in: those of the rule that
    accepts it after the change, and of the one that drops it before.
    """
    given = {*known}
    union = frozenset[OpaqueSet]().union(*given)
    if len(union) > MAX_COMBINED:
        return {*given, *(one | other for one in changed for other in given), union}
    return {*given, *_subsets(union)}


def _subsets(members: frozenset[OpaqueSet]) -> list[frozenset[OpaqueSet]]:
    """
    All subsets, the smallest first.
    """
    return [
        frozenset(some)
        for count in range(len(members) + 1)
        for some in combinations(sorted(members), count)
    ]


def entries_of(before: Iterable[Judged], after: Iterable[Judged]) -> list[Entry]:
    """
    The rules of both sides in the order of evaluation. A rule that is on both sides is
    one entry.
    """
    old, new = Counter(before), Counter(after)
    sides = (
        (old & new, True, True),
        (new - old, False, True),
        (old - new, True, False),
    )
    return sorted(
        (
            Entry(rule, packets, before=was, after=is_)
            for side, was, is_ in sides
            for rule, packets in side.elements()
        ),
        key=lambda entry: rank(entry.rule),
    )
