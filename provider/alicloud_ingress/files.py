"""
Files that a person names: text in UTF-8, and JSON, or an error that names the file.
"""

from __future__ import annotations

import contextlib
import json
import sys
from collections.abc import Generator, Iterable, Mapping
from pathlib import Path
from typing import Any, cast

from alicloud_ingress.errors import IngressError

STDIN = Path("-")


class UnreadableError(IngressError):
    """
    A file cannot be read, or is not text.
    """

    def __init__(self, file: Path, why: str) -> None:
        super().__init__(f"{file} cannot be read: {why}")
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
        why = "it is not text in UTF-8"
    raise UnreadableError(file, why)


def parsed(text: str) -> Any:
    """
    Read JSON.

    Raises:
        ValueError: it is not JSON, or nested deeper than any document of ours.
    """
    try:
        return json.loads(text)
    except RecursionError:
        raise ValueError("it is nested too deeply") from None
    except ValueError as error:
        # Python's own words for a number without end are a hint for programmers.
        if isinstance(error, json.JSONDecodeError):
            raise
        raise ValueError("it holds a number of too many digits") from None


def mapping(value: object) -> Mapping[str, Any]:
    """
    A JSON object; an empty one for anything else.
    """
    return cast("Mapping[str, Any]", value) if isinstance(value, Mapping) else {}


def items(value: object) -> list[Any]:
    """
    A JSON array; an empty one for anything else.
    """
    return [*cast("Iterable[Any]", value)] if isinstance(value, list) else []


@contextlib.contextmanager
def writing(file: Path) -> Generator[None]:
    """
    Let an error of writing say which file it is about, as one of a full disk does not.
    """
    try:
        yield
    except OSError as error:
        if error.filename is not None and str(error.filename) == str(file):
            raise
        raise OSError(error.errno, error.strerror, str(file)) from None
