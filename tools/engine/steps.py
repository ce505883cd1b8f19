"""
Run the long steps of putting the engine in place, so that one sees them at work.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

TELL_SECONDS = 10
LAST_LINES = 15


class StepFailedError(Exception):
    """
    A step did not end well; the text is what its command said last.
    """


def say(text: str) -> None:
    """
    Tell the person who waits; stdout is for the result.
    """
    print(f"engine: {text}", file=sys.stderr, flush=True)


def step(
    title: str,
    command: Sequence[str],
    *,
    cwd: Path,
    environment: Mapping[str, str],
    at_most: float = float("inf"),
) -> None:
    """
    Run a command, telling every ten seconds how far it is.

    Args:
        title: Which step of how many, and what it does.
        command: What to run, in a process group of its own.
        cwd: Where.
        environment: All of its environment.
        at_most: Seconds until it is ended.

    Raises:
        StepFailedError: It failed, or was ended.
    """
    say(title)
    began = told = time.monotonic()
    with tempfile.TemporaryFile("w+") as output:
        process = subprocess.Popen(
            command,
            cwd=cwd,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            close_fds=False,  # the lock stays with what a killed run leaves
        )
        try:
            while process.poll() is None and time.monotonic() - began < at_most:
                time.sleep(0.2)
                if time.monotonic() - told >= TELL_SECONDS:
                    told = time.monotonic()
                    say(f"{title}: {told - began:.0f} s{progress(output.fileno())}")
        finally:
            running = process.poll() is None
            if running:
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        output.seek(0)
        said = "".join(output.readlines()[-LAST_LINES:]).rstrip()
    if running:
        raise StepFailedError(f"{title}: ended after {at_most:.0f} s\n{said}")
    if process.returncode:
        raise StepFailedError(f"{title}: did not work\n{said}")


def progress(output: int) -> str:
    """
    What `go build -v` has fetched and compiled so far: it prints a line for each.
    """
    lines = os.pread(output, 10_000_000, 0).decode(errors="replace").splitlines()
    fetched = sum(line.startswith("go: downloading ") for line in lines)
    if not lines:
        return ""
    return f", {fetched} modules fetched, {len(lines) - fetched} packages compiled"
