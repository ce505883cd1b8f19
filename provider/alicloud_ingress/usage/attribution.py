"""
Which rules the flows of a usage table used, surely or possibly.

The engine does it, so that millions of flows need no memory of Python. A flow is
reduced to its class: between which bounds of rules its addresses, its port and its
times lie, and whose interface it came to. Flows of one class are the same to every
rule, so the rules are joined with the classes, and not with the flows.

What holds for a class (see `usage.verdicts` for what follows from it):

- An accepted flow is decided by the rules of all groups of its interface that match at
  the lowest rank: lowest priority number, drop before accept. Each accept rule there
  is used.
- A rule that matches in doubt is used possibly, and so are those at the deciding rank
  if it stands above them.
- A flow whose opener is not known uses possibly what it would use.
- A flow that the rules of its interface would not accept, or whose interface or rules
  are not known, uses possibly every rule of the VPC that it matches. If the rules of
  its interface are known, or no rule of the VPC accepts it, a list or a group may have
  changed: it uses possibly each rule with one that it matches otherwise.
- Traffic between members of one basic group needs no rule, and uses possibly each that
  it matches.
- A rejected flow is a hit of a drop that decides, and use of nothing else.
- An answer to a connection of the interface's own uses nothing.
"""

from __future__ import annotations

import tempfile
from collections.abc import Collection, Generator, Iterable, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from alicloud_ingress.exposure.packets import IPV6
from alicloud_ingress.usage.encoding import (
    UNKNOWN_GROUP,
    Encoding,
    Row,
    RuleKey,
    Segments,
    family_of,
    within_family,
)
from alicloud_ingress.usage.engine import connect, escaped, literal
from alicloud_ingress.usage.facts import VpcFacts
from alicloud_ingress.usage.table import UsageTable
from alicloud_ingress.usage.traffic import (
    Doubt,
    Traffic,
    Use,
    traffic_of_sets,
)

if TYPE_CHECKING:
    import duckdb

MEMORY = "640MB"
"""
What the engine may use before it writes to disk.
"""

_SEEN = """
CREATE VIEW seen AS
SELECT * FROM read_parquet({flows})
WHERE opened <> 'out' AND last_seen >= {since}
  AND (vpc_id IN ({vpc}, '') OR interface_id IN (SELECT interface_id FROM interfaces))
"""

_MACROS = """
CREATE MACRO octet(text, place) AS
    try_cast(split_part(text, '.', place) AS UTINYINT)::UBIGINT;
CREATE MACRO ipv4_of(text) AS ((octet(text, 1) * 256 + octet(text, 2)) * 256
    + octet(text, 3)) * 256 + octet(text, 4);
CREATE MACRO hextets(text) AS CASE WHEN text = '' THEN []::VARCHAR[]
    ELSE string_split(text, ':') END;
CREATE MACRO ipv6_halves(text) AS list_transform(
    string_split(text, '::'), lambda each: hextets(each));
CREATE MACRO ipv6_parts(halves) AS CASE
    WHEN len(halves) = 1 AND len(halves[1]) = 8 THEN halves[1]
    WHEN len(halves) = 2 AND len(halves[1]) + len(halves[2]) < 8
    THEN halves[1] || list_transform(
             range(8 - len(halves[1]) - len(halves[2])), lambda each: '0')
         || halves[2]
    END;
CREATE MACRO ipv6_of(text) AS list_reduce(
    list_transform(ipv6_parts(ipv6_halves(text)), lambda each:
        CASE WHEN length(each) BETWEEN 1 AND 4
             THEN try_cast('0x' || each AS USMALLINT)::UHUGEINT END),
    lambda high, low: high * 65536 + low);
CREATE MACRO unmapped(number) AS
    CASE WHEN number // 4294967296 <> 65535 THEN number END;
"""

_PORT_TABLE = """
CREATE TABLE ports AS
SELECT unnest(range(first, lead(first, 1, 65536) OVER (ORDER BY first)))::INTEGER
    AS port, segment
FROM port_segments
"""

_ENDS = """
CREATE TABLE addresses AS
WITH texts AS (
    SELECT text, length(text) - length(replace(text, '.', '')) = 3 AS has_octets
    FROM (SELECT source AS text FROM seen UNION SELECT destination FROM seen)),
numbers AS (
    SELECT text,
        CASE WHEN contains(text, ':') THEN 6 WHEN has_octets THEN 4 END AS family,
        CASE WHEN contains(text, ':') THEN unmapped(ipv6_of(text))
             WHEN has_octets THEN ipv4_of(text)::UHUGEINT END AS number
    FROM texts)
SELECT text, CASE WHEN number IS NOT NULL THEN family END AS family, number
FROM numbers;

CREATE TABLE places AS
SELECT a.text, a.family, a.number,
    coalesce(s.segment, -1) AS source, coalesce(d.segment, -1) AS dest,
    CASE WHEN a.number <= h.last THEN h.profile END AS holder,
    CASE WHEN a.number <= h.last THEN h.made END AS made
FROM addresses a
ASOF LEFT JOIN source_segments s ON a.family = s.family AND a.number >= s.start
ASOF LEFT JOIN dest_segments d ON a.family = d.family AND a.number >= d.start
ASOF LEFT JOIN holders h ON a.family = h.family AND a.number >= h.first;
DROP TABLE addresses;
"""

_KEYS = (
    "profile, opened, accepted, source, holder, holder_sure, dest, protocol, port,"
    " first_moment, last_moment"
)

_FLOWS = """
CREATE TABLE flows AS
SELECT coalesce(i.profile, -1) AS profile, f.opened = 'in' AS opened,
    f.action = 'ACCEPT' AS accepted,
    s.source AS source, coalesce(s.holder, -1) AS holder,
    coalesce(f.first_seen >= s.made, false) AS holder_sure,
    d.dest AS dest, f.protocol::SMALLINT AS protocol,
    CASE WHEN f.protocol NOT IN (6, 17) THEN 0 ELSE coalesce(p.segment, -1) END AS port,
    {first_moment} AS first_moment, {last_moment} AS last_moment,
    s.family, s.number,
    CASE WHEN f.protocol IN (6, 17) THEN f.port END AS port_number,
    f.first_seen, f.last_seen, f.flows, f.bytes
FROM seen f
JOIN places s ON s.text = f.source
JOIN places d ON d.text = f.destination
LEFT JOIN interfaces i ON i.interface_id = f.interface_id
LEFT JOIN ports p ON p.port = f.port;

CREATE TABLE classes AS
SELECT row_number() OVER () AS class, * FROM (SELECT DISTINCT {keys} FROM flows);
"""

_MET = """
CREATE TABLE {met} AS
SELECT c.class, e.rule, r.rank, r.accepts, max(
    b.sure AND c.source >= 0 AND c.dest >= 0 AND c.port >= 0
    AND r.sure_from <= c.first_moment
    AND (b.source_group IS NULL
         OR (b.source_group <> {unknown_group} AND c.holder >= 0 AND c.holder_sure))
)::BOOLEAN AS sure
FROM classes c
JOIN {effective} e ON {joined}
JOIN rules r ON r.rule = e.rule
JOIN {boxes} b ON b.rule = e.rule
LEFT JOIN members m ON m.profile = c.holder AND m.group_number = b.source_group
WHERE c.protocol BETWEEN b.protocol_first AND b.protocol_last
  AND (c.port = -1 OR c.port BETWEEN b.port_first AND b.port_last)
  AND (c.source = -1 OR c.source BETWEEN b.source_first AND b.source_last)
  AND (c.dest = -1 OR c.dest BETWEEN b.dest_first AND b.dest_last)
  AND r.possible_from <= c.last_moment
  AND (b.source_group IS NULL OR b.source_group = {unknown_group}
       OR c.holder = -1 OR NOT c.holder_sure OR m.profile IS NOT NULL)
GROUP BY ALL
"""

_DECIDED = """
CREATE TABLE decided AS
WITH ranks AS (
    SELECT class, min(rank) FILTER (sure) AS deciding,
        min(rank) FILTER (NOT sure) AS doubtful
    FROM met GROUP BY class)
SELECT c.class, c.opened, c.accepted, coalesce(w.whole, false) AS whole,
    CASE WHEN n.open AND c.holder_sure THEN 'inner' WHEN n.open IS NOT NULL
         THEN 'perhaps inner' ELSE 'outer' END AS side,
    k.deciding, k.doubtful,
    coalesce(k.deciding % 2 = 1, false) AS lets_in,
    coalesce(k.doubtful < k.deciding, false) AS in_doubt
FROM classes c
LEFT JOIN ranks k ON k.class = c.class
LEFT JOIN whole_profiles w ON w.profile = c.profile
LEFT JOIN inner_pairs n ON n.profile = c.profile AND n.holder = c.holder
"""
# An odd rank is one of an accept: 2 * priority, and 1 for an accept.

_EFFECTS = """
CREATE TABLE effects AS
SELECT class, rule, min(doubt) AS doubt FROM (
    SELECT m.class, m.rule, CASE
        WHEN NOT d.whole THEN {UNREAD}
        WHEN d.side <> 'outer' THEN {INNER}
        WHEN NOT m.sure OR m.rank <> d.deciding THEN {MATCHES}
        WHEN d.in_doubt THEN {BELOW}
        WHEN d.accepted AND NOT d.opened THEN {OPENER}
        ELSE {CERTAIN} END AS doubt
    FROM met m JOIN decided d ON d.class = m.class
    WHERE m.accepts = d.accepted
      AND (d.side <> 'outer' OR NOT d.whole OR m.rank <= coalesce(d.deciding, m.rank))
    UNION ALL
    SELECT m.class, m.rule, CASE WHEN c.profile = -1 THEN {GONE} ELSE {REFUSED} END
    FROM met_anywhere m JOIN classes c ON c.class = m.class
    WHERE m.accepts = c.accepted
    UNION ALL
    SELECT class, rule, {CHANGED} FROM met_earlier WHERE accepts
) WHERE rule IN (SELECT rule FROM asked)
GROUP BY class, rule
"""

_UNEXPLAINED = """
CREATE TABLE unexplained AS
SELECT class FROM decided
WHERE NOT whole OR (accepted AND NOT lets_in AND side <> 'inner')
"""

_CHANGED = """
CREATE TABLE changed AS
SELECT d.class FROM decided d JOIN unexplained u ON u.class = d.class
WHERE d.accepted
  AND (d.whole OR d.class NOT IN (
      SELECT class FROM met_anywhere WHERE accepts AND sure))
"""
# Something has changed since: rules of an interface that exists refuse the flow, or no
# rule of the VPC surely accepts it.

_SETS = """
CREATE TABLE sets AS
SELECT row_number() OVER () AS number, effects FROM (
    SELECT DISTINCT effects FROM (
        SELECT class, list([rule, doubt] ORDER BY rule) AS effects
        FROM effects GROUP BY class));
CREATE TABLE set_of AS
SELECT c.class, s.number FROM (
    SELECT class, list([rule, doubt] ORDER BY rule) AS effects
    FROM effects GROUP BY class) c
JOIN sets s ON s.effects = c.effects;
CREATE TABLE used AS
SELECT o.number AS set_number, f.family, f.number, f.protocol, f.port_number,
    f.first_seen, f.last_seen, f.flows, f.bytes
FROM flows f
JOIN classes c USING ({keys})
JOIN set_of o ON o.class = c.class;
DROP TABLE flows;
"""


def attribute(
    table: UsageTable,
    facts: VpcFacts,
    asked: Collection[str],
    since: int,
) -> dict[RuleKey, Use]:
    """
    Find out which rules of some groups were used.

    Args:
        table: that was checked.
        facts: of the VPC of the groups.
        asked: IDs of the groups.
        since: Unix seconds; flows that were last seen before do not count.

    Returns:
        The use of each rule that was used, surely or possibly.
    """
    encoding = Encoding(facts)
    with _database() as database:
        _load(database, encoding, asked)
        database.execute(_MACROS)
        flows = literal(escaped(str(table.flows)))
        vpc = literal(facts.vpc_id)
        database.execute(_SEEN.format(flows=flows, since=int(since), vpc=vpc))
        moments = _load_rules(database, encoding)
        database.execute(_ENDS)
        database.execute(
            _FLOWS.format(
                keys=_KEYS,
                first_moment=_ladder("f.first_seen", moments),
                last_moment=_ladder("f.last_seen", moments),
            )
        )
        _decide(database)
        database.execute(_SETS.format(keys=_KEYS))
        return _uses(database, encoding)


def _decide(database: duckdb.DuckDBPyConnection) -> None:
    _meet(database, "met", "profile_rules", "e.profile = c.profile")
    database.execute(_DECIDED)
    database.execute(_UNEXPLAINED)
    unexplained = "c.class IN (SELECT class FROM unexplained)"
    _meet(database, "met_anywhere", "rules", unexplained)
    database.execute(_CHANGED)
    changed = "c.class IN (SELECT class FROM changed)"
    _meet(database, "met_earlier", "asked", changed, boxes="earlier_boxes")
    numbers = {name: doubt.value for name, doubt in Doubt.__members__.items()}
    database.execute(_EFFECTS.format(**numbers))


def _meet(
    database: duckdb.DuckDBPyConnection,
    met: str,
    effective: str,
    joined: str,
    boxes: str = "boxes",
) -> None:
    """
    Make a table of the classes and the rules that match them.
    """
    database.execute(
        _MET.format(
            met=met,
            effective=effective,
            joined=joined,
            boxes=boxes,
            unknown_group=UNKNOWN_GROUP,
        )
    )


@contextmanager
def _database() -> Generator[duckdb.DuckDBPyConnection]:
    """
    A database in a folder of its own, so that what exceeds the memory is on disk.
    """
    with (
        tempfile.TemporaryDirectory(prefix="alicloud-ingress-usage-") as folder,
        connect() as database,
    ):
        for statement in (
            f"SET memory_limit = {literal(MEMORY)}",
            f"SET temp_directory = {literal(str(Path(folder) / 'spilled'))}",
            "SET preserve_insertion_order = false",
            f"ATTACH {literal(str(Path(folder) / 'scratch.duckdb'))} AS scratch",
            "USE scratch",
        ):
            database.execute(statement)
        yield database


_BOX_COLUMNS = (
    "rule INTEGER, sure BOOLEAN, source_group INTEGER, protocol_first INTEGER,"
    " protocol_last INTEGER, port_first INTEGER, port_last INTEGER, source_first"
    " INTEGER, source_last INTEGER, dest_first INTEGER, dest_last INTEGER"
)
_HOLDER_COLUMNS = (
    "family INTEGER, first UHUGEINT, last UHUGEINT, profile INTEGER, made BIGINT"
)


def _load(
    database: duckdb.DuckDBPyConnection, encoding: Encoding, asked: Collection[str]
) -> None:
    tables: Mapping[str, tuple[str, Iterable[Row]]] = {
        "interfaces": (
            "interface_id VARCHAR, profile INTEGER",
            encoding.interface_rows(),
        ),
        "boxes": (_BOX_COLUMNS, encoding.box_rows()),
        "earlier_boxes": (_BOX_COLUMNS, encoding.earlier_box_rows()),
        "profile_rules": ("profile INTEGER, rule INTEGER", encoding.profile_rows()),
        "members": ("profile INTEGER, group_number INTEGER", encoding.member_rows()),
        "whole_profiles": ("profile INTEGER, whole BOOLEAN", encoding.whole_rows()),
        "inner_pairs": (
            "profile INTEGER, holder INTEGER, open BOOLEAN",
            encoding.inner_rows(),
        ),
        "asked": (
            "rule INTEGER",
            (
                (n,)
                for n, (key, _) in enumerate(encoding.rules)
                if key.group_id in asked
            ),
        ),
        "holders": (
            _HOLDER_COLUMNS,
            (
                (
                    family_of(first),
                    str(within_family(first)),
                    str(within_family(last)),
                    profile,
                    made,
                )
                for first, last, profile, made in encoding.holder_rows()
            ),
        ),
        "source_segments": _segments(encoding.sources),
        "dest_segments": _segments(encoding.dests),
        "port_segments": (
            "first INTEGER, segment INTEGER",
            ((first, segment) for segment, first in enumerate(encoding.ports.starts)),
        ),
    }
    for name, (columns, rows) in tables.items():
        _insert(database, name, columns, rows)
    database.execute(_PORT_TABLE)


def _segments(segments: Segments) -> tuple[str, Iterable[Row]]:
    return "family INTEGER, start UHUGEINT, segment INTEGER", (
        (family_of(start), str(within_family(start)), segment)
        for segment, start in enumerate(segments.starts)
        if start <= IPV6[1]
    )


def _load_rules(
    database: duckdb.DuckDBPyConnection, encoding: Encoding
) -> tuple[int, ...]:
    (found,) = database.execute("SELECT min(first_seen) FROM seen").fetchall()
    rows, moments = encoding.rule_rows(since=found[0] or 0)
    columns = (
        "rule INTEGER, rank INTEGER, accepts BOOLEAN, sure_from INTEGER,"
        " possible_from INTEGER"
    )
    _insert(database, "rules", columns, rows)
    return moments


def _ladder(value: str, moments: Sequence[int], below: int = 0) -> str:
    """
    SQL for how many of the sorted moments are not after a value.
    """
    if not moments:
        return str(below)
    middle = len(moments) // 2
    before = _ladder(value, moments[:middle], below)
    after = _ladder(value, moments[middle + 1 :], below + middle + 1)
    return f"(CASE WHEN {value} < {moments[middle]} THEN {before} ELSE {after} END)"


def _insert(
    database: duckdb.DuckDBPyConnection, name: str, columns: str, rows: Iterable[Row]
) -> None:
    """
    Make a table and fill it; the rows go over by column, which is fast.
    """
    database.execute(f"CREATE TABLE {name} ({columns})")
    given = list(zip(*rows, strict=True))
    if not given:
        return
    values = ", ".join(
        f"unnest(${n})::{column.split()[1]}"
        for n, column in enumerate(columns.split(", "), 1)
    )
    database.execute(f"INSERT INTO {name} SELECT {values}", [list(c) for c in given])


def _uses(
    database: duckdb.DuckDBPyConnection, encoding: Encoding
) -> dict[RuleKey, Use]:
    traffic = traffic_of_sets(database)
    certain: dict[RuleKey, list[Traffic]] = {}
    possible: dict[RuleKey, list[tuple[Doubt, Traffic]]] = {}
    sets: list[tuple[int, list[tuple[int, int]]]] = database.execute(
        "FROM sets ORDER BY number"
    ).fetchall()
    for number, effects in sets:
        for rule, doubt in effects:
            key, _ = encoding.rules[rule]
            if doubt == Doubt.CERTAIN:
                certain.setdefault(key, []).append(traffic[number])
            else:
                entry = (Doubt(doubt), traffic[number])
                possible.setdefault(key, []).append(entry)
    return {
        key: Use(tuple(certain.get(key, ())), tuple(possible.get(key, ())))
        for key in {*certain, *possible}
    }
