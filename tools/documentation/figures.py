"""
The page with figures, from what `make bench` wrote down.
"""

from __future__ import annotations

import json
from collections import defaultdict
from typing import Any

from alicloud_ingress.markup import cell

NONE_YET = "No figures are kept in this checkout; `make bench` measures them.\n"


def figures_page(text: str) -> str:
    """
    A table in Markdown.

    Args:
        text: of `benchmarks/figures.json`; "" where there is none.
    """
    if not text:
        return NONE_YET
    document: dict[str, Any] = json.loads(text)
    rows: dict[str, dict[str, dict[str, Any]]] = defaultdict(dict)
    for figure in document["figures"]:
        rows[figure["row"]][figure["command"]] = figure
    commands = list(dict.fromkeys(f["command"] for f in document["figures"]))
    lines = [
        (
            f"Measured on {document['date']}, {document['machine']}, Python"
            f" {document['python']}; medians of {document['runs']} runs."
        ),
        "",
        f"| | {' | '.join(commands)} |",
        "|--" * (len(commands) + 1) + "|",
    ]
    for row, by_command in rows.items():
        cells = [_words(by_command.get(command)) for command in commands]
        lines.append(f"| {cell(row)} | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def _words(figure: dict[str, Any] | None) -> str:
    if figure is None:
        return ""
    words = [f"{figure['seconds']:.2f} s"]
    if figure["floors"]:
        words.append(f"{figure['floors']:.2f} x the floor")
    if figure["calls"]:
        words.append(f"{figure['calls']} calls")
    if figure["met"] is False:
        words.append("target missed")
    return ", ".join(words)
