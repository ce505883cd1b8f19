"""
Usage tables as tests need them: a few flows, and what was watched.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import astuple, dataclass, replace
from pathlib import Path

from alicloud_ingress.usage.engine import connect
from alicloud_ingress.usage.table import (
    FLOW_COLUMNS,
    METADATA_KEY,
    WATCHED_COLUMNS,
    Metadata,
    UsageTable,
    open_table,
    watched_path,
)

VPC = "vpc-1"
ACCOUNT = "1234567890123456"
DAY = 86_400
FROM = 1_790_000_400
"""The first second of the period of the tests, 2026-09-21T14:20:00Z."""
TO = FROM + 42 * DAY
WINDOW = 600
PERIOD = Metadata(
    period_from=FROM,
    period_to=TO,
    all_paths=True,
    files_unreadable=0,
    records_unreadable=0,
    made_at=TO + 7_200,
)


@dataclass(frozen=True, kw_only=True)
class Flow:
    """A row of the table; the defaults are a connection to https."""

    interface_id: str = "eni-1"
    vpc_id: str = VPC
    account_id: str = ACCOUNT
    opened: str = "in"
    source: str = "10.1.2.3"
    destination: str = "192.168.0.1"
    protocol: int = 6
    port: int | None = 443
    action: str = "ACCEPT"
    first_seen: int = FROM + DAY
    last_seen: int = FROM + 2 * DAY
    flows: int = 1
    packets: int = 10
    bytes: int = 1_000


@dataclass(frozen=True, kw_only=True)
class Watched:
    """What was watched of an interface; the defaults are the whole period."""

    interface_id: str = "eni-1"
    vpc_id: str = VPC
    account_id: str = ACCOUNT
    windows_ok: int = 48
    windows_nodata: int = 42 * DAY // WINDOW - 48
    windows_skipped: int = 0
    first_window: int | None = FROM
    last_window: int | None = TO - WINDOW
    window_s: int = WINDOW
    unreadable: int = 0


def unwatched_from(first: int, watched: Watched | None = None) -> Watched:
    """An interface whose windows end before a second of the period."""
    given = watched or Watched()
    count = (first - FROM) // WINDOW
    return replace(
        given,
        windows_ok=0,
        windows_nodata=count,
        last_window=FROM + (count - 1) * WINDOW,
    )


def written(
    path: Path,
    flows: Iterable[Flow] = (),
    watched: Iterable[Watched] | None = (Watched(),),
    metadata: Metadata = PERIOD,
) -> UsageTable:
    """Write a table and open it; without *watched* no file says what was."""
    _write(path, FLOW_COLUMNS, map(astuple, flows), metadata)
    if watched is not None:
        _write(watched_path(path), WATCHED_COLUMNS, map(astuple, watched), metadata)
    return open_table(path)


def _write(
    path: Path,
    columns: Mapping[str, str],
    rows: Iterable[tuple[object, ...]],
    metadata: Metadata,
) -> None:
    with connect() as database:
        definition = ", ".join(f"{name} {kind}" for name, kind in columns.items())
        database.execute(f"CREATE TABLE given ({definition})")
        values = list(zip(*rows, strict=True))
        if values:
            unnested = ", ".join(
                f"unnest(${n})::{kind}" for n, kind in enumerate(columns.values(), 1)
            )
            database.execute(
                f"INSERT INTO given SELECT {unnested}", [list(v) for v in values]
            )
        text = metadata.as_text().replace("'", "''")
        database.execute(
            f"COPY given TO '{path}' (FORMAT parquet,"
            f" KV_METADATA {{'{METADATA_KEY}': '{text}'}})"
        )
