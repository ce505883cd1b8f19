"""
What the real engine calls in each way is what is recorded of it.
"""

from __future__ import annotations

from pathlib import Path

from engine.real import SLOW, record
from engine.recorded import load, shared
from engine.ways import all_ways


def test_the_recording_of_the_engine_still_holds(tmp_path: Path) -> None:
    """Each way is taken again: the calls, their order, what they hold, the state."""
    recorded = load()

    found = record(all_ways(), tmp_path, {"a": SLOW})

    assert found.keys() == recorded.keys()
    differing = {
        name: {"recorded": recorded[name], "found": steps}
        for name, steps in found.items()
        if shared(recorded[name], steps) != recorded[name]
    }
    assert differing == {}
