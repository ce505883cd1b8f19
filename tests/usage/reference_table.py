"""
The usage table of records, made plainly: one record after the other, in Python.

It stands beside `usage collect`, which makes the same with SQL: their tables are
compared, and what judges a table is tested without the other half.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from pathlib import Path

import duckdb

from usage.simulator import Simulation

SYN, ACK = 2, 16
IDLE_S = 910
PORTED = (6, 17, 132)
Row = tuple[object, ...]
Pair = tuple[str, int, str, int, str, int]

FLOWS = (
    "interface_id VARCHAR, vpc_id VARCHAR, account_id VARCHAR, opened VARCHAR,"
    " source VARCHAR, destination VARCHAR, protocol INTEGER, port INTEGER,"
    " action VARCHAR, first_seen BIGINT, last_seen BIGINT, flows BIGINT,"
    " packets BIGINT, bytes BIGINT"
)
WATCHED = (
    "interface_id VARCHAR, vpc_id VARCHAR, account_id VARCHAR, windows_ok BIGINT,"
    " windows_nodata BIGINT, windows_skipped BIGINT, first_window BIGINT,"
    " last_window BIGINT, window_s INTEGER, unreadable BIGINT"
)


def write_table(simulation: Simulation, table: Path) -> None:
    """
    Write the table of a simulation's records, and what was watched beside it.
    """
    damaged = "unreadable" in simulation.spoilt
    whole = simulation.records
    records = distinct(whole[: len(whole) // 2] if damaged else whole)
    metadata = {
        "schema": "usage-table-1",
        "period_from": simulation.world.start,
        "period_to": simulation.world.end,
        "all_paths": simulation.all_paths,
        "files_unreadable": int(damaged),
        "records_unreadable": 0,
        "made_at": simulation.world.end,
    }
    watched = table.with_name(f"{table.stem}.watched{table.suffix}")
    window_s = simulation.world.window_s
    _write(table, FLOWS, flow_rows(records), metadata)
    _write(watched, WATCHED, watched_rows(records, window_s), metadata)


def distinct(records: Iterable[Mapping[str, object]]) -> list[dict[str, str]]:
    """
    The records as text, each once.
    """
    seen: dict[tuple[tuple[str, str], ...], dict[str, str]] = {}
    for record in records:
        texts = {name: str(value) for name, value in record.items()}
        seen.setdefault(tuple(sorted(texts.items())), texts)
    return list(seen.values())


def flow_rows(records: Sequence[Mapping[str, str]]) -> list[Row]:
    """
    The rows of `usage.parquet`.
    """
    flows = [each for each in records if each["log-status"] == "OK"]
    exact = {_hour(each) for each in flows if int(each["start"]) % 60}
    pairs: dict[Pair, list[Mapping[str, str]]] = {}
    rows: dict[Row, list[Mapping[str, str]]] = {}
    for each in flows:
        if each["action"] == "ACCEPT":
            pairs.setdefault(_pair(each), []).append(each)
        elif each["direction"] == "in":
            rows.setdefault(_key(each, "unknown"), []).append(each)
    for pair in pairs.values():
        for part in _parts(pair, exact):
            opened = "out" if _is_own(part) else _opened(pair)
            for each in part:
                if each["direction"] == "in":
                    rows.setdefault(_key(each, opened), []).append(each)
    return [
        (
            *key,
            min(int(each["start"]) for each in group),
            max(int(each["end"]) for each in group),
            len(group),
            sum(int(each["packets"]) for each in group),
            sum(int(each["bytes"]) for each in group),
        )
        for key, group in rows.items()
    ]


def _hour(record: Mapping[str, str]) -> tuple[str, int]:
    return record["eni-id"], int(record["start"]) // 3600


def _parts(
    pair: Sequence[Mapping[str, str]], exact: Collection[tuple[str, int]]
) -> list[list[Mapping[str, str]]]:
    """
    The records of a pair, cut where a session may have been forgotten.
    """
    parts: list[list[Mapping[str, str]]] = []
    latest = -IDLE_S - 1
    for each in sorted(pair, key=lambda r: (int(r["start"]), int(r["end"]))):
        came_by = int(each["start" if _hour(each) in exact else "end"])
        if came_by - latest > IDLE_S:
            parts.append([])
        parts[-1].append(each)
        latest = int(each["start"])
    return parts


def _key(record: Mapping[str, str], opened: str) -> Row:
    protocol = int(record["protocol"])
    has_port = protocol in PORTED and opened != "out"
    return (
        record["eni-id"],
        record["vpc-id"],
        record["account-id"],
        opened,
        record["srcaddr"].lower(),
        record["dstaddr"].lower(),
        protocol,
        int(record["dstport"]) if has_port else None,
        record["action"],
    )


def _pair(record: Mapping[str, str]) -> Pair:
    """
    The connection, its far end first.
    """
    source = record["srcaddr"].lower(), int(record["srcport"])
    destination = record["dstaddr"].lower(), int(record["dstport"])
    inward = record["direction"] == "in"
    far, near = (source, destination) if inward else (destination, source)
    return record["eni-id"], int(record["protocol"]), *far, *near


def _flags(record: Mapping[str, str]) -> int | None:
    text = record.get("tcp-flags")
    return int(text) if text else None


def _by_direction(
    records: Sequence[Mapping[str, str]],
) -> tuple[list[Mapping[str, str]], list[Mapping[str, str]]]:
    ins = [each for each in records if each["direction"] == "in"]
    return ins, [each for each in records if each["direction"] == "out"]


def _is_own(part: Sequence[Mapping[str, str]]) -> bool:
    """
    Whether flags and times of a part prove that the interface opened it.
    """
    ins, outs = _by_direction(part)
    got, sent = [_flags(each) for each in ins], [_flags(each) for each in outs]
    if part[0]["protocol"] != "6" or None in got or None in sent:
        return False
    if not _opens(sent) or not _answers(got):
        return False
    syn = min(int(o["start"]) for o in outs if (_flags(o) or 0) & SYN)
    return min(int(each["start"]) for each in ins) + 1 >= syn


def _opened(pair: Sequence[Mapping[str, str]]) -> str:
    """
    Who opened a connection that is not proven to be the interface's own.
    """
    ins, outs = _by_direction(pair)
    got, sent = [_flags(each) for each in ins], [_flags(each) for each in outs]
    if pair[0]["protocol"] != "6":
        return "unknown" if outs else "in"
    if None in got or None in sent:
        return "unknown"
    return "in" if not outs or (_opens(got) and _answers(sent)) else "unknown"


def _opens(flags: Sequence[int | None]) -> bool:
    """
    SYN, and in no window a flag that an answer would have.
    """
    known = [each or 0 for each in flags]
    return any(each & SYN for each in known) and not any(each & ACK for each in known)


def _answers(flags: Sequence[int | None]) -> bool:
    """
    SYN with ACK, and in no window a SYN alone.
    """
    handshakes = [each for each in flags if each and each & SYN]
    return bool(handshakes) and all(each & ACK for each in handshakes)


def watched_rows(records: Sequence[Mapping[str, str]], window_s: int) -> list[Row]:
    """
    The rows of `usage.watched.parquet`.
    """
    windows: dict[tuple[str, str, str], dict[int, set[str]]] = {}
    for each in records:
        place = each["eni-id"], each["vpc-id"], each["account-id"]
        window = int(each["start"]) // window_s
        statuses = windows.setdefault(place, {})
        statuses.setdefault(window, set()).add(each["log-status"])
    rows: list[Row] = []
    for place, statuses in windows.items():
        first, last = min(statuses), max(statuses)
        skipped = sum("SKIPDATA" in each for each in statuses.values())
        ok = sum("SKIPDATA" not in e and "OK" in e for e in statuses.values())
        nodata = sum(each == {"NODATA"} for each in statuses.values())
        missing = last - first + 1 - len(statuses)
        span = (first * window_s, last * window_s, window_s, 0)
        rows.append((*place, ok, nodata, skipped + missing, *span))
    return rows


def _write(
    path: Path, columns: str, rows: Sequence[Row], metadata: Mapping[str, object]
) -> None:
    text = json.dumps(metadata, sort_keys=True)
    with duckdb.connect(config={"threads": 1}) as database:
        database.execute(f"CREATE TABLE made ({columns})")
        if rows:
            marks = ", ".join("?" for _ in rows[0])
            database.executemany(f"INSERT INTO made VALUES ({marks})", rows)
        database.execute(
            f"COPY made TO '{path}' (FORMAT parquet, KV_METADATA"
            f" {{'alicloud_ingress.usage': '{text}'}})"
        )
