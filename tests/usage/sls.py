"""
A stand-in of Simple Log Service for tests: the call GetLogs over loopback.

It answers what the SDK of PyPI (`aliyun-log-python-sdk`) sends, in both forms: GetLogs
v1 (`GET /logstores/{logstore}?type=log`) and v3 (`POST /logstores/{logstore}/logs` with
a JSON body, whose answer is compressed by LZ4). The analysis part of a query
(`* | SELECT ...`) is Presto SQL: sqlglot translates it, and DuckDB runs it over the
records given.

As in the service, every field is text unless it is named in `long_fields`; a query
without LIMIT gets 100 rows, and none gets more than a million; each value of an answer
is text, a NULL is `null`; errors are `{"errorCode", "errorMessage"}`. Codes:
https://www.alibabacloud.com/help/en/sls/developer-reference/error-codes
"""

from __future__ import annotations

import json
import re
import socket
import tempfile
import threading
import urllib.parse
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, cast

import duckdb
import lz4.block
import sqlglot
from sqlglot import exp

DEFAULT_ROWS = 100
MAX_ROWS = 1_000_000
HTML = "<html><body><h1>502 Bad Gateway</h1></body></html>"


@dataclass(frozen=True)
class SlsFault:
    """
    What happens to the next calls in place of the right answer.

    Args:
        status: of the answer.
        code: of the refusal; "" with `status` 200 and `incomplete`.
        message: beside the code.
        incomplete: the answer says `Incomplete` and has half of the rows.
        drop: the connection is cut before the answer.
        html: the answer is a page of a proxy.
        times: how many calls it strikes.
    """

    status: int = 200
    code: str = ""
    message: str = "made by a test"
    incomplete: bool = False
    drop: bool = False
    html: bool = False
    times: int = 1


def incomplete(times: int = 1) -> SlsFault:
    """
    The answer is right in form, says `Incomplete` and lacks rows.
    """
    return SlsFault(incomplete=True, times=times)


def throttled(times: int = 1, code: str = "ReadQuotaExceed") -> SlsFault:
    """
    403 `ReadQuotaExceed` and the like; `ServerBusy` comes with 503.
    """
    status = 503 if code == "ServerBusy" else 403
    return SlsFault(status=status, code=code, message="quota exceed", times=times)


def cut(times: int = 1) -> SlsFault:
    """
    The connection ends without an answer.
    """
    return SlsFault(drop=True, times=times)


def page_of_a_proxy(times: int = 1, status: int = 502) -> SlsFault:
    """
    An HTML body where JSON is expected.
    """
    return SlsFault(status=status, html=True, times=times)


@dataclass(frozen=True)
class SlsCall:
    """
    One call as it came, and how it was answered.
    """

    project: str
    logstore: str
    query: str
    from_time: int
    to_time: int
    status: int
    code: str
    progress: str


class SlsRefusalError(Exception):
    """
    An error of the service.
    """

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status, self.code, self.message = status, code, message


@dataclass
class SlsStandIn:
    """
    A logstore with its records.

    Args:
        records: field -> value; `__time__` is when a record was received, in Unix
            seconds (`start` unless given). Values become text.
        project: of which the logstore is.
        logstore: its name.
        long_fields: fields that the index knows as numbers.
        access_key_id: the only one that is let in; "" for any.

    Attributes:
        calls: every call in the order of its answer.
        arriving: records that are received late, by the number of calls before them.
    """

    records: Sequence[Mapping[str, object]]
    project: str = "flow-project"
    logstore: str = "flow"
    long_fields: frozenset[str] = frozenset()
    access_key_id: str = ""
    calls: list[SlsCall] = field(default_factory=list[SlsCall])
    arriving: dict[int, Mapping[str, object]] = field(
        default_factory=dict[int, Mapping[str, object]]
    )
    _faults: list[SlsFault] = field(default_factory=list[SlsFault])
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def inject(self, *faults: SlsFault) -> None:
        """
        Let faults strike the next calls, in this order.
        """
        with self._lock:
            self._faults += faults

    @contextmanager
    def serve(self) -> Generator[str]:
        """
        Serve it on a free port of loopback for as long as the context lasts.

        The value is `127.0.0.1:PORT`. The SDK puts the project's name before its
        endpoint, so an address with a port cannot be one: a caller takes any endpoint
        over plain HTTP, and names this server as its proxy (`HTTP_PROXY`).
        """
        handler = type("Handler", (_Handler,), {"stand_in": self})
        server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield f"127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            server.server_close()
            thread.join()

    def next_fault(self) -> SlsFault:
        """
        The fault of this call; one that does nothing where none waits.
        """
        with self._lock:
            if not self._faults:
                return SlsFault()
            fault = self._faults[0]
            if fault.times <= 1:
                self._faults.pop(0)
            else:
                self._faults[0] = replace(fault, times=fault.times - 1)
            return fault

    def rows(self, query: str, from_time: int, to_time: int) -> list[dict[str, str]]:
        """
        The rows of `SEARCH | SELECT ...` over the records received in a time.

        Raises:
            SlsRefusalError: the query is not valid, or is one that this stand-in
                does not know.
        """
        search, bar, sql = query.partition("|")
        if search.strip() not in ("", "*"):
            raise SlsRefusalError(
                400, "ParameterInvalid", f"this stand-in cannot search: {search!r}"
            )
        arrived = [r for n, r in self.arriving.items() if n <= len(self.calls)]
        found = [
            record
            for record in (*self.records, *arrived)
            if from_time <= _received(record) < to_time
        ]
        if not bar:
            return [_texts(record) for record in found[:DEFAULT_ROWS]]
        return self._answer(_duckdb_sql(sql), found)

    def _answer(
        self, sql: str, found: Sequence[Mapping[str, object]]
    ) -> list[dict[str, str]]:
        names = sorted({name for record in self.records for name in record})
        columns = ", ".join(
            f'"{name}" {"BIGINT" if name in self.long_fields else "VARCHAR"}'
            for name in {*names, "__time__"}
        )
        with duckdb.connect() as database:
            database.execute("SET threads = 1")
            database.execute(f"CREATE TABLE log ({columns})")
            _fill(database, found)
            try:
                answer = database.execute(sql)
            except duckdb.Error as error:
                raise SlsRefusalError(
                    400, "ParameterInvalid", f"line 1:1: {error}"
                ) from None
            fields = [column[0] for column in answer.description or []]
            return [
                {name: _shown(v) for name, v in zip(fields, row, strict=True)}
                for row in answer.fetchall()
            ]


def _fill(
    database: duckdb.DuckDBPyConnection, found: Sequence[Mapping[str, object]]
) -> None:
    columns = [
        column[0]
        for column in database.execute("SELECT * FROM log LIMIT 0").description or []
    ]
    with tempfile.NamedTemporaryFile("w", suffix=".json", encoding="utf-8") as file:
        for record in found:
            texts = {name: _text_or_none(record.get(name)) for name in columns}
            file.write(json.dumps({**texts, "__time__": _received(record)}) + "\n")
        file.flush()
        texts_only = ", ".join(f"'{name}': 'VARCHAR'" for name in columns)
        database.execute(
            f"INSERT INTO log SELECT * FROM read_json('{file.name}',"
            f" format = 'newline_delimited', columns = {{{texts_only}}})"
        )


def _received(record: Mapping[str, object]) -> int:
    return int(str(record.get("__time__", record.get("start", 0))))


def _texts(record: Mapping[str, object]) -> dict[str, str]:
    return {name: str(value) for name, value in record.items() if value is not None}


def _text_or_none(value: object) -> str | None:
    return None if value is None else str(value)


def _shown(value: object) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return str(value).lower()
    return str(value)


def _duckdb_sql(sql: str) -> str:
    """
    The query in the dialect of DuckDB, with the table and the limit that are implied.
    """
    try:
        query = sqlglot.parse_one(sql, read="presto")
    except sqlglot.ParseError as error:
        raise SlsRefusalError(400, "ParameterInvalid", str(error)) from None
    if not isinstance(query, exp.Query):
        raise SlsRefusalError(400, "ParameterInvalid", "only SELECT can be run")
    for select in query.find_all(exp.Select):
        if not select.args.get("from_") and select.find(exp.Column, exp.AggFunc):
            select.set("from_", exp.From(this=exp.to_table("log")))
    limit = query.args.get("limit")
    if limit is None:
        rows = exp.Literal.number(DEFAULT_ROWS)
        query.set("limit", exp.Limit(expression=rows))
    elif int(limit.expression.name) > MAX_ROWS:
        raise SlsRefusalError(
            400, "ParameterInvalid", f"limit is greater than {MAX_ROWS}"
        )
    return query.transform(_as_in_presto).sql(dialect="duckdb")


def _as_in_presto(node: exp.Expr) -> exp.Expr:
    """
    What sqlglot does not translate: in SLS, `/` divides integers, and BIT_COUNT has a
    second argument, the number of bits.
    """
    if isinstance(node, exp.Div):
        return exp.IntDiv(this=node.this, expression=node.expression)
    if isinstance(node, exp.Anonymous) and node.name.upper() == "BIT_COUNT":
        return exp.Anonymous(this="BIT_COUNT", expressions=node.expressions[:1])
    return node


@dataclass(frozen=True)
class _Asked:
    """
    A call of either form, taken apart.
    """

    project: str
    logstore: str
    query: str
    from_time: int
    to_time: int
    v3: bool


class _Handler(BaseHTTPRequestHandler):
    """
    One request; `stand_in` is set by the class that serves it.
    """

    stand_in: SlsStandIn
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        """
        GetLogs v1.
        """
        self._handle({})

    def do_POST(self) -> None:
        """
        GetLogs v3.
        """
        length = int(self.headers.get("content-length") or 0)
        try:
            body = json.loads(self.rfile.read(length) or "{}")
        except ValueError:
            body = None
        self._handle(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """
        Nothing goes to stderr.
        """

    def _handle(self, body: Any) -> None:
        fault = self.stand_in.next_fault()
        asked = None
        try:
            asked = self._asked(body)
            self._check(asked, fault)
            rows = self.stand_in.rows(asked.query, asked.from_time, asked.to_time)
        except SlsRefusalError as error:
            self._write_down(asked, error.status, error.code, "")
            answer = {"errorCode": error.code, "errorMessage": error.message}
            self._send(error.status, json.dumps(answer).encode(), {})
            return
        progress = "Incomplete" if fault.incomplete else "Complete"
        if fault.drop or fault.html:
            self._write_down(asked, 0 if fault.drop else fault.status, "", "")
            self._spoil(fault)
            return
        if fault.incomplete:
            rows = rows[: len(rows) // 2]
        self._write_down(asked, 200, "", progress)
        self._answer(asked, rows, progress)

    def _asked(self, body: Any) -> _Asked:
        place = urllib.parse.urlsplit(self.path)
        v3 = re.fullmatch(r"/logstores/([^/]+)/logs", place.path)
        v1 = re.fullmatch(r"/logstores/([^/]+)", place.path)
        if v3 and not isinstance(body, dict):
            raise SlsRefusalError(400, "PostBodyInvalid", "the body is not JSON")
        parameters = dict(urllib.parse.parse_qsl(place.query))
        given = cast("dict[str, Any]", body) if v3 else parameters
        if not (v3 or (v1 and given.get("type") == "log")):
            raise SlsRefusalError(404, "InvalidAction", f"unknown: {self.path}")
        try:
            period = int(given["from"]), int(given["to"])
        except (KeyError, TypeError, ValueError):
            raise SlsRefusalError(400, "ParameterInvalid", "from and to") from None
        host = str(self.headers.get("host") or "")
        return _Asked(
            host.partition(".")[0],
            (v3 or v1 or [""])[1],
            str(given.get("query") or ""),
            *period,
            v3=bool(v3),
        )

    def _check(self, asked: _Asked, fault: SlsFault) -> None:
        stand_in = self.stand_in
        signature = self.headers.get("authorization", "")
        key = re.match(r"LOG ([^:]+):|SLS4-HMAC-SHA256 Credential=([^/]+)/", signature)
        if not key:
            raise SlsRefusalError(401, "Unauthorized", "the request is not signed")
        if stand_in.access_key_id not in ("", key[1] or key[2]):
            raise SlsRefusalError(401, "Unauthorized", "AccessKeyId not found")
        if asked.project != stand_in.project:
            message = f"The Project does not exist : {asked.project}"
            raise SlsRefusalError(404, "ProjectNotExist", message)
        if asked.logstore != stand_in.logstore:
            message = f"logstore {asked.logstore} does not exist"
            raise SlsRefusalError(404, "LogStoreNotExist", message)
        if asked.from_time >= asked.to_time:
            raise SlsRefusalError(400, "InvalidTimeRange", "from is not before to")
        if fault.code:
            raise SlsRefusalError(fault.status, fault.code, fault.message)

    def _answer(self, asked: _Asked, rows: list[dict[str, str]], progress: str) -> None:
        has_sql = "|" in asked.query
        if not asked.v3:
            headers = {
                "x-log-progress": progress,
                "x-log-count": str(len(rows)),
                "x-log-has-sql": str(has_sql).lower(),
            }
            self._send(200, json.dumps(rows).encode(), headers)
            return
        meta = {
            "progress": progress,
            "count": len(rows),
            "hasSQL": has_sql,
            "processedRows": len(self.stand_in.records),
            "elapsedMillisecond": 1,
            "aggQuery": asked.query.partition("|")[2].strip(),
            "whereQuery": asked.query.partition("|")[0].strip(),
            "keys": list(rows[0]) if rows else [],
            "mode": 0,
        }
        raw = json.dumps({"meta": meta, "data": rows}).encode()
        if "lz4" not in self.headers.get("accept-encoding", ""):
            self._send(200, raw, {})
            return
        headers = {"x-log-compresstype": "lz4", "x-log-bodyrawsize": str(len(raw))}
        compressed: Any = lz4.block  # it comes without types
        self._send(200, compressed.compress(raw, store_size=False), headers)

    def _spoil(self, fault: SlsFault) -> None:
        if fault.drop:
            self.close_connection = True
            self.connection.shutdown(socket.SHUT_RDWR)
            return
        self._send(fault.status, HTML.encode(), {}, "text/html")

    def _send(
        self,
        status: int,
        body: bytes,
        headers: Mapping[str, str],
        content_type: str = "application/json",
    ) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("x-log-requestid", f"FAKE{len(self.stand_in.calls):020d}")
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def _write_down(
        self, asked: _Asked | None, status: int, code: str, progress: str
    ) -> None:
        asked = asked or _Asked("", "", "", 0, 0, v3=False)
        self.stand_in.calls.append(
            SlsCall(
                asked.project,
                asked.logstore,
                asked.query,
                asked.from_time,
                asked.to_time,
                status,
                code,
                progress,
            )
        )
