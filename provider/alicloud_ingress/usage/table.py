"""
The usage table: what `usage collect` writes and every judgement of usage reads.

It is two Parquet files. `usage.parquet` holds the inbound flows of each network
interface, and `usage.watched.parquet` beside it holds what the logs covered. Both are
small enough to keep and to compare, whatever the size of the logs.

All times are Unix seconds (UTC) as BIGINT, and `Period` says which a table has. The
metadata of a table is a JSON object in the key-value metadata of both Parquet files,
under `METADATA_KEY`.
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from alicloud_ingress import times
from alicloud_ingress.errors import IngressError
from alicloud_ingress.usage.engine import connect, escaped, library, literal

if TYPE_CHECKING:
    import duckdb


DAY_S = 86_400
GRID_S = 600
"""
A multiple of each capture window: periods begin and end on it.
"""
DELIVERY = dt.timedelta(hours=2)
"""
The time that delivery of records may take: left out where no end is given.
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


class PeriodError(IngressError):
    """
    A period that holds nothing, or ends in the future.
    """


def period_of(
    since: dt.timedelta, until: dt.datetime | None, now: dt.datetime
) -> Period:
    """
    The period, begun and ended on a multiple of ten minutes.

    Args:
        since: how far it reaches back from its end.
        until: its end, with a time zone; None for `DELIVERY` before *now*.
        now: the present, with a time zone.

    Raises:
        PeriodError: saying what to change.
    """
    end = now - DELIVERY if until is None else until
    if end > now:
        raise PeriodError(
            f"the period ends at {end.isoformat()}, which is later than now"
        )
    end_s = int(end.timestamp())
    to_s = _on_grid(end_s)
    from_s = _on_grid(end_s - int(since.total_seconds()))
    if from_s >= to_s or from_s < 0:
        raise PeriodError("the period is empty: it must last ten minutes or more")
    return Period(from_s, to_s)


def _on_grid(seconds: int) -> int:
    return seconds - seconds % GRID_S


SCHEMA = "usage-table-1"
METADATA_KEY = "alicloud_ingress.usage"

FLOW_COLUMNS: Mapping[str, str] = {
    "interface_id": "VARCHAR",
    "vpc_id": "VARCHAR",
    "account_id": "VARCHAR",
    "opened": "VARCHAR",
    "source": "VARCHAR",
    "destination": "VARCHAR",
    "protocol": "INTEGER",
    "port": "INTEGER",
    "action": "VARCHAR",
    "first_seen": "BIGINT",
    "last_seen": "BIGINT",
    "flows": "BIGINT",
    "packets": "BIGINT",
    "bytes": "BIGINT",
}
"""
Columns of `usage.parquet`, in order, with DuckDB's names of their types.

One row stands for each distinct value of the first nine columns, over the inbound
records (`direction` is `in`) of the period.

- `interface_id`: `eni-...`.
- `vpc_id`, `account_id`: as logged; '' where no record of the interface has one.
- `opened`: who opened the connection. `in`: the source. `out`: the interface itself, on
  proof, so that the row is an answer. `unknown`: no proof of either.
- `source`, `destination`: addresses as logged, in lower case; IPv6 is not otherwise
  normalized.
- `protocol`: IANA number.
- `port`: destination port of TCP (6), UDP (17) and SCTP (132); NULL for other
  protocols, and for rows with `opened` = `out`.
- `action`: `ACCEPT` or `REJECT`.
- `first_seen`, `last_seen`: `start` of the first, `end` of the last record.
- `flows`: distinct records; equal records count once. `packets`, `bytes`: their sums.

Only `port` can be NULL.
"""

WATCHED_COLUMNS: Mapping[str, str] = {
    "interface_id": "VARCHAR",
    "vpc_id": "VARCHAR",
    "account_id": "VARCHAR",
    "windows_ok": "BIGINT",
    "windows_nodata": "BIGINT",
    "windows_skipped": "BIGINT",
    "first_window": "BIGINT",
    "last_window": "BIGINT",
    "window_s": "INTEGER",
    "unreadable": "BIGINT",
}
"""
Columns of `usage.watched.parquet`: one row for each interface of the logs.

- `windows_ok`, `windows_nodata`: windows with records, and with a NODATA record.
- `windows_skipped`: windows with a SKIPDATA record, and windows without any record
  between the first and the last one. The three sum up to all windows from the first
  to the last, and a window counts once.
- `first_window`, `last_window`: start of the first and of the last window, a multiple
  of `window_s`; NULL for a row that has only unreadable records.
- `window_s`: length of the capture window: 60, 300 or 600.
- `unreadable`: records that belong to the interface and could not be read. A row with
  the interface '' counts those whose interface could not be read either.
"""

FLOW_NULLABLE = frozenset({"port"})
WATCHED_NULLABLE = frozenset({"first_window", "last_window"})
OPENED = ("in", "out", "unknown")
ACTIONS = ("ACCEPT", "REJECT")


class TableError(IngressError):
    """
    A usage table cannot be read, or is not one.
    """

    def __init__(self, path: Path, why: str) -> None:
        super().__init__(f"{path} is not a usable usage table: {why}")
        self.path = path
        self.why = why


@dataclass(frozen=True, slots=True, kw_only=True)
class Metadata:
    """
    What is true of a whole table.

    Args:
        period_from: first second of the period; a multiple of 600.
        period_to: the second after the period; a multiple of 600.
        all_paths: whether it was stated that the flow logs take all traffic over all
            paths.
        files_unreadable: files that could not be read, or not to their end.
        records_unreadable: records that could not be read, in the files that could.
        made_at: when the table was written.
        schema: version of the columns.
    """

    period_from: int
    period_to: int
    all_paths: bool
    files_unreadable: int
    records_unreadable: int
    made_at: int
    schema: str = SCHEMA

    def as_text(self) -> str:
        """
        The JSON that stands in the Parquet file.
        """
        return json.dumps(asdict(self), sort_keys=True)


@dataclass(frozen=True, slots=True)
class UsageTable:
    """
    A table whose files were checked.

    Args:
        flows: Parquet file with `FLOW_COLUMNS`.
        watched: Parquet file with `WATCHED_COLUMNS`; None where it does not exist,
            so that nothing can be judged.
    """

    flows: Path
    watched: Path | None
    metadata: Metadata


def watched_path(flows: Path) -> Path:
    """
    Where the watched windows of a table are: `usage.watched.parquet`.
    """
    return flows.with_name(f"{flows.stem}.watched{flows.suffix}")


def open_table(flows: Path) -> UsageTable:
    """
    Check the files of a table: columns, types, values that must exist, version.

    Raises:
        TableError: naming the file and what is wrong with it.
        ExtraMissingError: DuckDB is not installed.
    """
    with connect() as connection:
        metadata = _checked(connection, flows, FLOW_COLUMNS, FLOW_NULLABLE)
        _check_values(connection, flows)
        watched = watched_path(flows)
        if not watched.exists():
            return UsageTable(flows, None, metadata)
        other = _checked(connection, watched, WATCHED_COLUMNS, WATCHED_NULLABLE)
        if other != metadata:
            raise TableError(
                watched,
                f"it was not written together with {flows}; run `usage collect` again",
            )
    return UsageTable(flows, watched, metadata)


def _checked(
    connection: duckdb.DuckDBPyConnection,
    path: Path,
    columns: Mapping[str, str],
    nullable: frozenset[str],
) -> Metadata:
    if not path.is_file():
        raise TableError(path, "the file does not exist; write it by `usage collect`")
    name = str(path)
    try:
        pairs = connection.execute(
            "SELECT key, value FROM parquet_kv_metadata(?)", [escaped(name)]
        ).fetchall()
        found = connection.execute(
            "DESCRIBE SELECT * FROM read_parquet(?)", [escaped(name)]
        ).fetchall()
        metadata = _metadata(path, pairs)
        problem = _column_problem({row[0]: row[1] for row in found}, columns)
        if problem:
            raise TableError(path, problem)
        checks = [f"count(*) - count({c})" for c in columns if c not in nullable]
        missing = connection.execute(
            f"SELECT {' + '.join(checks)} FROM read_parquet(?)",
            [escaped(name)],
        ).fetchall()
    except library("duckdb").Error as error:
        reason = str(error).splitlines()[0]
        raise TableError(path, f"it cannot be read as Parquet: {reason}") from None
    if missing[0][0]:
        raise TableError(path, f"{missing[0][0]} values are missing")
    return metadata


def _check_values(connection: duckdb.DuckDBPyConnection, path: Path) -> None:
    wrong = connection.execute(
        f"SELECT count(*) FROM read_parquet(?) WHERE {out_of_range()}",
        [escaped(str(path))],
    ).fetchall()
    if wrong[0][0]:
        raise TableError(path, f"{wrong[0][0]} rows hold values outside their range")


def out_of_range() -> str:
    """
    SQL that is true of a row of flows that no query makes.
    """
    opened, actions = (", ".join(map(literal, values)) for values in (OPENED, ACTIONS))
    return (
        f"opened NOT IN ({opened}) OR action NOT IN ({actions})"
        " OR NOT protocol BETWEEN 0 AND 255 OR NOT port BETWEEN 0 AND 65535"
        " OR first_seen > last_seen"
    )


def _column_problem(found: Mapping[str, str], expected: Mapping[str, str]) -> str:
    missing = [name for name in expected if name not in found]
    if missing:
        return f"it lacks the columns {', '.join(missing)}"
    wrong = [
        f"{n} is {found[n]}, not {t}" for n, t in expected.items() if found[n] != t
    ]
    return "; ".join(wrong)


def _metadata(path: Path, pairs: Sequence[tuple[bytes, bytes]]) -> Metadata:
    texts = [value for key, value in pairs if key == METADATA_KEY.encode()]
    if not texts:
        raise TableError(
            path, "it was not written by `usage collect` (its metadata are missing)"
        )
    try:
        content: dict[str, Any] = json.loads(texts[0])
        schema = content["schema"]
    except (ValueError, KeyError, TypeError):
        raise TableError(path, "its metadata are damaged") from None
    if schema != SCHEMA:
        raise TableError(
            path,
            f"its schema is {schema!r}, this version reads {SCHEMA!r};"
            " run `usage collect` again",
        )
    try:
        return Metadata(**content)
    except TypeError:
        raise TableError(path, "its metadata are damaged") from None


def time_text(seconds: int) -> str:
    """
    Unix seconds as ISO 8601 in UTC, such as `2026-10-01T00:00:00Z`.
    """
    return times.time_text(dt.datetime.fromtimestamp(seconds, tz=dt.timezone.utc))
