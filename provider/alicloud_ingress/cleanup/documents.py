"""
Reads and writes the JSON files of plans and reports.

Each file is written whole or not at all. What it holds is one type: see `documents`.
"""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Generator
from pathlib import Path
from typing import Annotated, Literal, TypeVar

import msgspec

from alicloud_ingress.documents import as_text, tag_of
from alicloud_ingress.errors import IngressError
from alicloud_ingress.files import UnreadableError, mapping, parsed, text_in, writing

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
        found = mapping(parsed(text_in(path)))
    except UnreadableError as error:
        raise DocumentError(str(error)) from None
    except ValueError as error:
        raise DocumentError(
            f"{path} is not valid JSON ({error}); was it cut short?"
        ) from None
    if found.get("form") != form or found.get("version") != VERSION:
        raise DocumentError(f"{path} is not an {form} of version {VERSION}")
    try:
        return msgspec.convert(found, of)
    except msgspec.ValidationError as error:
        raise DocumentError(
            f"{path} is not a complete {form} ({error}); do not edit it"
        ) from None


def write_document(path: Path, document: msgspec.Struct) -> None:
    """
    Write a document that only the file's owner can read, whole or not at all.
    """
    with replacing(path) as temporary:
        temporary.write_text(as_text(document), encoding="utf-8")


@contextlib.contextmanager
def replacing(path: Path) -> Generator[Path]:
    """
    A temporary file that replaces *path* at the end of the block, and is then on disk.

    Raises:
        DocumentError: *path* exists and is not a regular file, but a device, say.
    """
    named, path = path, path.resolve()
    if path.exists() and not path.is_file():
        raise DocumentError(f"{named} is not a regular file; pass another path")
    with writing(named):
        handle, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
        os.close(handle)  # only the owner can read it: mkstemp
        temporary = Path(name)
        try:
            yield temporary
            with temporary.open("rb+") as file:
                os.fsync(file.fileno())
            temporary.replace(path)
        finally:
            temporary.unlink(missing_ok=True)
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
