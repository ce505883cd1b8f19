"""
A server that answers as a test says: broken, late, or not at all.
"""

from __future__ import annotations

import io
import json
import sys
import threading
import time
import urllib.parse
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer

DROPPED = 0
"""
A status that stands for a connection closed without an answer.
"""


@dataclass(frozen=True)
class Reply:
    """One answer; `whole` bytes of it come at once, and then 20 a second."""

    status: int = 200
    body: str = '{"RequestId": "R-1"}'
    headers: Mapping[str, str] = field(default_factory=dict[str, str])
    after_s: float = 0.0
    whole: int = sys.maxsize


@dataclass(frozen=True)
class Request:
    """One request as it arrived."""

    target: str
    action: str
    headers: Mapping[str, str]
    parameters: Mapping[str, str]
    in_body: bool


class Wire:
    """Gives its replies one after another, and repeats the last one."""

    def __init__(self) -> None:
        self.url = ""
        self.replies: list[Reply] = [Reply()]
        self.requests: list[Request] = []
        self._lock = threading.Lock()

    @property
    def endpoint(self) -> str:
        """`host:port`."""
        return self.url.removeprefix("http://")

    def answer(self, request: Request) -> Reply:
        """Record the request, and take the next reply."""
        with self._lock:
            self.requests.append(request)
            return self.replies.pop(0) if len(self.replies) > 1 else self.replies[0]


def reply(**body: object) -> Reply:
    """A complete answer."""
    return Reply(body=json.dumps({"RequestId": "R-1", **body}))


def refusal(status: int, code: str, message: str = "no") -> Reply:
    """An answer with an error code."""
    text = json.dumps({"Code": code, "Message": message, "RequestId": "R-9"})
    return Reply(status, text)


class _Trickle(io.BytesIO):
    """Writes some bytes at once, and the others one by one."""

    def __init__(self, wire: io.BufferedIOBase, whole: int) -> None:
        super().__init__()
        self._wire = wire
        self._whole = whole

    def write(self, data: ReadableBuffer, /) -> int:
        """Write, slowly from the first byte on that does not come at once."""
        raw = bytes(data)
        written = self._wire.write(raw[: self._whole])
        for byte in raw[self._whole :]:
            time.sleep(0.05)
            self._wire.write(bytes([byte]))
        self._whole = max(0, self._whole - len(raw))
        return written


@contextmanager
def wire() -> Generator[Wire, None, None]:
    """Serve on loopback for as long as the block lasts."""
    served = Wire()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def setup(self) -> None:
            """Keep the file of the connection, which serves several requests."""
            super().setup()
            self.connection_file = self.wfile

        def do_POST(self) -> None:
            length = int(self.headers.get("content-length") or 0)
            body = self.rfile.read(length).decode()
            query = urllib.parse.urlsplit(self.path).query
            given = served.answer(
                Request(
                    target=self.path,
                    action=self.headers.get("x-acs-action") or "",
                    headers={k.lower(): v for k, v in self.headers.items()},
                    parameters=dict(urllib.parse.parse_qsl(body or query)),
                    in_body=bool(body),
                )
            )
            time.sleep(given.after_s)
            if given.status == DROPPED:
                self.close_connection = True
                return
            payload = given.body.encode()
            self.wfile = _Trickle(self.connection_file, given.whole)
            self.send_response(given.status)
            for name, value in given.headers.items():
                self.send_header(name, value)
            self.send_header("content-length", str(len(payload)))
            self.end_headers()
            self.wfile.write(payload)

        def do_GET(self) -> None:
            self.do_POST()

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            """Log nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    served.url = f"http://127.0.0.1:{server.server_address[1]}"
    try:
        yield served
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
