"""
Reads and writes the JSON files of plans and reports.

Each file is written whole or not at all. What it holds is one type: see `documents`.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
from collections.abc import Generator
from pathlib import Path
from typing import Annotated, Literal, TypeVar

import msgspec

from alicloud_ingress.documents import tag_of
from alicloud_ingress.errors import IngressError
from alicloud_ingress.files import (
    UnreadableError,
    mapping,
    parsed,
    replacing,
    text_in,
    writing,
)

Version = Literal[1]
VERSION: Version = 1
Time = Annotated[
    str,
    msgspec.Meta(
        description="ISO 8601 in UTC; empty if it is not known.",
        pattern=r"^$|^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}(:\d{2})?Z$",
    ),
]
_Document = TypeVar("_Document", bound=msgspec.Struct)


class DocumentError(IngressError):
    """
    A file is not a plan or report: it was cut short or edited, or is something else.
    """


def read_document(path: Path, of: type[_Document]) -> _Document:
    """
    Read a document.

    Raises:
        DocumentError: the file is not such a document of a known version, or a value is
            missing or wrong.
    """
    form = tag_of(of)
    try:
        found = mapping(parsed(text_in(path), unique_keys=True))
        json.dumps(found, ensure_ascii=False).encode()  # no half of a character
    except UnreadableError as error:
        raise DocumentError(str(error)) from None
    except ValueError as error:
        raise DocumentError(
            f"{path} is not valid JSON ({error}); was it cut short or edited?"
        ) from None
    if found.get("form") != form:
        named = f"; it is an {found['form']}" if found.get("form") else ""
        raise DocumentError(f"{path} is not an {form}{named}")
    if found.get("version") != VERSION:
        raise DocumentError(
            f"{path} is not an {form} of version {VERSION}, the one that this release"
            " reads; use the release that wrote it, or make a new plan"
        )
    try:
        return msgspec.convert(found, of)
    except msgspec.ValidationError as error:
        raise DocumentError(
            f"{path} is not a complete {form} ({error}); do not edit it"
        ) from None


@contextlib.contextmanager
def locked(path: Path) -> Generator[None]:
    """
    Keep other runs away from a file until the block ends, or the process is killed.

    The lock is on a file beside it, because the file itself is replaced.

    Raises:
        DocumentError: another run uses the file.
    """
    real = path.resolve()
    lock = real.with_name(f".{real.name}.lock")
    with writing(path):
        file = os.fdopen(os.open(lock, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600))
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            is_held = os.fstat(file.fileno()).st_nlink == 0  # removed since it opened
        except BlockingIOError:
            is_held = True
        if is_held:
            raise DocumentError(
                f"another run uses {path}; wait for it to end, then run the command"
                " again"
            )
        try:
            yield
        finally:
            lock.unlink(missing_ok=True)


@contextlib.contextmanager
def replaced(path: Path) -> Generator[Path]:
    """
    See `files.replacing`; only the file's owner can read it. A link is followed.

    Raises:
        DocumentError: *path* exists and is not a regular file, but a device, say.
    """
    if path.exists() and not path.is_file():
        raise DocumentError(f"{path} is not a regular file; pass another path")
    with replacing(path.resolve(), private=True) as temporary:
        yield temporary
