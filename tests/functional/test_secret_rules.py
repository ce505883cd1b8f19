"""
A resource with a secret argument: messages of create and update hide its rules.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import pytest
from pulumi.dynamic import CreateResult

from alicloud_ingress.engine.declarations import DECLARATION, Declaration
from alicloud_ingress.errors import SECRET, IngressError
from alicloud_ingress.resource import IngressRuleProvider, IngressRuleSetProvider
from alicloud_ingress.testing import Fault
from engine.host import new_process
from functional.conftest import Front

ADDRESS = "203.0.113.0/24"
AUTHORIZE = "AuthorizeSecurityGroup"
BY_HAND = {"IpProtocol": "tcp", "PortRange": "22/22", "SourceCidrIp": ADDRESS}


@dataclass
class Secret:
    """A rule, or a set of one, whose source is secret."""

    front: Front
    as_set: bool
    group: str

    @property
    def provider(self) -> IngressRuleProvider | IngressRuleSetProvider:
        """The provider of the resource."""
        return IngressRuleSetProvider() if self.as_set else IngressRuleProvider()

    def checked(self, port: int, olds: dict[str, Any]) -> dict[str, Any]:
        """The inputs that check makes of the program."""
        rule = {"ip_protocol": "tcp", "port_range": port, "source_cidr_ip": ADDRESS}
        path = "rules[0].source_cidr_ip" if self.as_set else "source_cidr_ip"
        declaration = Declaration("r", 1, "web", frozenset({path})).written()
        arguments = {"rules": [rule]} if self.as_set else rule
        place = {"security_group_id": self.group, DECLARATION: declaration}
        checked = self.provider.check(olds, {**place, **arguments})
        assert not checked.failures
        inputs: dict[str, Any] = checked.inputs
        return inputs

    def create(self, timeout: int = 20) -> CreateResult:
        """Deploy it with port 22, as a process of its own."""
        settings = {**self.front.settings, "alicloud-ingress:timeout": str(timeout)}
        with new_process(settings, self.provider):
            return self.provider.create(copy.deepcopy(self.checked(22, {})))

    def update(self, made: CreateResult) -> None:
        """Deploy it with another port."""
        assert made.outs
        with new_process(self.front.settings, self.provider):
            news = self.checked(23, made.outs)
            self.provider.diff(made.id, made.outs, copy.deepcopy(news))
            self.provider.update(made.id, made.outs, copy.deepcopy(news))


@pytest.fixture(params=[False, True], ids=["a rule", "a set"])
def secret(front: Front, request: pytest.FixtureRequest) -> Secret:
    return Secret(front, request.param, front.fake.new_group())


def refuses(action: str) -> Callable[[Secret], object]:
    """Let ECS refuse an action."""
    fault = replace(Fault.refused(action, 403, "Forbidden.RAM"), times=100)
    return lambda secret: secret.front.fake.inject(fault)


def exists(secret: Secret) -> object:
    """Add the rule by hand."""
    return secret.front.fake.add_rule(secret.group, **BY_HAND)


def gone(secret: Secret) -> None:
    """Delete all rules by hand."""
    for rule_id in secret.front.fake.rules(secret.group):
        secret.front.fake.remove_rule(secret.group, rule_id)


def assert_hidden(text: str) -> None:
    """The text names a secret, and nothing of the rule."""
    assert SECRET in text
    assert "203.0.113" not in text


@pytest.mark.parametrize("before", [exists, refuses(AUTHORIZE)])
def test_an_error_of_create_hides_the_rule(
    secret: Secret, before: Callable[[Secret], object]
) -> None:
    """It exists, or ECS refuses it."""
    before(secret)

    with pytest.raises(IngressError) as raised:
        secret.create()

    assert_hidden(str(raised.value))


def test_a_warning_of_create_hides_the_rule(
    secret: Secret, capfd: pytest.CaptureFixture[str]
) -> None:
    """It does not show in time."""
    secret.front.fake.inject(Fault.late(AUTHORIZE, 1000))

    secret.create(timeout=1)

    assert_hidden(capfd.readouterr().err)


@pytest.mark.parametrize("before", [refuses("ModifySecurityGroupRule"), gone])
@pytest.mark.parametrize("secret", [False], indirect=True, ids=["a rule"])
def test_an_error_of_update_hides_the_rule(
    secret: Secret, before: Callable[[Secret], object]
) -> None:
    """ECS refuses the change, or the rule does not exist."""
    made = secret.create()
    before(secret)

    with pytest.raises(IngressError) as raised:
        secret.update(made)

    assert_hidden(str(raised.value))


@pytest.mark.parametrize("secret", [True], indirect=True, ids=["a set"])
def test_an_error_of_a_sets_revoke_hides_the_rule(secret: Secret) -> None:
    """ECS refuses to revoke the old rule."""
    made = secret.create()
    refuses("RevokeSecurityGroup")(secret)

    with pytest.raises(IngressError) as raised:
        secret.update(made)

    assert_hidden(str(raised.value))
