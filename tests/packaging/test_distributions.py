"""
The released distributions work alone, in an empty environment, on each installed
Python.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest
from tools.environment import cache_folder

ROOT = Path(__file__).parents[2]
PYTHONS = ("3.10", "3.11", "3.12", "3.13")
INSIDE = (
    "py.typed",
    "templates/import_set.py.j2",
    "templates/import_rules.py.j2",
    "schemas/preview-waivers-1.json",
    "templates/usage.html.j2",
    "testing/errors.tsv",
    "testing/fake.py",
)
IMPORTS = """
import importlib.util, sys
import click
import alicloud_ingress as package
from alicloud_ingress.cli.main import main
from alicloud_ingress.rules.spelling import network
for name in package.__all__:
    getattr(package, name)
context = click.Context(main)
for name in main.list_commands(context):
    main.get_command(context, name)
assert importlib.util.find_spec("responses") is None
assert "responses" not in sys.modules
import alicloud_ingress.doctor.observe, alicloud_ingress.ecs.gateway
assert network("::ffff:1.2.3.4") == "::ffff:102:304"  # the key of a rule in a state
"""


def run(*command: str, folder: Path, **environment: str) -> str:
    """Run a command outside the checkout; if it fails, show its output."""
    clean = {
        k: v for k, v in os.environ.items() if k not in ("PYTHONPATH", "VIRTUAL_ENV")
    }
    done = subprocess.run(
        command,
        cwd=folder,
        env={"UV_CACHE_DIR": str(cache_folder() / "uv"), **clean, **environment},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def found(version: str) -> str:
    """The path of a Python of this version; "" if it is not found."""
    pyenv = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv", "versions")
    named = [sys.executable, shutil.which(f"python{version}") or ""]
    named += [str(path) for path in pyenv.glob(f"{version}.*/bin/python")]
    asked = "import sys; print('{}.{}'.format(*sys.version_info))"
    for path in filter(None, named):
        done = subprocess.run(
            [path, "-c", asked], capture_output=True, text=True, check=False
        )
        if done.stdout.strip() == version:
            return path
    return ""


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the two distributions, the wheel made from the checkout."""
    folder = tmp_path_factory.mktemp("dist")
    run(sys.executable, "-m", "hatchling", "build", "-d", str(folder), folder=ROOT)
    return folder


@pytest.fixture(scope="module")
def wheel(built: Path) -> Path:
    (found,) = built.glob("*.whl")
    return found


def test_the_wheel_holds_templates_schemas_and_type_marker(wheel: Path) -> None:
    """It holds no tests."""
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())

    assert {f"alicloud_ingress/{name}" for name in INSIDE} <= names
    assert "pulumi_alicloud_ingress/pulumi-plugin.json" in names
    assert not [name for name in names if "test_" in name or name.startswith("tests")]
    assert {name.split("/")[0] for name in names} == {
        "alicloud_ingress",
        "pulumi_alicloud_ingress",
        wheel.name.removesuffix("-py3-none-any.whl") + ".dist-info",
    }


def test_the_wheel_of_the_source_distribution_is_the_same(
    built: Path, wheel: Path, tmp_path: Path
) -> None:
    """So that a build from source has the same content."""
    (source,) = built.glob("*.tar.gz")
    with tarfile.open(source) as archive:
        archive.extractall(tmp_path, filter="data")
    (unpacked,) = tmp_path.iterdir()
    run(sys.executable, "-m", "hatchling", "build", "-t", "wheel", folder=unpacked)

    (again,) = (unpacked / "dist").glob("*.whl")
    with zipfile.ZipFile(wheel) as one, zipfile.ZipFile(again) as other:
        assert sorted(one.namelist()) == sorted(other.namelist())


@pytest.mark.parametrize("version", PYTHONS)
def test_the_package_works_in_an_empty_environment(
    wheel: Path, tmp_path: Path, version: str
) -> None:
    """Without extras: neither `responses` nor the checkout is available."""
    interpreter = found(version)
    if not interpreter:
        pytest.skip(f"there is no Python {version} here")
    uv = str(Path(sys.executable).with_name("uv"))
    home = tmp_path / "environment"
    run(
        uv,
        "venv",
        "--quiet",
        "--python",
        interpreter,
        str(home),
        folder=tmp_path,
    )
    python = str(home / "bin" / "python")
    run(
        uv, "pip", "install", "--quiet", "--python", python, str(wheel), folder=tmp_path
    )

    run(python, "-c", IMPORTS, folder=tmp_path)
    command = str(home / "bin" / "alicloud-ingress")
    assert "stale" in run(command, "--help", folder=tmp_path)
    (tmp_path / "preview.json").write_text('{"steps": []}')
    report = run(command, "preview-report", "preview.json", folder=tmp_path)
    assert report.startswith("<!-- alicloud-ingress preview-report")
    refused = subprocess.run(
        [command, "fake"], capture_output=True, text=True, timeout=60, check=False
    )
    assert refused.returncode == 3
    assert "pulumi-alicloud-ingress[testing]" in refused.stderr
