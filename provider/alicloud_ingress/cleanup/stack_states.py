"""
States of stacks, from files or through the engine.
"""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from pathlib import Path

from alicloud_ingress.cleanup.owners import Owners, StateError
from alicloud_ingress.errors import one_line
from alicloud_ingress.texts import UnreadableError, text_in
from alicloud_ingress.waiting import waiting_for

EXPORT_WITHIN_S = 300


def read_owners(files: Sequence[Path], stacks: Sequence[str]) -> tuple[Owners, str]:
    """
    Read who owns what.

    Args:
        files: written by `pulumi stack export`; `-` is standard input.
        stacks: names, exported through the engine from the present folder.

    Returns:
        The owners, and the texts put together, by which a later run can tell
        whether the states are still the same.

    Raises:
        StateError: one of them cannot be read, so that nothing can be judged.
    """
    texts = [_in_file(file) for file in files] + [_export(stack) for stack in stacks]
    for name, text in zip([*map(str, files), *stacks], texts, strict=True):
        try:
            Owners.read([text])
        except StateError as error:
            raise StateError(f"the state {name} cannot be read: {error}") from None
    return Owners.read(texts), "\0".join(texts)


def _in_file(file: Path) -> str:
    try:
        return text_in(file)
    except UnreadableError as error:
        raise StateError(f"the state {error}") from None


def _export(stack: str) -> str:
    command = ["pulumi", "stack", "export", "--stack", stack, "--non-interactive"]
    try:
        with waiting_for(" ".join(command[:-1]), EXPORT_WITHIN_S):
            done = subprocess.run(  # noqa: S603 - the name is one argument, not a shell's
                command,
                capture_output=True,
                encoding="utf-8",
                errors="replace",
                timeout=EXPORT_WITHIN_S,
                check=False,
            )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise StateError(
            f"the stack {stack} cannot be exported: {type(error).__name__}; is `pulumi`"
            " on PATH? Or export it yourself and give --state"
        ) from None
    if done.returncode:
        raise StateError(
            f"the stack {stack} cannot be exported: {one_line(done.stderr)}"
        )
    return done.stdout
