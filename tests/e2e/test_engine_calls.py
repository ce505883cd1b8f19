"""
What the real engine calls in each way is what is recorded of it.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import pytest

from engine.real import SLOW, record
from engine.recorded import fixed_in, load
from engine.ways import Way, all_ways


@pytest.mark.timeout(1800)
def test_the_recording_of_the_engine_still_holds(tmp_path: Path) -> None:
    """
    Each way is taken again: the calls, their order, what they hold, the state.

    Ways share stacks, and a command that fails stops what it had to do for the others,
    which on a busy machine may be sooner. Those that differ are taken again alone.
    """
    recorded = load()
    assert {way.name for way in all_ways()} == recorded.keys()

    def differing(ways: Iterable[Way], folder: Path) -> list[Way]:
        found = record(ways, folder, {"a": SLOW})
        return [w for w in ways if fixed_in(w, found[w.name]) != recorded[w.name]]

    unsure = differing(all_ways(), tmp_path / "together")
    differ = [w for n, w in enumerate(unsure) if differing([w], tmp_path / f"{n}")]

    assert [way.name for way in differ] == []
