"""
What was watched, in SQL: the windows of each interface, from its records by hour.
"""

from __future__ import annotations

from collections.abc import Mapping

from alicloud_ingress.usage.records import NODATA, OK, SKIPDATA, UNREADABLE

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

STEPS: Mapping[str, str] = {
    "interfaces": INTERFACES,
    "lengths": LENGTHS,
    "windows": WINDOWS,
    "counted": COUNTED,
}
"""
What `WATCHED` needs beyond `hours`.
"""
