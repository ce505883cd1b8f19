"""
The calls that only read.
"""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from fake.front import SSH, Front

DESCRIBE = "DescribeSecurityGroupAttribute"
GROUPS = "DescribeSecurityGroups"


def test_rules_come_in_pages(front: Front) -> None:
    """Each rule once, in order; the last page has no token."""
    group = front.fake.new_group()
    made = [
        front.fake.add_rule(group, **{**SSH, "PortRange": f"{n}/{n}"})
        for n in range(1, 26)
    ]
    seen: list[str] = []
    sizes: list[int] = []
    token = ""
    while True:
        more = {"NextToken": token} if token else {}
        page = front.call(DESCRIBE, group, MaxResults="10", **more).json()
        rules = page["Permissions"]["Permission"]
        sizes.append(len(rules))
        seen += [rule["SecurityGroupRuleId"] for rule in rules]
        token = page["NextToken"]
        if not token:
            break

    assert sizes == [10, 10, 5]
    assert seen == made


def test_a_page_holds_500_rules_by_default(front: Front) -> None:
    """A reader that does not page misses the rest."""
    group = front.fake.new_group()
    for number in range(1, 502):
        front.fake.add_rule(group, **{**SSH, "PortRange": f"{number}/{number}"})

    assert len(front.shown(group)) == 500
    assert len(front.shown(group, MaxResults="1000")) == 501


@pytest.mark.parametrize(
    ("parameters", "refusal"),
    [
        ({"MaxResults": "9"}, (400, "InvalidParamter")),
        ({"MaxResults": "1001"}, (400, "InvalidParamter")),
        ({"MaxResults": "many"}, (400, "InvalidParamter")),
        ({"NextToken": "x"}, (400, "InvalidParamter")),
        ({"Direction": "in"}, (400, "InvalidParamter")),
        ({"NicType": "wifi"}, (400, "InvalidNicType.ValueNotSupported")),
        ({"Attribute": "all"}, (400, "InvalidParameter.AttributeNotSupported")),
        ({"RegionId": ""}, (400, "MissingParameter.RegionId")),
        ({"RegionId": "Nowhere"}, (404, "InvalidRegionId.NotFound")),
        ({"SecurityGroupId": ""}, (400, "MissingSecurityGroupId")),
        ({"SecurityGroupId": "a group"}, (400, "InvalidSecurityGroupId.Malformed")),
        ({"SecurityGroupId": "sg-none"}, (404, "InvalidSecurityGroupId.NotFound")),
        ({"RegionId": "cn-beijing"}, (404, "InvalidSecurityGroupId.NotFound")),
    ],
)
def test_describe_refuses_invalid_parameters(
    front: Front, parameters: dict[str, str], refusal: tuple[int, str]
) -> None:
    """With the codes of its documentation page."""
    given = {"SecurityGroupId": front.fake.new_group(), **parameters}

    assert front.code(DESCRIBE, **given) == refusal


def test_describe_can_be_limited_to_one_direction(front: Front) -> None:
    """Both directions are shown unless one is named."""
    group = front.fake.new_group()
    front.fake.add_rule(group, **SSH)
    front.fake.add_rule(group, Direction="egress", DestCidrIp="0.0.0.0/0")

    directions = {
        asked: [rule["Direction"] for rule in front.shown(group, Direction=asked)]
        for asked in ("ingress", "egress", "all")
    }

    assert directions == {
        "ingress": ["ingress"],
        "egress": ["egress"],
        "all": ["ingress", "egress"],
    }


def test_a_classic_group_shows_one_interface_per_call(front: Front) -> None:
    """The internet by default; in a VPC every rule is intranet."""
    classic, vpc = front.fake.new_group(vpc_id=""), front.fake.new_group()
    for nic_type in ("internet", "intranet"):
        front.fake.add_rule(classic, **SSH, NicType=nic_type)
    front.fake.add_rule(vpc, **SSH, NicType="internet")

    assert [r["NicType"] for r in front.shown(classic)] == ["internet"]
    shown = front.shown(classic, NicType="intranet")
    assert [r["NicType"] for r in shown] == ["intranet"]
    assert [r["NicType"] for r in front.shown(vpc)] == ["intranet"]


def test_groups_are_filtered_by_their_attributes(front: Front) -> None:
    """Each filter alone; an unknown ID is not an error."""
    plain = front.fake.new_group(name="web", tags={"team": "a"})
    other = front.fake.new_group(
        kind="enterprise", vpc_id="vpc-2", service_managed=True, tags={"team": "b"}
    )
    classic = front.fake.new_group(vpc_id="")
    front.fake.new_group(region="cn-beijing")
    front.fake.new_group(account="1000000000000002")

    def found(**filters: str) -> list[str]:
        answer = front.call(GROUPS, **filters).json()
        return [g["SecurityGroupId"] for g in answer["SecurityGroups"]["SecurityGroup"]]

    assert found() == [plain, other, classic]
    assert found(SecurityGroupId=other) == [other]
    assert found(SecurityGroupId="sg-none") == []
    assert found(SecurityGroupIds=json.dumps([plain, classic])) == [plain, classic]
    assert found(SecurityGroupName="web") == [plain]
    assert found(SecurityGroupType="enterprise") == [other]
    assert found(VpcId="vpc-2") == [other]
    assert found(NetworkType="classic") == [classic]
    assert found(ServiceManaged="true") == [other]
    assert found(**{"Tag.1.Key": "team"}) == [plain, other]
    assert found(**{"Tag.1.Key": "team", "Tag.1.Value": "b"}) == [other]


def test_groups_are_paged_by_number_or_by_token(front: Front) -> None:
    """By number with a count, or by token without one."""
    made = [front.fake.new_group() for _ in range(25)]

    numbered = front.call(GROUPS, PageNumber="3").json()
    first = front.call(GROUPS, MaxResults="20").json()
    second = front.call(GROUPS, MaxResults="20", NextToken=first["NextToken"]).json()

    def ids(answer: dict[str, dict[str, list[dict[str, str]]]]) -> list[str]:
        return [g["SecurityGroupId"] for g in answer["SecurityGroups"]["SecurityGroup"]]

    assert (numbered["TotalCount"], ids(numbered)) == (25, made[20:])
    assert ids(first) + ids(second) == made
    assert "TotalCount" not in first
    assert second["NextToken"] == ""
    assert front.code(GROUPS, MaxResults="101") == (400, "InvalidParamter")
    assert front.code(GROUPS, RegionId="") == (400, "MissingRegionId")
    assert front.code(GROUPS, DryRun="true") == (400, "DryRunOperation")
    assert front.code(GROUPS, SecurityGroupIds="sg-1")[0] == 400


def test_a_summary_counts_rules(front: Front) -> None:
    """Rules with a group as source are also counted separately."""
    group, source = front.fake.new_group(), front.fake.new_group()
    front.fake.add_rule(group, **SSH)
    named = {"SourceCidrIp": "", "SourceGroupId": source}
    front.fake.add_rule(group, **{**SSH, **named})

    answer = front.call(GROUPS, SecurityGroupId=group).json()

    (summary,) = answer["SecurityGroups"]["SecurityGroup"]
    assert (summary["RuleCount"], summary["GroupToGroupRuleCount"]) == (2, 1)
    assert summary["ServiceManaged"] is False
    references = front.call(
        "DescribeSecurityGroupReferences",
        **{"SecurityGroupId.1": source, "SecurityGroupId.2": group},
    ).json()["SecurityGroupReferences"]["SecurityGroupReference"]
    assert [each["SecurityGroupId"] for each in references] == [source]
    naming = references[0]["ReferencingSecurityGroups"]["ReferencingSecurityGroup"]
    assert naming == [
        {"AliUid": "1000000000000001", "SecurityGroupId": group},
    ]


def test_prefix_lists_show_their_entries(front: Front) -> None:
    """One list by address family, its blocks by ID."""
    four = front.fake.new_prefix_list("10.0.0.0/8", "192.0.2.0/24", name="office")
    six = front.fake.new_prefix_list("2001:db8::/32")

    lists = front.call("DescribePrefixLists").json()["PrefixLists"]["PrefixList"]
    sixes = front.call("DescribePrefixLists", AddressFamily="IPv6").json()
    named = front.call("DescribePrefixLists", **{"PrefixListId.1": four}).json()
    one = front.call("DescribePrefixListAttributes", PrefixListId=four).json()

    assert [each["PrefixListId"] for each in lists] == [four, six]
    assert [e["PrefixListId"] for e in sixes["PrefixLists"]["PrefixList"]] == [six]
    assert named["PrefixLists"]["PrefixList"][0]["PrefixListName"] == "office"
    assert [entry["Cidr"] for entry in one["Entries"]["Entry"]] == [
        "10.0.0.0/8",
        "192.0.2.0/24",
    ]
    none = front.code("DescribePrefixListAttributes", PrefixListId="pl-none")
    assert none == (404, "InvalidPrefixListId.NotFound")


def test_port_lists_show_their_entries(front: Front) -> None:
    """Here the API has plain lists."""
    web = front.fake.new_port_range_list("80/80", "443/443", most_entries=7)

    (shown,) = front.call("DescribePortRangeLists").json()["PortRangeLists"]
    entries = front.call("DescribePortRangeListEntries", PortRangeListId=web).json()

    assert (shown["PortRangeListId"], shown["MaxEntries"]) == (web, 7)
    assert [each["PortRange"] for each in entries["Entries"]] == ["80/80", "443/443"]


def test_the_caller_identity_is_the_keys_account(front: Front) -> None:
    """Where an account was named for the key."""
    front.fake.accounts["AK"] = "42"
    signed = {
        "x-acs-action": "GetCallerIdentity",
        "accept": "application/json",
        "authorization": "ACS3-HMAC-SHA256 Credential=AK,SignedHeaders=x,Signature=0",
    }

    named = front.session.post(front.url, headers=signed, timeout=10).json()
    unnamed = front.session.post(
        front.url, headers={**signed, "authorization": ""}, timeout=10
    ).json()

    assert (named["AccountId"], unnamed["AccountId"]) == ("42", "1000000000000001")


def test_state_can_be_dumped_and_loaded(front: Front) -> None:
    """Nothing is lost, and no ID is used again."""
    fake = front.fake
    group = fake.new_group(tags={"a": "b"})
    fake.new_prefix_list("10.0.0.0/8")
    fake.new_port_range_list("80/80")
    front.authorize(group)
    fake.groups[group] = replace(fake.groups[group], operable=False)
    before = fake.dump()

    fake.load("""{"groups": {}, "prefix_lists": {}, "port_range_lists": {},
                  "tokens": {}}""")
    assert fake.groups == {}
    fake.load(before)

    assert json.loads(fake.dump()) == json.loads(before)
    assert fake.new_group() != group


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"groups": 7}', "null"])
def test_invalid_state_is_refused(front: Front, text: str) -> None:
    """The fake is not changed."""
    group = front.fake.new_group()

    with pytest.raises(ValueError, match="not a state of the fake") as caught:
        front.fake.load(text)
    assert "Error" not in str(caught.value)

    assert group in front.fake.groups
