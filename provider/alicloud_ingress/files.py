"""
Files that the user names or works in, and JSON: text, objects, lists of objects.
"""

from __future__ import annotations

import contextlib
import json
import os
import sys
import tempfile
from collections import Counter
from collections.abc import Generator, Iterable, Mapping
from pathlib import Path
from typing import Any, cast

from alicloud_ingress.errors import IngressError

STDIN = Path("-")
PROJECT_FILES = ("Pulumi.yaml", "Pulumi.yml", "Pulumi.json")
"""
The names that the engine accepts for the file of a project.
"""


class UnreadableError(IngressError):
    """
    A file cannot be read, or is not text.
    """

    def __init__(self, file: Path, why: str) -> None:
        super().__init__(f"cannot read {file}: {why}")
        self.why = why


def text_in(file: Path) -> str:
    """
    The text of a file, or of standard input for `-`; a byte order mark is dropped.

    Raises:
        UnreadableError: naming the file.
    """
    try:
        data = sys.stdin.buffer.read() if file == STDIN else file.read_bytes()
        return data.decode("utf-8-sig")
    except OSError as error:
        why = error.strerror or type(error).__name__
    except UnicodeDecodeError:
        why = "it is not UTF-8 text"
    raise UnreadableError(file, why)


def project_file(folder: Path) -> Path | None:
    """
    The file of the project that a folder belongs to, as the engine finds it.
    """
    places = (
        place / name for place in (folder, *folder.parents) for name in PROJECT_FILES
    )
    return next((file for file in places if file.is_file()), None)


class RepeatedKeyError(ValueError):
    """
    An object of a JSON text has a key twice: people read the first, programs the last.
    """

    def __init__(self, key: str) -> None:
        super().__init__(f"an object has {key!r} twice")
        self.key = key


def parsed(text: str, *, unique_keys: bool = False) -> Any:
    """
    Parse JSON.

    Args:
        text: the JSON.
        unique_keys: whether to refuse an object that has a key twice.

    Raises:
        ValueError: it is not valid JSON, or nested too deeply.
    """
    try:
        return json.loads(text, object_pairs_hook=_unique if unique_keys else None)
    except RecursionError:
        raise ValueError("it is nested too deeply") from None
    except ValueError as error:
        # Python's message for a number that is too long is a hint for programmers.
        if isinstance(error, json.JSONDecodeError | RepeatedKeyError):
            raise
        raise ValueError("it contains a number with too many digits") from None


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        counts = Counter(name for name, _ in pairs)
        raise RepeatedKeyError(max(counts, key=counts.__getitem__))
    return found


def mapping(value: object) -> Mapping[str, Any]:
    """
    A JSON object; an empty one for anything else.
    """
    # A dict is recognized several times faster than a mapping.
    is_object = type(value) is dict or isinstance(value, Mapping)
    return cast("Mapping[str, Any]", value) if is_object else {}


def items(value: object) -> list[Any]:
    """
    A JSON array; an empty one for anything else.
    """
    return [*cast("Iterable[Any]", value)] if isinstance(value, list) else []


def as_object(value: object) -> Mapping[str, object] | None:
    """
    A JSON object, or None for any other value.
    """
    return cast("Mapping[str, object]", value) if isinstance(value, dict) else None


def as_objects(value: object) -> list[Mapping[str, object]] | None:
    """
    A JSON list of objects, or None for any other value.
    """
    entries = cast("list[object]", value) if isinstance(value, list) else [None]
    objects = [entry for each in entries if (entry := as_object(each)) is not None]
    return objects if len(objects) == len(entries) else None


@contextlib.contextmanager
def writing(file: Path) -> Generator[None]:
    """
    Name the file in each error of writing. The error of a full disk does not name it.
    """
    try:
        yield
    except OSError as error:
        if error.filename is not None and str(error.filename) == str(file):
            raise
        raise OSError(error.errno, error.strerror, str(file)) from None


@contextlib.contextmanager
def replacing(path: Path, *, private: bool = False) -> Generator[Path]:
    """
    A temporary file that replaces *path* at the end of the block, and is then on disk.

    Args:
        path: of the file. If it is a link, that is replaced too, and not followed.
        private: whether only its owner can read it.
    """
    with writing(path):
        handle, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
        os.close(handle)  # only the owner can read it: mkstemp
        temporary = Path(name)
        try:
            yield temporary
            with temporary.open("rb+") as file:
                os.fsync(file.fileno())
            if not private:
                temporary.chmod(0o666 & ~_umask())
            temporary.replace(path)
        finally:
            temporary.unlink(missing_ok=True)
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
