"""
Without the extra `[usage]` its commands say how to install it; others work.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

PROGRAM = """
import sys
for name in ("duckdb", "sqlglot", "aliyun", "aliyun.log", "cramjam"):
    sys.modules[name] = None
from alicloud_ingress.cli.main import main
main(sys.argv[1:])
"""


@pytest.mark.parametrize(
    "words",
    [
        ["collect", "--files", __file__, "--out", "usage.parquet"],
        ["sql", "--dialect", "spark"],
    ],
    ids=["collect", "sql"],
)
def test_the_extra_is_named(words: list[str], tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, "usage", *words],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 3, done.stderr
    assert "pip install 'pulumi-alicloud-ingress[usage]'" in done.stderr
    assert not list(tmp_path.iterdir())


def test_the_help_needs_no_extra() -> None:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, "usage", "collect", "--help"],
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stderr
    assert "--all-paths" in done.stdout
