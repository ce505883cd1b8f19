"""
Rules that no read has shown when they were created: the state has them without an ID.
"""

from __future__ import annotations

import json

import pytest

from alicloud_ingress.testing import Fault
from engine.host import Properties
from engine.ways import UP
from faults.stack import Stack
from functional.conftest import Front

AUTHORIZE, REVOKE = "AuthorizeSecurityGroup", "RevokeSecurityGroup"
DESCRIBE = "DescribeSecurityGroupAttribute"
FIELDS = {"ip_protocol": "tcp", "source_cidr_ip": "10.0.0.0/8"}
LONG_AGO = "2020-01-01T00:00:00Z"


class Late:
    """A stack, a rule or a set of which was created and does not show."""

    def __init__(self, front: Front, kind: str) -> None:
        self.fake, self.kind = front.fake, kind
        self.group = front.fake.new_group()
        self.stack = Stack({**front.settings, "alicloud-ingress:timeout": "1"})
        self.fake.inject(Fault.late(AUTHORIZE, 1000))
        assert self.stack.run(UP, self.program(22)) == []
        (self.rule_id,) = self.fake.rules(self.group)
        self.fake.groups[self.group].rules[self.rule_id]["CreateTime"] = LONG_AGO

    def program(self, *ports: int) -> dict[str, Properties]:
        """A set of these ports, or a rule of the only one."""
        place = {"security_group_id": self.group}
        if self.kind != "rule":
            rules = [{**FIELDS, "port_range": port} for port in ports]
            exclusive = self.kind == "exclusive set"
            return {"s": {**place, "rules": rules, "exclusive": exclusive}}
        (port,) = ports
        return {"s": {**place, **FIELDS, "port_range": port}}

    def show_after(self, describes: int) -> None:
        """Show the rule after some more reads."""
        self.fake.groups[self.group].lags[self.rule_id].describes = describes

    def show_once_without_id(self, rule_id: str) -> None:
        """Let the next read show this rule only, without its ID."""
        rule = {**self.fake.rules(self.group)[rule_id], "SecurityGroupRuleId": ""}
        answer = {
            "RequestId": "R",
            "SecurityGroupId": self.group,
            "VpcId": "vpc-1",
            "Permissions": {"Permission": [rule]},
        }
        self.fake.inject(Fault.shaped(DESCRIBE, json.dumps(answer)))

    def ids(self) -> set[str]:
        """The rule IDs in the state."""
        (entry,) = self.stack.entries
        return entry.rule_ids


@pytest.fixture(params=["rule", "set"])
def late(front: Front, request: pytest.FixtureRequest) -> Late:
    return Late(front, request.param)


def test_a_rule_that_shows_during_the_next_run_is_kept(late: Late) -> None:
    """The next run sends it again, and it is older than that run."""
    assert late.ids() == {""}
    late.show_after(3)

    assert late.stack.run(UP, late.program(22)) == []

    assert set(late.fake.rules(late.group)) == {late.rule_id} == late.ids()


def test_a_rule_that_never_shows_stays_in_the_state(late: Late) -> None:
    """Each run ends well, and the last one deletes it."""
    for _ in range(2):
        assert late.stack.refresh() == []
        assert late.stack.run(UP, late.program(22)) == []
        assert late.ids() == {""}

    assert late.stack.destroy() == []
    assert late.fake.rules(late.group) == {}


@pytest.mark.parametrize("late", ["set"], indirect=True)
def test_a_failed_update_keeps_the_rule_that_it_found(late: Late) -> None:
    """It takes back what it has added, and not what the state has."""
    assert late.stack.run(UP, late.program(22, 80)) == []
    late.show_after(4)
    late.fake.inject(Fault.refused(REVOKE, 403, "Forbidden.RAM"))

    assert len(late.stack.run(UP, late.program(22, 443))) == 1

    assert late.rule_id in late.fake.rules(late.group)
    late.fake.forget_faults()
    assert late.stack.run(UP, late.program(22, 443)) == []
    assert set(late.fake.rules(late.group)) == late.ids()


def test_a_renamed_rule_that_never_shows_is_not_revoked(late: Late) -> None:
    """The new resource has it, so that the delete of the old one leaves it alone."""
    (args,) = late.program(22).values()

    assert late.stack.run(UP, {"renamed": args}) == []

    assert set(late.fake.rules(late.group)) == {late.rule_id}
    late.show_after(0)
    assert late.stack.run(UP, {"renamed": args}) == []
    assert late.ids() == {late.rule_id}
    assert late.stack.destroy() == []
    assert late.fake.rules(late.group) == {}


@pytest.mark.parametrize("late", ["exclusive set"], indirect=True)
def test_a_foreign_rule_without_an_id_hides_no_declared_one(late: Late) -> None:
    """A destroy revokes what the set declared, and nothing else."""
    foreign = late.fake.add_rule(
        late.group, IpProtocol="tcp", PortRange="9/9", SourceCidrIp="10.0.0.0/8"
    )
    late.show_once_without_id(foreign)
    assert late.stack.refresh() == []
    assert late.ids() == {""}
    late.show_after(0)

    assert late.stack.destroy() == []

    assert set(late.fake.rules(late.group)) == {foreign}


@pytest.mark.parametrize("late", ["exclusive set"], indirect=True)
def test_an_unknown_id_in_an_old_state_is_not_foreign(late: Late) -> None:
    """Older releases wrote it for a foreign rule without an ID."""
    (entry,) = late.stack.entries
    entry.outputs["foreign_rule_ids"] = [""]
    late.show_after(0)

    assert late.stack.destroy() == []

    assert late.fake.rules(late.group) == {}
