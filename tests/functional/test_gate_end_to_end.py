"""
What the gate promises, tested with the provider itself over the fake.

For any preview: if the gate exits with 0, then deploying it opens no administration
port to the internet that was not open before, apart from what the waivers name. A
deployment that fails half way counts too.
"""

from __future__ import annotations

import copy
import datetime as dt
import json
from collections.abc import Mapping
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pulumi.dynamic import ResourceProvider

from alicloud_ingress.previews.declared import RULE, RULE_SET
from alicloud_ingress.previews.findings import Gate, Review
from alicloud_ingress.previews.preview import read_preview
from alicloud_ingress.previews.review import judge
from alicloud_ingress.previews.waivers import Waiver
from alicloud_ingress.resource import IngressRuleProvider, IngressRuleSetProvider
from alicloud_ingress.rules.live import LiveGroup, LiveRule
from alicloud_ingress.rules.rule import IngressRule
from alicloud_ingress.testing import FakeEcs
from engine.host import new_process
from engine.state import Entry, Key
from faults.stack import Stack
from functional.conftest import opened
from packet_model import newly_open

TODAY = dt.date(2026, 5, 1)
REGION = "cn-hangzhou"
NAMES = ("a", "b", "c", "d")
ADMIN = frozenset({22})
SOURCES = ("0.0.0.0/0", "0.0.0.0/1", "128.0.0.0/1", "10.0.0.0/8", "::/0")
Properties = dict[str, Any]


@st.composite
def arguments(draw: st.DrawFn) -> Properties:
    """A rule as a program declares it: from few values, so that rules overlap."""
    source = draw(st.sampled_from(SOURCES))
    kind = "ipv6_source_cidr_ip" if ":" in source else "source_cidr_ip"
    return {
        "ip_protocol": "tcp",
        "port_range": draw(st.sampled_from(["22/22", "22/22", "20/30"])),
        kind: source,
        "policy": draw(st.sampled_from(["accept", "accept", "drop"])),
        "priority": draw(st.integers(1, 3)),
        "description": draw(st.sampled_from(["one", "two"])),
        "nic_type": draw(st.sampled_from(["intranet", "intranet", "internet"])),
        "adopt": draw(st.booleans()),
    }


PROGRAMS = st.dictionaries(st.sampled_from(NAMES), arguments(), max_size=3)
CHANGES = st.lists(
    st.tuples(st.sampled_from(["add", "change", "remove"]), st.integers(0, 5)),
    max_size=3,
)


def permission(given_: Mapping[str, Any]) -> dict[str, str]:
    """The same as ECS names it."""
    rule = IngressRule.parse({k: v for k, v in given_.items() if k != "adopt"})
    return rule.to_permission()


def live_group(fake: FakeEcs, group: str) -> LiveGroup:
    """The group as it stands."""
    rules = (
        LiveRule(IngressRule.from_permission(fields), rule_id, "")
        for rule_id, fields in fake.rules(group).items()
    )
    return LiveGroup(group, REGION, "vpc-1", tuple(rules))


def live_rules(fake: FakeEcs, group: str) -> list[IngressRule]:
    return [live.rule for live in live_group(fake, group).rules]


def by_hand(
    fake: FakeEcs,
    group: str,
    changes: list[tuple[str, int]],
    rules: list[Properties],
) -> None:
    """What is changed in the console meanwhile."""
    for (what, number), given_ in zip(changes, rules, strict=False):
        ids = [*fake.rules(group)]
        fields = permission(given_)
        if what == "add" or not ids:
            if not any(
                r
                == IngressRule.parse(
                    {k: v for k, v in given_.items() if k not in ("adopt", "nic_type")}
                )
                for r in live_rules(fake, group)
            ):
                fake.add_rule(group, **fields)
        elif what == "remove":
            fake.remove_rule(group, ids[number % len(ids)])
        else:
            fake.change_rule(group, ids[number % len(ids)], Priority=fields["Priority"])


def step_of(
    op: str, name: str, old: Entry | None, new: Properties | None, kind: str
) -> Properties:
    made: Properties = {"op": op, "urn": f"urn:pulumi:dev::web::{kind}::{name}"}
    if old is not None:
        inputs = {
            k: v
            for k, v in old.outputs.items()
            if k not in ("security_group_rule_id", "create_time", "account_id")
        }
        made["oldState"] = {"inputs": inputs, "outputs": old.outputs, "id": old.id}
    if new is not None:
        made["newState"] = {"inputs": new}
    return made


def previewed(
    provider: ResourceProvider,
    state: Mapping[str, Entry],
    program: Mapping[str, Properties],
    kind: str,
) -> list[Properties]:
    """The steps of a preview, as the engine finds them: by check and diff."""
    steps: list[Properties] = []
    for name, given_ in program.items():
        old = state.get(name)
        inputs = dict(
            provider.check(old.outputs if old else {}, copy.deepcopy(given_)).inputs
        )
        op = "create"
        if old is not None:
            change = provider.diff(old.id, copy.deepcopy(old.outputs), dict(inputs))
            op = "replace" if change.replaces else "update"
            op = "same" if change.changes is False else op
        steps.append(step_of(op, name, old, inputs, kind))
    steps += [
        step_of("delete", name, old, None, kind)
        for name, old in state.items()
        if name not in program
    ]
    return steps


def gate_over(
    steps: list[Properties],
    live: LiveGroup,
    waived: tuple[str, ...] = (),
) -> Review:
    waivers = tuple(Waiver(name, "a test", TODAY) for name in waived)
    gate = Gate(
        fail_on=frozenset({"world-open-admin"}), admin_ports=ADMIN, waivers=waivers
    )
    return judge(
        read_preview(json.dumps({"steps": steps})),
        gate,
        today=TODAY,
        live={live.group_id: live},
    )


@settings(
    deadline=None,
    max_examples=400,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
@given(
    PROGRAMS,
    CHANGES,
    st.lists(arguments(), min_size=3, max_size=3),
    PROGRAMS,
    st.sets(st.sampled_from(NAMES), max_size=1),
)
def test_rules_that_the_gate_accepts_open_nothing(
    first: dict[str, Properties],
    changes: list[tuple[str, int]],
    rules: list[Properties],
    then: dict[str, Properties],
    waived: set[str],
) -> None:
    """Rules of a program, deployed over manual changes."""
    with opened("in process") as front:
        group = front.fake.new_group()
        place = {"security_group_id": group}
        stack = Stack(front.settings)
        stack.up({name: {**place, **given_} for name, given_ in first.items()})
        by_hand(front.fake, group, changes, rules)
        program = {name: {**place, **given_} for name, given_ in then.items()}
        with new_process(front.settings, IngressRuleProvider()) as provider:
            steps = previewed(provider, stack.state, program, RULE)
        before = live_group(front.fake, group)
        review = gate_over(steps, before, tuple(waived))
        assert not review.problems
        if review.failing:
            return
        stack.up(program)
        names = {e.rule_id: n for n, e in stack.state.items()}
        after = [
            live.rule
            for live in live_group(front.fake, group).rules
            if not (names.get(live.rule_id) in waived and live.rule.policy == "accept")
        ]

        opened_ = newly_open([live.rule for live in before.rules], after, ADMIN)
        assert opened_ == set(), json.dumps(steps, indent=1)


@settings(
    deadline=None,
    max_examples=200,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
@given(
    st.lists(arguments(), min_size=1, max_size=3),
    CHANGES,
    st.lists(arguments(), min_size=3, max_size=3),
    st.lists(arguments(), max_size=3),
    st.booleans(),
    st.sampled_from(["update", "update", "delete"]),
)
def test_a_set_that_the_gate_accepts_opens_nothing(  # noqa: PLR0913, PLR0917
    first: list[Properties],
    changes: list[tuple[str, int]],
    rules: list[Properties],
    then: list[Properties],
    adopt: bool,  # noqa: FBT001
    op: str,
) -> None:
    """A set creates missing rules, reverts its members, and revokes."""
    with opened("in process") as front:
        group = front.fake.new_group()

        def declared(some: list[Properties]) -> Properties:
            bare = [{k: v for k, v in each.items() if k != "adopt"} for each in some]
            return {"security_group_id": group, "rules": bare, "adopt": adopt}

        with new_process(front.settings, IngressRuleSetProvider()) as provider:
            checked = provider.check({}, declared(first))
            if checked.failures:
                return
            made = provider.create(copy.deepcopy(dict(checked.inputs)))
        outputs = dict(made.outs or {})
        old = Entry(Key("a"), provider, str(made.id), {}, outputs)
        by_hand(front.fake, group, changes, rules)
        before = live_group(front.fake, group)
        with new_process(front.settings, IngressRuleSetProvider()) as provider:
            program = {"a": declared(then)} if op == "update" else {}
            if program and provider.check({}, declared(then)).failures:
                return
            steps = previewed(provider, {"a": old}, program, RULE_SET)
            review = gate_over(steps, before)
            assert not review.problems
            if review.failing:
                return
            outputs = copy.deepcopy(old.outputs)
            try:
                if steps[0]["op"] == "update":
                    news = provider.check(old.outputs, declared(then)).inputs
                    provider.update(old.id, outputs, copy.deepcopy(dict(news)))
                elif steps[0]["op"] == "delete":
                    provider.delete(old.id, outputs)
            except Exception:  # noqa: BLE001, S110 - what fails half way counts too
                pass

        after = live_rules(front.fake, group)
        opened_ = newly_open([live.rule for live in before.rules], after, ADMIN)
        assert opened_ == set(), json.dumps(steps, indent=1)
