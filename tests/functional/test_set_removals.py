"""
How the rules of a set are deleted where ECS refuses, does not answer, or shows
something else.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

import pytest

from alicloud_ingress.ecs.client import EcsClient
from alicloud_ingress.ecs.config import Connection
from alicloud_ingress.ecs.credentials import Credentials
from alicloud_ingress.ecs.reactions import OUTCOME_UNKNOWN
from alicloud_ingress.ecs.security_group import SecurityGroup
from alicloud_ingress.errors import (
    NoAnswerError,
    PermissionRefusedError,
    RefusedForEnterpriseError,
    RuleNotConfirmedError,
)
from alicloud_ingress.reconcile.ownership import Owner, Ownership
from alicloud_ingress.reconcile.plan import Member
from alicloud_ingress.reconcile.set_lifecycle import SetLifecycle
from alicloud_ingress.rules.rule import IngressRule
from alicloud_ingress.testing import FakeEcs, mock_ecs
from alicloud_ingress.testing.faults import Fault

KEYS = Credentials("access_key", "AK", "a-secret-that-is-never-shown")
AUTHORIZE = "AuthorizeSecurityGroup"
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
    timeout_s: int = 20
    told: list[str] = field(default_factory=list[str])
    ownership: Ownership = field(default_factory=lambda: Ownership(timeout_s=0))

    def add(self, rule: IngressRule) -> Member:
        """Add a rule; it as a state holds it."""
        return Member(rule, self.fake.add_rule(self.group, **rule.to_permission()))

    def add_hidden(self, *rules: IngressRule) -> list[Member]:
        """Add rules that no read shows; they as a state holds them."""
        self.fake.inject(Fault.late(AUTHORIZE, 1_000))
        self.client.authorize(self.group, rules)
        return [Member(rule, "") for rule in rules]

    @property
    def client(self) -> EcsClient:
        """A client of a new process."""
        return EcsClient(Connection("cn-hangzhou", KEYS, timeout_s=self.timeout_s))

    def lose(self, member: Member) -> None:
        """Delete a rule by hand."""
        del self.fake.groups[self.group].rules[member.rule_id]

    def delete(self, *members: Member) -> None:
        """Delete these in a new process."""
        self.lifecycle().delete(members, "")

    def lifecycle(self) -> SetLifecycle:
        """What creates and deletes them, in a new process."""
        client = self.client
        group = SecurityGroup(client, self.group)
        owner = Owner(self.ownership, "own")
        return SetLifecycle(group, client, "cn-hangzhou", self.told.append, owner)

    def left(self) -> Sequence[str]:
        """The IDs of the rules that exist, also of those that no read shows."""
        return list(self.fake.groups[self.group].rules)


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


def test_host_bits_hide_no_rule_of_another_resource(account: Account) -> None:
    """ECS cleared the host bits of one, and the other is that block."""
    held = account.add(SSH)
    account.ownership.keep([held.rule_id], "another")

    account.delete(Member(replace(SSH, source_cidr_ip="10.1.2.3/8"), ""))

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


def test_a_hidden_rule_is_gone_after_an_answer_alone(account: Account) -> None:
    """That no read shows it proves nothing: none did before, either."""
    hidden = account.add_hidden(SSH)
    account.fake.inject(Fault.dropped(REVOKE, takes_effect=False))

    account.delete(*hidden)

    assert account.left() == []


@pytest.mark.parametrize(
    "struck",
    [
        Fault.dropped(REVOKE, takes_effect=False),
        Fault.refused(REVOKE, 503, "ServiceUnavailable"),
        Fault.refused(REVOKE, 403, "InvalidGroupParameter.OperationDenied"),
    ],
    ids=["no answer", "a fault of ECS", "attributes are not supported"],
)
def test_without_any_answer_a_hidden_rule_is_not_gone(
    account: Account, struck: Fault
) -> None:
    """The delete fails, so that the state keeps the rule."""
    account.timeout_s = 1
    hidden = account.add_hidden(SSH)
    account.fake.inject(replace(struck, times=1_000))

    with pytest.raises((*OUTCOME_UNKNOWN, RefusedForEnterpriseError)):
        account.delete(*hidden)

    assert len(account.left()) == 1


def test_a_refusal_of_one_hidden_rule_deletes_the_others(account: Account) -> None:
    """ECS refused the call as a whole, and no read has ever shown its rules."""
    hidden = account.add_hidden(SSH, WEB)
    account.fake.inject(Fault.refused(REVOKE, 403, "Forbidden.RAM"))

    account.delete(*hidden)

    assert account.left() == []


def test_a_read_that_lags_does_not_settle_a_delete(
    account: Account,
) -> None:
    """After a refusal, a read lags behind: the rule is sent again."""
    members = [account.add(SSH), account.add(WEB)]
    neighbour = account.add(replace(SSH, port_range="80/80"))
    group = SecurityGroup(account.client, account.group)
    group.read_now()
    shown = {
        **neighbour.rule.to_permission(),
        "SecurityGroupRuleId": neighbour.rule_id,
        "Direction": "ingress",
    }
    lagging = {
        "RequestId": "1",
        "SecurityGroupId": account.group,
        "VpcId": "vpc-1",
        "Permissions": {"Permission": [shown]},
    }
    account.fake.inject(Fault.refused(REVOKE, 403, "Forbidden.RAM"))
    account.fake.inject(Fault.shaped(LOOK, json.dumps(lagging)))

    outcomes = group.revoke_all_by_id([member.rule_id for member in members])

    assert [error for _, error in outcomes] == [None, None]
    assert account.left() == [neighbour.rule_id]


def test_a_refusal_after_a_fault_does_not_settle_a_delete(account: Account) -> None:
    """The call that met a fault of ECS may have deleted the rule."""
    member = account.add(SSH)
    fault = replace(Fault.refused(REVOKE, 503, "ServiceUnavailable"), takes_effect=True)
    refusal = Fault.refused(REVOKE, 403, "Forbidden.RAM")

    account.fake.inject(fault, refusal)
    with pytest.raises(NoAnswerError):
        account.client.revoke_by_id(account.group, [member.rule_id])
    account.fake.inject(fault, refusal)
    with pytest.raises(NoAnswerError):
        account.client.revoke_by_attributes(account.group, [member.rule])


def test_no_resource_adopts_what_is_being_taken_back(account: Account) -> None:
    """The revoke has been sent, and has not been answered."""
    refused = Fault.refused(AUTHORIZE, 403, "Forbidden.RAM")
    account.fake.inject(refused, replace(refused, skip=1))
    adopted: list[bool] = []

    def adopt(_: object) -> None:
        adopted.extend(account.ownership.adopt(i, "another") for i in account.left())

    account.fake.inject(Fault.other_hand(REVOKE, adopt))

    with pytest.raises(PermissionRefusedError):
        account.lifecycle().create([SSH, WEB])

    assert adopted == [False]
    assert account.left() == []


def test_no_resource_adopts_what_a_failed_create_took_back(account: Account) -> None:
    """A read that lags behind may still show the rule to others."""
    refused = Fault.refused(AUTHORIZE, 403, "Forbidden.RAM")
    account.fake.inject(refused, replace(refused, skip=1))

    with pytest.raises(PermissionRefusedError):
        account.lifecycle().create([SSH, WEB])

    sent = [c.parameters for c in account.fake.calls if c.action == REVOKE]
    taken_back = [parameters["SecurityGroupRuleId.1"] for parameters in sent]
    assert len(taken_back) == 1
    assert account.ownership.revoked == set(taken_back)
    assert account.left() == []
