"""
Reads the states of stacks, from files or through `pulumi`.
"""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from pathlib import Path

from alicloud_ingress.cleanup.owners import Owners, StateError
from alicloud_ingress.ecs.waiting import waiting_for
from alicloud_ingress.errors import IngressError, one_line
from alicloud_ingress.files import UnreadableError, text_in

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


def read_owners(
    files: Sequence[Path], stacks: Sequence[str]
) -> tuple[Owners, tuple[str, ...]]:
    """
    Read the owners of rules from states.

    Args:
        files: files written by `pulumi stack export`; `-` is standard input.
        stacks: names of stacks, exported with `pulumi` from the current folder.

    Returns:
        The owners, and the texts of the states.

    Raises:
        StateError: one of the states cannot be read.
    """
    texts = [_in_file(file) for file in files] + [_export(stack) for stack in stacks]
    for name, text in zip([*map(str, files), *stacks], texts, strict=True):
        try:
            Owners.read([text])
        except StateError as error:
            raise StateError(f"the state {name} cannot be read: {error}") from None
    return Owners.read(texts), tuple(texts)


def _in_file(file: Path) -> str:
    try:
        return text_in(file)
    except UnreadableError as error:
        raise StateError(str(error)) from None


def _export(stack: str) -> str:
    try:
        return engine_output("stack", "export", "--stack", stack)
    except EngineError as error:
        raise StateError(
            f"the stack {stack} cannot be exported: {error}; alternatively, export it"
            " yourself, and pass --state"
        ) from None
