"""
Run the long steps of the installation of the engine, and report their progress.
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

REPORT_SECONDS = 10
LAST_LINES = 15


class StepFailedError(Exception):
    """
    A step failed; the text is the last output of its command.
    """


def say(text: str) -> None:
    """
    Print a message to stderr; stdout is for the result.
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
    Run a command, and report its progress every ten seconds.

    Args:
        title: the number of the step, and what it does.
        command: runs in its own process group.
        cwd: the working directory.
        environment: the whole environment of the command.
        at_most: seconds until the command is ended.

    Raises:
        StepFailedError: the command failed, or was ended.
    """
    say(title)
    began = reported = time.monotonic()
    with tempfile.TemporaryFile("w+") as output:
        process = subprocess.Popen(
            command,
            cwd=cwd,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            close_fds=False,  # a step that outlives a killed run keeps the lock
        )
        try:
            while process.poll() is None and time.monotonic() - began < at_most:
                time.sleep(0.2)
                if time.monotonic() - reported >= REPORT_SECONDS:
                    reported = time.monotonic()
                    seconds = f"{reported - began:.0f} s"
                    say(f"{title}: {seconds}{progress(output.fileno())}")
        finally:
            running = process.poll() is None
            if running:
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        output.seek(0)
        last_lines = "".join(output.readlines()[-LAST_LINES:]).rstrip()
    if running:
        raise StepFailedError(f"{title}: ended after {at_most:.0f} s\n{last_lines}")
    if process.returncode:
        raise StepFailedError(f"{title}: failed\n{last_lines}")


def progress(output: int) -> str:
    """
    What `go build -v` has downloaded and compiled: it prints a line for each.
    """
    lines = os.pread(output, 10_000_000, 0).decode(errors="replace").splitlines()
    fetched = sum(line.startswith("go: downloading ") for line in lines)
    if not lines:
        return ""
    return f", {fetched} modules downloaded, {len(lines) - fetched} packages compiled"
