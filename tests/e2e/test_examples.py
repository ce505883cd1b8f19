"""
Each example does what its text says, on the real engine or by its own tests.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from e2e.project import ROOT, SECRET, Project

EXAMPLES = ROOT / "examples"
STACKS = {
    "single-rules": 3,
    "rule-set": 3,
    "exclusive-group": 1,
    "expiring-rule": 1,
    "adoption": 1,
    "many-cidrs": 120,
}
OWN_TESTS = ("test-your-stack", "test-your-script")
BY_HAND = {"IpProtocol": "tcp", "PortRange": "8080/8080", "SourceCidrIp": "10.0.0.0/8"}


def test_each_example_has_a_test_here() -> None:
    """A new example without a test fails here."""
    assert {folder.name for folder in EXAMPLES.iterdir() if folder.is_dir()} == {
        *STACKS,
        *OWN_TESTS,
    }


@pytest.mark.parametrize("name", sorted(STACKS.keys() - {"exclusive-group"}))
def test_an_example_stack_deploys_stays_unchanged_and_is_destroyed(
    project: Project, name: str
) -> None:
    """It has as many rules as its text says, and leaves none behind."""
    if name == "adoption":
        project.fake.add_rule(project.group, **BY_HAND)
    if name == "expiring-rule":
        project.settings["expiring-rule:lastDay"] = "2999-12-31"
    project.example(name)

    told = project.up()
    rules = project.rules()
    assert len(rules) == STACKS[name], told
    project.pulumi("preview", "--expect-no-changes")
    if name == "adoption":
        assert "existed before this run" in told
        assert [rule["Description"] for rule in rules.values()] == ["now in code"]
    if name == "expiring-rule":
        (rule,) = rules.values()
        assert rule["Description"] == "migration of the database [expires 2999-12-31]"

    project.destroy()
    assert project.rules() == {}


def test_an_exclusive_group_loses_only_the_rules_a_preview_listed(
    project: Project,
) -> None:
    """Rules to keep survive, also after a refresh."""
    project.example("exclusive-group")
    project.up()
    foreign = project.fake.add_rule(project.group, **BY_HAND)
    kept = project.fake.add_rule(
        project.group, **{**BY_HAND, "Description": "managed by ACK", "Priority": "2"}
    )

    project.refresh()
    assert "tcp 8080/8080 from 10.0.0.0/8" in project.pulumi("preview", "--diff")
    project.up()

    assert foreign not in project.rules()
    assert kept in project.rules()
    assert len(project.rules()) == 2
    project.destroy()
    assert list(project.rules()) == [kept]


@pytest.mark.parametrize("name", OWN_TESTS)
def test_the_tests_of_an_example_pass(name: str, tmp_path: Path) -> None:
    """They run in the folder of the example, as for a user."""
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "."],
        cwd=EXAMPLES / name,
        env={**os.environ, "HOME": str(tmp_path), "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )

    assert done.returncode == 0, done.stdout + done.stderr
    assert "1 passed" in done.stdout


@pytest.mark.parametrize("how", ["variable", "logflow"])
def test_the_log_shows_calls_when_asked_for(project: Project, how: str) -> None:
    """With RequestId and duration, by the variable or by the engine's own options."""
    project.program('rule("web", 443)')
    if how == "variable":
        told = project.pulumi(
            "up", "--yes", "--skip-preview", ALICLOUD_INGRESS_LOG="debug"
        )
    else:
        asked = ("--logtostderr", "--logflow", "-v=1")
        told = project.pulumi("up", "--yes", "--skip-preview", *asked)

    assert "debug: AuthorizeSecurityGroup" in told
    assert " ms, RequestId FAKE" in told
    assert SECRET not in told
    assert SECRET not in json.dumps(project.state())
