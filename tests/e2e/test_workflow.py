"""
The workflow that users copy: its shell steps, on the fake and the real engine.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from e2e.project import ROOT, Project

WORKFLOW = ROOT / ".github" / "workflows" / "preview.yml"
GH = """\
#!/usr/bin/env bash
printf '%s\\n' "$*" >> gh.calls
case "$*" in *--paginate*) cat comments 2>/dev/null || true ;; esac
"""


def script(step: str) -> str:
    """The shell script of a named step."""
    text = WORKFLOW.read_text()
    match = re.search(
        rf"- name: {step}\n(?:.*\n)*?( +)run: \|\n((?:\1  .*\n|\n)+)", text
    )
    assert match, step
    return textwrap.dedent(match[2])


class Runner:
    """Runs steps one after the other in the folder of a project."""

    def __init__(self, project: Project) -> None:
        self.project = project
        self.folder = project.folder
        self.summary = project.folder / "summary.md"
        stub = project.folder / "bin" / "gh"
        stub.parent.mkdir()
        stub.write_text(GH)
        stub.chmod(0o755)
        environment = project.environment
        self.environment = {
            **environment,
            "PATH": f"{stub.parent}:{environment['PATH']}",
            "STACK": "test",
            "GITHUB_STEP_SUMMARY": str(self.summary),
            "GH_TOKEN": "a token",
            "COMMENTS": "repos/o/r/issues/7/comments",
            "COMMENT": "repos/o/r/issues/comments",
        }

    def __call__(self, step: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["bash", "-e", "-c", script(step)],
            cwd=self.folder,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )

    @property
    def report(self) -> str:
        return (self.folder / "report.md").read_text()


@pytest.fixture
def run(project: Project) -> Runner:
    project.sample()
    project.settings["sample:securityGroupId"] = project.group
    project.settings["sample:balancerGroupId"] = project.fake.new_group()
    return Runner(project)


@pytest.mark.parametrize(
    "workflow", sorted(WORKFLOW.parent.glob("*.yml")), ids=lambda path: path.stem
)
def test_a_workflow_is_clean(workflow: Path) -> None:
    """By actionlint, with each action pinned to a commit."""
    done = subprocess.run(
        [sys.executable, "-m", "tools.actionlint", "-no-color", str(workflow)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    uses = re.findall(r"uses: (\S+)", workflow.read_text())

    assert (done.returncode, done.stdout) == (0, "")
    assert uses
    assert all(re.fullmatch(r"[\w/.-]+@[0-9a-f]{40}", each) for each in uses)


def test_a_first_preview_is_reported_and_commented(run: Runner) -> None:
    """Nothing stops it: the drop keeps the world from ssh."""
    run.project.pulumi("config")

    assert run("Preview").returncode == 0
    done = run("Report")
    assert done.returncode == 0, done.stderr
    assert "6 to create" in run.report
    assert "will hold 6 inbound rules" in run.report
    assert run.summary.read_text() == run.report

    assert run("Comment").returncode == 0
    calls = (run.folder / "gh.calls").read_text().splitlines()
    assert calls[-1] == (
        "api --silent --method POST repos/o/r/issues/7/comments --field body=@report.md"
    )
    writing = {call.action for call in run.project.writes()}
    assert writing == set()


def test_a_change_that_leaves_a_gap_stops_and_edits_its_comment(run: Runner) -> None:
    """The report is written all the same."""
    run.project.up()
    program = run.folder / "sample-stack" / "__main__.py"
    shutil.copyfile(ROOT / "tests" / "golden" / "changed_program.py", program)

    run("Preview")
    done = run("Report")
    assert done.returncode == 1
    assert "gap: the old rule is deleted before its replacement comes" in done.stderr
    assert "Stops the pull request" in run.report

    (run.folder / "comments").write_text("41\n42\n")
    assert run("Comment").returncode == 0
    assert (run.folder / "gh.calls").read_text().splitlines()[-1] == (
        "api --silent --method PATCH repos/o/r/issues/comments/41"
        " --field body=@report.md"
    )


def test_a_preview_that_fails_is_said_and_fails(run: Runner) -> None:
    """By the report's status, not by an empty comment."""
    program = Path(run.folder / "sample-stack" / "__main__.py")
    program.write_text("raise RuntimeError('no program')\n")

    assert run("Preview").returncode == 0
    assert run("Report").returncode == 3
    assert run.report.startswith("<!-- alicloud-ingress preview-report")
    assert run("Comment").returncode == 0


def test_a_fork_is_told_that_there_is_no_preview(run: Runner) -> None:
    """In the check's summary, with no secret at hand."""
    assert "::notice::No preview" in run("Say so").stdout
    assert "comes from a fork" in run.summary.read_text()
