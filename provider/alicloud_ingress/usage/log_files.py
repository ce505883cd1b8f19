"""
Files of flow logs: told apart by their content, and read by DuckDB.

A file is JSON lines, CSV with a header, or Parquet. JSON and CSV may be compressed by
gzip, zstd or snappy. A file that is none of these, or that has none of a flow log's
fields, is a problem of its own: it is named, and the others are read.
"""

from __future__ import annotations

import csv
import gzip
import json
import mmap
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from alicloud_ingress.errors import IngressError
from alicloud_ingress.usage.engine import NoRoomError, escaped, library, literal
from alicloud_ingress.usage.log_paths import OSS
from alicloud_ingress.usage.records import FIELDS, OPTIONAL

if TYPE_CHECKING:
    import duckdb

LINE_BYTES = 1 << 20
"""
Bytes of the longest record that is read.
"""
MIN_JSON_FIELDS = 3
"""
Fields of a flow log that the first record of a JSON file has at least.
"""
_USUAL = frozenset(n for f in FIELDS.values() for n in (f, f.replace("-", "_")))
"""
Names of fields that a JSON file has in most exports.
"""
_GZIP = b"\x1f\x8b"
_ZSTD = b"\x28\xb5\x2f\xfd"
_PARQUET = b"PAR1"
_ORC = b"ORC"
_NOTICES_CUT_GZIP = 2
"""
The first version of DuckDB that reports a gzip file that was cut.
"""
_SNAPPY_FRAMED = b"\xff\x06\x00\x00sNaPpY"


class FileError(IngressError):
    """
    A file cannot be read, or holds no flow log.
    """

    def __init__(self, path: str, why: str) -> None:
        super().__init__(f"{path}: {why}")


@dataclass(frozen=True, slots=True)
class Layout:
    """
    How a file is read; files of one layout are read together.

    Args:
        kind: `json`, `json-paths` (names in another spelling), `csv` or `parquet`.
        compression: `uncompressed`, `gzip` or `zstd`; Parquet has its own.
        columns: our name of each field -> the SQL of it, as `query.parsed` takes it.
        delimiter: of a CSV file.
        header: names of a CSV file's columns, or of paths; types of a Parquet file's.
    """

    kind: str
    compression: str = "uncompressed"
    columns: tuple[tuple[str, str], ...] = ()
    delimiter: str = ""
    header: tuple[str, ...] = ()


def layout_of(
    connection: duckdb.DuckDBPyConnection, path: str, temporary: Path
) -> tuple[Layout, str]:
    """
    How a file is read, and the path under which it is.

    The path is another one where the file is compressed by snappy: DuckDB reads no
    such text, so it is decompressed into *temporary*.

    Raises:
        FileError: saying why it cannot be read.
        NoRoomError: too little memory, or space for the other one.
    """
    try:
        return _layout(connection, path, temporary)
    except OSError as error:
        raise FileError(path, error.strerror or type(error).__name__) from None
    except library("duckdb").OutOfMemoryException as error:
        raise NoRoomError(first_line(error), temporary) from None
    except library("duckdb").Error as error:
        raise FileError(path, first_line(error)) from None


def _layout(
    connection: duckdb.DuckDBPyConnection, path: str, temporary: Path
) -> tuple[Layout, str]:
    head = _head(path)
    if not head:
        raise FileError(path, "it is empty")
    if head.startswith(_PARQUET):
        return _parquet(connection, path), path
    if head.startswith(_ORC):
        raise FileError(path, "ORC is not supported; export Parquet, JSON or CSV")
    if head.startswith(_SNAPPY_FRAMED) or path.endswith(".snappy"):
        plain = _without_snappy(path, temporary)
        return _text(connection, path, plain, "uncompressed"), plain
    compression = "uncompressed"
    if head.startswith(_GZIP):
        compression = "gzip"
    elif head.startswith(_ZSTD):
        compression = "zstd"
    _require_whole(path, compression)
    return _text(connection, path, path, compression), path


def _head(path: str) -> bytes:
    if not path.startswith(OSS):
        with Path(path).open("rb") as file:
            return file.read(16)
    lowered = path.lower()
    for ending, magic in ((".parquet", _PARQUET), (".gz", _GZIP), (".zst", _ZSTD)):
        if lowered.endswith(ending):
            return magic
    return b"-"


def _require_whole(path: str, compression: str) -> None:
    """
    Decompress a file of a kind that DuckDB reads as far as it goes if it was cut.
    """
    major = int(str(library("duckdb").__version__).partition(".")[0])
    unnoticed = ("zstd", "gzip") if major < _NOTICES_CUT_GZIP else ("zstd",)
    if compression not in unnoticed or path.startswith(OSS):
        return
    cramjam: Any = library("cramjam")
    nowhere = cramjam.File(os.devnull, write=True)
    try:
        with (
            Path(path).open("rb") as file,
            mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data,
        ):
            getattr(cramjam, compression).decompress_into(data, nowhere)
    except Exception as error:  # noqa: BLE001 - the library has its own kinds
        message = f"{compression} cannot decompress it: {error}"
        raise FileError(path, message) from None


def _without_snappy(path: str, temporary: Path) -> str:
    """
    Decompress a file, raw as Simple Log Service writes it, or framed.
    """
    snappy: Any = library("cramjam").snappy
    if path.startswith(OSS):
        raise FileError(path, "snappy is read from disk only; download the file first")
    data = Path(path).read_bytes()
    try:
        framed = data.startswith(_SNAPPY_FRAMED)
        text = bytes(snappy.decompress(data) if framed else snappy.decompress_raw(data))
    except Exception as error:  # noqa: BLE001 - the library has its own kinds
        raise FileError(path, f"snappy cannot decompress it: {error}") from None
    plain = temporary / f"{len(list(temporary.iterdir()))}.plain"
    try:
        plain.write_bytes(text)
    except OSError as error:
        raise NoRoomError(str(error.strerror), temporary) from None
    return str(plain)


def _text(
    connection: duckdb.DuckDBPyConnection, path: str, plain: str, compression: str
) -> Layout:
    rows = connection.execute(
        "SELECT line FROM read_csv(?, columns = {'line': 'VARCHAR'}, delim = '\x01',"
        " quote = '', escape = '', header = false, auto_detect = false,"
        " ignore_errors = true, compression = ?) WHERE line <> '' LIMIT 1",
        [escaped(plain), compression],
    ).fetchall()
    if not rows and compression == "gzip" and _is_gzip_of_nothing(path):
        return _json(path, json.dumps(dict.fromkeys(FIELDS.values())), compression)
    if not rows:
        raise FileError(path, "it holds no text")
    first = str(rows[0][0]).lstrip("\ufeff").strip()
    if first.startswith("{"):
        return _json(path, first, compression)
    if first.startswith("["):
        raise FileError(path, "it is a JSON array; JSON lines are read")
    if compression == "uncompressed" and not path.startswith(OSS):
        _require_last_line(path, plain)
    return _csv(path, first, compression)


def _is_gzip_of_nothing(path: str) -> bool:
    """
    Whether a file is whole and without records, as Spark writes an empty partition.
    """
    if path.startswith(OSS):
        return False
    with Path(path).open("rb") as file, gzip.GzipFile(fileobj=file) as text:
        return not text.read(1)


def _require_last_line(path: str, plain: str) -> None:
    """
    A value that is cut, as 44 of 443, can be a value. So the last record of CSV counts
    only if its line ends.
    """
    with Path(plain).open("rb") as file:
        file.seek(-1, os.SEEK_END)
        if file.read(1) not in b"\r\n":
            raise FileError(
                path,
                "its last line has no end, so it may be cut short; if it is whole, add"
                " a line end",
            )


def _json(path: str, first: str, compression: str) -> Layout:
    """
    The layout of JSON lines: names are those of the first record, or the usual ones.

    Names of columns that differ in case alone are one name to DuckDB. So names in upper
    case are taken out of the JSON by path, which takes longer.
    """
    try:
        names = [str(name) for name in json.loads(first)]
    except ValueError:
        names = list(FIELDS.values())  # one broken record among others
    known = set(_by_field(names))
    if len(known) < MIN_JSON_FIELDS:
        raise FileError(path, "its first record has no fields of a flow log")
    if known == set(_by_field(set(names) & _USUAL)):
        columns = {name: _spellings(field) for name, field in FIELDS.items()}
        return Layout("json", compression, tuple(columns.items()))
    header = sorted({*_by_field(names).values(), *_USUAL})
    columns = {
        name: ", ".join(
            f"texts[{place}]"
            for place, spelling in enumerate(header, start=1)
            if _plain(spelling) == _plain(field)
        )
        for name, field in FIELDS.items()
    }
    return Layout(
        "json-paths",
        compression,
        tuple((name, f"COALESCE({texts})") for name, texts in columns.items()),
        header=tuple(header),
    )


def _csv(path: str, first: str, compression: str) -> Layout:
    """
    The layout of CSV. A value that holds line ends may have taken records in, behind a
    quote that no other closes, so its own record counts as unreadable.
    """
    best: tuple[int, str, list[str]] = (0, "", [])
    for delimiter in ",\t;| ":
        header = next(csv.reader([first], delimiter=delimiter))
        known = len(set(_by_field(header)))
        best = max(best, (known, delimiter, header))
    _, delimiter, header = best
    columns = _by_field(header)
    _require(path, columns, "its header (the first line)")
    expressions = {name: _quoted(column) for name, column in columns.items()}
    values = ", ".join(map(_quoted, unique(header)))
    expressions["status"] = (
        f"CASE WHEN NOT contains(concat({values}), chr(10))"
        f" THEN {expressions['status']} END"
    )
    return Layout(
        "csv",
        compression,
        tuple(expressions.items()),
        delimiter,
        tuple(header),
    )


def _parquet(connection: duckdb.DuckDBPyConnection, path: str) -> Layout:
    rows = connection.execute(
        f"DESCRIBE SELECT * FROM {_read_parquet(literal(escaped(path)))}"
    ).fetchall()
    types = {str(row[0]): str(row[1]) for row in rows}
    columns = _by_field(types)
    _require(path, columns, "its schema")
    return Layout(
        "parquet",
        "",
        tuple(
            (name, _readable(_quoted(column), types[column]))
            for name, column in columns.items()
        ),
        header=tuple(types[column] for column in columns.values()),
    )


def _readable(column: str, kind: str) -> str:
    if kind.startswith("TIMESTAMP"):
        return f"epoch({column})"
    # As a number, true would be port 1.
    return f"CAST({column} AS VARCHAR)" if kind == "BOOLEAN" else column


def _require(path: str, columns: Iterable[str], where: str) -> None:
    missing = [FIELDS[n] for n in FIELDS if n not in OPTIONAL and n not in columns]
    if missing:
        raise FileError(
            path, f"{where} lacks the flow log's fields {', '.join(missing)}"
        )


def _by_field(names: Iterable[str]) -> Mapping[str, str]:
    """
    Our name of each field that is among the names of columns -> that name.
    """
    by_plain: dict[str, str] = {}
    for name in names:
        by_plain.setdefault(_plain(name), name)
    return {
        ours: by_plain[_plain(field)]
        for ours, field in FIELDS.items()
        if _plain(field) in by_plain
    }


def _plain(name: str) -> str:
    return name.strip().lstrip("\ufeff").lower().replace("-", "_")


def _spellings(field: str) -> str:
    other = field.replace("-", "_")
    if other == field:
        return _quoted(field)
    return f"COALESCE({_quoted(field)}, {_quoted(other)})"


def relation(layout: Layout, paths: Sequence[str]) -> str:
    """
    The records of files of one layout, as DuckDB reads them.
    """
    files = f"[{', '.join(literal(escaped(path)) for path in paths)}]"
    if layout.kind == "parquet":
        return _read_parquet(files)
    if layout.kind == "csv":
        columns = ", ".join(f"{literal(n)}: 'VARCHAR'" for n in unique(layout.header))
        return (
            f"read_csv({files}, columns = {{{columns}}}, header = true,"
            f" auto_detect = false, delim = {literal(layout.delimiter)}, quote = '\"',"
            " escape = '\"', ignore_errors = true,"
            " store_rejects = true, rejects_limit = 0, hive_partitioning = false,"
            f" compression = {literal(layout.compression)})"
        )
    options = (
        f"{files}, format = 'newline_delimited', ignore_errors = true,"
        f" maximum_object_size = {LINE_BYTES}, hive_partitioning = false,"
        f" compression = {literal(layout.compression)}"
    )
    if layout.kind == "json-paths":
        texts = ", ".join(literal(f'$."{name}"') for name in layout.header)
        return (
            f"(SELECT json_extract_string(record, [{texts}]) AS texts"
            f" FROM read_json({options}, records = 'false',"
            " columns = {record: 'JSON'}))"
        )
    columns = ", ".join(f"{literal(name)}: 'VARCHAR'" for name in sorted(_USUAL))
    return f"read_json({options}, columns = {{{columns}}})"


def _read_parquet(files: str) -> str:
    """
    Some engines write texts without saying that they are texts.
    """
    return (
        f"read_parquet({files}, hive_partitioning = false, union_by_name = true,"
        " binary_as_string = true)"
    )


def unique(header: Sequence[str]) -> tuple[str, ...]:
    """
    Names of columns, made distinct as DuckDB needs them.
    """
    seen: dict[str, None] = {}
    for position, name in enumerate(header):
        taken = {other.lower() for other in seen}
        seen[name if name and name.lower() not in taken else f"{name}#{position}"] = (
            None
        )
    return tuple(seen)


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def first_line(error: Exception) -> str:
    """
    The first line of a message of DuckDB.
    """
    return (str(error).splitlines() or [type(error).__name__])[0]
