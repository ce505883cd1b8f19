"""
Run actionlint with the arguments of this command, and install it first if needed.

It is taken from PATH, or else built from its Go module at an exact version into the
cache folder of the user.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

from tools.engine.building import go_environment, toolchain
from tools.environment import cache_folder

VERSION = "1.7.7"
PACKAGE = "github.com/rhysd/actionlint/cmd/actionlint"
MODULE = Path(__file__).parent / "go-actionlint"


def main() -> None:
    """
    Run actionlint, and exit with its exit code.
    """
    program = shutil.which("actionlint") or str(built())
    sys.exit(subprocess.run([program, *sys.argv[1:]], check=False).returncode)


def built() -> Path:
    """
    The program in the cache folder; a build is moved there when it is complete.
    """
    cache = cache_folder()
    program = cache / f"actionlint-{VERSION}"
    if not program.exists():
        building = cache / "go"
        building.mkdir(parents=True, exist_ok=True)
        environment = go_environment(building)
        unfinished = cache / f"unfinished-actionlint-{os.getpid()}"
        go = toolchain(building, environment)
        subprocess.run(
            [go, "build", "-o", str(unfinished), PACKAGE],
            cwd=MODULE,
            env=environment,
            check=True,
        )
        unfinished.rename(program)
    return program


if __name__ == "__main__":
    main()
