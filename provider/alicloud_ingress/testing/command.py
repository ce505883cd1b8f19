"""
The fake as a process of its own, which keeps its state and tells its calls.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import tempfile
import threading
from collections.abc import Generator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from alicloud_ingress.testing.fake import FakeCall, FakeEcs

INTERRUPTED = 130


class StateFile:
    """
    A file that holds the state after each change; readable whenever it is killed.

    Raises:
        ValueError: the file is there, and holds no state.
    """

    def __init__(self, path: Path, fake: FakeEcs) -> None:
        self._path = path
        self._fake = fake
        self._saved = ""
        if path.exists():
            fake.load(path.read_text(encoding="utf-8"))
        self.save()
        fake.keepers.append(self.save)

    def save(self) -> None:
        """
        Write the state where it has changed: whole, to another file that then takes
        the place of the old one.
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
        Path(file.name).replace(self._path)
        self._saved = text


@contextmanager
def written_calls(path: Path, fake: FakeEcs) -> Generator[None]:
    """
    Write each call to a file as a line of JSON, as it comes.
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
) -> int:
    """
    Serve a fake until the process is told to stop; returns the exit code.

    Args:
        host: what to bind to.
        port: 0 is any free one.
        latency_s: seconds that each call takes.
        calls: a file to which each call is added, as a line of JSON.
        state: a file to begin from where it is there, and to keep up to date.
        admin: whether `/_fake/` answers.

    Raises:
        ValueError: the file with the state cannot be read.
    """
    told: list[int] = []
    stop = threading.Event()

    def end(number: int, _frame: object) -> None:
        told.append(number)
        stop.set()

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, end)
    fake = FakeEcs(latency_s=latency_s)
    with ExitStack() as stack:
        if state:
            StateFile(state, fake)
        if calls:
            stack.enter_context(written_calls(calls, fake))
        url = stack.enter_context(fake.serve(host, port, admin=admin))
        sys.stdout.write(f"listening on {url}\n")
        sys.stdout.flush()
        while not stop.wait(0.1):  # a signal may reach a thread that cannot wake this
            pass
    return INTERRUPTED if told[0] == signal.SIGINT else 0
