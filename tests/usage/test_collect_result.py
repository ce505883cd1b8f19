"""
`usage collect --result`: what the printed query gave in another engine.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import duckdb
import pytest
from click.testing import Result

from functional.accounts import run
from usage.flow_log import LogStyle
from usage.records import rows
from usage.simulator import Simulation, simulate
from usage.topology import iso

NAMES = ("usage.parquet", "usage.watched.parquet")


@pytest.fixture(scope="module")
def simulation() -> Simulation:
    """A world with traffic, whose log is whole."""
    return replace(simulate(38), style=LogStyle(), spoilt=frozenset())


@pytest.fixture
def log(simulation: Simulation, tmp_path: Path) -> str:
    """The glob of its log."""
    return simulation.write(tmp_path / "logs")


def period(simulation: Simulation) -> tuple[str, ...]:
    return ("--since", "1d", "--until", iso(simulation.world.end))


def results(simulation: Simulation, log: str, folder: Path, form: str) -> list[Path]:
    """Both parts of the query, run by DuckDB as a user would."""
    made: list[Path] = []
    for part in ("flows", "watched"):
        printed = run(
            *("usage", "sql", "--dialect", "duckdb", "--part", part),
            *period(simulation),
        )
        path = folder / f"{part}.{form}"
        with duckdb.connect() as database:
            database.execute(
                f"CREATE VIEW flow_log AS FROM read_json('{log}', union_by_name = true)"
            )
            database.execute(f"COPY ({printed.stdout}) TO '{path}' (FORMAT {form})")
        made.append(path)
    return made


def collect(folder: Path, made: Sequence[Path], *words: str) -> Result:
    flows, watched = made
    return run(
        *("usage", "collect", "--result", str(flows), "--watched", str(watched)),
        *("--all-paths", "--out", str(folder / "usage.parquet"), *words),
    )


@pytest.mark.parametrize("form", ["parquet", "csv"])
def test_a_result_becomes_the_table_of_collect(
    simulation: Simulation, log: str, tmp_path: Path, form: str
) -> None:
    made = results(simulation, log, tmp_path, form)
    (tmp_path / "files").mkdir()

    done = collect(tmp_path, made, *period(simulation))

    assert done.exit_code == 0, done.output
    by_files = run(
        *("usage", "collect", "--files", log, *period(simulation), "--all-paths"),
        *("--out", str(tmp_path / "files" / "usage.parquet")),
    )
    assert by_files.exit_code == 0, by_files.output
    for name in NAMES:
        expected = rows(tmp_path / "files" / name)
        assert expected
        by_result = rows(tmp_path / name)
        assert sorted(map(repr, by_result)) == sorted(map(repr, expected))


def test_parts_of_a_result_lie_in_a_folder(
    simulation: Simulation, log: str, tmp_path: Path
) -> None:
    """As Spark writes them, with other files beside."""
    flows, watched = results(simulation, log, tmp_path, "parquet")
    folder = tmp_path / "spark"
    folder.mkdir()
    (folder / "_SUCCESS").touch()
    with duckdb.connect() as database:
        for half in (0, 1):
            database.execute(
                f"COPY (FROM '{flows}' WHERE hash(source) % 2 = {half})"
                f" TO '{folder / f'part-{half}.snappy.parquet'}' (FORMAT parquet)"
            )

    done = collect(tmp_path, [folder, watched], *period(simulation))

    assert done.exit_code == 0, done.output
    assert len(rows(tmp_path / "usage.parquet")) == len(rows(flows))


@pytest.mark.parametrize(
    ("part", "select", "words"),
    [
        (0, "* EXCLUDE (port)", "lacks the columns port"),
        (0, "* REPLACE ('both' AS opened)", "out of range"),
        (0, "* REPLACE (first_seen - 900000 AS first_seen)", "outside the period"),
        (0, "* REPLACE ('eni-x' AS interface_id)", "an interface that it lacks"),
        (0, "* REPLACE (NULL AS source)", "values are missing"),
        (0, "* REPLACE ('many' AS flows)", "Could not convert"),
        (1, "* REPLACE (last_window + 900000 AS last_window)", "outside the period"),
        (0, "*, unnest([]::INT[])", "it has no row"),
        (1, "* REPLACE (windows_ok + 1 AS windows_ok)", "do not fit each other"),
        (1, "*, unnest([1, 2])", "more than one row"),
    ],
)
def test_a_result_that_is_not_whole_is_refused(
    simulation: Simulation,
    log: str,
    tmp_path: Path,
    part: int,
    select: str,
    words: str,
) -> None:
    made = results(simulation, log, tmp_path, "parquet")
    wrong = tmp_path / "wrong.parquet"
    with duckdb.connect() as database:
        database.execute(f"COPY (SELECT {select} FROM '{made[part]}') TO '{wrong}'")
    made[part] = wrong

    done = collect(tmp_path, made, *period(simulation))

    assert done.exit_code == 3
    assert words in done.output
    assert not (tmp_path / "usage.parquet").exists()


@pytest.mark.parametrize("column", ["interface_id", "vpc_id", "note"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"], ids=["LF", "CRLF", "CR"])
def test_quotes_over_two_lines_of_a_result_hide_no_row(
    simulation: Simulation, log: str, tmp_path: Path, column: str, end: str
) -> None:
    made = results(simulation, log, tmp_path, "csv")
    header, *lines = made[0].read_text(encoding="utf-8").splitlines()
    table = [[*header.split(","), "note"], *([*x.split(","), "n"] for x in lines)]
    place = table[0].index(column)
    table[2][place] = '"' + table[2][place]
    table[3][place] += '"'
    text = end.join(map(",".join, table)) + end
    made[0].write_text(text, encoding="utf-8", newline="")

    done = collect(tmp_path, made, *period(simulation))

    assert done.exit_code == 3
    assert not (tmp_path / "usage.parquet").exists()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--files", ""], "no file matches ''"),
        (["--result", "a.csv"], "--result and --watched together"),
        (["--watched", "a.csv", "--files", "b"], "--result and --watched together"),
        (["--result", "a.csv", "--watched", "b.csv"], "--since and --until"),
        (["--result", "a.csv", "--files", "b"], "either --files or --sls or --result"),
        (
            ["--result", "a.csv", "--watched", "b.csv", "--until", "2026-01-02"],
            "no file matches a.csv",
        ),
    ],
)
def test_mistakes_in_the_options(
    tmp_path: Path, words: list[str], message: str
) -> None:
    done = run("usage", "collect", *words, "--out", str(tmp_path / "usage.parquet"))

    assert done.exit_code == 2
    assert message in done.output
