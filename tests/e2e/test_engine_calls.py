"""
The recorded calls of the engine equal those of the real engine.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import pytest

from engine.real import SLOW, record
from engine.recorded import fixed_in, load
from engine.ways import Way, all_ways


@pytest.mark.long
@pytest.mark.timeout(1800)
def test_the_recorded_engine_calls_are_still_correct(tmp_path: Path) -> None:
    """
    Each way is recorded again and compared: the calls, their order, their content,
    the state.

    Ways share stacks, and a command that fails stops the work on the other ways, on
    a busy machine possibly sooner. Those that differ are recorded again alone.
    """
    recorded = load()
    assert {way.name for way in all_ways()} == recorded.keys()

    def differing(ways: Iterable[Way], folder: Path) -> list[Way]:
        found = record(ways, folder, {"a": SLOW})
        return [w for w in ways if fixed_in(w, found[w.name]) != recorded[w.name]]

    unsure = differing(all_ways(), tmp_path / "together")
    differ = [w for n, w in enumerate(unsure) if differing([w], tmp_path / f"{n}")]

    assert [way.name for way in differ] == []
