"""
The figures of the page on speed: charts and a short table.

All come from what `make bench` wrote down.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

from benchmarks.readme import calls_in_words
from tools.documentation.charts import Bar, Line, Part, bar_chart, line_chart

from alicloud_ingress.rendering.markup import cell

NONE_YET = "No figures are kept in this checkout; `make bench` measures them.\n"
FLOOR = "engine alone (floor)"
KINDS = {FLOOR: "floor {}", "single rules": "single {}", "one set": "set of {}"}
"""
What the charts compare, and how the rows of a size are called.
"""
SIZES = (10, 100, 500, 1_000)
COMMANDS = ("up", "refresh", "destroy")
WITH_LATENCY = (
    "single 100, 100 ms, -p 10",
    "single 100, 100 ms, -p 32",
    "single 100 in 10 groups, 100 ms, -p 32",
    "set of 1,000, 100 ms",
)
"""
The rows of the table: those in which a call takes as long as over a network.
"""

Figure = Mapping[str, Any]
Rows = Mapping[str, Mapping[str, Figure]]


def figures_page(text: str) -> str:
    """
    A page in Markdown, with charts in SVG.

    Args:
        text: of `benchmarks/figures.json`; "" where none is kept.
    """
    if not text:
        return NONE_YET
    document: dict[str, Any] = json.loads(text)
    rows: dict[str, dict[str, Figure]] = defaultdict(dict)
    for figure in document["figures"]:
        rows[figure["row"]][figure["command"]] = figure
    lines = [
        (
            f"Measured on {document['date']}, {document['machine']}, Python"
            f" {document['python']}; medians of {document['runs']} runs."
        ),
        *_measured_apart(document),
        *_hundred(rows),
        *_growth(rows),
        *_with_latency(rows),
        *_profile(document),
        *_scans(document),
        *_imports(document),
    ]
    return "\n".join(lines) + "\n"


def _measured_apart(document: Mapping[str, Any]) -> list[str]:
    """
    The rows of another day, or of another number of runs, than the last measurement.
    """
    apart: dict[tuple[str, int], dict[str, None]] = defaultdict(dict)
    for figure in document["figures"]:
        apart[figure["date"], figure["runs"]][figure["row"]] = None
    apart.pop((document["date"], document["runs"]), None)
    return [
        line
        for (date, runs), rows in sorted(apart.items())
        for line in ("", f"Medians of {runs} from {date}: {', '.join(rows)}.")
    ]


def _hundred(rows: Rows) -> list[str]:
    """
    A hundred rules: the floor, single rules and a set, one beside the other.
    """
    bars: list[Bar] = []
    for command in COMMANDS:
        name = command
        for kind, row in KINDS.items():
            figure = rows.get(row.format("100"), {}).get(command)
            if figure is None:
                continue
            parts = (Part(figure["seconds"], kind),)
            bars.append(Bar(name, parts, _remark(figure)))
            name = ""
    if not bars:
        return []
    title = "Seconds of pulumi up, refresh and destroy for 100 rules"
    return ["", "## 100 rules", "", *_raw(bar_chart(title, list(KINDS), bars))]


def _growth(rows: Rows) -> list[str]:
    """
    Seconds of `up` by the number of rules.
    """
    lines: list[Line] = []
    for kind, row in KINDS.items():
        points = [
            (float(size), float(rows[name]["up"]["seconds"]))
            for size in SIZES
            if "up" in rows.get(name := row.format(f"{size:,}"), {})
        ]
        if points:
            lines.append(Line(kind, tuple(points)))
    if not lines:
        return []
    title = "Seconds of pulumi up by the number of rules"
    chart = line_chart(title, "rules in one security group", lines)
    return ["", "## `pulumi up` by the number of rules", "", *_raw(chart)]


def _with_latency(rows: Rows) -> list[str]:
    shown = {row: rows[row] for row in WITH_LATENCY if row in rows}
    if not shown:
        return []
    return [
        "",
        "## With 100 ms for each call",
        "",
        f"| | {' | '.join(COMMANDS)} |",
        "|--" * (len(COMMANDS) + 1) + "|",
        *(
            f"| {cell(row)} | {' | '.join(_words(of.get(c)) for c in COMMANDS)} |"
            for row, of in shown.items()
        ),
    ]


def _profile(document: Mapping[str, Any]) -> list[str]:
    """
    What the seconds consist of, for the rows that have a target in seconds.
    """
    importing = document["imports_s"]["what the first call imports"]
    importing -= document["imports_s"]["python alone"]
    parts = (FLOOR, "waiting for ECS", "import of the HTTP client", "measured")
    bars: list[Bar] = []
    for figure in document["figures"]:
        if not figure["target_s"] or not figure["waiting_s"]:
            continue
        seconds = (figure["floor_s"], figure["waiting_s"], importing)
        stacked = tuple(map(Part, seconds, parts))
        least = Bar(
            f"{figure['row']}: {figure['command']}",
            stacked,
            f"{sum(seconds):.2f} s in sum",
        )
        measured = Bar(
            "",
            (Part(figure["seconds"], parts[-1]),),
            f"{figure['seconds']:.2f} s, target {figure['target_s']:.2f} s",
            target_s=figure["target_s"],
        )
        bars += [least, measured]
    if not bars:
        return []
    title = "Floor, waiting and import beside the seconds measured"
    return [
        "",
        "## Where the time goes",
        "",
        (
            "The floor is what the engine takes alone. Waiting is the time that the"
            " calls take one after the other at this parallelism. The HTTP client is"
            " imported before the first call. A provider gets below the sum only by"
            " what it does while the engine works. The vertical mark is the target."
        ),
        "",
        *_raw(bar_chart(title, parts, bars)),
    ]


def _scans(document: Mapping[str, Any]) -> list[str]:
    """
    `stale plan` over all groups of a region.
    """
    if not document["surveys"]:
        return []
    return [
        "",
        "## Stale rules of a whole region",
        "",
        "`stale plan --all-groups` at 50 ms for each call, one call for each group.",
        "",
        "| groups | rules | seconds | groups a second | memory |",
        "|--" * 5 + "|",
        *(
            f"| {scan['groups']:,} | {scan['rules']:,} | {scan['seconds']:.1f}"
            f" | {scan['groups_per_second']:.0f} | {scan['memory_mib']:.0f} MiB |"
            for scan in document["surveys"]
        ),
    ]


def _imports(document: Mapping[str, Any]) -> list[str]:
    """
    How long each start spends on imports.
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


def _raw(svg: str) -> Sequence[str]:
    """
    A picture as part of the page.
    """
    return ["```{raw} html", *(line for line in svg.splitlines() if line), "```"]


def _remark(figure: Figure) -> str:
    words = [f"{figure['seconds']:.1f} s"]
    if figure["calls"]:
        words.append(calls_in_words(figure["calls"]))
    return ", ".join(words)


def _words(figure: Figure | None) -> str:
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
