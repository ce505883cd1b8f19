"""
Manual changes that an update reverts.
"""

from __future__ import annotations

import copy
from dataclasses import replace
from typing import Any

import pytest

from alicloud_ingress.engine.declarations import DECLARATION, Declaration
from alicloud_ingress.errors import RuleNotConfirmedError
from alicloud_ingress.resource import IngressRuleProvider, IngressRuleSetProvider
from engine.host import new_process
from functional.conftest import Front

MODIFY = "ModifySecurityGroupRule"
RULE: dict[str, Any] = {
    "ip_protocol": "tcp",
    "port_range": 22,
    "source_cidr_ip": "0.0.0.0/0",
    "description": "open",
}


def update(
    front: Front, *, as_set: bool, by_hand: dict[str, str], secrets: list[str]
) -> None:
    """Deploy a rule, change it by hand, and deploy another description."""
    group = front.fake.new_group()

    def program(rule: dict[str, Any]) -> dict[str, Any]:
        declaration = Declaration("r", 1, "web", frozenset(secrets)).written()
        arguments = {"rules": [rule]} if as_set else rule
        return {"security_group_id": group, **arguments, DECLARATION: declaration}

    provider = IngressRuleSetProvider() if as_set else IngressRuleProvider()
    with new_process(front.settings, provider):
        inputs = provider.check({}, program(RULE)).inputs
        made = provider.create(copy.deepcopy(inputs))
    assert made.outs is not None
    (rule_id,) = front.fake.rules(group)
    front.fake.groups[group].rules[rule_id].update(by_hand)
    with new_process(front.settings, provider):
        news = provider.check(inputs, program({**RULE, "description": "new"})).inputs
        provider.diff(made.id, made.outs, copy.deepcopy(news))
        provider.update(made.id, made.outs, copy.deepcopy(news))
    (rule,) = front.fake.rules(group).values()
    assert (rule["SourceCidrIp"], rule["Description"]) == ("0.0.0.0/0", "new")


@pytest.mark.parametrize("as_set", [False, True], ids=["a rule", "a set"])
def test_a_reverted_field_is_reported_with_its_three_values(
    front: Front, capfd: pytest.CaptureFixture[str], *, as_set: bool
) -> None:
    """The preview shows only the description, and this opens a port to the internet."""
    update(front, as_set=as_set, by_hand={"SourceCidrIp": "10.0.0.0/8"}, secrets=[])

    told = capfd.readouterr().err
    assert "changed outside of this stack" in told
    assert "source_cidr_ip was '0.0.0.0/0', is '10.0.0.0/8' now" in told
    assert "becomes '0.0.0.0/0'" in told
    assert "description" not in told


@pytest.mark.parametrize("as_set", [False, True], ids=["a rule", "a set"])
def test_a_change_of_the_program_gives_no_warning(
    front: Front, capfd: pytest.CaptureFixture[str], *, as_set: bool
) -> None:
    """Nothing was changed by hand."""
    update(front, as_set=as_set, by_hand={}, secrets=[])

    assert "outside of this stack" not in capfd.readouterr().err


@pytest.mark.parametrize("refused", [False, True])
@pytest.mark.parametrize("as_set", [False, True], ids=["a rule", "a set"])
def test_a_rule_that_is_as_wanted_by_hand_is_updated(
    front: Front, *, as_set: bool, refused: bool
) -> None:
    """It is changed to what it is, since the read may be late; ECS may refuse that."""
    answers = replace(front.fake.behaviour, modify_without_change_is_refused=refused)
    front.fake.behaviour = answers

    update(front, as_set=as_set, by_hand={"Description": "new"}, secrets=[])

    assert [call.action for call in front.fake.calls].count(MODIFY) == 1


@pytest.mark.parametrize(
    "by_hand",
    [
        {"DestCidrIp": "10.5.0.0/16"},
        {"SourcePortRange": "1/100"},
        {"IpProtocol": "ICMP", "PortRange": "-1/-1", "SourcePortRange": "-1/-1"},
    ],
    ids=["destination", "source ports", "protocol"],
)
@pytest.mark.parametrize("as_set", [False, True], ids=["a rule", "a set"])
def test_what_cannot_be_set_back_fails_the_update(
    front: Front, *, as_set: bool, by_hand: dict[str, str]
) -> None:
    """ECS keeps a destination that a change leaves out, and reports success."""
    with pytest.raises(RuleNotConfirmedError, match="Run `pulumi refresh`"):
        update(front, as_set=as_set, by_hand=by_hand, secrets=[])

    actions = {call.action for call in front.fake.calls}
    assert "AuthorizeSecurityGroup" in actions
    assert MODIFY not in actions


@pytest.mark.parametrize(
    ("as_set", "path"),
    [(False, "source_cidr_ip"), (True, "rules[0].source_cidr_ip"), (True, "rules")],
)
def test_a_reverted_secret_is_not_shown(
    front: Front, capfd: pytest.CaptureFixture[str], *, as_set: bool, path: str
) -> None:
    """Neither the old value, nor the one found, nor the new one."""
    by_hand = {"SourceCidrIp": "10.0.0.0/8"}
    update(front, as_set=as_set, by_hand=by_hand, secrets=[path])

    told = capfd.readouterr().err
    assert "source_cidr_ip was [secret], is [secret] now" in told


@pytest.mark.parametrize(
    ("as_set", "path"),
    [(False, "source_port_range"), (True, "rules[0].source_port_range")],
)
def test_a_secret_hides_no_other_field_that_is_reverted(
    front: Front, capfd: pytest.CaptureFixture[str], *, as_set: bool, path: str
) -> None:
    """The ports are shown where only the source ports are secret."""
    update(front, as_set=as_set, by_hand={"PortRange": "23/23"}, secrets=[path])

    told = capfd.readouterr().err
    assert "port_range was '22/22', is '23/23' now, and becomes '22/22'" in told
