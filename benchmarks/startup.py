"""
Measure how long the imports of each start take.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import time

STARTS = {
    "python alone": "pass",
    "the program and check, diff": "import alicloud_ingress.resource",
    "alicloud-ingress --help": (
        "from alicloud_ingress.cli.main import main; main(['--help'])"
    ),
    "what the first call imports": (
        "import alicloud_ingress.ecs.client, alicloud_ingress.ecs.transport"
    ),
}


def import_times(runs: int = 3) -> dict[str, float]:
    """
    Seconds of wall time for each start, the median of the runs.
    """
    return {
        name: round(statistics.median(_seconds(code) for _ in range(runs)), 3)
        for name, code in STARTS.items()
    }


def _seconds(code: str) -> float:
    begin = time.perf_counter()
    subprocess.run([sys.executable, "-c", code], check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - begin
