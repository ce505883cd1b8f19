"""
What each error of ECS means, call by call: the whole table.

Each scene is one operation on one rule, during which ECS returns the error once.
`client` retries throttling and faults of the service itself; see its tests.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import pytest

from alicloud_ingress.ecs.reactions import (
    Reaction,
    Write,
    is_of_one_entry,
    reaction,
)
from alicloud_ingress.errors import (
    BatchEntryError,
    EcsError,
    GroupNotFoundError,
    IngressError,
    NoAnswerError,
    PermissionRefusedError,
    ReferenceNotFoundError,
    RefusedForEnterpriseError,
    RuleIdNotValidError,
    RuleNotConfirmedError,
    RuleNotFoundError,
    ServiceFaultError,
    ThrottledError,
    UnreachableError,
)
from alicloud_ingress.reconcile.plan import Member
from alicloud_ingress.reconcile.rule_lifecycle import RuleLifecycle
from functional.memory_group import SSH, MemoryGroup

A, I, Q, M = Write  # noqa: E741  the columns of the table
R = Reaction
TABLE: dict[type[EcsError], dict[Write, Reaction]] = {
    EcsError: {},
    ThrottledError: {},
    ServiceFaultError: {},
    UnreachableError: {},
    NoAnswerError: {},
    RuleNotFoundError: {I: R.ALREADY_DONE, Q: R.READ_GROUP, M: R.REFRESH},
    RuleIdNotValidError: {I: R.READ_GROUP, M: R.READ_GROUP},
    GroupNotFoundError: {},
    RefusedForEnterpriseError: {Q: R.FIND_ID},
    PermissionRefusedError: {},
    BatchEntryError: {},
    ReferenceNotFoundError: {Q: R.READ_REPEATEDLY},
}
"""
Each class of error. A call that a row does not name fails.
"""

CELLS = [(kind, call) for kind in TABLE for call in Write]


@pytest.mark.parametrize(
    ("kind", "call"), CELLS, ids=[f"{k.__name__}-{c.name}" for k, c in CELLS]
)
def test_each_error_has_its_reaction(kind: type[EcsError], call: Write) -> None:
    """Call by call."""
    expected = TABLE[kind].get(call, R.FAIL)

    assert reaction(call, kind("Action", "Code", "no")) is expected


@pytest.mark.parametrize(
    "kind",
    [
        ThrottledError,
        ServiceFaultError,
        UnreachableError,
        NoAnswerError,
        GroupNotFoundError,
    ],
)
def test_an_error_of_the_whole_call_blames_no_entry(kind: type[EcsError]) -> None:
    """
    Also with the code of a refusal, which an error has if a call without an answer is
    sent again and refused.
    """
    assert not is_of_one_entry(kind("Action", "Forbidden.RAM", "no"))


def test_only_a_ram_policy_can_refuse_one_entry_alone() -> None:
    """Its conditions may depend on the fields of an entry."""
    policy = PermissionRefusedError("Action", "Forbidden.RAM", "no")
    other = PermissionRefusedError("Action", "NoPermission", "no")

    assert (is_of_one_entry(policy), is_of_one_entry(other)) == (True, False)


@dataclass(frozen=True)
class Scene:
    """One cell, played: who asks, what is there, and what has to come of it."""

    call: str
    kind: type[EcsError]
    act: Callable[[RuleLifecycle], object]
    raises: type[IngressError] | None
    calls: list[str]
    acts: bool = False
    left: bool = False


def create(one: RuleLifecycle) -> object:
    """Make the rule."""
    return one.create(SSH)


def delete_by_id(one: RuleLifecycle) -> object:
    """Remove the rule by its ID."""
    one.delete(SSH, "sgr-1", "1")
    return None


def delete_by_attributes(one: RuleLifecycle) -> object:
    """Remove the rule without an ID."""
    one.delete(SSH, "", "1")
    return None


def update(one: RuleLifecycle) -> object:
    """Change the rule's priority."""
    return one.update(SSH, replace(SSH, priority=7), "sgr-1")


def read(one: RuleLifecycle) -> object:
    """Look the rule up."""
    return one.read(Member(SSH, "sgr-1"), "1")


LOOK, AUTHORIZE, BY_ID, BY_QUINTUPLE, MODIFY = (
    "describe",
    "authorize",
    "revoke_by_id sgr-1",
    "revoke_by_attributes",
    "modify sgr-1",
)
SCENES = [
    Scene("describe", GroupNotFoundError, read, None, [LOOK], left=True),
    Scene("describe", PermissionRefusedError, read, EcsError, [LOOK], left=True),
    Scene("describe", PermissionRefusedError, create, EcsError, [LOOK]),
    Scene("describe", NoAnswerError, read, EcsError, [LOOK], left=True),
    Scene("authorize", NoAnswerError, create, None, [LOOK, AUTHORIZE, LOOK], acts=True),
    Scene(
        "authorize",
        NoAnswerError,
        create,
        None,
        [LOOK, AUTHORIZE, LOOK, AUTHORIZE, LOOK],
    ),
    Scene("authorize", GroupNotFoundError, create, EcsError, [LOOK, AUTHORIZE]),
    Scene("authorize", RefusedForEnterpriseError, create, EcsError, [LOOK, AUTHORIZE]),
    Scene("authorize", PermissionRefusedError, create, EcsError, [LOOK, AUTHORIZE]),
    Scene("revoke_by_id", GroupNotFoundError, delete_by_id, None, [BY_ID], left=True),
    Scene(
        "revoke_by_id",
        RuleNotFoundError,
        delete_by_id,
        None,
        [BY_ID, LOOK],
        acts=True,
    ),
    Scene(
        "revoke_by_id",
        RuleIdNotValidError,
        delete_by_id,
        None,
        [BY_ID, LOOK, LOOK],
        acts=True,
    ),
    Scene(
        "revoke_by_id",
        RuleIdNotValidError,
        delete_by_id,
        RuleNotConfirmedError,
        [BY_ID, LOOK],
        left=True,
    ),
    Scene(
        "revoke_by_id",
        PermissionRefusedError,
        delete_by_id,
        PermissionRefusedError,
        [BY_ID],
        left=True,
    ),
    Scene(
        "revoke_by_attributes",
        NoAnswerError,
        delete_by_attributes,
        None,
        [BY_QUINTUPLE, LOOK, BY_QUINTUPLE, LOOK],
        acts=True,
    ),
    Scene(
        "revoke_by_attributes",
        NoAnswerError,
        delete_by_attributes,
        None,
        [BY_QUINTUPLE, LOOK, BY_QUINTUPLE, LOOK],
    ),
    Scene(
        "revoke_by_attributes",
        RuleNotFoundError,
        delete_by_attributes,
        None,
        [BY_QUINTUPLE, LOOK],
        acts=True,
    ),
    Scene(
        "revoke_by_attributes",
        RefusedForEnterpriseError,
        delete_by_attributes,
        None,
        [BY_QUINTUPLE, LOOK, BY_ID, LOOK],
    ),
    Scene(
        "revoke_by_attributes",
        GroupNotFoundError,
        delete_by_attributes,
        None,
        [BY_QUINTUPLE],
        left=True,
    ),
    Scene(
        "revoke_by_attributes",
        PermissionRefusedError,
        delete_by_attributes,
        PermissionRefusedError,
        [BY_QUINTUPLE],
        left=True,
    ),
    Scene(
        "modify",
        RuleNotFoundError,
        update,
        RuleNotConfirmedError,
        [LOOK, MODIFY],
        left=True,
    ),
    Scene(
        "modify",
        RuleIdNotValidError,
        update,
        RuleIdNotValidError,
        [LOOK, MODIFY, LOOK],
        left=True,
    ),
    Scene(
        "modify",
        GroupNotFoundError,
        update,
        GroupNotFoundError,
        [LOOK, MODIFY],
        left=True,
    ),
    Scene(
        "modify",
        RefusedForEnterpriseError,
        update,
        RefusedForEnterpriseError,
        [LOOK, MODIFY],
        left=True,
    ),
    Scene(
        "modify",
        PermissionRefusedError,
        update,
        PermissionRefusedError,
        [LOOK, MODIFY],
        left=True,
    ),
]


@pytest.mark.parametrize(
    "scene",
    SCENES,
    ids=[
        f"{s.call}-{s.kind.__name__}-{s.act.__name__}{'-acted' * s.acts}"
        for s in SCENES
    ],
)
def test_each_answer_leads_to_what_the_table_says(scene: Scene) -> None:
    """By the calls that follow, by what is raised, and by what is left."""
    group = MemoryGroup()
    if scene.act is not create:
        group.add(SSH)
    group.answers[scene.call] = [scene.kind(scene.call, "Code", "no", "R-1")]
    group.acts_in_silence = scene.acts
    one = RuleLifecycle(group, group, "cn-hangzhou", warn=lambda _: None)

    if scene.raises is None:
        scene.act(one)
    else:
        with pytest.raises(scene.raises):
            scene.act(one)

    assert group.calls == scene.calls
    made = scene.act is create and scene.raises is None
    assert list(group.rules.values()) == ([SSH] if made or scene.left else [])
