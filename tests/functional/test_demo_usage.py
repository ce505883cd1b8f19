"""
`make demo-usage` in full: unused rules are found, destroyed and put back.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_the_demo_of_usage_shows_each_step(tmp_path: Path) -> None:
    """It exits 0 only if each step did what it says."""
    done = subprocess.run(
        [sys.executable, "-m", "tools.demo.usage", str(tmp_path)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )

    assert done.returncode == 0, done.stdout + done.stderr
    for words in ("usage collect", "usage show", "stale plan", "stale destroy"):
        assert words in done.stdout
    assert "2 stale rules (2 unused) in 1 group" in done.stdout
    assert "2 restored" in done.stdout
    assert "<!DOCTYPE html>" in (tmp_path / "usage.html").read_text()
