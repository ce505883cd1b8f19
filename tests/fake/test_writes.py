"""
Authorize, Revoke and Modify where they say yes, and their own refusals.
"""

from __future__ import annotations

import pytest

from alicloud_ingress.testing.state import ACCOUNT
from fake.front import SSH, Front, entry

AUTHORIZE = "AuthorizeSecurityGroup"
REVOKE = "RevokeSecurityGroup"
MODIFY = "ModifySecurityGroupRule"


def test_a_rule_that_exists_is_a_silent_success(front: Front) -> None:
    """However its fields are spelled."""
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
def test_refusals_of_authorize(
    front: Front, changes: dict[str, str], refusal: tuple[int, str]
) -> None:
    """Those that Revoke does not have, or has under another code."""
    group = front.fake.new_group()

    assert front.code(AUTHORIZE, group, **entry(**changes)) == refusal
    assert front.fake.rules(group) == {}


def test_a_code_can_have_another_status_in_authorize(front: Front) -> None:
    """So nobody may judge by the status."""
    group = front.fake.new_group()
    itself = entry(SourceCidrIp="", SourceGroupId=group)
    nothing = {"IpProtocol": "tcp", "PortRange": "22/22"}

    assert front.code(AUTHORIZE, group, **itself) == (403, "InvalidParamter.Conflict")
    assert front.code(REVOKE, group, **itself) == (400, "InvalidParamter.Conflict")
    assert front.code(AUTHORIZE, group, **nothing) == (403, "MissingParameter")
    assert front.code(REVOKE, group, **nothing) == (400, "MissingParameter")


def test_a_classic_group_as_source_wants_the_intranet(front: Front) -> None:
    """Its default is the internet."""
    group, source = front.fake.new_group(vpc_id=""), front.fake.new_group(vpc_id="")
    named = {"SourceCidrIp": "", "SourceGroupId": source}

    assert front.code(AUTHORIZE, group, **entry(**named)) == (
        403,
        "InvalidSourceGroupId.Mismatch",
    )
    assert front.authorize(group, **named, NicType="intranet").status_code == 200


def test_a_group_of_another_account_is_read_back_by_account_id(front: Front) -> None:
    """Though it was named by its login."""
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


def test_the_quota_of_rules_is_the_groups(front: Front) -> None:
    """A prefix list counts as the most that it may hold."""
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


def test_twenty_rules_may_have_a_group_as_source(front: Front) -> None:
    """Not one more."""
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
def test_a_prefix_list_has_one_family(
    front: Front, family: str, changes: dict[str, str]
) -> None:
    """The rest of the rule has to be of it."""
    prefixes = front.fake.new_prefix_list(family)
    listed = entry(SourceCidrIp="", SourcePrefixListId=prefixes, **changes)

    assert front.code(AUTHORIZE, front.fake.new_group(), **listed) == (
        400,
        "InvalidParam.PrefixListAddressFamilyMismatch",
    )


def test_an_address_wins_over_a_group_and_a_list(front: Front) -> None:
    """The losers are not even looked up."""
    group = front.fake.new_group()

    front.authorize(group, SourceGroupId="sg-none", SourcePrefixListId="pl-none")

    (rule,) = front.shown(group)
    assert rule["SourceCidrIp"] == "10.0.0.0/8"
    assert (rule["SourceGroupId"], rule["SourcePrefixListId"]) == ("", "")


@pytest.mark.parametrize("number", ["0", "101"])
def test_a_list_has_up_to_a_hundred_members(front: Front, number: str) -> None:
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
def test_a_parameter_that_the_action_does_not_have(
    front: Front, action: str, name: str
) -> None:
    """A slip of the pen is not passed over."""
    group = front.fake.new_group()

    assert front.code(action, group, **{name: "sgr-1"}) == (400, "InvalidParameter")


def test_an_outbound_rule_is_none_of_the_inbound_calls(front: Front) -> None:
    """Neither by ID nor by what names it."""
    group = front.fake.new_group()
    outbound = front.fake.add_rule(
        group, Direction="egress", IpProtocol="TCP", PortRange="22/22"
    )

    named = {"SecurityGroupRuleId.1": outbound}
    assert front.code(REVOKE, group, **named)[0] == 404
    assert front.revoke(group).status_code == 200
    assert outbound in front.fake.rules(group)


def test_a_modify_keeps_the_id(front: Front) -> None:
    """And the rest of the rule."""
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
def test_refusals_of_modify(
    front: Front, changes: dict[str, str], refusal: tuple[int, str]
) -> None:
    """Nothing is changed by them."""
    group = front.fake.new_group()
    rule_id = front.fake.add_rule(group, **SSH, Description="one")
    front.fake.add_rule(group, **{**SSH, "PortRange": "1/1"})
    before = front.fake.rules(group)

    code = front.code(MODIFY, group, **{"SecurityGroupRuleId": rule_id, **changes})

    assert code == refusal
    assert front.fake.rules(group) == before


def test_a_list_cannot_become_a_port_range(front: Front) -> None:
    """Nor the other way."""
    group = front.fake.new_group()
    ports = front.fake.new_port_range_list("80/80")
    listed = {**SSH, "PortRange": "", "PortRangeListId": ports}
    rule_id = front.fake.add_rule(group, **listed)

    code = front.code(MODIFY, group, SecurityGroupRuleId=rule_id, PortRange="1/1")

    assert code == (400, "InvalidOperation.ModifyPortRangeType")


def test_a_modify_without_an_id_describes_anew(front: Front) -> None:
    """The old mode: the rest names the rule."""
    group = front.fake.new_group()
    front.fake.add_rule(group, **SSH, Description="one")

    assert front.code(MODIFY, group, **SSH, Description="another") == (200, "")
    assert front.shown(group)[0]["Description"] == "another"
    assert front.code(MODIFY, group, **{**SSH, "Priority": "2"}) == (
        404,
        "SecurityGroupRule.NotFound",
    )


def test_a_token_is_good_for_one_content(front: Front) -> None:
    """The same again is done but once; another content is refused."""
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
def test_a_token_is_short_and_ascii(front: Front, token: str) -> None:
    """At most 64 characters."""
    code = front.code(AUTHORIZE, front.fake.new_group(), ClientToken=token, **entry())

    assert code == (400, "InvalidClientToken.ValueNotSupported")


def test_a_refused_call_leaves_its_token_free(front: Front) -> None:
    """It did nothing that could be repeated."""
    group = front.fake.new_group()
    front.fake.groups[group].most_rules = 0
    once = {"ClientToken": "t-1", **entry()}
    assert front.code(AUTHORIZE, group, **once)[0] == 403
    front.fake.groups[group].most_rules = 1

    assert front.code(AUTHORIZE, group, **once) == (200, "")
    assert len(front.fake.rules(group)) == 1


def test_members_of_a_basic_group_can_be_kept_apart(front: Front) -> None:
    """An enterprise group has no such switch."""
    basic, other = front.fake.new_group(), front.fake.new_group(kind="enterprise")
    action, policy = "ModifySecurityGroupPolicy", {"InnerAccessPolicy": "drop"}

    assert front.code(action, basic, **policy) == (200, "")
    assert front.fake.groups[basic].inner_access == "Drop"
    assert front.code(action, other, **policy) == (
        400,
        "InvalidParameter.InnerAccessPolicy",
    )


def test_an_old_rule_of_priority_110_can_be_set_up(front: Front) -> None:
    """No call can make it, and Describe shows it."""
    group = front.fake.new_group(account=ACCOUNT)
    made = {"Priority": "110", "CreateTime": "2019-01-02T03:04:05Z"}
    front.fake.add_rule(group, **SSH, **made)

    (rule,) = front.shown(group)
    assert (rule["Priority"], rule["CreateTime"]) == (110, "2019-01-02T03:04:05Z")
