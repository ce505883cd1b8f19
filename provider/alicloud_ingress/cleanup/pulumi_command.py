"""
Runs `pulumi`, the command line of the engine.
"""

from __future__ import annotations

import subprocess

from alicloud_ingress.ecs.waiting import waiting_for
from alicloud_ingress.errors import IngressError, one_line

TIMEOUT_S = 300


class EngineError(IngressError):
    """
    `pulumi` could not be run, or failed.
    """


def engine_output(*arguments: str) -> str:
    """
    Run `pulumi` in the current folder, and return its output.

    Raises:
        EngineError: it could not be run, or failed.
    """
    command = ["pulumi", *arguments, "--non-interactive"]
    try:
        with waiting_for(" ".join(command[:-1]), TIMEOUT_S):
            done = subprocess.run(  # noqa: S603 - no shell
                command,
                capture_output=True,
                encoding="utf-8",
                errors="replace",
                timeout=TIMEOUT_S,
                check=False,
            )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise EngineError(f"{type(error).__name__}; is `pulumi` on PATH?") from None
    if done.returncode:
        raise EngineError(one_line(done.stderr))
    return done.stdout
