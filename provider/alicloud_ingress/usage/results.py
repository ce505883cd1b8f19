"""
Results of the query in another engine, checked before they become a table.

An engine of the user: Parquet files carry their types; CSV files have a header. A
folder or a glob names the parts of one result.

Simple Log Service: the query runs there, and its rows come in pages. One call at a
time, since a project's SQL has a quota of calls that run together. A page whose answer
says `Incomplete` is asked for again and never used. That all pages are of one result is
seen by the number of rows that each of them reports, and by rows that no page repeats:
where a row moves to a page that was read, another one is read twice.

API: https://www.alibabacloud.com/help/en/sls/developer-reference/api-sls-2020-12-30-getlogsv2
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from alicloud_ingress.ecs.config import is_loopback
from alicloud_ingress.ecs.retry import retried
from alicloud_ingress.ecs.session_keys import Keys
from alicloud_ingress.errors import SECRET, EcsError, IngressError
from alicloud_ingress.usage.engine import connect, escaped, library, literal
from alicloud_ingress.usage.log_files import first_line
from alicloud_ingress.usage.log_paths import NoMatchError, found
from alicloud_ingress.usage.query import printed
from alicloud_ingress.usage.records import FIELDS, OPTIONAL
from alicloud_ingress.usage.table import (
    FLOW_COLUMNS,
    FLOW_NULLABLE,
    WATCHED_COLUMNS,
    WATCHED_NULLABLE,
    Period,
    out_of_range,
)

if TYPE_CHECKING:
    import duckdb


_NULLS = "nullstr = ['', 'NULL', 'null', '\\N']"
_ROW_KEYS: Mapping[str, Sequence[str]] = {
    "flows": list(FLOW_COLUMNS)[:9],
    "watched": ["interface_id"],
}
_KEYS = ", ".join(_ROW_KEYS["flows"])
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
    return ".parquet" in name or ".csv" in name


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
        (
            flows,
            "watched WHERE windows_ok > 0 AND NOT EXISTS (FROM flows)",
            "interfaces have windows with flows, and it has no row",
        ),
    ):
        _none(connection, f"SELECT count(*) FROM {rest}", pattern, problem)


def _none(
    connection: duckdb.DuckDBPyConnection, count: str, pattern: str, problem: str
) -> None:
    number = connection.execute(count).fetchall()[0][0]
    if number:
        raise EngineResultError(pattern, f"{number} {problem}")


PAGE_ROWS = 10_000
MAX_ROWS = 1_000_000
"""
Rows of one result that SLS pages through.
"""
MAX_RESTARTS = 3
LATE_S = 86_400
"""
Seconds by which the time of a record in SLS may differ from its `start`.
"""
_ACTION = "GetLogs"
_TOTAL = "total_rows"
_BUSY = re.compile(r"Quota|Busy|Exceed|Throttl|RequestTimeout|InternalServerError")
_NO_ANSWER = ("LogRequestError", "BadResponse")
_REFUSED = ("Unauthorized", "SignatureNotMatch", "SecurityTokenExpired", "Forbidden")
_UNAUTHORIZED = 401
_SERVER_FAULT = 500


class SlsError(EcsError):
    """
    Simple Log Service refused a call.
    """

    next_step = "look the code up in the API reference of Simple Log Service"


class SlsBusyError(SlsError):
    """
    A quota is used up, or no answer came; the same call may work later.
    """

    retryable = True
    next_step = "try again later, or raise the read quota of the project"


class SlsIncompleteError(SlsError):
    """
    The service answered with a part of the result.
    """

    retryable = True
    next_step = "turn on Dedicated SQL for the project, or choose a shorter --since"


class SlsRefusedError(SlsError):
    """
    The credentials may not read the logstore.
    """

    next_step = "allow log:GetLogStoreLogs on the logstore in a RAM policy"


class SlsFieldError(SlsError):
    """
    The logstore has no index for a field.
    """

    next_step = "turn on analytics for the field in the index of the logstore"


class ResultError(IngressError):
    """
    A result cannot be taken over page by page.
    """


@dataclass(frozen=True, slots=True, kw_only=True)
class Logstore:
    """
    A logstore, and how it is reached.

    Args:
        endpoint: `https://<region>.log.aliyuncs.com`.
        keys: hands out the keys that are valid now.
        timeout_s: for one page with all its retries.
    """

    project: str
    name: str
    endpoint: str
    region: str
    keys: Callable[[], Keys]
    timeout_s: float

    @property
    def place(self) -> str:
        """
        For messages.
        """
        return f"{self.project}/{self.name}"

    def rows(self, part: str, period: Period) -> Iterator[Mapping[str, str]]:
        """
        The rows of one part of the query; all values are text, `null` for none.

        Raises:
            SlsError: naming code, request and what to do.
            ResultError: the result changes all the time, or is too long.
        """
        columns = dict(FIELDS)
        for _ in range(len(OPTIONAL) + 1):
            sql = printed(part, "sls", period, columns=columns, pretty=False)
            try:
                yield from self._pages(sql, part, period)
            except SlsFieldError as error:
                missing = {n for n in OPTIONAL & columns.keys() if _names(error, n)}
                if not missing:
                    raise
                for name in missing:
                    del columns[name]
            else:
                return

    def _pages(
        self, sql: str, part: str, period: Period
    ) -> Iterator[Mapping[str, str]]:
        """
        All pages, once the whole of them is known to be of one result.
        """
        for _ in range(MAX_RESTARTS):
            rows: list[Mapping[str, str]] = []
            total = None
            while True:
                page = self._page(sql, part, period, len(rows))
                totals = {int(row[_TOTAL]) for row in page} | {total} - {None}
                if len(totals) > 1:
                    break
                total = next(iter(totals), 0)
                if total is not None and total > MAX_ROWS:
                    raise ResultError(
                        f"{self.place}: the result has {total} rows, and SLS returns"
                        f" {MAX_ROWS} at most; choose a shorter --since, or export the"
                        " logs to OSS and pass --files"
                    )
                rows += page
                if not page or len(rows) == total:
                    if len(rows) != total or _repeats(rows, part):
                        break
                    yield from rows
                    return
        raise ResultError(
            f"{self.place}: the result changed from page to page, {MAX_RESTARTS} times;"
            " run it again with an earlier --until"
        )

    def _page(
        self, sql: str, part: str, period: Period, offset: int
    ) -> list[Mapping[str, str]]:
        order = ", ".join(str(n) for n in range(1, len(_ROW_KEYS[part]) + 1))
        text = (
            f"* | SELECT rows.*, COUNT(*) OVER () AS {_TOTAL} FROM ({sql}) AS rows"
            f" ORDER BY {order} LIMIT {offset}, {PAGE_ROWS}"
        )
        to_s = min(int(time.time()), period.to_s + LATE_S)

        def send(remaining_s: float, _: int) -> list[Mapping[str, str]]:
            return self._sent(text, period.from_s - LATE_S, to_s, remaining_s)

        return retried(f"{_ACTION} on {self.place}", send, self.timeout_s)

    def _sent(
        self, text: str, from_s: int, to_s: int, remaining_s: float
    ) -> list[Mapping[str, str]]:
        log = library("aliyun.log")
        keys = self.keys()
        try:
            client: Any = log.LogClient(
                self.endpoint,
                keys.access_key_id,
                keys.access_key_secret,
                keys.security_token or None,
                source="",
                region=self.region,
            )
            client.timeout = max(1, int(remaining_s))
            if is_loopback(urlsplit(self.endpoint).netloc):
                # The SDK would call project.127.0.0.1: it knows no address with a port.
                client._isRowIp = True  # noqa: SLF001 - it has no setter
            answer = client.get_log(
                self.project, self.name, from_s, to_s, query=text, size=PAGE_ROWS
            )
            rows: list[Mapping[str, str]] = [
                row.get_contents() for row in answer.get_logs()
            ]
            whole = answer.is_completed()
        except log.LogException as error:
            raise self._error(error, keys) from None
        if not whole:
            raise SlsIncompleteError(
                _ACTION, "Incomplete", "the service stopped early", "", self.place
            )
        return rows

    def _error(self, error: Any, keys: Keys) -> SlsError:
        code = str(error.get_error_code())
        detail = str(error.get_error_message())
        for secret in keys.secrets:
            detail = detail.replace(secret, SECRET)
        kind: type[SlsError] = SlsError
        status = int(error.get_resp_status() or 0)
        if code in _REFUSED or status == _UNAUTHORIZED:
            kind = SlsRefusedError
        elif code in _NO_ANSWER or _BUSY.search(code) or status >= _SERVER_FAULT:
            kind = SlsBusyError
        elif any(f'"{n}"' in detail or f"'{n}'" in detail for n in FIELDS.values()):
            kind = SlsFieldError
        return kind(_ACTION, code, detail, str(error.get_request_id()), self.place)


def _repeats(rows: Collection[Mapping[str, str]], part: str) -> bool:
    keys = {tuple(row.get(name) for name in _ROW_KEYS[part]) for row in rows}
    return len(keys) < len(rows)


def _names(error: SlsError, field: str) -> bool:
    name = FIELDS[field]
    return f'"{name}"' in error.detail or f"'{name}'" in error.detail


def load(logstore: Logstore, period: Period, temporary: Path) -> Any:
    """
    The tables `flows` and `watched` of a logstore, in a new connection of DuckDB.

    What was watched is read first: records that arrive in between are flows then, and
    never a window that is watched and whose flows are missing.
    """
    connection = connect()
    for part, columns in (("watched", WATCHED_COLUMNS), ("flows", FLOW_COLUMNS)):
        file = temporary / f"{part}.json"
        with file.open("w", encoding="utf-8") as lines:
            for row in logstore.rows(part, period):
                known = {k: v for k, v in row.items() if k in columns and v != "null"}
                lines.write(json.dumps(known) + "\n")
        declared = ", ".join(f"{literal(n)}: '{kind}'" for n, kind in columns.items())
        connection.execute(
            f"CREATE TEMP TABLE {part} AS SELECT * FROM"
            f" read_json({literal(escaped(str(file)))}, format = 'newline_delimited',"
            f" columns = {{{declared}}})"
        )
    return connection
