"""
Every way in which the engine leads a rule: what is live is what the program wants.

The table has the rows; `walk` runs them. `WAYS=alone` gives each row its own stack.
"""

from __future__ import annotations

import pytest

from e2e.ways.table import WALKS
from e2e.ways.walk import Walker
from e2e.ways.way import Walk


@pytest.fixture(scope="session")
def walker(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> Walker:
    """What walks the rows, once for all workers of the test run."""
    own = tmp_path_factory.mktemp("ways")
    base = tmp_path_factory.getbasetemp()
    shared = (base if worker_id == "master" else base.parent) / "walked"
    shared.mkdir(exist_ok=True)
    return Walker(WALKS, shared, own)


@pytest.mark.parametrize("walk", WALKS, ids=lambda walk: walk.id)
def test_what_is_live_is_what_the_program_wants(walk: Walk, walker: Walker) -> None:
    """And state and cloud name the same rules, and no neighbour is touched."""
    verdict = walker.verdict(walk)
    assert verdict.problems == [], verdict.report


def test_no_two_rows_are_named_alike() -> None:
    """So that each can be asked for by its name."""
    assert len({walk.id for walk in WALKS}) == len(WALKS)
