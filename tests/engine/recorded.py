"""
The recording of all ways, and what makes it: `make engine-calls`.
"""

from __future__ import annotations

import json
import subprocess
import tempfile
from collections.abc import Iterable, Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

from engine.calls import common, fixed
from engine.real import SLOW, record
from engine.ways import Way, all_ways, are_ordered, reads_first

FILE = Path(__file__).with_name("calls.json")
PACES = ({"a": SLOW}, {"b": SLOW})
"""
Which resources are slow, so that an order that is not fixed shows both ways round.
"""
Recording = dict[str, Any]


def load() -> dict[str, list[Recording]]:
    """The recorded steps of each way, by its name."""
    kept = json.loads(FILE.read_text())
    return {
        name: [kept["steps"][number] for number in numbers]
        for name, numbers in kept["ways"].items()
    }


def save(recordings: Mapping[str, list[Recording]]) -> None:
    """Write each step once, on a line of its own."""
    texts = {n: [_compact(step) for step in steps] for n, steps in recordings.items()}
    distinct = sorted({text for steps in texts.values() for text in steps})
    numbers = {text: number for number, text in enumerate(distinct)}
    ways = [
        f"{json.dumps(name)}: {json.dumps([numbers[text] for text in steps])}"
        for name, steps in texts.items()
    ]
    FILE.write_text(
        "\n".join(
            [
                "{",
                f'"engine": "{engine_version()}",',
                f'"sdk": "{version("pulumi")}",',
                '"steps": [',
                ",\n".join(distinct),
                "],",
                '"ways": {',
                ",\n".join(ways),
                "}",
                "}",
                "",
            ]
        )
    )


def _compact(step: Recording) -> str:
    return json.dumps(step, separators=(",", ":"), sort_keys=True)


def engine_version() -> str:
    """The version of the engine on PATH."""
    said = subprocess.run(
        ["pulumi", "version"], capture_output=True, text=True, check=True
    )
    return said.stdout.strip().removeprefix("v")


def fixed_in(way: Way, steps: Iterable[Recording]) -> list[Recording]:
    """The recording of a way, without what is chance in it."""
    return [
        {
            **step,
            "hosts": [
                fixed(
                    host,
                    are_ordered=are_ordered(way),
                    reads_first=reads_first(taken.command),
                )
                for host in step["hosts"]
            ],
        }
        for taken, step in zip(way.steps, steps, strict=True)
    ]


def shared(first: list[Recording], second: list[Recording]) -> list[Recording] | None:
    """What two recordings of a way have in common; None where they differ."""
    steps: list[Recording] = []
    for one, other in zip(first, second, strict=True):
        hosts = common(one["hosts"], other["hosts"])
        if hosts is None or {**one, "hosts": hosts} != {**other, "hosts": hosts}:
            return None
        steps.append({**one, "hosts": hosts})
    return steps


def main() -> None:
    """Record everything twice, and keep what is the same."""
    kept: dict[str, list[Recording]] = {}
    for number, pace in enumerate(PACES):
        with tempfile.TemporaryDirectory() as folder:
            found = record(all_ways(), Path(folder), pace, backwards=number > 0)
        for name, steps in found.items():
            same = shared(kept.get(name, steps), steps)
            assert same is not None, f"{name} is not the same twice"
            kept[name] = same
    save({way.name: fixed_in(way, kept[way.name]) for way in all_ways()})


if __name__ == "__main__":
    main()
