"""
Security groups that calls create, change and delete.
"""

from __future__ import annotations

from typing import Any

import pytest

from alicloud_ingress.testing import FakeEcs
from alicloud_ingress.testing.groups import MAX_GROUPS
from alicloud_ingress.testing.state import ACCOUNT
from fake.front import Front

CREATE = "CreateSecurityGroup"
DELETE = "DeleteSecurityGroup"
CHANGE = "ModifySecurityGroupAttribute"
VPC = {"VpcId": "vpc-1"}


def create(front: Front, **parameters: str) -> str:
    """Create a group and return its ID."""
    return str(front.call(CREATE, **{**VPC, **parameters}).json()["SecurityGroupId"])


def listed(front: Front, group: str) -> list[dict[str, Any]]:
    """The group in the answer to DescribeSecurityGroups."""
    answer = front.call("DescribeSecurityGroups", group).json()
    return list(answer["SecurityGroups"]["SecurityGroup"])


def test_a_group_is_created_with_the_given_attributes(front: Front) -> None:
    group = create(
        front,
        SecurityGroupName="web-1.eu:a_b",
        Description="shop",
        ResourceGroupId="rg-1",
        **{"Tag.1.Key": "team", "Tag.1.Value": "shop", "Tag.2.Key": "empty"},
    )

    (shown,) = listed(front, group)

    assert group.startswith("sg-")
    assert shown["SecurityGroupName"] == "web-1.eu:a_b"
    assert shown["Description"] == "shop"
    assert shown["ResourceGroupId"] == "rg-1"
    assert (shown["SecurityGroupType"], shown["VpcId"]) == ("normal", "vpc-1")
    assert shown["Tags"]["Tag"] == [
        {"TagKey": "team", "TagValue": "shop"},
        {"TagKey": "empty", "TagValue": ""},
    ]
    assert shown["CreationTime"].endswith("Z")
    made = front.fake.groups[group]
    assert (made.account, made.region) == (ACCOUNT, "cn-hangzhou")
    assert made.rules == {}


def test_members_of_an_advanced_group_are_isolated(front: Front) -> None:
    basic = create(front)
    advanced = create(front, SecurityGroupType="enterprise")

    policies = [
        front.call("DescribeSecurityGroupAttribute", group).json()["InnerAccessPolicy"]
        for group in (basic, advanced)
    ]

    assert policies == ["Accept", "Drop"]


def test_a_repeated_token_returns_the_same_group(front: Front) -> None:
    first = create(front, ClientToken="t")
    again = create(front, ClientToken="t")
    front.fake.load(front.fake.dump())
    later = create(front, ClientToken="t")
    other = front.code(CREATE, **VPC, ClientToken="t", Description="other")

    assert first == again == later
    assert list(front.fake.groups) == [first]
    assert other == (400, "IdempotentParameterMismatch")


@pytest.mark.parametrize(
    ("parameters", "refusal"),
    [
        ({"RegionId": ""}, (400, "MissingRegionId")),
        ({"RegionId": "nowhere"}, (404, "InvalidRegionId.NotFound")),
        ({"VpcId": ""}, (403, "InvalidVpcId.NotFound")),
        ({"VpcId": "none"}, (404, "InvalidVpcId.NotFound")),
        ({"SecurityGroupType": "big"}, (400, "InvalidParams.GroupType")),
        ({"SecurityGroupName": "a"}, (400, "InvalidSecurityGroupName.Malformed")),
        ({"SecurityGroupName": "1web"}, (400, "InvalidSecurityGroupName.Malformed")),
        ({"SecurityGroupName": "a b"}, (400, "InvalidSecurityGroupName.Malformed")),
        (
            {"SecurityGroupName": "a" * 129},
            (400, "InvalidSecurityGroupName.Malformed"),
        ),
        (
            {"SecurityGroupName": "http://a"},
            (400, "InvalidSecurityGroupName.Malformed"),
        ),
        ({"Description": "d"}, (400, "InvalidDescription.Malformed")),
        ({"Description": "d" * 257}, (400, "InvalidDescription.Malformed")),
        ({"Description": "https://d"}, (400, "InvalidDescription.Malformed")),
        ({"Tag.1.Key": ""}, (400, "InvalidTagKey.Malformed")),
        ({"Tag.1.Key": "acs:a"}, (400, "InvalidTagKey.Malformed")),
        ({"Tag.1.Key": "k" * 129}, (400, "InvalidTagKey.Malformed")),
        (
            {"Tag.1.Key": "k", "Tag.1.Value": "http://v"},
            (400, "InvalidTagValue.Malformed"),
        ),
        ({"Tag.1.Key": "k", "Tag.2.Key": "k"}, (400, "Duplicate.TagKey")),
        (
            {f"Tag.{n}.Key": f"k{n}" for n in range(1, 22)},
            (403, "QuotaExceed.Tags"),
        ),
        ({"SecurityGroupId": "sg-1"}, (400, "InvalidParameter")),
    ],
)
def test_an_invalid_group_is_refused(
    front: Front, parameters: dict[str, str], refusal: tuple[int, str]
) -> None:
    assert front.code(CREATE, **{**VPC, **parameters}) == refusal
    assert front.fake.groups == {}


def test_a_chinese_name_of_maximum_length_is_accepted(front: Front) -> None:
    name = "安" * 128

    (shown,) = listed(front, create(front, SecurityGroupName=name))

    assert shown["SecurityGroupName"] == name


def test_an_account_can_have_100_groups_in_a_region(front: Front) -> None:
    for _ in range(MAX_GROUPS - 1):
        front.fake.new_group()
    front.fake.new_group(region="cn-beijing")
    front.fake.new_group(account="42")

    assert front.code(CREATE, **VPC)[0] == 200
    assert front.code(CREATE, **VPC) == (403, "QuotaExceed.SecurityGroup")
    elsewhere = front.code(CREATE, **VPC, RegionId="cn-shanghai")
    assert elsewhere == (200, "")


def test_a_group_is_deleted_with_its_rules(front: Front) -> None:
    group = create(front)
    front.authorize(group)

    assert front.code(DELETE, group) == (200, "")

    assert front.fake.groups == {}
    assert front.code(DELETE, group) == (404, "InvalidSecurityGroup.NotFound")
    assert front.code("DescribeSecurityGroupAttribute", group)[0] == 404


@pytest.mark.parametrize(
    ("action", "end"),
    [
        ("AuthorizeSecurityGroup", "SourceGroupId"),
        ("AuthorizeSecurityGroupEgress", "DestGroupId"),
    ],
)
def test_a_group_referenced_by_another_cannot_be_deleted(
    front: Front, action: str, end: str
) -> None:
    group, other = create(front), create(front)
    rule = {"IpProtocol": "tcp", "PortRange": "1/1", end: group}
    front.call(action, other, **{f"Permissions.1.{n}": v for n, v in rule.items()})

    refused = front.code(DELETE, group)
    front.call(DELETE, other)

    assert refused == (403, "DependencyViolation")
    assert front.code(DELETE, group) == (200, "")


@pytest.mark.parametrize(
    ("state", "refusal"),
    [
        (
            {"service_managed": True},
            (403, "InvalidOperation.ResourceManagedByCloudProduct"),
        ),
        ({"operable": False}, (401, "InvalidOperation.SecurityGroupNotAuthorized")),
        ({"account": "42"}, (404, "InvalidSecurityGroup.NotFound")),
        ({"region": "cn-beijing"}, (404, "InvalidSecurityGroup.NotFound")),
    ],
)
def test_deleting_a_group_without_permission_is_refused(
    front: Front, state: dict[str, object], refusal: tuple[int, str]
) -> None:
    group = front.fake.new_group()
    for name, value in state.items():
        setattr(front.fake.groups[group], name, value)

    assert front.code(DELETE, group) == refusal
    assert group in front.fake.groups


def test_each_action_reports_a_missing_region_its_own_way(front: Front) -> None:
    missing = front.code(DELETE, front.fake.new_group(), RegionId="")

    assert missing == (400, "MissingParameter.RegionId")


def test_name_and_description_are_changed_one_by_one(front: Front) -> None:
    group = create(front, SecurityGroupName="web", Description="old one")

    front.call(CHANGE, group, Description="new one")
    front.call(CHANGE, group, SecurityGroupName="shop", Description="")

    (shown,) = listed(front, group)
    assert (shown["SecurityGroupName"], shown["Description"]) == ("shop", "new one")


@pytest.mark.parametrize(
    ("parameters", "refusal"),
    [
        ({"SecurityGroupName": "-"}, (400, "InvalidSecurityGroupName.Malformed")),
        ({"Description": "d"}, (400, "InvalidSecurityGroupDiscription.Malformed")),
        ({"VpcId": "vpc-2"}, (400, "InvalidParameter")),
        ({"SecurityGroupId": "sg-none"}, (404, "InvalidSecurityGroupId.NotFound")),
    ],
)
def test_an_invalid_change_is_refused(
    front: Front, parameters: dict[str, str], refusal: tuple[int, str]
) -> None:
    group = create(front, SecurityGroupName="web", Description="old one")
    before = front.fake.dump()

    assert front.code(CHANGE, **{"SecurityGroupId": group, **parameters}) == refusal
    assert front.fake.dump() == before


def test_regions_with_groups_are_listed_with_the_others(front: Front) -> None:
    front.fake.new_group(region="cn-nowhere-1")

    answer = front.call("DescribeRegions", AcceptLanguage="en-US").json()

    regions = {each["RegionId"]: each for each in answer["Regions"]["Region"]}
    assert regions["cn-nowhere-1"]["LocalName"] == "cn-nowhere-1"
    assert regions["eu-central-1"]["LocalName"] == "Germany (Frankfurt)"
    assert front.code("DescribeRegions", Nonsense="1") == (400, "InvalidParameter")


def test_a_test_can_choose_the_group_id(front: Front) -> None:
    assert front.fake.new_group(id="sg-web") == "sg-web"

    assert [each["SecurityGroupId"] for each in listed(front, "sg-web")] == ["sg-web"]


@pytest.mark.parametrize("wrong", ["web", "sg-", "sg web", "sgr-1"])
def test_a_group_id_of_another_form_is_refused(wrong: str) -> None:
    with pytest.raises(ValueError, match="is not a security group ID"):
        FakeEcs().new_group(id=wrong)


def test_a_group_id_is_used_once() -> None:
    fake = FakeEcs()
    number = int(fake.new_group().partition("-")[2])
    for later in range(number + 1, number + 4):
        fake.new_group(id=f"sg-{later:08d}")

    with pytest.raises(ValueError, match="already"):
        fake.new_group(id=f"sg-{number:08d}")
    assert len({fake.new_group() for _ in range(3)} | {*fake.groups}) == 7
