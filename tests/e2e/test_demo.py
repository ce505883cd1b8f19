"""
`make demo` from start to end: the first thing that a new user runs.
"""

from __future__ import annotations

import subprocess
import sys

import pytest

from e2e.project import ROOT


@pytest.mark.long
def test_the_demo_shows_each_step_and_the_calls_it_made() -> None:
    """It exits with 0 only if each step has its effect by the expected calls."""
    done = subprocess.run(
        [sys.executable, "-m", "tools.demo"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )

    assert done.returncode == 0, done.stdout + done.stderr
    for words in ("pulumi preview", "pulumi up", "pulumi destroy"):
        assert words in done.stdout
    for call in ("Authorize", "Modify", "Revoke"):
        assert call in done.stdout
