"""
The embedded DuckDB, imported when it is first needed.

DuckDB comes with the extra `[usage]`. Importing this module never fails without it.
"""

from __future__ import annotations

import importlib
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from alicloud_ingress.errors import IngressError

if TYPE_CHECKING:
    from types import ModuleType

    import duckdb

_INTERRUPTED = "Query interrupted"
EXTRA = "pip install 'pulumi-alicloud-ingress[usage]'"


class ExtraMissingError(IngressError):
    """
    A library of the extra `[usage]` is not installed.
    """

    def __init__(self, library: str) -> None:
        super().__init__(
            f"{library} is not installed; the usage commands need it: {EXTRA}"
        )


class NoRoomError(IngressError):
    """
    A run had too little memory or temporary space, so no table was written.

    Args:
        why: the error; what was read is not at fault.
        folder: where temporary files are.
    """

    def __init__(self, why: str, folder: Path | str) -> None:
        super().__init__(
            f"{why}. The logs can be read; there is too little memory, or too little"
            f" space in {folder}: set TMPDIR to a folder with more"
        )


def library(name: str) -> ModuleType:
    """
    Import a library of the extra.

    Raises:
        ExtraMissingError: saying how to install it.
    """
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if (
            error.name is None
            or error.name.split(".")[0] != name.split(".", maxsplit=1)[0]
        ):
            raise
        raise ExtraMissingError(name) from None


def connect() -> duckdb.DuckDBPyConnection:
    """
    Open a database in memory that installs and loads no extension by itself.

    Raises:
        ExtraMissingError: DuckDB is not installed.
    """
    connection: duckdb.DuckDBPyConnection = library("duckdb").connect(
        ":memory:",
        config={
            "autoinstall_known_extensions": False,
            "autoload_known_extensions": False,
        },
    )
    return connection


def escaped(path: str) -> str:
    """
    A path for DuckDB, in which the characters of a glob stand for themselves.
    """
    return "".join(f"[{c}]" if c in "*?[" else c for c in path)


def literal(text: str) -> str:
    """
    A text in SQL.
    """
    return "'" + text.replace("'", "''") + "'"


@contextmanager
def interruptible() -> Generator[None]:
    """
    Let Ctrl-C during a query of DuckDB be the `KeyboardInterrupt` that it is elsewhere.
    """
    try:
        yield
    except RuntimeError as error:
        if str(error) == _INTERRUPTED:
            raise KeyboardInterrupt from None
        raise
