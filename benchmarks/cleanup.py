"""
Measure `stale plan` over all groups of a region.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from alicloud_ingress.testing import FakeEcs
from benchmarks.stack import served, timed_job

LATENCY_MS = 50
RULES_PER_GROUP = 100


@dataclass(frozen=True, slots=True)
class Surveyed:
    """
    One `stale plan --all-groups`, measured from outside.

    Args:
        seconds: wall time.
        memory_mib: memory of the largest process.
        groups_per_second: with one call for each group; the rate limiter bounds it.
    """

    groups: int
    rules: int
    seconds: float
    memory_mib: float
    groups_per_second: float


def surveyed(groups: int) -> Surveyed:
    """
    Plan over this number of groups with a hundred rules each, at 50 ms a call.

    Raises:
        RuntimeError: the command failed; the message is its output.
    """
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        state = folder / "state.json"
        # In another process: the memory of a large process counts for its children.
        maker = [sys.executable, "-m", "benchmarks.cleanup", str(groups), str(state)]
        subprocess.run(maker, check=True)
        with served(folder / "calls.jsonl", LATENCY_MS, state) as (url, _):
            arguments = [
                *("stale", "plan", "--all-groups", "--region", "cn-hangzhou"),
                *("--out", str(folder / "plan.json")),
            ]
            used = timed_job(arguments, url, folder, well=(0, 1))
    return Surveyed(
        groups=groups,
        rules=groups * RULES_PER_GROUP,
        seconds=round(used.seconds, 1),
        memory_mib=round(used.memory_mib),
        groups_per_second=round(groups / used.seconds, 1),
    )


def _filled(groups: int) -> FakeEcs:
    fake = FakeEcs()
    for _ in range(groups):
        group = fake.new_group()
        for port in range(1, RULES_PER_GROUP + 1):
            fake.add_rule(
                group,
                IpProtocol="tcp",
                PortRange=f"{port}/{port}",
                SourceCidrIp="10.0.0.0/8",
            )
    return fake


if __name__ == "__main__":
    Path(sys.argv[2]).write_text(_filled(int(sys.argv[1])).dump())
