"""
Records of flow logs for tests, one by one, and how a table is read back.
"""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import cramjam
import duckdb

FROM = 1_790_000_400
"""
A full ten minutes in September 2026.
"""
UNTIL = "2026-09-23T12:00:00Z"
SYN = 2
SYN_ACK = 18

Record = dict[str, object]


def flow(minute: int = 0, **changes: object) -> Record:
    """An accepted inbound connection; `__` in a name stands for `-`."""
    record: Record = {
        "version": 1,
        "eni-id": "eni-1",
        "vpc-id": "vpc-1",
        "account-id": "1234567890123456",
        "direction": "in",
        "srcaddr": "203.0.113.9",
        "srcport": 40_000,
        "dstaddr": "10.0.0.5",
        "dstport": 443,
        "protocol": 6,
        "packets": 10,
        "bytes": 1_000,
        "start": FROM + 60 * minute,
        "end": FROM + 60 * minute + 50,
        "log-status": "OK",
        "action": "ACCEPT",
        "tcp-flags": SYN,
    }
    return record | {name.replace("__", "-"): v for name, v in changes.items()}


def answer(record: Mapping[str, object], **changes: object) -> Record:
    """The other direction of a record."""
    swapped = dict(record) | {
        "direction": "out" if record["direction"] == "in" else "in",
        "srcaddr": record["dstaddr"],
        "dstaddr": record["srcaddr"],
        "srcport": record["dstport"],
        "dstport": record["srcport"],
        "tcp-flags": SYN_ACK,
    }
    return swapped | {name.replace("__", "-"): v for name, v in changes.items()}


def quiet(minute: int, status: str = "NODATA", **changes: object) -> Record:
    """A record of a window without flows."""
    fields = "srcaddr srcport dstaddr dstport protocol packets bytes direction action"
    dashes = dict.fromkeys((*fields.split(), "tcp-flags"), "-")
    window = {"end": FROM + 60 * minute + 60, "log-status": status}
    return flow(minute, **changes) | dashes | window


def write_json(path: Path, records: Iterable[Mapping[str, object]]) -> Path:
    """JSON lines, compressed where the name ends in `.gz` or `.zst`."""
    text = "".join(json.dumps(record) + "\n" for record in records)
    if path.suffix == ".gz":
        path.write_bytes(gzip.compress(text.encode()))
    elif path.suffix == ".zst":
        path.write_bytes(bytes(cramjam.zstd.compress(text.encode())))
    else:
        path.write_text(text, encoding="utf-8")
    return path


SORTED_BY = ("interface_id", "source", "protocol", "port", "opened", "action")


def rows(table: Path) -> list[dict[str, Any]]:
    """The rows of a Parquet file, whose own order says nothing."""
    with duckdb.connect() as database:
        found = database.execute("SELECT * FROM read_parquet(?)", [str(table)])
        names = [column[0] for column in found.description or []]
        made = [dict(zip(names, row, strict=True)) for row in found.fetchall()]
    return sorted(made, key=lambda r: [(r.get(n) is None, r.get(n)) for n in SORTED_BY])
