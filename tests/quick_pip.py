"""
A Python for the engine's programs that caches the output of `pip list`.

The engine lists the installed packages before each command, which takes as long as the
rest of a small one. The packages do not change while tests run, so pip runs once;
everything else is the Python of the tests.
"""

from __future__ import annotations

import functools
import shlex
import subprocess
import sys
import tempfile
from pathlib import Path

LISTING = ("-m", "pip", "list", "-v", "--format", "json")
_SCRIPT = """\
#!/bin/sh
[ "$*" = {listing} ] && exec cat {file}
exec {python} "$@"
"""


@functools.cache
def _folder() -> tempfile.TemporaryDirectory[str]:
    folder = tempfile.TemporaryDirectory(prefix="python-")
    file = Path(folder.name, "packages.json")
    listed = subprocess.run(
        [sys.executable, *LISTING], check=True, capture_output=True, timeout=120
    )
    file.write_bytes(listed.stdout)
    text = _SCRIPT.format(
        listing=shlex.quote(" ".join(LISTING)),
        file=shlex.quote(str(file)),
        python=shlex.quote(sys.executable),
    )
    for name in ("python", "python3"):
        script = Path(folder.name, name)
        script.write_text(text)
        script.chmod(0o755)
    return folder


def programs_path() -> str:
    """The folder that comes first on PATH where the engine runs programs."""
    return f"{_folder().name}:{Path(sys.executable).parent}"
