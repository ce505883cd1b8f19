"""
The double of the engine makes the calls that are recorded of the engine.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from engine.driven import lead
from engine.recorded import Recording, load, shared
from engine.recorder import CLOUD, FAILING, PACE, QUICK, Cloud
from engine.ways import Way, all_ways

RECORDED = load()
SLOW = 0.004
ATTEMPTS = 8


def test_each_way_is_recorded() -> None:
    """And nothing else is."""
    assert RECORDED.keys() == {way.name for way in all_ways()}


@pytest.mark.parametrize("way", all_ways(), ids=lambda way: way.name)
def test_a_stack_is_led_as_by_the_engine(
    way: Way, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    The calls, their order, what they hold, and the state after each step. An order that
    is not fixed shows both ways round, sooner or later.
    """
    found: list[Recording] | None = None
    for attempt in range(ATTEMPTS):
        slow = SLOW * 2 ** (attempt // 2)
        pace = {"ab"[attempt % 2]: slow, FAILING: 8 * slow, QUICK: 0.0}
        monkeypatch.setenv(PACE, json.dumps(pace))
        once = led(way, tmp_path / str(attempt), monkeypatch, backwards=attempt % 2 > 0)
        assert shared(RECORDED[way.name], once) == RECORDED[way.name]
        found = shared(found or once, once)
        if found == RECORDED[way.name]:
            break

    assert found == RECORDED[way.name]


def led(
    way: Way, folder: Path, monkeypatch: pytest.MonkeyPatch, *, backwards: bool
) -> list[Recording]:
    """The double's recording of a way."""
    folder.mkdir()
    monkeypatch.setenv(CLOUD, str(folder))
    return lead(way, Cloud(folder), backwards=backwards)
