# What must be refused must be refused by pyright, too:
# pyright: strict, reportUnnecessaryTypeIgnoreComment=true
"""
Programs with a set of rules, checked by the type checkers and never run.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping

import pulumi
from typing_extensions import assert_type

from alicloud_ingress import (
    IngressRuleArgs,
    SecurityGroupIngressRule,
    SecurityGroupIngressRuleSet,
    expand_rules,
)


def inputs_at_any_depth(group: pulumi.Output[str], port: pulumi.Output[int]) -> None:
    """A value, a rule, and the whole list may be an Output."""
    rule = IngressRuleArgs(
        ip_protocol="tcp",
        port_range=port,
        source_group_id=group,
        expires_on=dt.date(2999, 12, 31),
    )
    later = port.apply(lambda _: rule)
    whole = port.apply(lambda _: [rule])
    SecurityGroupIngressRuleSet("field", security_group_id=group, rules=[rule, later])
    made = SecurityGroupIngressRuleSet("all", security_group_id=group, rules=whole)
    assert_type(made.rule_ids, pulumi.Output[Mapping[str, str]])


def many_sources(group: str) -> None:
    """One function for both resources."""
    rules = expand_rules(sources=["10.0.0.0/8"], ports=[443, "8000-8010"])
    SecurityGroupIngressRuleSet(
        "set", security_group_id=group, rules=list(rules.values())
    )
    for name, rule in rules.items():
        SecurityGroupIngressRule(name, security_group_id=group, **rule)


def mistakes(group: str) -> None:
    """A misspelled or missing argument is found before anything runs."""
    IngressRuleArgs(port_range=443)  # type: ignore[typeddict-item]  # pyright: ignore[reportCallIssue]
    IngressRuleArgs(ip_protocol="tcp", cidr="10.0.0.0/8")  # type: ignore[typeddict-unknown-key]  # pyright: ignore[reportCallIssue]
    SecurityGroupIngressRuleSet("no", security_group_id=group)  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
