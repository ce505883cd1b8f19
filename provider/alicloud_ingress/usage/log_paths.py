"""
The files that a user names as flow logs, by path, folder or glob.

None is left out silently: what cannot be listed or followed is named like a file, and
then cannot be read.
"""

from __future__ import annotations

import fnmatch
import glob
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from alicloud_ingress.errors import IngressError

if TYPE_CHECKING:
    import duckdb

OSS = "oss://"
_MARKERS = ("_SUCCESS", "_started_*", "_committed_*", ".*.crc", ".DS_Store")
"""
Names of files without records that Hadoop, Spark, Databricks and macOS write.
"""


class NoMatchError(IngressError):
    """
    A glob matches no file.
    """


def found(
    connection: duckdb.DuckDBPyConnection, patterns: Sequence[str]
) -> tuple[str, ...]:
    """
    The files that globs match, each once, in order.

    Raises:
        NoMatchError: naming each glob without a match.
    """
    names: dict[str, None] = {}
    empty: list[str] = []
    for pattern in patterns:
        matched = _matched(connection, pattern)
        if not matched:
            empty.append(pattern or "''")
        names.update(dict.fromkeys(matched))
    if empty:
        raise NoMatchError(f"no file matches {', '.join(empty)}")
    return tuple(names)


def _matched(connection: duckdb.DuckDBPyConnection, pattern: str) -> list[str]:
    if pattern.startswith(OSS):
        rest = pattern if glob.has_magic(pattern) else f"{pattern.rstrip('/')}/**"
        rows = connection.execute("SELECT file FROM glob(?)", [rest]).fetchall()
        names = [str(row[0]) for row in rows if not str(row[0]).endswith("/")]
    elif not pattern.strip():
        names = []
    elif os.path.exists(pattern):  # noqa: PTH110 - no error where it cannot be asked
        names = [*_files_of(Path(pattern))]
    else:
        matched = [*_globbed(pattern)]
        names = [*_folders_not_listed(pattern)]
        names += [name for each in matched for name in _files_of(each)]
    return sorted(name for name in names if not _is_marker(name))


def _is_marker(path: str) -> bool:
    """
    Whether a file is one of those that jobs write beside their data.

    Any other file counts, a hidden one too: that of a copy that was interrupted shows
    that records are missing.
    """
    name = path.rsplit("/", 1)[-1]
    return any(fnmatch.fnmatchcase(name, each) for each in _MARKERS)


def _globbed(pattern: str) -> Iterator[Path]:
    return map(Path, glob.iglob(pattern, recursive=True))  # noqa: PTH207 - of a whole path


def _files_of(path: Path) -> Iterator[str]:
    """
    A file; or the files of a folder and its folders, and those of them that cannot be
    listed. A link without a target is a file that cannot be read.
    """
    if not os.path.isdir(path):  # noqa: PTH112 - likewise
        yield from _file(path)
        return
    unlisted: list[str] = []
    known: set[str] = set()

    def note(error: OSError) -> None:
        unlisted.append(str(error.filename))

    for place, folders, names in os.walk(path, onerror=note, followlinks=True):
        real = os.path.realpath(place)
        if real in known:
            folders.clear()
            continue
        known.add(real)
        for name in names:
            yield from _file(Path(real, name))
    yield from unlisted


def _file(path: Path) -> Iterator[str]:
    if os.path.isfile(path):  # noqa: PTH113 - no error where it cannot be asked
        yield str(path.resolve())
    elif not os.path.exists(path):  # noqa: PTH110 - likewise
        yield str(path.absolute())


def _folders_not_listed(pattern: str) -> Iterator[str]:
    """
    The folders that a glob has to list and cannot: it says nothing of them.
    """
    path = Path(pattern)
    for child in (path, *path.parents):
        if glob.has_magic(child.name):
            for folder in _globbed(str(child.parent)):
                is_folder = os.path.isdir(folder)  # noqa: PTH112 - likewise
                if is_folder and not os.access(folder, os.R_OK | os.X_OK):
                    yield str(folder)
