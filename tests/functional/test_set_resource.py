"""
The set's provider as the engine calls it: dicts in, dicts out, over the fake.
"""

from __future__ import annotations

import copy
import itertools
import pickle
from typing import Any

import pytest
from pulumi.dynamic import CheckResult
from pulumi.output import Unknown

from alicloud_ingress.engine.declarations import DECLARATION, Declaration
from alicloud_ingress.resource import IngressRuleProvider, IngressRuleSetProvider
from alicloud_ingress.testing import Behaviour, FakeEcs
from functional.conftest import Front, configure

SSH_KEY = "tcp 22/22 from 10.0.0.0/8"
WEB_KEY = "tcp 443/443 from 10.0.0.0/8"
_RUNS = itertools.count()
UNKNOWN: Any = Unknown.__new__(Unknown)


@pytest.fixture
def provider(front: Front) -> IngressRuleSetProvider:
    """A provider configured by the stack."""
    provider = IngressRuleSetProvider()
    configure(provider, front.settings)
    return provider


def tcp(port: object, **more: object) -> dict[str, Any]:
    """One rule of a program."""
    return {
        "ip_protocol": "tcp",
        "port_range": port,
        "source_cidr_ip": "10.0.0.0/8",
        **more,
    }


def a_set(group: str, *rules: object, **more: object) -> dict[str, Any]:
    """What a program declares."""
    return {"security_group_id": group, "rules": list(rules), **more}


def declared(run: int, number: int, name: str, *secrets: str) -> dict[str, str]:
    """What a program sends along with its arguments."""
    declaration = Declaration(f"run-{run}", number, name, frozenset(secrets))
    return {DECLARATION: declaration.written()}


def failures(result: CheckResult) -> dict[str, str]:
    """The problems that check found, by path."""
    return {failure.property: failure.reason for failure in result.failures or []}


class Deployed:
    """A set that the engine has made, and what the state holds of it."""

    def __init__(self, provider: IngressRuleSetProvider, news: dict[str, Any]) -> None:
        self.provider = provider
        self.inputs: dict[str, Any] = provider.check({}, news).inputs
        created = provider.create(copy.deepcopy(self.inputs))
        self.id = created.id
        assert created.outs is not None
        self.outputs: dict[str, Any] = created.outs

    def refresh(self) -> None:
        """Read it."""
        read = self.provider.read(self.id, copy.deepcopy(self.outputs))
        assert read.inputs is not None
        assert read.outs is not None
        self.inputs, self.outputs = read.inputs, read.outs

    def changes(self, news: dict[str, Any]) -> bool | None:
        """The result of diff for another program."""
        inputs = self.provider.check(self.inputs, news).inputs
        return self.provider.diff(self.id, self.outputs, inputs).changes

    def update(self, news: dict[str, Any]) -> None:
        """Deploy another program."""
        inputs: dict[str, Any] = self.provider.check(self.inputs, news).inputs
        self.provider.diff(self.id, self.outputs, inputs)
        updated = self.provider.update(self.id, self.outputs, copy.deepcopy(inputs))
        assert updated.outs is not None
        self.inputs, self.outputs = inputs, updated.outs


def test_rules_are_keyed_by_their_content(provider: IngressRuleSetProvider) -> None:
    """In any order; whole numbers are written as such."""
    result = provider.check({}, a_set("sg-1", tcp(443.0), tcp("22"), region="r"))

    assert not result.failures
    assert result.inputs["rules"] == {WEB_KEY: tcp(443), SSH_KEY: tcp("22")}
    assert isinstance(result.inputs["rules"][WEB_KEY]["port_range"], int)
    again = provider.check({}, result.inputs)
    assert again.inputs == result.inputs


def test_each_mistake_is_reported_at_its_path(provider: IngressRuleSetProvider) -> None:
    """All of them at once, whatever their kind."""
    found = failures(
        provider.check(
            {},
            a_set(
                "sg-1",
                tcp(443),
                tcp("443/80", priority=0),
                tcp("443/443", description="the same again"),
                tcp(22, cidr="10.0.0.0/8"),
                "tcp 22",
                tcp(23, expires_on="2001-01-01"),
                tcp(24, source_cidr_ip=None, source_group_id="sg-1"),
                exclusive="yes",
                keep_rule_ids=[1],
            ),
        )
    )

    assert sorted(found) == [
        "exclusive",
        "keep_rule_ids",
        "rules[1].port_range",
        "rules[1].priority",
        "rules[2]",
        "rules[3].cidr",
        "rules[4]",
        "rules[5].expires_on",
        "rules[6].source_group_id",
    ]
    assert "rules[0]" in found["rules[2]"]
    assert WEB_KEY in found["rules[2]"]
    assert "443/80" in found["rules[1].port_range"]


@pytest.mark.parametrize("rules", ["tcp 443", 443])
def test_rules_that_are_not_a_list_are_reported(
    provider: IngressRuleSetProvider, rules: object
) -> None:
    """A text is not read letter by letter."""
    found = failures(provider.check({}, {**a_set("sg-1"), "rules": rules}))

    assert list(found) == ["rules"]
    assert f"this is a {type(rules).__name__}" in found["rules"]


def test_the_preview_has_rules_with_equal_unknown_values(
    provider: IngressRuleSetProvider,
) -> None:
    """None of them replaces another."""
    news = a_set("sg-1", UNKNOWN, UNKNOWN, tcp(443, priority=UNKNOWN))

    checked = provider.check({}, news)

    assert not checked.failures
    assert list(checked.inputs["rules"]) == [
        "[unknown]",
        "[unknown] #2",
        f"{WEB_KEY} priority [unknown]",
    ]


@pytest.mark.parametrize("where", ["rules[0].description", "rules[0]", "rules"])
def test_no_message_holds_a_secret(
    provider: IngressRuleSetProvider, where: str
) -> None:
    """Whichever part of the rules is secret."""
    news = a_set("sg-1", tcp(443, description="hush [expires 2999-12-31]"))

    found = failures(
        provider.check({}, {**news, **declared(next(_RUNS), 1, "set", where)})
    )

    assert list(found) == ["rules[0].description"]
    assert "hush" not in str(found)


@pytest.mark.parametrize(
    ("name", "value", "where"),
    [
        ("adopt", "hush", "adopt"),
        ("exclusive", "hush", "exclusive"),
        ("keep_rule_ids", "hush", "keep_rule_ids"),
        ("keep_descriptions", ["hush", 1], "keep_descriptions[0]"),
    ],
)
def test_no_message_holds_a_secret_setting(
    provider: IngressRuleSetProvider, name: str, value: object, where: str
) -> None:
    """Nor an entry of a list; the engine would print the value of a property."""
    news = a_set("sg-1", **{name: value})

    found = failures(
        provider.check({}, {**news, **declared(next(_RUNS), 1, "set", where)})
    )

    assert list(found) == [""]
    assert found[""].startswith(f"{name}: [secret] is not")
    assert "hush" not in str(found)


@pytest.mark.parametrize(
    ("where", "rule"), [("rules[0].expires_on", WEB_KEY), ("rules", "[secret]")]
)
def test_a_secret_of_an_expired_rule_is_hidden(
    provider: IngressRuleSetProvider,
    capfd: pytest.CaptureFixture[str],
    where: str,
    rule: str,
) -> None:
    """For a new rule and for an existing one, which the warning names if it can."""
    news = a_set("sg-1", tcp(443, expires_on="2001-01-01"))
    secret = declared(next(_RUNS), 1, "set", where)

    told = str(failures(provider.check({}, {**news, **secret})))
    provider.check({"rules": {WEB_KEY: news["rules"][0]}}, {**news, **secret})
    told += capfd.readouterr().err

    assert "[secret] is in the past" in told
    assert f"the rule {rule} of sg-1" in told
    assert "2001-01-01" not in told
    assert told.count("10.0.0.0") == rule.count("10.0.0.0")


def test_check_accepts_unknown_values(provider: IngressRuleSetProvider) -> None:
    """In one field, as one rule, or as the whole list."""
    some = a_set("sg-1", tcp(443), tcp(UNKNOWN), UNKNOWN, tcp(22, description=UNKNOWN))
    whole = {**a_set("sg-1"), "rules": UNKNOWN}
    old = provider.check({}, a_set("sg-1", tcp(443))).inputs

    for news in (some, whole):
        checked = provider.check(old, news)
        assert not checked.failures
        assert provider.diff("id", old, checked.inputs).changes is None
    assert list(provider.check({}, some).inputs["rules"]) == [
        WEB_KEY,
        "tcp [unknown] from 10.0.0.0/8",
        "[unknown]",
        SSH_KEY,
    ]


def test_one_rule_in_two_resources_is_refused(
    provider: IngressRuleSetProvider,
) -> None:
    """In two sets, or in a set and on its own; the error names both."""
    run = next(_RUNS)
    first = provider.check({}, {**a_set("sg-1", tcp(443)), **declared(run, 1, "first")})
    second = provider.check(
        {}, {**a_set("sg-1", tcp(22), tcp("443")), **declared(run, 2, "second")}
    )
    lone = IngressRuleProvider().check(
        {}, {"security_group_id": "sg-1", **tcp(443), **declared(run, 3, "lone")}
    )

    assert not first.failures
    assert list(failures(second)) == ["rules[1]"]
    assert "'first' and 'second'" in failures(second)["rules[1]"]
    assert "'first' and 'lone'" in str(failures(lone))


def test_a_duplicate_with_a_secret_source_hides_it(
    provider: IngressRuleSetProvider,
) -> None:
    """The error names both resources, which is enough to find it."""
    run = next(_RUNS)
    news = a_set("sg-1", tcp(443))
    for number in (1, 2):
        result = provider.check(
            {},
            {
                **news,
                **declared(run, number, f"set-{number}", "rules[0].source_cidr_ip"),
            },
        )

    assert "'set-1' and 'set-2'" in str(failures(result))
    assert "10.0.0.0" not in str(failures(result))


@pytest.mark.parametrize("exclusive_first", [True, False])
def test_an_exclusive_set_beside_another_resource_is_refused(
    provider: IngressRuleSetProvider, *, exclusive_first: bool
) -> None:
    """In either order; in another group it is allowed."""
    run = next(_RUNS)
    one, other = (
        provider.check(
            {},
            {
                **a_set("sg-1", tcp(port), exclusive=exclusive),
                **declared(run, port, f"set-{port}"),
            },
        )
        for port, exclusive in ((22, exclusive_first), (443, not exclusive_first))
    )
    elsewhere = provider.check(
        {}, {**a_set("sg-2", tcp(22), exclusive=True), **declared(run, 3, "third")}
    )

    assert not one.failures
    assert "'set-22' and 'set-443'" in failures(other)["security_group_id"]
    assert not elsewhere.failures


def test_read_returns_what_check_made(
    fake: FakeEcs, provider: IngressRuleSetProvider
) -> None:
    """A refresh of an unchanged set shows no change, in any spelling."""
    news = a_set(
        fake.new_group(),
        tcp("443-443", source_cidr_ip="10.1.2.3/32", ip_protocol="TCP"),
        tcp(22, description="office", expires_on="2999-12-31", policy="Drop"),
    )
    deployed = Deployed(provider, news)
    inputs, outputs = copy.deepcopy((deployed.inputs, deployed.outputs))

    deployed.refresh()

    assert deployed.inputs == inputs
    assert deployed.outputs == outputs
    assert set(outputs["rule_ids"].values()) == set(
        fake.rules(news["security_group_id"])
    )
    assert deployed.changes(news) is False
    assert str(deployed.id).startswith(f"{news['security_group_id']}/set/")


def test_another_spelling_of_ecs_is_not_drift(
    fake: FakeEcs, provider: IngressRuleSetProvider
) -> None:
    """Host bits that it clears, and the NIC type that a VPC does not have."""
    fake.behaviour = Behaviour(host_bits_are_masked=True)
    news = a_set(
        fake.new_group(),
        tcp(22, source_cidr_ip="10.1.2.3/8"),
        tcp(443, nic_type="internet"),
    )
    deployed = Deployed(provider, news)
    before = deployed.inputs

    deployed.refresh()

    assert deployed.inputs == before
    assert deployed.changes(news) is False


def test_drift_is_shown_by_key(fake: FakeEcs, provider: IngressRuleSetProvider) -> None:
    """A deleted rule is a missing key, a changed one another key or value."""
    group = fake.new_group()
    deployed = Deployed(provider, a_set(group, tcp(22), tcp(443), tcp(80)))
    ids = deployed.outputs["rule_ids"]
    live = fake.groups[group].rules
    del live[ids[SSH_KEY]]
    live[ids[WEB_KEY]]["PortRange"] = "444/444"
    fake.add_rule(group, IpProtocol="udp", PortRange="53/53", SourceCidrIp="10.0.0.0/8")

    deployed.refresh()

    assert deployed.changes(a_set(group, tcp(22), tcp(443), tcp(80))) is None
    assert deployed.inputs["rules"] == {
        "tcp 444/444 from 10.0.0.0/8": tcp("444/444"),
        "tcp 80/80 from 10.0.0.0/8": tcp(80),
    }


def test_declaring_a_foreign_rule_makes_it_the_sets(
    fake: FakeEcs, provider: IngressRuleSetProvider
) -> None:
    """After a refresh of an exclusive set, and without a call that changes it."""
    group = fake.new_group()
    deployed = Deployed(provider, a_set(group, tcp(22), exclusive=True))
    foreign = fake.add_rule(
        group, IpProtocol="tcp", PortRange="443/443", SourceCidrIp="10.0.0.0/8"
    )
    deployed.refresh()
    assert deployed.outputs["foreign_rule_ids"] == [foreign]

    news = a_set(group, tcp(22), tcp("443/443"), exclusive=True)
    news |= declared(2, 1, "office")
    assert deployed.changes(news) is True
    fake.calls.clear()
    deployed.update(news)

    assert {call.action for call in fake.calls} <= {"DescribeSecurityGroupAttribute"}
    assert deployed.outputs["foreign_rule_ids"] == []
    assert deployed.outputs["rule_ids"][WEB_KEY] == foreign


@pytest.mark.parametrize(
    ("change", "replaced"),
    [
        ({"security_group_id": "sg-2"}, ["security_group_id"]),
        ({"region": "cn-beijing"}, ["region"]),
        ({"exclusive": True}, []),
        ({"keep_descriptions": ["managed *"]}, []),
        ({"rules": [tcp(22, description="new")]}, []),
    ],
)
def test_only_another_group_or_region_replaces_a_set(
    provider: IngressRuleSetProvider, change: dict[str, Any], replaced: list[str]
) -> None:
    """All else is done in place."""
    old = provider.check({}, a_set("sg-1", tcp(22))).inputs
    new = provider.check(old, {**a_set("sg-1", tcp(22)), **change}).inputs

    result = provider.diff("id", old, new)

    assert result.changes is None
    assert result.replaces == replaced


def test_an_expired_rule_is_reported_and_kept(
    provider: IngressRuleSetProvider, capsys: pytest.CaptureFixture[str]
) -> None:
    """At each preview, until it is deleted."""
    news = a_set("sg-1", tcp(22, expires_on="2001-01-01"))
    old = {**a_set("sg-1"), "rules": {SSH_KEY: tcp(22)}}

    assert not provider.check(old, news).failures
    assert "expired after 2001-01-01" in capsys.readouterr().err


def test_a_system_rule_can_be_kept(provider: IngressRuleSetProvider) -> None:
    """Its priority can no longer be set."""
    news = a_set("sg-1", tcp(22, priority=110))
    old = {**a_set("sg-1"), "rules": {f"{SSH_KEY} priority 110": tcp(22, priority=110)}}

    assert not provider.check(old, news).failures
    assert provider.check({}, news).failures


def test_a_set_in_a_deleted_group_is_dropped(
    fake: FakeEcs, provider: IngressRuleSetProvider
) -> None:
    """A blank ID means deleted to the engine."""
    group = fake.new_group()
    deployed = Deployed(provider, a_set(group, tcp(22)))
    del fake.groups[group]

    assert provider.read(deployed.id, deployed.outputs).id == ""


def test_the_pickle_holds_only_the_class_name(
    provider: IngressRuleSetProvider,
) -> None:
    """It is in every user's state: this path may never change."""
    assert provider.__dict__ == {}
    assert len(pickle.dumps(provider, protocol=4)) < 120
    assert (
        f"{IngressRuleSetProvider.__module__}.{IngressRuleSetProvider.__qualname__}"
        == "alicloud_ingress.resource.IngressRuleSetProvider"
    )
