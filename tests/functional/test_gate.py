"""
The gate on groups that somebody has changed since the state was written.

Each test makes the group in the fake, and the preview that the engine would write.
"""

from __future__ import annotations

import datetime as dt
import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from alicloud_ingress.cli import main
from alicloud_ingress.previews.stated import PEER_RULE, RULE_SET
from alicloud_ingress.testing import FakeEcs
from functional.conftest import Front
from unit.test_preview import step

WORLD = "0.0.0.0/0"
ADMIN = ("--fail-on", "world-open-admin")
ANY = ("--fail-on", "world-open-any")
LIVE = ("--live", *ADMIN)


class Gate:
    """A group in the fake, and the command over previews of changes to it."""

    def __init__(self, fake: FakeEcs, folder: Path) -> None:
        self.fake = fake
        self.group = fake.new_group()
        self.preview = folder / "preview.json"
        self.waivers = folder / "waivers.json"

    def __call__(
        self, steps: list[dict[str, Any]], *arguments: str, **more: Any
    ) -> Result:
        self.preview.write_text(json.dumps({"steps": steps, **more}))
        return CliRunner().invoke(
            main, ["preview-report", str(self.preview), *arguments]
        )

    def waive(self, *waivers: dict[str, Any]) -> tuple[str, str]:
        """A file of waivers of some days from now, as the option that names it."""
        until = dt.datetime.now(dt.timezone.utc).date() + dt.timedelta(days=20)
        entries = [
            {"reason": "a test", "until": until.isoformat(), **each} for each in waivers
        ]
        self.waivers.write_text(json.dumps(entries))
        return ("--waivers", str(self.waivers))

    def live(
        self, ports: str = "22/22", source: str = WORLD, group: str = "", **more: str
    ) -> str:
        """A rule that stands in the group; its ID."""
        kind = "Ipv6SourceCidrIp" if ":" in source else "SourceCidrIp"
        fields = {"IpProtocol": "tcp", "PortRange": ports, kind: source, **more}
        return self.fake.add_rule(group or self.group, **fields)

    def rule(
        self, ports: object = 22, source: str = WORLD, **more: Any
    ) -> dict[str, Any]:
        """The inputs of a rule of the group."""
        kind = "ipv6_source_cidr_ip" if ":" in source else "source_cidr_ip"
        return {
            "security_group_id": self.group,
            "region": "cn-hangzhou",
            "ip_protocol": "tcp",
            "port_range": ports,
            kind: source,
            **more,
        }

    def set_of(self, *rules: dict[str, Any]) -> dict[str, Any]:
        """The inputs of a set of rules of the group."""
        place = {"security_group_id": self.group, "region": "cn-hangzhou"}
        entries = {
            f"tcp {n}": {k: v for k, v in rule.items() if k not in place}
            for n, rule in enumerate(rules)
        }
        return {**place, "rules": entries}


@pytest.fixture
def gate(front: Front, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Gate:
    monkeypatch.setenv("ALIBABA_CLOUD_ACCESS_KEY_ID", "AK")
    monkeypatch.setenv("ALIBABA_CLOUD_ACCESS_KEY_SECRET", "secret")
    monkeypatch.delenv("ALIBABA_CLOUD_ENDPOINT_ECS", raising=False)
    if endpoints := front.settings.get("alicloud:endpoints"):
        url = f"http://{json.loads(endpoints)[0]['ecs']}"
        monkeypatch.setenv("ALIBABA_CLOUD_ENDPOINT_ECS", url)
    return Gate(front.fake, tmp_path)


def known(old: dict[str, Any], rule_id: str, **more: Any) -> dict[str, Any]:
    """The old state of a rule whose ID is known."""
    return {"outputs": {**old, "security_group_rule_id": rule_id}, "id": rule_id} | more


def test_an_update_that_sets_back_what_was_narrowed_by_hand_is_found(
    gate: Gate,
) -> None:
    """The preview shows a new description; ECS gets all of the rule's fields."""
    rule_id = gate.live()
    old = gate.rule()
    gate.fake.change_rule(gate.group, rule_id, SourceCidrIp="10.0.0.0/8")
    new = {**old, "description": "the same"}
    steps = [step("update", old=old, new=new, old_state=known(old, rule_id))]

    done = gate(steps, *LIVE)

    assert done.exit_code == 1
    assert "0.0.0.0/0 may reach tcp 22" in done.stderr


def test_an_update_that_changes_nothing_of_the_live_rule_passes(gate: Gate) -> None:
    """The world was in before."""
    rule_id = gate.live()
    old = gate.rule()
    new = {**old, "description": "the same"}
    steps = [step("update", old=old, new=new, old_state=known(old, rule_id))]

    assert gate(steps, *LIVE).exit_code == 0


def test_a_rule_that_a_set_would_authorize_again_is_found(gate: Gate) -> None:
    """One of its two rules was revoked by hand, and a description is edited."""
    rules = [gate.rule(22), gate.rule(80)]
    ids = {"tcp 0": gate.live("22/22"), "tcp 1": gate.live("80/80")}
    gate.fake.remove_rule(gate.group, ids["tcp 0"])
    old = gate.set_of(*rules)
    new = gate.set_of(rules[0], {**rules[1], "description": "the web"})
    state = {"outputs": {**old, "rule_ids": ids}}
    steps = [step("update", old=old, new=new, kind=RULE_SET, old_state=state)]

    done = gate(steps, *LIVE)

    assert done.exit_code == 1
    assert "0.0.0.0/0 may reach tcp 22" in done.stderr


def test_a_replacement_whose_old_rule_is_gone_already_opens_and_has_no_gap(
    gate: Gate,
) -> None:
    """Its create had failed after its delete; the program was set back since."""
    old = gate.rule()
    state = known(old, "sgr-00000001", pendingReplacement=True)
    steps = [step("replace", old=old, new=old, old_state=state)]

    done = gate(steps, *LIVE, "--fail-on", "gap")

    assert done.exit_code == 1
    assert "gap" not in done.stderr
    assert "will hold 1 inbound rules" in done.stdout
    assert "0.0.0.0/0 may reach tcp 22" in done.stderr


def test_a_waiver_covers_its_resource_alone(gate: Gate) -> None:
    """Two rules let the same in, and one of them is waived."""
    one, other = gate.rule(), gate.rule(priority=2)
    steps = [step("create", "one", new=one), step("create", "other", new=other)]

    assert gate(steps, *ADMIN, *gate.waive({"resource": "one"})).exit_code == 1
    both = gate.waive({"resource": "one"}, {"resource": "other"})
    assert gate(steps, *ADMIN, *both).exit_code == 0


def test_a_rule_behind_one_that_is_waived_is_not_waived_by_it(gate: Gate) -> None:
    """It would stay open when the waived one goes."""
    one, other = gate.rule(), gate.rule(priority=2)
    rule_id = gate.live()
    steps = [
        step("same", "one", old=one, new=one, old_state=known(one, rule_id)),
        step("create", "other", new=other),
    ]

    assert gate(steps, *LIVE, *gate.waive({"resource": "one"})).exit_code == 1


def test_a_name_that_two_resources_have_waives_neither(gate: Gate) -> None:
    """It is said, and either can be named by its URN."""
    elsewhere = gate.fake.new_group()
    mine = step("create", "ssh", new=gate.rule())
    theirs = step("create", "ssh", new={**gate.rule(), "security_group_id": elsewhere})
    theirs["urn"] = theirs["urn"].replace("web::", "web::my:module:Web$")
    steps = [mine, theirs]

    done = gate(steps, *ADMIN, *gate.waive({"resource": "ssh"}))

    assert done.exit_code == 1
    assert len([line for line in done.stderr.splitlines() if "tcp 22" in line]) == 2
    assert "2 resources have the name" in done.stderr
    by_urn = gate.waive({"resource": mine["urn"]}, {"resource": theirs["urn"]})
    assert gate(steps, *ADMIN, *by_urn).exit_code == 0


def test_widening_from_half_of_the_world_to_all_of_it_is_found(gate: Gate) -> None:
    """The other half is new."""
    half, world = gate.rule(source="0.0.0.0/1"), gate.rule()

    assert gate([step("update", old=half, new=world)], *ADMIN).exit_code == 1


def test_the_ipv6_blocks_that_hosts_are_in_are_the_world(gate: Gate) -> None:
    """One block for each registry, and 2001."""
    blocks = ["2001::/16", "2400::/8", "2600::/7", "2800::/8", "2a00::/7", "2c00::/8"]
    steps = [
        step("create", f"ssh {block}", new=gate.rule(source=block)) for block in blocks
    ]

    assert gate(steps, *ADMIN).exit_code == 1


@pytest.mark.parametrize("live", [True, False])
@pytest.mark.parametrize("peer", [True, False])
def test_in_a_vpc_a_drop_for_the_other_kind_of_interface_counts(
    gate: Gate, *, peer: bool, live: bool
) -> None:
    """ECS keeps both rules as intranet: what the drop held back opens."""
    drop_id = gate.live(Policy="drop", NicType="internet")
    gate.live(Priority="2")
    drop = gate.rule(policy="drop", nic_type="internet")
    accept = gate.rule(priority=2)
    gone = step("delete", "drop", old=drop, old_state=known(drop, drop_id))
    if peer:
        old = {
            "type": "ingress",
            "securityGroupId": gate.group,
            "ipProtocol": "tcp",
            "portRange": "22/22",
            "cidrIp": WORLD,
            "policy": "drop",
            "nicType": "internet",
            "priority": 1,
        }
        outputs = {**old, "securityGroupRuleId": drop_id}
        state = {"outputs": outputs}
        gone = step("delete", "drop", old=old, kind=PEER_RULE, old_state=state)
    steps = [gone, step("same", "ssh", old=accept, new=accept)]

    done = gate(steps, *(LIVE if live else ADMIN))

    assert done.exit_code == 1
    assert "the same without it" not in done.stdout


def test_what_a_drop_held_back_is_not_judged_without_a_look(gate: Gate) -> None:
    """A rule made by hand may stand below it."""
    drop = gate.rule(policy="drop")

    done = gate([step("delete", "drop", old=drop)], *ADMIN)

    assert done.exit_code == 1
    assert "not judged" in done.stderr
    assert "the same without it" not in done.stdout


@pytest.mark.parametrize(
    ("steps", "summary", "why"),
    [
        (["create", "create"], {}, "stands twice"),
        ([], {"create": 5}, "5"),
        (["create"], {"create": 1, "delete": 2}, "delete"),
    ],
)
def test_a_preview_that_is_not_whole_ends_with_3(
    gate: Gate, steps: list[str], summary: dict[str, int], why: str
) -> None:
    """A resource twice, or steps that its own summary counts and that are missing."""
    given = [step(op, new=gate.rule(source="10.0.0.0/8")) for op in steps]

    done = gate(given, *ADMIN, changeSummary=summary)

    assert done.exit_code == 3
    assert why in done.stderr


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ({"source_cidr_ip": WORLD}, {"source_cidr_ip": "10.0.0.0/8"}),
        ({"port_range": "8000/8010"}, {"port_range": "8000/8005"}),
        ({"priority": 1}, {"priority": 9}),
    ],
)
@pytest.mark.parametrize("live", [True, False])
def test_the_new_half_of_a_change_is_not_called_without_effect(
    gate: Gate, old: dict[str, Any], new: dict[str, Any], *, live: bool
) -> None:
    """What gets in is what it lets in."""
    before, after = gate.rule(**old), gate.rule(**new)
    rule_id = gate.live(
        str(before["port_range"] if old.get("port_range") else "22/22"),
        before["source_cidr_ip"],
    )
    change = step("update", old=before, new=after, old_state=known(before, rule_id))

    done = gate([change], *(LIVE if live else ADMIN))

    assert done.exit_code == 0
    assert "the same without it" not in done.stdout


def replacement(gate: Gate, rule_id: str, **state: Any) -> dict[str, Any]:
    """The replacement of a rule by the very same, as `state taint` brings it about."""
    rule = gate.rule(source="10.0.0.0/8")
    return step(
        "replace",
        old=rule,
        new=rule,
        old_state=known(rule, rule_id, taint=True, **state),
    )


def test_a_forced_replacement_that_works_is_not_foretold_to_fail(gate: Gate) -> None:
    """The old rule goes first."""
    rule_id = gate.live(source="10.0.0.0/8")

    done = gate([replacement(gate, rule_id, pendingReplacement=True)], "--live")

    assert "would fail" not in done.stdout


def test_a_forced_replacement_that_will_be_refused_is_foretold(gate: Gate) -> None:
    """The new rule is the very same as the old one, which is still there."""
    rule_id = gate.live(source="10.0.0.0/8")

    done = gate([replacement(gate, rule_id)], "--live")

    assert "would fail" in done.stdout
    assert rule_id in done.stdout


def test_an_update_of_a_rule_that_was_removed_by_hand_is_foretold(gate: Gate) -> None:
    """There is nothing to change."""
    rule_id = gate.live(source="10.0.0.0/8")
    gate.fake.remove_rule(gate.group, rule_id)
    old = gate.rule(source="10.0.0.0/8")
    new = {**old, "description": "new"}
    steps = [step("update", old=old, new=new, old_state=known(old, rule_id))]

    done = gate(steps, "--live")

    assert "would fail" in done.stdout
    assert rule_id in done.stdout
