"""
Reads the states of stacks, from files or through `pulumi`.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from alicloud_ingress.cleanup.owners import Owners, StateError
from alicloud_ingress.cleanup.pulumi_command import EngineError, engine_output
from alicloud_ingress.files import UnreadableError, text_in


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
