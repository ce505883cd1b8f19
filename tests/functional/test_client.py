"""
The client with the fake, over both of its fronts.
"""

from __future__ import annotations

import pickle
from collections.abc import Iterator
from dataclasses import dataclass, replace

import pytest

from alicloud_ingress.ecs.client import EcsClient
from alicloud_ingress.ecs.config import Connection
from alicloud_ingress.ecs.credentials import Credentials
from alicloud_ingress.ecs.security_group import SecurityGroup
from alicloud_ingress.errors import (
    EcsError,
    GroupNotFoundError,
    PermissionRefusedError,
    RuleNotFoundError,
)
from alicloud_ingress.reconcile.rule_lifecycle import RuleLifecycle
from alicloud_ingress.rules.rule import IngressRule
from alicloud_ingress.testing import FakeEcs, mock_ecs

KEYS = Credentials("access_key", "AK", "a-secret-that-is-never-shown")
SSH = IngressRule.parse(
    {"ip_protocol": "tcp", "port_range": 22, "source_cidr_ip": "10.0.0.0/8"}
)


@dataclass(frozen=True)
class Ecs:
    """A fake, and a client that reaches it."""

    fake: FakeEcs
    client: EcsClient


@pytest.fixture(params=["in process", "served"])
def ecs(request: pytest.FixtureRequest) -> Iterator[Ecs]:
    """Each test runs over both fronts."""
    connection = Connection("cn-hangzhou", KEYS, timeout_s=20)
    if request.param == "in process":
        with mock_ecs() as fake:
            yield Ecs(fake, EcsClient(connection))
        return
    fake = FakeEcs()
    with fake.serve() as url:
        served = replace(connection, endpoint=url[7:], protocol="http")
        yield Ecs(fake, EcsClient(served))


def lifecycle(ecs: Ecs, group: str) -> RuleLifecycle:
    """The lifecycle of one rule of a group."""
    return RuleLifecycle(
        SecurityGroup(ecs.client, group), ecs.client, "cn-hangzhou", print
    )


def rules(number: int) -> list[IngressRule]:
    """Rules that differ in their port only."""
    return [replace(SSH, port_range=f"{n}/{n}") for n in range(1, number + 1)]


def test_a_rule_is_read_back_as_created(ecs: Ecs) -> None:
    """Requests and answers differ in spelling; the rule does not."""
    group = ecs.fake.new_group()
    described = replace(SSH, description="office", expires_on="2026-12-31")

    ecs.client.authorize(group, [described])

    (live,) = ecs.client.describe(group).rules
    assert described.difference(live.rule) == ()


def test_all_pages_are_read(ecs: Ecs) -> None:
    """A rule of the second page is not taken for deleted."""
    group = ecs.fake.new_group()
    for rule in rules(1001):
        ecs.fake.add_rule(group, **rule.to_permission())

    assert len(ecs.client.describe(group).rules) == 1001


def test_a_hundred_rules_fit_in_one_call(ecs: Ecs) -> None:
    """Too long for a URL, they are sent as a form."""
    group = ecs.fake.new_group()
    long = [replace(rule, description="x" * 500) for rule in rules(100)]

    ecs.client.authorize(group, long)

    assert len(ecs.fake.rules(group)) == 100
    assert [c.action for c in ecs.fake.calls] == ["AuthorizeSecurityGroup"]


def test_delete_by_id_sends_only_the_id(ecs: Ecs) -> None:
    """One call, without Permissions."""
    group = ecs.fake.new_group()
    rule_id = ecs.fake.add_rule(group, **SSH.to_permission())

    lifecycle(ecs, group).delete(SSH, rule_id, "")

    (call,) = ecs.fake.calls
    assert call.action == "RevokeSecurityGroup"
    assert call.parameters["SecurityGroupRuleId.1"] == rule_id
    assert not [name for name in call.parameters if name.startswith("Permissions")]


@pytest.mark.parametrize(
    "change",
    [
        {"priority": 2},
        {"policy": "drop"},
        {"source_port_range": "1/1024"},
        {"dest_cidr_ip": "172.16.0.1"},
    ],
    ids=lambda change: next(iter(change)),
)
def test_delete_without_an_id_keeps_the_neighbour(
    ecs: Ecs, change: dict[str, object]
) -> None:
    """It differs in one field, and does not change."""
    group = ecs.fake.new_group()
    ecs.fake.add_rule(group, **SSH.to_permission())
    neighbour = replace(SSH, **change)  # type: ignore[arg-type]
    kept = ecs.fake.add_rule(group, **neighbour.to_permission())

    lifecycle(ecs, group).delete(SSH, "", "")

    assert [kept] == list(ecs.fake.rules(group))


def test_throttling_is_retried_with_the_same_token(ecs: Ecs) -> None:
    """So a retry cannot act twice."""
    group = ecs.fake.new_group()
    ecs.fake.fail_next("AuthorizeSecurityGroup", 400, "Throttling.User", times=2)

    ecs.client.authorize(group, [SSH])

    assert [call.code for call in ecs.fake.calls] == [
        "Throttling.User",
        "Throttling.User",
        "",
    ]
    assert len({call.parameters["ClientToken"] for call in ecs.fake.calls}) == 1


def test_a_refusal_is_reported_without_retry(ecs: Ecs) -> None:
    """A missing permission is not granted by waiting."""
    group = ecs.fake.new_group()
    ecs.fake.fail_next("RevokeSecurityGroup", 403, "Forbidden.RAM")

    with pytest.raises(PermissionRefusedError) as caught:
        ecs.client.revoke_by_id(group, ["sgr-1"])

    assert len(ecs.fake.calls) == 1
    assert f"on {group} in cn-hangzhou" in str(caught.value)
    assert "allow ecs:RevokeSecurityGroup in a RAM policy" in str(caught.value)
    assert "a-secret" not in f"{caught.value!r} {caught.value.__cause__!r}"


def test_missing_groups_and_rules_have_their_own_errors(ecs: Ecs) -> None:
    """A group, a rule and a group of another region."""
    group = ecs.fake.new_group()
    elsewhere = ecs.fake.new_group(region="cn-beijing")

    for absent in ("sg-none", elsewhere):
        with pytest.raises(GroupNotFoundError):
            ecs.client.describe(absent)
    with pytest.raises(RuleNotFoundError):
        ecs.client.revoke_by_id(group, ["sgr-none"])
    assert ecs.client.group_exists(group)
    assert not ecs.client.group_exists("sg-none")


def test_groups_of_the_region_are_listed(ecs: Ecs) -> None:
    """Each with its kind, and none of another region."""
    group = ecs.fake.new_group()
    ecs.fake.new_group(region="cn-beijing")
    ecs.fake.add_rule(group, **SSH.to_permission())

    (listed,) = ecs.client.describe_groups()

    assert (listed.group_id, listed.vpc_id) == (group, "vpc-1")
    assert (listed.group_type, listed.service_managed) == ("normal", False)


def test_the_account_is_read_once(ecs: Ecs) -> None:
    """It does not change while a process runs."""
    ecs.fake.accounts["AK"] = "42"

    assert ecs.client.account_id() == ecs.client.account_id() == "42"
    assert [call.action for call in ecs.fake.calls] == ["GetCallerIdentity"]


def test_an_unknown_action_is_refused(ecs: Ecs) -> None:
    """The fake does not accept what it does not know."""
    status, _, body = ecs.fake.handle("/?Action=DeleteEverything", {}, "")

    assert status == 404
    assert "InvalidAction.NotFound" in body


def test_neither_repr_nor_pickle_shows_a_clients_secret(ecs: Ecs) -> None:
    assert "a-secret" not in repr(ecs.client)
    with pytest.raises(TypeError, match="must not be pickled"):
        pickle.dumps(ecs.client)


def test_a_change_that_equals_another_rule_is_refused(ecs: Ecs) -> None:
    """Modify never merges two rules into one."""
    group = ecs.fake.new_group()
    one, other = rules(2)
    rule_id = ecs.fake.add_rule(group, **one.to_permission())
    ecs.fake.add_rule(group, **other.to_permission())

    with pytest.raises(EcsError, match="RuleDuplicate"):
        ecs.client.modify(group, rule_id, other)


def test_a_classic_group_is_read_on_both_interfaces(ecs: Ecs) -> None:
    """ECS shows one at a time, and each rule is reported once."""
    group = ecs.fake.new_group(vpc_id="")
    ids = {
        ecs.fake.add_rule(group, **{**SSH.to_permission(), "NicType": nic_type})
        for nic_type in ("internet", "intranet")
    }

    live = ecs.client.describe(group)

    assert {rule.rule_id for rule in live.rules} == ids
    assert {r.rule.nic_type for r in live.rules} == {"internet", "intranet"}
    assert len(live.rules) == 2
