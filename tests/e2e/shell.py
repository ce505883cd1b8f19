"""
The command line as a user runs it, against a project's fake.
"""

from __future__ import annotations

import subprocess
from dataclasses import dataclass

from e2e.project import Project


@dataclass(frozen=True)
class Said:
    """
    What a command printed, and its exit code.

    Notices of waiting are left out of `err`: on a busy machine any call takes long.
    """

    code: int
    out: str
    err: str


def alicloud_ingress(project: Project, *arguments: str) -> Said:
    """Run the command in the project's folder."""
    done = subprocess.run(
        ["alicloud-ingress", *arguments],
        cwd=project.folder,
        env=project.environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    lines = done.stderr.splitlines(keepends=True)
    spoken = [line for line in lines if not line.startswith("waiting for ")]
    return Said(done.returncode, done.stdout, "".join(spoken))
