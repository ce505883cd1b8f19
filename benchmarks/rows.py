"""
What the bench measures, and the targets.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from benchmarks.stack import Workload

COMMANDS = ("up", "preview", "refresh", "destroy")


@dataclass(frozen=True, slots=True)
class Target:
    """
    A limit for one command, in each unit that is set.

    Args:
        seconds: the maximum, on the machine for which the targets were set.
        floors: the maximum, in multiples of the floor of the same run.
        calls: the maximum number of calls of ECS.
        cpu_ms: the maximum of processor time for a rule, beyond the floor of the same
            run.
    """

    seconds: float = float("inf")
    floors: float = float("inf")
    calls: float = float("inf")
    cpu_ms: float = float("inf")


@dataclass(frozen=True, slots=True)
class Row:
    """
    A workload with a name.

    Args:
        floor: the name of the row to compare with; "" for none.
    """

    name: str
    workload: Workload
    floor: str = ""
    targets: Mapping[str, Target] = field(default_factory=dict[str, Target])


def _singles() -> list[Row]:
    calls = {"up": 120, "refresh": 1, "destroy": 60}
    return [
        Row("floor 100", Workload("floor", 100)),
        Row(
            "single 100",
            Workload("single", 100),
            "floor 100",
            {
                "up": Target(floors=1.5, cpu_ms=20),
                "preview": Target(cpu_ms=2),
                "refresh": Target(cpu_ms=6),
                "destroy": Target(floors=1.5, cpu_ms=6),
            },
        ),
        Row("floor 100 -p 10", Workload("floor", 100, parallel=10)),
        Row(
            "single 100, 100 ms, -p 10",
            Workload("single", 100, latency_ms=100, parallel=10),
            "floor 100 -p 10",
            {
                "up": Target(seconds=4.5, calls=calls["up"]),
                "refresh": Target(calls=calls["refresh"]),
                "destroy": Target(seconds=2.9, calls=calls["destroy"]),
            },
        ),
        Row(
            "single 100, 100 ms, -p 32",
            Workload("single", 100, latency_ms=100, parallel=32),
            "floor 100 -p 10",
            {"up": Target(seconds=3.2), "destroy": Target(seconds=2.3)},
        ),
    ]


def _sets() -> list[Row]:
    return [
        Row(
            "set of 100",
            Workload("set", 100),
            targets={
                "up": Target(calls=3),
                "refresh": Target(calls=1),
                "destroy": Target(calls=2),
            },
        ),
        Row(
            "set of 1,000, 100 ms",
            Workload("set", 1_000, latency_ms=100),
            targets={
                "up": Target(seconds=4.0, calls=12),
                "refresh": Target(calls=1),
                "destroy": Target(calls=11),
            },
        ),
    ]


def _scaling() -> list[Row]:
    sizes = (10, 500, 1_000)
    floors = [Row(f"floor {n:,}", Workload("floor", n)) for n in sizes]
    singles = [
        Row(f"single {n:,}", Workload("single", n), f"floor {n:,}") for n in sizes
    ]
    sets = [Row(f"set of {n:,}", Workload("set", n)) for n in sizes]
    spread = [
        Row(
            f"single 100 in {groups} groups, 100 ms, -p 32",
            Workload("single", 100, groups, latency_ms=100, parallel=32),
        )
        for groups in (10, 50)
    ]
    return [*floors, *singles, *sets, *spread]


MAIN = (*_singles(), *_sets())
"""
The rows with a target, and their floors.
"""
ALL = (*MAIN, *_scaling())
