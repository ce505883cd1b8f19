"""
The provider as the engine calls it: dicts in, dicts out, over the fake.
"""

from __future__ import annotations

import pickle
from collections.abc import Iterator
from typing import Any

import pytest
from pulumi.dynamic import ConfigureRequest

from alicloud_ingress.resource import IngressRuleProvider
from alicloud_ingress.testing import FakeEcs, mock_ecs

SETTINGS = {
    "alicloud:region": "cn-hangzhou",
    "alicloud:accessKey": "AK",
    "alicloud:secretKey": "a-secret-that-is-never-shown",
}


@pytest.fixture
def provider() -> IngressRuleProvider:
    """A provider configured by the stack."""
    provider = IngressRuleProvider()
    request: Any = ConfigureRequest(SETTINGS)  # type: ignore[arg-type]
    provider.configure(request)
    return provider


@pytest.fixture
def fake() -> Iterator[FakeEcs]:
    """ECS in this process."""
    with mock_ecs() as fake:
        yield fake


def arguments(group: str, **change: object) -> dict[str, Any]:
    """What a program declares."""
    return {
        "security_group_id": group,
        "ip_protocol": "tcp",
        "port_range": 22.0,
        "source_cidr_ip": "10.0.0.0/8",
        **change,
    }


def test_check_fills_in_the_region_and_calls_nothing(
    fake: FakeEcs, provider: IngressRuleProvider
) -> None:
    """A preview needs no credentials that work."""
    result = provider.check({}, arguments("sg-1"))

    assert result.failures == []
    assert result.inputs["region"] == "cn-hangzhou"
    assert result.inputs["port_range"] == 22
    assert fake.calls == []


def test_check_names_each_mistake(provider: IngressRuleProvider) -> None:
    """All at once, each at its argument."""
    result = provider.check({}, arguments("sg-1", port_range="443/80", priority=0))

    assert sorted(f.property for f in result.failures) == ["port_range", "priority"]


def test_what_read_returns_is_what_check_made(
    fake: FakeEcs, provider: IngressRuleProvider
) -> None:
    """A refresh of an untouched rule shows no change, whatever its spelling."""
    group = fake.new_group()
    inputs = provider.check(
        {}, arguments(group, ip_protocol="TCP", source_cidr_ip="10.1.2.3/32")
    ).inputs
    created = provider.create(dict(inputs))
    assert created.outs is not None

    read = provider.read(created.id, dict(created.outs))

    assert read.id == created.id
    assert str(read.id).startswith("sgr-")
    assert read.inputs == inputs
    assert read.outs == created.outs
    assert provider.diff(created.id, created.outs, dict(inputs)).changes is False


def test_drift_shows_in_its_field_alone(
    fake: FakeEcs, provider: IngressRuleProvider
) -> None:
    """Another hand changed the description; nothing else is reported."""
    group = fake.new_group()
    inputs = provider.check({}, arguments(group, description="office")).inputs
    created = provider.create(dict(inputs))
    assert created.outs is not None
    fake.groups[group].rules[created.id]["Description"] = "changed by hand"

    read = provider.read(created.id, dict(created.outs))

    assert read.inputs == {**inputs, "description": "changed by hand"}


def test_an_update_keeps_the_rule_and_its_id(
    fake: FakeEcs, provider: IngressRuleProvider
) -> None:
    """In place, without a gap."""
    group = fake.new_group()
    inputs = provider.check({}, arguments(group)).inputs
    created = provider.create(dict(inputs))
    assert created.outs is not None
    wider = provider.check(inputs, arguments(group, port_range="22-23")).inputs

    assert provider.diff(created.id, created.outs, wider).replaces == []
    updated = provider.update(created.id, created.outs, wider)

    assert updated.outs is not None
    assert updated.outs["security_group_rule_id"] == created.id
    assert fake.rules(group)[created.id]["PortRange"] == "22/23"


@pytest.mark.parametrize(
    ("change", "replaced"),
    [
        ({"security_group_id": "sg-2"}, {"security_group_id"}),
        (
            {"source_cidr_ip": None, "source_group_id": "sg-9"},
            {"source_cidr_ip", "source_group_id"},
        ),
        ({"policy": "drop"}, set[str]()),
        ({"source_cidr_ip": "10.0.0.0/9"}, set[str]()),
    ],
)
def test_only_what_ecs_cannot_modify_is_replaced(
    provider: IngressRuleProvider, change: dict[str, object], replaced: set[str]
) -> None:
    """Kind of source and group; the rest is modified."""
    old = provider.check({}, arguments("sg-1")).inputs
    new = provider.check({}, arguments("sg-1", **change)).inputs

    assert set(provider.diff("sgr-1", old, new).replaces or []) == replaced


def test_a_rule_that_is_gone_is_taken_out_of_the_state(
    fake: FakeEcs, provider: IngressRuleProvider
) -> None:
    """A blank ID is what the engine takes for gone."""
    group = fake.new_group()
    created = provider.create(provider.check({}, arguments(group)).inputs)
    assert created.outs is not None
    fake.groups[group].rules.clear()

    assert provider.read(created.id, created.outs).id == ""


def test_the_pickle_names_the_class_and_nothing_else(
    provider: IngressRuleProvider,
) -> None:
    """It is in every user's state: this path may never change."""
    assert provider.__dict__ == {}
    assert len(pickle.dumps(provider, protocol=4)) < 120
    assert b"a-secret" not in pickle.dumps(provider)
    assert (
        f"{IngressRuleProvider.__module__}.{IngressRuleProvider.__qualname__}"
        == "alicloud_ingress.resource.IngressRuleProvider"
    )


def test_an_adopted_rule_outlives_the_resource_it_was_taken_from(
    fake: FakeEcs, provider: IngressRuleProvider
) -> None:
    """A rename is a create of the new and a delete of the old, in this order."""
    group = fake.new_group()
    rule_id = fake.add_rule(
        group, IpProtocol="tcp", PortRange="22/22", SourceCidrIp="10.0.0.0/8"
    )
    inputs = provider.check({}, arguments(group, adopt=True)).inputs
    old = {**inputs, "security_group_rule_id": rule_id, "account_id": ""}

    created = provider.create(dict(inputs))
    provider.delete(rule_id, old)

    assert created.id == rule_id
    assert [rule_id] == list(fake.rules(group))


def test_delete_goes_by_the_id_of_the_state(
    fake: FakeEcs, provider: IngressRuleProvider
) -> None:
    """One call with the ID, even where the arguments no longer match."""
    group = fake.new_group()
    rule_id = fake.add_rule(
        group, IpProtocol="tcp", PortRange="22/23", SourceCidrIp="10.0.0.0/8"
    )
    inputs = provider.check({}, arguments(group)).inputs

    provider.delete(rule_id, {**inputs, "security_group_rule_id": rule_id})

    (call,) = fake.calls
    assert call.parameters["SecurityGroupRuleId.1"] == rule_id
    assert fake.rules(group) == {}
