"""
The query in the embedded engine: bounded memory, damaged files left out and named.

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

from alicloud_ingress.usage import query
from alicloud_ingress.usage.engine import connect, escaped, library, literal
from alicloud_ingress.usage.log_files import (
    FileError,
    Layout,
    first_line,
    layout_of,
    relation,
)
from alicloud_ingress.usage.query import Period

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
_NARROW = ", ".join(
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
"""
What is compared and kept of each pair takes as few bytes as its values need.
"""
_RECORDS = f"SELECT * REPLACE ({_NARROW}) FROM ({{}}) AS r"
_TEXTS = """
SELECT interface_id AS text FROM interfaces
UNION SELECT LOWER(source) FROM parsed WHERE source IS NOT NULL
UNION SELECT LOWER(destination) FROM parsed WHERE destination IS NOT NULL
""".strip()
_CODED_HOURS = "SELECT * REPLACE ({0} AS interface_id) FROM temp.main.hours"
_NAMED_ROWS = """
SELECT r.* REPLACE (i.text AS interface_id, s.text AS source, d.text AS destination)
FROM temp.main.rows_made AS r JOIN names AS i ON i.code = r.interface_id
JOIN names AS s ON s.code = r.source JOIN names AS d ON d.code = r.destination
""".strip()


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
            paths: as `log_files.found` gives them.
            period: whose records are taken.
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
                if not self._leave_out_damaged_parquet():
                    raise FileError("the flow logs", first_line(error)) from None
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
                        self._leave_out(path, error)

    def _parse_batch(self, layout: Layout, paths: Sequence[str]) -> None:
        target = self._temporary / "parsed" / f"{len(self._readable.parsed)}.parquet"
        select = query.parsed(dict(layout.columns), relation(layout, paths))
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
        Make what `query.FLOWS` and `query.WATCHED` read.
        """
        run = self.connection.execute
        run(f"CREATE OR REPLACE TEMP VIEW parsed AS {self._all_parsed()}")
        run(f"CREATE OR REPLACE TEMP VIEW judged AS {query.judged(period)}")
        run(f"CREATE OR REPLACE TEMP TABLE hours AS {query.HOURS}")
        run(f"CREATE OR REPLACE TEMP TABLE interfaces AS {query.INTERFACES}")
        code = self._code()
        records = _RECORDS.format(query.records(code))
        run(f"CREATE OR REPLACE TEMP VIEW records AS {records}")
        openers = query.with_steps({"pairs": query.PAIRS}, query.OPENERS)
        run(f"CREATE OR REPLACE TEMP TABLE openers AS {openers}")
        steps = {"hours": _CODED_HOURS.format(code.format("interface_id"))}
        rows = query.with_steps({**steps, **query.ROW_STEPS}, query.ROWS)
        run(f"CREATE OR REPLACE TEMP TABLE rows_made AS {rows}")
        flows = query.with_steps({"rows_made": _NAMED_ROWS}, query.FLOWS)
        run(f"CREATE OR REPLACE TEMP VIEW flows AS {flows}")
        watched = query.with_steps(query.WATCHED_STEPS, query.WATCHED)
        run(f"CREATE OR REPLACE TEMP TABLE watched AS {watched}")

    def _code(self) -> str:
        """
        What stands for a text, and the table `names` to go back from it.
        """
        run = self.connection.execute
        run(f"CREATE OR REPLACE TEMP TABLE texts AS {_TEXTS}")
        for code in (*self._codes, "{0}"):
            run(
                "CREATE OR REPLACE TEMP TABLE names AS"
                f" SELECT {code.format('text')} AS code, text FROM texts"
            )
            counts = run("SELECT count(*), count(DISTINCT code) FROM names").fetchall()
            if counts[0][0] == counts[0][1]:
                return code
        raise AssertionError("a text stands for itself only")

    def _all_parsed(self) -> str:
        selects = [
            query.parsed(dict(layout.columns), relation(layout, files))
            for layout, files in self._readable.files.items()
            if layout.kind == "parquet" and files
        ]
        if self._readable.parsed:
            names = ", ".join(literal(escaped(n)) for n in self._readable.parsed)
            selects.append(f"SELECT * FROM read_parquet([{names}])")
        lines = self._readable.rejected_lines
        selects.append(query.parsed({}, f"range({lines})"))
        return " UNION ALL ".join(selects)

    def _leave_out_damaged_parquet(self) -> bool:
        """
        Read each Parquet file to its end, and leave out those that fail.
        """
        before = len(self.problems)
        for layout, files in self._readable.files.items():
            if layout.kind != "parquet":
                continue
            for path in list(files):
                select = query.parsed(dict(layout.columns), relation(layout, [path]))
                try:
                    self.connection.execute(
                        f"SELECT max(hash(parsed)) FROM ({select}) AS parsed"
                    ).fetchall()
                except library("duckdb").Error as error:
                    files.remove(path)
                    self._leave_out(path, error)
        return len(self.problems) > before

    def _leave_out(self, plain: str, error: Exception) -> None:
        path = self._readable.names.pop(plain)
        self.problems.append(FileError(path, f"damaged: {first_line(error)}"))


def _batches(files: Sequence[str], size: int) -> Iterator[list[str]]:
    rest = iter(files)
    while batch := list(islice(rest, size)):
        yield batch
