"""
What holds on any account: over both fronts of the fake, and on a real one.

`make live` names the real one; without it, only the fake is used.
"""

from __future__ import annotations

from collections.abc import Generator
from contextlib import nullcontext
from dataclasses import replace

import pytest
import stamina

from alicloud_ingress.errors import RuleExistsError
from alicloud_ingress.rules.rule import IngressRule
from conftest import ATTEMPTS
from engine.host import Properties
from faults.stack import Stack
from functional.account import KINDS, REAL, Account, borrowed


@pytest.fixture(params=KINDS)
def account(request: pytest.FixtureRequest) -> Generator[Account]:
    """A group for the test."""
    with borrowed(request.param) as one:
        yield one


@pytest.fixture(autouse=True)
def no_waiting(request: pytest.FixtureRequest) -> Generator[None]:
    """Wait for a real account, and not for the fake."""
    real = REAL in request.node.name
    quick = nullcontext() if real else stamina.set_testing(True, attempts=ATTEMPTS)
    with quick:
        yield


@pytest.fixture
def stack(account: Account) -> Stack:
    """A stack on that account."""
    return Stack(account.settings)


SSH: Properties = {
    "ip_protocol": "tcp",
    "port_range": "22/22",
    "source_cidr_ip": "198.51.100.0/24",
    "priority": 60,
}


def declared(account: Account, **change: object) -> dict[str, Properties]:
    """A program of one rule, with a source block that no one uses."""
    more = {"security_group_id": account.group, "description": account.mark}
    return {"ssh": {**SSH, **more, **change}}


def test_a_rule_is_created_found_and_deleted(account: Account, stack: Stack) -> None:
    """With the ID that Describe shows, and no change afterwards."""
    assert stack.up(declared(account)) == []
    (rule_id,) = account.marked()
    assert stack.state["ssh"].rule_id == rule_id
    before = stack.state["ssh"]

    assert stack.refresh() == []
    assert stack.state["ssh"] == before
    assert stack.destroy() == []
    assert account.marked() == {}


@pytest.mark.parametrize(
    "change",
    [
        {"source_cidr_ip": "198.51.100.7"},
        {"source_cidr_ip": "198.51.100.7/32"},
        {"source_cidr_ip": "198.51.100.7/24"},
        {"source_cidr_ip": None, "ipv6_source_cidr_ip": "2001:DB8:0:0::/64"},
        {"ip_protocol": "UDP", "port_range": "5000-5010"},
        {"ip_protocol": "icmp", "port_range": None},
        {"policy": "drop", "source_port_range": "1024/65535"},
        {"dest_cidr_ip": "203.0.113.0/24"},
    ],
    ids=str,
)
def test_a_refresh_shows_the_declared_rule(
    account: Account, stack: Stack, change: dict[str, object]
) -> None:
    """In whatever spelling ECS answers."""
    program = declared(account, **change)
    assert stack.up(program) == []
    made = stack.state["ssh"]

    assert stack.refresh() == []
    assert stack.state["ssh"] == made
    assert stack.destroy() == []


def test_a_change_is_made_in_place(account: Account, stack: Stack) -> None:
    """The ID is kept."""
    assert stack.up(declared(account)) == []
    (rule_id,) = account.marked()

    assert stack.up(declared(account, port_range="2222/2222", priority=61)) == []

    changed = account.marked()
    assert list(changed) == [rule_id]
    assert (changed[rule_id].port_range, changed[rule_id].priority) == ("2222/2222", 61)


def test_neighbours_survive_a_delete_without_an_id(
    account: Account, stack: Stack
) -> None:
    """All attributes are sent, with policy and priority."""
    neighbours = {
        account.add(**{**SSH, **other})
        for other in ({"priority": 61}, {"policy": "drop"}, {"port_range": "23/23"})
    }
    assert stack.up(declared(account)) == []
    stack.forget_ids()

    assert stack.destroy() == []

    assert account.marked().keys() == neighbours


def test_an_existing_rule_is_named_and_can_be_adopted(
    account: Account, stack: Stack
) -> None:
    """Authorize alone would succeed."""
    rule_id = account.add(**SSH)

    (error,) = stack.up(declared(account))

    assert isinstance(error, RuleExistsError)
    assert rule_id in str(error)
    assert stack.up(declared(account, adopt=True)) == []
    assert list(account.marked()) == [rule_id]


def test_a_deleted_rule_is_dropped_and_created_again(
    account: Account, stack: Stack
) -> None:
    """It was deleted by hand."""
    assert stack.up(declared(account)) == []
    (rule_id,) = account.marked()
    account.remove(rule_id)

    assert stack.refresh() == []
    assert stack.state == {}
    assert stack.up(declared(account)) == []
    assert len(account.marked()) == 1


def test_destroying_a_missing_rule_keeps_its_duplicate(
    account: Account, stack: Stack
) -> None:
    """An identical rule under another ID belongs to someone else."""
    assert stack.up(declared(account)) == []
    (rule_id,) = account.marked()
    account.remove(rule_id)
    duplicate = account.add(**SSH)

    assert stack.destroy() == []

    assert list(account.marked()) == [duplicate]


def test_drift_is_found_and_repaired(account: Account, stack: Stack) -> None:
    """The priority was changed by hand."""
    assert stack.up(declared(account)) == []
    (rule_id,) = account.marked()
    rule = IngressRule.parse({**SSH, "description": account.mark})
    account.change(rule_id, replace(rule, priority=70))

    assert stack.refresh() == []
    assert stack.state["ssh"].outputs["priority"] == 70
    assert stack.up(declared(account)) == []
    assert account.marked()[rule_id].priority == 60
