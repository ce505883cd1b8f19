"""
Finds where boxes of packets overlap, exactly and in bounded time.

A sweep goes through one dimension after the other. A set of boxes is one integer with a
bit per box, and equal sets are swept only once. Boxes are never split, so disjoint
boxes are cheap: a thousand rules that differ in address and port take a few thousand
steps. In the worst case, the number of steps is the product of the numbers of distinct
interval ends in each dimension. That needs rules that overlap partially in several
dimensions at once. `STEP_LIMIT` ends such a sweep.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import pairwise
from typing import NamedTuple

from alicloud_ingress.errors import IngressError
from alicloud_ingress.exposure.packets import Box, Interval

STEP_LIMIT = 2_000_000
"""
The maximum number of steps of a sweep, which take about two seconds.
"""


class TooComplexError(IngressError):
    """
    The rules overlap in too many ways to be compared in bounded time.
    """


_Node = tuple[tuple[int, int, int], ...]
"""
Intervals of one dimension in order: first, last, and the boxes there as bits.
"""


class Diagram:
    """
    Where boxes overlap: a decision diagram over the six dimensions.

    Args:
        boxes: box number n is bit n of each set of boxes.
        required: only packets in one of these boxes matter; 0 for all packets.

    Raises:
        TooComplexError: the sweep takes more than `STEP_LIMIT` steps.
    """

    def __init__(self, boxes: Sequence[Box], required: int = 0) -> None:
        self._everything = (1 << len(boxes)) - 1
        self._required = required or self._everything
        self._spans = tuple(tuple(box[d] for box in boxes) for d in range(len(DIMS)))
        self._alike = tuple(map(_alike, self._spans))
        self._nodes: tuple[dict[int, _Node], ...] = tuple({} for _ in DIMS)
        self.steps = 0
        self._sweep_all()

    def met(self) -> set[int]:
        """
        For each packet, the set of all boxes that it is in; each set once.
        """
        return {
            active
            for node in self._nodes[-1].values()
            for _, _, active in node
            if active & self._required
        }

    def region(self, wanted: Callable[[int], bool]) -> list[Piece]:
        """
        The packets whose set of boxes is wanted, in as few pieces as the order of the
        dimensions allows.
        """
        if not self._everything:
            return []
        return list(_Region(self._nodes, wanted).pieces(self._everything))

    def _sweep_all(self) -> None:
        actives = {self._everything} if self._everything else set[int]()
        for dimension, nodes in enumerate(self._nodes):
            for active in actives:
                node = self._sweep(dimension, active)
                self.steps += len(node)
                if self.steps > STEP_LIMIT:
                    raise TooComplexError(
                        "these rules overlap in too many ways to be judged;"
                        " fewer rules with both source ports and destinations help"
                    )
                nodes[active] = node
            actives = {met for node in nodes.values() for _, _, met in node}

    def _sweep(self, dimension: int, active: int) -> _Node:
        if _is_one(active):
            first, last = self._spans[dimension][active.bit_length() - 1]
            return ((first, last, active),)
        changes: dict[int, int] = {}
        for (first, last), boxes in self._intervals(dimension, active):
            changes[first] = changes.get(first, 0) ^ boxes
            changes[last + 1] = changes.get(last + 1, 0) ^ boxes
        met = 0
        node: list[tuple[int, int, int]] = []
        for here, beyond in pairwise(sorted(changes)):
            met ^= changes[here]
            if met & self._required:
                node.append((here, beyond - 1, met))
        return tuple(node)

    def _intervals(self, dimension: int, active: int) -> Iterator[tuple[Interval, int]]:
        alike = self._alike[dimension]
        if len(alike) <= active.bit_count():
            for interval, boxes in alike.items():
                if boxes & active:
                    yield interval, boxes & active
            return
        spans = self._spans[dimension]
        for number in bits(active):
            yield spans[number], 1 << number


class Piece(NamedTuple):
    """
    One piece of a region: a box whose sources and destinations are sets.
    """

    nic: Interval
    protocols: Interval
    ports: Interval
    sources: tuple[Interval, ...]
    source_ports: Interval
    dests: tuple[Interval, ...]


DIMS = Box._fields


class _Region:
    """
    A diagram reduced to wanted or not: adjacent intervals with equal content are one.
    """

    def __init__(
        self, nodes: Sequence[Mapping[int, _Node]], wanted: Callable[[int], bool]
    ) -> None:
        self._nodes = nodes
        self._wanted = wanted
        self._seen: tuple[dict[int, int], ...] = tuple({} for _ in nodes)
        self._numbers: dict[object, int] = {(): 0}
        self._branches: dict[int, tuple[tuple[Interval, int], ...]] = {0: ()}

    def pieces(self, everything: int) -> Iterator[Piece]:
        root = self._reduced(0, everything)
        for nic, protocols in self._branches[root]:
            for protocol, ranges in self._branches[protocols]:
                for ports, places in self._branches[ranges]:
                    for sources, source_ports in self._sets(places):
                        for range_, leaf in self._branches[source_ports]:
                            dests = tuple(dest for dest, _ in self._branches[leaf])
                            yield Piece(nic, protocol, ports, sources, range_, dests)

    def _sets(self, number: int) -> Iterator[tuple[tuple[Interval, ...], int]]:
        """
        The intervals of a node, grouped by their child.
        """
        together: dict[int, list[Interval]] = {}
        for interval, child in self._branches[number]:
            together.setdefault(child, []).append(interval)
        for child, intervals in together.items():
            yield tuple(intervals), child

    def _reduced(self, dimension: int, active: int) -> int:
        """
        The number of the reduced node. Equal nodes have the same number; the empty one
        has 0.
        """
        seen = self._seen[dimension]
        if active in seen:
            return seen[active]
        if _is_one(active) and not self._wanted(active):
            return 0
        branch = self._branch(dimension, self._nodes[dimension][active])
        key = (dimension, branch) if branch else ()
        seen[active] = number = self._numbers.setdefault(key, len(self._numbers))
        self._branches[number] = branch
        return number

    def _branch(self, dimension: int, node: _Node) -> tuple[tuple[Interval, int], ...]:
        """
        The intervals of a node with their children; in the last dimension the child of
        each wanted interval is 1.
        """
        is_last = dimension == len(self._nodes) - 1
        result: list[tuple[Interval, int]] = []
        for first, last, met in node:
            child = self._wanted(met) if is_last else self._reduced(dimension + 1, met)
            if not child:
                continue
            if result and result[-1][1] == child and result[-1][0][1] + 1 == first:
                result[-1] = ((result[-1][0][0], last), child)
            else:
                result.append(((first, last), child))
        return tuple(result)


def _is_one(active: int) -> bool:
    """
    Whether a set has one box, which is what most sets come down to.
    """
    return not active & (active - 1)


def bits(active: int) -> Iterator[int]:
    """
    The numbers of the bits that are set, lowest first.
    """
    while active:
        lowest = active & -active
        yield lowest.bit_length() - 1
        active ^= lowest


@functools.lru_cache(maxsize=1)
def diagram_of(boxes: tuple[Box, ...], required: int) -> Diagram:
    """
    The diagram of some boxes. The last one is kept: several questions in a row are
    often about the same boxes.
    """
    return Diagram(boxes, required)


def _alike(spans: Sequence[Interval]) -> dict[Interval, int]:
    alike: dict[Interval, int] = {}
    for number, interval in enumerate(spans):
        alike[interval] = alike.get(interval, 0) | 1 << number
    return alike
