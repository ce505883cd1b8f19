"""
`^C` during `up` and `destroy`: what has begun ends, and the state holds what is live.
"""

from __future__ import annotations

import signal
import subprocess
import time

import pytest

from alicloud_ingress.testing import FakeEcs
from alicloud_ingress.testing.faults import Fault
from e2e.project import Outcome, Project

NOTICED = "^C received; cancelling"
NOTICED_WITHIN_S = 60
PORTS = (80, 81, 82, 83)
PROGRAM = f"for port in {PORTS}:\n    rule(f'rule-{{port}}', port)"


def interrupted(project: Project, command: str, action: str) -> Outcome:
    """Run a command, one rule at a time, and interrupt it during the second call."""
    project.write_settings()
    output = project.folder / "output"
    with output.open("w") as file:
        run = subprocess.Popen(
            ["pulumi", command, "--yes", "--skip-preview", "--parallel=1"],
            cwd=project.folder,
            env=project.environment,
            stdout=file,
            stderr=subprocess.STDOUT,
        )

    def interrupt(_: FakeEcs) -> None:
        run.send_signal(signal.SIGINT)
        give_up = time.monotonic() + NOTICED_WITHIN_S
        while NOTICED not in output.read_text() and time.monotonic() < give_up:
            time.sleep(0.05)

    project.fake.inject(Fault(action=action, skip=1, edit=interrupt))
    code = run.wait(timeout=120)
    project.fake.forget_faults()
    return Outcome(code == 0, output.read_text())


@pytest.mark.parametrize(
    ("command", "action", "left"),
    [
        ("up", "AuthorizeSecurityGroup", 2),
        ("destroy", "RevokeSecurityGroup", len(PORTS) - 2),
    ],
)
def test_an_interrupted_run_leaves_nothing_unknown(
    project: Project, command: str, action: str, left: int
) -> None:
    """
    The same command again completes it. The engine says that an interrupted destroy
    has deleted everything, and exits 0; see the guide.
    """
    project.program(PROGRAM)
    if command == "destroy":
        project.up()

    done = interrupted(project, command, action)

    assert done.ok == (command == "destroy"), done.text
    assert NOTICED in done.text
    assert len(project.rules()) == left
    assert {entry["id"] for entry in project.resources()} == set(project.rules())
    project.pulumi(command, "--yes", "--skip-preview")
    assert len(project.rules()) == (len(PORTS) if command == "up" else 0)
    assert {entry["id"] for entry in project.resources()} == set(project.rules())
