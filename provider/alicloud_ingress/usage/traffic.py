"""
The traffic that rules let in, and how sure it is that they did.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

DAY_S = 86_400


class Doubt(IntEnum):
    """
    Why a rule was used possibly and not surely; the clearest has the lowest number.
    """

    CERTAIN = 0
    OPENER = 1
    BELOW = 2
    MATCHES = 3
    INNER = 4
    UNREAD = 5
    REFUSED = 6
    GONE = 7


@dataclass(frozen=True, slots=True)
class Tally:
    """
    How much traffic.

    Args:
        first_seen, last_seen: Unix seconds.
    """

    flows: int
    bytes: int
    first_seen: int
    last_seen: int

    def __add__(self, other: Tally) -> Tally:
        return Tally(
            self.flows + other.flows,
            self.bytes + other.bytes,
            min(self.first_seen, other.first_seen),
            max(self.last_seen, other.last_seen),
        )


@dataclass(frozen=True, slots=True)
class Block:
    """
    Traffic from one block of addresses.

    Args:
        family: 4 or 6; 0 where the source could not be read as an address.
        first: the first address, as a number of its family.
        length: of the prefix.
    """

    family: int
    first: int
    length: int
    tally: Tally


@dataclass(frozen=True, slots=True)
class PortRange:
    """
    Ports of TCP or UDP without a gap; a port of -1 is one that was not logged.
    """

    protocol: int
    first: int
    last: int


@dataclass(frozen=True, slots=True)
class Days:
    """
    Flows that were first seen on one day and last seen on another.

    Args:
        first, last: days since 1970-01-01 UTC.
    """

    first: int
    last: int


@dataclass(frozen=True, slots=True)
class Traffic:
    """
    What one set of rules let in together.
    """

    tally: Tally
    blocks: tuple[Block, ...]
    ports: tuple[PortRange, ...]
    protocols: frozenset[int]
    days: tuple[Days, ...]


@dataclass(frozen=True, slots=True)
class Use:
    """
    The traffic of one rule.

    Args:
        certain: what it surely decided.
        possible: what it may have decided, by the doubt.
    """

    certain: tuple[Traffic, ...] = ()
    possible: tuple[tuple[Doubt, Traffic], ...] = ()

    @property
    def possible_traffic(self) -> tuple[Traffic, ...]:
        """
        What it may have decided, for whatever doubt.
        """
        return tuple(traffic for _, traffic in self.possible)

    @property
    def doubts(self) -> tuple[Doubt, ...]:
        """
        Each doubt once, in order.
        """
        return tuple(sorted({doubt for doubt, _ in self.possible}))
