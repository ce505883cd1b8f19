"""
What holds for one rule and for a set of rules alike, where other resources interfere.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import TypeVar

import pytest

from alicloud_ingress.errors import (
    ConfigurationError,
    DuplicateRuleError,
    EcsError,
    RuleExistsError,
    RuleNotConfirmedError,
)
from alicloud_ingress.reconcile.ownership import Owner, Ownership
from alicloud_ingress.reconcile.plan import Member
from alicloud_ingress.reconcile.rule_lifecycle import RuleLifecycle
from alicloud_ingress.reconcile.set_lifecycle import SetLifecycle
from alicloud_ingress.reconcile.unfinished import NotTakenBackError
from alicloud_ingress.rules.live import LiveGroup
from alicloud_ingress.rules.rule import IngressRule
from conftest import ATTEMPTS
from functional.memory_group import NEIGHBOURS, SSH, MemoryGroup, silence

_Kind = TypeVar("_Kind", RuleLifecycle, SetLifecycle)


@dataclass
class Resource:
    """One rule, or a set that holds this rule alone."""

    as_set: bool
    group: MemoryGroup
    warnings: list[str] = field(default_factory=list[str])
    ownership: Ownership = field(default_factory=lambda: Ownership(timeout_s=0.05))

    def create(self, rule: IngressRule, *, adopt: bool = False) -> str:
        """Create the rule; its ID."""
        if self.as_set:
            return self._of(SetLifecycle).create([rule], adopt=adopt)[rule]
        return self._of(RuleLifecycle).create(rule, adopt=adopt).rule_id

    def update(self, rule: IngressRule, rule_id: str) -> None:
        """Set the rule back to what the state has."""
        if self.as_set:
            self._of(SetLifecycle).update([rule], [Member(rule, rule_id)])
        else:
            self._of(RuleLifecycle).update(rule, rule, rule_id)

    def delete(self, rule: IngressRule, rule_id: str = "") -> None:
        """Delete the rule, whose ID may be unknown."""
        if self.as_set:
            self._of(SetLifecycle).delete([Member(rule, rule_id)], "1")
        else:
            self._of(RuleLifecycle).delete(rule, rule_id, "1")

    def _of(self, kind: type[_Kind]) -> _Kind:
        owner = Owner(self.ownership, "own")
        return kind(self.group, self.group, "cn-hangzhou", self.warnings.append, owner)


@pytest.fixture(params=[False, True], ids=["a rule", "a set"])
def resource(request: pytest.FixtureRequest) -> Resource:
    """A resource of a group without rules."""
    return Resource(request.param, Interfered())


class Interfered(MemoryGroup):
    """A group in which somebody else acts just before an Authorize."""

    meanwhile: Callable[[], object] = staticmethod(lambda: None)

    def authorize(self, rule: IngressRule) -> None:
        """Let the other one act first."""
        self.meanwhile()
        super().authorize(rule)


def interfere(resource: Resource) -> str:
    """Have a neighbour changed into the new rule before it is added; its ID."""
    group = resource.group
    assert isinstance(group, Interfered)
    neighbour = group.add(NEIGHBOURS[0])
    group.meanwhile = lambda: group.rules.update({neighbour: SSH})
    return neighbour


def test_a_neighbour_changed_into_the_new_rule_is_not_taken(
    resource: Resource,
) -> None:
    """Authorize answers 200 and adds nothing."""
    neighbour = interfere(resource)

    with pytest.raises(RuleExistsError, match=neighbour):
        resource.create(SSH)

    assert resource.group.rules == {neighbour: SSH}


def test_a_rule_adopted_after_authorize_gets_the_description(
    resource: Resource,
) -> None:
    """As one that is adopted before."""
    neighbour = interfere(resource)
    wanted = replace(SSH, description="office")

    assert resource.create(wanted, adopt=True) == neighbour

    assert resource.group.rules[neighbour].description == "office"
    assert [neighbour in text for text in resource.warnings] == [True]


def test_a_rule_that_another_resource_knows_is_not_taken_back(
    resource: Resource,
) -> None:
    """The other resource is of an older state, which has no mark."""
    resource.ownership.keep(["sgr-1"], "")

    with pytest.raises(RuleExistsError, match="another resource"):
        resource.create(SSH)

    assert resource.group.rules == {"sgr-1": SSH}


def test_an_addition_that_no_read_can_show_is_revoked(resource: Resource) -> None:
    """The error says that it may exist, since nothing verifies the revoke."""
    group = resource.group
    group.answers["authorize"] = [silence("authorize")] * ATTEMPTS
    refused = EcsError("Describe", "Forbidden.RAM", "no")
    group.answers["describe"] = [None, *[refused] * 3 * ATTEMPTS]
    group.acts_in_silence = True

    with pytest.raises(NotTakenBackError, match=r"Forbidden\.RAM.*may exist") as caught:
        resource.create(SSH)

    assert group.rules == {}
    assert caught.value.for_state.keys() == {SSH}


class Expired(MemoryGroup):
    """A group that nothing can be read of once something was added."""

    def read_now(self) -> LiveGroup:
        """Fail, as where the file of a token has gone."""
        if self.rules:
            raise ConfigurationError("the token cannot be read")
        return super().read_now()


def test_any_error_while_taking_back_leaves_the_rule(resource: Resource) -> None:
    """The error is not an answer of ECS, and the rule exists all the same."""
    resource.group = Expired()

    with pytest.raises(NotTakenBackError, match=r"token.*may exist") as caught:
        resource.create(SSH)

    assert list(resource.group.rules.values()) == [SSH]
    assert caught.value.for_state.keys() == {SSH}


def test_a_rule_that_is_left_cannot_be_adopted() -> None:
    """The state of the set will name it, so no other resource of the run may."""
    group, ownership = MemoryGroup(), Ownership(timeout_s=0.05)
    owner = Owner(ownership, "own")
    refused = EcsError("Authorize", "Forbidden.RAM", "no")
    group.answers = {"authorize": [None, refused], "revoke_by_id": [refused]}

    with (
        pytest.raises(NotTakenBackError) as caught,
        owner.ownership.acquiring(owner.mark),
    ):
        SetLifecycle(group, group, "cn-hangzhou", print, owner).create(
            [SSH, NEIGHBOURS[0]]
        )

    assert [live.rule_id for live in caught.value.for_state.values()] == [*group.rules]
    assert not any(ownership.adopt(rule_id, "another") for rule_id in group.rules)


class MovedSince(MemoryGroup):
    """A group whose first read is from before a change by another resource."""

    def read_now(self) -> LiveGroup:
        """The rules, and then change the one that is in the way."""
        shown = super().read_now()
        self.rules = {
            rule_id: replace(rule, priority=9) if rule_id == "sgr-1" else rule
            for rule_id, rule in self.rules.items()
        }
        return shown


def test_a_duplicate_changed_since_the_read_is_ignored(
    resource: Resource,
) -> None:
    """Its resource has finished the change, so the create does not wait for it."""
    resource.group = MovedSince()
    theirs = resource.group.add(SSH)
    resource.ownership.keep([theirs], "another")

    assert resource.create(SSH) != theirs

    assert set(resource.group.rules.values()) == {SSH, replace(SSH, priority=9)}


def test_a_revoke_of_another_resource_is_awaited_without_reads(
    resource: Resource,
) -> None:
    """Also after a wait that ended without a change, when no other wait is long."""
    group, ownership = resource.group, resource.ownership
    theirs = group.add(SSH)
    ownership.begin_change(["sgr-unchanged"])
    assert not ownership.wait_for_change("sgr-unchanged")
    ownership.begin_release([theirs], "another")

    def revoke() -> None:
        del group.rules[theirs]
        ownership.end_release([theirs], revoked=True)

    revoking = threading.Timer(0.2, revoke)
    revoking.start()
    made = resource.create(SSH)
    revoking.join()

    assert group.rules == {made: SSH}
    assert group.calls.count("describe") <= 4


def test_a_rule_without_an_id_is_not_changed(resource: Resource) -> None:
    """Without an ID, ECS would look for the rule by its new fields."""
    resource.group.tells_ids = False
    resource.group.add(replace(SSH, description="by hand"))

    with pytest.raises(RuleNotConfirmedError, match=r"was not sent.*tcp 22/22"):
        resource.update(SSH, "")

    assert set(resource.group.calls) == {"describe"}


def test_a_change_into_a_duplicate_names_the_duplicate(resource: Resource) -> None:
    """The rule was changed by hand, and another was created with its fields."""
    ours = resource.group.add(NEIGHBOURS[0])
    theirs = resource.group.add(SSH)
    duplicate = DuplicateRuleError("Modify", "RuleDuplicate", "no")
    resource.group.answers["modify"] = [duplicate]

    with pytest.raises(RuleExistsError, match=f"{ours}.*{theirs}"):
        resource.update(SSH, ours)


def test_without_an_id_a_rule_under_adoption_is_kept(resource: Resource) -> None:
    """The adoption may fail, so the delete does not succeed."""
    there = resource.group.add(SSH)
    ownership = resource.ownership

    with ownership.acquiring("another"):
        assert ownership.adopt(there, "another")
        with pytest.raises(RuleNotConfirmedError, match="has not finished"):
            resource.delete(SSH)

    assert resource.group.rules == {there: SSH}
    assert "revoke_by_attributes" not in resource.group.calls


def test_a_rule_without_id_is_revoked_as_ecs_spells_it(resource: Resource) -> None:
    """The first revoke, with the attributes of the program, matches nothing."""
    resource.group.add(SSH)
    resource.group.tells_ids, resource.group.deaf = False, True

    with pytest.raises(RuleNotConfirmedError, match="without an ID"):
        resource.delete(SSH)

    assert resource.group.calls.count("revoke_by_attributes") == 2


def test_a_rule_that_survives_both_revokes_fails_the_delete(
    resource: Resource,
) -> None:
    """Two calls succeeded, and a read still shows the rule."""
    there = resource.group.add(SSH)
    resource.group.deaf = resource.group.deaf_to_ids = True

    with pytest.raises(RuleNotConfirmedError, match=f"{there}.*still in"):
        resource.delete(SSH)

    resource.group.deaf_to_ids = False
    resource.delete(SSH, there)
    assert resource.group.rules == {}


def test_a_revoke_without_answer_repeats_only_what_shows() -> None:
    """Somebody may have made the other rule again meanwhile."""
    group = MemoryGroup()
    members = [Member(rule, "") for rule in (SSH, NEIGHBOURS[0])]
    for member in members:
        group.add(member.rule)
    group.answers["revoke_by_attributes"] = [silence("revoke")]
    warnings: list[str] = []

    SetLifecycle(group, group, "cn-hangzhou", warnings.append).delete(members, "1")

    assert group.rules == {}
    assert group.calls.count("revoke_by_attributes") == 3


class Late(MemoryGroup):
    """A group whose reads lack a rule for a while."""

    lacking = ""

    def read_now(self) -> LiveGroup:
        """All rules but this one."""
        return super().read_now().without({self.lacking})


def test_an_adopted_rule_that_shows_after_a_wait_is_anothers() -> None:
    """The set waits for a third resource, and the state lacks the ID of the rule."""
    group, wanted = Late(), NEIGHBOURS[0]
    ownership = Ownership()
    adopted, moving = group.add(SSH), group.add(wanted)
    with ownership.acquiring("another"):
        assert ownership.adopt(adopted, "another")
    ownership.begin_change([moving])
    group.lacking = adopted

    def move() -> None:
        group.rules[moving] = NEIGHBOURS[1]
        group.lacking = ""
        ownership.finish_change([moving])

    timer = threading.Timer(0.2, move)
    timer.start()
    owner = Owner(ownership, "own")
    a_set = SetLifecycle(group, group, "cn-hangzhou", lambda _: None, owner)
    with pytest.raises(RuleExistsError, match="another resource"):
        a_set.update([SSH, wanted], [Member(SSH, "")])
    timer.join()

    assert group.rules == {adopted: SSH, moving: NEIGHBOURS[1]}
