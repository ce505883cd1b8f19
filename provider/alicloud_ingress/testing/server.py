"""
The fake for other processes: served over HTTP/1.1, with and without TLS.
"""

from __future__ import annotations

import re
import socket
import threading
from collections.abc import Generator
from contextlib import closing, contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import cast

from alicloud_ingress.testing.admin import PREFIX, administer
from alicloud_ingress.testing.backend import FRONT_ENDS, Backend
from alicloud_ingress.testing.errors import ConnectionDroppedError, FakeError
from alicloud_ingress.testing.tls import Certificate, ServedUrl
from alicloud_ingress.testing.wire import Reply, Request, answered

MAX_BODY = 10 * 1024 * 1024
TLS_HANDSHAKE = b"\x16"
"""
The first byte of a connection over TLS; no HTTP request begins with it.
"""
MAX_HANDSHAKE_S = 10.0
MAX_END_S = 10.0

_Incoming = socket.socket | tuple[bytes, socket.socket]


class _Server(ThreadingHTTPServer):
    """
    Serves each connection in a thread. Connections and threads end with the server.
    """

    request_queue_size = 128

    def __init__(
        self,
        address: tuple[str, int],
        fake: Backend,
        certificate: Certificate,
        *,
        admin: bool,
    ) -> None:
        self.fake = fake
        self.admin = admin
        self._ends = threading.Event()
        self._certificate = certificate
        self._open: set[socket.socket] = set()
        self._open_lock = threading.Lock()
        self._workers: list[threading.Thread] = []
        super().__init__(address, _Handler)

    def get_request(self) -> tuple[socket.socket, tuple[str, int]]:
        connection, address = super().get_request()
        with self._open_lock:
            self._open.add(connection)
        return connection, address

    def process_request(self, request: _Incoming, client_address: object) -> None:
        """
        Serve a connection in a thread, which `end` waits for.
        """
        worker = threading.Thread(
            target=self.process_request_thread,
            args=(request, client_address),
            daemon=True,
        )
        self._workers = [each for each in self._workers if each.is_alive()]
        self._workers.append(worker)
        worker.start()

    def finish_request(self, request: _Incoming, client_address: object) -> None:
        """
        Answer the requests of a connection. The first byte shows whether it uses TLS.
        """
        FRONT_ENDS.set(self._ends)
        connection = cast("socket.socket", request)
        if connection.recv(1, socket.MSG_PEEK) != TLS_HANDSHAKE:
            super().finish_request(connection, client_address)
            return
        with self._open_lock:
            secured = self._certificate.context.wrap_socket(
                connection, server_side=True, do_handshake_on_connect=False
            )
            self._open.discard(connection)
            self._open.add(secured)
        try:
            secured.settimeout(MAX_HANDSHAKE_S)
            secured.do_handshake()
            secured.settimeout(None)
            super().finish_request(secured, client_address)
        finally:
            self.shutdown_request(secured)

    def shutdown_request(self, request: _Incoming) -> None:
        with self._open_lock:
            self._open.discard(cast("socket.socket", request))
        super().shutdown_request(request)

    def handle_error(self, request: object, client_address: object) -> None:
        """
        Ignore an error of the connection: the client has closed it.
        """

    def end(self) -> None:
        """
        Close the port and all connections, and wait for their threads.
        """
        self._ends.set()
        self.shutdown()
        with self._open_lock:
            for connection in self._open:
                with suppress(OSError):
                    # On the socket below TLS, to end the read of the other thread.
                    socket.socket.shutdown(connection, socket.SHUT_RDWR)
        self.server_close()
        for worker in self._workers:
            worker.join(MAX_END_S)


class _Handler(BaseHTTPRequestHandler):
    """
    Reads one request after another from a connection.
    """

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1

    def handle_one_request(self) -> None:
        try:
            super().handle_one_request()
        except (OSError, ConnectionDroppedError):
            self.close_connection = True

    def do_POST(self) -> None:
        """
        Answer one request of any method.
        """
        if self.request_version == "HTTP/0.9":
            self.send_error(505, "HTTP/0.9 has no status that could be read.")
            return
        try:
            body = self._body()
        except FakeError as error:
            self.close_connection = True
            self._send(answered(self._request(""), "", error))
            return
        server = cast("_Server", self.server)
        if server.admin and self.path.startswith(PREFIX):
            self._send(administer(server.fake, self.command, self.path, body))
            return
        headers = dict(self.headers.items())
        try:
            reply = server.fake.handle(self.path, headers, body, self.command)
        except ConnectionDroppedError:
            self._drop()
            return
        except Exception as error:  # noqa: BLE001 - clients get an error code
            fault = FakeError(500, "InternalError", f"the fake failed: {error!r}")
            reply = answered(self._request(body), "", fault)
        self._send(reply)

    do_GET = do_POST  # noqa: N815 - the names that http.server calls
    do_PUT = do_POST  # noqa: N815

    def send_error(
        self, code: int, message: str | None = None, explain: str | None = None
    ) -> None:
        """
        Refuse a malformed HTTP request with an error of the same form as any other.
        """
        self.close_connection = True
        self.request_version = self.protocol_version
        words = message or explain or "The request is malformed."
        self._send(
            answered(self._request(""), "", FakeError(code, "BadRequest", words))
        )

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - its name
        """
        Write no log: calls are in `fake.calls`.
        """

    def _request(self, body: str) -> Request:
        headers = getattr(self, "headers", None)
        return Request.read(
            self.command or "GET",
            getattr(self, "path", "/"),
            dict(headers.items()) if headers else {},
            body,
        )

    def _body(self) -> str:
        if "chunked" in self.headers.get("transfer-encoding", "").lower():
            raw = self._chunks()
        else:
            length = self.headers.get("content-length") or "0"
            raw = self.rfile.read(_size(length, 10))
        return raw.decode(errors="replace")

    def _chunks(self) -> bytes:
        whole = b""
        while True:
            line = self.rfile.readline(1024).split(b";")[0].strip()
            size = _size(line.decode(errors="replace"), 16)
            if size == 0:
                break
            whole += self.rfile.read(size)
            self.rfile.readline(1024)
            _size(str(len(whole)), 10)
        while self.rfile.readline(65536).strip():
            pass
        return whole

    def _send(self, reply: Reply) -> None:
        dated = cast("_Server", self.server).fake.dated(reply)
        payload = reply.body.encode(errors="replace")
        self.send_response_only(reply.status)
        for name, value in dated.headers.items():
            self.send_header(name, value)
        self.send_header("content-length", str(len(payload)))
        if self.close_connection:
            self.send_header("connection", "close")
        self.end_headers()
        self.wfile.write(payload)
        self.wfile.flush()

    def _drop(self) -> None:
        self.close_connection = True
        self.connection.shutdown(socket.SHUT_RDWR)


def _size(text: str, base: int) -> int:
    if not re.fullmatch(r"[0-9a-fA-F]{1,9}", text, re.ASCII):
        raise FakeError(400, "BadRequest", "The length of the body is malformed.")
    try:
        size = int(text, base)
    except ValueError:
        raise FakeError(400, "BadRequest", "The length of the body is bad.") from None
    if size > MAX_BODY:
        raise FakeError(413, "RequestEntityTooLarge", "The body is too large.")
    return size


@contextmanager
def serving(
    fake: Backend, certificate: Certificate, host: str, port: int, *, admin: bool
) -> Generator[ServedUrl]:
    """
    Serve the fake from a thread, and yield its URL; port 0 for any free one.
    """
    with closing(certificate):
        server = _Server((host, port), fake, certificate, admin=admin)
        thread = threading.Thread(
            target=server.serve_forever, args=(0.02,), daemon=True
        )
        thread.start()
        try:
            yield ServedUrl(f"{host}:{server.server_address[1]}", certificate)
        finally:
            server.end()
            thread.join()
