"""
The gate on previews of the real engine, over groups that were changed by hand.
"""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from alicloud_ingress.cli.main import main
from alicloud_ingress.rules.rule import IngressRule
from e2e.project import SECRET, Project
from packet_model import newly_open

WHOLE = ("--json", "--show-sames", "--show-replacement-steps")
BEFORE = "pulumi.ResourceOptions(delete_before_replace=True)"
WORLD = "0.0.0.0/0"
SOURCES = (WORLD, "0.0.0.0/1", "128.0.0.0/1", "10.0.0.0/8")


class Door:
    """A project, and the gate on its previews."""

    def __init__(self, project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
        self.project = project
        self.file = Path(project.folder) / "preview.json"
        url = project.environment["ALIBABA_CLOUD_ENDPOINT_ECS"]
        monkeypatch.chdir(project.folder.parent)
        monkeypatch.setenv("ALIBABA_CLOUD_ENDPOINT_ECS", url)
        monkeypatch.setenv("ALIBABA_CLOUD_ACCESS_KEY_ID", "AK")
        monkeypatch.setenv("ALIBABA_CLOUD_ACCESS_KEY_SECRET", SECRET)

    def gate(self, *options: str, preview: tuple[str, ...] = WHOLE) -> Result:
        """The gate's result for the program as it is."""
        self.preview(*preview)
        return self.judge(*options)

    def preview(self, *options: str) -> None:
        """Let the engine write its preview."""
        self.file.write_text(self.project.pulumi("preview", *options))

    def judge(self, *options: str) -> Result:
        """The gate's result for that preview."""
        asked = ("--fail-on", "world-open-admin", *options)
        return CliRunner().invoke(main, ["preview-report", str(self.file), *asked])

    def rules(self) -> list[IngressRule]:
        """The live rules."""
        live = self.project.rules().values()
        return [IngressRule.from_permission(fields) for fields in live]

    def only(self, **fields: str) -> None:
        """Change the only rule by hand."""
        (rule_id,) = self.project.rules()
        self.project.fake.change_rule(self.project.group, rule_id, **fields)


@pytest.fixture
def door(project: Project, monkeypatch: pytest.MonkeyPatch) -> Door:
    return Door(project, monkeypatch)


def test_an_update_that_reverts_a_manual_narrowing_is_stopped(
    door: Door,
) -> None:
    """The engine shows a new description; deploying it opens the port."""
    door.project.program(f'rule("ssh", 22, "{WORLD}")')
    door.project.up()
    door.only(SourceCidrIp="10.0.0.0/8")
    before = door.rules()
    door.project.program(f'rule("ssh", 22, "{WORLD}", description="new")')

    assert door.gate("--live").exit_code == 1
    assert door.gate("--live", preview=(*WHOLE, "--refresh")).exit_code == 1
    door.project.up()
    assert newly_open(before, door.rules(), [22]) == {(WORLD, 6, 22)}


def test_reverting_a_half_failed_replacement_is_stopped(
    door: Door,
) -> None:
    """
    The old rule is deleted, the state still holds it, and the program is as before:
    deploying it opens the port again.
    """
    project = door.project
    good = f'rule("ssh", 22, "{WORLD}", opts={BEFORE})'
    project.program(good)
    project.up()
    project.program(
        f'Rule("ssh", security_group_id="{project.group}", ip_protocol="tcp",'
        f' port_range=22, ipv6_source_cidr_ip="::/0", opts={BEFORE})'
    )
    project.fake.fail_next("AuthorizeSecurityGroup", 403, "Forbidden.RAM", 5)
    assert not project.run("up", "--yes", "--skip-preview").ok
    project.fake.forget_faults()
    assert project.rules() == {}
    project.program(good)

    for preview, words in ((WHOLE, "may reach"), (WHOLE[:2], "might reach")):
        door.preview(*preview)
        done = door.judge("--live", "--fail-on", "gap")
        assert done.exit_code == 1
        assert "gap" not in done.stderr
        assert "0.0.0.0/0 may reach tcp 22" in done.stderr
        assert "will have 1 inbound rules" in done.stdout
        by_state = door.judge()
        assert by_state.exit_code == 1
        assert f"0.0.0.0/0 {words} tcp 22" in by_state.stderr


def test_a_pending_deletion_that_opens_a_port_is_stopped(
    door: Door,
) -> None:
    """
    A failed run left the deletion. The engine shows it with
    --show-replacement-steps only.
    """
    project = door.project
    below = f'\nrule("ssh", 22, "{WORLD}", priority=50)'
    project.program(f'rule("drop", 22, "{WORLD}", policy="drop"){below}')
    project.up()
    project.program(
        f'Rule("drop", security_group_id="{project.group}", ip_protocol="tcp",'
        f' port_range=22, ipv6_source_cidr_ip="::/0", policy="drop"){below}'
    )
    project.fake.fail_next("RevokeSecurityGroup", 403, "Forbidden.RAM", 5)
    assert not project.run("up", "--yes", "--skip-preview").ok
    project.fake.forget_faults()
    before = door.rules()

    assert door.gate("--live").exit_code == 1
    project.up()
    assert newly_open(before, door.rules(), [22]) == {(WORLD, 6, 22)}


@pytest.mark.parametrize("seed", range(4))
def test_deploying_what_the_gate_accepts_opens_nothing(door: Door, seed: int) -> None:
    """Random programs, deployed over random manual changes."""
    choose = random.Random(seed)  # noqa: S311 - the same cases each time
    project = door.project
    project.program(_program(choose))
    project.run("up", "--yes", "--skip-preview")
    for _ in range(2):
        _change_by_hand(choose, project)
        project.program(_program(choose))
        before = door.rules()
        done = door.gate("--live")
        assert done.exit_code in (0, 1), done.stderr
        project.run("up", "--yes", "--skip-preview")

        opened = newly_open(before, door.rules(), [22])
        assert done.exit_code == 1 or not opened


def _program(choose: random.Random) -> str:
    lines: list[str] = []
    for name in ("a", "b", "c", "d"):
        if choose.random() < 0.75:
            more = ", adopt=True" if choose.random() < 0.5 else ""
            options = f", opts={BEFORE}" if choose.random() < 0.3 else ""
            lines.append(
                f'rule("{name}", {choose.choice([22, "22", 80])!r},'
                f' "{choose.choice(SOURCES)}",'
                f' policy="{choose.choice(["accept", "accept", "drop"])}",'
                f" priority={choose.randint(1, 3)},"
                f' description="{choose.choice(["one", "two"])}"{more}{options})'
            )
    return "\n".join(lines)


def _change_by_hand(choose: random.Random, project: Project) -> None:
    rules: dict[str, Any] = project.rules()
    for rule_id in list(rules):
        what = choose.random()
        if what < 0.25:
            project.fake.remove_rule(project.group, rule_id)
        elif what < 0.5:
            project.fake.change_rule(
                project.group, rule_id, Description=str(choose.randint(1, 9))
            )
        elif what < 0.75:
            project.fake.change_rule(
                project.group, rule_id, SourceCidrIp=f"192.0.2.{choose.randint(1, 99)}"
            )
