"""
The records of flow logs in SQL: their fields, which kind each record is, and which
windows of an interface they show to be watched.
"""

from __future__ import annotations

from collections.abc import Mapping

from alicloud_ingress.usage.table import Period

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
LAST_SECOND = 1 << 32
"""
A time from here on is not in seconds.
"""
LONGEST_S = 3_600
"""
Seconds that no record lasts: the longest window has ten minutes.
"""
MAX_COUNT = 1 << 48
"""
Packets or bytes that no interface has in a window. Their sums are BIGINT.
"""


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
        column = columns.get(name, "NULL")
        if name in NUMBERS:
            value = f"TRY_CAST({column} AS BIGINT)"
        else:
            value = f"CAST({column} AS VARCHAR)"
        if name in _OF_INTERFACE:
            value = f"NULLIF({value}, '-')"
        if name == "interface_id":
            value = f"COALESCE({value}, '')"
        items.append(f"{value} AS {name}")
    return f"SELECT {', '.join(items)} FROM {relation}"


_ADDRESS = "LENGTH({0}) BETWEEN 2 AND 45 AND ({0} LIKE '%.%' OR {0} LIKE '%:%')"
PORTED = "protocol IN (6, 17, 132)"
OK, NODATA, SKIPDATA, UNREADABLE = range(4)
"""
Kinds of records.
"""
_PLACED = f"interface_id <> '' AND seen_from >= 0 AND seen_from < {LAST_SECOND}"
_LAST_END = f"LEAST(seen_from, {LAST_SECOND}) + {LONGEST_S}"
_LASTS = f"seen_to >= seen_from AND seen_to <= {_LAST_END}"
_ENDED = f"(seen_to IS NULL OR ({_LASTS}))"

_WORDED = "direction IN ('in', 'out') AND action IN ('ACCEPT', 'REJECT')"
_MEASURED = f"""
protocol BETWEEN 0 AND 255
    AND packets BETWEEN 0 AND {MAX_COUNT} AND bytes BETWEEN 0 AND {MAX_COUNT}
    AND {_LASTS}
    AND (NOT {PORTED} OR (source_port BETWEEN 0 AND 65535
      AND destination_port BETWEEN 0 AND 65535))
""".strip()
_KIND = f"""
CASE
  WHEN status = 'OK' AND {_PLACED} AND {_WORDED}
    AND {_MEASURED}
    AND {_ADDRESS.format("source")} AND {_ADDRESS.format("destination")} THEN {OK}
  WHEN status = 'NODATA' AND {_PLACED} AND {_ENDED} THEN {NODATA}
  WHEN status = 'SKIPDATA' AND {_PLACED} AND {_ENDED} THEN {SKIPDATA}
  ELSE {UNREADABLE} END
""".strip()
_STATUS = (
    f"CASE status WHEN 'OK' THEN {OK} WHEN 'NODATA' THEN {NODATA} ELSE {SKIPDATA} END"
)


def judged(period: Period) -> str:
    """
    The step `judged`: the records of the period, and which kind each one is.

    A record whose time cannot be read belongs to every period.
    """
    return (
        f"SELECT *, {_KIND} AS kind\nFROM parsed\n"
        "WHERE seen_from IS NULL OR seen_from < 0"
        " OR (seen_to IS NULL AND COALESCE(status, '') NOT IN ('NODATA', 'SKIPDATA'))"
        f" OR seen_from >= {LAST_SECOND}"
        f" OR seen_to < seen_from OR seen_to > {_LAST_END}"
        f" OR (seen_from >= {period.from_s} AND seen_from < {period.to_s})"
    )


ADDRESSES = """
SELECT LOWER(source) AS text FROM parsed WHERE source IS NOT NULL
UNION SELECT LOWER(destination) FROM parsed WHERE destination IS NOT NULL
""".strip()
_NONE = "('', '-')"
DOUBTS = f"""
SELECT EXISTS (
  SELECT 1 FROM addresses WHERE text NOT IN {_NONE}
    AND NOT ({_ADDRESS.format("text")} AND regexp_full_match(text, '[0-9a-f.:]+'))
) OR EXISTS (
  SELECT 1 FROM parsed WHERE (
    {_PLACED} AND {_ENDED}
    AND (status IN ('NODATA', 'SKIPDATA') OR (status = 'OK' AND {_WORDED}
    AND {_MEASURED}
    AND source NOT IN {_NONE} AND destination NOT IN {_NONE}))
  ) IS NOT TRUE
)
""".strip()
"""
Whether a record may be of the kind `UNREADABLE`; `addresses` are those of all records.
Lower case changes the length of some texts, but of none of these characters.
"""


def judged_by_status(period: Period) -> str:
    """
    The step `judged` of records without `DOUBTS`, which costs half the time.
    """
    return (
        f"SELECT *, {_STATUS} AS kind FROM parsed"
        f" WHERE seen_from >= {period.from_s} AND seen_from < {period.to_s}"
    )


_EXACT = 1 << 60
_MINUTES = f"""
CASE WHEN kind = {UNREADABLE} THEN 0
      ELSE (CAST(1 AS BIGINT) << CAST((seen_from % 3600) // 60 AS INTEGER))
        | CASE WHEN seen_from % 60 <> 0 THEN {_EXACT} ELSE 0 END END
""".strip()
_LASTED = f"CASE WHEN kind IN ({OK}, {NODATA}) THEN seen_to - seen_from END"


def _of(kind: int, value: str, absent: str = "") -> str:
    return f"CASE WHEN kind = {kind} THEN {value}{absent} END"


def _mask(kind: int) -> str:
    return f"BIT_OR({_of(kind, f'minutes & {_EXACT - 1}', ' ELSE 0')})"


HOURS = f"""
SELECT interface_id, hour_start,
  MAX(vpc_id) AS vpc_id, MAX(account_id) AS account_id,
  {_mask(OK)} AS ok_minutes, {_mask(NODATA)} AS nodata_minutes,
  {_mask(SKIPDATA)} AS skipped_minutes,
  MIN(CASE WHEN kind <> {UNREADABLE} THEN first_start END) AS first_start,
  MAX(CASE WHEN kind <> {UNREADABLE} THEN last_start END) AS last_start,
  MIN({_of(NODATA, "shortest_s")}) AS nodata_s,
  MAX({_of(OK, "longest_s")}) AS flow_s,
  MAX({_of(OK, f"minutes // {_EXACT}", " ELSE 0")}) AS exact,
  SUM({_of(UNREADABLE, "records", " ELSE 0")}) AS unreadable
FROM (
  SELECT interface_id, vpc_id, account_id,
    seen_from - (seen_from % 3600) AS hour_start, kind,
    BIT_OR({_MINUTES}) AS minutes,
    MIN(seen_from) AS first_start, MAX(seen_from) AS last_start,
    MIN({_LASTED}) AS shortest_s, MAX({_LASTED}) AS longest_s,
    COUNT(*) AS records
  FROM judged
  GROUP BY interface_id, vpc_id, account_id, seen_from - (seen_from % 3600), kind
) AS k
GROUP BY interface_id, hour_start
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
CASE WHEN COALESCE(i.nodata_s, v.nodata_s, i.flow_s, 0) <= 90 THEN 60
  WHEN COALESCE(i.nodata_s, v.nodata_s, i.flow_s, 0) <= 450 THEN 300 ELSE 600 END
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

WATCHED_STEPS: Mapping[str, str] = {
    "interfaces": INTERFACES,
    "lengths": LENGTHS,
    "windows": WINDOWS,
    "counted": COUNTED,
}
"""
What `WATCHED` needs beyond `hours`.
"""
