"""
`make bench`: measure, print a table, write the figures to a file.
"""

from __future__ import annotations

import datetime as dt
import json
import os
import platform
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.table import Table

from benchmarks.cleanup import Surveyed, surveyed
from benchmarks.readme import FIGURES, rewrite
from benchmarks.results import Measured, measured
from benchmarks.rows import ALL, COMMANDS, MAIN, Row
from benchmarks.stack import PROCESSES, Sample, deployed
from benchmarks.startup import import_times
from benchmarks.usage_show import Judged, as_text, judged

console = Console(stderr=True)
SURVEYS = (200, 2_000)
"""
Numbers of groups: ten times as many must not need more memory.
"""


@click.command()
@click.option("--runs", default=3, show_default=True, type=click.IntRange(min=1))
@click.option(
    "--scaling", is_flag=True, help="Also measure up to 1,000 rules and 50 groups."
)
@click.option(
    "--only", default="", help="Measure only rows whose name contains this text."
)
@click.option(
    "--out",
    default=FIGURES,
    help="File for the figures; by default the one that the README is made from.",
    type=click.Path(dir_okay=False, path_type=Path),
)
def main(runs: int, scaling: bool, only: str, out: Path) -> None:  # noqa: FBT001
    """
    Measure the provider on the real engine, and the engine alone.

    Rows that are not measured keep their earlier figures. Exits with 1 if a target is
    missed.
    """
    rows = [row for row in (ALL if scaling else MAIN) if only in row.name]
    wanted = {row.name for row in rows} | {row.floor for row in rows}
    rows = [row for row in ALL if row.name in wanted]
    figures = _measured(rows, runs)
    imports_s = import_times()
    Console().print(_table(figures))
    Console().print(_cpu_table(figures, _kept_cpu_s()))
    _write(out, runs, figures, imports_s, [], None)
    surveys = [] if only else [surveyed(groups) for groups in SURVEYS]
    for survey in surveys:
        Console().print(
            f"stale plan over {survey.groups:,} groups x 100 rules, 50 ms a call:"
            f" {survey.seconds:.1f} s ({survey.groups_per_second:.0f} groups a second),"
            f" {survey.memory_mib:.0f} MiB"
        )
    usage = None if only else judged()
    if usage:
        Console().print(as_text(usage))
    _write(out, runs, figures, imports_s, surveys, usage)
    if any(figure.met is False for figure in figures):
        raise SystemExit(1)


def _write(  # noqa: PLR0913, PLR0917 - one for each part of the file
    out: Path,
    runs: int,
    figures: list[Measured],
    imports_s: dict[str, float],
    surveys: list[Surveyed],
    usage: Judged | None,
) -> None:
    known: dict[str, Any] = json.loads(out.read_text()) if out.is_file() else {}
    names = {figure.row for figure in figures}
    now = {"date": dt.datetime.now(dt.timezone.utc).date().isoformat(), "runs": runs}
    kept = [old for old in known.get("figures", ()) if old["row"] not in names]
    document = {
        "machine": f"{os.cpu_count()} cores, {platform.machine()}",
        "python": platform.python_version(),
        **now,
        "imports_s": imports_s,
        "surveys": [asdict(survey) for survey in surveys] or known.get("surveys", []),
        "usage_show": asdict(usage) if usage else known.get("usage_show"),
        "figures": [*({**asdict(figure), **now} for figure in figures), *kept],
    }
    out.write_text(json.dumps(document, indent=1) + "\n")
    if out == FIGURES:
        rewrite()


def _measured(rows: list[Row], runs: int) -> list[Measured]:
    """
    Measure all rows in each run, so that a slow minute does not affect a single row.
    """
    samples: dict[tuple[str, str], list[Sample]] = defaultdict(list)
    for run in range(1, runs + 1):
        for row in rows:
            console.print(f"run {run} of {runs}: {row.name}", style="dim")
            with deployed(row.workload) as stack:
                for command in COMMANDS:
                    samples[row.name, command].append(stack.run(command))
    figures: list[Measured] = []
    known: dict[tuple[str, str], Measured] = {}
    for row in sorted(rows, key=lambda row: bool(row.floor)):
        for command in COMMANDS:
            floor = known.get((row.floor, command))
            figure = measured(row, command, samples[row.name, command], floor)
            known[row.name, command] = figure
            figures.append(figure)
    return figures


def _table(figures: list[Measured]) -> Table:
    table = Table("", *COMMANDS, "memory", box=None, header_style="bold")
    by_row: dict[str, dict[str, Measured]] = defaultdict(dict)
    for figure in figures:
        by_row[figure.row][figure.command] = figure
    for name, of in by_row.items():
        memory = max(figure.memory_mib for figure in of.values())
        table.add_row(name, *map(_cell, of.values()), f"{memory:.0f} MiB")
    return table


def _cell(figure: Measured) -> str:
    words = [f"{figure.seconds:.2f} s"]
    if figure.floors:
        words.append(f"{figure.floors:.2f} x")
    if figure.calls:
        words.append(f"{figure.calls} calls")
    text = ", ".join(words)
    if figure.met is None:
        return text
    return f"[green]{text}[/]" if figure.met else f"[red]{text} (missed)[/]"


def _kept_cpu_s() -> dict[tuple[str, str], float]:
    """
    Processor time of each command in the file of figures, without the fake.
    """
    kept = json.loads(FIGURES.read_text())["figures"] if FIGURES.is_file() else ()
    return {
        (old["row"], old["command"]): sum(old["cpu_s"].values()) - old["cpu_s"]["fake"]
        for old in kept
        if "cpu_s" in old
    }


def _cpu_table(
    figures: list[Measured], kept_cpu_s: Mapping[tuple[str, str], float]
) -> Table:
    """
    Processor time by process; the ratio of two rows holds where both are of one run.
    """
    columns = ("seconds of processor time", "", *PROCESSES, "beyond the floor", "kept")
    table = Table(*columns, box=None, header_style="bold")
    for figure in figures:
        beyond, kept = (
            figure.cpu_beyond_ms,
            kept_cpu_s.get((figure.row, figure.command)),
        )
        table.add_row(
            figure.row,
            figure.command,
            *(f"{figure.cpu_s[process]:.2f}" for process in PROCESSES),
            f"{beyond:.1f} ms a rule" if beyond else "",
            f"{figure.cpu_total_s / kept:.2f} x" if kept else "",
        )
    return table


if __name__ == "__main__":
    main()
