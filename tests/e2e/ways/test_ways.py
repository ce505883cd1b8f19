"""
Every way in which the engine leads a rule: the live rules are those of the program.

The table has the rows; `walk` runs them. `WAYS=alone` gives each row its own stack.
"""

from __future__ import annotations

import pytest

from e2e.ways.table import WALKS
from e2e.ways.walk import Walker
from e2e.ways.way import Walk

BY_COMPANY = sorted(WALKS, key=lambda walk: str(walk.company))
"""
Rows that share a stack follow each other, so that few workers wait for the same stack.
"""


@pytest.fixture(scope="session")
def walker(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> Walker:
    """Runs the rows, once for all workers of the test run."""
    own = tmp_path_factory.mktemp("ways")
    base = tmp_path_factory.getbasetemp()
    shared = (base if worker_id == "master" else base.parent) / "walked"
    shared.mkdir(exist_ok=True)
    return Walker(WALKS, shared, own)


@pytest.mark.parametrize("walk", BY_COMPANY, ids=lambda walk: walk.id)
def test_live_rules_equal_the_program(walk: Walk, walker: Walker) -> None:
    """State and cloud hold the same rules, and no neighbour changes."""
    verdict = walker.verdict(walk)
    assert verdict.problems == [], verdict.report


def test_each_row_has_a_unique_name() -> None:
    """So that each can be selected by its name."""
    assert len({walk.id for walk in WALKS}) == len(WALKS)
