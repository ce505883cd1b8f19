"""
A forked Python is what the engine would have started.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil
import pytest

from forked_python import forked_python, started_python

TELLING = """\
import json, os, sys, time
sys.stderr.write("to stderr")
print(json.dumps({
    "arguments": sys.argv, "folder": os.getcwd(), "main": __name__,
    "environment": dict(os.environ), "path": sys.path, "input": sys.stdin.read(),
    "warm": "pulumi.dynamic" in sys.modules,
}))
sys.exit(7)
"""
STOPPING = """\
import sys, time
try:
    print("waits", flush=True)
    time.sleep(600)
except KeyboardInterrupt:
    sys.exit(5)
"""
WAITING = "import os, time; print(os.getpid(), flush=True); time.sleep(600)\n"
BOTH = pytest.mark.parametrize("python", [forked_python, started_python])


def _told(path: str, script: Path) -> dict[str, Any]:
    done = subprocess.run(
        ["python3", str(script), "a b", "--c"],
        cwd=script.parent,
        env={"PATH": f"{path}:{os.environ['PATH']}", "PYTHONPATH": "/x", "OWN": "ü\n"},
        input="given",
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stderr) == (7, "to stderr")
    told: dict[str, Any] = json.loads(done.stdout)
    return told


def _script(folder: Path, text: str) -> Path:
    script = folder / "pulumi-language-python-exec"
    script.write_text(text)
    return script


def test_a_forked_python_is_like_a_started_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    Arguments, folder, environment, module path, streams and exit code. Where coverage
    is measured, tests of the engine do not fork.
    """
    monkeypatch.delenv("COVERAGE_PROCESS_CONFIG", raising=False)
    script = _script(tmp_path, TELLING)
    forked, started = _told(forked_python(), script), _told(started_python(), script)
    assert (forked.pop("warm"), started.pop("warm")) == (True, False)
    for told in (forked, started):
        environment = told["environment"]
        for name in ("PATH", "_", "PWD", "OLDPWD", "SHLVL", "LC_CTYPE"):
            environment.pop(name, None)
    assert forked == started


@contextmanager
def _begun(
    path: str, folder: Path, text: str
) -> Generator[tuple[subprocess.Popen[bytes], str]]:
    """The process that the engine knows, and the first line that the Python wrote."""
    with subprocess.Popen(
        ["python3", str(_script(folder, text))],
        env={**os.environ, "PATH": f"{path}:{os.environ['PATH']}"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as engines:
        assert engines.stdout is not None
        yield engines, engines.stdout.readline().decode().strip()


@BOTH
def test_an_interrupt_reaches_the_python(
    python: Callable[[], str], tmp_path: Path
) -> None:
    """The engine ends its hosts by it."""
    with _begun(python(), tmp_path, STOPPING) as (engines, said):
        assert said == "waits"
        engines.send_signal(signal.SIGINT)
        _, errors = engines.communicate(timeout=30)
        assert (engines.returncode, errors) == (5, b"")


@BOTH
def test_killing_the_engines_process_ends_the_python(
    python: Callable[[], str], tmp_path: Path
) -> None:
    """The engine knows only the process that it started."""
    with _begun(python(), tmp_path, WAITING) as (engines, process_id):
        own = psutil.Process(int(process_id))
        engines.kill()
        ends = time.monotonic() + 30
        while own.is_running() and own.status() != psutil.STATUS_ZOMBIE:
            assert time.monotonic() < ends, "it runs on"
            time.sleep(0.05)


def test_a_killed_fork_ends_the_engines_process(tmp_path: Path) -> None:
    """By the same signal."""
    with _begun(forked_python(), tmp_path, WAITING) as (engines, process_id):
        psutil.Process(int(process_id)).kill()
        assert engines.wait(timeout=30) == -signal.SIGKILL
