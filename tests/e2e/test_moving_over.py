"""
A stack of the real pulumi-alicloud moves to this provider, and everything else in it is
kept.

`test_documents` runs the guide's own commands.
"""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from e2e import peer_plugin
from e2e.project import Project
from e2e.shell import alicloud_ingress
from peer_states.kept import existing

PROGRAM = """\
import pulumi

{part}

class Web(pulumi.ComponentResource):
    def __init__(self, name):
        super().__init__("my:index:Web", name)


class Kept(pulumi.CustomResource):
    def __init__(self, type_, name, inputs, version):
        super().__init__(type_, name, inputs, pulumi.ResourceOptions(version=version))


Web("comp")
Kept("alicloud:ecs/securityGroup:SecurityGroup", "web", {inputs}, "3.109.1")
"""


@pytest.fixture
def moving(project: Project, tmp_path: Path) -> Project:
    """A stack of pulumi-alicloud in the engine: group, component, and five rules."""
    folder = peer_plugin.installed(tmp_path / "plugins")
    path = f"{folder}:{project.environment['PATH']}"
    there = replace(
        project,
        environment={**project.environment, "PATH": path},
        folder=tmp_path / "web",
    )
    there.folder.mkdir()
    (there.folder / "Pulumi.yaml").write_text("name: web\nruntime: python\n")
    there.pulumi("stack", "init", "dev")
    there.pulumi("config", "set", "alicloud:region", "cn-hangzhou")
    state = existing(there.fake, "stack-group-protected-dependent", there.group)
    (there.folder / "before.json").write_text(state)
    there.pulumi("stack", "import", "--file", "before.json")
    return there


def kept(project: Project) -> dict[str, object]:
    """The inputs of the security group's own resource."""
    for each in project.state()["deployment"]["resources"]:
        if each["type"].endswith(":SecurityGroup"):
            return dict(each["inputs"])
    raise AssertionError


def test_moving_a_stack_from_pulumi_alicloud_loses_nothing(moving: Project) -> None:
    by_hand = moving.fake.add_rule(
        moving.group, IpProtocol="tcp", PortRange="8080/8080", SourceCidrIp="10.0.0.0/8"
    )
    rules = moving.rules()
    said = alicloud_ingress(
        moving, "import", "--from-pulumi-alicloud", "--state", "before.json",
        "--group", moving.group, "--out", "imported",
    )  # fmt: skip
    assert said.code == 0, said.err
    assert [line.split(" ")[0] for line in said.err.splitlines()] == [by_hand]

    moving.shell("sh", "imported/state-delete.sh")
    moving.pulumi(
        "import", "--file", "imported/import.json", "--generate-code=false", "--yes"
    )
    part = (moving.folder / "imported" / "ingress_rules.py").read_text()
    inputs = json.dumps(kept(moving)).replace("true", "True").replace("null", "None")
    (moving.folder / "__main__.py").write_text(PROGRAM.format(part=part, inputs=inputs))
    moving.pulumi("preview", "--expect-no-changes")
    moving.pulumi("up", "--yes", "--skip-preview")

    assert moving.rules() == rules
    assert {e["id"] for e in moving.resources()} == rules.keys() - {by_hand}
    names = {e["urn"].split("::")[-1] for e in moving.resources()}
    assert names == {"http", "ssh", "prot", "after", "a/b c:d"}
    assert not any(entry.get("protect") for entry in moving.resources())
    assert {call.action[:8] for call in moving.writes()} == {"Describe"}


def test_imported_rules_are_protected_until_the_program_declares_them(
    moving: Project,
) -> None:
    """No `up` can delete an imported rule before the program has it."""
    said = alicloud_ingress(
        moving, "import", "--from-pulumi-alicloud", "--state", "before.json",
        "--group", moving.group, "--out", "imported",
    )  # fmt: skip
    assert said.code == 0, said.err
    moving.shell("sh", "imported/state-delete.sh")
    moving.pulumi(
        "import", "--file", "imported/import.json", "--generate-code=false", "--yes"
    )
    rules = moving.rules()
    inputs = json.dumps(kept(moving)).replace("true", "True").replace("null", "None")
    (moving.folder / "__main__.py").write_text(PROGRAM.format(part="", inputs=inputs))

    done = moving.run("up", "--yes", "--skip-preview")

    assert not done.ok
    assert "protected" in done.text
    assert moving.rules() == rules
