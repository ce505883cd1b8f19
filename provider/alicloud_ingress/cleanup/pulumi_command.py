"""
Runs the engine's command line, `pulumi`.
"""

from __future__ import annotations

import subprocess

from alicloud_ingress.ecs.waiting import waiting_for
from alicloud_ingress.errors import IngressError, one_line

WITHIN_S = 300


class EngineError(IngressError):
    """
    The engine's command line could not be run, or refused.
    """


def engine_output(*arguments: str) -> str:
    """
    Run `pulumi` in the present folder, and return what it prints.

    Raises:
        EngineError: saying why it did not.
    """
    command = ["pulumi", *arguments, "--non-interactive"]
    try:
        with waiting_for(" ".join(command[:-1]), WITHIN_S):
            done = subprocess.run(  # noqa: S603 - each name is one argument, not a shell's
                command,
                capture_output=True,
                encoding="utf-8",
                errors="replace",
                timeout=WITHIN_S,
                check=False,
            )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise EngineError(f"{type(error).__name__}; is `pulumi` on PATH?") from None
    if done.returncode:
        raise EngineError(one_line(done.stderr))
    return done.stdout
