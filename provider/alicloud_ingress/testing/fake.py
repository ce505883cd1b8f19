"""
The fake as it is used: `FakeEcs`, the class of tests and scripts; `mock_ecs` for code
in the same process, where `responses` replaces the network; and `run` as a process of
its own, which can save its state and log its calls.
"""

from __future__ import annotations

import fcntl
import json
import os
import re
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Generator
from contextlib import ExitStack, closing, contextmanager
from datetime import datetime
from pathlib import Path

import requests

from alicloud_ingress.testing.backend import Backend, FakeCall
from alicloud_ingress.testing.behaviour import Behaviour
from alicloud_ingress.testing.errors import ConnectionDroppedError
from alicloud_ingress.testing.extra import of_extra
from alicloud_ingress.testing.server import Certificate, ServedUrl, serving
from alicloud_ingress.testing.world import system_time

with of_extra():
    import responses


class FakeEcs(Backend):
    """
    A fake of ECS.

    Any access key is accepted until `add_key` adds one. A key belongs to `ACCOUNT`
    unless `accounts` has it.

    Args:
        behaviour: how the fake behaves where the documentation is missing; the
            attribute may be replaced.
        latency_s: how long each call takes; parallel calls wait in parallel.
        clock: monotonic seconds, for rate limits.
        now: the date and time, with a time zone; by default those of the system.

    Attributes:
        calls: every call since the start, in the order of their answers.
        accounts: access key ID -> account ID.
        logins: login name of an account -> account ID.
        listeners: called with each call after it has been carried out, before it is
            answered.
    """

    @contextmanager
    def serve(
        self,
        host: str = "127.0.0.1",
        port: int = 0,
        *,
        admin: bool = False,
        cert: Path | None = None,
        key: Path | None = None,
    ) -> Generator[ServedUrl]:
        """
        Serve this fake until the context ends.

        The value is the URL of plain HTTP. The same port serves TLS: the attribute
        `https` is that URL, and `certificate` is the file with the certificate that
        clients have to trust.

        Args:
            host: the address to listen on; loopback by default.
            port: 0 for any free one.
            admin: whether to serve `/_fake/` too.
            cert: PEM file with a certificate; without one, one is made.
            key: PEM file with its private key.

        Raises:
            ValueError: only one of the files is set, or they do not match.
        """
        certificate = Certificate(host, cert, key)
        with serving(self, certificate, host, port, admin=admin) as url:
            yield url


_HOSTS = re.compile(r"https?://(ecs|sts)[\w.-]*\.aliyuncs\.com(:\d+)?/.*")


@contextmanager
def mock_ecs(
    *,
    behaviour: Behaviour | None = None,
    now: Callable[[], datetime] = system_time,
) -> Generator[FakeEcs]:
    """
    Answer all calls of this process to ECS and STS with a new fake.

    Args:
        behaviour: how the fake behaves where the documentation is missing.
        now: the date and time, with a time zone; by default those of the system.
    """
    fake = FakeEcs(behaviour=behaviour, now=now)

    def answer(request: requests.PreparedRequest) -> tuple[int, dict[str, str], str]:
        body = request.body or ""
        text = body.decode(errors="replace") if isinstance(body, bytes) else str(body)
        headers = dict(request.headers)
        try:
            return fake.handle(str(request.url), headers, text, str(request.method))
        except ConnectionDroppedError:
            raise requests.ConnectionError("dropped by the fake") from None

    with responses.RequestsMock(assert_all_requests_are_fired=False) as mock:
        for method in (responses.GET, responses.POST):
            mock.add_callback(method, _HOSTS, answer, content_type=None)
        yield fake


INTERRUPTED = 130


class StateFile:
    """
    Saves the state to a file after each change. The file is always complete, also if
    the process is killed.

    The file is locked until `close`, so that only one process uses it. An empty file is
    treated as a new one.

    Raises:
        ValueError: another process uses the file, or its content is not a state.
    """

    def __init__(self, path: Path, fake: FakeEcs) -> None:
        self._path = path
        self._fake = fake
        self._saved = ""
        self._locked = _locked(path)
        try:
            if text := path.read_text(encoding="utf-8"):
                fake.load(text)
            self.save()
        except (OSError, ValueError):
            self.close()
            raise
        fake.keepers.append(self.save)

    def close(self) -> None:
        """
        Unlock the file, so that another process can use it.
        """
        os.close(self._locked)

    def save(self) -> None:
        """
        If the state has changed, write it to a new file, which then replaces the old.
        """
        text = self._fake.dump()
        if text == self._saved:
            return
        with tempfile.NamedTemporaryFile(
            "w", dir=self._path.parent, prefix=f".{self._path.name}.", delete=False
        ) as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
            fcntl.flock(file, fcntl.LOCK_EX)
            Path(file.name).replace(self._path)
            before, self._locked = self._locked, os.dup(file.fileno())
        os.close(before)
        self._saved = text


def _locked(path: Path) -> int:
    """
    Create the file if it is missing, lock it, and return its descriptor.

    The lock is on the file itself, and each save replaces the file by a new, locked
    one. A process that has opened the old file by then must open the new one.
    """
    while True:
        descriptor = os.open(path, os.O_RDONLY | os.O_CREAT, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if path.exists() and os.path.samestat(os.fstat(descriptor), path.stat()):
                return descriptor
        except BlockingIOError:
            os.close(descriptor)
            raise ValueError(
                f"{path} is in use: another fake keeps its state in it. Stop that fake,"
                " or name another file"
            ) from None
        os.close(descriptor)


@contextmanager
def written_calls(path: Path, fake: FakeEcs) -> Generator[None]:
    """
    Append each call to a file as a line of JSON.
    """
    path.touch(mode=0o600)
    with path.open("a", encoding="utf-8") as file:

        def write(call: FakeCall) -> None:
            file.write(json.dumps(call.to_json()) + "\n")
            file.flush()

        fake.listeners.append(write)
        yield


def run(  # noqa: PLR0913 - the options of the command
    host: str,
    port: int,
    *,
    latency_s: float = 0.0,
    calls: Path | None = None,
    state: Path | None = None,
    admin: bool = False,
    cert: Path | None = None,
    key: Path | None = None,
    behaviour: Behaviour | None = None,
) -> int:
    """
    Serve a fake until SIGINT or SIGTERM arrives; return the exit code.

    Args:
        host: the address to listen on.
        port: 0 for any free one.
        latency_s: seconds that each call takes.
        calls: a file to which each call is appended, as a line of JSON.
        state: a file to load the state from, if it exists, and to save it to.
        admin: whether to serve `/_fake/`.
        cert: PEM file with the certificate for TLS; without one, one is made.
        key: PEM file with its private key.
        behaviour: how the fake behaves where the documentation is missing.

    Raises:
        OSError: a file cannot be opened, or the port cannot be bound.
        ValueError: a file is not valid, or another process uses the state.
    """
    received: list[int] = []

    def end(number: int, _frame: object) -> None:
        # Nothing that locks: this thread may hold the lock of what is used here.
        received.append(number)

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, end)
    fake = FakeEcs(behaviour=behaviour, latency_s=latency_s)
    with ExitStack() as stack:
        if state:
            stack.enter_context(closing(StateFile(state, fake)))
        if calls:
            stack.enter_context(written_calls(calls, fake))
        serving = fake.serve(host, port, admin=admin, cert=cert, key=key)
        url = stack.enter_context(serving)
        # One write: a reader may close the pipe after the first line.
        sys.stdout.write(f"listening on {url}\ncertificate {url.certificate}\n")
        sys.stdout.flush()
        while not received:
            time.sleep(0.1)
    return INTERRUPTED if received[0] == signal.SIGINT else 0
