"""
A short way through the query for most pairs, in DuckDB alone.

Nearly all pairs of addresses and ports have no copy of a record and are never idle for
long. Their rows come from one pass, without a comparison of all records.
The rest, which `AGAIN` selects, goes through the steps of `query.py`.
"""

from __future__ import annotations

from alicloud_ingress.usage.query import (
    ELSE_OPENED,
    FLOW_FIELDS,
    IS_CUT,
    LOCAL_FIELDS,
    OWN,
    OWN_PORT,
    PAIR,
    PROVEN_OWN,
    REMOTE,
    REMOTE_PORT,
    SUMS,
)

_ACCEPTED, _REJECTED_SYN, _REJECTED = range(3)
_KIND = f"""
CASE WHEN action = 'ACCEPT' THEN {_ACCEPTED}
  WHEN protocol = 6 AND (flags & 18) = 2 THEN {_REJECTED_SYN} ELSE {_REJECTED} END
""".strip()
_LOCAL = f"""
SELECT {LOCAL_FIELDS},
  CAST({_KIND} AS TINYINT) AS decision
FROM judged WHERE kind = 'OK' AND (action = 'ACCEPT' OR direction = 'in')
""".strip()
_SLOT = "seen_from // 60 % 31 * 2 + CASE WHEN direction = 'in' THEN 1 ELSE 0 END"
"""
One of 62 for each direction and minute. Equal records have the same; where each record
of a pair has another one, none has a copy.
"""
_PAIRS = f"""
SELECT {PAIR}, decision, MAX(seen_to) - MIN(seen_from) AS lasted, COUNT(*) AS records,
  BIT_OR(CAST(1 AS BIGINT) << CAST({_SLOT} AS INTEGER)) AS slots,
  {SUMS}
FROM ({_LOCAL}) AS l GROUP BY {PAIR}, decision
""".strip()
_OPENED = f"""
CASE WHEN decision = {_REJECTED_SYN} THEN 'in'
  WHEN decision = {_REJECTED} THEN 'unknown'
  WHEN protocol = 6 AND {PROVEN_OWN} THEN 'out' ELSE {ELSE_OPENED} END
""".strip()
_AGAIN = (
    f"(records <> BIT_COUNT(slots) OR (decision = {_ACCEPTED} AND COALESCE({IS_CUT},"
    " false)))"
)
_TAKEN = f"""
SELECT interface_id, protocol, flows, packets, bytes, first_seen, last_seen, again,
  CASE WHEN again THEN remote ELSE LOWER(remote) END AS remote,
  CASE WHEN again THEN own ELSE LOWER(own) END AS own,
  CASE WHEN again OR opened <> 'out' THEN own_port END AS port,
  CASE WHEN again THEN remote_port END AS remote_port,
  opened, decision > {_ACCEPTED} AS rejected
FROM (
  SELECT *, {_OPENED} AS opened, {_AGAIN} AS again FROM ({_PAIRS}) AS p WHERE flows > 0
) AS o
""".strip()
_KEPT = (
    "interface_id, remote, own, protocol, port, remote_port, opened, rejected, again"
)
SIMPLE = f"""
SELECT {_KEPT}, MIN(first_seen) AS first_seen, MAX(last_seen) AS last_seen,
  CAST(SUM(flows) AS BIGINT) AS flows, CAST(SUM(packets) AS BIGINT) AS packets,
  CAST(SUM(bytes) AS BIGINT) AS bytes
FROM ({_TAKEN}) AS t GROUP BY {_KEPT}
""".strip()
"""
The table `simple`: rows of `usage.parquet`; those with `again` are pairs that have no
such row yet.
"""

_PAIR_OF_RECORD = (
    f"interface_id, CAST(protocol AS INTEGER), {REMOTE}, {OWN},"
    f" COALESCE({OWN_PORT}, -1), COALESCE({REMOTE_PORT}, -1)"
)
AGAIN = f"""
SELECT DISTINCT {FLOW_FIELDS} FROM judged AS j
WHERE kind = 'OK' AND (interface_id, {REMOTE}) IN (
    SELECT (interface_id, remote) FROM simple WHERE again)
  AND ({_PAIR_OF_RECORD}) IN (
    SELECT (interface_id, protocol, remote, own, COALESCE(port, -1),
      COALESCE(remote_port, -1)) FROM simple WHERE again)
""".strip()
"""
The step `flow_records`, of those pairs alone.
"""

_KEYS = (
    "interface_id, vpc_id, account_id, opened, source, destination, protocol, port,"
    " action"
)
_VALUES = "first_seen, last_seen, flows, packets, bytes"
SIMPLE_FLOWS = f"""
SELECT s.interface_id, vpc_id, account_id, opened, remote AS source,
  own AS destination, CAST(protocol AS INTEGER) AS protocol,
  CAST(port AS INTEGER) AS port,
  CASE WHEN rejected THEN 'REJECT' ELSE 'ACCEPT' END AS action, {_VALUES}
FROM simple AS s JOIN interfaces AS i ON i.interface_id = s.interface_id
WHERE NOT again
""".strip()
_SHARED = "(interface_id, source) IN (SELECT (interface_id, source) FROM rest)"
FLOWS = f"""
SELECT {_KEYS}, {_VALUES} FROM simple_flows WHERE NOT {_SHARED}
UNION ALL
SELECT {_KEYS}, MIN(first_seen) AS first_seen, MAX(last_seen) AS last_seen,
  CAST(SUM(flows) AS BIGINT) AS flows, CAST(SUM(packets) AS BIGINT) AS packets,
  CAST(SUM(bytes) AS BIGINT) AS bytes
FROM (
  SELECT {_KEYS}, {_VALUES} FROM simple_flows WHERE {_SHARED}
  UNION ALL SELECT {_KEYS}, {_VALUES} FROM rest
) AS both_ways
GROUP BY {_KEYS}
""".strip()
"""
The rows of `usage.parquet`, from `simple_flows` and `rest`, which may share keys.
"""
