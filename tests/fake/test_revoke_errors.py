"""
Each documented refusal of RevokeSecurityGroup, produced over both fronts.

`revoke_errors.tsv` is the error table of the page of 2024-03-19: status, code and
message of its 46 rows in its order, where `%s` stands for some text.
`revoke_errors_since.tsv` is what later pages add.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from alicloud_ingress.testing import Behaviour, FakeEcs, Fault
from fake.front import SSH, Front, entry

Row = tuple[int, str, str]
Parameters = dict[str, str]
Case = Callable[[FakeEcs], Parameters]
"""
Sets the state up and returns the parameters of the call that is refused.
"""


def table(name: str) -> list[Row]:
    """The rows of a table: status, code, message."""
    lines = Path(__file__).with_name(name).read_text(encoding="utf-8").splitlines()
    rows = [line.split("\t") for line in lines]
    return [(int(status), code, message) for status, code, message in rows]


DOCUMENTED = table("revoke_errors.tsv")
SINCE = table("revoke_errors_since.tsv")


def flat(**changes: str) -> Case:
    """The rule `SSH` in the flat form, some fields changed; "" leaves one out."""
    fields = {name: value for name, value in {**SSH, **changes}.items() if value}
    return lambda fake: {"SecurityGroupId": fake.new_group(), **fields}


def listed(**changes: str) -> Case:
    """The rule `SSH` as the only entry, some fields changed."""
    return lambda fake: {"SecurityGroupId": fake.new_group(), **entry(**changes)}


def with_ids(*rule_ids: str, **more: str) -> Case:
    """Rules by ID, beside other parameters."""
    named = {f"SecurityGroupRuleId.{n}": id_ for n, id_ in enumerate(rule_ids, 1)}
    return lambda fake: {"SecurityGroupId": fake.new_group(), **named, **more}


def in_no_group(group_id: str) -> Case:
    """A call for a group that does not exist."""
    return lambda _: {"SecurityGroupId": group_id, **entry()}


def in_a_group(**kind: object) -> Case:
    """A call for a group of a certain kind."""

    def case(fake: FakeEcs) -> Parameters:
        group = fake.new_group()
        fake.groups[group] = replace(fake.groups[group], **kind)  # type: ignore[arg-type]
        return {"SecurityGroupId": group, **entry(Priority="2")}

    return case


def from_a_group(**kind: object) -> Case:
    """A rule with a source group of a certain kind."""

    def case(fake: FakeEcs) -> Parameters:
        source = fake.new_group()
        fake.groups[source] = replace(fake.groups[source], **kind)  # type: ignore[arg-type]
        named = entry(SourceCidrIp="", SourceGroupId=source)
        return {"SecurityGroupId": fake.new_group(), **named}

    return case


def from_itself(fake: FakeEcs) -> Parameters:
    """A rule with its own group as source."""
    group = fake.new_group()
    return {"SecurityGroupId": group, **entry(SourceCidrIp="", SourceGroupId=group)}


def from_a_list_in_classic(fake: FakeEcs) -> Parameters:
    """A prefix list where there is no VPC."""
    named = entry(SourceCidrIp="", SourcePrefixListId=fake.new_prefix_list())
    return {"SecurityGroupId": fake.new_group(vpc_id=""), **named}


def with_another_nic(fake: FakeEcs) -> Parameters:
    """The rule exists, for the other kind of interface."""
    group = fake.new_group(vpc_id="")
    fake.add_rule(group, **SSH, NicType="intranet")
    return {"SecurityGroupId": group, **entry(NicType="internet")}


def from_a_group_that_is_gone(fake: FakeEcs) -> Parameters:
    """The rule's source group is deleted."""
    group = fake.new_group()
    source = {"SourceCidrIp": "", "SourceGroupId": "sg-gone"}
    fake.add_rule(group, **{**SSH, **source})
    return {"SecurityGroupId": group, **entry(**source)}


def while_the_service_fails(fake: FakeEcs) -> Parameters:
    """No request can cause it."""
    status, code, message = DOCUMENTED[45]
    fake.inject(Fault.refused("RevokeSecurityGroup", status, code, message))
    return listed()(fake)


IPV6 = {"SourceCidrIp": "", "Ipv6SourceCidrIp": "2001:db8::/32"}
CASES: dict[int, Case] = {
    1: in_no_group("a group"),
    2: flat(IpProtocol="tcpp"),
    3: flat(PortRange="80"),
    4: flat(SourceCidrIp="ten"),
    5: flat(SourceCidrIp=""),
    6: listed(Policy="allow"),
    7: listed(NicType="wifi"),
    8: from_a_group(vpc_id="vpc-2"),
    9: listed(SourceCidrIp=""),
    10: listed(PortRange="80"),
    11: listed(IpProtocol="tcpp"),
    12: listed(Priority="high"),
    13: listed(Priority="101"),
    14: flat(Priority="101"),
    15: from_itself,
    16: flat(DestCidrIp="ten"),
    17: listed(Ipv6SourceCidrIp="2001:db8::/32"),
    18: listed(DestCidrIp="10.0.0.1", Ipv6DestCidrIp="2001:db8::1"),
    19: listed(**IPV6, Ipv6DestCidrIp="2001:db8::/129"),
    20: listed(SourceCidrIp="", Ipv6SourceCidrIp="10.0.0.1"),
    21: listed(**IPV6, IpProtocol="icmp", PortRange="-1/-1"),
    22: listed(IpProtocol="icmpv6", PortRange="-1/-1"),
    23: flat(SourceCidrIp="", Ipv6SourceCidrIp="2001:zz8::"),
    24: in_a_group(kind="enterprise"),
    25: from_a_group(kind="enterprise"),
    26: listed(PortRange=""),
    27: listed(SourcePortRange="1-2"),
    28: listed(Description="x" * 513),
    29: from_a_list_in_classic,
    30: listed(SourceCidrIp="300.0.0.0/8"),
    31: flat(SourceCidrIp="300.0.0.0/8"),
    32: listed(DestCidrIp="10.0.0.0/33"),
    33: flat(DestCidrIp="10.0.0.0/33"),
    34: with_ids("sgr-1", **entry()),
    35: lambda fake: {**listed()(fake), **entry(2, IpProtocol="TCP")},
    36: in_a_group(account="1000000000000002"),
    37: with_ids("a rule"),
    38: with_ids("sgr-1", "sgr-2", "sgr-1"),
    39: with_another_nic,
    40: from_a_group_that_is_gone,
    41: in_a_group(service_managed=True),
    42: in_no_group("sg-none"),
    43: listed(SourceCidrIp="", SourceGroupId="sg-none"),
    44: listed(SourceCidrIp="", SourcePrefixListId="pl-none"),
    45: with_ids("sgr-none"),
    46: while_the_service_fails,
}


def test_each_documented_row_has_a_case() -> None:
    """46 rows, with 41 codes."""
    assert sorted(CASES) == list(range(1, 47)) == list(range(1, len(DOCUMENTED) + 1))
    assert len({code for _, code, _ in DOCUMENTED}) == 41


@pytest.mark.parametrize(
    ("number", "row"),
    list(enumerate(DOCUMENTED, 1)),
    ids=[f"{number}-{row[1]}" for number, row in enumerate(DOCUMENTED, 1)],
)
def test_a_revoke_gets_the_documented_refusal(
    front: Front, number: int, row: Row
) -> None:
    """Status, code and message are those of the documentation."""
    refused(front, CASES[number], row)


def refused(front: Front, case: Case, row: Row) -> None:
    """Call, and compare the refusal with a row of the table."""
    parameters = case(front.fake)
    before = {group: front.fake.rules(group) for group in front.fake.groups}

    answer = front.call("RevokeSecurityGroup", **parameters)

    status, code, message = row
    pattern = ".+".join(map(re.escape, message.split("%s")))
    assert (answer.status_code, answer.json()["Code"]) == (status, code)
    assert re.fullmatch(pattern, answer.json()["Message"])
    assert before == {group: front.fake.rules(group) for group in front.fake.groups}
    assert [call.code for call in front.fake.calls] == [code]


def without_a_match(fake: FakeEcs) -> Parameters:
    """The setting of an API with the newer code."""
    fake.behaviour = Behaviour(revoke_without_match_is_refused=True)
    return listed()(fake)


def in_a_newer_enterprise_group(fake: FakeEcs) -> Parameters:
    """Priority may be set there, and Policy may not."""
    fake.behaviour = Behaviour(enterprise_refuses=frozenset({"Policy"}))
    group = fake.new_group(kind="enterprise")
    return {"SecurityGroupId": group, **entry(Priority="2", Policy="drop")}


def with_classic_link(fake: FakeEcs) -> Parameters:
    """A state that the fake does not model."""
    fake.inject(Fault.refused("RevokeSecurityGroup", *SINCE[5][:2]))
    return listed()(fake)


LIST = {"PortRange": "", "PortRangeListId": "prl-none"}
CASES_SINCE: tuple[Case, ...] = (
    without_a_match,
    listed(**LIST, IpProtocol="icmp"),
    listed(**LIST),
    in_a_group(operable=False),
    in_a_newer_enterprise_group,
    with_classic_link,
)


@pytest.mark.parametrize(
    ("case", "row"),
    list(zip(CASES_SINCE, SINCE, strict=True)),
    ids=[f"{row[1]}" for row in SINCE],
)
def test_a_revoke_gets_a_later_pages_refusal(
    front: Front, case: Case, row: Row
) -> None:
    """Codes that were added since."""
    refused(front, case, row)
