"""
The page with figures, from what `make bench` wrote down.
"""

from __future__ import annotations

import json
from collections import defaultdict
from typing import Any

from benchmarks.readme import calls_in_words

from alicloud_ingress.rendering.markup import cell

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
    lines += [*_profile(document), *_surveys(document), *_imports(document)]
    return "\n".join(lines) + "\n"


def _profile(document: dict[str, Any]) -> list[str]:
    """
    What each second of the rows went into that have seconds to reach.
    """
    importing = document["imports_s"]["the SDK, at the first call"]
    importing -= document["imports_s"]["python alone"]
    lines = [
        "",
        "## Where the time goes",
        "",
        (
            "The engine alone takes the floor. Waiting is what one call after the other"
            " takes at this parallelism, whoever makes them. The SDK is imported before"
            " the first call can leave. No provider on this engine gets below the sum"
            " but by what it does while the engine works."
        ),
        "",
        (
            "| | floor | waiting | the SDK's import | sum | until the first answer"
            " | calls | after the last | measured | target |"
        ),
        "|--" * 10 + "|",
    ]
    for figure in document["figures"]:
        if not figure["target_s"] or not figure["waiting_s"]:
            continue
        parts = (figure["floor_s"], figure["waiting_s"], importing)
        first, last = figure["first_call_s"], figure["last_call_s"]
        measured = figure["seconds"]
        seconds = (
            *(*parts, sum(parts), first, last - first, measured - last),
            *(measured, figure["target_s"]),
        )
        row = f"{cell(figure['row'])}: {figure['command']}"
        lines.append(f"| {row} | {' | '.join(f'{s:.2f} s' for s in seconds)} |")
    return lines


def _surveys(document: dict[str, Any]) -> list[str]:
    """
    Looking for stale rules in all groups of a region.
    """
    if not document["surveys"]:
        return []
    return [
        "",
        "## Stale rules of a whole region",
        "",
        "`stale plan --all-groups` at 50 ms a call, one call a group.",
        "",
        "| groups | rules | seconds | groups a second | memory |",
        "|--" * 5 + "|",
        *(
            f"| {survey['groups']:,} | {survey['rules']:,} | {survey['seconds']:.1f}"
            f" | {survey['groups_per_second']:.0f} | {survey['memory_mib']:.0f} MiB |"
            for survey in document["surveys"]
        ),
    ]


def _imports(document: dict[str, Any]) -> list[str]:
    """
    How long each start imports.
    """
    starts = document["imports_s"].items()
    return [
        "",
        "## Start",
        "",
        "| what is started | seconds |",
        "|--|--|",
        *(f"| {what} | {seconds:.2f} s |" for what, seconds in starts),
    ]


def _words(figure: dict[str, Any] | None) -> str:
    if figure is None:
        return ""
    words = [f"{figure['seconds']:.2f} s"]
    if figure["floors"]:
        words.append(f"{figure['floors']:.2f} x the floor")
    if figure["calls"]:
        words.append(calls_in_words(figure["calls"]))
    if figure["met"] is False:
        words.append("target missed")
    return ", ".join(words)
