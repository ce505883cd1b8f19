"""
The records of flow logs in SQL: their fields, and which kind each record is.
"""

from __future__ import annotations

from collections.abc import Mapping

from alicloud_ingress.usage.period import Period

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
_ENDED = f"(seen_to IS NULL OR (seen_to >= seen_from AND seen_to < {LAST_SECOND}))"

_WORDED = "direction IN ('in', 'out') AND action IN ('ACCEPT', 'REJECT')"
_MEASURED = f"""
protocol BETWEEN 0 AND 255
    AND packets BETWEEN 0 AND {MAX_COUNT} AND bytes BETWEEN 0 AND {MAX_COUNT}
    AND seen_to >= seen_from AND seen_to < {LAST_SECOND}
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
        f" OR seen_from >= {LAST_SECOND}"
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
