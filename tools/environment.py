"""
Make the virtual environment `.venv` from requirements.lock, by its hashes.

The system's Python runs this, hence the standard library alone. uv installs in some
seconds what takes pip most of a minute; pip, which knows the user's own index, is the
way out where uv fails. `.venv/ready` comes last: an interrupted run is made anew.
"""

from __future__ import annotations

import importlib.util
import os
import re
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).parents[1]
LOCK = ROOT / "requirements.lock"
FOLDER = ROOT / ".venv"
OLDEST = (3, 10)


def cache_folder() -> Path:
    """
    Where all goes that is downloaded or built: no other folder outside of the
    checkout is written to.
    """
    home = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(home, "alicloud-ingress")


def main() -> None:
    """
    Make the environment, telling how long it took.
    """
    cache = cache_folder()
    if problem := unfit():
        sys.exit(f"cannot make the virtual environment: {problem}")
    os.environ.update(
        PIP_CACHE_DIR=str(cache / "pip"),
        PIP_DISABLE_PIP_VERSION_CHECK="1",
        UV_CACHE_DIR=str(cache / "uv"),
        UV_PYTHON_DOWNLOADS="never",
        UV_SYSTEM_CERTS="1",
        XDG_CACHE_HOME=str(cache),  # the pip that venv itself runs heeds no PIP_*
    )
    began = time.monotonic()
    say("environment: installing what requirements.lock names into .venv")
    run(sys.executable, "-m", "venv", "--clear", str(FOLDER))
    uv_alone = FOLDER / "uv.txt"
    uv_alone.write_text(uv_of(LOCK.read_text()))
    pip("--require-hashes", "--no-deps", "-r", str(uv_alone))
    install("--require-hashes", "-r", str(LOCK))
    install("--no-deps", "--no-build-isolation", "-e", str(ROOT))
    (FOLDER / "ready").touch()
    say(f"environment: ready after {time.monotonic() - began:.0f} s")


def unfit() -> str:
    """
    Why this Python cannot make the environment, and what to do; empty if it can.
    """
    another = "or name another Python: make PYTHON=/path/to/python3 ..."
    if sys.version_info[:2] < OLDEST:
        version = ".".join(map(str, sys.version_info[:3]))
        return (
            f"{sys.executable} is Python {version}, and 3.10 or newer is needed. "
            f"Install one, {another}"
        )
    if not all(importlib.util.find_spec(module) for module in ("venv", "ensurepip")):
        return (
            f"{sys.executable} comes without venv or ensurepip. Install them (on "
            f"Debian and Ubuntu: apt-get install python3-venv), {another}"
        )
    return ""


def uv_of(lock: str) -> str:
    """
    The lines of a lock file that pin uv, with its hashes.
    """
    found = re.search(r"^uv==.*\n(?:[ ].*\n)*", lock, re.MULTILINE)
    if not found:
        sys.exit(f"{LOCK} does not name uv")
    return found[0]


def install(*arguments: str) -> None:
    """
    Install by uv, or else by pip.
    """
    uv = [str(FOLDER / "bin" / "uv"), "pip", "install", "--quiet"]
    # Else each start of each process compiles the SDK's thousand files again, where
    # Python is told to write none.
    uv.append("--compile-bytecode")
    python = ["--python", str(FOLDER / "bin" / "python")]
    if subprocess.run([*uv, *python, *arguments], check=False).returncode:
        say("environment: uv did not manage; the same by pip, some 40 s")
        pip(*arguments)


def pip(*arguments: str) -> None:
    """
    Install by the environment's pip.
    """
    run(str(FOLDER / "bin" / "pip"), "install", "--quiet", *arguments)


def run(*command: str) -> None:
    """
    Run a command, and end as it ends where it fails; it has said why.
    """
    if code := subprocess.run(command, check=False).returncode:
        sys.exit(code)


def say(text: str) -> None:
    """
    Progress goes to stderr.
    """
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        sys.exit(130)
