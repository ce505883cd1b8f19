"""
Each test of the engine has a project of its own.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from alicloud_ingress.testing import FakeEcs
from e2e.project import Project, engine_environment


@pytest.fixture(scope="session")
def empty_stack(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A project with an empty stack, which others are copied from."""
    assert shutil.which("pulumi"), "the engine is missing: run `make test`"
    folder = tmp_path_factory.mktemp("empty-stack")
    for name in ("backend", "project"):
        (folder / name).mkdir()
    project = Project(folder / "project", FakeEcs(), "", engine_environment(folder, ""))
    project.program("")
    project.start()
    return project


@pytest.fixture
def project(tmp_path: Path, empty_stack: Project) -> Iterator[Project]:
    """A project with an empty stack, configured for an empty fake."""
    for name in ("backend", "project"):
        shutil.copytree(empty_stack.folder.parent / name, tmp_path / name)
    fake = FakeEcs()
    group = fake.new_group()
    with fake.serve() as url:
        environment = engine_environment(tmp_path, url)
        # Compiled files do not show that a program changed twice in a second.
        environment["PYTHONDONTWRITEBYTECODE"] = "1"
        project = Project(tmp_path / "project", fake, group, environment)
        project.settings["alicloud:region"] = "cn-hangzhou"
        project.program("")
        project.write_settings()
        project.select()
        yield project
