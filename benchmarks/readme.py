"""
Three rows of the figures for the README, between two comments.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
README = ROOT / "README.md"
FIGURES = ROOT / "benchmarks" / "figures.json"
BEGIN, END = "<!-- figures -->\n", "<!-- end of figures -->\n"
ROWS = ("floor 100", "single 100", "set of 100")
SHOWN = ("up", "refresh", "destroy")


def in_short(document: dict[str, Any]) -> str:
    """
    A table of 100 rules: the engine alone, single rules, a set.

    Args:
        document: the file that `make bench` writes.
    """
    lines = [
        (
            f"Measured on {document['date']} ({document['machine']}, Python"
            f" {document['python']}, medians of {document['runs']}). The floor is the"
            " same program with a provider that does nothing."
        ),
        "",
        f"| | {' | '.join(SHOWN)} |",
        "|--" * (len(SHOWN) + 1) + "|",
    ]
    by_row: dict[str, dict[str, dict[str, Any]]] = {}
    for figure in document["figures"]:
        by_row.setdefault(figure["row"], {})[figure["command"]] = figure
    for row in (name for name in ROWS if name in by_row):
        cells = [_cell(by_row[row][command]) for command in SHOWN]
        lines.append(f"| {row} | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def with_figures(readme: str, document: dict[str, Any]) -> str:
    """
    The README with the table between its two comments.
    """
    before, rest = readme.split(BEGIN)
    _, after = rest.split(END)
    return f"{before}{BEGIN}{in_short(document)}{END}{after}"


def calls_in_words(calls: int) -> str:
    """
    `1 call`, `2 calls`.
    """
    return f"{calls} call{'' if calls == 1 else 's'}"


def rewrite(figures: Path = FIGURES) -> None:
    """
    Write the figures of the file into the README.
    """
    document = json.loads(figures.read_text())
    README.write_text(with_figures(README.read_text(), document))


def _cell(figure: dict[str, Any]) -> str:
    calls = f", {calls_in_words(figure['calls'])}" if figure["calls"] else ""
    return f"{figure['seconds']:.1f} s{calls}"
