"""
Each test of the engine has a project of its own.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from alicloud_ingress.testing import FakeEcs
from e2e.project import SECRET, Project
from forked_python import forked_python


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Project]:
    """A project with an empty stack, configured for an empty fake."""
    assert shutil.which("pulumi"), "the engine is missing: run `make test`"
    for name in ("backend", "project"):
        (tmp_path / name).mkdir()
    fake = FakeEcs()
    group = fake.new_group()
    with fake.serve() as url:
        environment = {
            **os.environ,
            # Compiled files do not show that a program changed twice in a second.
            "PYTHONDONTWRITEBYTECODE": "1",
            "PATH": f"{forked_python()}:{os.environ['PATH']}",
            "PULUMI_HOME": str(tmp_path / "home"),
            "PULUMI_BACKEND_URL": f"file://{tmp_path / 'backend'}",
            "PULUMI_CONFIG_PASSPHRASE": "test",
            "PULUMI_SKIP_UPDATE_CHECK": "1",
            "PULUMI_DIY_BACKEND_DISABLE_CHECKPOINT_BACKUPS": "1",
            "ALIBABA_CLOUD_ENDPOINT_ECS": url,
            "ALIBABA_CLOUD_ACCESS_KEY_ID": "AK",
            "ALIBABA_CLOUD_ACCESS_KEY_SECRET": SECRET,
        }
        project = Project(tmp_path / "project", fake, group, environment)
        project.settings["alicloud:region"] = "cn-hangzhou"
        project.program("")
        project.start()
        yield project
