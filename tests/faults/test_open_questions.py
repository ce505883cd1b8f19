"""
What the documentation of ECS leaves open: the provider's tests, under each answer.
"""

from __future__ import annotations

import inspect
from collections.abc import Generator
from dataclasses import fields, replace
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings

from alicloud_ingress.resource import IngressRuleProvider
from alicloud_ingress.testing.behaviour import Behaviour
from engine.host import Properties
from faults.test_each_fault import (
    SSH,
    Scene,
    assert_is,
    destroyed,
    scene_of,
)
from functional import test_resource
from functional.conftest import Front, opened

ANSWERS: dict[str, tuple[object, object]] = {
    "revoke_without_match_is_refused": (False, True),
    "unknown_rule_id": ("not found", "not valid"),
    "batches_are_atomic": (True, False),
    "omitted_matches_any": (False, True),
    "revoke_compares_description": (False, True),
    "authorize_takes_over_description": (False, True),
    "repeated_revoke_is_judged_anew": (False, True),
    "modify_without_change_is_refused": (False, True),
    "address_equals_its_block": (False, True),
    "host_bits_are_masked": (False, True),
    "priority_is_shown_as_text": (False, True),
    "omitted_fields_are_reset": (False, True),
    "protocol_numbers_are_named": (True, False),
    "icmpv6_is_shown_as": ("ICMPv6", "ICMPV6"),
    "port_range_of_a_list": ("", "-1/-1"),
    "enterprise_refuses": (
        frozenset({"Policy", "Priority", "SourceGroupId"}),
        frozenset({"Policy", "SourceGroupId"}),
    ),
    "enterprise_allows_defaults": (True, False),
    "unknown_nic_type_is_refused": (True, False),
    "permissions_as_json": (False, True),
    "longest_url": (16_384, 900),
    "group_filter_misses_primary_interfaces": (True, False),
}
CASES = [
    pytest.param((kind, name, value), id=f"{name} {number + 1}, {kind}")
    for name, values in ANSWERS.items()
    for number, value in enumerate(values)
    for kind in (["in process", "served"] if number else ["in process"])
]


def test_each_open_question_is_tested_both_ways() -> None:
    """A new setting of the fake fails here until it is in the list."""
    default = Behaviour()

    assert ANSWERS.keys() == {entry.name for entry in fields(Behaviour)}
    for name, (usual, other) in ANSWERS.items():
        assert usual == getattr(default, name)
        assert other != usual


@pytest.fixture(params=CASES)
def front(request: pytest.FixtureRequest) -> Generator[Front]:
    """The fake with one question answered so; the default runs only in process."""
    kind, name, value = request.param
    with opened(kind) as fronted:
        fronted.fake.behaviour = replace(Behaviour(), **{name: value})
        yield fronted


provider = test_resource.provider
globals().update(
    {
        name: test
        for name, test in vars(test_resource).items()
        if name.startswith("test_")
        and {"fake", "front"} & inspect.signature(test).parameters.keys()
        and not hasattr(test, "hypothesis")
    }
)


@given(program=test_resource.programs())
@settings(
    max_examples=5,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
def test_a_rule_read_back_equals_the_declared_one(
    front: Front, provider: IngressRuleProvider, program: Properties
) -> None:
    """The same property as elsewhere, with fewer examples: it runs many times here."""
    spelled: Any = test_resource.test_a_rule_read_back_equals_the_declared_one
    spelled.hypothesis.inner_test(front, provider, program)


@pytest.fixture(params=[1, 3], ids=["one rule", "three at once"])
def scene(front: Front, request: pytest.FixtureRequest) -> Scene:
    """A program among its neighbours."""
    return scene_of(front, request.param)


def test_neighbours_survive_the_whole_life_of_a_rule(scene: Scene) -> None:
    """Made, changed in place, its ID lost, found again, deleted."""
    described = scene.change(description="office", source_cidr_ip="172.16.5.4/12")
    for program in (scene.program, described, scene.change(priority=9)):
        assert scene.stack.up(program) == []
        scene.watch.assert_kept(scene.stack, [], len(program))
        if program is not described:
            assert_is(scene, program)
        assert scene.stack.refresh() == []

    scene.stack.forget_ids()

    destroyed(scene)
    assert scene.stack.state == {}


def test_a_rule_without_an_id_is_found_by_attributes(scene: Scene) -> None:
    """
    A description that was changed by hand does not keep the rule from being
    deleted.
    """
    program = scene.change(description="office")
    assert scene.stack.up(program) == []
    group = scene.fake.groups[scene.watch.group]
    for rule_id in scene.watch.ours():
        group.rules[rule_id]["Description"] = "changed by hand"
    scene.stack.forget_ids()

    destroyed(scene)


def test_deleting_a_missing_rule_succeeds(scene: Scene) -> None:
    """By ID and without one, whatever ECS answers; a duplicate is kept."""
    assert scene.stack.up(scene.program) == []
    group = scene.fake.groups[scene.watch.group]
    for rule_id, rule in scene.watch.ours().items():
        del group.rules[rule_id]
        scene.watch.add_foreign(**{**SSH, "PortRange": str(rule["PortRange"])})

    errors = scene.stack.destroy()

    assert errors == []
    scene.watch.assert_kept(scene.stack, errors, len(scene.program))
    assert scene.stack.state == {}
