"""
Runs the fake as a separate process, which can save its state and log its calls.
"""

from __future__ import annotations

import fcntl
import json
import os
import signal
import sys
import tempfile
import time
from collections.abc import Generator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path

from alicloud_ingress.testing.backend import FakeCall
from alicloud_ingress.testing.behaviour import Behaviour
from alicloud_ingress.testing.fake import FakeEcs

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
