"""
The pages that are made from code and measurements, and the whole site.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from tools.documentation.charts import Bar, Part, bar_chart
from tools.documentation.comment import comment_as_shown
from tools.documentation.errors import error_tables
from tools.documentation.figures import NONE_YET, figures_page

from alicloud_ingress.ecs.error_codes import BY_CODE
from alicloud_ingress.errors import EcsError, IngressError
from documents.blocks import ROOT

SVG = "{http://www.w3.org/2000/svg}"
FIGURES = ROOT / "benchmarks" / "figures.json"


def below(kind: type[IngressError]) -> set[type[IngressError]]:
    """A class and all that derive from it."""
    return {kind}.union(*map(below, kind.__subclasses__()))


def test_each_error_and_each_code_is_in_the_table() -> None:
    """With what to do next for each code; no gap is left in a sentence."""
    text = error_tables()

    for kind in below(IngressError) - {IngressError, EcsError}:
        if kind.__module__ == "alicloud_ingress.errors":
            assert f"| `{kind.__name__}` |" in text
    for code in BY_CODE:
        (row,) = [line for line in text.splitlines() if line.startswith(f"| `{code}`")]
        assert row.split("|")[3].strip()
    assert "{" not in text


def document() -> dict[str, Any]:
    """The figures that the checkout keeps."""
    read: dict[str, Any] = json.loads(FIGURES.read_text())
    return read


def figure(of: dict[str, Any], row: str, command: str) -> dict[str, Any]:
    """What was measured for a command of a row."""
    (found,) = [
        each
        for each in of["figures"]
        if (each["row"], each["command"]) == (row, command)
    ]
    measured: dict[str, Any] = found
    return measured


def drawings(text: str) -> list[ElementTree.Element]:
    """The charts of a page, each of which has to be well-formed XML."""
    blocks = text.split("```{raw} html\n")[1:]
    return [
        ElementTree.fromstring(block.split("\n```")[0])  # noqa: S314 - it is our own
        for block in blocks
    ]


def words(drawing: ElementTree.Element) -> list[str]:
    """The text that a chart shows."""
    return [element.text or "" for element in drawing.iter(f"{SVG}text")]


def test_the_charts_show_provider_and_floor() -> None:
    """A hundred rules, growth, and what the seconds consist of."""
    hundred, growth, profile = drawings(figures_page(FIGURES.read_text()))

    of = document()
    assert {"engine alone (floor)", "single rules", "one set"} <= set(words(hundred))
    for row in ("floor 100", "single 100", "set of 100"):
        for command in ("up", "refresh", "destroy"):
            seconds = figure(of, row, command)["seconds"]
            assert any(word.startswith(f"{seconds:.1f} s") for word in words(hundred))
    assert {"10", "100", "500", "1,000"} <= set(words(growth))
    assert len(list(growth.iter(f"{SVG}polyline"))) == 3
    assert "single 100, 100 ms, -p 10: up" in words(profile)


def test_a_bar_is_as_long_as_its_seconds() -> None:
    """All bars of a chart have one scale, which begins at 0."""
    bars = [Bar("a", (Part(1.0, "x"), Part(2.0, "y")), ""), Bar("b", (), "", 6.0)]

    (drawing,) = drawings(f"```{{raw}} html\n{bar_chart('t', ['x', 'y'], bars)}\n```")

    lengths = [
        (float(rect.get("x", "")), float(rect.get("width", "")))
        for rect in drawing.iter(f"{SVG}rect")
        if rect.find(f"{SVG}title") is not None
    ]
    (x_start, x_length), (y_start, y_length) = lengths
    assert (x_start, y_start) == (0.0, x_length)
    assert y_length == pytest.approx(2 * x_length, abs=0.2)
    (target,) = drawing.iter(f"{SVG}path")
    mark = float(target.get("d", "").removeprefix("M").split()[0])
    assert mark == pytest.approx(6 * x_length, abs=0.5)


def test_a_missed_target_is_in_the_table() -> None:
    """The table has the rows with latency."""
    of = document()
    figure(of, "single 100, 100 ms, -p 10", "destroy").update(
        seconds=2.9, floors=1.5, calls=0, met=False
    )

    text = figures_page(json.dumps(of))

    (row,) = [
        line
        for line in text.splitlines()
        if line.startswith("| single 100, 100 ms, -p 10 |")
    ]
    assert row.endswith("| 2.90 s, 1.50 x the floor, target missed |")


def test_rows_of_another_day_are_named_with_it() -> None:
    of = document()
    for each in of["figures"]:
        is_old = each["row"] == "floor 10"
        each |= {"date": "2026-01-02" if is_old else of["date"], "runs": of["runs"]}

    text = figures_page(json.dumps(of))

    assert f"Medians of {of['runs']} from 2026-01-02: floor 10." in text
    assert text.count("Medians of") == 1


def test_a_page_without_figures_says_so() -> None:
    """None are measured, or none of the rows that the charts show."""
    assert figures_page("") == NONE_YET
    few = figures_page(json.dumps({**document(), "figures": [], "surveys": []}))
    assert drawings(few) == []
    assert "## Start" in few


def test_the_comment_is_the_beginning_of_a_report() -> None:
    """Rendered, and without the HTML that a description may contain."""
    report = (ROOT / "tests/golden/change.report.md").read_text()

    shown = comment_as_shown(report.replace("`desktops`", "<b>desktops</b>"))

    assert "<h4>Newly open to the world</h4>" in shown
    assert "&lt;b&gt;desktops&lt;/b&gt;" in shown
    assert "What closes" not in shown
    with pytest.raises(ValueError, match="What closes"):
        comment_as_shown("# Another report\n")


def test_the_site_builds_without_a_warning(tmp_path: Path) -> None:
    """As `make docs` builds it."""
    pytest.importorskip("sphinx")
    shutil.copytree(
        ROOT / "docs", tmp_path / "docs", ignore=shutil.ignore_patterns("generated")
    )
    for name in ("tools", "benchmarks", "tests"):
        (tmp_path / name).symlink_to(ROOT / name)

    done = subprocess.run(
        [sys.executable, "-m", "sphinx", "-W", "-q", "docs", "site"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )

    assert (done.returncode, done.stderr) == (0, "")
    commands = (tmp_path / "site/reference/command-line.html").read_text()
    assert 'id="alicloud-ingress-doctor"' in commands
    start = (tmp_path / "site/index.html").read_text()
    assert '<svg class="drawing"' in start
    assert '<section class="comment"' in start
    speed = (tmp_path / "site/explanation/speed.html").read_text()
    assert speed.count('<svg class="chart"') == 3
    schemas = (tmp_path / "site/reference/json-documents.html").read_text()
    assert {"usage-report-1", "rules_afterwards", "in_words"} <= set(
        re.findall(r"[\w-]+", schemas)
    )
    resources = (tmp_path / "site/reference/resources.html").read_text()
    assert "source_prefix_list_id" in resources
