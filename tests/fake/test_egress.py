"""
Outbound rules: made, changed and deleted as inbound ones, and invisible to their calls.
"""

from __future__ import annotations

import pytest

from alicloud_ingress.testing import Behaviour
from fake.front import SSH, Front

AUTHORIZE = "AuthorizeSecurityGroupEgress"
REVOKE = "RevokeSecurityGroupEgress"
MODIFY = "ModifySecurityGroupEgressRule"
OUT = {"IpProtocol": "tcp", "PortRange": "443/443", "DestCidrIp": "10.0.0.0/8"}


def entry(number: int = 1, /, **changes: str) -> dict[str, str]:
    """The parameters of one entry; a field changed to "" is left out."""
    fields = {name: value for name, value in {**OUT, **changes}.items() if value}
    return {f"Permissions.{number}.{name}": value for name, value in fields.items()}


def test_an_outbound_rule_is_shown_with_its_destination(front: Front) -> None:
    group = front.fake.new_group()

    assert front.code(AUTHORIZE, group, **entry(Description="out")) == (200, "")

    (rule,) = front.shown(group, Direction="egress")
    assert rule["Direction"] == "egress"
    assert (rule["DestCidrIp"], rule["SourceCidrIp"]) == ("10.0.0.0/8", "")
    assert (rule["IpProtocol"], rule["PortRange"]) == ("TCP", "443/443")
    assert (rule["Policy"], rule["Priority"]) == ("Accept", 1)
    assert (rule["Description"], rule["NicType"]) == ("out", "intranet")
    assert rule["SecurityGroupRuleId"].startswith("sgr-")


@pytest.mark.parametrize(
    ("destination", "field"),
    [
        ({"Ipv6DestCidrIp": "2001:db8::/32"}, "Ipv6DestCidrIp"),
        ({"DestGroupId": "{group}"}, "DestGroupId"),
        ({"DestPrefixListId": "{list}"}, "DestPrefixListId"),
    ],
)
def test_each_kind_of_destination_is_accepted(
    front: Front, destination: dict[str, str], field: str
) -> None:
    fake = front.fake
    group, other = fake.new_group(), fake.new_group(name="other")
    prefixes = fake.new_prefix_list("10.0.0.0/8", name="offices")
    given = {
        name: value.format(group=other, list=prefixes)
        for name, value in destination.items()
    }

    code = front.code(AUTHORIZE, group, **entry(DestCidrIp="", **given))

    assert code == (200, "")
    (rule,) = front.shown(group)
    assert rule[field] == given[field]
    assert rule["DestGroupName"] == ("other" if field == "DestGroupId" else "")
    listed = field == "DestPrefixListId"
    assert rule["DestPrefixListName"] == ("offices" if listed else "")
    revoked = front.code(REVOKE, group, **entry(DestCidrIp="", **given))
    assert (revoked, fake.rules(group)) == ((200, ""), {})


def test_the_source_is_part_of_an_outbound_rule(front: Front) -> None:
    group = front.fake.new_group()
    sources: tuple[dict[str, str], ...] = (
        {},
        {"SourceCidrIp": "192.168.0.0/16"},
        {"SourcePortRange": "1/99"},
    )
    for source in sources:
        front.call(AUTHORIZE, group, **entry(**source))

    front.call(REVOKE, group, **entry(**sources[1]))

    left = [
        (rule["SourceCidrIp"], rule["SourcePortRange"])
        for rule in front.fake.rules(group).values()
    ]
    assert left == [("", ""), ("", "1/99")]


def test_an_outbound_rule_is_revoked_by_its_id(front: Front) -> None:
    group = front.fake.new_group()
    front.call(AUTHORIZE, group, **entry())
    (rule_id,) = front.fake.rules(group)

    first = front.code(REVOKE, group, **{"SecurityGroupRuleId.1": rule_id})
    second = front.code(REVOKE, group, **{"SecurityGroupRuleId.1": rule_id})

    assert first == (200, "")
    assert second == (400, "InvalidSecurityGroupRule.RuleNotExist")


def test_an_outbound_rule_is_changed_by_its_id(front: Front) -> None:
    group = front.fake.new_group()
    front.call(AUTHORIZE, group, **entry())
    (rule_id,) = front.fake.rules(group)

    changed = front.code(
        MODIFY, group, SecurityGroupRuleId=rule_id, DestCidrIp="10.9.0.0/16"
    )
    kind = front.code(MODIFY, group, SecurityGroupRuleId=rule_id, Ipv6DestCidrIp="::/0")

    assert changed == (200, "")
    assert kind == (400, "InvalidOperation.ModifySgRuleEntityType")
    ((left, rule),) = front.fake.rules(group).items()
    assert (left, rule["DestCidrIp"]) == (rule_id, "10.9.0.0/16")
    assert (rule["Direction"], rule["SourceCidrIp"]) == ("egress", "")


def test_calls_for_inbound_rules_ignore_outbound_ones(
    front: Front,
) -> None:
    group = front.fake.new_group()
    both = {"SourceCidrIp": "10.1.0.0/16", "DestCidrIp": "10.2.0.0/16"}
    front.call(AUTHORIZE, group, **entry(**both))
    (outbound,) = front.fake.rules(group)
    by_id = {"SecurityGroupRuleId.1": outbound}

    assert front.shown(group, Direction="ingress") == []
    assert front.code("RevokeSecurityGroup", group, **by_id)[0] == 404
    same = {f"Permissions.1.{n}": v for n, v in {**OUT, **both}.items()}
    assert front.code("RevokeSecurityGroup", group, **same) == (200, "")
    modify = {"SecurityGroupRuleId": outbound, "PortRange": "1/1"}
    assert front.code("ModifySecurityGroupRule", group, **modify)[0] == 404
    assert list(front.fake.rules(group)) == [outbound]

    assert front.code("AuthorizeSecurityGroup", group, **same) == (200, "")
    assert len(front.shown(group, Direction="ingress")) == 1
    assert [r["Direction"] for r in front.fake.rules(group).values()] == [
        "egress",
        "ingress",
    ]


def test_calls_for_outbound_rules_ignore_inbound_ones(
    front: Front,
) -> None:
    group = front.fake.new_group()
    inbound = front.fake.add_rule(group, **{**SSH, "DestCidrIp": "10.9.0.0/16"})
    same = entry(PortRange="22/22", DestCidrIp="10.9.0.0/16", SourceCidrIp="10.0.0.0/8")

    assert front.code(REVOKE, group, **same) == (200, "")
    by_id = {"SecurityGroupRuleId.1": inbound}
    assert front.code(REVOKE, group, **by_id)[1].endswith("RuleNotExist")
    named = {"SecurityGroupRuleId": inbound, "PortRange": "1/1"}
    assert front.code(MODIFY, group, **named)[0] == 404

    assert list(front.fake.rules(group)) == [inbound]


def test_an_outbound_rule_made_twice_exists_once(front: Front) -> None:
    group = front.fake.new_group()

    codes = [front.code(AUTHORIZE, group, **entry()) for _ in range(2)]
    twice = front.code(AUTHORIZE, group, **entry(1), **entry(2))

    assert codes == [(200, "")] * 2
    assert twice == (400, "InvalidParam.DuplicatePermissions")
    assert len(front.fake.rules(group)) == 1


def test_a_repeated_token_makes_one_outbound_rule(front: Front) -> None:
    group = front.fake.new_group()
    front.call(AUTHORIZE, group, ClientToken="t", **entry())
    (rule_id,) = front.fake.rules(group)
    front.fake.remove_rule(group, rule_id)

    again = front.code(AUTHORIZE, group, ClientToken="t", **entry())
    other = front.code(AUTHORIZE, group, ClientToken="t", **entry(Priority="2"))

    assert (again, front.fake.rules(group)) == ((200, ""), {})
    assert other == (400, "IdempotentParameterMismatch")


@pytest.mark.parametrize(
    ("changes", "code", "words"),
    [
        ({"DestCidrIp": ""}, "MissingParameter.Dest", "DestPrefixListId in Permis"),
        ({"DestCidrIp": "no"}, "InvalidParam.DestCidrIp", "Permissions.1.DestCidrIp"),
        ({"SourceCidrIp": "no"}, "InvalidParam.SourceCidrIp", "1.SourceCidrIp"),
        ({"SourcePortRange": "no"}, "InvalidSourcePortRange.Malformed", "SourcePort"),
        ({"Ipv6DestCidrIp": "::/0"}, "InvalidParam.DestIp", "DestCidrIp and Ipv6Dest"),
        ({"SourceGroupId": "sg-1"}, "InvalidParameter", "Permissions.1.SourceGroupId"),
        (
            {"DestCidrIp": "", "DestGroupId": "sg-none"},
            "InvalidDestGroupId.NotFound",
            "DestGroupId provided",
        ),
        (
            {"SourceCidrIp": "10.0.0.0/8"},
            "InvalidParamter.Conflict",
            "SourceCidrIp should be different from the DestCidrIp",
        ),
        ({"Policy": "no"}, "InvalidPolicy.Malformed", "Permissions.1.Policy"),
    ],
)
def test_refusals_name_the_destination(
    front: Front, changes: dict[str, str], code: str, words: str
) -> None:
    group = front.fake.new_group()

    refused = front.call(AUTHORIZE, group, **entry(**changes)).json()

    assert refused["Code"] == code
    assert words in refused["Message"]
    assert front.fake.rules(group) == {}


def test_the_flat_form_takes_a_destination(front: Front) -> None:
    group = front.fake.new_group()

    none = front.call(AUTHORIZE, group, IpProtocol="tcp", PortRange="1/1").json()
    made = front.code(AUTHORIZE, group, **OUT)

    assert none["Message"].startswith("The input parameter DestGroupId or DestCidrIp")
    assert made == (200, "")
    assert len(front.shown(group, Direction="egress")) == 1


def test_the_destination_group_of_a_rule_is_referenced(front: Front) -> None:
    group, other = front.fake.new_group(), front.fake.new_group()
    front.call(AUTHORIZE, group, **entry(DestCidrIp="", DestGroupId=other))

    named = {"SecurityGroupId.1": other}
    found = front.call("DescribeSecurityGroupReferences", **named).json()

    ((reference,),) = found["SecurityGroupReferences"].values()
    ((by,),) = reference["ReferencingSecurityGroups"].values()
    assert by["SecurityGroupId"] == group


def test_both_directions_share_the_quota(front: Front) -> None:
    group = front.fake.new_group()
    front.fake.groups[group].most_rules = 2
    front.fake.add_rule(group, **SSH)

    codes = [
        front.code(AUTHORIZE, group, **entry(Priority=priority))
        for priority in ("1", "2")
    ]

    assert codes == [(200, ""), (403, "AuthorizationLimitExceed")]


def test_the_api_shows_outbound_rules_added_by_a_test(front: Front) -> None:
    group = front.fake.new_group()
    by_hand = {**OUT, "IpProtocol": "TCP", "Direction": "egress"}
    rule_id = front.fake.add_rule(group, **by_hand)

    front.call(MODIFY, group, SecurityGroupRuleId=rule_id, Description="found")
    (rule,) = front.fake.rules(group).values()
    front.call(REVOKE, group, **entry())

    assert rule["Description"] == "found"
    assert front.fake.rules(group) == {}


def test_a_dump_of_the_state_keeps_outbound_rules(front: Front) -> None:
    group, other = front.fake.new_group(), front.fake.new_group()
    front.call(AUTHORIZE, group, **entry(DestCidrIp="", DestGroupId=other))
    before = front.fake.rules(group)

    front.fake.load(front.fake.dump())

    assert front.fake.rules(group) == before
    named = entry(DestCidrIp="", DestGroupId=other)
    assert front.code(REVOKE, group, **named) == (200, "")
    assert front.fake.rules(group) == {}


@pytest.mark.parametrize("refused", [True, False])
def test_settings_apply_to_both_directions(front: Front, *, refused: bool) -> None:
    front.fake.behaviour = Behaviour(revoke_without_match_is_refused=refused)

    status, code = front.code(REVOKE, front.fake.new_group(), **entry())

    gone = "InvalidSecurityGroupRule.RuleNotExist"
    assert (status, code) == ((400, gone) if refused else (200, ""))
