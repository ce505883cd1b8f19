"""
Finds the Python that the engine uses for a project's program and dynamic providers.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, cast

import yaml

from alicloud_ingress.files import UnreadableError, text_in

PROJECT_FILES = ("Pulumi.yaml", "Pulumi.yml")


@dataclass(frozen=True, slots=True, kw_only=True)
class EnginePython:
    """
    The Python that the engine runs for a project, or why it cannot be found.

    Args:
        executable: its path; "" if there is a problem.
        why: what selects it, for people.
        folder: the folder in which the engine runs it.
        problem: why it cannot be found; "" if it was found.
        next_step: what to do; "" if there is nothing to do.
    """

    executable: str = ""
    why: str = ""
    folder: Path
    problem: str = ""
    next_step: str = ""


def engine_python(
    folder: Path, environ: Mapping[str, str], host: Path | None = None
) -> EnginePython:
    """
    Find it as the engine does: through the project file, or else on PATH.

    Args:
        folder: folder of the Pulumi project.
        environ: the environment.
        host: the engine's language host for Python; None if it is not known.
    """
    file = _project_file(folder)
    if file is None:
        return _on_path(folder, environ, "on PATH; there is no Pulumi.yaml here")
    try:
        project: Any = yaml.safe_load(text_in(file))
        given: Any = project["runtime"]
        runtime = cast(
            "dict[str, Any]", given if isinstance(given, dict) else {"name": str(given)}
        )
        options: dict[str, Any] = runtime.get("options") or {}
        main = str(project.get("main") or "")
    except (
        UnreadableError,
        yaml.YAMLError,
        KeyError,
        TypeError,
        AttributeError,
        RecursionError,
    ) as error:
        why = getattr(error, "why", "") or type(error).__name__
        return EnginePython(
            folder=folder,
            problem=f"{file} cannot be read: {why}",
            next_step="correct the project file",
        )
    root = file.parent
    if runtime.get("name") != "python":
        return EnginePython(
            folder=root,
            problem=f"{file} has the runtime {runtime.get('name')!r}",
            next_step="use this provider in a Python program",
        )
    home = options.get("virtualenv") or (options.get("toolchain") == "uv" and ".venv")
    if not home:
        return _on_path(
            root / main, environ, f"on PATH, because {file} names no environment"
        )
    if host is not None and not _knows_options(host):
        why = f"on PATH: {host} ignores virtualenv and toolchain in {file}"
        found = _on_path(root / main, environ, why)
        step = f"activate the environment {home} before running pulumi"
        return found if found.problem else replace(found, next_step=step)
    return _in_virtualenv(root, main, str(home), file)


def _knows_options(host: Path) -> bool:
    """
    Whether a language host reads the project's options. An old one, such as the one
    that this project's tools build, does not contain the word.
    """
    try:
        return b"toolchain" in host.read_bytes()
    except OSError:
        return True


def _in_virtualenv(root: Path, main: str, home: str, file: Path) -> EnginePython:
    if main and not Path(home).is_absolute() and not (root / main / home).exists():
        return EnginePython(
            folder=root,
            problem=f"{file} has main and virtualenv, so the engine looks for {home} in"
            f" {root / main} when it starts a dynamic provider",
            next_step="remove virtualenv, and activate the environment instead",
        )
    executable = root / home / "bin" / "python"
    if not executable.exists():
        return EnginePython(
            folder=root,
            problem=f"{file} names the environment {home}, which does not exist",
            next_step=f"run `python3 -m venv {root / home}` and install into it",
        )
    return EnginePython(
        executable=str(executable), why=f"named by {file}", folder=root / main
    )


def _on_path(folder: Path, environ: Mapping[str, str], why: str) -> EnginePython:
    name = environ.get("PULUMI_PYTHON_CMD") or "python3"
    found = shutil.which(name, path=environ.get("PATH"))
    if found is None:
        return EnginePython(
            folder=folder,
            problem=f"{name} is not on PATH",
            next_step="install Python, or activate an environment that has it",
        )
    return EnginePython(executable=found, why=why, folder=folder)


def _project_file(folder: Path) -> Path | None:
    for each in (folder, *folder.parents):
        for name in PROJECT_FILES:
            if (each / name).is_file():
                return each / name
    return None
