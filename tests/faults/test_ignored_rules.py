"""
A set that ignores changes of its rules: what a refresh has brought in stays foreign.
"""

from __future__ import annotations

from dataclasses import replace

import pytest

from engine.host import Properties
from engine.state import Options
from engine.ways import REFRESH, UP
from faults.stack import Stack
from functional.conftest import Front

KEEP: Properties = {"keep_descriptions": ["kept *"]}


@pytest.mark.parametrize(
    ("change", "policy"), [({}, {}), (KEEP, {}), ({}, KEEP)], ids=str
)
def test_an_ignored_foreign_rule_outlives_its_exclusive_set(
    front: Front, change: Properties, policy: Properties
) -> None:
    """No program declared it, so that no destruction of the set deletes it."""
    group = front.fake.new_group()
    rule = {"ip_protocol": "tcp", "port_range": 1, "source_cidr_ip": "10.0.0.0/8"}
    program = {"security_group_id": group, "rules": [rule], "exclusive": True}
    remedy = Options(remedy=lambda inputs: {**inputs, **policy})
    ignored = {"s": replace(remedy, ignore_changes=("rules",))}
    stack = Stack(front.settings)
    assert stack.run(UP, {"s": program}, ignored) == []
    foreign = front.fake.add_rule(
        group, IpProtocol="tcp", PortRange="9/9", SourceCidrIp="10.0.0.0/8"
    )
    wanted = {"s": {**program, **change}}
    for command in (REFRESH, UP, UP):
        before = len(front.fake.calls)
        assert stack.run(command, wanted, ignored) == []
    assert len(front.fake.calls) == before
    assert stack.destroy() == []
    assert list(front.fake.rules(group)) == [foreign]


@pytest.mark.parametrize(
    ("field", "declared"),
    [
        ({"Priority": "110"}, {"priority": 110}),
        ({"Description": "[expires 2020-01-01]"}, {"expires_on": "2020-01-01"}),
    ],
    ids=str,
)
def test_a_set_that_declares_a_foreign_rule_deletes_it(
    front: Front, field: dict[str, str], declared: Properties
) -> None:
    """A program may keep such a rule, though it may not add one."""
    group = front.fake.new_group()
    front.fake.add_rule(
        group, IpProtocol="tcp", PortRange="9/9", SourceCidrIp="10.0.0.0/8", **field
    )
    rule = {"ip_protocol": "tcp", "port_range": 1, "source_cidr_ip": "10.0.0.0/8"}
    program = {"security_group_id": group, "rules": [rule], "exclusive": True}
    wider = {**program, "rules": [rule, {**rule, "port_range": 9, **declared}]}
    stack = Stack(front.settings)
    for command, wanted in ((UP, program), (REFRESH, program), (UP, wider)):
        assert stack.run(command, {"s": wanted}) == []
    assert stack.destroy() == []
    assert not front.fake.rules(group)
