"""
Create the virtual environment `.venv` from requirements.lock, by its hashes.

The Python of the system runs this module, so it imports only the standard library. uv
installs in a few seconds what takes pip most of a minute. If uv fails, pip installs: it
uses the index that the user has configured. `.venv/ready` is written last, so that an
interrupted run starts again.
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
    The folder for all downloads and builds; the tools write to no other folder
    outside the checkout.
    """
    home = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(home, "alicloud-ingress")


def main() -> None:
    """
    Create the environment, and report how long it took.
    """
    cache = cache_folder()
    if problem := unfit():
        sys.exit(f"cannot create the virtual environment: {problem}")
    os.environ.update(
        PIP_CACHE_DIR=str(cache / "pip"),
        PIP_DISABLE_PIP_VERSION_CHECK="1",
        UV_CACHE_DIR=str(cache / "uv"),
        UV_PYTHON_DOWNLOADS="never",
        UV_SYSTEM_CERTS="1",
        XDG_CACHE_HOME=str(cache),  # the pip that venv runs ignores PIP_*
    )
    began = time.monotonic()
    say("environment: installing the packages of requirements.lock into .venv")
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
    Why this Python cannot create the environment, and what to do; "" if it can.
    """
    another = "or use another Python: make PYTHON=/path/to/python3 ..."
    if sys.version_info[:2] < OLDEST:
        version = ".".join(map(str, sys.version_info[:3]))
        return (
            f"{sys.executable} is Python {version}; version 3.10 or newer is required. "
            f"Install one, {another}"
        )
    if not all(importlib.util.find_spec(module) for module in ("venv", "ensurepip")):
        return (
            f"{sys.executable} has no venv or ensurepip. Install them (on "
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
    Install with uv, or with pip if uv fails.
    """
    uv = [str(FOLDER / "bin" / "uv"), "pip", "install", "--quiet"]
    # With PYTHONDONTWRITEBYTECODE, each process would compile the SDK's thousand files
    # again.
    uv.append("--compile-bytecode")
    python = ["--python", str(FOLDER / "bin" / "python")]
    if subprocess.run([*uv, *python, *arguments], check=False).returncode:
        say("environment: uv failed; installing with pip takes about 40 s")
        pip(*arguments)


def pip(*arguments: str) -> None:
    """
    Install with the pip of the environment.
    """
    run(str(FOLDER / "bin" / "pip"), "install", "--quiet", *arguments)


def run(*command: str) -> None:
    """
    Run a command. If it fails, exit with its code: it has printed the reason.
    """
    if code := subprocess.run(command, check=False).returncode:
        sys.exit(code)


def say(text: str) -> None:
    """
    Print progress to stderr.
    """
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        sys.exit(130)
