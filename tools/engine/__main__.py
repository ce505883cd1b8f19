"""
Install the Pulumi engine if it is missing, and print its folder.

The engine on PATH is used if it is complete and new enough. Otherwise it is installed
into the cache folder, once for this user and version: with the official installer, or
built from its Go modules if the installer cannot be reached. Stdout gets the folder to
put on PATH; messages go to stderr.

Usage: python -m tools.engine [CACHE]. The tool writes only to the folder CACHE, by
default the cache folder of the user.
"""

from __future__ import annotations

import fcntl
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Generator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from tools.engine.building import build
from tools.engine.download import download
from tools.engine.steps import StepFailedError, say
from tools.environment import cache_folder

VERSION = "3.259.0"
OLDEST = (3, 254, 0)
TOO_NEW = (4, 0, 0)
PROGRAMS = (
    "pulumi",
    "pulumi-language-python",
    "pulumi-language-python-exec",
    "pulumi-resource-pulumi-python",
)


def main(cache: Path) -> None:
    """
    Print the folder with the programs of the engine.
    """
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    print(on_path(cache) or in_cache(cache))


def on_path(cache: Path) -> Path | None:
    """
    The folder of the engine on PATH; None if a part is missing or too old.
    """
    pulumi = shutil.which("pulumi")
    if not pulumi:
        return None
    missing = [program for program in PROGRAMS if not shutil.which(program)]
    version = version_of(Path(pulumi), cache)
    if missing:
        say(f"{pulumi} is not used: PATH lacks {', '.join(missing)}")
    elif not OLDEST <= version < TOO_NEW:
        say(
            f"{pulumi} is not used: its version is {dotted(version)}, "
            f"required is {dotted(OLDEST)} or newer, below {dotted(TOO_NEW)}"
        )
    else:
        return Path(pulumi).parent
    return None


def version_of(pulumi: Path, cache: Path) -> tuple[int, ...]:
    """
    The three numbers of the version that a CLI prints; empty if it prints none.
    """
    environment = {
        **os.environ,
        "PULUMI_HOME": str(cache / "pulumi-home"),
        "PULUMI_SKIP_UPDATE_CHECK": "1",
    }
    try:
        printed = subprocess.run(
            [pulumi, "version"],
            capture_output=True,
            text=True,
            timeout=60,
            check=True,
            env=environment,
        ).stdout
    except (OSError, subprocess.SubprocessError):
        return ()
    found = re.match(r"v?(\d+)\.(\d+)\.(\d+)", printed)
    return tuple(map(int, found.groups())) if found else ()


def dotted(version: tuple[int, ...]) -> str:
    """
    A version with dots.
    """
    return ".".join(map(str, version)) or "unknown"


def in_cache(cache: Path) -> Path:
    """
    The folder of the engine in the cache; it is filled first if needed.

    A folder with this name is complete: it is filled under another name and renamed.
    One run at a time does so, and first deletes what an interrupted run has left.
    """
    programs = cache / f"engine-{VERSION}"
    cache.mkdir(parents=True, exist_ok=True)
    with alone(cache / "engine.lock"):
        if programs.exists():
            return programs
        say(f"installing Pulumi {VERSION} into {programs}, once for this user")
        for left in cache.glob("unfinished-*"):
            shutil.rmtree(left, ignore_errors=True)
        unfinished = Path(tempfile.mkdtemp(prefix="unfinished-", dir=cache))
        try:
            made = fill(unfinished, cache)
            made.chmod(0o755)
            made.rename(programs)
        finally:
            shutil.rmtree(unfinished, ignore_errors=True)
        shutil.rmtree(cache / "build", ignore_errors=True)
    return programs


@contextmanager
def alone(lock: Path) -> Generator[None]:
    """
    Wait until no other run is installing the engine.

    The steps that this process starts inherit the lock. So if a run is killed and one
    of its steps is still running, the next run waits for that step.
    """
    with lock.open("w") as file:
        os.set_inheritable(file.fileno(), True)
        seconds = 0
        while True:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if seconds % 10 == 0:
                    say(f"another run is installing it; waiting ({seconds} s)")
                time.sleep(1)
                seconds += 1
        yield


def fill(folder: Path, cache: Path) -> Path:
    """
    Try the installer, then the build; return the folder with all programs.
    """
    ways = (
        partial(download, VERSION, folder / "downloaded"),
        partial(build, VERSION, folder / "built", cache / "build"),
    )
    for way in ways:
        try:
            programs = way()
        except StepFailedError as failure:
            say(str(failure))
            continue
        lacking = [name for name in PROGRAMS if not (programs / name).is_file()]
        version = dotted(version_of(programs / "pulumi", cache))
        if not lacking and version == VERSION:
            return programs
        say(f"not used: version {version}, lacking {', '.join(lacking) or 'nothing'}")
    sys.exit(
        f"engine: Pulumi {VERSION} could not be installed. Install Pulumi as its "
        "documentation says, so that it is on PATH, and run again."
    )


if __name__ == "__main__":
    try:
        main(Path(sys.argv[1]).absolute() if sys.argv[1:] else cache_folder())
    except KeyboardInterrupt:
        sys.exit(130)
