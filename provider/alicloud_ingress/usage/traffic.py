"""
The traffic that rules let in, and how sure it is that they did.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum
from typing import TYPE_CHECKING

from alicloud_ingress.usage.table import DAY_S

if TYPE_CHECKING:
    import duckdb

MAX_BLOCKS = 64
"""
Blocks of sources that are kept for each set of rules; beyond, wider blocks are.
"""

_PORTS = """
WITH ports AS (
    SELECT DISTINCT set_number, protocol, coalesce(port_number, -1) AS port FROM used
    WHERE protocol IN (6, 17)),
runs AS (
    SELECT *, port - row_number() OVER (
        PARTITION BY set_number, protocol ORDER BY port) AS run FROM ports)
SELECT set_number, protocol, min(port), max(port) FROM runs
GROUP BY set_number, protocol, run ORDER BY ALL
"""
_LENGTHS: Mapping[int, tuple[int, ...]] = {
    4: (0, 8, 12, 16, 20, 24, 28, 32),
    6: (0, 16, 32, 48, 56, 64, 128),
    0: (0,),
}
_BITS: Mapping[int, int] = {4: 32, 6: 128, 0: 0}

_SUMS = (
    "sum(flows)::BIGINT AS flows, sum(bytes)::BIGINT AS bytes,"
    " min(first_seen) AS first_seen, max(last_seen) AS last_seen"
)
_SOURCES = """
CREATE TABLE sources AS
SELECT set_number, coalesce(family, 0) AS family, coalesce(number, 0) AS number, {sums}
FROM used GROUP BY ALL
"""
_BY_ADDRESS = """
CREATE OR REPLACE TABLE lengths AS
SELECT set_number, count(*) <= {most} AS settled,
    CASE WHEN settled THEN {narrowest} ELSE 0 END AS length,
    CASE WHEN settled AND {narrowest} > 0 THEN 1::UHUGEINT END AS size
FROM sources WHERE family = ? GROUP BY set_number
"""
_UNSETTLED = """
CREATE OR REPLACE TABLE unsettled AS SELECT set_number, number FROM sources
WHERE family = ? AND set_number IN (SELECT set_number FROM lengths WHERE NOT settled)
"""
_FEW = """
SELECT set_number FROM (
    SELECT DISTINCT set_number, number - number % {size}::UHUGEINT FROM unsettled)
GROUP BY set_number HAVING count(*) <= {most}
"""
_BLOCKS = """
SELECT s.set_number, coalesce(s.number - s.number % l.size, 0) AS number, l.length,
    {sums}
FROM sources s JOIN lengths l ON l.set_number = s.set_number
WHERE s.family = ? GROUP BY ALL ORDER BY ALL
"""


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
    CHANGED = 8


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


def traffic_of_sets(database: duckdb.DuckDBPyConnection) -> dict[int, Traffic]:
    """
    What each set of rules let in, from the table `used` of `attribution`.
    """
    tallies = database.execute(
        "SELECT set_number, sum(flows)::BIGINT, sum(bytes)::BIGINT,"
        " min(first_seen), max(last_seen), list(DISTINCT protocol)"
        " FROM used GROUP BY set_number"
    ).fetchall()
    blocks = _blocks(database)
    ports: dict[int, list[PortRange]] = {}
    for number, protocol, first, last in database.execute(_PORTS).fetchall():
        ports.setdefault(number, []).append(PortRange(protocol, first, last))
    days: dict[int, list[Days]] = {}
    for number, first, last in database.execute(
        f"SELECT DISTINCT set_number, first_seen // {DAY_S}, last_seen // {DAY_S}"
        " FROM used ORDER BY ALL"
    ).fetchall():
        days.setdefault(number, []).append(Days(first, last))
    return {
        number: Traffic(
            tally=Tally(*values),
            blocks=tuple(blocks.get(number, ())),
            ports=tuple(ports.get(number, ())),
            protocols=frozenset(protocols),
            days=tuple(days.get(number, ())),
        )
        for number, *values, protocols in tallies
    }


def _blocks(database: duckdb.DuckDBPyConnection) -> dict[int, list[Block]]:
    """
    The sources of each set of rules: the narrowest blocks of one length that are few.
    """
    found: dict[int, list[Block]] = {}
    database.execute(_SOURCES.format(sums=_SUMS))
    present = database.execute("SELECT DISTINCT family FROM sources").fetchall()
    for family in (each for each in _LENGTHS if (each,) in present):
        _choose_lengths(database, family)
        rows = database.execute(_BLOCKS.format(sums=_SUMS), [family]).fetchall()
        for set_number, first, length, *tally in rows:
            block = Block(family, int(first), length, Tally(*tally))
            found.setdefault(set_number, []).append(block)
    return found


def _choose_lengths(database: duckdb.DuckDBPyConnection, family: int) -> None:
    """
    Make the table `lengths`. A set with few addresses needs no wider blocks; for the
    others the wide ones come first, so that a set with many sources is settled before
    its many blocks are counted.
    """
    lengths = _LENGTHS[family]
    database.execute(
        _BY_ADDRESS.format(most=MAX_BLOCKS, narrowest=lengths[-1]), [family]
    )
    database.execute(_UNSETTLED, [family])
    for length in lengths[1:-1]:
        size = 1 << (_BITS[family] - length)
        (made,) = database.execute(
            f"CREATE OR REPLACE TABLE few AS {_FEW.format(size=size, most=MAX_BLOCKS)}"
        ).fetchall()
        if made == (0,):
            # Narrower blocks are no fewer.
            return
        few = "set_number IN (SELECT set_number FROM few)"
        database.execute(
            f"UPDATE lengths SET length = {length}, size = {size} WHERE {few}"
        )
        database.execute(f"DELETE FROM unsettled WHERE NOT {few}")
