"""
What the documentation leaves open: each setting with both values, over both fronts.
"""

from __future__ import annotations

import json
from dataclasses import fields
from pathlib import Path

import pytest

from alicloud_ingress.testing import Behaviour
from fake.front import SSH, Front, entry

AUTHORIZE = "AuthorizeSecurityGroup"
REVOKE = "RevokeSecurityGroup"
MODIFY = "ModifySecurityGroupRule"


def test_each_setting_has_a_test_here() -> None:
    """A setting without a test is not promised."""
    text = Path(__file__).read_text(encoding="utf-8")

    assert [f.name for f in fields(Behaviour) if f"{f.name}=" not in text] == []


@pytest.mark.parametrize("refused", [False, True])
def test_a_revoke_without_match_succeeds_or_is_refused(
    front: Front, *, refused: bool
) -> None:
    front.fake.behaviour = Behaviour(revoke_without_match_is_refused=refused)

    code = front.code(REVOKE, front.fake.new_group(), **entry())

    gone = (400, "InvalidSecurityGroupRule.RuleNotExist")
    assert code == (gone if refused else (200, ""))


def test_an_unknown_rule_id_has_one_of_two_codes(front: Front) -> None:
    """404 as in the table of 2024, or 400 as announced since."""
    group = front.fake.new_group()
    named = {"SecurityGroupRuleId.1": "sgr-none"}

    before = front.code(REVOKE, group, **named)
    front.fake.behaviour = Behaviour(unknown_rule_id="not valid")
    since = front.code(REVOKE, group, **named)

    assert before == (404, "InvalidSecurityGroupRuleId.NotFound")
    assert since == (400, "InvalidParam.SecurityGroupRuleId")


@pytest.mark.parametrize("atomic", [True, False])
def test_a_bad_entry_undoes_its_batch_or_ends_it(front: Front, *, atomic: bool) -> None:
    """Nothing of the batch is done, or only what stands before the bad entry."""
    front.fake.behaviour = Behaviour(batches_are_atomic=atomic)
    group = front.fake.new_group()
    kept = front.fake.add_rule(group, **{**SSH, "Priority": "9"})

    bad = {**entry(1), **entry(2, Policy="no")}
    assert front.code(AUTHORIZE, group, **bad)[0] == 400
    authorized = len(front.fake.rules(group)) - 1
    named = {"SecurityGroupRuleId.1": kept, "SecurityGroupRuleId.2": "sgr-none"}
    assert front.code(REVOKE, group, **named)[0] == 404

    assert authorized == (0 if atomic else 1)
    assert (kept in front.fake.rules(group)) is atomic


@pytest.mark.parametrize("matches_any", [False, True])
def test_a_revoke_without_priority_matches_the_default_or_all(
    front: Front, *, matches_any: bool
) -> None:
    """The same holds for Policy."""
    front.fake.behaviour = Behaviour(omitted_matches_any=matches_any)
    group = front.fake.new_group()
    for more in ({}, {"Priority": "5"}, {"Policy": "drop"}):
        front.fake.add_rule(group, **{**SSH, **more})

    front.revoke(group)

    assert len(front.fake.rules(group)) == (0 if matches_any else 2)


@pytest.mark.parametrize("compared", [False, True])
def test_a_revoke_may_compare_the_description(front: Front, *, compared: bool) -> None:
    front.fake.behaviour = Behaviour(revoke_compares_description=compared)
    group = front.fake.new_group()
    front.fake.add_rule(group, **SSH, Description="one")

    front.revoke(group, Description="another")

    assert len(front.fake.rules(group)) == compared


@pytest.mark.parametrize("taken_over", [False, True])
def test_authorizing_an_existing_rule_may_change_its_description(
    front: Front, *, taken_over: bool
) -> None:
    """There is one rule in both cases."""
    front.fake.behaviour = Behaviour(authorize_takes_over_description=taken_over)
    group = front.fake.new_group()

    front.authorize(group, Description="one")
    front.authorize(group, Description="another")

    (rule,) = front.fake.rules(group).values()
    assert rule["Description"] == ("another" if taken_over else "one")


@pytest.mark.parametrize("again", [False, True])
def test_a_repeated_revoke_with_its_token_succeeds_or_is_refused(
    front: Front, *, again: bool
) -> None:
    """It is answered as the first time, or as a new call."""
    front.fake.behaviour = Behaviour(repeated_revoke_is_judged_anew=again)
    group = front.fake.new_group()
    rule_id = front.fake.add_rule(group, **SSH)
    named = {"SecurityGroupRuleId.1": rule_id, "ClientToken": "t"}

    statuses = [front.code(REVOKE, group, **named)[0] for _ in range(2)]

    assert statuses == [200, 404 if again else 200]


@pytest.mark.parametrize("refused", [False, True])
def test_a_modify_without_a_change_succeeds_or_is_refused(
    front: Front, *, refused: bool
) -> None:
    """A rule may be called the duplicate of itself; a new description is a change."""
    front.fake.behaviour = Behaviour(modify_without_change_is_refused=refused)
    group = front.fake.new_group()
    rule_id = front.fake.add_rule(group, **SSH)

    codes = [
        front.code(MODIFY, group, SecurityGroupRuleId=rule_id, **fields)[1]
        for fields in ({"Description": "new"}, {"Description": "new"})
    ]

    assert codes == ["", "InvalidOperation.RuleDuplicate" if refused else ""]


@pytest.mark.parametrize("equals", [True, False])
def test_an_address_and_its_block_are_one_rule_or_two(
    front: Front, *, equals: bool
) -> None:
    front.fake.behaviour = Behaviour(address_equals_its_block=equals)
    group = front.fake.new_group()

    for source in ("192.0.2.1", "192.0.2.1/32"):
        front.authorize(group, SourceCidrIp=source)

    shown = {rule["SourceCidrIp"] for rule in front.shown(group)}
    assert shown == ({"192.0.2.1"} if equals else {"192.0.2.1", "192.0.2.1/32"})


@pytest.mark.parametrize("masked", [False, True])
def test_host_bits_are_kept_or_masked(front: Front, *, masked: bool) -> None:
    """IPv6 is compressed in both cases."""
    front.fake.behaviour = Behaviour(host_bits_are_masked=masked)
    group = front.fake.new_group()

    front.authorize(group, SourceCidrIp="10.159.6.18/12")
    long = "2001:0db8:3c4d:0015:0000:0000:1a2f:1a2b/64"
    front.authorize(group, SourceCidrIp="", Ipv6SourceCidrIp=long)

    four, six = front.shown(group)
    assert four["SourceCidrIp"] == ("10.144.0.0/12" if masked else "10.159.6.18/12")
    assert six["Ipv6SourceCidrIp"] == (
        "2001:db8:3c4d:15::/64" if masked else "2001:db8:3c4d:15::1a2f:1a2b/64"
    )


@pytest.mark.parametrize("as_text", [False, True])
def test_a_priority_is_shown_as_number_or_text(front: Front, *, as_text: bool) -> None:
    """Recorded answers have both."""
    front.fake.behaviour = Behaviour(priority_is_shown_as_text=as_text)
    group = front.fake.new_group()
    front.authorize(group, Priority="7")

    assert front.shown(group)[0]["Priority"] == ("7" if as_text else 7)


@pytest.mark.parametrize("reset", [False, True])
def test_fields_omitted_in_a_modify_are_kept_or_reset(
    front: Front, *, reset: bool
) -> None:
    front.fake.behaviour = Behaviour(omitted_fields_are_reset=reset)
    group = front.fake.new_group()
    rule_id = front.fake.add_rule(group, **{**SSH, "Priority": "7", "Policy": "drop"})

    front.call(MODIFY, group, SecurityGroupRuleId=rule_id, PortRange="23/23")

    (rule,) = front.shown(group)
    assert rule["PortRange"] == "23/23"
    assert rule["SourceCidrIp"] == "10.0.0.0/8"
    expected = (1, "Accept") if reset else (7, "Drop")
    assert (rule["Priority"], rule["Policy"]) == expected


@pytest.mark.parametrize("named", [True, False])
def test_a_protocol_number_is_shown_as_name_or_number(
    front: Front, *, named: bool
) -> None:
    """Only some regions accept a number."""
    front.fake.behaviour = Behaviour(protocol_numbers_are_named=named)
    group = front.fake.new_group(region="cn-qingdao")
    region = {"RegionId": "cn-qingdao"}

    for number in ("6", "50"):
        ports = "22/22" if number == "6" else "-1/-1"
        sent = entry(IpProtocol=number, PortRange=ports)
        assert front.code(AUTHORIZE, group, **region, **sent) == (200, "")

    shown = [rule["IpProtocol"] for rule in front.shown(group, **region)]
    assert shown == ["TCP" if named else "6", "50"]
    elsewhere = front.code(AUTHORIZE, front.fake.new_group(), **entry(IpProtocol="6"))
    assert elsewhere == (400, "InvalidIpProtocol.ValueNotSupported")


@pytest.mark.parametrize("spelling", ["ICMPv6", "ICMPV6"])
def test_icmpv6_is_shown_in_one_of_two_spellings(front: Front, spelling: str) -> None:
    """The documentation does not say which."""
    front.fake.behaviour = Behaviour(icmpv6_is_shown_as=spelling)
    group = front.fake.new_group()
    front.authorize(
        group,
        IpProtocol="icmpv6",
        PortRange="-1/-1",
        SourceCidrIp="",
        Ipv6SourceCidrIp="::/0",
    )

    assert front.shown(group)[0]["IpProtocol"] == spelling


@pytest.mark.parametrize("ports", ["", "-1/-1"])
def test_a_rule_shows_its_port_list_whatever_its_ports(
    front: Front, ports: str
) -> None:
    front.fake.behaviour = Behaviour(port_range_of_a_list=ports)
    group = front.fake.new_group()
    list_id = front.fake.new_port_range_list("80/80", "443/443", name="web")

    front.authorize(group, PortRange="", PortRangeListId=list_id)

    (rule,) = front.shown(group)
    assert (rule["PortRange"], rule["PortRangeListId"]) == (ports, list_id)
    assert rule["PortRangeListName"] == "web"


def test_an_enterprise_group_refuses_the_configured_fields(front: Front) -> None:
    """Three fields, two, or none: the pages contradict one another."""
    group = front.fake.new_group(kind="enterprise")
    statuses: list[int] = []
    for refused in ({"Policy", "Priority"}, {"Policy"}, set[str]()):
        front.fake.behaviour = Behaviour(enterprise_refuses=frozenset(refused))
        statuses.append(front.authorize(group, Priority="2").status_code)

    assert statuses == [400, 200, 200]


@pytest.mark.parametrize("allowed", [True, False])
def test_an_enterprise_group_may_accept_default_values(
    front: Front, *, allowed: bool
) -> None:
    front.fake.behaviour = Behaviour(enterprise_allows_defaults=allowed)
    group = front.fake.new_group(kind="enterprise")

    codes = [
        front.code(AUTHORIZE, group, **entry(PortRange=f"{number}/{number}", **fields))
        for number, fields in enumerate(
            (
                {"Policy": "accept", "Priority": "1"},
                {"Policy": "Accept"},
                {"Policy": "drop", "Priority": "1"},
                {"Policy": "accept", "Priority": "2"},
            ),
            start=1,
        )
    ]

    refused = (400, "InvalidGroupParameter.OperationDenied")
    passed = (200, "") if allowed else refused
    assert codes == [passed, passed, refused, refused]


@pytest.mark.parametrize("refused", [True, False])
@pytest.mark.parametrize("vpc_id", ["vpc-1", ""])
def test_an_unknown_nic_type_is_refused_or_ignored(
    front: Front, vpc_id: str, *, refused: bool
) -> None:
    front.fake.behaviour = Behaviour(unknown_nic_type_is_refused=refused)
    group = front.fake.new_group(vpc_id=vpc_id)
    front.fake.add_rule(group, **SSH, NicType="internet")
    absent = front.shown(group)

    nil = front.shown(group, NicType="<nil>")
    other = front.code("DescribeSecurityGroupAttribute", group, NicType="public")

    assert nil == absent
    assert len(absent) == 1
    bad = (400, "InvalidNicType.ValueNotSupported")
    assert other == (bad if refused else (200, ""))


@pytest.mark.parametrize("taken", [True, False])
def test_entries_as_one_json_text_are_accepted_if_configured(
    front: Front, *, taken: bool
) -> None:
    front.fake.behaviour = Behaviour(permissions_as_json=taken)
    group = front.fake.new_group()
    rules = [{**SSH, "Priority": 7}, {**SSH, "PortRange": "80/80"}]

    code = front.code(AUTHORIZE, group, Permissions=json.dumps(rules))

    assert code == ((200, "") if taken else (400, "InvalidParameter"))
    shown = {(r["PortRange"], r["Priority"]) for r in front.fake.rules(group).values()}
    assert shown == ({("22/22", 7), ("80/80", 1)} if taken else set())


@pytest.mark.parametrize(
    "text", ["", "{", "7", "null", "[7]", '{"a": 1}', "[" * 5_000, '"x"', "[[]]"]
)
def test_entries_as_json_of_another_form_are_refused(front: Front, text: str) -> None:
    front.fake.behaviour = Behaviour(permissions_as_json=True)
    group = front.fake.new_group()

    code = front.code(AUTHORIZE, group, Permissions=text)

    assert code == (400, "InvalidParam.Permissions")
    both = {"Permissions": json.dumps([SSH]), **entry(2)}
    assert front.code(AUTHORIZE, group, **both)[1] == "InvalidParam.Permissions"
    many = json.dumps([{**SSH, "Priority": n} for n in range(1, 102)])
    assert front.code(AUTHORIZE, group, Permissions=many)[0] == 400
    odd = json.dumps([{**SSH, "Nonsense": 1}])
    assert front.code(AUTHORIZE, group, Permissions=odd) == (400, "InvalidParameter")
    assert front.fake.rules(group) == {}


@pytest.mark.parametrize("longest", [100, 100_000])
def test_a_long_url_gets_status_414(front: Front, longest: int) -> None:
    """An HTML page; the same call as a form is accepted."""
    front.fake.behaviour = Behaviour(longest_url=longest)
    group = front.fake.new_group()

    answer = front.authorize(group, Description="x" * 200)
    by_form = front.session.post(
        f"{front.url}/",
        {"RegionId": "cn-hangzhou", "SecurityGroupId": group, **entry()},
        headers={"x-acs-action": AUTHORIZE},
        timeout=10,
    )

    assert answer.status_code == (414 if longest == 100 else 200)
    assert answer.text.startswith("<html>") is (longest == 100)
    assert by_form.status_code == 200


def test_settings_go_to_json_and_back() -> None:
    default = Behaviour()

    assert Behaviour().changed(json.loads(json.dumps(default.to_json()))) == default
    assert default.to_json().keys() == {entry.name for entry in fields(Behaviour)}


@pytest.mark.parametrize(
    ("text", "name", "value"),
    [
        ("batches_are_atomic=false", "batches_are_atomic", False),
        ("omitted_matches_any=TRUE", "omitted_matches_any", True),
        ("longest_url=900", "longest_url", 900),
        ("unknown_rule_id=not valid", "unknown_rule_id", "not valid"),
        ("icmpv6_is_shown_as=a=b", "icmpv6_is_shown_as", "a=b"),
        ("port_range_of_a_list=", "port_range_of_a_list", ""),
        (
            "enterprise_refuses=Policy,SourceGroupId",
            "enterprise_refuses",
            frozenset({"Policy", "SourceGroupId"}),
        ),
        ("enterprise_refuses=", "enterprise_refuses", frozenset[str]()),
    ],
)
def test_a_setting_is_changed_by_text(text: str, name: str, value: object) -> None:
    changed = Behaviour().changed_by_text(text)

    assert getattr(changed, name) == value
    assert changed.changed({name: Behaviour().to_json()[name]}) == Behaviour()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("batches_are_atomic", "NAME=VALUE"),
        ("=true", "no behaviour ''"),
        ("batches=true", "no behaviour 'batches'"),
        ("batches_are_atomic=1", "true or false"),
        ("longest_url=-1", "a number"),
        ("longest_url=true", "a number"),
        ("unknown_rule_id=gone", "one of"),
        ("enterprise_refuses=policy", "a list of"),
    ],
)
def test_an_invalid_setting_is_refused_with_a_message(text: str, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        Behaviour().changed_by_text(text)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("batches_are_atomic", "true"),
        ("batches_are_atomic", 1),
        ("longest_url", True),
        ("longest_url", 1.5),
        ("enterprise_refuses", "Policy"),
        ("enterprise_refuses", [["Policy"]]),
        ("icmpv6_is_shown_as", None),
    ],
)
def test_a_setting_of_another_type_is_refused(name: str, value: object) -> None:
    with pytest.raises(ValueError, match=name):
        Behaviour().changed({name: value})


@pytest.mark.parametrize("misses", [False, True])
def test_interfaces_by_group_may_lack_the_primary_ones(
    front: Front, *, misses: bool
) -> None:
    """As the page says, or as its name says."""
    front.fake.behaviour = Behaviour(group_filter_misses_primary_interfaces=misses)
    group = front.fake.new_group()
    front.fake.new_interface(group, kind="Primary")
    front.fake.new_interface(group, kind="Secondary")

    answer = front.call("DescribeNetworkInterfaces", group).json()

    found = answer["NetworkInterfaceSets"]["NetworkInterfaceSet"]
    assert len(found) == (1 if misses else 2)
