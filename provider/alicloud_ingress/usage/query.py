"""
The one query that turns flow log records into the usage table.

It is a chain of common table expressions, written once in the dialect of DuckDB. The
embedded engine takes the same steps, and keeps some of them in temporary tables;
`dialects.py` prints the chain for another engine. A step refers to earlier ones only.

How a connection's opener is proven: for TCP, the records of a pair of addresses and
ports are of a connection that the interface opened only if the outbound ones have SYN
without ACK, the inbound ones have SYN together with ACK and never SYN alone, and no
inbound one is earlier than the outbound SYN. The port numbers prove nothing.

ECS forgets a session that is idle for `IDLE_S`: what comes in afterwards is decided by
the rules. So a pair is cut where it may have been idle for longer, and each part needs
its own proof.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

FIELDS: Mapping[str, str] = {
    "interface_id": "eni-id",
    "vpc_id": "vpc-id",
    "account_id": "account-id",
    "direction": "direction",
    "source": "srcaddr",
    "destination": "dstaddr",
    "source_port": "srcport",
    "destination_port": "dstport",
    "protocol": "protocol",
    "action": "action",
    "status": "log-status",
    "seen_from": "start",
    "seen_to": "end",
    "packets": "packets",
    "bytes": "bytes",
    "flags": "tcp-flags",
}
"""
Our name of each field that is read, and its name in a flow log.
"""
NUMBERS = frozenset(
    (
        "source_port",
        "destination_port",
        "protocol",
        "seen_from",
        "seen_to",
        "packets",
        "bytes",
        "flags",
    )
)
_OF_INTERFACE = frozenset({"interface_id", "vpc_id", "account_id"})
OPTIONAL = frozenset({"vpc_id", "account_id", "flags"})
"""
Fields that a log may lack.
"""
GRID_S = 600
"""
A multiple of each capture window: periods begin and end on it.
"""
LAST_SECOND = 1 << 32
"""
A time from here on is not in seconds.
"""
SLACK_S = 1
"""
Seconds by which two times of one connection may be out of order.
"""
IDLE_S = 910
"""
How long ECS remembers an idle TCP session.

https://www.alibabacloud.com/help/en/ecs/user-guide/connection-timeout-management
"""


@dataclass(frozen=True, slots=True)
class Period:
    """
    A period of a table.

    Args:
        from_s: its first second, a multiple of `GRID_S`.
        to_s: the second after its last, likewise.
    """

    from_s: int
    to_s: int


def parsed(columns: Mapping[str, str], relation: str) -> str:
    """
    The step `parsed`: each record of a relation under our names and types.

    Args:
        columns: our name of each field -> SQL expression of its text or number;
            `OPTIONAL` ones may be missing.
        relation: what holds the records, as SQL.
    """
    items: list[str] = []
    for name in FIELDS:
        kind = "BIGINT" if name in NUMBERS else "VARCHAR"
        if name not in columns:
            items.append(f"CAST(NULL AS {kind}) AS {name}")
        elif kind == "BIGINT":
            items.append(f"TRY_CAST({columns[name]} AS BIGINT) AS {name}")
        elif name in _OF_INTERFACE:
            items.append(f"NULLIF(CAST({columns[name]} AS VARCHAR), '-') AS {name}")
        else:
            items.append(f"CAST({columns[name]} AS VARCHAR) AS {name}")
    return f"SELECT {', '.join(items)} FROM {relation}"


_ADDRESS = "LENGTH({0}) BETWEEN 2 AND 45 AND ({0} LIKE '%.%' OR {0} LIKE '%:%')"
PORTED = "protocol IN (6, 17, 132)"
_PLACED = f"interface_id <> '' AND seen_from >= 0 AND seen_from < {LAST_SECOND}"

_JUDGED = f"""
SELECT *, CASE
  WHEN status = 'OK' AND {_PLACED}
    AND direction IN ('in', 'out') AND action IN ('ACCEPT', 'REJECT')
    AND protocol BETWEEN 0 AND 255 AND packets >= 0 AND bytes >= 0
    AND seen_to >= seen_from AND seen_to < {LAST_SECOND}
    AND {_ADDRESS.format("source")} AND {_ADDRESS.format("destination")}
    AND (NOT {PORTED} OR (source_port BETWEEN 0 AND 65535
      AND destination_port BETWEEN 0 AND 65535)) THEN 'OK'
  WHEN status IN ('NODATA', 'SKIPDATA') AND {_PLACED} THEN status
  ELSE 'UNREADABLE' END AS kind
FROM parsed
"""


def judged(period: Period) -> str:
    """
    The step `judged`: the records of the period, and which kind each one is.

    A record whose time cannot be read belongs to every period.
    """
    return (
        f"{_JUDGED.strip()}\nWHERE seen_from IS NULL OR seen_from < 0"
        f" OR seen_from >= {LAST_SECOND}"
        f" OR (seen_from >= {period.from_s} AND seen_from < {period.to_s})"
    )


_MINUTE = "CAST((seen_from % 3600) // 60 AS INTEGER)"


def _mask(kind: str) -> str:
    return (
        f"BIT_OR(CASE WHEN kind = '{kind}' THEN (CAST(1 AS BIGINT) << {_MINUTE})"
        " ELSE CAST(0 AS BIGINT) END)"
    )


HOURS = f"""
SELECT COALESCE(interface_id, '') AS interface_id,
  seen_from - (seen_from % 3600) AS hour_start,
  MAX(vpc_id) AS vpc_id, MAX(account_id) AS account_id,
  {_mask("OK")} AS ok_minutes, {_mask("NODATA")} AS nodata_minutes,
  {_mask("SKIPDATA")} AS skipped_minutes,
  MIN(CASE WHEN kind <> 'UNREADABLE' THEN seen_from END) AS first_start,
  MAX(CASE WHEN kind <> 'UNREADABLE' THEN seen_from END) AS last_start,
  MIN(CASE WHEN kind = 'NODATA' THEN seen_to - seen_from END) AS nodata_s,
  MAX(CASE WHEN kind = 'OK' THEN seen_to - seen_from END) AS flow_s,
  MAX(CASE WHEN kind = 'OK' AND seen_from % 60 <> 0 THEN 1 ELSE 0 END) AS exact,
  SUM(CASE WHEN kind = 'UNREADABLE' THEN 1 ELSE 0 END) AS unreadable
FROM judged
GROUP BY COALESCE(interface_id, ''), seen_from - (seen_from % 3600)
""".strip()
"""
The step `hours`: for each interface and hour, in which minutes records begin.

In older logs all records begin on the bounds of windows. Where one does not, `exact` is
1: `start` is the time of the first packet.
"""

INTERFACES = """
SELECT interface_id, COALESCE(MAX(vpc_id), '') AS vpc_id,
  COALESCE(MAX(account_id), '') AS account_id,
  MIN(nodata_s) AS nodata_s, MAX(flow_s) AS flow_s
FROM hours GROUP BY interface_id
""".strip()

_LENGTH = """
CASE WHEN COALESCE(i.nodata_s, v.nodata_s) IS NULL THEN
    CASE WHEN COALESCE(i.flow_s, 0) <= 60 THEN 60 WHEN i.flow_s <= 300 THEN 300
      ELSE 600 END
  WHEN COALESCE(i.nodata_s, v.nodata_s) <= 90 THEN 60
  WHEN COALESCE(i.nodata_s, v.nodata_s) <= 450 THEN 300 ELSE 600 END
""".strip()
"""
Length of the windows: by the NODATA records of the interface, else of its VPC, else by
the flows. A length that is too short leaves gaps, and one that is too long hides them.
"""

LENGTHS = f"""
SELECT i.interface_id, {_LENGTH} AS window_s
FROM interfaces AS i
LEFT JOIN (
  SELECT vpc_id, MIN(nodata_s) AS nodata_s FROM interfaces GROUP BY vpc_id
) AS v ON v.vpc_id = i.vpc_id
""".strip()


def _windows(minutes: str) -> str:
    """
    Minutes of an hour as windows: one bit for each, at the window's first minute.
    """

    def merged(size: int) -> str:
        shifted = " | ".join(f"({minutes} >> {n})" for n in range(1, size))
        firsts = sum(1 << n for n in range(0, 60, size))
        return f"(({minutes} | {shifted}) & {firsts})"

    return (
        f"CASE window_s WHEN 60 THEN {minutes} WHEN 300 THEN {merged(5)}"
        f" ELSE {merged(10)} END"
    )


WINDOWS = f"""
SELECT h.interface_id, l.window_s, h.first_start, h.last_start, h.unreadable,
  {_windows("h.ok_minutes")} AS ok, {_windows("h.nodata_minutes")} AS nodata,
  {_windows("h.skipped_minutes")} AS skipped
FROM hours AS h JOIN lengths AS l ON l.interface_id = h.interface_id
""".strip()

COUNTED = """
SELECT interface_id, window_s,
  CAST(SUM(BIT_COUNT(ok & ~skipped)) AS BIGINT) AS windows_ok,
  CAST(SUM(BIT_COUNT(nodata & ~(ok | skipped))) AS BIGINT) AS windows_nodata,
  MIN(first_start) - (MIN(first_start) % window_s) AS first_window,
  MAX(last_start) - (MAX(last_start) % window_s) AS last_window,
  CAST(SUM(unreadable) AS BIGINT) AS unreadable
FROM windows GROUP BY interface_id, window_s
""".strip()

WATCHED = """
SELECT c.interface_id, i.vpc_id, i.account_id, c.windows_ok, c.windows_nodata,
  CAST(COALESCE((c.last_window - c.first_window) // c.window_s + 1
    - c.windows_ok - c.windows_nodata, 0) AS BIGINT) AS windows_skipped,
  c.first_window, c.last_window, CAST(c.window_s AS INTEGER) AS window_s, c.unreadable
FROM counted AS c JOIN interfaces AS i ON i.interface_id = c.interface_id
""".strip()
"""
The rows of `usage.watched.parquet`.
"""

ACCEPTED, REJECTED_SYN, REJECTED = range(3)
_DECISION = f"""
CASE WHEN action = 'ACCEPT' THEN {ACCEPTED}
  WHEN protocol = 6 AND (flags & 18) = 2 THEN {REJECTED_SYN} ELSE {REJECTED} END
""".strip()


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
SELECT interface_id, protocol, direction, seen_from, seen_to, packets, bytes, flags,
  source_port, destination_port, decision,
  CASE WHEN direction = 'in' THEN source ELSE destination END AS remote,
  CASE WHEN direction = 'in' THEN destination ELSE source END AS own,
  CASE WHEN NOT {PORTED} THEN 0 WHEN direction = 'in' THEN source_port
    ELSE destination_port END AS remote_port,
  CASE WHEN NOT {PORTED} THEN 0 WHEN direction = 'in' THEN destination_port
    ELSE source_port END AS own_port
FROM (
  SELECT {coded}, protocol, direction, seen_from, seen_to, packets, bytes, flags,
    source_port, destination_port, {_DECISION} AS decision
  FROM judged WHERE kind = 'OK' AND (action = 'ACCEPT' OR direction = 'in')
) AS c
""".strip()


GOT_SYN, GOT_SYN_ACK, SENT, SENT_ACK, SENT_SYN_ACK, NO_FLAGS = (
    1 << bit for bit in range(6)
)
_EVIDENCE = f"""
CASE WHEN direction = 'in' THEN CASE WHEN flags IS NULL THEN {NO_FLAGS}
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

SUMS = f"""
  COUNT(CASE WHEN direction = 'in' THEN 1 END) AS flows,
  CAST(SUM(CASE WHEN direction = 'in' THEN packets ELSE 0 END) AS BIGINT) AS packets,
  CAST(SUM(CASE WHEN direction = 'in' THEN bytes ELSE 0 END) AS BIGINT) AS bytes,
  MIN(CASE WHEN direction = 'in' THEN seen_from END) AS first_seen,
  MAX(CASE WHEN direction = 'in' THEN seen_to END) AS last_seen,
  MIN(CASE WHEN direction = 'out' AND (flags & 18) = 2 THEN seen_from END) AS sent_syn,
  BIT_OR({_EVIDENCE}) AS evidence
""".strip()
PAIR = "interface_id, protocol, remote, own, own_port, remote_port, decision"
_SLOT = "seen_from // 60 % 62"
PAIRS = f"""
SELECT {PAIR}, MAX(seen_to) - MIN(seen_from) AS lasted,
  BIT_OR(CASE WHEN direction = 'in' THEN CAST(1 AS BIGINT) << CAST({_SLOT} AS INTEGER)
    ELSE CAST(0 AS BIGINT) END) AS slots,
  {SUMS}
FROM records GROUP BY {PAIR}
""".strip()
"""
The step `pairs`: both directions of each pair of addresses and ports together.

`slots` has one of 62 bits for the minute of each inbound record. Equal records have the
same; where each record of a pair has another one, none has a copy.
"""

PROVEN_OWN = (
    f"(evidence & {NO_FLAGS | SENT_ACK | GOT_SYN | GOT_SYN_ACK}) = {GOT_SYN_ACK}"
    f" AND first_seen + {SLACK_S} >= sent_syn"
)
ELSE_OPENED = f"""
CASE WHEN protocol <> 6
      THEN CASE WHEN (evidence & {SENT}) = 0 THEN 'in' ELSE 'unknown' END
    WHEN (evidence & {GOT_SYN}) <> 0 THEN 'in'
    WHEN (evidence & {SENT_SYN_ACK | GOT_SYN_ACK}) = {SENT_SYN_ACK} THEN 'in'
    ELSE 'unknown' END
""".strip()
IS_CUT = (
    f"protocol = 6 AND lasted > {IDLE_S} AND sent_syn IS NOT NULL"
    f" AND (evidence & {GOT_SYN_ACK}) <> 0"
)
_OPENED = f"""
CASE decision WHEN {REJECTED_SYN} THEN 'in' WHEN {REJECTED} THEN 'unknown'
  ELSE CASE WHEN protocol = 6 AND {PROVEN_OWN} THEN 'out' ELSE {ELSE_OPENED} END END
""".strip()
OPENERS = f"""
SELECT {PAIR}, flows, packets, bytes, first_seen, last_seen,
  {_OPENED} AS opened, {ELSE_OPENED} AS else_opened, {IS_CUT} AS is_cut,
  ({IS_CUT}) OR flows <> BIT_COUNT(slots) AS again
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
  {SUMS}
FROM (
  SELECT g.*, SUM(CASE WHEN idle > {IDLE_S} THEN 1 ELSE 0 END)
    OVER ({_BY_TIME} ROWS UNBOUNDED PRECEDING) AS session
  FROM (
    SELECT t.*, first_packet - LAG(seen_from) OVER ({_BY_TIME}) AS idle FROM timed AS t
  ) AS g
) AS s
GROUP BY {PAIR}, else_opened, session
""".strip()
"""
The step `sessions`: the parts of each pair that is cut.
"""

_PART = "interface_id, protocol, remote, own, own_port, decision"
_PART_SUMS = "flows, packets, bytes, first_seen, last_seen"
PARTS = f"""
SELECT {_PART}, opened, {_PART_SUMS} FROM openers WHERE NOT again
UNION ALL
SELECT {_PART}, opened, 1 AS flows, packets, bytes, seen_from AS first_seen,
  seen_to AS last_seen
FROM again WHERE NOT is_cut AND direction = 'in'
UNION ALL
SELECT {_PART}, CASE WHEN {PROVEN_OWN} THEN 'out' ELSE else_opened END AS opened,
  {_PART_SUMS}
FROM sessions WHERE flows > 0
""".strip()
"""
The step `parts`: whole pairs, single records and sessions, each with its opener.
"""

_PORT = f"CASE WHEN opened <> 'out' AND {PORTED} THEN own_port END"
ROWS = f"""
SELECT interface_id, opened, remote AS source, own AS destination, protocol,
  {_PORT} AS port,
  CASE decision WHEN {ACCEPTED} THEN 'ACCEPT' ELSE 'REJECT' END AS action,
  MIN(first_seen) AS first_seen, MAX(last_seen) AS last_seen,
  SUM(flows) AS flows, SUM(packets) AS packets, SUM(bytes) AS bytes
FROM parts
GROUP BY interface_id, opened, remote, own, protocol, {_PORT},
  CASE decision WHEN {ACCEPTED} THEN 'ACCEPT' ELSE 'REJECT' END
""".strip()

FLOWS = """
SELECT r.interface_id, i.vpc_id, i.account_id, r.opened, r.source, r.destination,
  CAST(r.protocol AS INTEGER) AS protocol, CAST(r.port AS INTEGER) AS port, r.action,
  CAST(r.first_seen AS BIGINT) AS first_seen,
  CAST(r.last_seen AS BIGINT) AS last_seen, CAST(r.flows AS BIGINT) AS flows,
  CAST(r.packets AS BIGINT) AS packets, CAST(r.bytes AS BIGINT) AS bytes
FROM rows_made AS r JOIN interfaces AS i ON i.interface_id = r.interface_id
""".strip()
"""
The rows of `usage.parquet`.
"""

WATCHED_STEPS: Mapping[str, str] = {
    "interfaces": INTERFACES,
    "lengths": LENGTHS,
    "windows": WINDOWS,
    "counted": COUNTED,
}
"""
What `WATCHED` needs beyond `hours`.
"""
ROW_STEPS: Mapping[str, str] = {
    "again": AGAIN,
    "timed": TIMED,
    "sessions": SESSIONS,
    "parts": PARTS,
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
    The rows of `usage.parquet`, from a relation with the fields of a flow log.

    Args:
        columns: as for `parsed`.
        relation: as for `parsed`.
        period: whose records are taken.
    """
    steps = {
        "parsed": parsed(columns, relation),
        "judged": judged(period),
        "hours": HOURS,
        "interfaces": INTERFACES,
        "records": records(),
        "pairs": PAIRS,
        "openers": OPENERS,
        **ROW_STEPS,
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
