"""
Plans and reports as JSON: read with care, written so that no moment can spoil them.

Their forms are in `schemas/`, one file for each version, and ship with the package.
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
from alicloud_ingress.files import UnreadableError, parsed, text_in, writing
from alicloud_ingress.previews.declared import items, mapping
from alicloud_ingress.rules.rule import IngressRule

VERSION = 1


class DocumentError(IngressError):
    """
    A file is not what it is to be: it was cut, edited, or is something else.
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
    A document of one form and of a version that is known here.

    Raises:
        DocumentError: the file is none, or what is read of it in here is not whole.
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
            f"{path} is not a whole {form} ({type(error).__name__}: {error}); it must"
            " not be edited"
        ) from None


def write_document(path: Path, document: Mapping[str, Any]) -> None:
    """
    Write a document for the owner's eyes only, whole or not at all.
    """
    with replacing(path) as temporary:
        text = json.dumps(document, indent=1, ensure_ascii=True)
        temporary.write_text(f"{text}\n", encoding="utf-8")


@contextlib.contextmanager
def replacing(path: Path) -> Generator[Path]:
    """
    A file beside *path* that takes its place at the end, and is then on the disk.

    Raises:
        DocumentError: there is something else than a regular file, such as a device,
            in whose place no file may come.
    """
    named, path = path, path.resolve()
    if path.exists() and not path.is_file():
        raise DocumentError(f"{named} is not a regular file; pass another path")
    with writing(named):
        handle, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
        os.close(handle)  # mkstemp made it for the owner alone
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
    Reasons as JSON.
    """
    return [{"kind": reason.kind, "text": reason.text} for reason in reasons]


def read_reasons(entry: Mapping[str, Any]) -> tuple[Reason, ...]:
    """
    Reasons from JSON.
    """
    found = [mapping(each) for each in items(entry["reasons"])]
    for each in found:
        if each["kind"] not in KINDS:
            raise ValueError(f"{each['kind']!r} is no reason")
    return tuple(Reason(each["kind"], text_of(each, "text")) for each in found)


def read_rule(entry: Mapping[str, Any]) -> IngressRule:
    """
    A rule from its fields, named as the API names them, letter by letter.
    """
    permission = mapping(entry["permission"])
    if not permission.get("IpProtocol"):
        raise ValueError("a permission has no IpProtocol")
    return IngressRule.as_spelled(permission)


def text_of(entry: Mapping[str, Any], name: str) -> str:
    """
    A text that has to be there.
    """
    value = entry[name]
    if not isinstance(value, str):
        raise TypeError(f"{name} is no text")
    return value
