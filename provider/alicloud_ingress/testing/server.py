"""
The fake for other processes: served over HTTP/1.1, with and without TLS, and with an
admin API for faults, calls, state and behaviour.
"""

from __future__ import annotations

import json
import re
import socket
import ssl
import tempfile
import threading
from collections.abc import Generator, Mapping
from contextlib import closing, contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, cast

from alicloud_ingress.testing.backend import FRONT_ENDS, Backend
from alicloud_ingress.testing.errors import ConnectionDroppedError, FakeError
from alicloud_ingress.testing.extra import of_extra
from alicloud_ingress.testing.faults import Fault, RateLimit
from alicloud_ingress.testing.gateway import (
    JSON_TYPE,
    Reply,
    Request,
    answered,
    from_json,
    is_list,
)

PREFIX = "/_fake/"
MAX_BODY = 10 * 1024 * 1024
TLS_HANDSHAKE = b"\x16"
"""
The first byte of a connection over TLS; no HTTP request begins with it.
"""
MAX_HANDSHAKE_S = 10.0
MAX_END_S = 10.0

_Incoming = socket.socket | tuple[bytes, socket.socket]


class Certificate:
    """
    A certificate and its key, from two files; without files, made when first needed.

    A certificate that is made is valid for the host and for loopback. Its own authority
    signs it, whose key is never written to a file. `close` deletes the file with the
    certificate of the authority.

    Args:
        host: the host name of the server.
        cert: PEM file with the certificate chain.
        key: PEM file with its private key, without a passphrase.

    Raises:
        ValueError: only one of the files is set, or they do not match.
        OSError: a file cannot be read.
    """

    def __init__(self, host: str, cert: Path | None, key: Path | None) -> None:
        self._host = host
        self._lock = threading.Lock()
        self._folder: tempfile.TemporaryDirectory[str] | None = None
        self._ready: tuple[Path, ssl.SSLContext] | None = None
        if cert and key:
            self._ready = cert, _loaded(cert, key)
        elif cert or key:
            raise ValueError("a certificate and its key are set together, or neither")

    @property
    def path(self) -> Path:
        """
        The PEM file that a client has to trust.
        """
        return self._made()[0]

    @property
    def context(self) -> ssl.SSLContext:
        """
        The TLS context of connections.
        """
        return self._made()[1]

    def close(self) -> None:
        """
        Delete the file of a certificate that was made.
        """
        with self._lock:
            if self._folder:
                self._folder.cleanup()

    def _made(self) -> tuple[Path, ssl.SSLContext]:
        with self._lock:
            if self._ready is None:
                with of_extra():
                    import trustme

                self._folder = tempfile.TemporaryDirectory(prefix="fake-ecs-")
                path = Path(self._folder.name, "certificate.pem")
                authority = trustme.CA(organization_name="fake of ECS, for tests")
                names = dict.fromkeys((self._host, "127.0.0.1", "localhost", "::1"))
                context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
                leaf = authority.issue_cert(*names)
                leaf.configure_cert(context)  # pyright: ignore[reportUnknownMemberType] - names a type of pyOpenSSL
                authority.cert_pem.write_to_path(str(path))
                self._ready = path, context
            return self._ready


class ServedUrl(str):
    """
    The URL of a served fake over plain HTTP.

    Attributes:
        https: the URL of the same port over TLS.
    """

    https: str
    _certificate: Certificate
    __slots__ = ("_certificate", "https")

    def __new__(cls, place: str, certificate: Certificate) -> ServedUrl:  # noqa: PYI034 - Self is of Python 3.11
        """
        The URL of `HOST:PORT`.
        """
        url = super().__new__(cls, f"http://{place}")
        url.https = f"https://{place}"
        url._certificate = certificate
        return url

    @property
    def certificate(self) -> Path:
        """
        The PEM file that clients have to trust; it exists while the fake is served.
        """
        return self._certificate.path


def _loaded(cert: Path, key: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    try:
        context.load_cert_chain(cert, key, password="")
    except ssl.SSLError as error:
        raise ValueError(
            f"{cert} and {key} are not a certificate and its private key, both as PEM"
            f" and without a passphrase: {error}"
        ) from None
    return context


def administer(fake: Backend, method: str, path: str, body: str) -> Reply:
    """
    Answer a request below `/_fake/`.

    `POST faults` takes one fault or a list of them, as objects with the fields of
    `Fault`; an object with `per_second` is a `RateLimit`. `GET calls` returns a list.
    `GET state` returns what `FakeEcs.dump` writes, and `PUT state` loads it.
    `GET behaviour` returns the settings of `Behaviour` by name; `POST behaviour`
    changes some of them.
    """
    try:
        match method, path.removeprefix(PREFIX):
            case "POST", "faults":
                content: object = {"ordered": _order(fake, body)}
            case "GET", "calls":
                content = [call.to_json() for call in list(fake.calls)]
            case "GET", "state":
                return Reply(200, {"content-type": JSON_TYPE}, fake.dump())
            case "PUT", "state":
                fake.load(body)
                content = {}
            case "GET", "behaviour":
                content = fake.behaviour.to_json()
            case "POST", "behaviour":
                content = _behave(fake, body)
            case _:
                return _reply(404, {"error": f"there is no {method} {path}"})
    except ValueError as error:
        return _reply(400, {"error": str(error)})
    return _reply(200, content)


def _behave(fake: Backend, body: str) -> dict[str, object]:
    try:
        settings: dict[str, object] = dict(from_json(body))
    except TypeError as error:
        raise ValueError(f"this is not an object of settings: {error}") from None
    fake.behaviour = fake.behaviour.changed(settings)
    return fake.behaviour.to_json()


def _order(fake: Backend, body: str) -> int:
    given = from_json(body)
    orders = given if is_list(given) else [given]
    read = [_order_of(order) for order in orders]
    for each in read:
        if isinstance(each, RateLimit):
            fake.limit(each)
        else:
            fake.inject(each)
    return len(read)


def _order_of(given: Any) -> Fault | RateLimit:
    try:
        fields: Mapping[str, Any] = dict(given)
        return (
            RateLimit(**fields) if "per_second" in fields else Fault.from_json(fields)
        )
    except TypeError as error:
        raise ValueError(f"the fault is not valid: {error}") from None


def _reply(status: int, content: object) -> Reply:
    return Reply(status, {"content-type": JSON_TYPE}, json.dumps(content))


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
