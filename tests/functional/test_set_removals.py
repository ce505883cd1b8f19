"""
How the rules of a set are deleted where ECS refuses, does not answer, or shows
something else.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

import pytest

from alicloud_ingress.ecs.client import EcsClient
from alicloud_ingress.ecs.config import Connection
from alicloud_ingress.ecs.credentials import Credentials
from alicloud_ingress.ecs.security_group import SecurityGroup
from alicloud_ingress.errors import PermissionRefusedError, RuleNotConfirmedError
from alicloud_ingress.reconcile.lifecycle import SetLifecycle
from alicloud_ingress.reconcile.ownership import Owner, Ownership
from alicloud_ingress.reconcile.plan import Member
from alicloud_ingress.rules.rule import IngressRule
from alicloud_ingress.testing import FakeEcs, mock_ecs
from alicloud_ingress.testing.faults import Fault

KEYS = Credentials("access_key", "AK", "a-secret-that-is-never-shown")
REVOKE = "RevokeSecurityGroup"
LOOK = "DescribeSecurityGroupAttribute"
SSH = IngressRule.parse(
    {"ip_protocol": "tcp", "port_range": 22, "source_cidr_ip": "10.0.0.0/8"}
)
WEB = replace(SSH, port_range="443/443")


@dataclass
class Account:
    """A group with rules, and the process that deletes them."""

    fake: FakeEcs
    group: str
    told: list[str] = field(default_factory=list[str])
    ownership: Ownership = field(default_factory=lambda: Ownership(timeout_s=0))

    def add(self, rule: IngressRule) -> Member:
        """Add a rule; it as a state holds it."""
        return Member(rule, self.fake.add_rule(self.group, **rule.to_permission()))

    def lose(self, member: Member) -> None:
        """Delete a rule by hand."""
        del self.fake.groups[self.group].rules[member.rule_id]

    def delete(self, *members: Member) -> None:
        """Delete these in a new process."""
        client = EcsClient(Connection("cn-hangzhou", KEYS, timeout_s=20))
        group = SecurityGroup(client, self.group)
        owner = Owner(self.ownership, "own")
        one = SetLifecycle(group, client, "cn-hangzhou", self.told.append, owner)
        one.delete(members, "")

    def left(self) -> Sequence[str]:
        """The IDs of the rules that exist."""
        return list(self.fake.rules(self.group))


@pytest.fixture
def account() -> Iterator[Account]:
    """A fake in process."""
    with mock_ecs() as fake:
        yield Account(fake, fake.new_group())


def test_an_invalid_id_is_verified_by_a_read(
    account: Account,
) -> None:
    """The answer may mean malformed or deleted; a rule that still exists is named."""
    members = [account.add(SSH), account.add(WEB)]
    account.lose(members[0])
    invalid = Fault.refused(REVOKE, 400, "InvalidParam.SecurityGroupRuleId")
    account.fake.inject(replace(invalid, times=20))

    with pytest.raises(RuleNotConfirmedError) as caught:
        account.delete(*members)

    assert members[1].rule_id in str(caught.value)
    assert members[0].rule_id not in str(caught.value)
    assert "InvalidParam.SecurityGroupRuleId" in str(caught.value)
    account.fake.forget_faults()
    account.ownership = Ownership()
    account.delete(*members)
    assert account.left() == []


def test_a_completed_delete_succeeds_without_a_read(
    account: Account,
) -> None:
    """The read would only have shown a duplicate."""
    gone = account.add(SSH)
    account.lose(gone)
    account.fake.inject(Fault.refused(LOOK, 403, "Forbidden.RAM"))

    account.delete(gone)

    assert account.told == []
    assert [call.action for call in account.fake.calls] == [REVOKE, LOOK]


def test_without_an_id_another_resources_rule_is_kept(
    account: Account,
) -> None:
    """It is found by its attributes, and the others are deleted."""
    held, other = account.add(SSH), account.add(WEB)
    account.ownership.keep([held.rule_id], "another")

    account.delete(*(replace(member, rule_id="") for member in (held, other)))

    assert account.left() == [held.rule_id]
    assert [held.rule_id in text for text in account.told] == [True]


def test_without_an_id_an_unanswered_delete_is_repeated(
    account: Account,
) -> None:
    """The connection broke three times, and a read still showed the rule."""
    member = account.add(SSH)
    account.fake.inject(Fault(action=REVOKE, drop=True, times=3))

    account.delete(replace(member, rule_id=""))

    assert account.left() == []
    sent = [c.parameters for c in account.fake.calls if c.action == REVOKE]
    assert {"SecurityGroupRuleId.1" in parameters for parameters in sent} == {False}


def test_without_an_id_a_refused_delete_names_the_rule(account: Account) -> None:
    """It is refused once: a call by ID would be refused as well."""
    member = account.add(SSH)
    account.fake.inject(Fault.refused(REVOKE, 403, "Forbidden.RAM"))

    with pytest.raises(PermissionRefusedError) as caught:
        account.delete(replace(member, rule_id=""))

    assert SSH.as_text in str(caught.value)
    assert account.left() == [member.rule_id]
    assert [call.action for call in account.fake.calls] == [REVOKE]
