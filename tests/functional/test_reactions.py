"""
What each answer of ECS leads to, call by call: the whole table.

Each cell is one operation on one rule, during which ECS gives the answer once. `client`
itself handles throttling and server errors; the tests of the client have that column.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import pytest

from alicloud_ingress.ecs.reactions import Call, Reaction, is_of_one_entry, reaction
from alicloud_ingress.errors import (
    BatchEntryError,
    EcsError,
    GroupNotFoundError,
    IngressError,
    NoAnswerError,
    PermissionRefusedError,
    RefusedForEnterpriseError,
    RuleIdNotValidError,
    RuleNotConfirmedError,
    RuleNotFoundError,
    ServiceFaultError,
    ThrottledError,
    UnreachableError,
)
from alicloud_ingress.reconcile.lifecycle import RuleLifecycle
from functional.memory_group import SSH, MemoryGroup

D, A, I, Q, M = Call  # noqa: E741  the columns of the table
R = Reaction
TABLE: dict[type[EcsError], dict[Call, Reaction]] = {
    ThrottledError: dict.fromkeys(Call, R.RETRY),
    ServiceFaultError: dict.fromkeys(Call, R.RETRY),
    UnreachableError: dict.fromkeys(Call, R.RETRY),
    NoAnswerError: {
        D: R.RETRY,
        A: R.READ_THEN_RETRY,
        I: R.RETRY,
        Q: R.READ_THEN_RETRY,
        M: R.RETRY,
    },
    RuleNotFoundError: {I: R.ALREADY_DONE, Q: R.READ_GROUP, M: R.REFRESH},
    RuleIdNotValidError: {I: R.READ_GROUP, M: R.READ_GROUP},
    GroupNotFoundError: {
        D: R.VERIFY_ACCOUNT,
        A: R.FAIL,
        I: R.VERIFY_ACCOUNT,
        Q: R.VERIFY_ACCOUNT,
        M: R.FAIL,
    },
    RefusedForEnterpriseError: {A: R.FAIL, Q: R.READ_GROUP, M: R.FAIL},
    PermissionRefusedError: dict.fromkeys(Call, R.FAIL),
    BatchEntryError: {A: R.SPLIT, I: R.SPLIT, Q: R.SPLIT},
}
"""The table of the design, without its empty cells."""

CELLS = [(kind, call) for kind, row in TABLE.items() for call in row]


@pytest.mark.parametrize(
    ("kind", "call"), CELLS, ids=[f"{k.__name__}-{c.name}" for k, c in CELLS]
)
def test_the_table_equals_the_design(kind: type[EcsError], call: Call) -> None:
    assert reaction(call, kind("Action", "Code", "no")) is TABLE[kind][call]


def test_an_unknown_answer_is_a_failure() -> None:
    """It is reported, not guessed at."""
    for call in Call:
        assert reaction(call, EcsError("Action", "Unheard.Of", "no")) is R.FAIL


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
def test_errors_of_a_whole_call_are_not_split(
    kind: type[EcsError],
) -> None:
    """
    Not even where a call without an answer was then refused, and its error has that
    code.
    """
    assert not is_of_one_entry(kind("Action", "Forbidden.RAM", "no"))


def test_only_a_ram_policy_refusal_is_split_by_entry() -> None:
    """A policy can have conditions on an entry's content."""
    policy = PermissionRefusedError("Action", "Forbidden.RAM", "no")
    other = PermissionRefusedError("Action", "NoPermission", "no")

    assert (is_of_one_entry(policy), is_of_one_entry(other)) == (True, False)


@dataclass(frozen=True)
class Scene:
    """One cell: the operation, the rules that exist, and the expected result."""

    call: str
    kind: type[EcsError]
    act: Callable[[RuleLifecycle], object]
    raises: type[IngressError] | None
    calls: list[str]
    acts: bool = False
    left: bool = False


def create(one: RuleLifecycle) -> object:
    """Create the rule."""
    return one.create(SSH)


def delete_by_id(one: RuleLifecycle) -> object:
    """Delete the rule by its ID."""
    one.delete(SSH, "sgr-1", "1")
    return None


def delete_by_attributes(one: RuleLifecycle) -> object:
    """Delete the rule without an ID."""
    one.delete(SSH, "", "1")
    return None


def update(one: RuleLifecycle) -> object:
    """Change the rule's priority."""
    return one.update(SSH, replace(SSH, priority=7), "sgr-1")


def read(one: RuleLifecycle) -> object:
    """Read the rule."""
    return one.read(SSH, "sgr-1", "1")


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
        [BY_QUINTUPLE, LOOK],
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
def test_each_answer_has_the_reaction_of_the_table(scene: Scene) -> None:
    """By the calls that follow, by the error, and by the rules that are left."""
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
