"""
How the Pulumi engine is installed: which one is used, and what a killed run leaves.

The programs on PATH are shell scripts, and no network is used.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Generator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PROGRAMS = (
    "pulumi",
    "pulumi-language-python",
    "pulumi-language-python-exec",
    "pulumi-resource-pulumi-python",
)
VERSION = "3.259.0"
GO = """
case "$1" in
  env) echo go1.99.0 ;;
  list) echo {sources} ;;
  build)
    while [ "$1" != -o ]; do shift; done
    echo started >> {builds}
    while [ -e {hold} ]; do /bin/sleep 0.1; done
    printf '#!/bin/sh\\necho v%s\\n' {version} > "$2${{3##*/}}"
    /bin/chmod +x "$2${{3##*/}}" ;;
esac
"""


class Machine:
    """A machine with a given PATH, cache and network."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.path = folder / "bin"
        self.cache = folder / "cache"
        self.builds = folder / "builds"
        self.hold = folder / "hold"
        self.path.mkdir()

    def program(self, name: str, script: str) -> None:
        """Put a shell script on PATH."""
        (self.path / name).write_text(f"#!/bin/sh\n{script}\n")
        (self.path / name).chmod(0o755)

    def pulumi(self, version: str, *programs: str) -> None:
        """Put programs of an engine on PATH."""
        for name in programs:
            self.program(name, f"echo v{version}")

    def go(self) -> None:
        """Put a Go on PATH that builds at once, or when the file `hold` is removed."""
        sources = self.folder / "sources" / "python"
        for script in (
            sources / "cmd" / "pulumi-language-python-exec",
            sources / "dist" / "pulumi-resource-pulumi-python",
        ):
            script.parent.mkdir(parents=True)
            script.touch()
        self.program(
            "go",
            GO.format(
                sources=sources.parent,
                builds=self.builds,
                hold=self.hold,
                version=VERSION,
            ),
        )

    def start(self) -> subprocess.Popen[str]:
        """Start the tool."""
        return subprocess.Popen(
            [sys.executable, "-m", "tools.engine", str(self.cache)],
            cwd=ROOT,
            env={
                "HOME": str(self.folder),
                "PATH": str(self.path),
                "PYTHONPATH": str(self.folder / "python"),
                "https_proxy": "http://127.0.0.1:9",
            },
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def engine(self) -> tuple[str, str]:
        """Where the tool says that the engine is, and its messages."""
        tool = self.start()
        place, talk = tool.communicate(timeout=60)
        assert tool.returncode == 0, talk
        return place.strip(), talk

    def installer(self, *programs: str) -> None:
        """An official installer that installs these programs."""
        module = self.folder / "python" / "pulumi" / "automation.py"
        module.parent.mkdir(parents=True)
        (module.parent / "__init__.py").touch()
        module.write_text(
            "from pathlib import Path\n"
            "class PulumiCommand:\n"
            "    def install(root, version):\n"
            "        folder = Path(root) / 'bin'\n"
            "        folder.mkdir(parents=True)\n"
            "        told = f'#!/bin/sh\\necho v{version}\\n'\n"
            f"        for program in map(folder.joinpath, {programs!r}):\n"
            "            program.write_text(told)\n"
            "            program.chmod(0o755)\n"
        )

    def wait_for_build(self) -> None:
        """Wait until the build has started."""
        deadline = time.monotonic() + 60
        while not self.builds.exists():
            assert time.monotonic() < deadline
            time.sleep(0.05)

    def left(self) -> list[str]:
        """The content of the cache."""
        kept = {"engine.lock", "pulumi-home"}
        return sorted({path.name for path in self.cache.iterdir()} - kept)


@pytest.fixture
def machine(tmp_path: Path) -> Generator[Machine]:
    """A machine with nothing on PATH; a held build is released at the end."""
    machine = Machine(tmp_path)
    yield machine
    machine.hold.unlink(missing_ok=True)


def test_a_complete_engine_on_path_is_used(machine: Machine) -> None:
    """Nothing is built."""
    machine.pulumi("3.254.0", *PROGRAMS)

    assert machine.engine() == (str(machine.path), "")


@pytest.mark.parametrize("version", ["3.253.9", "4.0.0", "nonsense"])
def test_an_engine_of_another_version_is_refused(
    machine: Machine, version: str
) -> None:
    """The tool reports it and installs another one."""
    machine.pulumi(version, *PROGRAMS)
    machine.go()

    place, talk = machine.engine()

    assert place == str(machine.cache / f"engine-{VERSION}")
    assert f"{machine.path / 'pulumi'} is not used: its version is" in talk


def test_an_engine_on_path_without_its_host_is_refused(machine: Machine) -> None:
    """A CLI alone cannot run a Python program."""
    machine.pulumi("3.259.0", "pulumi")
    machine.go()

    place, talk = machine.engine()

    assert place == str(machine.cache / f"engine-{VERSION}")
    assert "PATH lacks pulumi-language-python, pulumi-language-python-exec" in talk


def test_the_official_installer_is_tried_before_a_build(machine: Machine) -> None:
    """If it succeeds, no compiler is started."""
    machine.installer(*PROGRAMS)
    machine.go()

    place, _ = machine.engine()

    assert sorted(path.name for path in Path(place).iterdir()) == sorted(PROGRAMS)
    assert not machine.builds.exists()


def test_an_incomplete_installation_is_not_used(machine: Machine) -> None:
    """The whole engine is built then."""
    machine.installer("pulumi")
    machine.go()

    place, talk = machine.engine()

    assert "lacking pulumi-language-python" in talk
    assert sorted(path.name for path in Path(place).iterdir()) == sorted(PROGRAMS)


def test_a_build_leaves_only_the_programs(machine: Machine) -> None:
    """All can be run, and a second run uses them without a message."""
    machine.go()

    place, _ = machine.engine()

    assert all(os.access(Path(place) / program, os.X_OK) for program in PROGRAMS)
    assert machine.left() == [f"engine-{VERSION}"]
    assert machine.engine() == (place, "")


def test_a_killed_build_leaves_no_finished_looking_file(machine: Machine) -> None:
    """The next run waits for the compiler that still runs, and builds again."""
    machine.go()
    machine.hold.touch()
    killed = machine.start()
    machine.wait_for_build()
    killed.send_signal(signal.SIGKILL)
    killed.wait(timeout=60)

    assert f"engine-{VERSION}" not in machine.left()

    following = machine.start()
    assert following.stderr
    assert "another run is installing it" in following.stderr.readline()
    machine.hold.unlink()
    place = following.communicate(timeout=60)[0].strip()
    assert all(os.access(Path(place) / program, os.X_OK) for program in PROGRAMS)
    assert machine.left() == [f"engine-{VERSION}"]


def test_an_interrupted_build_ends_its_compiler_and_cleans_up(machine: Machine) -> None:
    """Downloads are kept for the next run."""
    machine.go()
    machine.hold.touch()
    interrupted = machine.start()
    machine.wait_for_build()
    interrupted.send_signal(signal.SIGTERM)

    interrupted.communicate(timeout=60)
    assert interrupted.returncode == 130
    assert machine.left() == ["build"]


def test_two_runs_at_once_build_once(machine: Machine) -> None:
    """The second one waits for the first, and says so."""
    machine.go()
    machine.hold.touch()
    first = machine.start()
    machine.wait_for_build()
    second = machine.start()
    assert second.stderr
    assert "another run is installing it" in second.stderr.readline()
    machine.hold.unlink()

    places = {tool.communicate(timeout=60)[0] for tool in (first, second)}

    assert len(places) == 1
    assert machine.builds.read_text() == "started\n" * 2


def test_a_failed_build_says_why_and_what_to_do(machine: Machine) -> None:
    """With the last lines of the compiler."""
    machine.program(
        "go", 'test "$1" = env && echo go1.99.0 || { echo broken; exit 1; }'
    )
    tool = machine.start()

    _, talk = tool.communicate(timeout=60)

    assert tool.returncode == 1
    assert "broken" in talk
    assert "Install Pulumi as its documentation says" in talk
    assert machine.left() == ["build"]
