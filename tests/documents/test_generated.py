"""
The pages that are generated from code and measurements, and the whole site.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from tools.documentation.errors import error_tables
from tools.documentation.figures import NONE_YET, figures_page

from alicloud_ingress.ecs.error_codes import BY_CODE
from alicloud_ingress.errors import EcsError, IngressError
from documents.blocks import ROOT

FIGURES = {
    "date": "2026-12-31",
    "machine": "2 cores",
    "python": "3.11.7",
    "runs": 3,
    "imports_s": {"python alone": 0.1, "the SDK, at the first call": 0.4},
    "surveys": [
        {
            "groups": 2000,
            "rules": 200000,
            "seconds": 41.0,
            "groups_per_second": 48.7,
            "memory_mib": 70,
        }
    ],
    "figures": [
        {
            "row": "100 rules",
            "command": command,
            "seconds": seconds,
            "floors": 1.5,
            "calls": calls,
            "met": met,
            "target_s": target_s,
            "floor_s": 2.0,
            "waiting_s": 1.0,
            "first_call_s": 1.5,
            "last_call_s": 2.5,
        }
        for command, seconds, calls, met, target_s in (
            ("up", 4.5, 120, True, 0.0),
            ("destroy", 2.9, 0, False, 2.8),
        )
    ],
}


def below(kind: type[IngressError]) -> set[type[IngressError]]:
    """A class and all classes that derive from it."""
    return {kind}.union(*map(below, kind.__subclasses__()))


def test_the_table_has_each_error_and_each_code() -> None:
    """Each code has a next step, and no sentence has an empty placeholder."""
    text = error_tables()

    for kind in below(IngressError) - {IngressError, EcsError}:
        if kind.__module__ == "alicloud_ingress.errors":
            assert f"| `{kind.__name__}` |" in text
    for code in BY_CODE:
        (row,) = [line for line in text.splitlines() if line.startswith(f"| `{code}`")]
        assert row.split("|")[3].strip()
    assert "{" not in text


def test_figures_become_a_table_that_shows_missed_targets() -> None:
    text = figures_page(json.dumps(FIGURES))

    assert "| 100 rules | 4.50 s, 1.50 x the floor, 120 calls |" in text
    assert "2.90 s, 1.50 x the floor, target missed" in text
    assert figures_page("") == NONE_YET


def test_the_target_time_is_divided_into_its_parts() -> None:
    """Floor, waiting, import and their sum; before, in and after the calls."""
    text = figures_page(json.dumps(FIGURES))

    parts = "2.00 s | 1.00 s | 0.30 s | 3.30 s | 1.50 s | 1.00 s | 0.40 s"
    assert f"| 100 rules: destroy | {parts} | 2.90 s | 2.80 s |" in text
    assert "100 rules: up" not in text
    assert "| 2,000 | 200,000 | 41.0 | 49 | 70 MiB |" in text


def test_the_site_builds_without_a_warning(tmp_path: Path) -> None:
    """The command is the one that `make docs` runs."""
    pytest.importorskip("sphinx")
    shutil.copytree(
        ROOT / "docs", tmp_path / "docs", ignore=shutil.ignore_patterns("generated")
    )
    for name in ("tools", "benchmarks"):
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
    resources = (tmp_path / "site/reference/resources.html").read_text()
    assert "source_prefix_list_id" in resources
