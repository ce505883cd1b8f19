"""
A set whose update stops half way: its state names each rule that still exists.
"""

from __future__ import annotations

from dataclasses import replace

from alicloud_ingress.testing import Fault
from engine.host import Properties
from engine.ways import UP
from faults.stack import Stack
from functional.conftest import Front


def test_a_changed_rule_that_stays_is_in_the_state(front: Front) -> None:
    """The state has it as it is now, so that the next update revokes it."""
    group, stack = front.fake.new_group(), Stack(front.settings)

    def program(first: int) -> dict[str, Properties]:
        fields = {"ip_protocol": "tcp", "source_cidr_ip": "10.0.0.0/8"}
        ports = range(first, first + 150)
        rules = [{**fields, "port_range": port} for port in ports]
        return {"s": {"security_group_id": group, "rules": rules}}

    assert stack.run(UP, program(1)) == []
    by_port = {str(r["PortRange"]): i for i, r in front.fake.rules(group).items()}
    for port in (1, 150):  # one in each call
        front.fake.change_rule(group, by_port[f"{port}/{port}"], Priority="7")
    refused = Fault.refused("RevokeSecurityGroup", 403, "NoPermission")
    front.fake.inject(replace(refused, skip=1, times=100))

    assert len(stack.run(UP, program(1001))) == 1

    (entry,) = stack.entries
    assert set(entry.rule_ids) == set(front.fake.rules(group))
    front.fake.forget_faults()
    assert stack.run(UP, program(1001)) == []
    live = {str(r["PortRange"]) for r in front.fake.rules(group).values()}
    assert live == {f"{port}/{port}" for port in range(1001, 1151)}
