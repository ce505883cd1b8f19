"""
A Python for the engine's programs and hosts that is forked, instead of started.

Each command of the engine starts two or three Pythons, and each of them imports pulumi
for most of a second of a core: more than all else that a small command does. The
libraries do not change while tests run, so one process imports them, and each Python
of the engine is forked from it, with the arguments, environment, folder and files of
the one that the engine started. The engine's list of packages is made once for the
same reason. Everything else is the Python of the tests.

A process that is killed, or whose coverage is measured, is started as users' are: see
`started_python`.
"""

from __future__ import annotations

import atexit
import functools
import gc
import importlib
import io
import os
import runpy
import selectors
import shlex
import signal
import socket
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import cast

LISTING = ("-m", "pip", "list", "-v", "--format", "json")
HOST = ("-u", "-m", "pulumi.dynamic")
PROGRAM = "*/pulumi-language-python-exec"
IMPORTED = (
    "pulumi.dynamic",
    "dill",
    "alicloud_ingress.resource",
    "alicloud_ingress.ecs.transport",
)
READY = "ready\n"
_CLIENT = Path(__file__).with_name("forked_python_client.py")
_SCRIPT = """\
#!/bin/sh
[ "$*" = {listing} ] && exec cat {packages}
[ "$*" = --version ] && exec echo {version}
exec {python} "$@"
"""
_FORKING = """\
case "$*" in
  {host}\\ *|{program}\\ *) exec {python} -I -S {client} {address} "$@" ;;
esac
"""


@dataclass(frozen=True)
class _Wanted:
    """
    A Python that the engine wants.

    Args:
        files: stdin, stdout and stderr.
    """

    arguments: list[str]
    folder: str
    environment: dict[str, str]
    files: list[int]


def started_python() -> str:
    """The value of PATH by which the engine starts Pythons as users' engines do."""
    return f"{_started().name}:{Path(sys.executable).parent}"


def forked_python() -> str:
    """The value of PATH by which the engine gets forked Pythons."""
    if not hasattr(os, "pidfd_open") or "COVERAGE_PROCESS_CONFIG" in os.environ:
        return started_python()
    return f"{_forked().name}:{Path(sys.executable).parent}"


@functools.cache
def _started() -> tempfile.TemporaryDirectory[str]:
    return _folder(_script())


@functools.cache
def _forked() -> tempfile.TemporaryDirectory[str]:
    first, *rest = _script().splitlines(keepends=True)
    folder = tempfile.TemporaryDirectory(prefix="fork-")
    address = Path(folder.name, "s")
    server = subprocess.Popen(
        [sys.executable, __file__, str(address)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert server.stdout is not None
    assert server.stdout.readline() == READY.encode()
    atexit.register(_end, server, folder)
    forking = _FORKING.format(
        host=r"\ ".join(HOST),
        program=PROGRAM,
        python=shlex.quote(sys.executable),
        client=shlex.quote(str(_CLIENT)),
        address=shlex.quote(str(address)),
    )
    return _folder("".join([first, forking, *rest]))


def _end(
    server: subprocess.Popen[bytes], folder: tempfile.TemporaryDirectory[str]
) -> None:
    server.communicate()
    folder.cleanup()


@functools.cache
def _script() -> str:
    folder = tempfile.TemporaryDirectory(prefix="packages-")
    atexit.register(folder.cleanup)
    packages = Path(folder.name, "packages.json")
    listed = subprocess.run(
        [sys.executable, *LISTING], check=True, capture_output=True, timeout=120
    )
    packages.write_bytes(listed.stdout)
    return _SCRIPT.format(
        listing=shlex.quote(" ".join(LISTING)),
        packages=shlex.quote(str(packages)),
        version=shlex.quote(f"Python {sys.version.split()[0]}"),
        python=shlex.quote(sys.executable),
    )


def _folder(text: str) -> tempfile.TemporaryDirectory[str]:
    folder = tempfile.TemporaryDirectory(prefix="python-")
    for name in ("python", "python3"):
        script = Path(folder.name, name)
        script.write_text(text)
        script.chmod(0o755)
    return folder


class _Server:
    """
    Forks a process for each connection, until stdin ends.

    The connection stands for the process that the engine knows: what it sends are the
    signals that it gets; when it ends, the forked one is killed; when that ends, its
    status is the answer.
    """

    def __init__(self, address: str) -> None:
        self._selector = selectors.DefaultSelector()
        self._listening = socket.socket(socket.AF_UNIX)
        self._listening.bind(address)
        self._listening.listen(64)
        self._running: dict[int, tuple[int, socket.socket]] = {}

    def serve(self) -> _Wanted | None:
        """
        Serve until the end.

        Returns:
            In a forked process, what it is wanted for; at the end, None.
        """
        self._selector.register(sys.stdin, selectors.EVENT_READ)
        self._selector.register(self._listening, selectors.EVENT_READ)
        sys.stdout.write(READY)
        sys.stdout.flush()
        while True:
            for key, _ in self._selector.select():
                if key.fileobj is sys.stdin:
                    for process, _ in self._running.values():
                        os.kill(process, signal.SIGKILL)
                    return None
                if key.fileobj is self._listening:
                    wanted = self._forked()
                    if wanted is not None:
                        return wanted
                elif key.data is not None:
                    self._signal(key.data)
                else:
                    self._tell_the_status(key.fd)

    def _forked(self) -> _Wanted | None:
        connection, _ = self._listening.accept()
        wanted = _received(connection)
        process = os.fork()
        if process == 0:
            self._close(connection)
            return wanted
        for file in wanted.files:
            os.close(file)
        ended = os.pidfd_open(process)
        self._running[ended] = (process, connection)
        self._selector.register(ended, selectors.EVENT_READ)
        self._selector.register(connection, selectors.EVENT_READ, (process, connection))
        return None

    def _close(self, connection: socket.socket) -> None:
        """
        Close what the forked process has of the server. An object that is collected
        later would close a file of the same number, such as one of gRPC.
        """
        self._selector.close()
        for each in (
            self._listening,
            connection,
            *(c for _, c in self._running.values()),
        ):
            each.close()

    def _signal(self, data: tuple[int, socket.socket]) -> None:
        process, connection = data
        signals = b""
        with suppress(ConnectionError):
            signals = connection.recv(1)
        if not signals:
            self._selector.unregister(connection)
        os.kill(process, signals[0] if signals else signal.SIGKILL)

    def _tell_the_status(self, ended: int) -> None:
        process, connection = self._running.pop(ended)
        _, status = os.waitpid(process, 0)
        self._selector.unregister(ended)
        os.close(ended)
        if connection in self._selector.get_map():
            self._selector.unregister(connection)
            with suppress(ConnectionError):
                connection.sendall(str(status).encode())
        connection.close()


def _received(connection: socket.socket) -> _Wanted:
    size, files, _, _ = socket.recv_fds(connection, 8, 3)
    with connection.makefile("rb") as content:
        text = content.read(int.from_bytes(size, "big"))
    folder, count, *rest = os.fsdecode(text).split("\0")
    arguments, variables = rest[: int(count)], rest[int(count) :]
    return _Wanted(
        arguments, folder, dict(each.split("=", 1) for each in variables), files
    )


def _become(wanted: _Wanted, own_path: list[str]) -> None:
    """Take what the process that the engine started has."""
    for number, file in enumerate(wanted.files):
        os.dup2(file, number)
    os.closerange(3, 1024)
    os.chdir(wanted.folder)
    os.environ.clear()
    os.environ.update(wanted.environment)
    time.tzset()
    sys.dont_write_bytecode = bool(os.environ.get("PYTHONDONTWRITEBYTECODE"))
    given = os.environ.get("PYTHONPATH", "").split(os.pathsep)
    sys.path[:] = [*filter(None, given), *own_path]


def _run(arguments: list[str]) -> None:
    if tuple(arguments[: len(HOST)]) == HOST:
        for stream in (sys.stdout, sys.stderr):
            cast("io.TextIOWrapper", stream).reconfigure(write_through=True)
        sys.argv = arguments[len(HOST) - 1 :]
        sys.path.insert(0, str(Path.cwd()))
        runpy.run_module(HOST[-1], run_name="__main__", alter_sys=True)
        return
    sys.argv = arguments
    sys.path.insert(0, str(Path(arguments[0]).parent))
    runpy.run_path(arguments[0], run_name="__main__")


def _main() -> None:
    inherited = os.environ.get("PYTHONPATH", "").split(os.pathsep)
    own_path = [each for each in sys.path[1:] if each not in inherited]
    for name in IMPORTED:
        importlib.import_module(name)
    gc.collect()
    gc.freeze()
    wanted = _Server(sys.argv[1]).serve()
    if wanted is not None:
        _become(wanted, own_path)
        _run(wanted.arguments)


if __name__ == "__main__":
    _main()
