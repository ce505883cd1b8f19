"""
The commands run outside of this project.
"""

from __future__ import annotations

from pathlib import Path

import pytest


@pytest.fixture(autouse=True)
def _own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Run each test outside this project, whose stack the commands would use."""
    monkeypatch.chdir(tmp_path)
