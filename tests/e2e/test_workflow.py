"""
The CI workflow that users copy: its shell steps, on the fake and the real engine.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

import pytest
import yaml

from e2e.project import ROOT, Project

WORKFLOW = ROOT / ".github" / "workflows" / "preview.yml"
GH = """\
#!/usr/bin/env bash
printf '%s\\n' "$*" >> gh.calls
case "$*" in *--paginate*) cat comments 2>/dev/null || true ;; esac
"""

FAILING = """\
#!/bin/sh
{pulumi} "$@"
exit 32
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
def test_actionlint_accepts_each_workflow(workflow: Path) -> None:
    """Each action is pinned to a commit."""
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
    """It is not stopped: the drop blocks ssh from the internet."""
    run.project.pulumi("config")

    assert run("Preview").returncode == 0
    done = run("Report")
    assert done.returncode == 0, done.stderr
    assert "6 to create" in run.report
    assert "will have 6 inbound rules" in run.report
    assert run.summary.read_text() == run.report

    assert run("Comment").returncode == 0
    calls = (run.folder / "gh.calls").read_text().splitlines()
    assert calls[-1] == (
        "api --silent --method POST repos/o/r/issues/7/comments --field body=@report.md"
    )
    writing = {call.action for call in run.project.writes()}
    assert writing == set()


def test_a_change_with_a_gap_stops_and_edits_the_comment(run: Runner) -> None:
    """The report is written all the same."""
    run.project.up()
    program = run.folder / "sample-stack" / "__main__.py"
    shutil.copyfile(ROOT / "tests" / "golden" / "changed_program.py", program)

    run("Preview")
    done = run("Report")
    assert done.returncode == 1
    assert (
        "gap: the old rule is deleted before its replacement is created" in done.stderr
    )
    assert "Fails the check" in run.report

    (run.folder / "comments").write_text("41\n42\n")
    assert run("Comment").returncode == 0
    assert (run.folder / "gh.calls").read_text().splitlines()[-1] == (
        "api --silent --method PATCH repos/o/r/issues/comments/41"
        " --field body=@report.md"
    )


def test_a_failed_preview_is_reported_and_fails_the_job(run: Runner) -> None:
    """By the status of the report, not by an empty comment."""
    program = Path(run.folder / "sample-stack" / "__main__.py")
    program.write_text("raise RuntimeError('no program')\n")

    assert run("Preview").returncode == 0
    assert run("Report").returncode == 3
    assert run.report.startswith("<!-- alicloud-ingress preview-report")
    assert run("Comment").returncode == 0


def test_a_preview_that_only_its_status_calls_failed_fails(run: Runner) -> None:
    """What it shows may be a part; the comment of both services says so."""
    run.project.pulumi("config")
    stub = run.folder / "bin" / "pulumi"
    stub.write_text(FAILING.format(pulumi=shutil.which("pulumi")))
    stub.chmod(0o755)

    run("Preview")
    assert run("Report").returncode == 3
    assert "6 to create" in run.report
    assert "ended with status 32" in run.report
    assert GitLabRunner(run.project)("ingress-preview").returncode == 3
    assert "ended with status 32" in run.report


def test_a_fork_gets_a_notice_that_nothing_was_previewed(run: Runner) -> None:
    """In the summary of the check, without access to a secret."""
    assert "::notice::No preview" in run("Say so").stdout
    assert "comes from a fork" in run.summary.read_text()


GITLAB = ROOT / ".gitlab" / "preview.gitlab-ci.yml"
CURL = """\
#!/usr/bin/env bash
printf '%s\\n' "$*" >> curl.calls
case "$*" in
  */user) echo '{"id": 7}' ;;
  *per_page*) cat notes ;;
esac
"""


class GitLabRunner:
    """Runs the commands of a job one after the other, as GitLab does."""

    def __init__(self, project: Project) -> None:
        self.folder = project.folder
        self.jobs: dict[str, Any] = yaml.safe_load(GITLAB.read_text())
        stub = project.folder / "bin" / "curl"
        stub.parent.mkdir(exist_ok=True)
        stub.write_text(CURL)
        stub.chmod(0o755)
        environment = project.environment
        self.environment = {
            **environment,
            "PATH": f"{stub.parent}:{environment['PATH']}",
            "PULUMI_STACK": "test",
            "CI_API_V4_URL": "https://gitlab.example/api/v4",
            "CI_PROJECT_ID": "3",
            "CI_MERGE_REQUEST_IID": "5",
            "INGRESS_NOTES_TOKEN": "a token",
        }

    def __call__(self, job: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["bash", "-eo", "pipefail", "-c", "\n".join(self.jobs[job]["script"])],
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

    def calls(self) -> list[str]:
        return (self.folder / "curl.calls").read_text().splitlines()


@pytest.fixture
def gitlab(run: Runner) -> GitLabRunner:
    run.project.pulumi("config")
    return GitLabRunner(run.project)


def test_gitlab_reports_and_notes_a_first_preview(gitlab: GitLabRunner) -> None:
    """A new note is made where none exists, or only one of someone else."""
    (gitlab.folder / "notes").write_text(
        '[{"id": 1, "author": {"id": 8},'
        ' "body": "<!-- alicloud-ingress preview-report x -->"}]'
    )

    done = gitlab("ingress-preview")
    assert done.returncode == 0, done.stderr
    assert "6 to create" in gitlab.report
    assert "will have 6 inbound rules" in gitlab.report
    done = gitlab("ingress-note")
    assert done.returncode == 0, done.stderr
    assert gitlab.calls()[-1].endswith(
        "--request POST --data-urlencode body@report.md"
        " https://gitlab.example/api/v4/projects/3/merge_requests/5/notes"
    )


def test_gitlab_stops_a_change_that_opens_and_edits_its_note(
    gitlab: GitLabRunner,
) -> None:
    """A preview that fails is a failure too, and the note says so."""
    (gitlab.folder / "notes").write_text(
        '[{"id": 1, "author": {"id": 7}, "body": "hello"},'
        ' {"id": 2, "author": {"id": 7},'
        ' "body": "<!-- alicloud-ingress preview-report x -->"}]'
    )
    program = gitlab.folder / "sample-stack" / "__main__.py"
    good = program.read_text()
    opening = 'port_range=22, source_cidr_ip="0.0.0.0/0"'
    program.write_text(
        good
        + '\nSecurityGroupIngressRule("x", security_group_id=group,'
        + f' ip_protocol="tcp", {opening})\n'
    )

    assert gitlab("ingress-preview").returncode == 1
    assert "Fails the check" in gitlab.report
    assert gitlab("ingress-note").returncode == 0
    assert "--request PUT" in gitlab.calls()[-1]
    assert gitlab.calls()[-1].endswith("/notes/2")
    program.write_text("raise RuntimeError('no program')\n")
    assert gitlab("ingress-preview").returncode == 3
    assert gitlab.report.startswith("<!-- alicloud-ingress preview-report")


def test_gitlab_runs_only_for_merge_requests_of_the_project(
    gitlab: GitLabRunner,
) -> None:
    """In those of a fork it says that it does not run."""
    needed = gitlab.jobs[".ingress-merge-request"]["rules"][0]["if"]

    assert "SOURCE_PROJECT_ID == $CI_MERGE_REQUEST_PROJECT_ID" in needed
    for job in ("ingress-preview", "ingress-note"):
        assert gitlab.jobs[job]["extends"] == ".ingress-merge-request"
    assert "comes from a fork" in gitlab("ingress-fork").stdout
