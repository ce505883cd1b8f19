"""
The requests of the Terraform provider and of pulumi-alicloud work with the fake.
"""

from __future__ import annotations

import ipaddress
import json
from pathlib import Path
from typing import Any

import pytest

from alicloud_ingress.testing import Behaviour
from fake.front import Front
from fake.peer import KEY, SECRET, SHAPES, send, send_rule


@pytest.fixture(autouse=True)
def _known_key(front: Front) -> None:
    """Verify every signature."""
    front.fake.add_key(KEY, SECRET)


def ok(front: Front, name: str, group: str = "", **changes: str) -> dict[str, Any]:
    """The answer to a request that succeeds."""
    answer = send(front, name, group, **changes)
    assert answer.status_code == 200, (name, answer.text)
    return dict(answer.json())


def shown(front: Front, name: str, group: str) -> list[dict[str, Any]]:
    """The rules in the answer to a Describe."""
    return list(ok(front, name, group)["Permissions"]["Permission"])


def test_every_request_of_the_provider_is_verified_and_accepted(front: Front) -> None:
    group = front.fake.new_group()

    for name in SHAPES:
        code = send(front, name, group).json().get("Code", "")
        assert not code.startswith(("Signature", "InvalidAction", "Missing")), name
        assert code not in ("InvalidParameter", "InternalError"), name


def test_a_group_lives_from_its_creation_to_its_deletion(front: Front) -> None:
    group = ok(front, "create a group")["SecurityGroupId"]

    (made,) = ok(front, "read a group", group)["SecurityGroups"]["SecurityGroup"]
    ok(front, "rename a group", group)
    ok(front, "isolate the members of a group", group)
    renamed = ok(front, "read the attributes of a group", group)
    ok(front, "delete a group", group)

    assert made["SecurityGroupName"] == "web"
    assert made["SecurityGroupType"] == "normal"
    assert made["VpcId"] == "vpc-1"
    assert made["Tags"] == {"Tag": [{"TagKey": "team", "TagValue": "shop"}]}
    assert renamed["SecurityGroupName"] == "shop"
    assert renamed["Description"] == "made by Terraform"
    assert renamed["InnerAccessPolicy"] == "Drop"
    gone = ok(front, "read a group", group)
    assert gone["SecurityGroups"] == {"SecurityGroup": []}


def test_a_nic_type_of_nil_reads_all_rules(front: Front) -> None:
    group = front.fake.new_group()

    ok(front, "authorize without nic_type", group)
    (rule,) = shown(front, "read a rule without nic_type", group)
    ok(front, "revoke without nic_type and description", group)

    assert rule["SourceCidrIp"] == "203.0.113.7/32"
    assert (rule["NicType"], rule["Policy"]) == ("intranet", "Accept")
    assert front.fake.rules(group) == {}


def test_a_description_is_changed_and_its_rule_revoked(front: Front) -> None:
    group = front.fake.new_group()

    ok(front, "authorize with nic_type", group)
    before = front.fake.rules(group)
    for _ in range(2):  # The provider sends each change twice.
        ok(front, "describe again", group)
    (after,) = shown(front, "read a rule with nic_type", group)
    ok(front, "revoke with nic_type and description", group)

    assert after["Description"] == "branch"
    assert list(before) == [after["SecurityGroupRuleId"]]
    assert front.fake.rules(group) == {}


def test_an_empty_description_changes_nothing_as_documented(
    front: Front,
) -> None:
    group = front.fake.new_group()
    ok(front, "authorize with nic_type", group)

    refused = send(front, "describe again", group, Description="")

    assert refused.json()["Code"] == "InvalidSecurityGroupDiscription.Malformed"
    (rule,) = front.fake.rules(group).values()
    assert rule["Description"] == "office"


def test_a_single_outbound_address_is_shown_as_given(
    front: Front,
) -> None:
    group = front.fake.new_group()

    ok(front, "authorize outbound", group)
    ok(front, "describe outbound again", group)
    (rule,) = shown(front, "read an outbound rule", group)
    inbound = shown(front, "read a rule with nic_type", group)
    ok(front, "revoke outbound", group)

    assert rule["DestCidrIp"] == "182.254.11.243/32"
    assert (rule["Direction"], rule["Description"]) == ("egress", "SHDRP-7512")
    assert inbound == []
    assert front.fake.rules(group) == {}


@pytest.mark.parametrize("allowed", [True, False])
def test_an_advanced_group_accepts_the_providers_default_values(
    front: Front, *, allowed: bool
) -> None:
    front.fake.behaviour = Behaviour(enterprise_allows_defaults=allowed)
    group = ok(front, "create an advanced group")["SecurityGroupId"]

    codes = [
        send(front, "authorize with nic_type", group, **changes).json().get("Code")
        for changes in ({}, {"Policy": "drop"}, {"Priority": "2"})
    ]

    refused = "InvalidGroupParameter.OperationDenied"
    assert codes == [None if allowed else refused, refused, refused]
    assert len(front.fake.rules(group)) == int(allowed)


def test_the_regions_are_listed(front: Front) -> None:
    regions = ok(front, "list regions")["Regions"]["Region"]

    assert {"cn-hangzhou", "eu-central-1"} <= {each["RegionId"] for each in regions}
    hangzhou = next(each for each in regions if each["RegionId"] == "cn-hangzhou")
    assert hangzhou == {
        "RegionId": "cn-hangzhou",
        "LocalName": "China (Hangzhou)",
        "RegionEndpoint": "ecs.cn-hangzhou.aliyuncs.com",
        "Status": "available",
    }


STATE = Path(__file__).parents[1] / "peer_states" / "stack-13-rules.json"
ARGUMENTS = {
    "ipProtocol": "IpProtocol",
    "portRange": "PortRange",
    "policy": "Policy",
    "priority": "Priority",
    "nicType": "NicType",
    "description": "Description",
    "cidrIp": "SourceCidrIp",
    "ipv6CidrIp": "Ipv6SourceCidrIp",
    "sourceSecurityGroupId": "SourceGroupId",
    "prefixListId": "SourcePrefixListId",
}
"""The provider's parameter for each argument of an inbound rule."""


def kept_rules() -> list[dict[str, Any]]:
    """The rules of a stack of the real pulumi-alicloud."""
    resources = json.loads(STATE.read_text(encoding="utf-8"))["deployment"]["resources"]
    return [each for each in resources if each["type"].endswith("SecurityGroupRule")]


def test_the_kept_stack_has_all_its_rules() -> None:
    assert len(kept_rules()) == 13


@pytest.mark.parametrize("resource", kept_rules(), ids=lambda each: each["id"])
def test_each_rule_of_a_real_stack_is_accepted(
    front: Front, resource: dict[str, Any]
) -> None:
    fake, outputs = front.fake, resource["outputs"]
    group = fake.new_group()
    source, prefixes = fake.new_group(), fake.new_prefix_list("10.0.0.0/8")
    here = {"sourceSecurityGroupId": source, "prefixListId": prefixes}
    fields = {
        ARGUMENTS[name]: here.get(name, str(value))
        for name, value in resource["inputs"].items()
        if name in ARGUMENTS and value not in ("", None)
    }
    fields = {"Policy": "accept", "Priority": "1", **fields}

    made = send_rule(front, "authorize without nic_type", group, fields)
    nil = "NicType" not in fields
    name = f"read a rule {'without' if nil else 'with'} nic_type"
    (rule,) = shown(front, name, group)
    flat = {"Description": "", **fields}
    gone = send_rule(front, "revoke with nic_type and description", group, flat)

    assert made.status_code == 200, made.text
    assert nil == ("<nil>" in resource["id"])
    assert rule["IpProtocol"].lower() == outputs["ipProtocol"]
    assert rule["PortRange"] == outputs["portRange"]
    assert rule["Policy"].lower() == outputs["policy"]
    assert rule["Priority"] == outputs["priority"]
    assert rule["NicType"] == outputs["nicType"]
    assert rule["SourceCidrIp"] == outputs["cidrIp"]
    assert short(rule["Ipv6SourceCidrIp"]) == short(outputs["ipv6CidrIp"])
    assert rule["Description"] == outputs["description"]
    assert bool(rule["SourceGroupId"]) == bool(outputs["sourceSecurityGroupId"])
    assert bool(rule["SourcePrefixListId"]) == bool(outputs["prefixListId"])
    assert gone.status_code == 200, gone.text
    assert fake.rules(group) == {}


def short(block: str) -> str:
    """An IPv6 block in its shortest spelling."""
    return str(ipaddress.ip_interface(block)) if block else ""
