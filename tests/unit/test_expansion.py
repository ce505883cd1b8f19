"""
Many sources and ports become rules that are named by their content.
"""

from __future__ import annotations

import datetime as dt

import pytest

from alicloud_ingress import expand_rules
from alicloud_ingress.errors import InvalidRuleError
from alicloud_ingress.rules.rule import IngressRule

SOURCES = ["10.0.0.0/8", "2001:db8::/32", "sg-1", "pl-1"]


def test_each_port_from_each_source_is_a_rule() -> None:
    """For each kind of source."""
    rules = expand_rules(sources=SOURCES, ports=[443, "8000-8010", "prl-1"])

    assert list(rules) == [
        f"tcp {port} from {source}"
        for port in ("443/443", "8000/8010", "prl-1")
        for source in SOURCES
    ]
    for name, rule in rules.items():
        assert IngressRule.parse(rule).as_text == name


def test_an_entry_at_the_front_changes_no_other_name() -> None:
    """It adds one rule for each port."""
    before = expand_rules(sources=SOURCES, ports=[443, 80])
    after = expand_rules(sources=["192.0.2.1", *SOURCES], ports=[443, 80])

    assert set(after) - set(before) == {
        "tcp 443/443 from 192.0.2.1",
        "tcp 80/80 from 192.0.2.1",
    }
    assert {name: after[name] for name in before} == before


def test_a_repeated_source_gives_one_rule() -> None:
    """In any spelling."""
    rules = expand_rules(sources=["10.0.0.1", "10.0.0.1/32"], ports=[443, "443/443"])

    assert list(rules) == ["tcp 443/443 from 10.0.0.1"]


def test_common_fields_are_in_each_rule() -> None:
    """Policy and priority are part of the name; descriptions are not."""
    (item,) = expand_rules(
        sources=["10.0.0.0/8"],
        ip_protocol="icmp",
        policy="drop",
        priority=7,
        description="no ping",
        expires_on=dt.date(2999, 12, 31),
    ).items()

    assert item == (
        "icmp -1/-1 from 10.0.0.0/8 drop priority 7",
        {
            "ip_protocol": "icmp",
            "source_cidr_ip": "10.0.0.0/8",
            "policy": "drop",
            "priority": 7,
            "description": "no ping",
            "expires_on": "2999-12-31",
        },
    )


@pytest.mark.parametrize(
    ("source", "port"), [("10.0.0.0/33", 443), ("10.0.0.0/8", 0), ("", 443)]
)
def test_an_invalid_source_or_port_is_refused(source: str, port: int) -> None:
    """At once, at its place in the program."""
    with pytest.raises(InvalidRuleError):
        expand_rules(sources=[source], ports=[port])
