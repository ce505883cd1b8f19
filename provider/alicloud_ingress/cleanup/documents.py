"""
Reads and writes the JSON files of plans and reports.

Each file is written whole or not at all. Their JSON schemas are in `schemas/`, one for
each version, and are part of the package.
"""

from __future__ import annotations

import contextlib
import json
import os
import tempfile
from collections.abc import Generator, Mapping
from importlib import resources
from pathlib import Path
from typing import Any, cast

from alicloud_ingress.cleanup.findings import KINDS, Reason
from alicloud_ingress.errors import IngressError
from alicloud_ingress.files import (
    UnreadableError,
    items,
    mapping,
    parsed,
    text_in,
    writing,
)
from alicloud_ingress.rules.rule import IngressRule

VERSION = 1


class DocumentError(IngressError):
    """
    A file is not a plan or report: it was cut short or edited, or is something else.
    """


def schema(name: str) -> dict[str, Any]:
    """
    The JSON schema of `stale-plan` or `stale-report`.
    """
    file = resources.files("alicloud_ingress") / "schemas" / f"{name}-{VERSION}.json"
    return cast("dict[str, Any]", json.loads(file.read_text(encoding="utf-8")))


@contextlib.contextmanager
def reading(path: Path, form: str) -> Generator[Mapping[str, Any]]:
    """
    Read a document. The code in the block takes its values.

    Args:
        path: of the file.
        form: what `form` has to say, such as `alicloud-ingress stale plan`.

    Raises:
        DocumentError: the file is not such a document of a known version, or the block
            finds a value missing or wrong.
    """
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
        yield found
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise DocumentError(
            f"{path} is not a complete {form} ({type(error).__name__}: {error}); do not"
            " edit it"
        ) from None


def write_document(path: Path, document: Mapping[str, Any]) -> None:
    """
    Write a document that only the file's owner can read, whole or not at all.
    """
    with replacing(path) as temporary:
        text = json.dumps(document, indent=1, ensure_ascii=True)
        temporary.write_text(f"{text}\n", encoding="utf-8")


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


def written_reasons(reasons: tuple[Reason, ...]) -> list[dict[str, str]]:
    """
    Reasons as JSON objects.
    """
    return [{"kind": reason.kind, "text": reason.text} for reason in reasons]


def read_reasons(entry: Mapping[str, Any]) -> tuple[Reason, ...]:
    """
    The reasons of a rule in a document.
    """
    found = [mapping(each) for each in items(entry["reasons"])]
    for each in found:
        if each["kind"] not in KINDS:
            raise ValueError(f"{each['kind']!r} is not a reason")
    return tuple(Reason(each["kind"], text_of(each, "text")) for each in found)


def read_rule(entry: Mapping[str, Any]) -> IngressRule:
    """
    The rule of an entry: its API parameters, spelled as in the document.
    """
    permission = mapping(entry["permission"])
    if not permission.get("IpProtocol"):
        raise ValueError("a permission has no IpProtocol")
    return IngressRule.as_spelled(permission)


def text_of(entry: Mapping[str, Any], name: str) -> str:
    """
    A text of an entry.

    Raises:
        KeyError: it is missing.
        TypeError: it is something else.
    """
    value = entry[name]
    if not isinstance(value, str):
        raise TypeError(f"{name} is not a text")
    return value
