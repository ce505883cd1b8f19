"""
Results of `usage sql`, from an engine of the user, checked before they become a table.

Parquet files carry their types; CSV files have a header. A folder or a glob names the
parts of one result.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from alicloud_ingress.errors import IngressError
from alicloud_ingress.usage.engine import connect, escaped, library, literal
from alicloud_ingress.usage.log_files import NoMatchError, first_line, found
from alicloud_ingress.usage.period import Period
from alicloud_ingress.usage.table import (
    FLOW_COLUMNS,
    FLOW_NULLABLE,
    WATCHED_COLUMNS,
    WATCHED_NULLABLE,
    out_of_range,
)

if TYPE_CHECKING:
    import duckdb

_NULLS = "nullstr = ['', 'NULL', 'null', '\\N']"
_KEYS = ", ".join(list(FLOW_COLUMNS)[:9])
_MISCOUNTED = (
    "window_s NOT IN (60, 300, 600) OR windows_ok < 0 OR windows_nodata < 0"
    " OR windows_skipped < 0 OR unreadable < 0"
    " OR windows_ok + windows_nodata + windows_skipped"
    " <> COALESCE((last_window - first_window) // window_s + 1, 0)"
)


class EngineResultError(IngressError):
    """
    A result that is not whole, or not that of the query of this period.
    """

    def __init__(self, pattern: str, why: str) -> None:
        super().__init__(f"{pattern}: {why}")


def load_result(flows: str, watched: str, period: Period) -> duckdb.DuckDBPyConnection:
    """
    The tables `flows` and `watched` of two results, in a new connection of DuckDB.

    Args:
        flows: file, folder or glob of the part `flows`.
        watched: likewise of the part `watched`.
        period: of the query.

    Raises:
        NoMatchError: a pattern matches no file.
        EngineResultError: naming the result and what is wrong with it.
    """
    connection = connect()
    try:
        _load(connection, "flows", flows, FLOW_COLUMNS, FLOW_NULLABLE)
        _load(connection, "watched", watched, WATCHED_COLUMNS, WATCHED_NULLABLE)
        _check(connection, flows, watched, period)
    except BaseException:
        connection.close()
        raise
    return connection


def _load(
    connection: duckdb.DuckDBPyConnection,
    name: str,
    pattern: str,
    columns: Mapping[str, str],
    nullable: frozenset[str],
) -> None:
    paths = [p for p in found(connection, [pattern]) if _is_part(p)]
    if not paths:
        raise NoMatchError(f"no file of {pattern} is Parquet (.parquet) or CSV (.csv)")
    files = f"[{', '.join(literal(escaped(path)) for path in paths)}]"
    is_csv = ".csv" in paths[0].rsplit("/", 1)[-1]
    relation = (
        f"read_csv({files}, header = true, all_varchar = true, {_NULLS})"
        if is_csv
        else f"read_parquet({files}, hive_partitioning = false)"
    )
    try:
        described = connection.execute(f"DESCRIBE SELECT * FROM {relation}").fetchall()
        lacking = [c for c in columns if c not in {str(row[0]) for row in described}]
        if lacking:
            raise EngineResultError(
                pattern, f"it lacks the columns {', '.join(lacking)}"
            )
        if is_csv:
            _none(
                connection,
                f"SELECT count(*) FROM (SELECT concat(*COLUMNS(*)) AS text"
                f" FROM {relation}) WHERE contains(text, chr(10))"
                " OR contains(text, chr(13))",
                pattern,
                "rows hold a line end within a value; a quote may be open",
            )
        values = ", ".join(
            f"COALESCE({c}, '') AS {c}"
            if is_csv and kind == "VARCHAR"
            else f"CAST({c} AS {kind}) AS {c}"
            for c, kind in columns.items()
        )
        connection.execute(
            f"CREATE TEMP TABLE {name} AS SELECT {values} FROM {relation}"
        )
    except library("duckdb").Error as error:
        raise EngineResultError(pattern, first_line(error)) from None
    checks = [f"count(*) - count({c})" for c in columns if c not in nullable]
    _none(
        connection,
        f"SELECT {' + '.join(checks)} FROM {name}",
        pattern,
        "values are missing",
    )


def _is_part(path: str) -> bool:
    name = path.rsplit("/", 1)[-1]
    return not name.startswith(("_", ".")) and (".parquet" in name or ".csv" in name)


def _check(
    connection: duckdb.DuckDBPyConnection, flows: str, watched: str, period: Period
) -> None:
    outside = f"NOT BETWEEN {period.from_s} AND {period.to_s - 1}"
    for pattern, rest, problem in (
        (flows, f"flows WHERE {out_of_range()}", "rows hold values out of range"),
        (
            flows,
            f"flows WHERE first_seen {outside}",
            "rows are outside the period; pass --since and --until of the query",
        ),
        (
            watched,
            f"watched WHERE first_window {outside} OR last_window {outside}",
            "rows are outside the period; pass --since and --until of the query",
        ),
        (
            watched,
            f"watched WHERE {_MISCOUNTED}",
            "rows hold numbers of windows that do not fit each other",
        ),
        (
            watched,
            "(SELECT 1 FROM watched GROUP BY interface_id HAVING count(*) > 1)",
            "interfaces have more than one row; pass one result",
        ),
        (
            flows,
            f"(SELECT 1 FROM flows GROUP BY {_KEYS} HAVING count(*) > 1)",
            "rows are there more than once; pass one result",
        ),
        (
            watched,
            "flows WHERE interface_id NOT IN (SELECT interface_id FROM watched)",
            f"rows of {flows} have an interface that it lacks",
        ),
    ):
        _none(connection, f"SELECT count(*) FROM {rest}", pattern, problem)


def _none(
    connection: duckdb.DuckDBPyConnection, count: str, pattern: str, problem: str
) -> None:
    number = connection.execute(count).fetchall()[0][0]
    if number:
        raise EngineResultError(pattern, f"{number} {problem}")
