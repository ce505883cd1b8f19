"""
Previews that passed the gate although deploying them opens a port, or loses a rule.
"""

from __future__ import annotations

import json
from typing import Any

import pytest
from click.testing import CliRunner

from alicloud_ingress.cli.main import main
from alicloud_ingress.previews.declared import RULE_SET
from alicloud_ingress.previews.peer import PEER_RULE
from functional.gate import ADMIN, ANY, LIVE, WORLD, Gate, known
from unit.test_preview import step

SECRET = "[secret]"
UNKNOWN = "04da6b54-80e4-46f7-96ec-b56ff0331ba9"
OFFICE = "10.0.0.0/8"
UNMANAGED = ("--live", "--fail-on", "unmanaged")


def drop_goes(gate: Gate) -> dict[str, Any]:
    """The deletion of a live drop that precedes all other rules."""
    drop, drop_id = gate.rule(policy="drop"), gate.live(Policy="drop")
    return step("delete", "drop", old=drop, old_state=known(drop, drop_id))


def of_peer(gate: Gate, source: str, **more: Any) -> dict[str, Any]:
    """The inputs of a rule of pulumi-alicloud."""
    return {
        "type": "ingress",
        "securityGroupId": gate.group,
        "ipProtocol": "tcp",
        "portRange": "22/22",
        "cidrIp": source,
        "policy": "accept",
        "priority": 2,
        **more,
    }


def test_a_rule_that_an_exclusive_set_comes_to_keep_stays(gate: Gate) -> None:
    """The program names it in keep_rule_ids from now on; the drop above it goes."""
    drop_id, kept_id = gate.live(Policy="drop"), gate.live(Priority="2")
    rules = gate.set_of(gate.rule(policy="drop"), gate.rule(priority=2))
    old = {**rules, "exclusive": True}
    ids = {"tcp 0": drop_id, "tcp 1": kept_id}
    outputs = {**old, "rule_ids": ids, "foreign_rule_ids": [kept_id]}
    new = {**gate.set_of(), "exclusive": True, "keep_rule_ids": [kept_id]}
    change = step(
        "update", old=old, new=new, kind=RULE_SET, old_state={"outputs": outputs}
    )

    assert gate([change], *LIVE).exit_code == 1


def test_a_rule_that_was_only_read_stays_when_replaced(gate: Gate) -> None:
    """The program creates a rule where it used `get` before."""
    gone, rule_id = drop_goes(gate), gate.live(Priority="2")
    old, new = gate.rule(priority=2), gate.rule(80, OFFICE)
    state = known(old, rule_id, external=True)
    steps = [
        gone,
        step("create-replacement", old=old, new=new, old_state=state),
        step("replace", old=old, new=new, old_state=state),
        step("discard-replaced", old=old, old_state=state),
    ]

    assert gate(steps, *LIVE).exit_code == 1


@pytest.mark.parametrize("op", ["delete", "update"])
def test_pulumi_alicloud_may_miss_a_rule_changed_by_hand(gate: Gate, op: str) -> None:
    """It looks for what the state has, so the live rule may stay."""
    gone, rule_id = drop_goes(gate), gate.live(Priority="2")
    old = of_peer(gate, OFFICE)
    new = {**old, "description": "x"} if op == "update" else None
    state = {"outputs": {**old, "securityGroupRuleId": rule_id}}
    mine = step(op, "office", old=old, new=new, kind=PEER_RULE, old_state=state)

    done = gate([gone, mine], *LIVE)

    assert done.exit_code == 1
    assert "not judged" in done.stderr


def test_a_rule_that_another_resource_keeps_stays(gate: Gate) -> None:
    """An update of the second resource then creates a rule of its own."""
    gone, rule_id = drop_goes(gate), gate.live(Priority="2")
    rule, new = gate.rule(priority=2), gate.rule(source=OFFICE, priority=2)
    state = known(rule, rule_id)
    steps = [
        gone,
        step("same", "keeper", old=rule, new=rule, old_state=state),
        step("update", "other", old=rule, new=new, old_state=state),
    ]

    assert gate(steps, *LIVE).exit_code == 1


def test_each_two_of_many_unread_lists_are_compared(gate: Gate) -> None:
    """The drop of one list goes, and another list is accepted below it."""
    dropped, accepted, others, *more = (
        gate.fake.new_prefix_list(block) for block in (WORLD, WORLD, *[OFFICE] * 3)
    )

    def add(list_id: str, ports: str = "22/22", **fields: str) -> str:
        return gate.fake.add_rule(
            gate.group,
            IpProtocol="tcp",
            PortRange=ports,
            SourcePrefixListId=list_id,
            **fields,
        )

    drop_id = add(dropped, Policy="drop")
    add(dropped, "80/80", Policy="drop")
    add(accepted, Priority="2")
    add(others, Policy="drop")
    for each in more:
        add(each, Priority="3")
        gate.fake.fail_next("DescribePrefixListAttributes", 403, "Forbidden.RAM")
    for _ in (dropped, accepted, others):
        gate.fake.fail_next("DescribePrefixListAttributes", 403, "Forbidden.RAM")
    drop = {**gate.rule(policy="drop"), "source_prefix_list_id": dropped}
    del drop["source_cidr_ip"]
    gone = step("delete", "drop", old=drop, old_state=known(drop, drop_id))

    done = gate([gone], *LIVE)

    assert done.exit_code == 1
    assert "not judged" in done.stderr


@pytest.mark.parametrize("new", [[], SECRET])
def test_a_list_with_secret_entries_may_shrink(gate: Gate, new: object) -> None:
    """A rule of the stack drops what the list contains."""
    drop = {**gate.rule(policy="drop"), "source_prefix_list_id": "pl-1"}
    del drop["source_cidr_ip"]
    below = gate.rule(priority=2)
    change = step(
        "update",
        "offices",
        old={"entries": SECRET},
        new={"entries": new},
        kind="alicloud:ecs/ecsPrefixList:EcsPrefixList",
        old_state={"id": "pl-1"},
    )
    steps = [
        change,
        step("same", "drop", old=drop, new=drop),
        step("same", "ssh", old=below, new=below),
    ]

    assert gate(steps, *ADMIN).exit_code == 1
    assert gate([change], *ADMIN).exit_code == 1


@pytest.mark.parametrize("live", [True, False])
@pytest.mark.parametrize("needs", [0, 1])
def test_a_secret_group_may_be_one_that_is_known(
    gate: Gate, needs: int, *, live: bool
) -> None:
    """Each rule accepts a quarter of the internet."""
    rule_id, there = gate.live(source="64.0.0.0/2"), gate.rule(source="64.0.0.0/2")
    new = {**gate.rule(source="0.0.0.0/2"), "security_group_id": SECRET}
    front = "urn:pulumi:dev::web::alicloud:ecs/securityGroup:SecurityGroup::front"
    state = {"propertyDependencies": {"security_group_id": [front] * needs}}
    steps = [
        step("same", "there", old=there, new=there, old_state=known(there, rule_id)),
        step("create", "new", new=new, new_state=state),
    ]

    done = gate(steps, *(LIVE if live else ADMIN))

    assert done.exit_code == 1
    assert "not judged" in done.stderr
    assert "if a group whose ID is not known is the same" in done.stderr
    assert "Nothing is newly open" not in done.stdout


@pytest.mark.parametrize("field", ["policy", "priority"])
def test_a_waiver_does_not_cover_what_a_secret_drops(gate: Gate, field: str) -> None:
    """The waived rule goes; if it was a drop, a rule below it opens the port."""
    hidden, below = gate.rule(**{field: SECRET}), gate.rule(priority=50)
    steps = [
        step("delete", "hidden", old=hidden),
        step("same", "below", old=below, new=below),
    ]

    done = gate(steps, *ADMIN, *gate.waive({"resource": "hidden"}))

    assert done.exit_code == 1


@pytest.mark.parametrize("hides_all", [True, False])
@pytest.mark.parametrize("leaves", [True, False])
def test_a_drop_whose_id_is_secret_may_go(
    gate: Gate, *, hides_all: bool, leaves: bool
) -> None:
    """It was changed by hand, so that only its ID tells which one it is."""
    gate.live(Policy="drop", Priority="3")
    web_id, rule_id = gate.live("80/80", OFFICE), gate.live(Priority="9")
    web, below = gate.rule(80, OFFICE), gate.rule(priority=9)
    old = gate.set_of(web, gate.rule(23, policy="drop"))
    web = {**web, "description": "the web"}
    new = gate.set_of(web) if leaves else gate.set_of(web, gate.rule(23, policy="drop"))
    ids = SECRET if hides_all else {"tcp 0": web_id, "tcp 1": SECRET}
    state = {"outputs": {**old, "rule_ids": ids}}
    steps = [
        step("update", old=old, new=new, kind=RULE_SET, old_state=state),
        step("same", "below", old=below, new=below, old_state=known(below, rule_id)),
    ]

    done = gate(steps, *LIVE)

    assert done.exit_code == 1
    assert "not judged" in done.stderr
    assert web_id not in gate(steps, *UNMANAGED).stderr


@pytest.mark.parametrize("kind", ["rule", "set"])
def test_an_identical_replacement_stops_the_run(gate: Gate, kind: str) -> None:
    """It is refused, and the drop above a new rule may be missing then."""
    rule: dict[str, Any] = gate.rule(80, OFFICE)
    more: dict[str, Any] = {}
    if kind == "set":
        rule, more = gate.set_of(rule), {"kind": RULE_SET}
    forced = step("replace", "web", old=rule, new=rule, **more)
    steps = [
        step("create", "drop", new=gate.rule(policy="drop")),
        step("create", "ssh", new=gate.rule(priority=2)),
    ]

    done = gate([forced, *steps], *ADMIN)

    assert done.exit_code == 1
    assert "not judged" in done.stderr
    assert gate(steps, *ADMIN).exit_code == 0


def test_a_rule_lost_by_a_replaced_set_is_deleted(gate: Gate) -> None:
    """The other one is created again."""
    old, new = gate.set_of(gate.rule(80), gate.rule(443)), gate.set_of(gate.rule(80))
    steps = [step("replace", old=old, new=new, kind=RULE_SET)]

    done = gate(steps, "--fail-on", "delete")

    assert done.exit_code == 1
    assert done.stderr.count("is deleted") == 1
    assert "tcp 443/443" in done.stderr


def test_hidden_groups_may_have_unmanaged_rules(gate: Gate) -> None:
    """The preview shows no group, and counts resources that it does not show."""
    done = gate([], *UNMANAGED, changeSummary={"same": 5})

    assert done.exit_code == 1
    assert "--show-sames" in done.stderr
    assert gate([], *UNMANAGED).exit_code == 0


def test_a_secret_group_may_have_unmanaged_rules(gate: Gate) -> None:
    """It exists, and cannot be read."""
    rule = {**gate.rule(), "security_group_id": SECRET}

    done = gate([step("same", old=rule, new=rule)], *UNMANAGED)

    assert done.exit_code == 1
    assert "not judged" in done.stderr


@pytest.mark.parametrize(
    "odd",
    [
        {"op": [], "urn": "urn:pulumi:dev::web::alicloud:ecs/instance:Instance::a"},
        {"op": {}, "urn": "urn:pulumi:dev::web::alicloud:ecs/instance:Instance::a"},
        {"newState": {"inputs": {"security_group_id": "\ud800", "region": "a"}}},
        {"newState": {"inputs": {"security_group_id": "sg-1", "region": "\ud800"}}},
        {"urn": "ssh"},
    ],
)
def test_an_odd_preview_is_refused_in_plain_words(
    gate: Gate, odd: dict[str, Any]
) -> None:
    """An operation that is not text, and half of a character."""
    steps = [{**step("create", new=gate.rule(source=OFFICE)), **odd}]

    done = gate(steps, *LIVE)

    assert done.exit_code == 3
    assert isinstance(done.exception, SystemExit)
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("in_set", [True, False])
def test_an_update_whose_group_becomes_secret_may_change_a_drop(
    gate: Gate, *, in_set: bool
) -> None:
    """It is the same group, since another one would replace the rule."""
    drop_id, rule_id = gate.live(Policy="drop"), gate.live(Priority="2")
    below, old = gate.rule(priority=2), gate.rule(policy="drop")
    new = {**gate.rule(80, policy="drop"), "security_group_id": SECRET}
    change = step("update", "drop", old=old, new=new, old_state=known(old, drop_id))
    if in_set:
        rules, after = (
            gate.set_of(old),
            {**gate.set_of(new), "security_group_id": SECRET},
        )
        state = {"outputs": {**rules, "rule_ids": {"tcp 0": drop_id}}}
        change = step(
            "update", "drop", old=rules, new=after, kind=RULE_SET, old_state=state
        )
    steps = [
        change,
        step("same", "ssh", old=below, new=below, old_state=known(below, rule_id)),
    ]

    assert gate(steps, *LIVE).exit_code == 1


def test_a_pending_drop_may_be_missing_in_a_stopped_run(gate: Gate) -> None:
    """Two resources create one rule, and the second one is refused."""
    drop, web = gate.rule(policy="drop"), gate.rule(80, OFFICE)
    state = {
        "outputs": {**drop, "security_group_rule_id": ""},
        "id": f"{gate.group}/pending/1",
    }
    steps = [
        step("same", "drop", old=drop, new=drop, old_state=state, new_state=state),
        step("create", "ssh", new=gate.rule(priority=2)),
        step("create", "one", new=web),
        step("create", "other", new=web),
    ]

    assert gate(steps, *ADMIN).exit_code == 1


def test_a_stopped_run_may_lose_a_secret_drop(gate: Gate) -> None:
    """Two resources create one rule, and the second one is refused."""
    gate.live(Policy="drop", Priority="3")
    rule_id, below = gate.live(Priority="9"), gate.rule(priority=9)
    old, web = gate.set_of(gate.rule(23, policy="drop")), gate.rule(80, OFFICE)
    state = {"outputs": {**old, "rule_ids": SECRET}}
    steps = [
        step("update", old=old, new=gate.set_of(), kind=RULE_SET, old_state=state),
        step("same", "below", old=below, new=below, old_state=known(below, rule_id)),
        step("create", "one", new=web),
        step("create", "other", new=web),
    ]

    assert gate(steps, *LIVE).exit_code == 1


def test_a_deleted_set_keeps_rules_of_others(gate: Gate) -> None:
    """They are not called deleted."""
    old = {**gate.set_of(gate.rule(80), gate.rule(443)), "exclusive": True}
    ids = {"tcp 0": "sgr-1", "tcp 1": "sgr-2"}
    outputs = {**old, "rule_ids": ids, "foreign_rule_ids": ["sgr-2"]}
    steps = [step("delete", old=old, kind=RULE_SET, old_state={"outputs": outputs})]

    done = gate(steps, "--fail-on", "delete")

    assert "tcp 80/80" in done.stderr
    assert "tcp 443/443" not in done.stderr


def test_a_list_that_no_shown_rule_uses_is_read(gate: Gate) -> None:
    """Somebody has narrowed it since the state was written, and it is set back."""
    list_id = gate.fake.new_prefix_list(OFFICE)

    def entries(*blocks: str) -> dict[str, Any]:
        return {"entries": [{"cidr": block} for block in blocks]}

    change = step(
        "update",
        "offices",
        old=entries(WORLD),
        new=entries(WORLD, OFFICE),
        kind="alicloud:ecs/ecsPrefixList:EcsPrefixList",
        old_state={"id": list_id},
    )

    assert gate([change], *LIVE, "--region", "cn-hangzhou").exit_code == 1
    elsewhere = gate([change], *LIVE, "--region", "cn-beijing")
    assert elsewhere.exit_code == 0


@pytest.mark.parametrize("live", [True, False])
def test_a_rule_that_is_read_in_place_of_another_exists(
    gate: Gate, *, live: bool
) -> None:
    """The program uses `get` where it declared a rule before, which is deleted."""
    old_id, new_id = gate.live("80/80", OFFICE), gate.live()
    old, new = gate.rule(80, OFFICE), gate.rule()
    states: dict[str, Any] = {
        "old_state": known(old, old_id),
        "new_state": {"id": new_id, "external": True},
    }
    steps = [
        step("read-replacement", old=old, new=new, **states),
        step("replace", old=old, new=new, **states),
        step("delete-replaced", old=old, old_state=known(old, old_id)),
    ]

    done = gate(steps, *(LIVE if live else ADMIN), "--fail-on", "delete")

    assert "may reach" not in done.stderr
    assert "would fail" not in done.stdout
    assert "tcp 80/80" in done.stderr


def test_a_rule_replaced_by_an_earlier_run_is_another_resource(gate: Gate) -> None:
    """It was only read, so nothing is deleted."""
    drop_id, rule_id = gate.live(Policy="drop"), gate.live(Priority="2")
    drop, rule = gate.rule(policy="drop"), gate.rule(priority=2)
    state = known(drop, drop_id, external=True, delete=True)
    steps = [
        step("same", old=rule, new=rule, old_state=known(rule, rule_id)),
        step("discard-replaced", old=drop, old_state=state),
    ]

    assert gate(steps, *LIVE).exit_code == 0


def test_a_number_above_all_protocols_is_not_judged(gate: Gate) -> None:
    """Its zeros do not make it one."""
    done = gate([step("create", new=gate.rule(ip_protocol="0000255555"))], *ADMIN)

    assert done.exit_code == 1


def test_many_unread_lists_are_judged_soon(gate: Gate) -> None:
    """The combinations of forty sets would never be counted to the end."""
    rules = [{**gate.rule(), "source_prefix_list_id": f"pl-{n}"} for n in range(40)]
    steps: list[dict[str, Any]] = []
    for number, rule in enumerate(rules):
        del rule["source_cidr_ip"]
        steps.append(step("same", f"rule {number}", old=rule, new=rule))
    steps[0] = step("create", "rule 0", new=rules[0])

    assert gate(steps, *ADMIN).exit_code == 1


@pytest.mark.parametrize("live", [True, False])
@pytest.mark.parametrize("change", ["renamed", "forced", "kept", "left", "changed"])
def test_a_drop_of_pulumi_alicloud_and_another_is_lost(
    gate: Gate, change: str, *, live: bool
) -> None:
    """It revokes by attributes, also what it or another resource has just created."""
    drop_id, below_id = "sgr-1", "sgr-2"
    if live:
        drop_id, below_id = gate.live(Policy="drop"), gate.live(Priority="2")
    theirs = of_peer(gate, WORLD, policy="drop", priority=1)
    ours, below = gate.rule(policy="drop"), gate.rule(priority=2)
    state = {"outputs": {**theirs, "securityGroupRuleId": drop_id}}
    peer: dict[str, Any] = {"kind": PEER_RULE, "old": theirs, "old_state": state}
    mine: dict[str, Any] = {"old": ours, "old_state": known(ours, drop_id)}
    steps = {
        "renamed": [
            step("create", "new", new=theirs, kind=PEER_RULE),
            step("delete", "old", **peer),
        ],
        "forced": [step("replace", "drop", new=theirs, **peer)],
        "kept": [
            step("same", "mine", new=ours, **mine),
            step("delete", "theirs", **peer),
        ],
        "left": [
            step("same", "theirs", new=theirs, **peer),
            step("delete", "mine", **mine),
        ],
        "changed": [
            step("same", "theirs", new=theirs, **peer),
            step("update", "mine", new={**ours, "port_range": 80}, **mine),
        ],
    }[change]
    ssh = step("same", "ssh", old=below, new=below, old_state=known(below, below_id))

    assert gate([*steps, ssh], *(LIVE if live else ADMIN)).exit_code == 1


@pytest.mark.parametrize("peer", [True, False])
def test_a_rule_of_another_type_is_known_by_its_arguments(
    gate: Gate, *, peer: bool
) -> None:
    """A class that a program derives, or a provider under another name."""
    new = of_peer(gate, WORLD) if peer else gate.rule()
    kind = "mine:index:Door" if peer else "pulumi-python:dynamic:Resource"

    done = gate([step("create", new=new, kind=kind)], *ADMIN)

    assert done.exit_code == 1
    assert "not judged" in done.stderr
    same = step("same", old=new, new=new, kind=kind)
    assert gate([same], *ADMIN).exit_code == 0


def test_a_rule_that_a_target_leaves_out_does_not_exist(gate: Gate) -> None:
    """The engine writes a step for it that has neither ID nor arguments."""
    drop_id, drop = gate.live("80/80", Policy="drop"), gate.rule(80, policy="drop")
    left = {"custom": True}
    skipped = step("same", "later", old_state=left, new_state=left, old={}, new={})
    gone = step("delete", "drop", old=drop, old_state=known(drop, drop_id))

    assert gate([skipped], *UNMANAGED).exit_code == 0
    assert gate([skipped, gone], "--live", *ANY).exit_code == 0
    ssh = step("create", "ssh", new=gate.rule())
    others = {**skipped, "oldState": {**left, "inputs": gate.rule(priority=2)}}
    assert gate([others, ssh], *ADMIN).exit_code == 1


@pytest.mark.parametrize("live", [True, False])
def test_a_rule_that_is_imported_in_place_of_another_exists(
    gate: Gate, *, live: bool
) -> None:
    """The program names the ID of another rule to import."""
    old_id, new_id = gate.live("80/80", OFFICE), gate.live()
    old, new = gate.rule(80, OFFICE), gate.rule()
    states: dict[str, Any] = {
        "old_state": known(old, old_id),
        "new_state": {"id": new_id},
    }
    steps = [
        step("import-replacement", new=new, new_state=states["new_state"]),
        step("replace", old=old, new=new, **states),
        step("delete-replaced", old=old, old_state=known(old, old_id)),
    ]

    done = gate(steps, *(LIVE if live else ADMIN), "--fail-on", "delete")

    assert "reach" not in done.stderr
    assert "would fail" not in done.stdout
    assert "tcp 80/80" in done.stderr
    assert done.exit_code == 1


@pytest.mark.parametrize("readable", [True, False])
def test_a_list_named_in_another_region_keeps_its_content(
    gate: Gate, *, readable: bool
) -> None:
    """There it does not exist, which says nothing about its content."""
    elsewhere = gate.fake.new_group(region="cn-beijing")
    opens = {**gate.rule(), "source_prefix_list_id": gate.fake.new_prefix_list(WORLD)}
    del opens["source_cidr_ip"]
    place = {"security_group_id": elsewhere, "region": "cn-beijing"}
    steps = [
        step("create", "opens", new=opens),
        step("delete", "misplaced", old={**opens, **place}),
    ]
    if not readable:
        gate.fake.fail_next("DescribePrefixListAttributes", 403, "Forbidden.RAM")

    done = gate(steps, *LIVE)

    assert done.exit_code == 1
    assert ("not judged" in done.stderr) is not readable


def test_the_preview_of_an_empty_stack_is_whole(gate: Gate) -> None:
    """The engine leaves out an empty list of steps, and a summary that counts none."""

    def judged(document: dict[str, Any]) -> int:
        gate.preview.write_text(json.dumps(document))
        return CliRunner().invoke(main, ["preview-report", str(gate.preview)]).exit_code

    assert judged({"duration": 679944}) == 0
    assert judged({"duration": 679944, "changeSummary": {"create": 1}}) == 3
    assert judged({"duration": 679944, "steps": None}) == 3
    assert judged({}) == 3


@pytest.mark.parametrize("op", ["update", "delete"])
@pytest.mark.parametrize("hidden", [SECRET, [SECRET]])
def test_a_set_that_hides_foreign_rules_may_keep_any(
    gate: Gate, hidden: object, op: str
) -> None:
    """The drop above goes; the accepting rule is of somebody else, and stays."""
    ids = {"tcp 0": gate.live(Policy="drop"), "tcp 1": gate.live(Priority="2")}
    rules = gate.set_of(gate.rule(policy="drop"), gate.rule(priority=2))
    outputs = {**rules, "rule_ids": ids, "foreign_rule_ids": hidden}
    new = gate.set_of() if op == "update" else None
    change = step(op, old=rules, new=new, kind=RULE_SET, old_state={"outputs": outputs})

    done = gate([change], *LIVE)

    assert done.exit_code == 1
    assert "not judged" in done.stderr


def test_a_finding_names_the_rule_that_a_waiver_must_name(gate: Gate) -> None:
    """A drop goes; what it held back is in no stack, and has an ID only."""
    held_id = gate.live(Priority="50")

    done = gate([drop_goes(gate)], *LIVE)

    assert f"({held_id})" in done.stderr
    assert f"`{held_id}`" in done.stdout.split("####")[1]
    waived = gate([drop_goes(gate)], *LIVE, *gate.waive({"resource": held_id}))
    assert waived.exit_code == 0


def test_a_group_is_read_in_the_region_of_its_provider(gate: Gate) -> None:
    """A rule of pulumi-alicloud has no region of its own."""
    elsewhere = gate.fake.new_group(region="cn-beijing")
    gate.live(group=elsewhere)
    beijing = "urn:pulumi:dev::web::pulumi:providers:alicloud::beijing"
    state = {"inputs": {"region": "cn-beijing"}, "id": "1"}
    provider = {"op": "same", "urn": beijing, "oldState": state, "newState": state}
    new = {**of_peer(gate, WORLD), "securityGroupId": elsewhere}
    rule = step("create", new=new, kind=PEER_RULE, provider=f"{beijing}::1")
    here = step("create", "here", new=of_peer(gate, OFFICE), kind=PEER_RULE)

    default = (*LIVE, "--region", "cn-hangzhou")

    done = gate([provider, here, rule], *default)

    assert done.exit_code == 0, done.stderr
    assert gate([here, rule], *default).exit_code == 3


def test_a_deletion_without_its_rule_is_not_whole(gate: Gate) -> None:
    """What an earlier run replaced, as much as anything else."""
    for op in ("delete", "delete-replaced", "discard-replaced"):
        assert gate([step(op)], *ADMIN).exit_code == 3


def test_a_changed_list_without_its_state_is_not_whole(gate: Gate) -> None:
    """Its ID is what the rules name."""
    kind = "alicloud:ecs/ecsPrefixList:EcsPrefixList"
    change = step("update", new={"entries": [{"cidr": WORLD}]}, kind=kind)

    assert gate([change], *ADMIN).exit_code == 3


@pytest.mark.parametrize("live", [True, False])
@pytest.mark.parametrize("group_goes", [True, False])
def test_a_drop_that_goes_with_its_group_holds_until_then(
    gate: Gate, *, live: bool, group_goes: bool
) -> None:
    """The engine deletes no rule whose group it deletes, be it a drop or not."""
    ids = gate.live(Policy="drop"), gate.live(Priority="2")
    kind = "alicloud:ecs/securityGroup:SecurityGroup"
    group = step("delete", "front", old={"vpcId": "vpc-1"}, kind=kind)
    olds = gate.rule(policy="drop"), gate.rule(priority=2)
    steps = [
        step(
            "delete",
            name,
            old=old,
            old_state=known(old, rule_id, deletedWith=group["urn"]),
        )
        for name, old, rule_id in zip(("drop", "ssh"), olds, ids, strict=True)
    ]
    asked = LIVE if live else ADMIN

    done = gate([*steps, group] if group_goes else steps, *asked)

    assert done.exit_code == (0 if group_goes else 1)
    assert gate([*steps, group], "--fail-on", "delete").stderr.count("deleted") == 2
    drop = step("delete", "drop", old=olds[0], old_state=known(olds[0], ids[0]))
    assert gate([drop, steps[1], group], *asked).exit_code == 1


@pytest.mark.parametrize("live", [True, False])
def test_a_drop_changed_with_a_gap_may_be_lost(gate: Gate, *, live: bool) -> None:
    """If the create fails after the delete, the port stays open."""
    drop_id, rule_id = gate.live(Policy="drop"), gate.live(Priority="2")
    drop, rule = gate.rule(policy="drop"), gate.rule(priority=2)
    new = gate.rule("20/30", policy="drop")
    old: dict[str, Any] = {"old": drop, "old_state": known(drop, drop_id)}
    same = step("same", "below", old=rule, new=rule, old_state=known(rule, rule_id))
    gap = [
        step("delete-replaced", **old),
        step("replace", new=new, **old),
        step("create-replacement", new=new, **old),
    ]
    asked = LIVE if live else ADMIN

    done = gate([*gap, same], *asked)

    assert done.exit_code == 1
    assert "not judged" in done.stderr
    assert gate([*gap[::-1], same], *asked).exit_code == 0


@pytest.mark.parametrize("live", [True, False])
def test_a_drop_that_an_unfinished_update_left_goes(gate: Gate, *, live: bool) -> None:
    """The program wants it no more; only the outputs of its set name it."""
    web_id = gate.live("80/80", OFFICE)
    drop_id, rule_id = gate.live(Policy="drop"), gate.live(Priority="2")
    web, below = gate.rule(80, OFFICE), gate.rule(priority=2)
    left = gate.set_of(web, gate.rule(policy="drop"))
    wanted = gate.set_of(web)
    outputs = {**left, "rule_ids": {"tcp 0": web_id, "tcp 1": drop_id}}
    state = {"outputs": outputs, "initErrors": ["1 rule could not be revoked"]}
    steps = [
        step("update", old=wanted, new=wanted, kind=RULE_SET, old_state=state),
        step("same", "below", old=below, new=below, old_state=known(below, rule_id)),
    ]

    assert gate(steps, *(LIVE if live else ADMIN)).exit_code == 1
    assert "tcp 22/22" in gate(steps, "--fail-on", "delete").stderr


@pytest.mark.parametrize("live", [True, False])
@pytest.mark.parametrize("kept", ["as it is", "described", "in a set"])
def test_a_drop_of_two_resources_may_go_with_either(
    gate: Gate, kept: str, *, live: bool
) -> None:
    """With --target, and without marks of owners, the other one is not asked."""
    drop_id, below_id = "sgr-1", "sgr-2"
    if live:
        drop_id, below_id = gate.live(Policy="drop"), gate.live(Priority="2")
    drop, below = gate.rule(policy="drop"), gate.rule(priority=2)
    state = known(drop, drop_id)
    keeper = step("same", "one", old=drop, new=drop, old_state=state)
    if kept == "described":
        new = {**drop, "description": "no entry"}
        keeper = step("update", "one", old=drop, new=new, old_state=state)
    if kept == "in a set":
        rules = gate.set_of(drop)
        outputs = {**rules, "rule_ids": {"tcp 0": drop_id}}
        of_set: dict[str, Any] = {"kind": RULE_SET, "old_state": {"outputs": outputs}}
        keeper = step("same", "one", old=rules, new=rules, **of_set)
    steps = [
        keeper,
        step("delete", "other", old=drop, old_state=state),
        step("same", "ssh", old=below, new=below, old_state=known(below, below_id)),
    ]

    done = gate(steps, *(LIVE if live else ADMIN))

    assert done.exit_code == 1
    assert "not judged" in done.stderr


@pytest.mark.parametrize("op", ["create", "replace", "update", "same"])
def test_a_group_that_exists_may_be_one_that_is_known(gate: Gate, op: str) -> None:
    """The rule asks for a group by a value of another; each accepts a quarter."""
    there = gate.rule(source="64.0.0.0/2")
    kind = "alicloud:ecs/securityGroup:SecurityGroup"
    old = None if op == "create" else {"vpcId": "vpc-1"}
    front = step(op, "front", old=old, new={"vpcId": "vpc-1"}, kind=kind)
    new = {
        **gate.rule(source="0.0.0.0/2"),
        "security_group_id": UNKNOWN,
    }
    state = {"propertyDependencies": {"security_group_id": [front["urn"]]}}
    steps = [
        step("same", "there", old=there, new=there),
        front,
        step("create", "new", new=new, new_state=state),
    ]

    done = gate(steps, *ADMIN)

    assert done.exit_code == (0 if op in ("create", "replace") else 1)


@pytest.mark.parametrize("gap", [True, False])
def test_a_rule_that_pulumi_alicloud_loses_is_deleted(gate: Gate, *, gap: bool) -> None:
    """It creates an identical one, and then revokes both by their attributes."""
    rule = of_peer(gate, OFFICE)
    ops = ["create-replacement", "replace", "delete-replaced"]
    steps = [
        step(op, "office", old=rule, new={**rule, "description": "x"}, kind=PEER_RULE)
        for op in (reversed(ops) if gap else ops)
    ]

    done = gate(steps, "--fail-on", "delete")

    assert done.exit_code == (0 if gap else 1)


@pytest.mark.parametrize("live", [True, False])
@pytest.mark.parametrize("keeper", ["same", "update"])
def test_adopting_what_another_resource_keeps_stops_the_run(
    gate: Gate, keeper: str, *, live: bool
) -> None:
    """It is refused, and the drop above a new rule may be missing then."""
    web_id, web = gate.live("80/80", OFFICE), gate.rule(80, OFFICE)
    described = {**web, "description": "the web"} if keeper == "update" else web
    drop = step("create", "drop", new=gate.rule(policy="drop"))
    ssh = step("create", "ssh", new=gate.rule(priority=2))
    kept = step(keeper, "web", old=web, new=described, old_state=known(web, web_id))
    steps = [drop, kept, step("create", "again", new={**web, "adopt": True}), ssh]
    asked = LIVE if live else ADMIN

    done = gate(steps, *asked)

    assert done.exit_code == 1
    assert "not judged" in done.stderr
    assert gate([drop, kept, ssh], *asked).exit_code == 0


def test_a_refresh_of_a_replaced_rule_is_of_another_resource(gate: Gate) -> None:
    """An earlier run replaced it; both are refreshed, and one of them is deleted."""
    drop_id, rule_id = gate.live(Policy="drop"), gate.live(Priority="2")
    drop, rule = gate.rule(policy="drop"), gate.rule(priority=2)
    state, old = known(rule, rule_id), known(drop, drop_id, delete=True)
    steps = [
        step("refresh", old=rule, new=rule, old_state=state, new_state=state),
        step("refresh", old=drop, new=drop, old_state=old, new_state=old),
        step("same", old=rule, new=rule, old_state=state),
        step("delete-replaced", old=drop, old_state=old),
    ]

    assert gate(steps, *LIVE).exit_code == 1
    assert gate(steps[:3], *LIVE).exit_code == 1
    assert gate(steps, "--fail-on", "delete").stderr.count("is deleted") == 1
    kept = {**old, "retainOnDelete": True}
    steps[1], steps[3] = (
        step("refresh", old=drop, new=drop, old_state=kept, new_state=kept),
        step("delete-replaced", old=drop, old_state=kept),
    )
    assert gate(steps, *LIVE).exit_code == 0


def test_two_new_groups_are_not_the_same(gate: Gate) -> None:
    """Each has a drop above what it accepts."""
    kind = "alicloud:ecs/securityGroup:SecurityGroup"
    steps: list[dict[str, Any]] = []
    for name in ("front", "back"):
        group = step("create", name, new={"vpcId": "vpc-1"}, kind=kind)
        state = {"propertyDependencies": {"security_group_id": [group["urn"]]}}
        place = {"security_group_id": UNKNOWN}
        drop = {**gate.rule("20/4000", policy="drop"), **place}
        web = {**gate.rule("1/65535", priority=2), **place}
        steps += [
            group,
            step("create", f"{name} drop", new=drop, new_state=state),
            step("create", f"{name} web", new=web, new_state=state),
        ]

    assert gate(steps, *ADMIN).exit_code == 0
    front, _, opens, *_ = steps
    assert gate([front, opens], *ADMIN).exit_code == 1
    elsewhere = {**gate.rule(policy="drop"), "security_group_id": SECRET}
    some = step("create", "elsewhere", new=elsewhere)
    assert gate([*steps, some], *ADMIN).exit_code == 0
    assert gate([front, opens, some], *ADMIN).exit_code == 1


@pytest.mark.parametrize("last", ["mine", "theirs"])
def test_a_list_that_two_resources_change_is_not_judged(gate: Gate, last: str) -> None:
    """Which of the two is deployed last is not known."""
    rule = {**gate.rule(), "source_prefix_list_id": "pl-1"}
    del rule["source_cidr_ip"]
    steps = [step("same", old=rule, new=rule)]
    names = ("theirs", "mine") if last == "mine" else ("mine", "theirs")
    for name in names:
        block = WORLD if name == "theirs" else "10.0.0.0/9"
        steps.append(
            step(
                "update",
                name,
                old={"entries": [{"cidr": OFFICE}]},
                new={"entries": [{"cidr": block}]},
                kind="alicloud:ecs/ecsPrefixList:EcsPrefixList",
                old_state={"id": "pl-1"},
            )
        )

    assert gate(steps, *ADMIN).exit_code == 1


@pytest.mark.parametrize("mark", [SECRET, UNKNOWN])
def test_a_secret_exclusive_may_be_false(gate: Gate, mark: str) -> None:
    """Then it keeps what a refresh added, and the drop above that goes."""
    drop_id, foreign_id = gate.live(Policy="drop"), gate.live(Priority="2")
    rules = gate.set_of(gate.rule(policy="drop"), gate.rule(priority=2))
    ids = {"tcp 0": drop_id, "tcp 1": foreign_id}
    old = {**rules, "exclusive": True}
    outputs = {**old, "rule_ids": ids, "foreign_rule_ids": [foreign_id]}
    new = {**gate.set_of(), "exclusive": mark}
    change = step(
        "update", old=old, new=new, kind=RULE_SET, old_state={"outputs": outputs}
    )

    assert gate([change], *LIVE).exit_code == 1


@pytest.mark.parametrize("mark", [SECRET, UNKNOWN])
def test_a_secret_adopt_may_be_false(gate: Gate, mark: str) -> None:
    """Then the run stops at a rule that exists, before it creates the drop."""
    gate.live("80/80", OFFICE)
    steps = [
        step("create", "web", new=gate.rule(80, OFFICE, adopt=mark)),
        step("create", "drop", new=gate.rule(policy="drop")),
        step("create", "ssh", new=gate.rule(priority=2)),
    ]

    done = gate(steps, *LIVE)

    assert done.exit_code == 1
    assert "not judged" in done.stderr
    steps[0] = step("create", "web", new=gate.rule(80, OFFICE, adopt=True))
    assert gate(steps, *LIVE).exit_code == 0


def test_a_create_of_a_leaving_rule_may_stop_the_run(gate: Gate) -> None:
    """It fails if the other resource still has the rule, before the drop is created."""
    rule_id = gate.live("80/80", OFFICE)
    web, other = gate.rule(80, OFFICE), gate.rule(81, OFFICE)
    state = {"outputs": {**web, "security_group_rule_id": rule_id}}
    steps = [
        step("create", "new", new=web),
        step("update", "web", old=web, new=other, old_state=state),
        step("create", "drop", new=gate.rule(policy="drop")),
        step("create", "ssh", new=gate.rule(priority=2)),
    ]

    assert gate(steps, *LIVE).exit_code == 1
    assert gate(steps[1:], *LIVE).exit_code == 0


PREFIX_LIST = "alicloud:ecs/ecsPrefixList:EcsPrefixList"


@pytest.mark.parametrize("live", [True, False])
@pytest.mark.parametrize("kind", ["rule", "set", "peer"])
@pytest.mark.parametrize(
    ("block", "exits", "words"),
    [(OFFICE, 0, ""), (WORLD, 1, "may reach"), (UNKNOWN, 1, "might reach")],
)
def test_a_list_is_judged_before_it_exists(  # noqa: PLR0913
    gate: Gate, block: str, exits: int, words: str, kind: str, *, live: bool
) -> None:
    """A rule that the same preview creates uses it."""
    entries = {"entries": [{"cidr": block}]}
    offices = step("create", "offices", new=entries, kind=PREFIX_LIST)
    rule = {**gate.rule(), "source_prefix_list_id": UNKNOWN}
    del rule["source_cidr_ip"]
    theirs = of_peer(gate, "", prefixListId=UNKNOWN)
    rules: dict[str, tuple[str, dict[str, Any]]] = {
        "rule": ("source_prefix_list_id", {"new": rule}),
        "set": ("rules", {"new": gate.set_of(rule), "kind": RULE_SET}),
        "peer": ("prefixListId", {"new": theirs, "kind": PEER_RULE}),
    }
    argument, more = rules[kind]
    state = {"propertyDependencies": {argument: [offices["urn"]]}}
    ssh = step("create", "ssh", **more, new_state=state)

    where = (*LIVE, "--region", "cn-hangzhou") if live else ADMIN
    done = gate([offices, ssh], *where)

    assert done.exit_code == exits
    assert words in done.stderr
    changed = {**offices, "op": "update", "oldState": offices["newState"]}
    assert gate([changed, ssh], *ADMIN).exit_code == 1
    assert gate([ssh], *ADMIN).exit_code == 1


def test_a_list_replaced_by_the_world_is_found(gate: Gate) -> None:
    """Its ID is not known, but what it will contain is."""
    old, new = ({"entries": [{"cidr": block}]} for block in (OFFICE, WORLD))
    replaced = step(
        "replace", "offices", old=old, new=new, kind=PREFIX_LIST,
        old_state={"id": "pl-1"},
    )  # fmt: skip
    before = {**gate.rule(), "source_prefix_list_id": "pl-1"}
    del before["source_cidr_ip"]
    after = {**before, "source_prefix_list_id": UNKNOWN}
    state = {"propertyDependencies": {"source_prefix_list_id": [replaced["urn"]]}}
    steps = [replaced, step("update", old=before, new=after, new_state=state)]

    assert "may reach" in gate(steps, *ADMIN).stderr
    steps[0]["newState"]["inputs"] = old
    assert gate(steps, *ADMIN).exit_code == 0


def test_pulumi_alicloud_may_create_what_an_update_moves_away(gate: Gate) -> None:
    """It meets the drop and adds none; then the drop becomes another rule."""
    drop_id, below_id = gate.live(Policy="drop"), gate.live(Priority="2")
    drop, below = gate.rule(policy="drop"), gate.rule(priority=2)
    moved = gate.rule(80, policy="drop")
    theirs = of_peer(gate, WORLD, policy="drop", priority=1)
    steps = [
        step("same", "below", old=below, new=below, old_state=known(below, below_id)),
        step("update", "drop", old=drop, new=moved, old_state=known(drop, drop_id)),
        step("create", "theirs", new=theirs, kind=PEER_RULE),
    ]

    done = gate(steps, *LIVE)

    assert done.exit_code == 1
    assert "not judged" in done.stderr
    assert gate(steps, *ADMIN).exit_code == 1


@pytest.mark.parametrize("live", [True, False])
@pytest.mark.parametrize("op", ["create", "update"])
@pytest.mark.parametrize(("mine", "theirs"), [("a", "b"), ("b", "a")])
def test_a_rule_that_pulumi_alicloud_creates_too_may_be_refused(
    gate: Gate, mine: str, theirs: str, op: str, *, live: bool
) -> None:
    """Whichever name is first; then the drop above a new rule may be missing."""
    other = of_peer(gate, OFFICE, portRange="80/80", priority=1)
    old, rule_id = gate.rule(81, OFFICE), gate.live("81/81", OFFICE)
    before: dict[str, Any] = {"old": old, "old_state": known(old, rule_id)}
    if op == "create":
        before = {}
    steps = [
        step(op, mine, new=gate.rule(80, OFFICE), **before),
        step("create", theirs, new=other, kind=PEER_RULE),
        step("create", "drop", new=gate.rule(policy="drop")),
        step("create", "ssh", new=gate.rule(priority=2)),
    ]

    done = gate(steps, *(LIVE if live else ADMIN))

    assert done.exit_code == 1
    assert "not judged" in done.stderr


@pytest.mark.parametrize("op", ["replace", "create", "gap"])
def test_pulumi_alicloud_revokes_what_is_created_like_a_missing_rule(
    gate: Gate, op: str
) -> None:
    """The drop of its state was deleted by hand, and comes and goes in this run."""
    drop = of_peer(gate, WORLD, policy="drop", priority=1)
    old: dict[str, Any] = {"old": drop, "old_state": {"outputs": drop}}
    web = of_peer(gate, OFFICE, portRange="80/80")
    steps = {
        "replace": [step("replace", "drop", new=drop, kind=PEER_RULE, **old)],
        "create": [
            step("delete", "theirs", kind=PEER_RULE, **old),
            step("create", "ours", new=gate.rule(policy="drop")),
        ],
        "gap": [
            step("delete-replaced", "theirs", kind=PEER_RULE, **old),
            step("replace", "theirs", new=web, kind=PEER_RULE, **old),
            step("create-replacement", "theirs", new=web, kind=PEER_RULE, **old),
            step("create", "ours", new=gate.rule(policy="drop")),
        ],
    }[op]
    ssh = step("create", "ssh", new=gate.rule(priority=2))

    assert gate([ssh, *steps], *LIVE, "--region", "cn-hangzhou").exit_code == 1


def test_a_waiver_by_name_is_void_while_resources_are_hidden(gate: Gate) -> None:
    """An unchanged resource that the preview omits may be the one that it means."""
    ssh = step("create", "ssh", new=gate.rule())
    summary = {"create": 1, "same": 2}

    done = gate([ssh], *ADMIN, *gate.waive({"resource": "ssh"}), changeSummary=summary)

    assert done.exit_code == 1
    assert "2 resources are not shown" in done.stderr
    by_urn = gate.waive({"resource": ssh["urn"]})
    assert gate([ssh], *ADMIN, *by_urn, changeSummary=summary).exit_code == 0


def test_a_waiver_by_rule_id_names_no_resource(gate: Gate) -> None:
    """A pull request may give its resource the ID of a rule that is waived."""
    rule_id = gate.live("80/80", OFFICE)
    ssh = step("create", rule_id, new=gate.rule())
    waived = gate.waive({"resource": rule_id})

    assert gate([ssh], *LIVE, *waived).exit_code == 1
    assert gate([ssh], *ADMIN, *waived).exit_code == 1


HALVES = ("0.0.0.0/2", "64.0.0.0/2")


def list_update(list_id: str, old: list[str], new: list[str]) -> dict[str, Any]:
    """The update of a prefix list of the stack."""
    before, after = (
        {"entries": [{"cidr": block} for block in blocks]} for blocks in (old, new)
    )
    state = {"id": list_id}
    kind = "alicloud:ecs/ecsPrefixList:EcsPrefixList"
    return step("update", "list", old=before, new=after, kind=kind, old_state=state)


def test_an_update_of_a_list_keeps_blocks_of_others(gate: Gate) -> None:
    """One was added in the console: with a new one it makes half of the internet."""
    list_id = gate.fake.new_prefix_list(OFFICE, HALVES[1])
    ssh = {**gate.rule(), "source_prefix_list_id": list_id}
    del ssh["source_cidr_ip"]
    rule_id = gate.fake.add_rule(
        gate.group, IpProtocol="tcp", PortRange="22/22", SourcePrefixListId=list_id
    )
    steps = [
        step("same", "ssh", old=ssh, new=ssh, old_state=known(ssh, rule_id)),
        list_update(list_id, [OFFICE], [OFFICE, HALVES[0]]),
    ]

    done = gate(steps, *LIVE)

    assert done.exit_code == 1
    assert f"0.0.0.0/0 may reach tcp 22 of {gate.group}" in done.stderr
    assert f"`{HALVES[1]}` may no longer reach" not in done.stdout


def test_an_update_of_a_list_may_add_no_block(gate: Gate) -> None:
    """One was removed in the console, so the list may no longer drop all of a rule."""
    list_id = gate.fake.new_prefix_list(OFFICE)
    drop = {**gate.rule(policy="drop"), "source_prefix_list_id": list_id}
    del drop["source_cidr_ip"]
    drop_id = gate.fake.add_rule(
        gate.group,
        IpProtocol="tcp",
        PortRange="22/22",
        SourcePrefixListId=list_id,
        Policy="drop",
    )
    steps = [
        step("same", "drop", old=drop, new=drop, old_state=known(drop, drop_id)),
        step("create", "ssh", new=gate.rule(priority=2)),
        list_update(list_id, [OFFICE, WORLD], [OFFICE, WORLD, "192.0.2.0/24"]),
    ]

    done = gate(steps, *LIVE)

    assert done.exit_code == 1
    assert f"0.0.0.0/0 may reach tcp 22 of {gate.group}" in done.stderr


@pytest.mark.parametrize("op", ["update", "replace"])
def test_a_change_without_details_may_change_a_secret(gate: Gate, op: str) -> None:
    """A provider says that something differs, and not what."""
    secret = gate.rule(source=SECRET)

    done = gate([step(op, old=secret, new=secret, detailedDiff={})], *ADMIN)

    assert done.exit_code == 1
    assert "not judged" in done.stderr
