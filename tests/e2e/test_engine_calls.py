"""
What the real engine calls in each way is what is recorded of it.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from engine.real import SLOW, record
from engine.recorded import fixed_in, load
from engine.ways import all_ways


@pytest.mark.timeout(1800)
def test_the_recording_of_the_engine_still_holds(tmp_path: Path) -> None:
    """Each way is taken again: the calls, their order, what they hold, the state."""
    recorded = load()

    found = record(all_ways(), tmp_path, {"a": SLOW})

    assert found.keys() == recorded.keys()
    differing = {
        way.name: {"recorded": recorded[way.name], "found": found[way.name]}
        for way in all_ways()
        if fixed_in(way, found[way.name]) != recorded[way.name]
    }
    assert differing == {}
