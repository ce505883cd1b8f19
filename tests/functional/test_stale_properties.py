"""
Whatever the rules are, a plan that is followed destroys no wrong one.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st

from alicloud_ingress import stale
from alicloud_ingress.cleanup.findings import NEEDLESS
from alicloud_ingress.rules.rule import IngressRule
from alicloud_ingress.testing import FakeEcs
from functional.accounts import account, owning, state
from packet_model import PACKETS, gets_in, in_some_of, rules

SETS = {"sg-a", "sg-b", "pl-a", "prl-a"}
MANY = 2


@pytest.fixture(scope="module")
def fake() -> Iterator[FakeEcs]:
    """One account for all examples; each has a group of its own."""
    with account() as fake:
        yield fake


def live(fake: FakeEcs, group: str) -> dict[str, IngressRule]:
    """The rules of a group by ID."""
    return {i: IngressRule.from_permission(r) for i, r in fake.rules(group).items()}


def have_one_lot(some: list[IngressRule], others: list[IngressRule]) -> bool:
    """Whether every packet, in each choice of the unknown sets, fares the same."""
    named = {
        value
        for rule in (*some, *others)
        for value in (
            rule.source_group_id,
            rule.source_prefix_list_id,
            rule.port_range_list_id,
        )
    }
    return all(
        gets_in(some, each) == gets_in(others, each)
        for packet in PACKETS[:: 1 if len(named) <= MANY else 3]
        for each in in_some_of(packet, named & SETS)
    )


@dataclass(frozen=True)
class Story:
    """
    A group; which of its rules are owned, expired, or later changed or removed by
    hand; and what the run may destroy.
    """

    rules: list[IngressRule]
    expired: set[int]
    owned: set[int]
    changed: set[int]
    removed: set[int]
    reasons: frozenset[stale.Kind]
    allow_lockout: bool


@st.composite
def stories(draw: st.DrawFn) -> Story:
    """A group, which of its rules are owned, what changes, and what is asked for."""
    some = draw(st.lists(rules(), min_size=2, max_size=4, unique=True))
    # Rules drawn at random are seldom needless; the same ones later on often are.
    echoes = [replace(rule, priority=rule.priority + 3) for rule in some]
    group = draw(st.permutations([*some, *echoes]))
    places = st.sets(st.integers(0, len(group) - 1), min_size=1, max_size=3)
    perhaps = st.one_of(st.just(set[int]()), places)
    reasons = [NEEDLESS, NEEDLESS, frozenset(stale.KINDS)]
    return Story(
        rules=group,
        expired=draw(perhaps),
        owned=draw(perhaps),
        changed=draw(perhaps),
        removed=draw(perhaps),
        reasons=draw(st.sampled_from([*reasons, frozenset({"unmanaged"})])),
        allow_lockout=draw(st.sampled_from([True, True, False])),
    )


@settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
@given(story=stories())
def test_no_wrong_rule_is_ever_destroyed(fake: FakeEcs, story: Story) -> None:
    """
    Owned and changed rules survive, and what goes as needless changes no packet's lot.
    """
    group = fake.new_group()
    ids = [
        fake.add_rule(
            group,
            **{
                **rule.to_permission(),
                "CreateTime": f"2020-01-0{n + 1}T00:00:00Z",
                **(
                    {"Description": "[expires 2020-01-01]"}
                    if n in story.expired
                    else {}
                ),
            },
        )
        for n, rule in enumerate(story.rules)
    ]
    owned = {ids[n] for n in story.owned}
    text = state(*(owning(group, rule_id) for rule_id in sorted(owned)))
    owners = stale.Owners.read([text] if owned else [])
    connections = stale.Connections()
    plan = stale.plan(connections, groups=[group], owners=owners)
    named = {found.rule_id for _, found in plan.stale}
    assert not named & owned
    changed = {ids[n] for n in story.changed} & named
    for rule_id in changed:
        fake.groups[group].rules[rule_id]["Description"] = "by hand"
    for rule_id in {ids[n] for n in story.removed} - changed:
        del fake.groups[group].rules[rule_id]
    before = live(fake, group)

    with tempfile.TemporaryDirectory() as folder:
        report = stale.destroy(
            connections,
            plan,
            Path(folder) / "report.json",
            stale.Limits(reasons=story.reasons, allow_lockout=story.allow_lockout),
        )

    after = live(fake, group)
    gone = before.keys() - after.keys()
    event(f"{'some' if gone else 'none'} destroyed")
    assert gone <= named - changed
    assert gone == {entry.rule_id for entry in report.having("destroyed")}
    needless = {
        entry.rule_id
        for entry in report.having("destroyed")
        if {r.kind for r in entry.reasons} & story.reasons <= NEEDLESS
    }
    with_them = [rule for i, rule in before.items() if i in after or i in needless]
    if needless:
        assert have_one_lot(with_them, [*after.values()])


@settings(
    max_examples=40,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
@given(some=st.lists(rules(), min_size=1, max_size=3, unique=True), data=st.data())
def test_a_limited_run_opens_nothing_in_between(
    fake: FakeEcs, some: list[IngressRule], data: st.DataObject
) -> None:
    """All rules are planned, so no packet may get in that did not get in before."""
    behind = [
        replace(rule, policy="accept", priority=rule.priority + 3) for rule in some
    ]
    before = [*(replace(rule, policy="drop") for rule in some), *behind]
    group = fake.new_group()
    for rule in data.draw(st.permutations(before)):
        fields = {**rule.to_permission(), "Description": "[expires 2020-01-01]"}
        fake.add_rule(group, **fields)
    plan = stale.plan(stale.Connections(), groups=[group])
    limits = stale.Limits(
        reasons=frozenset(stale.KINDS),
        most=data.draw(st.integers(1, len(before))),
        allow_lockout=data.draw(st.booleans()),
    )

    with tempfile.TemporaryDirectory() as folder:
        stale.destroy(stale.Connections(), plan, Path(folder) / "report.json", limits)

    after = [*live(fake, group).values()]
    assert len(after) < len(before)
    assert not [
        packet
        for packet in PACKETS[::3]
        for each in in_some_of(packet, SETS)
        if gets_in(after, each) and not gets_in(before, each)
    ]


@settings(max_examples=100, deadline=None)
@given(group=st.lists(rules(), min_size=2, max_size=8), going=st.data())
def test_what_is_named_needless_is_so_whatever_else_goes(
    group: list[IngressRule], going: st.DataObject
) -> None:
    """Any choice of what goes for other reasons leaves the cover in place."""
    from alicloud_ingress.exposure.redundancy import together

    places = st.sets(st.integers(0, len(group) - 1))
    leaving = going.draw(places)
    free = sorted(going.draw(places) | leaving)
    named = together(group, going=sorted(leaving), free=free)
    assert set(named) <= set(free)
    taken = going.draw(st.sets(st.sampled_from(sorted(leaving) or [-1])))
    only = set(named) - taken

    standing = [rule for n, rule in enumerate(group) if n not in taken]
    rest = [rule for n, rule in enumerate(group) if n not in taken and n not in only]

    assert have_one_lot(standing, rest)
    assert all(
        n not in named and n not in leaving for e in named.values() for n in e.by
    )
