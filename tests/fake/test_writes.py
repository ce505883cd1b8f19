"""
Successful calls of Authorize, Revoke and Modify, and their own refusals.
"""

from __future__ import annotations

import pytest

from alicloud_ingress.testing.state import ACCOUNT
from fake.front import SSH, Front, entry

AUTHORIZE = "AuthorizeSecurityGroup"
REVOKE = "RevokeSecurityGroup"
MODIFY = "ModifySecurityGroupRule"


def test_authorizing_an_existing_rule_succeeds_and_changes_nothing(
    front: Front,
) -> None:
    """In any spelling of its fields."""
    group = front.fake.new_group()

    for changes in ({}, {"IpProtocol": "TCP"}, {"Policy": "Accept"}):
        assert front.authorize(group, **changes).json().keys() == {"RequestId"}

    assert len(front.fake.rules(group)) == 1


@pytest.mark.parametrize(
    ("changes", "refusal"),
    [
        (
            {"IpProtocol": "icmp", "PortRange": "1/2"},
            (400, "InvalidIpProtocol.Malformed"),
        ),
        ({"PortRange": "-1/-1"}, (400, "OperationDenied")),
        ({"DestCidrIp": "10.0.0.0/8"}, (400, "InvalidParamter.Conflict")),
        ({"Ipv6DestCidrIp": "2001:db8::1"}, (400, "InvalidParameter.Conflict")),
        (
            {"SourceCidrIp": "", "SourceGroupId": "sg-x", "SourceGroupOwnerId": "42"},
            (400, "InvalidSourceGroup.NotFound"),
        ),
        (
            {"Description": " " * 513},
            (400, "InvalidSecurityGroupDiscription.Malformed"),
        ),
    ],
)
def test_authorize_refuses_invalid_parameters(
    front: Front, changes: dict[str, str], refusal: tuple[int, str]
) -> None:
    """With codes that Revoke does not have or uses for something else."""
    group = front.fake.new_group()

    assert front.code(AUTHORIZE, group, **entry(**changes)) == refusal
    assert front.fake.rules(group) == {}


def test_a_code_has_another_status_in_authorize(front: Front) -> None:
    """So a client cannot decide by the status."""
    group = front.fake.new_group()
    itself = entry(SourceCidrIp="", SourceGroupId=group)
    nothing = {"IpProtocol": "tcp", "PortRange": "22/22"}

    assert front.code(AUTHORIZE, group, **itself) == (403, "InvalidParamter.Conflict")
    assert front.code(REVOKE, group, **itself) == (400, "InvalidParamter.Conflict")
    assert front.code(AUTHORIZE, group, **nothing) == (403, "MissingParameter")
    assert front.code(REVOKE, group, **nothing) == (400, "MissingParameter")


def test_a_classic_source_group_requires_the_intranet(front: Front) -> None:
    """The default is the internet."""
    group, source = front.fake.new_group(vpc_id=""), front.fake.new_group(vpc_id="")
    named = {"SourceCidrIp": "", "SourceGroupId": source}

    assert front.code(AUTHORIZE, group, **entry(**named)) == (
        403,
        "InvalidSourceGroupId.Mismatch",
    )
    assert front.authorize(group, **named, NicType="intranet").status_code == 200


def test_another_accounts_group_is_shown_by_account_id(front: Front) -> None:
    """Even if the call named the login."""
    front.fake.logins["test@aliyun.example"] = "42"
    group, source = front.fake.new_group(), front.fake.new_group(account="42")

    answer = front.authorize(
        group,
        SourceCidrIp="",
        SourceGroupId=source,
        SourceGroupOwnerAccount="test@aliyun.example",
    )

    assert answer.status_code == 200
    assert front.shown(group)[0]["SourceGroupOwnerAccount"] == "42"


def test_each_group_has_a_quota_of_rules(front: Front) -> None:
    """A prefix list counts as its maximum number of entries."""
    group = front.fake.new_group()
    front.fake.groups[group].most_rules = 5
    prefixes = front.fake.new_prefix_list("10.0.0.0/8", most_entries=4)
    listed = {"SourceCidrIp": "", "SourcePrefixListId": prefixes}

    assert front.authorize(group, **listed).status_code == 200
    assert front.authorize(group).status_code == 200
    assert front.code(AUTHORIZE, group, **entry(PortRange="1/1")) == (
        403,
        "AuthorizationLimitExceed",
    )
    assert front.authorize(group).status_code == 200


def test_at_most_20_rules_have_a_source_group(front: Front) -> None:
    group, source = front.fake.new_group(), front.fake.new_group()
    named = {"SourceCidrIp": "", "SourceGroupId": source}

    codes = [
        front.code(AUTHORIZE, group, **entry(**named, PortRange=f"{n}/{n}"))
        for n in range(1, 22)
    ]

    assert codes[:20] == [(200, "")] * 20
    assert codes[20] == (400, "AuthorizedGroupRule.LimitExceed")


@pytest.mark.parametrize(
    ("family", "changes"),
    [
        ("10.0.0.0/8", {"Ipv6DestCidrIp": "2001:db8::1"}),
        ("::/0", {"DestCidrIp": "1.2.3.4"}),
    ],
)
def test_a_rule_has_its_prefix_lists_address_family(
    front: Front, family: str, changes: dict[str, str]
) -> None:
    """A rule of another family is refused."""
    prefixes = front.fake.new_prefix_list(family)
    listed = entry(SourceCidrIp="", SourcePrefixListId=prefixes, **changes)

    assert front.code(AUTHORIZE, front.fake.new_group(), **listed) == (
        400,
        "InvalidParam.PrefixListAddressFamilyMismatch",
    )


def test_an_address_overrides_a_group_and_a_list(front: Front) -> None:
    """Group and list are not even looked up."""
    group = front.fake.new_group()

    front.authorize(group, SourceGroupId="sg-none", SourcePrefixListId="pl-none")

    (rule,) = front.shown(group)
    assert rule["SourceCidrIp"] == "10.0.0.0/8"
    assert (rule["SourceGroupId"], rule["SourcePrefixListId"]) == ("", "")


@pytest.mark.parametrize("number", ["0", "101"])
def test_a_call_has_at_most_100_entries(front: Front, number: str) -> None:
    """Counted from 1."""
    group = front.fake.new_group()
    permissions = {f"Permissions.{number}.{k}": v for k, v in SSH.items()}
    ids = {f"SecurityGroupRuleId.{number}": "sgr-1"}

    for action in (AUTHORIZE, REVOKE):
        assert front.code(action, group, **permissions) == (
            400,
            "InvalidParam.Permissions",
        )
    assert front.code(REVOKE, group, **ids)[0] == 400


@pytest.mark.parametrize(
    ("action", "name"),
    [
        (AUTHORIZE, "Permission.1.IpProtocol"),
        (AUTHORIZE, "Permissions.1.Protocol"),
        (AUTHORIZE, "SecurityGroupRuleId.1"),
        (REVOKE, "SecurityGroupRuleIds.1"),
        (REVOKE, "PortRangeListId"),
        (MODIFY, "Permissions.1.IpProtocol"),
        ("DescribeSecurityGroupAttribute", "SecurityGroupRuleId"),
        ("DescribeSecurityGroups", "VpcID"),
    ],
)
def test_an_unknown_parameter_is_refused(front: Front, action: str, name: str) -> None:
    """So a misspelt one is noticed."""
    group = front.fake.new_group()

    assert front.code(action, group, **{name: "sgr-1"}) == (400, "InvalidParameter")


def test_inbound_calls_cannot_change_an_outbound_rule(front: Front) -> None:
    """Neither by ID nor by attributes."""
    group = front.fake.new_group()
    outbound = front.fake.add_rule(
        group, Direction="egress", IpProtocol="TCP", PortRange="22/22"
    )

    named = {"SecurityGroupRuleId.1": outbound}
    assert front.code(REVOKE, group, **named)[0] == 404
    assert front.revoke(group).status_code == 200
    assert outbound in front.fake.rules(group)


def test_a_modify_keeps_the_id(front: Front) -> None:
    """And the fields that it does not name."""
    group = front.fake.new_group()
    rule_id = front.fake.add_rule(group, **SSH, Description="one")

    answer = front.call(
        MODIFY, group, SecurityGroupRuleId=rule_id, SourceCidrIp="192.0.2.0/24"
    )

    assert answer.json().keys() == {"RequestId"}
    (rule,) = front.shown(group)
    assert rule["SecurityGroupRuleId"] == rule_id
    assert (rule["SourceCidrIp"], rule["Description"]) == ("192.0.2.0/24", "one")


@pytest.mark.parametrize(
    ("changes", "refusal"),
    [
        (
            {"SecurityGroupRuleId": "sgr-none"},
            (404, "InvalidSecurityGroupRuleId.NotFound"),
        ),
        ({"SecurityGroupRuleId": "x"}, (400, "InvalidParam.SecurityGroupRuleId")),
        ({"SourceGroupId": "sg-1"}, (400, "InvalidOperation.ModifySgRuleEntityType")),
        (
            {"Ipv6SourceCidrIp": "::/0"},
            (400, "InvalidOperation.ModifySgRuleEntityType"),
        ),
        ({"Description": ""}, (400, "InvalidParam.InvalidModifyRuleRequest")),
        ({"PortRangeListId": "prl-1"}, (400, "InvalidOperation.ModifyPortRangeType")),
        ({"NicType": "internet"}, (400, "InvalidOperation.ModifyNicType")),
        ({"PortRange": "1/1"}, (400, "InvalidOperation.RuleDuplicate")),
        (
            {"IpProtocol": "gre"},
            (400, "InvalidParam.ProtocolAndPortRangeMismatch"),
        ),
        (
            {"IpProtocol": "icmpv6", "PortRange": "-1/-1"},
            (400, "InvalidParam.ProtocolAndAddressFamilyMismatch"),
        ),
        ({"Priority": "0"}, (400, "InvalidPriority.ValueNotSupported")),
    ],
)
def test_modify_refuses_invalid_parameters(
    front: Front, changes: dict[str, str], refusal: tuple[int, str]
) -> None:
    """The rule is not changed."""
    group = front.fake.new_group()
    rule_id = front.fake.add_rule(group, **SSH, Description="one")
    front.fake.add_rule(group, **{**SSH, "PortRange": "1/1"})
    before = front.fake.rules(group)

    code = front.code(MODIFY, group, **{"SecurityGroupRuleId": rule_id, **changes})

    assert code == refusal
    assert front.fake.rules(group) == before


def test_a_list_cannot_become_a_port_range(front: Front) -> None:
    """Nor a port range a list."""
    group = front.fake.new_group()
    ports = front.fake.new_port_range_list("80/80")
    listed = {**SSH, "PortRange": "", "PortRangeListId": ports}
    rule_id = front.fake.add_rule(group, **listed)

    code = front.code(MODIFY, group, SecurityGroupRuleId=rule_id, PortRange="1/1")

    assert code == (400, "InvalidOperation.ModifyPortRangeType")


def test_a_modify_without_an_id_changes_the_description(front: Front) -> None:
    """The old mode: the other fields identify the rule."""
    group = front.fake.new_group()
    front.fake.add_rule(group, **SSH, Description="one")

    assert front.code(MODIFY, group, **SSH, Description="another") == (200, "")
    assert front.shown(group)[0]["Description"] == "another"
    assert front.code(MODIFY, group, **{**SSH, "Priority": "2"}) == (
        404,
        "SecurityGroupRule.NotFound",
    )


def test_a_token_is_valid_for_one_content(front: Front) -> None:
    """The same call again is not executed twice; another content is refused."""
    group = front.fake.new_group()
    once = {"ClientToken": "t-1", **entry()}
    assert front.code(AUTHORIZE, group, **once) == (200, "")
    front.fake.groups[group].rules.clear()

    assert front.code(AUTHORIZE, group, **once) == (200, "")
    assert front.fake.rules(group) == {}
    assert front.code(AUTHORIZE, group, **{**once, **entry(PortRange="1/1")}) == (
        400,
        "IdempotentParameterMismatch",
    )
    assert front.code(REVOKE, group, **once) == (200, "")


@pytest.mark.parametrize("token", ["x" * 65, "é"])
def test_a_token_has_at_most_64_ascii_characters(front: Front, token: str) -> None:
    code = front.code(AUTHORIZE, front.fake.new_group(), ClientToken=token, **entry())

    assert code == (400, "InvalidClientToken.ValueNotSupported")


def test_the_token_of_a_refused_call_can_be_reused(front: Front) -> None:
    """The call did nothing that could be repeated."""
    group = front.fake.new_group()
    front.fake.groups[group].most_rules = 0
    once = {"ClientToken": "t-1", **entry()}
    assert front.code(AUTHORIZE, group, **once)[0] == 403
    front.fake.groups[group].most_rules = 1

    assert front.code(AUTHORIZE, group, **once) == (200, "")
    assert len(front.fake.rules(group)) == 1


def test_members_of_a_basic_group_can_be_isolated(front: Front) -> None:
    """An enterprise group has no such option."""
    basic, other = front.fake.new_group(), front.fake.new_group(kind="enterprise")
    action, policy = "ModifySecurityGroupPolicy", {"InnerAccessPolicy": "drop"}

    assert front.code(action, basic, **policy) == (200, "")
    assert front.fake.groups[basic].inner_access == "Drop"
    assert front.code(action, other, **policy) == (
        400,
        "InvalidParameter.InnerAccessPolicy",
    )


def test_a_test_can_add_a_rule_of_priority_110(front: Front) -> None:
    """No call can make it, and Describe shows it."""
    group = front.fake.new_group(account=ACCOUNT)
    made = {"Priority": "110", "CreateTime": "2019-01-02T03:04:05Z"}
    front.fake.add_rule(group, **SSH, **made)

    (rule,) = front.shown(group)
    assert (rule["Priority"], rule["CreateTime"]) == (110, "2019-01-02T03:04:05Z")
