"""
What is read from a preview of the engine, whatever it omits.
"""

from __future__ import annotations

import json
import time
from typing import Any

import pytest

from alicloud_ingress.previews.declared import RULE, RULE_SET
from alicloud_ingress.previews.notation import SECRET_SIGNATURE
from alicloud_ingress.previews.peer import PEER_RULE
from alicloud_ingress.previews.preview import Preview, PreviewError, read_preview
from alicloud_ingress.previews.steps import Step

UNKNOWN = "04da6b54-80e4-46f7-96ec-b56ff0331ba9"
SSH = {
    "security_group_id": "sg-1",
    "region": "cn-hangzhou",
    "ip_protocol": "tcp",
    "port_range": 22,
    "source_cidr_ip": "10.0.0.0/8",
}
HTTPS = {"ip_protocol": "tcp", "port_range": 443, "source_cidr_ip": "0.0.0.0/0"}
PEER_SSH = {
    "type": "ingress",
    "securityGroupId": "sg-1",
    "ipProtocol": "tcp",
    "portRange": "22/22",
    "cidrIp": "10.0.0.0/8",
}


def step(
    op: str,
    name: str = "ssh",
    old: dict[str, Any] | None = None,
    new: dict[str, Any] | None = None,
    *,
    kind: str = RULE,
    **more: Any,
) -> dict[str, Any]:
    made: dict[str, Any] = {"op": op, "urn": f"urn:pulumi:dev::web::{kind}::{name}"}
    if old is not None:
        made["oldState"] = {"inputs": old, **more.pop("old_state", {})}
    if new is not None:
        made["newState"] = {"inputs": new, **more.pop("new_state", {})}
    return {**made, **more}


def read(*steps: dict[str, Any], **more: Any) -> Preview:
    return read_preview(json.dumps({"steps": steps, **more}))


def only(*steps: dict[str, Any]) -> Step:
    (result,) = read(*steps).steps
    return result


def words(rules: Any) -> list[str]:
    return [stated.rule.as_text for stated in rules]


@pytest.mark.parametrize(
    ("steps", "op", "before", "after"),
    [
        ([step("create", new=SSH)], "create", 0, 1),
        ([step("update", old=SSH, new=SSH)], "update", 1, 1),
        ([step("replace", old=SSH, new=SSH)], "replace", 1, 1),
        ([step("delete", old=SSH)], "delete", 1, 0),
        ([step("same", old=SSH, new=SSH)], "same", 1, 1),
        ([step("import", new=SSH)], "import", 1, 1),
        ([step("read", new=SSH)], "read", 1, 1),
        ([step("refresh", old=SSH, new=SSH)], "refresh", 1, 1),
        ([step("refresh", old=SSH)], "refresh", 0, 0),
        (
            [
                step("create-replacement", old=SSH, new=SSH),
                step("replace", old=SSH, new=SSH),
                step("delete-replaced", old=SSH),
            ],
            "replace",
            1,
            1,
        ),
    ],
)
def test_each_operation_has_its_rules_before_and_after(
    steps: list[dict[str, Any]], op: str, before: int, after: int
) -> None:
    """An import makes nothing, and a read resource does not change."""
    result = only(*steps)

    assert (result.op, len(result.before), len(result.after)) == (op, before, after)


def test_a_replacement_with_a_gap_is_recognized() -> None:
    """By the engine's mark, or by the order of its steps."""
    marked = step("replace", old=SSH, new=SSH, old_state={"pendingReplacement": True})
    ordered = [
        step("delete-replaced", old=SSH),
        step("create-replacement", old=SSH, new=SSH),
    ]

    assert only(marked).gap
    assert only(*ordered).gap
    assert not only(*ordered[::-1]).gap


def test_a_retained_rule_stays_live() -> None:
    """Nothing closes."""
    gone = only(step("delete", old=SSH, old_state={"retainOnDelete": True}))

    assert gone.fate == "retained"
    assert gone.after == gone.before


def test_a_rule_that_was_only_read_is_not_deleted() -> None:
    """The engine drops it, and ECS keeps it."""
    forgotten = only(step("delete", old=SSH, old_state={"external": True}))

    assert forgotten.after == forgotten.before


def test_a_rule_of_pulumi_alicloud_is_read_too() -> None:
    """Its arguments have other names."""
    result = only(step("create", new=PEER_SSH, kind=PEER_RULE))

    assert words(result.after) == ["tcp 22/22 from 10.0.0.0/8"]


@pytest.mark.parametrize("op", ["create", "update", "delete", "same"])
def test_an_outbound_rule_of_pulumi_alicloud_is_another_resource(
    op: str,
) -> None:
    outbound = {**PEER_SSH, "type": "egress"}
    old = None if op == "create" else outbound
    new = None if op == "delete" else outbound

    preview = read(step(op, old=old, new=new, kind=PEER_RULE))

    assert preview.steps == ()
    assert preview.others == (op != "same")


def test_a_rule_that_becomes_outbound_is_removed() -> None:
    turned = {**PEER_SSH, "type": "egress"}

    result = only(step("replace", old=PEER_SSH, new=turned, kind=PEER_RULE))

    assert words(result.before) == ["tcp 22/22 from 10.0.0.0/8"]
    assert result.after == ()


@pytest.mark.parametrize("rules", [[HTTPS], {"tcp 443/443 from 0.0.0.0/0": HTTPS}])
def test_the_rules_of_a_set_are_read_one_by_one(rules: object) -> None:
    """As the program declares them, and as the state holds them."""
    new = {"security_group_id": "sg-1", "rules": rules}

    result = only(step("create", new=new, kind=RULE_SET))

    assert words(result.after) == ["tcp 443/443 from 0.0.0.0/0"]


@pytest.mark.parametrize("mark", [UNKNOWN, "[secret]"])
@pytest.mark.parametrize(
    "argument", ["source_cidr_ip", "port_range", "ip_protocol", "priority", "policy"]
)
def test_a_missing_value_is_unknown(mark: str, argument: str) -> None:
    """It is never taken from another rule."""
    (stated,) = only(step("create", new={**SSH, argument: mark})).after

    (doubt,) = stated.doubts
    assert doubt.startswith(f"{argument} is ")
    assert mark not in repr(stated.rule)


@pytest.mark.parametrize("rules", [UNKNOWN, "[secret]", None])
def test_a_set_without_values_is_unknown(rules: Any) -> None:
    """It may hold any rule."""
    new = {"security_group_id": "sg-1", "rules": rules}

    (stated,) = only(step("create", new=new, kind=RULE_SET)).after

    assert stated.doubts


def test_a_changed_secret_is_another_secret() -> None:
    """The two marks are equal, and are not taken for one value."""
    secret = {**SSH, "source_cidr_ip": "[secret]"}
    changing = only(
        step("update", old=secret, new=secret, detailedDiff={"source_cidr_ip": {}})
    )
    staying = only(
        step("update", old=secret, new=secret, detailedDiff={"description": {}})
    )

    assert changing.before[0].rule != changing.after[0].rule
    assert staying.before[0].rule == staying.after[0].rule


def test_an_unknown_description_is_ignored() -> None:
    """It decides nothing."""
    (stated,) = only(step("create", new={**SSH, "description": "[secret]"})).after

    assert stated.doubts == ()


def test_a_new_group_is_identified_by_its_resource() -> None:
    """So that rules of one new group are judged together."""
    kind = "alicloud:ecs/securityGroup:SecurityGroup"
    group = step("create", "front", new={"vpcId": "vpc-1"}, kind=kind)
    new = {**SSH, "security_group_id": UNKNOWN}
    state = {"propertyDependencies": {"security_group_id": [group["urn"]]}}

    (stated,) = only(group, step("create", new=new, new_state=state)).after

    assert (stated.group, stated.known_group) == ("the future group front", False)


def test_missing_inputs_are_read_from_the_outputs() -> None:
    """Some previews have only one of the two."""
    bare = step("delete")
    bare["oldState"] = {"outputs": SSH}

    assert words(only(bare).before) == ["tcp 22/22 from 10.0.0.0/8"]


def test_a_refresh_shows_drift_in_the_old_state() -> None:
    """The refresh step has the old state, the next step what was found."""
    found = {**SSH, "source_cidr_ip": "0.0.0.0/0"}
    changed = only(
        step("refresh", old=SSH, new=SSH), step("update", old=found, new=SSH)
    )
    gone = only(step("refresh", old=SSH, new=SSH), step("create", new=SSH))

    assert [c.name for c in changed.differences.drift] == ["source_cidr_ip"]
    assert words(changed.before) == ["tcp 22/22 from 0.0.0.0/0"]
    assert gone.differences.gone
    assert not gone.before


def test_hidden_unchanged_resources_are_counted() -> None:
    """Without --show-sames the engine gives only their number."""
    preview = read(step("same", old=SSH, new=SSH), changeSummary={"same": 4})

    assert preview.hidden == 3


def test_other_resources_are_only_counted() -> None:
    """A bucket is not a rule."""
    preview = read(step("create", kind="alicloud:oss/bucket:Bucket"))

    assert (preview.steps, preview.others, preview.stack) == ((), 1, "web/dev")


def test_a_failed_preview_is_incomplete() -> None:
    """What it shows may be a part."""
    failed = {"severity": "error", "message": "no credentials\n"}
    preview = read(diagnostics=[failed, {"severity": "info", "message": "fine"}])

    assert preview.problems == ("the preview failed: no credentials",)


def test_an_unknown_operation_is_a_problem() -> None:
    """A later engine may have one; it is not ignored."""
    assert read(step("teleport", new=SSH)).problems


@pytest.mark.parametrize(
    "odd",
    [
        step("delete"),
        step("update", new=SSH),
        step("replace", new=SSH),
        {"op": "create", "newState": {"inputs": SSH}},
        {**step("create", new=SSH), "urn": "ssh"},
        {**step("create", new=SSH), "urn": None},
    ],
)
def test_a_step_that_does_not_show_enough_is_a_problem(odd: dict[str, Any]) -> None:
    """What it does to which rule cannot be read."""
    assert read(odd).problems


def test_a_summary_that_cannot_be_read_is_a_problem() -> None:
    """Missing steps would not be noticed."""
    assert read(changeSummary=["create"]).problems


def test_a_key_with_two_values_is_an_error() -> None:
    """Which of them counts is not defined."""
    whole = json.dumps({"steps": [step("create", new=SSH)]})

    with pytest.raises(PreviewError, match="'steps' twice"):
        read_preview(whole[:-1] + ', "steps": []}')
    with pytest.raises(PreviewError, match="'op' twice"):
        read_preview(whole.replace('"op"', '"op": "same", "op"'))


def test_a_key_given_twice_among_many_is_found_soon() -> None:
    """To count each key separately takes minutes."""
    keys = [*range(60_000), 59_999]
    began = time.process_time()

    with pytest.raises(PreviewError, match="'59999' twice"):
        read_preview("{" + ", ".join(f'"{key}": 1' for key in keys) + "}")

    assert time.process_time() - began < 10


@pytest.mark.parametrize("kind", ["ingress", {SECRET_SIGNATURE: "x"}, ["egress"], 1])
def test_a_rule_that_may_be_inbound_is_read(kind: object) -> None:
    """Whatever its type is, unless it is outbound."""
    new = {**PEER_SSH, "type": kind}

    assert only(step("create", new=new, kind=PEER_RULE)).after


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"steps": 1}', '"x"', "null"])
def test_an_invalid_preview_is_an_error(text: str) -> None:
    """Never an empty report."""
    with pytest.raises(PreviewError):
        read_preview(text)
