"""
`make profile`: draw where the program and the host spend their time.
"""

from __future__ import annotations

import sys
from pathlib import Path

from benchmarks.rows import COMMANDS
from benchmarks.stack import ROOT, Workload, deployed

OUT = ROOT / "profiles"


def write_profiles(kinds: list[str], out: Path = OUT) -> None:
    """
    Write a flame graph of each command for a hundred rules: `single-up.svg`.

    Args:
        kinds: of `Workload`.
        out: the folder.
    """
    out.mkdir(exist_ok=True)
    for kind in kinds:
        with deployed(Workload(kind, 100)) as stack:
            for command in COMMANDS:
                file = out / f"{kind}-{command}.svg"
                stack.profile(command, file)
                sys.stdout.write(f"{file}\n")


if __name__ == "__main__":
    write_profiles(sys.argv[1:] or ["floor", "single", "set"])
