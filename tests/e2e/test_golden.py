"""
The previews in tests/golden equal those of the real engine.

`make golden` rewrites them and their reports.
"""

from __future__ import annotations

import json
import os
import re
import shutil
from pathlib import Path
from typing import Any

import pytest

from e2e.project import ROOT, SECRET, Project

GOLDEN = ROOT / "tests" / "golden"
TIED_TO_A_RUN = ("stackTrace", "sourcePosition", "created", "modified", "duration")
IN_ANY_ORDER = ("diffReasons", "replaceReasons")
SAMES = ("--json", "--show-sames")


def scrubbed(text: str) -> str:
    """A preview without what differs from run to run: times, paths, IDs, order."""

    def lasting(entry: dict[str, Any]) -> dict[str, Any]:
        return {
            k: sorted(v) if k in IN_ANY_ORDER and v else v
            for k, v in entry.items()
            if k not in TIED_TO_A_RUN
        }

    def urn(step: dict[str, str]) -> str:
        return step["urn"]

    document = json.loads(text, object_hook=lasting)
    document["steps"].sort(key=urn)
    text = json.dumps(document, indent=1, sort_keys=True) + "\n"
    text = re.sub(r"::[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\"", '::id"', text)
    text = re.sub(r'("create_time": )"[^"]+"', r'\1"2026-01-01T00:00:00Z"', text)
    text = re.sub(r'("owner_mark": )"[0-9a-f]+"', r'\1"mark"', text)
    numbers: dict[str, str] = {}
    return re.sub(
        r"\b(sgr?)-\d{8}\b",
        lambda m: numbers.setdefault(m[0], f"{m[1]}-{len(numbers) + 1:08d}"),
        text,
    )


@pytest.fixture
def sample(project: Project) -> Project:
    project.sample()
    project.settings["sample:securityGroupId"] = project.group
    project.settings["sample:balancerGroupId"] = project.fake.new_group()
    return project


def check(name: str, text: str) -> None:
    file = GOLDEN / f"{name}.preview.json"
    if os.environ.get("GOLDEN") == "write":
        file.write_text(scrubbed(text))

    assert file.read_text() == scrubbed(text), "run `make golden`, and read the diff"


def test_the_golden_preview_of_a_new_stack_is_current(sample: Project) -> None:
    """All resources are to be created."""
    check("create", sample.pulumi("preview", *SAMES))


def test_the_golden_preview_of_each_change_is_current(sample: Project) -> None:
    """Created, updated, replaced with and without a gap, deleted, unchanged."""
    sample.up()
    program = sample.folder / "sample-stack" / "__main__.py"
    shutil.copyfile(GOLDEN / "changed_program.py", program)

    check("change", sample.pulumi("preview", *SAMES))


def test_the_golden_preview_of_drift_is_current(sample: Project) -> None:
    """One rule is deleted by hand, and another one is changed."""
    sample.up()
    rules = sample.fake.groups[sample.group].rules
    by_priority = {rule["Priority"]: rule_id for rule_id, rule in rules.items()}
    first, second = by_priority[10], by_priority[100]
    rules[first]["SourceCidrIp"] = "198.51.100.0/24"
    del rules[second]

    check("drift", sample.pulumi("preview", "--refresh", *SAMES))


def test_the_golden_preview_of_a_destroy_is_current(sample: Project) -> None:
    """All resources are to be deleted."""
    sample.up()

    check("destroy", sample.pulumi("destroy", "--preview-only", "--json"))


def test_golden_files_hold_no_path_and_no_secret() -> None:
    """They hold neither the folders of the machine that made them nor a secret."""
    for file in Path(GOLDEN).glob("*.json"):
        assert str(Path.home()) not in file.read_text()
        assert str(ROOT) not in file.read_text()
        assert SECRET not in file.read_text()
