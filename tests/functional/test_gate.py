"""
The gate on groups that were changed since the state was written.

Each test makes the group in the fake, and the preview that the engine would write.
"""

from __future__ import annotations

from typing import Any

import pytest

from alicloud_ingress.previews.declared import RULE, RULE_SET
from alicloud_ingress.previews.peer import PEER_RULE
from functional.gate import ADMIN, LIVE, WORLD, Gate, known
from unit.test_preview import step


def test_an_update_that_reverts_a_manual_narrowing_is_found(
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


def test_an_update_that_keeps_the_live_rule_passes(gate: Gate) -> None:
    """The internet had access before."""
    rule_id = gate.live()
    old = gate.rule()
    new = {**old, "description": "the same"}
    steps = [step("update", old=old, new=new, old_state=known(old, rule_id))]

    assert gate(steps, *LIVE).exit_code == 0


def test_a_rule_a_set_would_recreate_is_found(gate: Gate) -> None:
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


def never_shown(
    old: dict[str, Any], identity: str = "sg-1/pending/1"
) -> dict[str, Any]:
    """The old state of resources that were created and whose rules never showed."""
    ids: dict[str, Any] = {"security_group_rule_id": ""}
    if "rules" in old:
        ids = {"rule_ids": dict.fromkeys(old["rules"], "")}
    return {"outputs": {**old, **ids}, "id": identity}


def unchanged_and_never_shown(gate: Gate, kind: str) -> dict[str, Any]:
    """The update of a resource that differs in nothing and was never shown."""
    old = gate.rule() if kind == RULE else gate.set_of(gate.rule())
    return step("update", old=old, new=old, kind=kind, old_state=never_shown(old))


@pytest.mark.parametrize("kind", [RULE, RULE_SET])
def test_a_rule_that_never_showed_is_judged_by_the_group(gate: Gate, kind: str) -> None:
    """An update without a difference creates it if it does not exist."""
    steps = [unchanged_and_never_shown(gate, kind)]

    done = gate(steps, *LIVE)
    assert done.exit_code == 1
    assert "0.0.0.0/0 may reach tcp 22" in done.stderr
    assert "would fail" not in done.stdout
    assert "has no ID yet" in done.stdout

    gate.live()
    assert gate(steps, *LIVE).exit_code == 0


@pytest.mark.parametrize("kind", [RULE, RULE_SET])
def test_a_rule_that_never_showed_is_not_judged_by_state(gate: Gate, kind: str) -> None:
    """The state does not say whether it exists."""
    steps = [unchanged_and_never_shown(gate, kind)]

    done = gate(steps, *ADMIN)

    assert done.exit_code == 1
    assert "not judged" in done.stderr
    assert "--live" in done.stdout


def test_a_drop_that_never_showed_is_judged_by_the_group(gate: Gate) -> None:
    """It exists afterwards; whether it did before, the state does not say."""
    gate.live(Priority="2")
    drop = gate.rule(policy="drop")
    steps = [step("update", old=drop, new=drop, old_state=never_shown(drop))]

    assert gate(steps, *LIVE).exit_code == 0
    done = gate(steps, *ADMIN)
    assert done.exit_code == 1
    assert "not judged" in done.stderr


def test_replacing_an_already_deleted_rule_opens_without_a_gap(
    gate: Gate,
) -> None:
    """Its create had failed after its delete; the program was reverted since."""
    old = gate.rule()
    state = known(old, "sgr-00000001", pendingReplacement=True)
    steps = [step("replace", old=old, new=old, old_state=state)]

    done = gate(steps, *LIVE, "--fail-on", "gap")

    assert done.exit_code == 1
    assert "gap" not in done.stderr
    assert "will have 1 inbound rules" in done.stdout
    assert "0.0.0.0/0 may reach tcp 22" in done.stderr


def test_a_waiver_covers_only_its_resource(gate: Gate) -> None:
    """Two rules allow the same, and one of them is waived."""
    one, other = gate.rule(), gate.rule(priority=2)
    steps = [step("create", "one", new=one), step("create", "other", new=other)]

    assert gate(steps, *ADMIN, *gate.waive({"resource": "one"})).exit_code == 1
    both = gate.waive({"resource": "one"}, {"resource": "other"})
    assert gate(steps, *ADMIN, *both).exit_code == 0


def test_a_rule_hidden_by_a_waived_one_is_found(gate: Gate) -> None:
    """It would still allow the traffic when the waived rule is deleted."""
    one, other = gate.rule(), gate.rule(priority=2)
    rule_id = gate.live()
    steps = [
        step("same", "one", old=one, new=one, old_state=known(one, rule_id)),
        step("create", "other", new=other),
    ]

    assert gate(steps, *LIVE, *gate.waive({"resource": "one"})).exit_code == 1


def test_a_waiver_by_an_ambiguous_name_waives_nothing(gate: Gate) -> None:
    """The report says so, and either can be named by its URN."""
    elsewhere = gate.fake.new_group()
    mine = step("create", "ssh", new=gate.rule())
    theirs = step("create", "ssh", new={**gate.rule(), "security_group_id": elsewhere})
    theirs["urn"] = theirs["urn"].replace("web::", "web::my:module:Web$")
    steps = [mine, theirs]

    done = gate(steps, *ADMIN, *gate.waive({"resource": "ssh"}))

    assert done.exit_code == 1
    assert len([line for line in done.stderr.splitlines() if "tcp 22" in line]) == 2
    assert "2 resources have this name" in done.stderr
    by_urn = gate.waive({"resource": mine["urn"]}, {"resource": theirs["urn"]})
    assert gate(steps, *ADMIN, *by_urn).exit_code == 0


def test_widening_from_half_of_the_internet_is_found(gate: Gate) -> None:
    """The other half is new."""
    half, world = gate.rule(source="0.0.0.0/1"), gate.rule()

    assert gate([step("update", old=half, new=world)], *ADMIN).exit_code == 1


def test_allocated_ipv6_blocks_count_as_the_internet(gate: Gate) -> None:
    """One block for each registry, and 2001::/16."""
    blocks = ["2001::/16", "2400::/8", "2600::/7", "2800::/8", "2a00::/7", "2c00::/8"]
    steps = [
        step("create", f"ssh {block}", new=gate.rule(source=block)) for block in blocks
    ]

    assert gate(steps, *ADMIN).exit_code == 1


@pytest.mark.parametrize("live", [True, False])
@pytest.mark.parametrize("peer", [True, False])
def test_in_a_vpc_deleting_an_internet_drop_counts(
    gate: Gate, *, peer: bool, live: bool
) -> None:
    """ECS stores both rules as intranet, so deleting the drop opens the port."""
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
    assert "so it has no effect" not in done.stdout


def test_a_deleted_drop_is_not_judged_without_live_rules(gate: Gate) -> None:
    """A rule made by hand may be below it."""
    drop = gate.rule(policy="drop")

    done = gate([step("delete", "drop", old=drop)], *ADMIN)

    assert done.exit_code == 1
    assert "not judged" in done.stderr
    assert "so it has no effect" not in done.stdout


@pytest.mark.parametrize(
    ("steps", "summary", "why"),
    [
        (["create", "create"], {}, "appears twice"),
        ([], {"create": 5}, "5"),
        (["create"], {"create": 1, "delete": 2}, "delete"),
    ],
)
def test_an_incomplete_preview_exits_with_3(
    gate: Gate, steps: list[str], summary: dict[str, int], why: str
) -> None:
    """A resource twice, or steps that its summary counts and that are missing."""
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
def test_a_changed_rule_is_not_called_redundant(
    gate: Gate, old: dict[str, Any], new: dict[str, Any], *, live: bool
) -> None:
    """The report shows what it allows."""
    before, after = gate.rule(**old), gate.rule(**new)
    rule_id = gate.live(
        str(before["port_range"] if old.get("port_range") else "22/22"),
        before["source_cidr_ip"],
    )
    change = step("update", old=before, new=after, old_state=known(before, rule_id))

    done = gate([change], *(LIVE if live else ADMIN))

    assert done.exit_code == 0
    assert "so it has no effect" not in done.stdout


def replacement(gate: Gate, rule_id: str, **state: Any) -> dict[str, Any]:
    """The replacement of a rule by an identical one, as `state taint` causes it."""
    rule = gate.rule(source="10.0.0.0/8")
    return step(
        "replace",
        old=rule,
        new=rule,
        old_state=known(rule, rule_id, taint=True, **state),
    )


def test_a_forced_replacement_that_works_is_not_reported(gate: Gate) -> None:
    """The old rule is deleted first."""
    rule_id = gate.live(source="10.0.0.0/8")

    done = gate([replacement(gate, rule_id, pendingReplacement=True)], "--live")

    assert "would fail" not in done.stdout


def test_a_forced_replacement_that_will_fail_is_reported(gate: Gate) -> None:
    """The new rule is identical to the old one, which still exists."""
    rule_id = gate.live(source="10.0.0.0/8")

    done = gate([replacement(gate, rule_id)], "--live")

    assert "would fail" in done.stdout
    assert rule_id in done.stdout


def test_an_update_of_a_missing_rule_is_reported(gate: Gate) -> None:
    """The rule was deleted by hand, so the update will fail."""
    rule_id = gate.live(source="10.0.0.0/8")
    gate.fake.remove_rule(gate.group, rule_id)
    old = gate.rule(source="10.0.0.0/8")
    new = {**old, "description": "new"}
    steps = [step("update", old=old, new=new, old_state=known(old, rule_id))]

    done = gate(steps, "--live")

    assert "would fail" in done.stdout
    assert rule_id in done.stdout


def from_list(gate: Gate, list_id: str, **more: Any) -> dict[str, Any]:
    """The inputs of a rule for port 22 from a prefix list."""
    rule = {k: v for k, v in gate.rule().items() if k != "source_cidr_ip"}
    return {**rule, "source_prefix_list_id": list_id, **more}


def test_a_prefix_list_is_judged_by_its_entries(gate: Gate) -> None:
    """Where it can be read; else it is not judged."""
    offices = gate.fake.new_prefix_list("203.0.113.0/24")
    world = gate.fake.new_prefix_list("0.0.0.0/1", "128.0.0.0/1")

    assert gate([step("create", new=from_list(gate, offices))], *LIVE).exit_code == 0
    unread = gate([step("create", new=from_list(gate, offices))], *ADMIN)
    assert "not judged" in unread.stderr
    opened = gate([step("create", new=from_list(gate, world))], *LIVE)
    assert opened.exit_code == 1
    assert "not judged" not in opened.stderr


def test_a_port_list_is_judged_by_its_entries(gate: Gate) -> None:
    """As a prefix list is."""
    web = gate.fake.new_port_range_list("80/80", "443/443")
    admin = gate.fake.new_port_range_list("80/80", "20/30")

    for list_id, code in ((web, 0), (admin, 1)):
        rule = {k: v for k, v in gate.rule().items() if k != "port_range"}
        new = {**rule, "port_range_list_id": list_id}
        assert gate([step("create", new=new)], *LIVE).exit_code == code


def test_an_unreadable_list_is_not_judged(gate: Gate) -> None:
    """The report says that it cannot be read."""
    list_id = gate.fake.new_prefix_list("203.0.113.0/24")
    gate.fake.fail_next("DescribePrefixListAttributes", 403, "Forbidden.RAM")

    done = gate([step("create", new=from_list(gate, list_id))], *LIVE)

    assert done.exit_code == 1
    assert "not judged" in done.stderr
    assert f"the entries of {list_id} could not be read" in done.stderr


def list_step(list_id: str, old: list[str], new: list[str]) -> dict[str, Any]:
    """A prefix list of the stack whose blocks change."""
    before, after = (
        {"entries": [{"cidr": block, "description": ""} for block in blocks]}
        for blocks in (old, new)
    )
    return step(
        "update",
        "offices",
        old=before,
        new=after,
        kind="alicloud:ecs/ecsPrefixList:EcsPrefixList",
        old_state={"id": list_id},
    )


@pytest.mark.parametrize("live", [True, False])
def test_a_growing_prefix_list_is_judged_by_its_rules(
    gate: Gate, *, live: bool
) -> None:
    """
    Although no rule changes; groups that the preview does not name may use it too.
    """
    list_id = gate.fake.new_prefix_list("203.0.113.0/24")
    rule = from_list(gate, list_id)
    rule_id = gate.fake.add_rule(
        gate.group, IpProtocol="tcp", PortRange="22/22", SourcePrefixListId=list_id
    )
    mine = step("same", old=rule, new=rule, old_state=known(rule, rule_id))
    grows = list_step(list_id, ["203.0.113.0/24"], ["0.0.0.0/1", "128.0.0.0/1"])
    shrinks = list_step(list_id, ["203.0.113.0/24"], ["203.0.113.7"])
    options = LIVE if live else ADMIN

    done = gate([mine, grows], *options)
    assert done.exit_code == 1
    assert f"0.0.0.0/0 may reach tcp 22 of {gate.group}" in done.stderr
    assert f"each group that uses {list_id}" in done.stderr
    alone = gate([grows], *options)
    assert f"each group that uses {list_id}" in alone.stderr
    assert gate([mine, shrinks], *options).exit_code == 0


def test_group_members_and_inner_policy_are_reported_as_unjudged(
    gate: Gate,
) -> None:
    """No rule changes, but who can reach whom may."""
    policy = step(
        "update",
        "front",
        old={"innerAccessPolicy": "Drop"},
        new={"innerAccessPolicy": "Accept"},
        kind="alicloud:ecs/securityGroup:SecurityGroup",
    )
    member = step(
        "update",
        "server",
        old={"securityGroups": ["sg-1"]},
        new={"securityGroups": ["sg-1", "sg-2"]},
        kind="alicloud:ecs/instance:Instance",
    )

    done = gate([policy, member], *ADMIN)

    assert done.exit_code == 0
    assert "front: its inner access policy changes" in done.stdout
    assert "server (alicloud:ecs/instance:Instance) joins or leaves" in done.stdout
    assert "Some changes are not judged." in done.stdout


def test_a_waiver_can_name_ports_and_a_group(gate: Gate) -> None:
    """For other groups and ports it has no effect."""
    steps = [step("create", "ssh", new=gate.rule("22/3389"))]
    group, other = gate.group, gate.fake.new_group()

    def code(**waiver: Any) -> int:
        return gate(steps, *ADMIN, *gate.waive({"resource": "ssh", **waiver})).exit_code

    assert code(ports=[22, "3000/3389"], group=group) == 0
    assert code(ports=[22], group=group) == 1
    assert code(group=other) == 1
    assert code() == 0


def test_waivers_without_effect_or_end_are_reported(gate: Gate) -> None:
    """In the report and on standard error."""
    steps = [
        step("create", "ssh", new=gate.rule()),
        step("create", "web", new=gate.rule(80)),
    ]
    waivers = gate.waive(
        {"resource": "nothing"},
        {"resource": "web"},
        {"resource": "ssh", "until": "2020-01-01"},
        {"resource": "ssh", "until": "9999-12-31"},
    )

    done = gate(steps, *ADMIN, *waivers)

    for remark in (
        "the waiver for nothing matches nothing in this preview",
        "the waiver for web matches no finding of this preview",
        "the waiver for ssh ended on 2020-01-01: remove it",
        "the waiver for ssh ends on 9999-12-31, more than 90 days from today",
    ):
        assert remark in done.stderr
        assert remark in done.stdout
    far = gate(steps, *ADMIN, *waivers, "--waivers-max-days", "9999999")
    assert far.exit_code == 0
    assert "days from today" not in far.stderr


def test_a_rule_outside_the_stack_is_waived_by_id(gate: Gate) -> None:
    """Deleting a drop opens a rule that was made by hand."""
    drop_id = gate.live(Policy="drop")
    behind = gate.live(Priority="2")
    drop = gate.rule(policy="drop")
    steps = [step("delete", "drop", old=drop, old_state=known(drop, drop_id))]

    assert gate(steps, *LIVE).exit_code == 1
    assert gate(steps, *LIVE, *gate.waive({"resource": "drop"})).exit_code == 1
    assert gate(steps, *LIVE, *gate.waive({"resource": behind})).exit_code == 0


def test_a_pending_deletion_counts_as_a_deletion(gate: Gate) -> None:
    """
    An earlier run left it. It has the URN of what replaced it, and is shown with
    --show-replacement-steps.
    """
    old, new = gate.rule(policy="drop"), gate.rule(priority=2)
    drop_id, rule_id = gate.live(Policy="drop"), gate.live(Priority="2")
    steps = [
        step("same", old=new, new=new, old_state=known(new, rule_id)),
        step("delete-replaced", old=old, old_state=known(old, drop_id, delete=True)),
    ]

    done = gate(steps, *LIVE)

    assert done.exit_code == 1
    assert "0.0.0.0/0 may reach tcp 22" in done.stderr


def test_a_deletion_by_deleted_with_is_not_judged(
    gate: Gate,
) -> None:
    """The rule stays live, while the drop above it is deleted."""
    drop_id, rule_id = gate.live(Policy="drop"), gate.live(Priority="2")
    drop, rule = gate.rule(policy="drop"), gate.rule(priority=2)
    state = known(rule, rule_id, deletedWith="urn:pulumi:dev::web::a:b:C::other")
    steps = [
        step("delete", "drop", old=drop, old_state=known(drop, drop_id)),
        step("delete", "ssh", old=rule, old_state=state),
    ]

    done = gate(steps, *LIVE)

    assert done.exit_code == 1
    assert "not judged" in done.stderr


def test_a_run_that_may_fail_is_judged_at_worst(
    gate: Gate,
) -> None:
    """The drop may be missing, if another create is refused."""
    gate.live("80/80", "10.0.0.0/8")
    steps = [
        step("create", "drop", new=gate.rule(policy="drop")),
        step("create", "ssh", new=gate.rule(priority=2)),
        step("create", "web", new=gate.rule("80/80", "10.0.0.0/8")),
    ]

    assert "not judged" in gate(steps, *LIVE).stderr
    assert gate(steps[:2], *LIVE).exit_code == 0


def test_rules_of_unknown_groups_do_not_hide_each_other(gate: Gate) -> None:
    """The drop may be in another group than the rule."""
    unknown = "04da6b54-80e4-46f7-96ec-b56ff0331ba9"
    other = "urn:pulumi:dev::web::random:index/pet:Pet::groups"
    state = {"propertyDependencies": {"security_group_id": [other]}}
    place = {"security_group_id": unknown}
    steps = [
        step(
            "create", "drop", new={**gate.rule(policy="drop"), **place}, new_state=state
        ),
        step("create", "ssh", new={**gate.rule(priority=2), **place}, new_state=state),
    ]

    assert gate(steps, *LIVE).exit_code == 1


def test_two_new_groups_with_one_name_are_separate(gate: Gate) -> None:
    """They belong to different components."""
    unknown = "04da6b54-80e4-46f7-96ec-b56ff0331ba9"
    kind = "alicloud:ecs/securityGroup:SecurityGroup"

    def of(parent: str) -> dict[str, Any]:
        urn = f"urn:pulumi:dev::web::{parent}{kind}::front"
        return {"propertyDependencies": {"security_group_id": [urn]}}

    place = {"security_group_id": unknown}
    drop = {**gate.rule(policy="drop"), **place}
    rule = {**gate.rule(priority=2), **place}
    apart = [
        step("create", "drop", new=drop, new_state=of("my:m:A$")),
        step("create", "ssh", new=rule, new_state=of("my:m:B$")),
    ]
    together = [
        step("create", "drop", new=drop, new_state=of("")),
        step("create", "ssh", new=rule, new_state=of("")),
    ]

    assert gate(apart, *LIVE).exit_code == 1
    assert gate(together, *LIVE).exit_code == 0


def test_a_deleted_drop_in_a_secret_group_is_not_judged(gate: Gate) -> None:
    """The group cannot be read."""
    drop = {**gate.rule(policy="drop"), "security_group_id": "[secret]"}

    done = gate([step("delete", "drop", old=drop)], *LIVE)

    assert done.exit_code == 1
    assert "not judged" in done.stderr


def test_a_reverted_rule_in_a_secret_group_is_not_judged(gate: Gate) -> None:
    """Live rules were asked for, so the state alone does not count."""
    old = {**gate.rule(), "security_group_id": "[secret]"}
    steps = [step("update", old=old, new={**old, "description": "x"})]

    assert "not judged" in gate(steps, *LIVE).stderr
    assert gate(steps, *ADMIN).exit_code == 0


def test_a_drop_adopted_from_pulumi_alicloud_may_be_lost(gate: Gate) -> None:
    """The old resource revokes the rule last, although ours has adopted it."""
    drop_id = gate.live(Policy="drop")
    gate.live(Priority="2")
    old = {
        "type": "ingress",
        "securityGroupId": gate.group,
        "ipProtocol": "tcp",
        "portRange": "22/22",
        "cidrIp": WORLD,
        "policy": "drop",
        "priority": 1,
    }
    state = {"outputs": {**old, "securityGroupRuleId": drop_id}}
    steps = [
        step("create", "drop", new=gate.rule(policy="drop", adopt=True)),
        step("delete", "old", old=old, kind=PEER_RULE, old_state=state),
    ]

    assert gate(steps, *LIVE).exit_code == 1
    ours = step(
        "delete",
        "old",
        old=gate.rule(policy="drop"),
        old_state=known(gate.rule(policy="drop"), drop_id),
    )
    assert gate([steps[0], ours], *LIVE).exit_code == 0


@pytest.mark.parametrize("live", [True, False])
def test_a_drop_replaced_with_a_gap_may_be_lost(gate: Gate, *, live: bool) -> None:
    """If the create fails after the delete, the port stays open."""
    drop_id, rule_id = gate.live(Policy="drop"), gate.live(Priority="2")
    drop, rule = gate.rule(policy="drop"), gate.rule(priority=2)
    state = known(drop, drop_id, taint=True, pendingReplacement=True)
    steps = [
        step("replace", "drop", old=drop, new=drop, old_state=state),
        step("same", "ssh", old=rule, new=rule, old_state=known(rule, rule_id)),
    ]

    done = gate(steps, *(LIVE if live else ADMIN))

    assert done.exit_code == 1
    assert "not judged" in done.stderr


def test_a_drop_replaced_identically_by_pulumi_alicloud_is_lost(
    gate: Gate,
) -> None:
    """Its NIC type changes, which a VPC does not store."""
    drop_id, rule_id = gate.live(Policy="drop"), gate.live(Priority="2")
    old = {
        "type": "ingress",
        "securityGroupId": gate.group,
        "ipProtocol": "tcp",
        "portRange": "22/22",
        "cidrIp": WORLD,
        "policy": "drop",
        "priority": 1,
        "nicType": "internet",
    }
    state = {"outputs": {**old, "securityGroupRuleId": drop_id}}
    new = {**old, "nicType": "intranet"}
    rule = gate.rule(priority=2)
    steps = [
        step("replace", "drop", old=old, new=new, kind=PEER_RULE, old_state=state),
        step("same", "ssh", old=rule, new=rule, old_state=known(rule, rule_id)),
    ]

    assert gate(steps, *LIVE).exit_code == 1


def test_a_rule_of_an_unknown_type_is_not_judged(gate: Gate) -> None:
    """It comes from another bridge to the same cloud."""
    kind = "alicloud:index/securityGroupRule:SecurityGroupRule"

    done = gate([step("create", "ssh", new={"cidr_ip": WORLD}, kind=kind)], *ADMIN)

    assert done.exit_code == 1
    assert "not judged" in done.stderr
    assert gate([step("same", "ssh", old={}, new={}, kind=kind)], *ADMIN).exit_code == 0


@pytest.mark.parametrize("live", [True, False])
def test_a_shrinking_prefix_list_of_unseen_drops_is_not_judged(
    gate: Gate, *, live: bool
) -> None:
    """A group that the preview does not show may drop what the list contains."""
    list_id = gate.fake.new_prefix_list("0.0.0.0/1", "128.0.0.0/1")
    steps = [list_step(list_id, ["0.0.0.0/1", "128.0.0.0/1"], ["10.0.0.0/8"])]

    done = gate(steps, *(LIVE if live else ADMIN))

    assert done.exit_code == 1
    assert "not judged" in done.stderr
    assert gate(steps, *ADMIN, *gate.waive({"resource": "offices"})).exit_code == 0


@pytest.mark.parametrize("kind", ["", "-replacement"])
@pytest.mark.parametrize("live", [True, False])
def test_a_drop_to_import_may_differ_from_the_live_rule(
    gate: Gate, kind: str, *, live: bool
) -> None:
    """The import fails then, and what the program declares below it opens."""
    gate.live("23/23", Policy="drop")
    drop, below = gate.rule(policy="drop"), gate.rule(priority=2)
    old = gate.rule(80) if kind else None
    steps = [
        step(f"import{kind}", "drop", old=old, new=drop),
        step("create", "ssh", new=below),
    ]

    done = gate(steps, *(LIVE if live else ADMIN))

    assert done.exit_code == 1


def test_an_import_that_will_fail_is_reported(gate: Gate) -> None:
    """The rule exists, and its description differs."""
    rule_id = gate.live(source="10.0.0.0/8", Description="office")
    rule = gate.rule(source="10.0.0.0/8")
    steps = [step("import", "office", new=rule, new_state={"id": rule_id})]

    done = gate(steps, "--live")

    assert "would fail" in done.stdout
    assert rule_id in done.stdout


def test_an_import_of_the_live_rule_passes(gate: Gate) -> None:
    """What it drops is dropped before and afterwards."""
    gate.live(Policy="drop")
    steps = [
        step("import", "drop", new=gate.rule(policy="drop")),
        step("create", "ssh", new=gate.rule(priority=2)),
    ]

    done = gate(steps, *LIVE)

    assert done.exit_code == 0
    assert "would fail" not in done.stdout


@pytest.mark.parametrize("in_set", [False, True])
def test_an_update_of_a_pending_rule_may_open(gate: Gate, *, in_set: bool) -> None:
    """Unless it exists, the update creates it."""
    old, new = gate.rule(), gate.rule(description="x")
    steps = [step("update", old=old, new=new, old_state=never_shown(old))]
    if in_set:
        before, after = gate.set_of(old), gate.set_of(new)
        state = never_shown(before)
        steps = [step("update", old=before, new=after, kind=RULE_SET, old_state=state)]

    assert gate(steps, *ADMIN).exit_code == 1
    assert gate(steps, *LIVE).exit_code == 1
    gate.live()
    assert gate(steps, *LIVE).exit_code == 0


@pytest.mark.parametrize("op", ["update", "same"])
@pytest.mark.parametrize(
    ("identity", "in_set"),
    [("sg-1/pending/1", False), ("sgr-before", False), ("sg-1/set/1", True)],
)
def test_a_pending_drop_may_not_exist(
    gate: Gate, identity: str, op: str, *, in_set: bool
) -> None:
    """
    So it does not hold back what the change accepts below it. After an update, the
    resource ID is that of the rule before.
    """
    old = gate.rule(policy="drop")
    new = {**old, "description": "x"} if op == "update" else old
    drop = step(op, "drop", old=old, new=new, old_state=never_shown(old, identity))
    if in_set:
        before, after = gate.set_of(old), gate.set_of(new)
        state = never_shown(before)
        drop = step(op, "s", old=before, new=after, kind=RULE_SET, old_state=state)
    steps = [drop, step("create", "ssh", new=gate.rule(priority=2))]

    assert gate(steps, *ADMIN).exit_code == 1
    is_created = op == "update"
    assert gate(steps, *LIVE).exit_code == (0 if is_created else 1)
    if op == "same":
        assert gate([drop], *ADMIN).exit_code == 0


def test_secret_rules_of_a_set_may_be_ipv6(gate: Gate) -> None:
    """The port is open to the whole of IPv4 already."""
    gate.live()
    old, new = gate.set_of(), {**gate.set_of(), "rules": "[secret]"}

    done = gate([step("update", old=old, new=new, kind=RULE_SET)], *LIVE)

    assert done.exit_code == 1
    assert "::/0 might reach" in done.stderr


@pytest.mark.parametrize(
    "unknown", ["[secret]", "04da6b54-80e4-46f7-96ec-b56ff0331ba9"]
)
def test_rules_of_unknown_groups_may_be_of_one_group(gate: Gate, unknown: str) -> None:
    """Together they open the port to the internet."""
    steps = [
        step(
            "create",
            f"ssh {block}",
            new={**gate.rule(source=block), "security_group_id": unknown},
        )
        for block in ("0.0.0.0/2", "64.0.0.0/2")
    ]

    done = gate(steps, *ADMIN)

    assert done.exit_code == 1
    assert "not judged" in done.stderr
    assert gate(steps[:1], *ADMIN).exit_code == 0
    waiver = gate.waive({"resource": "ssh 0.0.0.0/2"})
    assert gate(steps, *ADMIN, *waiver).exit_code == 0


def test_pending_rules_of_unknown_groups_may_be_of_one_group(gate: Gate) -> None:
    """None of them may exist before, and together they open the port."""
    steps: list[dict[str, Any]] = []
    for block in ("0.0.0.0/2", "64.0.0.0/2"):
        rule = {**gate.rule(source=block), "security_group_id": "[secret]"}
        state = never_shown(rule)
        name = f"ssh {block}"
        steps.append(step("update", name, old=rule, new=rule, old_state=state))

    done = gate(steps, *ADMIN)

    assert done.exit_code == 1
    assert "not judged" in done.stderr


@pytest.mark.parametrize("field", ["port_range", "policy", "priority"])
def test_unknown_values_count_with_what_is_open(gate: Gate, field: str) -> None:
    """Each rule accepts a quarter of the internet."""
    there = gate.rule(source="64.0.0.0/2")
    new = gate.rule(source="0.0.0.0/2", **{field: "[secret]"})
    steps = [
        step("same", "there", old=there, new=there),
        step("create", "new", new=new),
    ]

    done = gate(steps, *ADMIN)

    assert done.exit_code == 1
    assert "not judged" in done.stderr


def test_many_unknown_values_count_at_their_worst(gate: Gate) -> None:
    """The drops may be for other ports than the rules that accept."""
    quarters = ("0.0.0.0/2", "64.0.0.0/2")
    rules = [gate.rule("[secret]", block, priority=2) for block in quarters]
    rules += [gate.rule("[secret]", policy="drop") for _ in range(3)]
    steps = [step("create", f"rule {n}", new=rule) for n, rule in enumerate(rules)]

    assert gate(steps, *ADMIN).exit_code == 1
