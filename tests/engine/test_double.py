"""
The double of the engine makes the calls that are recorded of the engine.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from engine.driven import lead
from engine.recorded import fixed_in, load
from engine.recorder import CLOUD, FAILING, PACE, QUICK, Cloud
from engine.ways import Way, all_ways

RECORDED = load()
SLOW = 0.004


def test_the_recording_has_each_way_and_nothing_else() -> None:
    assert RECORDED.keys() == {way.name for way in all_ways()}


@pytest.mark.parametrize("way", all_ways(), ids=lambda way: way.name)
def test_the_double_makes_the_calls_of_the_engine(
    way: Way, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The calls, their order, their content, and the state after each step."""
    monkeypatch.setenv(PACE, json.dumps({"a": SLOW, FAILING: 10 * SLOW, QUICK: 0.0}))
    monkeypatch.setenv(CLOUD, str(tmp_path))

    found = lead(way, Cloud(tmp_path))

    assert fixed_in(way, found) == RECORDED[way.name]


def test_independent_resources_are_handled_in_parallel(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Reads, creates, updates and deletes of two resources overlap."""
    monkeypatch.setenv(PACE, json.dumps({"a": 0.2, "b": 0.2, QUICK: 0.0}))
    monkeypatch.setenv(CLOUD, str(tmp_path))
    both = {way.name: way for way in all_ways()}

    for number, name in enumerate(
        (
            "both changed: up --skip-preview",
            "both replaced by diff: up --skip-preview",
            "two: destroy --skip-preview --refresh",
        )
    ):
        folder = tmp_path / str(number)
        folder.mkdir()
        monkeypatch.setenv(CLOUD, str(folder))
        (step,) = lead(both[name], Cloud(folder))
        (host,) = step["hosts"]
        slow = {"read", "create", "update", "delete"}
        met = [
            {label: [c[0] for c in calls if c[0] in slow] for label, calls in s.items()}
            for s in host
        ]
        assert all((s.get("a") or []) == (s.get("b") or []) for s in met), met
