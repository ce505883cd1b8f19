"""
Each block of Python, JSON and YAML in the documentation works as it stands.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import yaml

from documents.blocks import BLOCKS, PAGES, ROOT, SHOWN, Block

RUN = [block for block in BLOCKS if not block.not_run]
PROGRAM = Path(__file__).with_name("program.py")
LANGUAGES = ("python", "sh", "json", "yaml", *SHOWN)
NOT_RUN = 12
"""
How many blocks are not run; each gives its reason. Change the number on purpose only.
"""
ACTIONS = {
    "ecs:AuthorizeSecurityGroup",
    "ecs:DescribeNetworkInterfaces",
    "ecs:DescribePortRangeListEntries",
    "ecs:DescribePrefixListAttributes",
    "ecs:DescribePrefixLists",
    "ecs:DescribeSecurityGroupAttribute",
    "ecs:DescribeSecurityGroups",
    "ecs:ModifySecurityGroupRule",
    "ecs:RevokeSecurityGroup",
    "log:GetLogStoreLogs",
    "oss:GetObject",
    "oss:ListObjects",
}


def test_each_page_is_read_and_its_languages_are_known() -> None:
    """No page is left out, and each block has a language that is known here."""
    assert ROOT / "README.md" in PAGES
    assert {block.language for block in BLOCKS} <= set(LANGUAGES)
    assert sum(block.language == "python" for block in BLOCKS) > 10


def test_each_block_that_is_not_run_gives_its_reason() -> None:
    """Their number is fixed, so that a new one is a decision."""
    left_out = Counter(block.not_run for block in BLOCKS if block.not_run)

    assert left_out.total() == NOT_RUN, left_out


@pytest.mark.parametrize("block", [b for b in RUN if b.language == "python"], ids=str)
def test_each_python_block_runs(block: Block, tmp_path: Path) -> None:
    """The provider checks what the block declares."""
    file = tmp_path / "block.py"
    file.write_text(block.text)
    environment = {
        **os.environ,
        "ALIBABA_CLOUD_REGION": "cn-hangzhou",
        "ALIBABA_CLOUD_ACCESS_KEY_ID": "AK",
        "ALIBABA_CLOUD_ACCESS_KEY_SECRET": "any",
    }

    done = subprocess.run(
        [sys.executable, str(PROGRAM), str(file)],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    if '"mistaken"' in block.text:
        assert len(done.stderr.splitlines()) == 3, done.stderr
    else:
        assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    "block", [b for b in RUN if b.language in ("json", "yaml")], ids=str
)
def test_json_and_yaml_blocks_are_valid(block: Block) -> None:
    """RAM policies in them name only actions that the client calls."""
    read = json.loads if block.language == "json" else yaml.safe_load
    document: Any = read(block.text)

    if "Statement" in document:
        assert document["Version"] == "1"
        for statement in document["Statement"]:
            assert set(statement["Action"]) <= ACTIONS
