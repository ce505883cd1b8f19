"""
The usage table of records, made plainly: one record after the other, in Python.

It stands beside `usage collect`, which makes the same with SQL: their tables are
compared, and what judges a table is tested without the other half.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import duckdb

from usage.simulator import Simulation

SYN, ACK = 2, 16
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
    flags: dict[tuple[str, Pair], list[int | None]] = {}
    for each in flows:
        direction = each["direction"]
        if each["action"] == "REJECT":
            continue
        flags.setdefault((direction, _pair(each, direction)), []).append(_flags(each))
    rows: dict[Row, list[Mapping[str, str]]] = {}
    for each in flows:
        if each["direction"] == "in":
            accepted = each["action"] == "ACCEPT"
            opened = _opened(_pair(each, "in"), flags) if accepted else "unknown"
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


def _pair(record: Mapping[str, str], direction: str) -> Pair:
    """
    The connection, its far end first.
    """
    source = record["srcaddr"].lower(), int(record["srcport"])
    destination = record["dstaddr"].lower(), int(record["dstport"])
    far, near = (source, destination) if direction == "in" else (destination, source)
    return record["eni-id"], int(record["protocol"]), *far, *near


def _flags(record: Mapping[str, str]) -> int | None:
    text = record.get("tcp-flags")
    return int(text) if text else None


def _opened(pair: Pair, flags: Mapping[tuple[str, Pair], list[int | None]]) -> str:
    """
    Who opened a connection, where the flags of both directions prove it.
    """
    inbound, outbound = flags[("in", pair)], flags.get(("out", pair), [])
    if not outbound:
        return "in" if pair[1] != 6 or None not in inbound else "unknown"
    if pair[1] != 6:
        return "unknown"
    ins = [each for each in inbound if each is not None]
    outs = [each for each in outbound if each is not None]
    if len(ins) < len(inbound) or len(outs) < len(outbound):
        return "unknown"
    if _opens(outs) and _answers(ins):
        return "out"
    return "in" if _opens(ins) and _answers(outs) else "unknown"


def _opens(flags: Sequence[int]) -> bool:
    """
    SYN, and in no window a flag that an answer would have.
    """
    return any(each & SYN for each in flags) and not any(each & ACK for each in flags)


def _answers(flags: Sequence[int]) -> bool:
    """
    SYN with ACK, and in no window a SYN alone.
    """
    handshakes = [each for each in flags if each & SYN]
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
