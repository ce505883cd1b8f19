"""
A project on the real engine, with its own backend, home and fake.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import yaml

from alicloud_ingress.testing import FakeCall, FakeEcs
from forked_python import forked_python

ROOT = Path(__file__).parents[2]
SECRET = "a-secret-that-is-never-shown"
LOOKING = ("DescribeSecurityGroupAttribute", "GetCallerIdentity")
HEADER = """\
import pulumi
from alicloud_ingress import SecurityGroupIngressRule as Rule

def rule(name, port, source="10.0.0.0/8", opts=None, **more):
    more.setdefault("security_group_id", "{group}")
    more.setdefault("ip_protocol", "tcp")
    return Rule(name, port_range=port, source_cidr_ip=source, opts=opts, **more)

"""


def engine_environment(folder: Path, url: str) -> dict[str, str]:
    """
    The environment of an engine with a home and a backend of its own.

    Args:
        folder: that has them.
        url: of the fake.
    """
    return {
        **os.environ,
        "PATH": f"{forked_python()}:{os.environ['PATH']}",
        "PULUMI_HOME": str(folder / "home"),
        "PULUMI_BACKEND_URL": f"file://{folder / 'backend'}",
        "PULUMI_CONFIG_PASSPHRASE": "test",
        "PULUMI_SKIP_UPDATE_CHECK": "1",
        "PULUMI_DIY_BACKEND_DISABLE_CHECKPOINT_BACKUPS": "1",
        "ALIBABA_CLOUD_ENDPOINT_ECS": url,
        "ALIBABA_CLOUD_ACCESS_KEY_ID": "AK",
        "ALIBABA_CLOUD_ACCESS_KEY_SECRET": SECRET,
    }


@dataclass(frozen=True)
class Outcome:
    """The output of a command, and whether it succeeded."""

    ok: bool
    text: str


def ran(
    command: Sequence[str], folder: Path, environment: Mapping[str, str]
) -> Outcome:
    """Run a command in a folder, whether it fails or not."""
    done = subprocess.run(
        command,
        cwd=folder,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=300,
        check=False,
    )
    return Outcome(done.returncode == 0, done.stdout)


@dataclass(frozen=True)
class Project:
    """One project with one stack, and the fake that its provider calls."""

    folder: Path
    fake: FakeEcs
    group: str
    environment: Mapping[str, str]
    settings: dict[str, str] = field(default_factory=dict[str, str])

    def program(self, text: str) -> None:
        """Write a program of calls of `rule(name, port, source, opts, ...)`."""
        main = self.folder / "program" / "__main__.py"
        main.parent.mkdir(exist_ok=True)
        main.write_text(HEADER.format(group=self.group) + textwrap.dedent(text))
        (self.folder / "Pulumi.yaml").write_text(
            "name: test\nruntime: python\nmain: program\n"
        )

    def sample(self) -> None:
        """Use the repository's sample stack as the program."""
        shutil.copyfile(ROOT / "Pulumi.yaml", self.folder / "Pulumi.yaml")
        shutil.copytree(ROOT / "sample-stack", self.folder / "sample-stack")

        self.start()

    def example(self, name: str) -> None:
        """Use one of the examples as the program."""
        shutil.copytree(ROOT / "examples" / name, self.folder, dirs_exist_ok=True)
        self.settings[f"{name}:securityGroupId"] = self.group
        self.start()

    def start(self) -> None:
        """Create the stack."""
        self.pulumi("stack", "init", "test")

    def select(self) -> None:
        """Select the stack as the engine would, which takes half a second."""
        path = str(self.folder / "Pulumi.yaml").encode()
        file = hashlib.sha1(path, usedforsecurity=False).hexdigest()
        selected = {self.environment["PULUMI_BACKEND_URL"]: "organization/test/test"}
        workspaces = Path(self.environment["PULUMI_HOME"], "workspaces")
        workspaces.mkdir(parents=True)
        (workspaces / f"test-{file}-workspace.json").write_text(
            json.dumps({"stacks": selected})
        )

    def run(self, *arguments: str, **environment: str) -> Outcome:
        """Run the engine and return the outcome, whether it fails or not."""
        self.write_settings()
        return ran(
            ["pulumi", *arguments, "--non-interactive"],
            self.folder,
            {**self.environment, **environment},
        )

    def shell(self, *command: str) -> None:
        """Run a command other than the engine in the project's folder."""
        done = ran(command, self.folder, self.environment)
        assert done.ok, done.text

    def write_settings(self) -> None:
        """Add the settings to the stack's file."""
        file = self.folder / "Pulumi.test.yaml"
        stack: dict[str, Any] = {}
        if file.exists():
            stack = yaml.safe_load(file.read_text())
        config = {**stack.get("config", {}), **self.settings}
        file.write_text(yaml.safe_dump({**stack, "config": config}))

    def pulumi(self, *arguments: str, **environment: str) -> str:
        """
        Run the engine and return its output; fail the test, with the output, if
        it fails.
        """
        done = self.run(*arguments, **environment)
        assert done.ok, done.text
        return done.text

    def up(self, *arguments: str) -> str:
        """Deploy without confirmation."""
        return self.pulumi("up", "--yes", "--skip-preview", *arguments)

    def refresh(self, *arguments: str) -> str:
        """Refresh without confirmation."""
        return self.pulumi("refresh", "--yes", "--skip-preview", *arguments)

    def destroy(self, *arguments: str) -> str:
        """Destroy without confirmation."""
        return self.pulumi("destroy", "--yes", "--skip-preview", *arguments)

    def calls(self) -> list[FakeCall]:
        """The calls since the last call of this method."""
        calls = list(self.fake.calls)
        self.fake.calls.clear()
        return calls

    def writes(self) -> list[FakeCall]:
        """The calls since the last time that are not reads."""
        return [call for call in self.calls() if call.action not in LOOKING]

    def actions(self) -> list[str]:
        """The actions of the writing calls since the last time."""
        return [call.action for call in self.writes()]

    def rules(self) -> dict[str, dict[str, object]]:
        """The live rules of the project's group, by ID."""
        return self.fake.rules(self.group)

    def state(self) -> dict[str, Any]:
        """The exported state of the stack."""
        deployment: dict[str, Any] = json.loads(
            self.pulumi("stack", "export", "--show-secrets")
        )
        return deployment

    def resources(self) -> list[dict[str, Any]]:
        """The entries of the state that are rules or sets of rules."""
        found = self.state()["deployment"].get("resources", [])
        return [entry for entry in found if entry["type"].startswith("pulumi-python:")]

    def keep(self, folder: Path) -> None:
        """Save the stack and the fake's content, for the tests of later releases."""
        folder.mkdir(parents=True)
        stack = _without_traces(json.loads(self.pulumi("stack", "export")))
        (folder / "stack.json").write_text(json.dumps(stack, indent=4) + "\n")
        (folder / "ecs.json").write_text(self.fake.dump())

    def put(self, state: Mapping[str, Any]) -> None:
        """Import another state."""
        file = self.folder / "state.json"
        file.write_text(json.dumps(state))
        self.put_file(file)

    def put_file(self, file: Path) -> None:
        """Import the state in a file."""
        self.pulumi("stack", "import", "--file", str(file))


def _without_traces(value: Any) -> Any:
    """A state without the source positions of its resources."""
    if isinstance(value, list):
        return [_without_traces(item) for item in value]  # pyright: ignore[reportUnknownVariableType]
    if isinstance(value, dict):
        fields = cast("dict[str, Any]", value)
        return {
            name: _without_traces(field)
            for name, field in fields.items()
            if name not in ("sourcePosition", "stackTrace")
        }
    return value
