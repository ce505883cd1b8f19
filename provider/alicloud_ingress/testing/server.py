"""
The front for other processes: the fake served over HTTP.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from alicloud_ingress.testing.fake import FakeEcs


@contextmanager
def serving(fake: FakeEcs, host: str, port: int) -> Iterator[str]:
    """
    Serve *fake* from a thread, and yield its URL; port 0 is any free one.
    """

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            length = int(self.headers.get("content-length") or 0)
            body = self.rfile.read(length).decode()
            status, headers, text = fake.handle(
                self.path, dict(self.headers.items()), body
            )
            payload = text.encode()
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("content-length", str(len(payload)))
            self.end_headers()
            self.wfile.write(payload)

        do_GET = do_POST

        def log_message(self, format: str, *args: object) -> None:
            """Say nothing: calls are in `fake.calls`."""

    server = ThreadingHTTPServer((host, port), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://{host}:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def serve_forever(host: str, port: int) -> None:
    """
    Serve a new fake until the process is told to stop.
    """
    stop = threading.Event()
    for name in (signal.SIGINT, signal.SIGTERM):
        signal.signal(name, lambda *_: stop.set())
    with serving(FakeEcs(), host, port) as url:
        print(f"listening on {url}", flush=True)
        stop.wait()
