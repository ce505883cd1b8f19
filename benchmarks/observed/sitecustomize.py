"""
Writes down how much processor time a Python process of the engine has used.

Python imports a module of this name at its start. The engine has no figure for each of
its processes, and no process can be asked once it has ended.
"""

import atexit
import json
import os
import sys
import time
from pathlib import Path

ROLES = {"pulumi.dynamic": "host", "pulumi-language-python-exec": "program"}


def _write() -> None:
    words = " ".join(sys.orig_argv)
    role = next((role for part, role in ROLES.items() if part in words), "")
    if role:
        used = json.dumps({"role": role, "seconds": time.process_time()})
        folder = Path(os.environ["BENCH_PROCESSES"])
        (folder / f"{os.getpid()}.json").write_text(used)


if "BENCH_PROCESSES" in os.environ:
    atexit.register(_write)
