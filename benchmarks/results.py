"""
Medians and minimums of the measurements, and whether they meet the targets.
"""

from __future__ import annotations

import math
import statistics
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from benchmarks.rows import Row, Target
from benchmarks.stack import PROCESSES, Sample

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
        cpu_s: processor time by process; the minimum of each, since what else the
            machine does only adds to it.
        cpu_beyond_ms: processor time for a rule beyond the floor, without the fake; 0
            without a floor.
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
    cpu_s: Mapping[str, float]
    cpu_beyond_ms: float

    @property
    def cpu_total_s(self) -> float:
        """
        Processor time of all processes but the fake.
        """
        return sum(s for process, s in self.cpu_s.items() if process != "fake")


def measured(
    row: Row, command: str, samples: Sequence[Sample], floor: Measured | None
) -> Measured:
    """
    Combine the runs of one command.

    Args:
        floor: the same command of the floor; None without a floor.
    """
    seconds = statistics.median(sample.seconds for sample in samples)
    cpu_s = {
        name: round(min(sample.cpu_s[name] for sample in samples), 2)
        for name in PROCESSES
    }
    cpu_ms = 0.0
    if floor:
        beyond = sum(cpu_s.values()) - cpu_s["fake"] - floor.cpu_total_s
        cpu_ms = 1_000 * beyond / row.workload.count
    most = max((sample.calls for sample in samples), key=_of_ecs)
    floors = seconds / floor.seconds if floor else 0.0
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
        met=_met(target, seconds, floors, _of_ecs(most), cpu_ms),
        target_s=target.seconds if target and math.isfinite(target.seconds) else 0.0,
        floor_s=floor.seconds if floor else 0.0,
        waiting_s=round(row.workload.waiting_s(command), 2),
        first_call_s=_median(sample.first_call_s for sample in samples),
        last_call_s=_median(sample.last_call_s for sample in samples),
        cpu_s=cpu_s,
        cpu_beyond_ms=round(cpu_ms, 1),
    )


def _median(seconds: Iterable[float]) -> float:
    return round(statistics.median(seconds), 2)


def _of_ecs(calls: Counter[str]) -> int:
    return sum(n for action, n in calls.items() if action not in NOT_OF_ECS)


def _met(
    target: Target | None, seconds: float, floors: float, calls: int, cpu_ms: float
) -> bool | None:
    if target is None:
        return None
    return (
        seconds <= target.seconds
        and floors <= target.floors
        and calls <= target.calls
        and cpu_ms <= target.cpu_ms
    )
