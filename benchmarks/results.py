"""
Medians of the measurements, and whether they meet the targets.
"""

from __future__ import annotations

import math
import statistics
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from benchmarks.rows import Row, Target
from benchmarks.stack import Sample

NOT_OF_ECS = ("GetCallerIdentity",)


@dataclass(frozen=True, slots=True)
class Measured:
    """
    One command of one row.

    Args:
        seconds: the median.
        fastest: the minimum of all runs, as the machines are shared.
        calls: calls of ECS, the maximum of all runs.
        floors: seconds divided by the median of the floor; 0 without a floor.
        met: whether the target is met; None without a target.
        target_s: the target in seconds; 0 without one.
        floor_s: the median of the floor; 0 without a floor.
        waiting_s: see `Workload.waiting_s`.
        first_call_s: the median of the time to the first answer.
        last_call_s: the median of the time to the last answer.
    """

    row: str
    command: str
    seconds: float
    fastest: float
    memory_mib: float
    calls: int
    actions: Mapping[str, int]
    floors: float
    met: bool | None
    target_s: float
    floor_s: float
    waiting_s: float
    first_call_s: float
    last_call_s: float


def measured(
    row: Row, command: str, samples: Sequence[Sample], floor: float
) -> Measured:
    """
    Combine the runs of one command.

    Args:
        floor: the median of the floor in seconds; 0 without a floor.
    """
    seconds = statistics.median(sample.seconds for sample in samples)
    most = max((sample.calls for sample in samples), key=_of_ecs)
    floors = seconds / floor if floor else 0.0
    target = row.targets.get(command)
    return Measured(
        row=row.name,
        command=command,
        seconds=round(seconds, 2),
        fastest=round(min(sample.seconds for sample in samples), 2),
        memory_mib=round(max(sample.memory_mib for sample in samples)),
        calls=_of_ecs(most),
        actions=dict(sorted(most.items())),
        floors=round(floors, 2),
        met=_met(target, seconds, floors, _of_ecs(most)),
        target_s=target.seconds if target and math.isfinite(target.seconds) else 0.0,
        floor_s=round(floor, 2),
        waiting_s=round(row.workload.waiting_s(command), 2),
        first_call_s=_median(sample.first_call_s for sample in samples),
        last_call_s=_median(sample.last_call_s for sample in samples),
    )


def _median(seconds: Iterable[float]) -> float:
    return round(statistics.median(seconds), 2)


def _of_ecs(calls: Counter[str]) -> int:
    return sum(n for action, n in calls.items() if action not in NOT_OF_ECS)


def _met(
    target: Target | None, seconds: float, floors: float, calls: int
) -> bool | None:
    if target is None:
        return None
    return (
        seconds <= target.seconds and floors <= target.floors and calls <= target.calls
    )
