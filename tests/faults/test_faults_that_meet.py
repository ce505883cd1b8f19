"""
Faults that follow one another, manual changes meanwhile, and successes without effect.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from alicloud_ingress.errors import IngressError
from alicloud_ingress.testing import FakeEcs
from alicloud_ingress.testing.faults import Fault
from engine.ways import UP
from faults.invariants import assert_stands_alone
from faults.test_each_fault import (
    AUTHORIZE,
    DESCRIBE,
    KINDS,
    MODIFY,
    REVOKE,
    SSH,
    STORM,
    WHO,
    Scene,
    assert_is,
    converge,
    destroyed,
    scene,
    scene_of,
)
from functional.conftest import Front

__all__ = ["scene"]

ACTED = (
    "5xx after the effect",
    "html after the effect",
    "empty",
    "truncated",
    "dropped after",
)
THEN = ("throttled storm", "5xx storm", "forbidden", "quota", "dropped before, storm")


@pytest.mark.parametrize("then", THEN)
@pytest.mark.parametrize("first", ACTED)
def test_a_create_refused_after_an_unknown_outcome_is_verified(
    scene: Scene, first: str, then: str
) -> None:
    """A refusal does not prove that the attempt before it had no effect."""
    acted = replace(KINDS[first](AUTHORIZE), lag=3, times=3)
    refused = replace(KINDS[then](AUTHORIZE), times=STORM)
    scene.fake.inject(acted, refused)

    errors = scene.stack.up(scene.program)

    scene.watch.assert_kept(scene.stack, errors, 2 * len(scene.program))
    converge(scene, scene.program)
    destroyed(scene)


@pytest.mark.parametrize("look", ["forbidden", "html storm", "throttled storm"])
@pytest.mark.parametrize("first", [*ACTED, "throttled"])
def test_a_create_that_cannot_be_verified_loses_no_rule(
    scene: Scene, first: str, look: str
) -> None:
    """Made without an ID, revoked again, or named in the error."""
    scene.fake.inject(
        KINDS[first](AUTHORIZE),
        replace(KINDS[look](DESCRIBE), skip=len(scene.program), times=STORM),
    )

    errors = scene.stack.up(scene.program)

    scene.watch.assert_kept(scene.stack, errors, 2 * len(scene.program))
    converge(scene, scene.program)
    destroyed(scene)


def test_a_create_neither_visible_nor_revocable_is_in_the_state(
    front: Front,
) -> None:
    """
    The one case in which a rule is left: the error names it, and the next `up` goes
    on.
    """
    scene = scene_of(front, 1)
    scene.fake.inject(
        replace(Fault.dropped(AUTHORIZE, takes_effect=True), times=STORM),
        replace(KINDS["html storm"](DESCRIBE), skip=1),
        replace(KINDS["forbidden"](REVOKE), times=STORM),
    )

    (error,) = scene.stack.up(scene.program)

    assert len(scene.watch.ours()) == 1
    assert "may exist" in str(error)
    scene.watch.assert_kept(scene.stack, [error])
    scene.calm()
    assert scene.lead(UP) == []
    assert_is(scene, scene.program)
    destroyed(scene)


@pytest.mark.parametrize("without_ids", [False, True], ids=["by ID", "without an ID"])
@pytest.mark.parametrize("then", THEN)
@pytest.mark.parametrize("first", ACTED)
def test_a_delete_refused_after_an_unknown_outcome_is_verified(
    scene: Scene, first: str, then: str, *, without_ids: bool
) -> None:
    """The rule is in the state until a read shows that it is deleted."""
    scene.settle()
    if without_ids:
        scene.stack.forget_ids()
    scene.fake.inject(KINDS[first](REVOKE), replace(KINDS[then](REVOKE), times=STORM))

    errors = scene.stack.destroy()

    scene.watch.assert_kept(scene.stack, errors, 2 * len(scene.program))
    scene.fake.forget_faults()
    destroyed(scene)
    assert scene.stack.state == {}


@pytest.mark.parametrize("without_ids", [False, True], ids=["by ID", "without an ID"])
@pytest.mark.parametrize("then", THEN)
@pytest.mark.parametrize("first", ACTED)
def test_an_update_refused_after_an_unknown_outcome_is_verified(
    scene: Scene, first: str, then: str, *, without_ids: bool
) -> None:
    """The state still holds the rule, or the error of the next run names it."""
    scene.settle()
    if without_ids:
        scene.stack.forget_ids()
    program = scene.change(priority=9)
    scene.fake.inject(KINDS[first](MODIFY), replace(KINDS[then](MODIFY), times=STORM))

    errors = scene.stack.up(program)

    scene.watch.assert_kept(scene.stack, errors, 2 * len(program))
    converge(scene, program)
    destroyed(scene)


def removed(scene: Scene) -> Callable[[FakeEcs], object]:
    """Delete our rules by hand."""

    def edit(_: FakeEcs) -> None:
        for rule_id in scene.watch.ours():
            del scene.fake.groups[scene.watch.group].rules[rule_id]

    return edit


def changed(scene: Scene) -> Callable[[FakeEcs], object]:
    """Change our rules by hand."""

    def edit(_: FakeEcs) -> None:
        for rule_id in scene.watch.ours():
            scene.fake.groups[scene.watch.group].rules[rule_id]["Priority"] = 42

    return edit


Hand = Callable[[Scene], Callable[[FakeEcs], object]]


@pytest.mark.parametrize("hand", [removed, changed])
@pytest.mark.parametrize("action", [DESCRIBE, MODIFY])
def test_a_manual_change_during_an_update_is_handled(
    scene: Scene, hand: Hand, action: str
) -> None:
    """The update fails and says what to do, or it succeeds."""
    scene.settle()
    program = scene.change(priority=9)
    scene.fake.inject(Fault.other_hand(action, hand(scene)))

    errors = scene.stack.up(program)

    scene.watch.assert_kept(scene.stack, errors, len(program))
    converge(scene, program)
    destroyed(scene)


@pytest.mark.parametrize("without_ids", [False, True], ids=["by ID", "without an ID"])
@pytest.mark.parametrize("hand", [removed, changed])
def test_a_manual_change_during_a_destroy_is_handled(
    scene: Scene, hand: Hand, *, without_ids: bool
) -> None:
    """
    A deleted rule needs no delete. A rule that was changed is still ours by its ID;
    without one it is another rule now, and is kept.
    """
    scene.settle()
    if without_ids:
        scene.stack.forget_ids()
    scene.fake.inject(Fault.other_hand(REVOKE, hand(scene)))

    errors = scene.stack.destroy()

    assert errors == []
    scene.watch.assert_nothing_foreign_is_touched()
    left = hand is changed and without_ids
    assert len(scene.watch.ours()) == left * len(scene.program)


def test_deleting_a_missing_rule_keeps_its_duplicate(scene: Scene) -> None:
    """
    Ours was deleted by hand, and a new one with the same fields is not ours.
    """
    scene.settle()
    group = scene.fake.groups[scene.watch.group]
    for rule_id, rule in scene.watch.ours().items():
        del group.rules[rule_id]
        scene.watch.add_foreign(**{**SSH, "PortRange": str(rule["PortRange"])})

    errors = scene.stack.destroy()

    scene.watch.assert_kept(scene.stack, errors, len(scene.program))
    assert errors == []


def test_a_revoke_without_effect_is_repeated_by_id(scene: Scene) -> None:
    """
    Revoke by attributes answers 200 and deletes nothing: the rule that a read shows
    is revoked by its ID.
    """
    scene.settle()
    scene.stack.forget_ids()
    scene.fake.inject(
        replace(
            Fault.shaped(REVOKE, '{"RequestId": "R-1"}', takes_effect=False),
            times=len(scene.program),
            having="Permissions.",
        )
    )

    errors = scene.stack.destroy()

    scene.watch.assert_kept(scene.stack, errors, len(scene.program))
    scene.fake.forget_faults()
    destroyed(scene)


def test_an_existing_rule_is_reported_in_one_line(scene: Scene) -> None:
    """With its ID, and the three ways to take it over."""
    taken = {
        scene.watch.add_foreign(**{**SSH, "PortRange": f"{port}/{port}"})
        for port in (args["port_range"] for args in scene.program.values())
    }

    errors = scene.stack.up(scene.program)

    assert len(errors) == len(scene.program)
    scene.watch.assert_kept(scene.stack, errors, len(scene.program))
    for error in errors:
        assert isinstance(error, IngressError)
        assert_stands_alone(error, scene.watch.group)
        assert any(rule_id in str(error) for rule_id in taken)
        for way in ("aliases", "import", "adopt=True"):
            assert way in str(error)


@pytest.mark.parametrize("is_gone", [False, True], ids=["still there", "gone"])
def test_a_missing_group_of_an_unknown_account_is_verified(
    scene: Scene, *, is_gone: bool
) -> None:
    """A refresh drops the rule only if the list of groups agrees."""
    scene.fake.inject(replace(KINDS["forbidden"](WHO), times=STORM))
    scene.settle()
    known = dict(scene.stack.state)
    if is_gone:
        del scene.fake.groups[scene.watch.group]
    else:
        missing = Fault.refused(DESCRIBE, 404, "InvalidSecurityGroupId.NotFound")
        scene.fake.inject(replace(missing, times=STORM))

    errors = scene.stack.refresh()

    assert len(errors) == (0 if is_gone else len(known))
    assert scene.stack.state == ({} if is_gone else known)
    for error in errors:
        assert_stands_alone(error, scene.watch.group)
