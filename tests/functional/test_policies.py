"""
A policy changes the inputs of a resource after check, as the engine lets it.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import Any

import pytest

from alicloud_ingress.engine.declarations import DECLARATION, Declaration
from alicloud_ingress.errors import InvalidRuleError, PermissionRefusedError
from alicloud_ingress.resource import IngressRuleProvider, IngressRuleSetProvider
from alicloud_ingress.testing import Fault
from engine.host import new_process
from functional.conftest import Front

ADDRESS = "203.0.113.7"
Properties = dict[str, Any]


@dataclass(frozen=True)
class Remedied:
    """A resource with a secret source, whose rules a policy changes."""

    front: Front
    group: str
    as_set: bool

    @property
    def provider(self) -> IngressRuleProvider | IngressRuleSetProvider:
        """The provider of the resource."""
        return IngressRuleSetProvider() if self.as_set else IngressRuleProvider()

    def inputs(self, olds: Properties, **remedy: object) -> Properties:
        """What check makes of the program, and the policy of that."""
        rule = {"ip_protocol": "tcp", "port_range": 22, "source_cidr_ip": ADDRESS}
        path = "rules[0].source_cidr_ip" if self.as_set else "source_cidr_ip"
        declaration = Declaration("r", 1, "web", frozenset({path})).written()
        place = {"security_group_id": self.group, DECLARATION: declaration}
        arguments = {"rules": [rule]} if self.as_set else rule
        checked = self.provider.check(olds, {**place, **arguments})
        inputs: Properties = copy.deepcopy(checked.inputs)
        for each in inputs["rules"].values() if self.as_set else [inputs]:
            each.update(remedy)
        return inputs

    def made(self, **remedy: object) -> tuple[Properties, str, Properties]:
        """The inputs, ID and outputs of the resource, created in a run of its own."""
        with new_process(self.front.settings, self.provider):
            inputs = self.inputs({}, **remedy)
            created = self.provider.create(copy.deepcopy(inputs))
        return inputs, str(created.id), dict(created.outs or {})


@pytest.fixture(params=[False, True], ids=["a rule", "a set"])
def remedied(front: Front, request: pytest.FixtureRequest) -> Remedied:
    return Remedied(front, front.fake.new_group(), request.param)


def test_what_a_policy_changes_is_checked_again(remedied: Remedied) -> None:
    """ECS would refuse it."""
    with new_process(remedied.front.settings, remedied.provider):
        inputs = remedied.inputs({}, port_range="70000/70000")
        with pytest.raises(InvalidRuleError, match=r"70000.*policy"):
            remedied.provider.create(inputs)
    assert "AuthorizeSecurityGroup" not in [c.action for c in remedied.front.fake.calls]


def test_rules_of_a_set_stay_an_object_under_a_policy(front: Front) -> None:
    """The error says so, in place of a traceback."""
    remedied = Remedied(front, front.fake.new_group(), as_set=True)
    with new_process(front.settings, remedied.provider):
        inputs = remedied.inputs({})
        inputs["rules"] = [*inputs["rules"].values()]
        with pytest.raises(InvalidRuleError, match="by key"):
            remedied.provider.create(inputs)


def test_errors_show_no_secret_though_a_policy_changed_it(remedied: Remedied) -> None:
    """The engine does not say which values are secret."""
    refused = Fault.refused("AuthorizeSecurityGroup", 403, "Forbidden.RAM")
    remedied.front.fake.inject(refused)
    with new_process(remedied.front.settings, remedied.provider):
        inputs = remedied.inputs({}, description="by a policy")
        with pytest.raises(PermissionRefusedError) as raised:
            remedied.provider.create(inputs)
    assert "[secret]" in str(raised.value)
    assert ADDRESS not in str(raised.value)


@pytest.mark.parametrize("refreshes", [False, True], ids=["", "after a refresh"])
def test_what_a_policy_changes_keeps_its_rule(
    remedied: Remedied, *, refreshes: bool
) -> None:
    """Another resource of the state names the rule, too, and is deleted."""
    provider = remedied.provider
    inputs, identity, outputs = remedied.made(description="by a policy")
    with new_process(remedied.front.settings, provider):
        if refreshes:
            read = provider.read(identity, copy.deepcopy(outputs))
            provider.diff(identity, dict(read.outs or {}), copy.deepcopy(inputs))
        news = remedied.inputs(inputs, description="by a policy")
        assert not provider.diff(identity, outputs, news).changes
        provider.delete("other", {**outputs, "owner_mark": "another"})
    assert len(remedied.front.fake.rules(remedied.group)) == 1


def test_a_refresh_keeps_no_rule_that_a_policy_changed(remedied: Remedied) -> None:
    """What a refresh compares is deleted next."""
    provider = remedied.provider
    inputs, identity, outputs = remedied.made(description="by a policy")
    with new_process(remedied.front.settings, provider):
        read = provider.read(identity, copy.deepcopy(outputs))
        provider.diff(identity, dict(read.outs or {}), copy.deepcopy(inputs))
        provider.delete("other", {**outputs, "owner_mark": "another"})
    assert not remedied.front.fake.rules(remedied.group)


def test_a_rule_that_a_policy_changes_can_replace_itself(remedied: Remedied) -> None:
    """With `adopt`, as `replace_on_changes` needs for a new description."""
    provider = remedied.provider
    olds, identity, outputs = remedied.made(description="old")
    with new_process(remedied.front.settings, provider):
        news = {**remedied.inputs(olds, description="new"), "adopt": True}
        provider.diff(identity, outputs, news)
        remedied.inputs({}, description="new")
        provider.create(copy.deepcopy(news))
        provider.delete(identity, outputs)
    (rule,) = remedied.front.fake.rules(remedied.group).values()
    assert rule["Description"] == "new"
