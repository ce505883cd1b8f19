"""
The query in the embedded engine: bounded memory, damaged files excluded and named.

Text (JSON, CSV) is parsed once, into Parquet files of a temporary folder; Parquet is
read where it is. Then the steps of `query.py` run over both, each over all records.
What does not fit into the memory limit goes to the temporary folder.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

from alicloud_ingress.errors import IngressError
from alicloud_ingress.usage import query, records
from alicloud_ingress.usage.engine import (
    NoRoomError,
    connect,
    escaped,
    library,
    literal,
)
from alicloud_ingress.usage.log_files import (
    FileError,
    Layout,
    first_line,
    layout_of,
    relation,
)
from alicloud_ingress.usage.table import Period

if TYPE_CHECKING:
    import duckdb

MEMORY_MB = 600
"""
What DuckDB may hold; the process needs some 200 MB more.
"""
BATCH_FILES = 64
CODES = ("hash({0})",)
"""
SQL of numbers that stand for texts while records are compared. One that gives two texts
the same number is not used; without any, the texts stand for themselves.
"""
_NARROW_RECORDS = f"""
SELECT * REPLACE ({
    ", ".join(
        f"CAST({name} AS {kind}) AS {name}"
        for name, kind in {
            "protocol": "UTINYINT",
            "decision": "UTINYINT",
            "remote_port": "USMALLINT",
            "own_port": "USMALLINT",
            "seen_from": "UINTEGER",
            "seen_to": "UINTEGER",
        }.items()
    )
}) FROM ({{0}}) AS r
""".strip()
"""
What is compared and kept of each pair takes as few bytes as its values need.
"""
_NARROW_OPENERS = """
SELECT * REPLACE (CAST(opened AS UTINYINT) AS opened,
  CAST(else_opened AS UTINYINT) AS else_opened)
FROM ({0}) AS o
""".strip()
_CODED = "SELECT * REPLACE ({0} AS interface_id) FROM temp.main.{1}"
_NAMED = """
SELECT f.* REPLACE (i.text AS interface_id, s.text AS source, d.text AS destination)
FROM ({0}) AS f JOIN names AS i ON i.code = f.interface_id
JOIN names AS s ON s.code = f.source JOIN names AS d ON d.code = f.destination
""".strip()
_NEAR = """
SELECT * FROM parsed
WHERE xor(hash({0}), hash({1})) IN (
  SELECT xor(hash(remote), hash(own)) FROM openers WHERE again
)
""".strip()
"""
Records between the two ends of a pair that is read again, and few others.
"""


@dataclass(slots=True)
class _Readable:
    """
    Files by layout; and the Parquet files that text was parsed into.
    """

    files: dict[Layout, list[str]] = field(default_factory=dict[Layout, list[str]])
    names: dict[str, str] = field(default_factory=dict[str, str])
    parsed: list[str] = field(default_factory=list[str])
    rejected_lines: int = 0


class EmbeddedQuery:
    """
    One run of the query over files.

    Args:
        temporary: an empty folder, for what is parsed and what is spilled.
        memory_mb: limit of DuckDB's memory.
        codes: as `CODES`.

    Attributes:
        connection: of DuckDB; what `write` needs is in its temporary tables.
        problems: one for each file that could not be read.
    """

    def __init__(
        self,
        temporary: Path,
        memory_mb: int = MEMORY_MB,
        codes: Sequence[str] = CODES,
    ) -> None:
        self.connection: duckdb.DuckDBPyConnection = connect()
        self.problems: list[FileError] = []
        self._temporary = temporary
        self._codes = codes
        self._readable = _Readable()
        for name in ("spill", "plain", "parsed"):
            (temporary / name).mkdir()
        spill = literal(str(temporary / "spill"))
        self.connection.execute(
            f"SET memory_limit = '{memory_mb}MB'; SET temp_directory = {spill};"
            " SET preserve_insertion_order = false"
        )

    def close(self) -> None:
        """
        Give up what DuckDB holds.
        """
        self.connection.close()

    def read(self, paths: Sequence[str], period: Period) -> None:
        """
        Read files; those that cannot be read become `problems`.

        Args:
            paths: as `log_paths.found` gives them.
            period: whose records are taken.

        Raises:
            NoRoomError: too little memory or temporary space.
            IngressError: the query failed, and each file can be read to its end.
        """
        for path in paths:
            try:
                layout, plain = layout_of(
                    self.connection, path, self._temporary / "plain"
                )
            except FileError as error:
                self.problems.append(error)
                continue
            self._readable.files.setdefault(layout, []).append(plain)
            self._readable.names[plain] = path
        for layout, files in self._readable.files.items():
            if layout.kind != "parquet":
                self._parse(layout, files)
        while True:
            try:
                self._take(period)
            except library("duckdb").Error as error:
                if not self._exclude_damaged_parquet():
                    raise self._failure(error) from None
            else:
                return

    @property
    def files_read(self) -> int:
        """
        How many files were read to their end.
        """
        return len(self._readable.names)

    def _parse(self, layout: Layout, files: Sequence[str]) -> None:
        for batch in _batches(files, BATCH_FILES):
            try:
                self._parse_batch(layout, batch)
            except library("duckdb").Error:
                for path in batch:
                    try:
                        self._parse_batch(layout, [path])
                    except library("duckdb").Error as error:
                        damage = self._damage(layout, path)
                        if not damage:
                            raise self._failure(error) from None
                        self._exclude(path, damage)

    def _parse_batch(self, layout: Layout, paths: Sequence[str]) -> None:
        target = self._temporary / "parsed" / f"{len(self._readable.parsed)}.parquet"
        select = _parsed(layout, paths)
        try:
            self.connection.execute(
                f"COPY ({select}) TO {literal(str(target))}"
                " (FORMAT parquet, COMPRESSION snappy)"
            )
        except library("duckdb").Error:
            target.unlink(missing_ok=True)
            self._forget_rejects()
            raise
        self._readable.parsed.append(str(target))
        if layout.kind == "csv":
            self._readable.rejected_lines += self._count_rejects()
            self._forget_rejects()

    def _count_rejects(self) -> int:
        rows = self.connection.execute(
            "SELECT count(DISTINCT (file_id, line)) FROM reject_errors"
        ).fetchall()
        return int(rows[0][0])

    def _forget_rejects(self) -> None:
        for name in ("reject_errors", "reject_scans"):
            self.connection.execute(f"DROP TABLE IF EXISTS {name}")

    def _take(self, period: Period) -> None:
        """
        Make the views `flows` and `watched`, and the tables that they read.
        """
        self._keep("VIEW", "parsed", self._all_parsed())
        self._keep("TABLE", "addresses", records.ADDRESSES)
        [(doubtful,)] = self.connection.execute(records.DOUBTS).fetchall()
        judged = (records.judged if doubtful else records.judged_by_status)(period)
        self._keep("VIEW", "judged", judged)
        self._keep("TABLE", "hours", records.HOURS)
        self._keep("TABLE", "interfaces", records.INTERFACES)
        self._keep(
            "TABLE", "watched", query.with_steps(records.WATCHED_STEPS, records.WATCHED)
        )
        code = self._code()
        record = _NARROW_RECORDS.format(query.records(code))
        self._keep("VIEW", "records", record)
        openers = _NARROW_OPENERS.format(query.OPENERS)
        self._keep(
            "TABLE", "openers", query.with_steps({"pairs": query.PAIRS}, openers)
        )
        ends = (code.format(f"LOWER({end})") for end in ("source", "destination"))
        self._keep("TABLE", "near", _NEAR.format(*ends))
        few = {"parsed": "SELECT * FROM near", "judged": judged, "records": record}
        self._keep("TABLE", "again", query.with_steps(few, query.AGAIN))
        rows = {
            name: _CODED.format(code.format("interface_id"), name)
            for name in ("hours", "interfaces")
        }
        rows |= {
            name: text for name, text in query.FLOW_STEPS.items() if name != "again"
        }
        named = _NAMED.format(
            query.with_steps({**rows, "rows_made": query.ROWS}, query.FLOWS)
        )
        self._keep("VIEW", "flows", named)

    def _keep(self, kind: str, name: str, select: str) -> None:
        self.connection.execute(f"CREATE OR REPLACE TEMP {kind} {name} AS {select}")

    def _code(self) -> str:
        """
        What stands for a text, and the table `names` to go back from it.
        """
        run = self.connection.execute
        for code in (*self._codes, "{0}"):
            run(
                "CREATE OR REPLACE TEMP TABLE names AS"
                f" SELECT {code.format('text')} AS code, text FROM ("
                " FROM addresses UNION SELECT interface_id FROM interfaces)"
            )
            counts = run("SELECT count(*), count(DISTINCT code) FROM names").fetchall()
            if counts[0][0] == counts[0][1]:
                return code
        raise AssertionError("a text stands for itself only")

    def _all_parsed(self) -> str:
        selects = [
            _parsed(layout, files)
            for layout, files in self._readable.files.items()
            if layout.kind == "parquet" and files
        ]
        if self._readable.parsed:
            names = ", ".join(literal(escaped(n)) for n in self._readable.parsed)
            selects.append(f"SELECT * FROM read_parquet([{names}])")
        lines = self._readable.rejected_lines
        selects.append(records.parsed({}, f"range({lines})"))
        return " UNION ALL ".join(selects)

    def _exclude_damaged_parquet(self) -> bool:
        """
        Read each Parquet file to its end, and exclude those that fail.
        """
        before = len(self.problems)
        for layout, files in self._readable.files.items():
            if layout.kind != "parquet":
                continue
            for path in list(files):
                if damage := self._damage(layout, path):
                    files.remove(path)
                    self._exclude(path, damage)
        return len(self.problems) > before

    def _damage(self, layout: Layout, path: str) -> str:
        """
        Why a file cannot be read to its end; '' where it can. Nothing is written.
        """
        duckdb = library("duckdb")
        try:
            self.connection.execute(
                f"SELECT max(hash(parsed)) FROM ({_parsed(layout, [path])}) AS parsed"
            ).fetchall()
        except duckdb.OutOfMemoryException as error:
            raise self._failure(error) from None
        except duckdb.Error as error:
            return first_line(error)
        finally:
            self._forget_rejects()
        return ""

    def _failure(self, error: Exception) -> IngressError:
        duckdb, why = library("duckdb"), first_line(error)
        if isinstance(error, duckdb.OutOfMemoryException | duckdb.IOException):
            return NoRoomError(why, self._temporary)
        return IngressError(
            f"{why}. Each file can be read by itself, so this is a bug of"
            " alicloud-ingress; no table was written"
        )

    def _exclude(self, plain: str, damage: str) -> None:
        path = self._readable.names.pop(plain)
        self.problems.append(FileError(path, f"damaged: {damage}"))


def _parsed(layout: Layout, paths: Sequence[str]) -> str:
    return records.parsed(dict(layout.columns), relation(layout, paths))


def _batches(files: Sequence[str], size: int) -> Iterator[list[str]]:
    rest = iter(files)
    while batch := list(islice(rest, size)):
        yield batch
