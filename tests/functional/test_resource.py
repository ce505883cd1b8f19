"""
The provider as the engine calls it: dicts in, dicts out, over the fake.
"""

from __future__ import annotations

import json
import pickle
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pulumi
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pulumi.dynamic import CreateResult, UpdateResult

from alicloud_ingress.engine.declarations import DECLARATION, Declaration
from alicloud_ingress.engine.runtime import Location, Process, running
from alicloud_ingress.errors import EcsError, RuleNotConfirmedError
from alicloud_ingress.resource import IngressRuleProvider
from alicloud_ingress.rules.rule import IngressRule
from alicloud_ingress.testing import FakeEcs, Fault
from engine.host import THREADS, new_process
from functional.conftest import SECRET, Front, configure


def configured(settings: dict[str, str]) -> IngressRuleProvider:
    """A provider as the host makes it, with the stack's configuration."""
    provider = IngressRuleProvider()
    configure(provider, settings)
    return provider


@pytest.fixture
def provider(front: Front) -> IngressRuleProvider:
    """A provider configured by the stack."""
    return configured(front.settings)


def arguments(group: str, **change: object) -> dict[str, Any]:
    """What a program declares."""
    return {
        "security_group_id": group,
        "ip_protocol": "tcp",
        "port_range": 22.0,
        "source_cidr_ip": "10.0.0.0/8",
        **change,
    }


def test_check_fills_in_the_region_without_a_call(
    fake: FakeEcs, provider: IngressRuleProvider
) -> None:
    """A preview needs no valid credentials."""
    result = provider.check({}, arguments("sg-1"))

    assert result.failures == []
    assert result.inputs["region"] == "cn-hangzhou"
    assert result.inputs["port_range"] == 22
    assert fake.calls == []


def test_check_reports_each_invalid_argument(provider: IngressRuleProvider) -> None:
    """All at once, each at its argument."""
    result = provider.check({}, arguments("sg-1", port_range="443/80", priority=0))

    assert sorted(f.property for f in result.failures) == ["port_range", "priority"]


def test_check_reports_a_region_that_names_no_host(front: Front) -> None:
    """At the preview; a create would ask a host of that name."""
    provider = configured(front.settings)
    given = {**arguments(front.fake.new_group()), "region": "cn hangzhou"}

    told = {f.property: f.reason for f in provider.check({}, given).failures}

    assert list(told) == ["region"]
    assert "'cn hangzhou' is not a region" in told["region"]


def test_check_reports_an_invalid_group_region_or_adopt(front: Front) -> None:
    """A missing group, a region that is not configured, and an adopt that is a text."""
    settings = {k: v for k, v in front.settings.items() if k != "alicloud:region"}

    result = configured(settings).check({}, arguments("", adopt="yes"))

    told = {failure.property: failure.reason for failure in result.failures}
    assert sorted(told) == ["adopt", "region", "security_group_id"]
    assert "'yes'" in told["adopt"]
    assert "alicloud:region" in told["region"]


def test_read_returns_what_check_made(
    fake: FakeEcs, provider: IngressRuleProvider
) -> None:
    """A refresh of an unchanged rule shows no change, in any spelling."""
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


def test_drift_is_shown_only_in_its_field(
    fake: FakeEcs, provider: IngressRuleProvider
) -> None:
    """The description was changed by hand; nothing else is reported."""
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


def test_a_group_name_instead_of_its_id_is_reported(
    provider: IngressRuleProvider,
) -> None:
    """ECS would report a missing group, and only in `up`."""
    (failure,) = provider.check({}, arguments("web")).failures

    assert failure.property == "security_group_id"
    assert "'web' is not an ID" in failure.reason
    assert "'sg-'" in failure.reason


@pytest.mark.parametrize("group", ["sg-1 ", " sg-1", "sg-1\n"])
def test_a_group_id_with_a_space_is_reported(
    provider: IngressRuleProvider, group: str
) -> None:
    """It would be taken for another group than the one without it."""
    (failure,) = provider.check({}, arguments(group)).failures

    assert failure.property == "security_group_id"
    assert f"{group!r} has a space" in failure.reason


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
    """The kind of source and the group; the rest is modified."""
    old = provider.check({}, arguments("sg-1")).inputs
    new = provider.check({}, arguments("sg-1", **change)).inputs

    assert set(provider.diff("sgr-1", old, new).replaces or []) == replaced


def test_a_deleted_rule_is_dropped_from_the_state(
    fake: FakeEcs, provider: IngressRuleProvider
) -> None:
    """A blank ID means deleted to the engine."""
    group = fake.new_group()
    created = provider.create(provider.check({}, arguments(group)).inputs)
    assert created.outs is not None
    fake.groups[group].rules.clear()

    assert provider.read(created.id, created.outs).id == ""


def test_the_pickle_holds_only_the_class_name(
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


def test_an_adopted_rule_survives_its_old_resource(
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


def test_delete_uses_the_id_in_the_state(
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


YESTERDAY = (datetime.now(timezone.utc) - timedelta(days=1)).date().isoformat()
TODAY = datetime.now(timezone.utc).date().isoformat()


def declared(*secrets: str) -> dict[str, str]:
    """What the program sends for a rule with these secret arguments."""
    declaration = Declaration("a", 1, "first", frozenset(secrets))
    return {DECLARATION: declaration.written()}


def reasons(provider: IngressRuleProvider, inputs: dict[str, Any]) -> str:
    """The problems that check finds in the inputs of a new resource."""
    return "\n".join(f.reason for f in provider.check({}, inputs).failures)


def test_a_new_rule_with_a_past_expiry_is_refused(
    provider: IngressRuleProvider,
) -> None:
    """It would open what should be closed by now."""
    assert YESTERDAY in reasons(provider, arguments("sg-1", expires_on=YESTERDAY))
    assert reasons(provider, arguments("sg-1", expires_on=TODAY)) == ""


def test_an_expired_rule_is_reported_while_it_exists(
    provider: IngressRuleProvider, capfd: pytest.CaptureFixture[str]
) -> None:
    """At each preview, in the way that the engine shows."""
    expired = arguments("sg-1", expires_on=YESTERDAY)

    assert provider.check(expired, expired).failures == []
    told = capfd.readouterr().err
    assert YESTERDAY in told
    assert "sg-1" in told


def test_nothing_waits_for_a_change_that_failed_early(front: Front) -> None:
    """Its account could not be read, and a neighbour wants the identity."""
    with new_process(front.settings, IngressRuleProvider()) as provider:
        old = {**arguments(front.fake.new_group()), "region": "cn-hangzhou"}
        created = provider.create(provider.check({}, old).inputs)
        olds = {**(created.outs or {}), "account_id": ""}
    front.fake.fail_next("GetCallerIdentity", 400, "Unheard.Of", times=2)
    with new_process(front.settings, IngressRuleProvider()) as provider:
        news = {**old, "priority": 2}
        assert provider.diff(created.id, olds, news).changes is None

        with pytest.raises(EcsError, match="Unheard"):
            provider.update(created.id, olds, news)

        assert not running().ownership.wait_for_change(created.id)


def test_resources_that_wait_for_the_account_share_its_error(front: Front) -> None:
    """The call is not repeated for each of them."""
    process = Process()
    process.configure(front.settings)
    place = Location(front.fake.new_group(), "cn-hangzhou", "")
    refused = Fault.refused("GetCallerIdentity", 400, "Unheard.Of")
    front.fake.inject(replace(refused, times=THREADS, delay_s=0.5))
    all_there = threading.Barrier(THREADS)

    def ask() -> str:
        all_there.wait()
        return process.lifecycle(place, process.owner("")).account.account_id()

    with ThreadPoolExecutor(THREADS) as pool:
        asked = [pool.submit(ask) for _ in range(THREADS)]
    for future in asked:
        with pytest.raises(EcsError, match="Unheard"):
            future.result()

    actions = [call.action for call in front.fake.calls]
    assert actions.count("GetCallerIdentity") < THREADS
    front.fake.forget_faults()
    account = process.lifecycle(place, process.owner("")).account
    assert account.account_id() != ""


def test_profiles_with_one_group_share_its_writes(front: Front, tmp_path: Path) -> None:
    """What one has read is outdated once the other has written."""
    keys = {"mode": "AK", "access_key_id": "AK", "access_key_secret": SECRET}
    profiles = [{"name": name, **keys} for name in ("first", "second")]
    file = tmp_path / "config.json"
    file.write_text(json.dumps({"current": "first", "profiles": profiles}))
    kept = {k: v for k, v in front.settings.items() if not k.endswith("Key")}
    process = Process()
    process.configure({**kept, "alicloud:sharedCredentialsFile": str(file)})
    group_id = front.fake.new_group()
    first, second = (
        process.group(Location(group_id, "cn-hangzhou", name))
        for name in ("first", "second")
    )

    assert second.read_after_writes().rules == ()
    first.authorize_all([IngressRule.parse(arguments(group_id))])

    assert len(second.read_after_writes().rules) == 1


def test_a_secret_of_an_expired_rule_is_hidden(
    provider: IngressRuleProvider, capfd: pytest.CaptureFixture[str]
) -> None:
    """For a new rule and for an existing one."""
    declaration = declared("source_cidr_ip", "expires_on")
    expired = {**arguments("sg-1", expires_on=YESTERDAY), **declaration}

    told = reasons(provider, expired)
    provider.check(expired, expired)
    told += capfd.readouterr().err

    assert "[secret] is in the past" in told
    assert "the rule [secret] of sg-1" in told
    assert YESTERDAY not in told
    assert "10.0.0.0" not in told


def test_a_rule_declared_twice_names_both_resources(
    provider: IngressRuleProvider,
) -> None:
    """In any spelling; in one run of one program."""
    first = {DECLARATION: Declaration("twice", 1, "first").written()}
    again = {DECLARATION: Declaration("twice", 2, "second").written()}
    other_run = {DECLARATION: Declaration("again", 2, "first").written()}

    assert reasons(provider, {**arguments("sg-1"), **first}) == ""
    assert reasons(provider, {**arguments("sg-1"), **first}) == ""
    twice = reasons(provider, {**arguments("sg-1", port_range="22/22"), **again})
    assert "'first'" in twice
    assert "'second'" in twice
    assert reasons(provider, {**arguments("sg-2"), **again}) == ""
    assert reasons(provider, {**arguments("sg-1"), **other_run}) == ""


def test_the_declaration_is_not_an_input(
    provider: IngressRuleProvider,
) -> None:
    """Neither the state nor a preview shows it."""
    result = provider.check({}, {**arguments("sg-1"), **declared()})

    assert DECLARATION not in result.inputs


@pytest.mark.parametrize(
    ("argument", "value"),
    [
        ("port_range", "443/80"),
        ("source_cidr_ip", "10.0.0.1/33"),
        ("description", "x" * 513),
        ("ip_protocol", "tpc-secret"),
        ("adopt", "yes-secret"),
    ],
)
def test_no_reason_holds_a_secret_value(
    provider: IngressRuleProvider, argument: str, value: str
) -> None:
    """The user knows it; the log must not have it."""
    inputs = {**arguments("sg-1"), argument: value, **declared(argument)}
    told = reasons(provider, inputs)

    assert f"{argument}: [secret]" in told
    assert value[:40] not in told


def test_a_failure_with_a_secret_names_no_property(
    provider: IngressRuleProvider,
) -> None:
    """The engine prints the value of a property that a failure names, secret or not."""
    inputs = {**arguments("sg-1"), "source_cidr_ip": "10.0.0.1/33", "priority": 0}
    secret = declared("source_cidr_ip")
    failures = provider.check({}, {**inputs, **secret}).failures

    assert sorted(failure.property for failure in failures) == ["", "priority"]


@pytest.mark.parametrize(
    "name", ["port_range", "source_cidr_ip", "security_group_id", "region", "adopt"]
)
def test_check_accepts_unknown_values(provider: IngressRuleProvider, name: str) -> None:
    """In a preview, values that only an update knows."""
    inputs = arguments("sg-1", **{name: pulumi.UNKNOWN})

    assert reasons(provider, inputs) == ""


@pytest.mark.parametrize(
    ("name", "replaced"),
    [
        ("security_group_id", ["security_group_id"]),
        ("nic_type", ["nic_type"]),
        ("source_cidr_ip", []),
        ("source_group_id", ["source_group_id"]),
        ("port_range", []),
    ],
)
def test_an_unknown_in_a_replacing_field_counts_as_changed(
    provider: IngressRuleProvider, name: str, replaced: list[str]
) -> None:
    """Announcing a replacement that is not needed is better than the reverse."""
    old = provider.check({}, arguments("sg-1")).inputs

    result = provider.diff("sgr-1", old, {**old, name: pulumi.UNKNOWN})

    assert result.changes is None
    assert result.replaces == replaced


def test_another_profile_is_stored_without_a_call(
    fake: FakeEcs, provider: IngressRuleProvider
) -> None:
    """Refresh and destroy use the profile in the state."""
    group = fake.new_group()
    inputs = provider.check({}, arguments(group)).inputs
    created = provider.create(dict(inputs))
    assert created.outs is not None
    named = {**inputs, "profile": "ops"}

    assert provider.diff(created.id, created.outs, named).changes is None


@pytest.mark.parametrize("name", ["dest_cidr_ip", "source_port_range"])
def test_a_field_that_ecs_cannot_empty_replaces_the_rule(
    provider: IngressRuleProvider, name: str
) -> None:
    """Only a new rule can drop a part of the identity."""
    value = {"dest_cidr_ip": "10.9.0.1", "source_port_range": "1/1024"}[name]
    old = provider.check({}, arguments("sg-1", **{name: value})).inputs
    new = provider.check({}, arguments("sg-1")).inputs

    assert provider.diff("sgr-1", old, new).replaces == [name]
    assert provider.diff("sgr-1", new, old).replaces == []


@pytest.mark.parametrize("protocol", ["icmp", "gre", "all"])
def test_a_rule_without_ports_gets_ports_by_a_replacement(
    fake: FakeEcs, provider: IngressRuleProvider, protocol: str
) -> None:
    """ECS shows the source ports -1/-1, which no change can clear; without a gap."""
    group = fake.new_group()
    bare = arguments(group, ip_protocol=protocol, port_range="-1/-1")
    old = provider.check({}, bare).inputs
    new = provider.check(old, arguments(group)).inputs
    created = provider.create(dict(old))
    assert created.outs is not None
    replaces = provider.diff(created.id, created.outs, new).replaces

    made: CreateResult | UpdateResult
    if replaces:
        made = provider.create(dict(new))
        provider.delete(created.id, created.outs)
    else:
        made = provider.update(created.id, created.outs, new)

    assert made.outs is not None
    (rule_id,) = fake.rules(group)
    assert rule_id == made.outs["security_group_rule_id"]
    assert fake.rules(group)[rule_id]["PortRange"] == "22/22"
    assert replaces == ["ip_protocol"]
    assert provider.diff(rule_id, made.outs, old).replaces == []
    provider.update(rule_id, made.outs, old)
    assert fake.rules(group)[rule_id]["PortRange"] == "-1/-1"


def test_an_old_system_rule_can_be_imported(provider: IngressRuleProvider) -> None:
    """Priority 110 cannot be made, and exists."""
    old = arguments("sg-1", priority=110)

    assert provider.check(old, arguments("sg-1", priority=110)).failures == []
    assert "110" in reasons(provider, arguments("sg-1", priority=110))


def test_no_output_is_none_or_a_secret_key(
    fake: FakeEcs, provider: IngressRuleProvider
) -> None:
    """None does not come back from the state; keys do not belong there."""
    group = fake.new_group()
    inputs = provider.check({}, arguments(group)).inputs
    outputs = provider.create(dict(inputs)).outs
    assert outputs is not None

    assert None not in outputs.values()
    assert SECRET not in str(outputs)
    assert outputs["account_id"] == "1000000000000001"
    assert outputs["create_time"] != ""


def test_a_rule_read_by_id_has_all_fields(
    fake: FakeEcs, provider: IngressRuleProvider
) -> None:
    """`get` needs them."""
    group = fake.new_group()
    rule_id = fake.add_rule(
        group,
        IpProtocol="udp",
        PortRange="53/53",
        Ipv6SourceCidrIp="2001:DB8::/32",
        Policy="drop",
        Priority="7",
    )

    read = provider.read(rule_id, {"security_group_id": group})

    assert read.outs is not None
    told = {name: read.outs[name] for name in ("ip_protocol", "policy", "priority")}
    assert told == {"ip_protocol": "udp", "policy": "drop", "priority": 7}
    assert read.outs["ipv6_source_cidr_ip"] == "2001:db8::/32"


def test_get_fails_for_a_missing_rule(
    fake: FakeEcs, provider: IngressRuleProvider
) -> None:
    """The engine would continue with empty outputs; a refresh must not fail."""
    inputs = {"security_group_id": fake.new_group()}

    with pytest.raises(RuleNotConfirmedError, match="sgr-gone is not in"):
        provider.read("sgr-gone", {**inputs, **declared()})
    assert provider.read("sgr-gone", inputs).id == ""


def test_two_profiles_use_two_accounts(front: Front, tmp_path: Path) -> None:
    """In one process, each rule uses the credentials of its own profile."""
    file = tmp_path / "config.json"
    profiles = [
        {
            "name": name,
            "mode": "AK",
            "access_key_id": name,
            "access_key_secret": SECRET,
        }
        for name in ("dev", "prod")
    ]
    file.write_text(json.dumps({"profiles": profiles}))
    front.fake.accounts.update(dev="1", prod="2")
    groups = {
        name: front.fake.new_group(account=front.fake.accounts[name])
        for name in ("dev", "prod")
    }
    provider = configured(
        {**front.settings, "alicloud:sharedCredentialsFile": str(file)}
    )

    for name, group in groups.items():
        inputs = provider.check({}, arguments(group, profile=name)).inputs
        outs = provider.create(dict(inputs)).outs
        assert outs is not None
        assert outs["account_id"] == front.fake.accounts[name]
        provider.delete(str(outs["security_group_rule_id"]), dict(outs))
        assert front.fake.rules(group) == {}


CIDRS = st.sampled_from(["10.0.0.0/8", "10.1.2.3/8", "192.0.2.1", "192.0.2.1/32"])


@st.composite
def programs(draw: st.DrawFn) -> dict[str, Any]:
    """Arguments in all the spellings that a program may use."""
    inputs: dict[str, Any] = {
        "ip_protocol": draw(st.sampled_from(["tcp", "TCP", "6", "udp"])),
        "port_range": draw(st.sampled_from([443.0, "443", "8000-8010", "1/65535"])),
        "source_cidr_ip": draw(CIDRS),
    }
    optional: dict[str, st.SearchStrategy[Any]] = {
        "policy": st.sampled_from(["accept", "Drop"]),
        "priority": st.sampled_from([1.0, 7, "100"]),
        "nic_type": st.sampled_from(["intranet", "internet", "Intranet"]),
        "description": st.text("ab [];`", max_size=8),
        "expires_on": st.just("2999-12-31"),
        "source_port_range": st.sampled_from(["-1/-1", "1024-2048"]),
        "dest_cidr_ip": st.sampled_from(["172.16.0.1", "172.16.0.0/12"]),
        "adopt": st.booleans(),
    }
    for name, strategy in optional.items():
        if draw(st.booleans()):
            inputs[name] = draw(strategy)
    return inputs


@given(programs())
@settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
def test_a_rule_read_back_equals_the_declared_one(
    front: Front, provider: IngressRuleProvider, program: dict[str, Any]
) -> None:
    """In any spelling, a refresh shows no change and none is needed."""
    group = front.fake.new_group()
    checked = provider.check({}, {**program, "security_group_id": group})
    assert checked.failures == []
    inputs = dict(checked.inputs)
    created = provider.create(dict(inputs))
    assert created.outs is not None

    read = provider.read(created.id, dict(created.outs))

    assert read.inputs is not None
    assert provider.check(inputs, dict(read.inputs)).inputs == inputs
    assert provider.diff(created.id, created.outs, inputs).changes is False
