"""
A line of numbers cut into segments, so that an interval is a range of small numbers.

Addresses are long numbers; the rules of a VPC cut their line in few places. Two
addresses between the same cuts are the same to every rule.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable

from alicloud_ingress.exposure.packets import IPV6, Interval


class Segments:
    """
    The segments between the bounds of some intervals.

    Args:
        intervals: on the line of `policy.packets`, where IPv6 begins behind IPv4.
        whole: the intervals that the line consists of.

    Attributes:
        starts: the first number of each segment, in order; the segment's own number
            is its place.
    """

    def __init__(self, intervals: Iterable[Interval], *whole: Interval) -> None:
        cuts = {first for first, _ in whole}
        last = max(end for _, end in whole)
        for first, end in intervals:
            cuts.add(first)
            if end < last:
                cuts.add(end + 1)
        self.starts = tuple(sorted(cuts))

    def range(self, interval: Interval) -> Interval:
        """
        The numbers of the first and the last segment of one of the intervals.
        """
        first, end = interval
        return bisect_left(self.starts, first), bisect_left(self.starts, end + 1) - 1


def family_of(number: int) -> int:
    """
    4 or 6, of a number on the line of addresses.
    """
    return 6 if number >= IPV6[0] else 4


def within_family(number: int) -> int:
    """
    The address as a number of its own family.
    """
    return number - IPV6[0] if number >= IPV6[0] else number
