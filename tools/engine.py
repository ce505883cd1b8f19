"""
Put the Pulumi engine in place where it is missing, and print where it is.

From PATH if it is there; else built from its Go modules, at exact versions, into
the user's cache folder. Stdout is the folder to put on PATH; progress goes to stderr.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

VERSION = "3.259.0"
PROGRAMS = (
    "pulumi",
    "pulumi-language-python",
    "pulumi-language-python-exec",
    "pulumi-resource-pulumi-python",
)
SDK = "github.com/pulumi/pulumi/sdk/v3"
CLI = "github.com/pulumi/pulumi/pkg/v3/cmd/pulumi"
MODULES = Path(__file__).parent / "engine"


def main() -> None:
    """
    Print the folder that holds the engine's programs.
    """
    if all(map(shutil.which, PROGRAMS)):
        print(Path(str(shutil.which("pulumi"))).parent)
        return
    home = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    cache = home / "alicloud-ingress"
    cache.mkdir(parents=True, exist_ok=True)
    programs = cache / f"engine-{VERSION}"
    with (cache / "engine.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not programs.exists():
            build(cache, programs)
    print(programs)


def build(cache: Path, programs: Path) -> None:
    """
    Build in a folder beside, and rename it when all is there: an interrupted
    build leaves nothing that looks finished.
    """
    if not shutil.which("go"):
        sys.exit("pulumi is not on PATH, and neither is go, to build it: install one")
    print(
        f"building the Pulumi engine {VERSION}, once for this user; some minutes",
        file=sys.stderr,
    )
    unfinished = Path(tempfile.mkdtemp(prefix="unfinished-", dir=cache))
    try:
        version = f"-X {SDK}/go/common/version.Version={VERSION}"
        host = f"{SDK}/python/cmd/pulumi-language-python"
        go(cache, "language", "build", "-o", str(unfinished / PROGRAMS[1]), host)
        go(
            cache,
            "cli",
            "build",
            "-ldflags",
            version,
            "-o",
            str(unfinished / PROGRAMS[0]),
            CLI,
        )
        sdk = Path(go(cache, "cli", "list", "-m", "-f", "{{.Dir}}", SDK).strip())
        for script in (
            sdk / "python" / "cmd" / PROGRAMS[2],
            sdk / "python" / "dist" / PROGRAMS[3],
        ):
            shutil.copyfile(script, unfinished / script.name)
            (unfinished / script.name).chmod(0o755)
        unfinished.chmod(0o755)
        unfinished.rename(programs)
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)


def go(cache: Path, module: str, *arguments: str) -> str:
    """
    Run the go command in one of the two modules; its progress is on stderr.
    """
    print(f"go {' '.join(arguments[:1])} ({module})", file=sys.stderr, flush=True)
    environment = {
        **os.environ,
        "GOPATH": str(cache / "go"),
        "GOCACHE": str(cache / "go-build"),
        "GOFLAGS": "-modcacherw",
    }
    return subprocess.run(
        ["go", *arguments],
        cwd=MODULES / module,
        env=environment,
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    ).stdout


if __name__ == "__main__":
    main()
