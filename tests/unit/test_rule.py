"""
What a rule means, in any spelling.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import fields, replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alicloud_ingress.engine.properties import ARGUMENTS
from alicloud_ingress.engine.set_properties import key_of
from alicloud_ingress.errors import InvalidRuleError
from alicloud_ingress.previews.declared import PARAMETERS, RULE
from alicloud_ingress.resource import IngressRuleArgs
from alicloud_ingress.rules.live import LiveRule
from alicloud_ingress.rules.rule import IngressRule
from alicloud_ingress.rules.spelling import split_expiry
from alicloud_ingress.rules.validation import RULE_ARGUMENTS, problems_of
from alicloud_ingress.testing.entries import FIELDS

HTTPS = {"ip_protocol": "tcp", "port_range": "443/443", "source_cidr_ip": "10.0.0.0/8"}


@pytest.mark.parametrize("spelling", [443, 443.0, "443", "443/443", "443-443"])
def test_all_spellings_of_a_port_are_equal(spelling: object) -> None:
    """Numbers, floats of the engine, and both forms of a range."""
    rule = IngressRule.parse({**HTTPS, "port_range": spelling})

    assert rule.port_range == "443/443"


@pytest.mark.parametrize(
    ("argument", "one", "other"),
    [
        ("ip_protocol", "TCP", "6"),
        ("source_cidr_ip", "10.1.2.3", "10.1.2.3/32"),
        ("policy", "Accept", ""),
        ("nic_type", "", "intranet"),
        ("source_port_range", "-1/-1", ""),
        ("priority", 1.0, "1"),
    ],
)
def test_spelling_does_not_change_identity(
    argument: str, one: object, other: object
) -> None:
    """What ECS treats as equal is equal here."""
    first = IngressRule.parse({**HTTPS, argument: one})
    second = IngressRule.parse({**HTTPS, argument: other})

    assert first == second
    assert first.difference(second) == ()


@pytest.mark.parametrize(
    ("spelling", "written"),
    [
        ("::ffff:1.2.3.4", "::ffff:102:304"),
        ("::ffff:1.2.3.4/128", "::ffff:102:304"),
        ("::ffff:1.2.3.4/120", "::ffff:102:304/120"),
        ("::1.2.3.4", "::102:304"),
    ],
)
def test_an_ipv4_address_in_ipv6_has_one_spelling(spelling: str, written: str) -> None:
    """Whatever the version of Python: the state has it, as the key of a set."""
    place = {"ip_protocol": "tcp", "port_range": 22}
    rule = IngressRule.parse({**place, "ipv6_source_cidr_ip": spelling})

    assert rule.ipv6_source_cidr_ip == written


def test_ipv6_is_compressed_and_keeps_its_host_bits() -> None:
    """ECS returns the compressed text and does not mask it."""
    rule = IngressRule.parse(
        {
            "ip_protocol": "tcp",
            "port_range": 22,
            "ipv6_source_cidr_ip": "2001:0DB8:3c4d:0015:0000:0000:1a2f:1a2b/64",
        }
    )

    assert rule.ipv6_source_cidr_ip == "2001:db8:3c4d:15::1a2f:1a2b/64"


@pytest.mark.parametrize(
    ("argument", "value"),
    [
        ("ip_protocol", "udp"),
        ("port_range", "444"),
        ("source_cidr_ip", "10.0.0.0/9"),
        ("dest_cidr_ip", "172.16.0.0/12"),
        ("source_port_range", "1024/2048"),
        ("policy", "drop"),
        ("priority", 2),
        ("nic_type", "internet"),
    ],
)
def test_each_identifying_field_makes_another_rule(
    argument: str, value: object
) -> None:
    """A neighbour that differs in any one field is another rule."""
    neighbour = IngressRule.parse({**HTTPS, argument: value})

    assert neighbour != IngressRule.parse(HTTPS)


def test_a_description_is_not_part_of_the_identity() -> None:
    """It differs, and the rule is the same."""
    plain, described = (
        IngressRule.parse(HTTPS),
        IngressRule.parse({**HTTPS, "description": "web"}),
    )

    assert plain == described
    assert plain.difference(described) == ("description",)


@pytest.mark.parametrize(
    ("change", "argument"),
    [
        ({"port_range": "443/80"}, "port_range"),
        ({"port_range": "-1/-1"}, "port_range"),
        ({"port_range": ""}, "port_range"),
        ({"port_range": "0/65536"}, "port_range"),
        ({"source_cidr_ip": "10.0.0.1/33"}, "source_cidr_ip"),
        ({"source_cidr_ip": "::/0"}, "source_cidr_ip"),
        ({"source_group_id": "sg-1"}, "source_group_id"),
        ({"source_cidr_ip": ""}, "source_cidr_ip"),
        ({"ip_protocol": "tpc"}, "ip_protocol"),
        ({"ip_protocol": "icmp"}, "port_range"),
        ({"ip_protocol": "icmpv6", "port_range": ""}, "ip_protocol"),
        ({"priority": 0}, "priority"),
        ({"priority": 101}, "priority"),
        ({"description": "x" * 513}, "description"),
        ({"description": "a [expires 2026-12-31]"}, "description"),
        ({"expires_on": "31.12.2026"}, "expires_on"),
        ({"policy": "deny"}, "policy"),
        ({"dest_cidr_ip": "10.0.0.0/8"}, "dest_cidr_ip"),
        ({"ipv6_dest_cidr_ip": "2001:db8::/32"}, "ipv6_dest_cidr_ip"),
        ({"port_range_list_id": "prl-1"}, "port_range_list_id"),
        ({"source_group_owner_id": "1"}, "source_group_owner_id"),
        ({"ip_protocol": "-1", "port_range": ""}, "ip_protocol"),
        ({"ip_protocol": -1, "port_range": ""}, "ip_protocol"),
        ({"source_cidr_ip": "", "source_group_id": "web"}, "source_group_id"),
        (
            {"source_cidr_ip": "", "source_prefix_list_id": "offices"},
            "source_prefix_list_id",
        ),
        ({"port_range": "", "port_range_list_id": "web"}, "port_range_list_id"),
        (
            {
                "source_cidr_ip": "",
                "source_group_id": "sg-1",
                "source_group_owner_id": "someone@example.com",
            },
            "source_group_owner_id",
        ),
    ],
)
def test_each_mistake_is_one_problem_at_its_argument(
    change: dict[str, object], argument: str
) -> None:
    problems = problems_of({**HTTPS, **change})

    assert [argument] == [problem.argument for problem in problems]


def test_all_problems_are_reported_at_once() -> None:
    """So that one correction is enough."""
    with pytest.raises(InvalidRuleError) as caught:
        IngressRule.parse({"ip_protocol": "tcp", "port_range": "9/1", "priority": 0})

    assert {"port_range", "source_cidr_ip", "priority"} == {
        problem.argument for problem in caught.value.problems
    }


def test_unknown_values_are_accepted() -> None:
    """A preview does not report values that only `up` knows."""
    assert problems_of({}, unknown=set(HTTPS)) == ()


def test_an_old_system_rule_is_readable() -> None:
    """Priority 110 cannot be made, but exists."""
    rule = IngressRule.from_permission(
        {
            "IpProtocol": "ALL",
            "PortRange": "-1/-1",
            "SourcePortRange": "-1/-1",
            "SourceCidrIp": "0.0.0.0/0",
            "Policy": "Accept",
            "Priority": 110,
            "NicType": "intranet",
        }
    )

    assert rule.as_text == "all -1/-1 from 0.0.0.0/0 priority 110"


@pytest.mark.parametrize(
    "path",
    ["description", "expires_on", "rules[2].expires_on", "source_group_owner_id"],
)
def test_a_secret_that_the_text_lacks_hides_nothing(path: str) -> None:
    """The text of a rule has only what makes it another rule."""
    assert IngressRule.parse(HTTPS).words([path]) == "tcp 443/443 from 10.0.0.0/8"


@pytest.mark.parametrize(
    "path", ["source_cidr_ip", "rules[2].port_range", "rules", "rules[2]"]
)
def test_a_secret_that_the_text_may_have_hides_it(path: str) -> None:
    """Also beside one that it does not have, and for the whole rule."""
    assert IngressRule.parse(HTTPS).words(["description", path]) == "[secret]"


@given(st.text(max_size=60), st.dates().map(lambda date: date.isoformat()))
def test_an_expiry_in_a_description_is_read_back(text: str, date: str) -> None:
    """Text and date survive being stored in one description."""
    rule = IngressRule(
        ip_protocol="tcp", source_cidr_ip="1.1.1.1", description=text, expires_on=date
    )

    assert split_expiry(rule.remark) == (text, date)


@st.composite
def rules(draw: st.DrawFn) -> IngressRule:
    """Rules over all protocols, both address families and the optional fields."""
    protocol = draw(st.sampled_from(["tcp", "udp", "icmp", "icmpv6", "gre", "all"]))
    arguments: dict[str, object] = {
        "ip_protocol": protocol,
        "policy": draw(st.sampled_from(["accept", "drop"])),
        "priority": draw(st.integers(1, 100)),
    }
    if protocol in ("tcp", "udp"):
        ports = sorted(draw(st.tuples(st.integers(1, 65535), st.integers(1, 65535))))
        arguments["port_range"] = f"{ports[0]}/{ports[1]}"
        if draw(st.booleans()):
            arguments["source_port_range"] = draw(st.integers(1, 65535))
    six = protocol == "icmpv6" or (protocol != "icmp" and draw(st.booleans()))
    address = draw(st.ip_addresses(v=6 if six else 4))
    prefix = draw(st.integers(0, address.max_prefixlen))
    name = "ipv6_source_cidr_ip" if six else "source_cidr_ip"
    arguments[name] = f"{address}/{prefix}"
    return IngressRule.parse(arguments)


@given(rules())
def test_a_sent_rule_is_read_back_equal(rule: IngressRule) -> None:
    """The two ends of the API agree in normal form."""
    assert IngressRule.from_permission(rule.to_permission()) == rule


@given(rules())
def test_normal_form_is_reached_in_one_step(rule: IngressRule) -> None:
    """Parsing a normal form gives the same normal form."""
    arguments = {name: getattr(rule, name) for name in rule.__dataclass_fields__}

    assert IngressRule.parse(arguments) == rule


IDENTITY = [field.name for field in fields(IngressRule) if field.compare]
OWNERS = {"source_group_owner_id", "source_group_owner_account"}


@pytest.mark.parametrize("name", IDENTITY)
def test_what_makes_another_rule_makes_another_key(name: str) -> None:
    """A set has its rules by their keys: two with one key would be one rule."""
    rule = IngressRule(ip_protocol="tcp")

    change: dict[str, Any] = {name: 2 if name == "priority" else "other"}
    other = replace(rule, **change)

    assert key_of(other) != key_of(rule)


def test_each_field_is_known_wherever_fields_are_listed() -> None:
    """A field that is new in ECS has to be added to all of these lists."""
    arguments = {*RULE_ARGUMENTS}
    assert {field.name for field in fields(IngressRule)} == arguments
    assert arguments <= {*ARGUMENTS}
    assert IngressRuleArgs.__required_keys__ | IngressRuleArgs.__optional_keys__ == (
        arguments
    )
    of_ecs = arguments - {"expires_on"}
    assert {name.replace("_", "") for name in of_ecs} == {f.lower() for f in FIELDS}
    assert PARAMETERS[RULE].keys() == of_ecs - OWNERS


def test_a_minute_of_creation_counts_to_its_end() -> None:
    minute = dt.datetime(2026, 1, 1, 12, 0, tzinfo=dt.timezone.utc)
    live = LiveRule(IngressRule(ip_protocol="tcp"), "sgr-1", "2026-01-01T12:00Z")

    assert not live.existed_before(minute + dt.timedelta(seconds=61))
    assert live.existed_before(minute + dt.timedelta(seconds=63))
