"""
The one query that turns flow log records into the usage table.

It is a chain of common table expressions, written once in the dialect of DuckDB. The
embedded engine takes the same steps, and keeps some of them in temporary tables;
`printed` writes the chain for another engine. A step refers to earlier ones only.

Flows: the two directions of a pair of addresses and ports are put together. How a
connection's opener is proven: for TCP, the records of a pair of addresses and ports are
of a connection that the interface opened only if the outbound ones have SYN without
ACK, the inbound ones have SYN together with ACK and never SYN alone, and no inbound one
is earlier than the outbound SYN. The port numbers prove nothing.

ECS forgets a session that is idle for `IDLE_S`: what comes in afterwards is decided by
the rules. So a pair is cut where it may have been idle for longer, and each part needs
its own proof.
"""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from alicloud_ingress.errors import IngressError
from alicloud_ingress.usage.engine import library
from alicloud_ingress.usage.records import (
    FIELDS,
    HOURS,
    INTERFACES,
    OK,
    PORTED,
    WATCHED,
    WATCHED_STEPS,
    judged,
    parsed,
)
from alicloud_ingress.usage.table import Period

SLACK_S = 1
"""
Seconds by which two times of one connection may be out of order.
"""
IDLE_S = 910
"""
How long ECS remembers an idle TCP session.

https://www.alibabacloud.com/help/en/ecs/user-guide/connection-timeout-management
"""

ACCEPTED, REJECTED_SYN, REJECTED = range(3)
_DECISION = f"""
CASE WHEN action = 'ACCEPT' THEN {ACCEPTED}
  WHEN protocol = 6 AND (flags & 18) = 2 THEN {REJECTED_SYN} ELSE {REJECTED} END
""".strip()
IN, OUT, UNKNOWN = range(3)
"""
Who opened a connection; `FLOWS` has the words.
"""


def records(code: str = "{0}") -> str:
    """
    The step `records`: flows, by the interface's own end and the remote end.

    Ports are 0 for protocols that have none: nothing is compared with NULL.

    Args:
        code: SQL of what stands for a text, `{0}`; no two texts may have the same.
    """
    texts = (
        ("interface_id", "interface_id"),
        ("LOWER(source)", "source"),
        ("LOWER(destination)", "destination"),
    )
    coded = ", ".join(f"{code.format(text)} AS {name}" for text, name in texts)
    return f"""
SELECT interface_id, protocol, inbound, seen_from, seen_to, packets, bytes, flags,
  source_port, destination_port, decision,
  CASE WHEN inbound THEN source ELSE destination END AS remote,
  CASE WHEN inbound THEN destination ELSE source END AS own,
  CASE WHEN NOT {PORTED} THEN 0 WHEN inbound THEN source_port
    ELSE destination_port END AS remote_port,
  CASE WHEN NOT {PORTED} THEN 0 WHEN inbound THEN destination_port
    ELSE source_port END AS own_port
FROM (
  SELECT {coded}, protocol, direction = 'in' AS inbound, seen_from, seen_to, packets,
    bytes, flags, source_port, destination_port, {_DECISION} AS decision
  FROM judged WHERE kind = {OK} AND (action = 'ACCEPT' OR direction = 'in')
) AS c
""".strip()


_FLAG_BITS = 6
_SLOTS = 63 - _FLAG_BITS
GOT_SYN, GOT_SYN_ACK, SENT, SENT_ACK, SENT_SYN_ACK, NO_FLAGS = (
    1 << bit for bit in range(_FLAG_BITS)
)
_EVIDENCE = f"""
CASE WHEN inbound THEN CASE WHEN flags IS NULL THEN {NO_FLAGS}
    WHEN (flags & 18) = 2 THEN {GOT_SYN} WHEN (flags & 18) = 18 THEN {GOT_SYN_ACK}
    ELSE 0 END
  WHEN flags IS NULL THEN {SENT | NO_FLAGS}
  WHEN (flags & 18) = 18 THEN {SENT | SENT_ACK | SENT_SYN_ACK}
  WHEN (flags & 16) = 16 THEN {SENT | SENT_ACK}
  ELSE {SENT} END
""".strip()
"""
What a record shows of its pair's opener, as bits: one aggregate in place of six.
"""

_SUMS = """
  COUNT(CASE WHEN inbound THEN 1 END) AS flows,
  CAST(SUM(CASE WHEN inbound THEN packets ELSE 0 END) AS BIGINT) AS packets,
  CAST(SUM(CASE WHEN inbound THEN bytes ELSE 0 END) AS BIGINT) AS bytes,
  MIN(CASE WHEN inbound THEN seen_from END) AS first_seen,
  MAX(CASE WHEN inbound THEN seen_to END) AS last_seen,
  MIN(CASE WHEN NOT inbound AND (flags & 18) = 2 THEN seen_from END) AS sent_syn
""".strip()
PAIR = "interface_id, protocol, remote, own, own_port, remote_port, decision"
_SLOT = (
    f"CAST({1 << _FLAG_BITS} AS BIGINT) << CAST(seen_from // 60 % {_SLOTS} AS INTEGER)"
)
PAIRS = f"""
SELECT {PAIR}, MAX(seen_to) - MIN(seen_from) AS lasted,
  {_SUMS},
  BIT_OR({_EVIDENCE} | CASE WHEN inbound THEN {_SLOT} ELSE 0 END) AS evidence
FROM records GROUP BY {PAIR}
""".strip()
"""
The step `pairs`: both directions of each pair of addresses and ports together.

Beside its flags, `evidence` has one of `_SLOTS` bits for the minute of each inbound
record. Equal records have the same; where each record of a pair has another one, none
has a copy.
"""

PROVEN_OWN = (
    f"(evidence & {NO_FLAGS | SENT_ACK | GOT_SYN | GOT_SYN_ACK}) = {GOT_SYN_ACK}"
    f" AND first_seen + {SLACK_S} >= sent_syn"
)
ELSE_OPENED = f"""
CASE WHEN protocol <> 6
      THEN CASE WHEN (evidence & {SENT}) = 0 THEN {IN} ELSE {UNKNOWN} END
    WHEN (evidence & {GOT_SYN}) <> 0 THEN {IN}
    WHEN (evidence & {SENT_SYN_ACK | GOT_SYN_ACK}) = {SENT_SYN_ACK} THEN {IN}
    ELSE {UNKNOWN} END
""".strip()
IS_CUT = (
    f"protocol = 6 AND lasted > {IDLE_S} AND sent_syn IS NOT NULL"
    f" AND (evidence & {GOT_SYN_ACK}) <> 0"
)
_OPENED = f"""
CASE decision WHEN {REJECTED_SYN} THEN {IN} WHEN {REJECTED} THEN {UNKNOWN}
  ELSE CASE WHEN protocol = 6 AND {PROVEN_OWN} THEN {OUT} ELSE {ELSE_OPENED} END END
""".strip()
OPENERS = f"""
SELECT {PAIR}, flows, packets, bytes, first_seen, last_seen,
  {_OPENED} AS opened, {ELSE_OPENED} AS else_opened, {IS_CUT} AS is_cut,
  ({IS_CUT}) OR flows <> BIT_COUNT(evidence // {1 << _FLAG_BITS}) AS again
FROM pairs WHERE flows > 0
""".strip()
"""
The step `openers`: who opened a pair, as a whole.

`is_cut`: it may have been idle for too long, and a part of it may be proven.
`again`: it is cut, or may hold copies of records, so that each record is looked at.
"""

_SAME_PAIR = " AND ".join(f"r.{column} = o.{column}" for column in PAIR.split(", "))
AGAIN = f"""
SELECT DISTINCT r.*, o.opened, o.else_opened, o.is_cut
FROM records AS r JOIN openers AS o ON {_SAME_PAIR}
WHERE o.again
""".strip()
"""
The step `again`: delivery is at least once, so equal records count once.
"""

_BY_TIME = (
    "PARTITION BY interface_id, remote, own, own_port, remote_port"
    " ORDER BY seen_from, seen_to"
)
_FIRST_PACKET = "CASE WHEN h.exact = 1 THEN a.seen_from ELSE a.seen_to END"
TIMED = f"""
SELECT a.*, {_FIRST_PACKET} AS first_packet
FROM again AS a JOIN hours AS h ON h.interface_id = a.interface_id
  AND h.hour_start = a.seen_from - (a.seen_from % 3600)
WHERE a.is_cut
""".strip()
"""
The step `timed`: records of pairs that are cut, each with the last second that its
first packet may have come in. Its last packet came at `seen_from` or later; `end` says
nothing of it, since it is the window's end for a connection that goes on.
"""

SESSIONS = f"""
SELECT {PAIR}, else_opened, session,
  {_SUMS},
  BIT_OR({_EVIDENCE}) AS evidence
FROM (
  SELECT g.*, SUM(CASE WHEN idle > {IDLE_S} THEN 1 ELSE 0 END)
    OVER ({_BY_TIME} RANGE UNBOUNDED PRECEDING) AS session
  FROM (
    SELECT t.*, first_packet - LAG(seen_from) OVER ({_BY_TIME}) AS idle FROM timed AS t
  ) AS g
) AS s
GROUP BY {PAIR}, else_opened, session
""".strip()
"""
The step `sessions`: the parts of each pair that is cut.

Two records of the same seconds may be in another order for `LAG` than for `SUM`. So the
sum is over a range, and both are of the later session.
"""

_PART = "interface_id, protocol, remote, own, own_port, decision"
_PART_SUMS = "flows, packets, bytes, first_seen, last_seen"
_PARTS = f"""
SELECT {_PART}, opened, {_PART_SUMS} FROM openers WHERE NOT again
UNION ALL
SELECT {_PART}, opened, 1 AS flows, packets, bytes, seen_from AS first_seen,
  seen_to AS last_seen
FROM again WHERE NOT is_cut AND inbound
UNION ALL
SELECT {_PART}, CASE WHEN {PROVEN_OWN} THEN {OUT} ELSE else_opened END AS opened,
  {_PART_SUMS}
FROM sessions WHERE flows > 0
""".strip()
"""
The step `parts`: whole pairs, single records and sessions, each with its opener.
"""

_PORT = f"CASE WHEN opened <> {OUT} AND {PORTED} THEN own_port END"
_ACCEPTED = f"decision = {ACCEPTED}"
ROWS = f"""
SELECT interface_id, opened, remote AS source, own AS destination, protocol,
  {_PORT} AS port,
  {_ACCEPTED} AS accepted,
  MIN(first_seen) AS first_seen, MAX(last_seen) AS last_seen,
  SUM(flows) AS flows, SUM(packets) AS packets, SUM(bytes) AS bytes
FROM parts
GROUP BY interface_id, opened, remote, own, protocol, {_PORT}, {_ACCEPTED}
""".strip()

FLOWS = f"""
SELECT r.interface_id, i.vpc_id, i.account_id,
  CASE r.opened WHEN {IN} THEN 'in' WHEN {OUT} THEN 'out' ELSE 'unknown' END AS opened,
  r.source, r.destination,
  CAST(r.protocol AS INTEGER) AS protocol, CAST(r.port AS INTEGER) AS port,
  CASE WHEN r.accepted THEN 'ACCEPT' ELSE 'REJECT' END AS action,
  CAST(r.first_seen AS BIGINT) AS first_seen,
  CAST(r.last_seen AS BIGINT) AS last_seen, CAST(r.flows AS BIGINT) AS flows,
  CAST(r.packets AS BIGINT) AS packets, CAST(r.bytes AS BIGINT) AS bytes
FROM rows_made AS r JOIN interfaces AS i ON i.interface_id = r.interface_id
""".strip()
"""
The rows of `usage.parquet`.
"""

FLOW_STEPS: Mapping[str, str] = {
    "again": AGAIN,
    "timed": TIMED,
    "sessions": SESSIONS,
    "parts": _PARTS,
}
"""
What `ROWS` needs beyond `hours`, `records` and `openers`.
"""


def with_steps(steps: Mapping[str, str], last: str) -> str:
    """
    One statement of steps and what is selected from them.
    """
    chain = ",\n".join(f"{name} AS (\n{text}\n)" for name, text in steps.items())
    return f"WITH {chain}\n{last}"


def flows_query(columns: Mapping[str, str], relation: str, period: Period) -> str:
    """
    The rows of `usage.parquet`, from a relation with the fields of a flow log; see
    `parsed`.
    """
    steps = {
        "parsed": parsed(columns, relation),
        "judged": judged(period),
        "hours": HOURS,
        "interfaces": INTERFACES,
        "records": records(),
        "pairs": PAIRS,
        "openers": OPENERS,
        **FLOW_STEPS,
        "rows_made": ROWS,
    }
    return with_steps(steps, FLOWS)


def watched_query(columns: Mapping[str, str], relation: str, period: Period) -> str:
    """
    The rows of `usage.watched.parquet`, likewise.
    """
    steps = {
        "parsed": parsed(columns, relation),
        "judged": judged(period),
        "hours": HOURS,
        **WATCHED_STEPS,
    }
    return with_steps(steps, WATCHED)


DIALECTS: Mapping[str, str] = {
    "duckdb": "duckdb",
    "trino": "trino",
    "spark": "spark",
    "sls": "presto",
}
"""
Engines, and what sqlglot calls their dialect. SLS is documented to be Presto's.
"""
PARTS = ("flows", "watched")
SLS_TABLE = "log"
_BITS = 64


class TableNameError(IngressError):
    """
    What is given as the name of a table is none in the dialect.
    """


def printed(  # noqa: PLR0913 - each is a decision of the caller
    part: str,
    dialect: str,
    period: Period,
    *,
    table: str = "",
    columns: Mapping[str, str] | None = None,
    underscores: bool = False,
    pretty: bool = True,
) -> str:
    """
    The query for one engine, as text without a semicolon.

    Args:
        part: `flows` for `usage.parquet`, `watched` for `usage.watched.parquet`.
        dialect: a key of `DIALECTS`.
        period: whose records are taken.
        table: what holds the records, as the dialect spells it; by default `flow_log`,
            or `log` in SLS.
        columns: our name of each field -> its name in the table; as in a flow log
            where not given. Those that are left out are taken for missing.
        underscores: the names have `_` for `-`.
        pretty: over several lines.

    Raises:
        ExtraMissingError: sqlglot is not installed.
        TableNameError: *table* is not a name in the dialect.
    """
    sqlglot: Any = library("sqlglot")
    relation = _relation(
        table or (SLS_TABLE if dialect == "sls" else "flow_log"), dialect
    )
    names = columns or {
        name: field.replace("-", "_") if underscores else field
        for name, field in FIELDS.items()
    }
    quoted = {name: f'"{field}"' for name, field in names.items()}
    make = flows_query if part == "flows" else watched_query
    tree = sqlglot.parse_one(make(quoted, relation, period), read="duckdb")
    if dialect == "sls":
        tree = tree.transform(_without_shifts)
    if dialect in ("trino", "sls"):
        tree = tree.transform(_as_presto)
    text: str = tree.sql(dialect=DIALECTS[dialect], pretty=pretty)
    return text


def _relation(table: str, dialect: str) -> str:
    """
    The table as DuckDB spells it.
    """
    sqlglot: Any = library("sqlglot")
    engine, kind = DIALECTS[dialect], sqlglot.exp.Table
    with suppress(sqlglot.errors.SqlglotError):
        tree = sqlglot.parse_one(table, into=kind, read=engine)
        if isinstance(tree, kind):
            return str(tree.sql("duckdb"))
    parts = (sqlglot.exp.to_identifier(p, quoted=True) for p in table.split("."))
    quoted = ".".join(part.sql(engine) for part in parts)
    raise TableNameError(
        f"{table!r} is not the name of a table in {dialect}; if it is one with"
        f" special characters, quote it: --table {shlex.quote(quoted)}"
    )


def _without_shifts(node: Any) -> Any:
    """
    SLS documents no shifts of bits: powers of two stand for them, which are exact.
    """
    expressions: Any = library("sqlglot").exp
    name = type(node).__name__
    if name == "BitwiseLeftShift":
        return expressions.cast(
            expressions.Pow(
                this=expressions.Literal.number(2), expression=node.expression
            ),
            "bigint",
        )
    if name == "BitwiseRightShift":
        power = expressions.Literal.number(1 << int(node.expression.name))
        return expressions.IntDiv(this=node.this, expression=power)
    return node


def _as_presto(node: Any) -> Any:
    """
    What sqlglot does not translate: in Presto `BIT_COUNT` takes the number of bits, and
    `/` divides integers as integers.
    """
    expressions: Any = library("sqlglot").exp
    name = type(node).__name__
    if name == "IntDiv":
        return expressions.Div(
            this=expressions.paren(node.this, copy=False),
            expression=expressions.paren(node.expression, copy=False),
            typed=True,
        )
    if name == "Anonymous" and node.name.upper() == "BIT_COUNT":
        width = expressions.Literal.number(_BITS)
        return expressions.Anonymous(
            this="BIT_COUNT", expressions=[*node.expressions, width]
        )
    return node
