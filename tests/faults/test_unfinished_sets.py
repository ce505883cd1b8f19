"""
A set whose update stops half way: its state names each rule that still exists.
"""

from __future__ import annotations

import threading
from dataclasses import replace

import pytest

from alicloud_ingress.testing import Fault
from conftest import ATTEMPTS
from engine.host import Properties
from engine.ways import UP
from faults.stack import Stack
from functional.conftest import Front


def test_a_changed_rule_that_stays_is_in_the_state(front: Front) -> None:
    """The state has it as it is now, so that the next update revokes it."""
    group, stack = front.fake.new_group(), Stack(front.settings)

    assert stack.run(UP, rules_from(1, group, 150)) == []
    by_port = {str(r["PortRange"]): i for i, r in front.fake.rules(group).items()}
    for port in (1, 150):  # one in each call
        front.fake.change_rule(group, by_port[f"{port}/{port}"], Priority="7")
    refused = Fault.refused("RevokeSecurityGroup", 403, "NoPermission")
    front.fake.inject(replace(refused, skip=1, times=100))

    assert len(stack.run(UP, rules_from(1001, group, 150))) == 1

    (entry,) = stack.entries
    assert set(entry.rule_ids) == set(front.fake.rules(group))
    front.fake.forget_faults()
    assert stack.run(UP, rules_from(1001, group, 150)) == []
    live = {str(r["PortRange"]) for r in front.fake.rules(group).values()}
    assert live == {f"{port}/{port}" for port in range(1001, 1151)}


def moved(front: Front, faults: list[Fault]) -> tuple[Stack, str]:
    """Three rules of a set are to become three others while ECS has faults."""
    group, stack = front.fake.new_group(), Stack(front.settings)
    assert stack.run(UP, three_from(1, group)) == []
    for fault in faults:
        front.fake.inject(fault)
    assert len(stack.run(UP, three_from(1001, group))) == 1
    front.fake.forget_faults()
    return stack, group


def three_from(first: int, group: str) -> dict[str, Properties]:
    """A set of rules for three ports."""
    return rules_from(first, group, 3)


def rules_from(first: int, group: str, number: int) -> dict[str, Properties]:
    """A set of rules for so many ports."""
    fields = {"ip_protocol": "tcp", "source_cidr_ip": "10.0.0.0/8"}
    rules = [{**fields, "port_range": port} for port in range(first, first + number)]
    return {"s": {"security_group_id": group, "rules": rules}}


AUTHORIZE = "AuthorizeSecurityGroup"
REVOKE, DESCRIBE = "RevokeSecurityGroup", "DescribeSecurityGroupAttribute"
INVALID = Fault.refused(REVOKE, 400, "InvalidParam.SecurityGroupRuleId")
UNREADABLE = replace(Fault.refused(DESCRIBE, 403, "Forbidden.RAM"), times=100)


@pytest.mark.parametrize(
    "faults",
    [
        # The call is split, until one rule is left of which only a read could tell.
        [
            INVALID,
            replace(INVALID, skip=1),
            replace(INVALID, skip=1),
            replace(UNREADABLE, skip=4),
        ],
        [replace(Fault.dropped(REVOKE, takes_effect=True), times=1_000)],
        [replace(Fault.dropped(REVOKE, takes_effect=False), times=1_000)],
    ],
    ids=["the read of one fails", "revoked without an answer", "not revoked"],
)
def test_an_update_that_may_have_revoked_keeps_what_it_added(
    front: Front, faults: list[Fault]
) -> None:
    """Else fewer rules were left than before and after."""
    stack, group = moved(front, faults)

    live = front.fake.rules(group)
    (entry,) = stack.entries
    assert {str(rule["PortRange"]) for rule in live.values()} >= {
        f"{port}/{port}" for port in (1001, 1002, 1003)
    }
    assert set(live) <= set(entry.rule_ids)
    assert stack.run(UP, three_from(1001, group)) == []
    live = front.fake.rules(group)
    assert set(stack.entries[0].rule_ids) == set(live)
    assert len(live) == 3


def test_an_update_after_an_unread_revoke_keeps_what_it_added(front: Front) -> None:
    """No read shows whether the revoke of a rule without an ID had its effect."""
    group, stack = front.fake.new_group(), Stack(front.settings)
    front.fake.inject(Fault.late(AUTHORIZE, 1_000))
    assert stack.run(UP, three_from(1, group)) == []
    front.fake.inject(Fault.other_hand(REVOKE, lambda fake: fake.inject(UNREADABLE)))

    assert len(stack.run(UP, three_from(1001, group))) == 1

    front.fake.forget_faults()
    assert len(front.fake.groups[group].rules) == 3
    assert stack.run(UP, three_from(1001, group)) == []
    assert set(front.fake.rules(group)) == stack.entries[0].rule_ids
    assert len(front.fake.rules(group)) == 3


def test_an_unfinished_update_keeps_what_it_adopted(front: Front) -> None:
    """The former owner leaves in the same run, and revokes it no more."""
    group, stack = front.fake.new_group(), Stack(front.settings)
    web = {"ip_protocol": "tcp", "source_cidr_ip": "10.0.0.0/8", "port_range": 443}
    before = {"web": {"security_group_id": group, **web}, **three_from(1, group)}
    assert stack.run(UP, before) == []
    after = {"s": {"security_group_id": group, "rules": [web], "adopt": True}}
    silent = Fault.dropped(REVOKE, takes_effect=False)
    front.fake.inject(replace(silent, times=ATTEMPTS))

    assert len(stack.run(f"{UP} --continue-on-error", after)) == 1

    assert stack.state.keys() == {"s"}
    live = front.fake.rules(group)
    assert "443/443" in [rule["PortRange"] for rule in live.values()]
    assert set(live) == set(stack.entries[0].rule_ids)
    assert stack.run(UP, after) == []
    assert len(front.fake.rules(group)) == 1


def test_an_update_without_a_thread_keeps_what_it_added(
    front: Front, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The call of another thread has revoked 100 rules by then."""
    group, stack = front.fake.new_group(), Stack(front.settings)
    assert stack.run(UP, rules_from(1, group, 150)) == []
    front.fake.inject(Fault.slow(REVOKE, 0.1))
    errors = [RuntimeError("can't start new thread")]
    start = threading.Thread.start

    def start_all_but_one(thread: threading.Thread) -> None:
        if thread.name.endswith("_1") and errors:
            raise errors.pop()
        start(thread)

    monkeypatch.setattr(threading.Thread, "start", start_all_but_one)

    assert len(stack.run(UP, rules_from(1001, group, 50))) == 1

    live = front.fake.rules(group)
    assert not errors
    assert {f"{port}/{port}" for port in range(1001, 1051)} <= {
        rule["PortRange"] for rule in live.values()
    }
    assert set(live) <= stack.entries[0].rule_ids
    assert stack.run(UP, rules_from(1001, group, 50)) == []
    assert len(front.fake.rules(group)) == 50


def test_an_exclusive_set_keeps_its_rule_beside_a_twin(front: Front) -> None:
    """A state has one place for both, and the set's own rule is in it."""
    group, stack = front.fake.new_group(), Stack(front.settings)
    front.fake.behaviour = replace(front.fake.behaviour, address_equals_its_block=False)
    fields = {"ip_protocol": "tcp", "port_range": 22, "source_cidr_ip": "192.0.2.7"}
    program = {"s": {"security_group_id": group, "rules": [fields], "exclusive": True}}
    assert stack.run(UP, program) == []
    (own,) = front.fake.rules(group)
    twin = front.fake.add_rule(
        group, IpProtocol="tcp", PortRange="22/22", SourceCidrIp="192.0.2.7/32"
    )

    assert stack.refresh() == []

    assert stack.entries[0].rule_ids == {own}
    assert stack.run(UP, program) == []
    assert stack.destroy() == []
    assert list(front.fake.rules(group)) == [twin]
