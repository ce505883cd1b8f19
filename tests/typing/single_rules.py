# What must be refused must be refused by pyright, too:
# pyright: strict, reportUnnecessaryTypeIgnoreComment=true
"""
Programs with a rule, and tests of users, checked by the type checkers and never run.
"""

from __future__ import annotations

import datetime as dt

import pulumi
from typing_extensions import assert_type

from alicloud_ingress import SecurityGroupIngressRule
from alicloud_ingress.testing import FakeEcs, Fault, ServedUrl, mock_ecs


def every_argument_takes_an_output(
    group: pulumi.Output[str], number: pulumi.Output[int], text: pulumi.Output[str]
) -> None:
    """The outputs are text."""
    rule = SecurityGroupIngressRule(
        "rule",
        security_group_id=group,
        ip_protocol=text,
        port_range=number,
        source_cidr_ip=text,
        priority=number,
        description=text,
        expires_on=dt.date(2999, 12, 31),
        opts=pulumi.ResourceOptions(protect=True),
    )
    assert_type(rule.security_group_rule_id, pulumi.Output[str])
    assert_type(rule.region, pulumi.Output[str])


def ports_come_in_two_kinds() -> None:
    """Numbers and text."""
    for port in (443, "443", "8000-8010", "8000/8010"):
        SecurityGroupIngressRule(
            f"port {port}",
            security_group_id="sg-1",
            ip_protocol="tcp",
            port_range=port,
            source_cidr_ip="10.0.0.0/8",
        )


def one_that_exists() -> None:
    """Read, not managed."""
    rule = SecurityGroupIngressRule.get("theirs", "sgr-1", security_group_id="sg-1")
    assert_type(rule, SecurityGroupIngressRule)


def in_a_test() -> None:
    """The fake has types, too."""
    with mock_ecs() as ecs:
        assert_type(ecs, FakeEcs)
        assert_type(ecs.new_group(), str)
        ecs.inject(Fault.throttled("RevokeSecurityGroup"))
    with FakeEcs().serve() as url:
        assert_type(url, ServedUrl)
        assert_type(url.https, str)


def mistakes() -> None:
    """The type checkers find them before anything runs."""
    SecurityGroupIngressRule("no group", ip_protocol="tcp")  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    SecurityGroupIngressRule("cidr", security_group_id="sg-1", cidr_ip="::/0")  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    SecurityGroupIngressRule("bytes", security_group_id=b"sg-1")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    SecurityGroupIngressRule("adopt", security_group_id="sg-1", adopt="yes")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    FakeEcs().new_group(kind="advanced")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
