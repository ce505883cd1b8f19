"""
A set's life with the fake, over both of its fronts; every call is counted.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field, replace

import pytest

from alicloud_ingress.ecs.client import EcsClient
from alicloud_ingress.ecs.config import Connection
from alicloud_ingress.ecs.credentials import Credentials
from alicloud_ingress.ecs.error_codes import of_code
from alicloud_ingress.ecs.security_group import GroupCalls, SecurityGroup
from alicloud_ingress.errors import (
    EcsError,
    IngressError,
    NoAnswerError,
    RuleExistsError,
    RuleNotConfirmedError,
    WrongAccountError,
)
from alicloud_ingress.reconcile.ownership import Owner, Ownership
from alicloud_ingress.reconcile.plan import Keep, Member
from alicloud_ingress.reconcile.rule_lifecycle import RuleLifecycle
from alicloud_ingress.reconcile.set_lifecycle import SetLifecycle
from alicloud_ingress.reconcile.unfinished import (
    NotTakenBackError,
    UnfinishedUpdateError,
)
from alicloud_ingress.rules.live import LiveGroup, LiveRule
from alicloud_ingress.rules.rule import IngressRule
from alicloud_ingress.testing import FakeEcs, Fault, mock_ecs
from functional.memory_group import GROUP, NEIGHBOURS, MemoryGroup

KEYS = Credentials("access_key", "AK", "a-secret-that-is-never-shown")
SSH = IngressRule.parse(
    {"ip_protocol": "tcp", "port_range": 22, "source_cidr_ip": "10.0.0.0/8"}
)


def rules(number: int, first: int = 1) -> list[IngressRule]:
    """Rules that differ in their port only."""
    return [replace(SSH, port_range=f"{n}/{n}") for n in range(first, first + number)]


@dataclass
class Faulty:
    """A client whose k-th call fails, with or without effect."""

    calls: GroupCalls
    at: int = 0
    error: Callable[[], EcsError] = lambda: of_code("Test", "Forbidden.RAM", "no")
    acts: bool = False
    times: int = 1
    made: list[str] = field(default_factory=list[str])

    def _fails(self, name: str) -> bool:
        self.made.append(name)
        return self.at <= len(self.made) < self.at + self.times

    def describe(self, group_id: str) -> LiveGroup:
        """Read all rules, or fail."""
        if self._fails("describe"):
            raise self.error()
        return self.calls.describe(group_id)

    def authorize(self, group_id: str, rules: Sequence[IngressRule]) -> None:
        """Add rules, or fail."""
        self._act("authorize", lambda: self.calls.authorize(group_id, rules))

    def revoke_by_id(self, group_id: str, rule_ids: Sequence[str]) -> None:
        """Delete rules by ID, or fail."""
        self._act("revoke_by_id", lambda: self.calls.revoke_by_id(group_id, rule_ids))

    def revoke_by_attributes(self, group_id: str, rules: Sequence[IngressRule]) -> None:
        """Delete rules by their attributes, or fail."""
        self._act(
            "revoke_by_attributes",
            lambda: self.calls.revoke_by_attributes(group_id, rules),
        )

    def modify(self, group_id: str, rule_id: str, rule: IngressRule) -> None:
        """Change a rule, or fail."""
        self._act("modify", lambda: self.calls.modify(group_id, rule_id, rule))

    def _act(self, name: str, act: Callable[[], None]) -> None:
        fails = self._fails(name)
        if not fails or self.acts:
            act()
        if fails:
            raise self.error()


@dataclass
class Nameless(Faulty):
    """A client whose reads show no ID."""

    def describe(self, group_id: str) -> LiveGroup:
        """Read all rules, without their IDs."""
        group = self.calls.describe(group_id)
        return replace(group, rules=tuple(replace(r, rule_id="") for r in group.rules))


@dataclass
class Stack:
    """A group of the fake, and what each new process does with its set."""

    fake: FakeEcs
    client: EcsClient
    group: str
    told: list[str] = field(default_factory=list[str])
    ownership: Ownership = field(default_factory=lambda: Ownership(timeout_s=0))

    def life(self, calls: GroupCalls | None = None, mark: str = "own") -> SetLifecycle:
        """A set with this owner's mark."""
        group = SecurityGroup(calls or self.client, self.group)
        owner = Owner(self.ownership, mark)
        return SetLifecycle(group, self.client, "cn-hangzhou", self.told.append, owner)

    def live(self) -> set[IngressRule]:
        """The rules of the group."""
        return set(self.by_id().values())

    def by_id(self) -> dict[str, IngressRule]:
        """The rules of the group by ID."""
        return {
            rule_id: IngressRule.from_permission(permission)
            for rule_id, permission in self.fake.rules(self.group).items()
        }

    def add(self, *rules: IngressRule) -> list[str]:
        """Add rules that no resource holds."""
        return [
            self.fake.add_rule(self.group, **rule.to_permission()) for rule in rules
        ]

    def members(self, rules: Sequence[IngressRule]) -> list[Member]:
        """Rules as the state of a set holds them."""
        ids = {rule: rule_id for rule_id, rule in self.by_id().items()}
        return [Member(rule, ids[rule]) for rule in rules]

    def counted(self) -> Counter[str]:
        """The calls since the last time."""
        made = Counter(call.action for call in self.fake.calls)
        self.fake.calls.clear()
        return made


@pytest.fixture(params=["in process", "served"])
def stack(request: pytest.FixtureRequest) -> Iterator[Stack]:
    """Each test runs over both fronts."""
    connection = Connection("cn-hangzhou", KEYS, timeout_s=20)
    if request.param == "in process":
        with mock_ecs() as fake:
            yield Stack(fake, EcsClient(connection), fake.new_group())
        return
    fake = FakeEcs()
    with fake.serve() as url:
        served = replace(connection, endpoint=url[7:], protocol="http")
        yield Stack(fake, EcsClient(served), fake.new_group())


@pytest.mark.parametrize(
    ("number", "up", "refresh", "destroy"), [(100, 3, 1, 1), (1000, 12, 1, 10)]
)
def test_many_rules_need_few_calls(
    stack: Stack, number: int, up: int, refresh: int, destroy: int
) -> None:
    """A read, a call for each hundred, and a read that verifies them."""
    wanted = rules(number)
    ids = stack.life().create(wanted)
    assert sum(stack.counted().values()) == up
    assert all(ids[rule].startswith("sgr-") for rule in wanted)
    assert stack.live() == set(wanted)
    members = [Member(rule, ids[rule]) for rule in wanted]

    seen = stack.life().read(members, "")
    assert seen is not None
    assert len(seen) == number
    assert sum(stack.counted().values()) == refresh

    stack.ownership = Ownership()
    stack.life().delete(members, "")
    assert sum(stack.counted().values()) == destroy
    assert stack.live() == set()


def test_an_update_authorizes_then_modifies_then_revokes(stack: Stack) -> None:
    """A rule exists at every moment; neighbours do not change."""
    neighbour = replace(SSH, priority=2)
    stack.add(neighbour, *rules(3))
    changed = replace(rules(3)[1], description="office")

    ids = stack.life().update(
        [rules(3)[0], changed, *rules(1, first=80)], stack.members(rules(3))
    )

    writes = [
        call.action for call in stack.fake.calls if not call.action.startswith("D")
    ]
    assert writes == [
        "AuthorizeSecurityGroup",
        "ModifySecurityGroupRule",
        "RevokeSecurityGroup",
    ]
    assert stack.live() == {neighbour, *rules(2), *rules(1, first=80)}
    assert {stack.by_id()[rule_id] for rule_id in ids.values()} == set(ids)
    assert "office" in [rule.description for rule in stack.live()]


@pytest.mark.parametrize("revoked_calls", [1, 2])
def test_a_failure_after_a_revoke_undoes_nothing(
    stack: Stack, revoked_calls: int
) -> None:
    """There would be fewer rules than before and after; the next update completes."""
    stack.add(*rules(500))
    old, wanted = stack.members(rules(500)), rules(500, first=1000)
    refused = Fault.refused("RevokeSecurityGroup", 403, "NoPermission")
    faults = replace(refused, skip=revoked_calls, times=100)
    stack.fake.inject(faults)

    with pytest.raises(UnfinishedUpdateError) as caught:
        stack.life().update(wanted, old)

    gone = 100 * revoked_calls
    assert set(wanted) <= stack.live()
    assert len(stack.live()) == 1000 - gone
    live = stack.by_id()
    left = {live[member.rule_id] for member in caught.value.to_revoke}
    assert left == set(live.values()) - set(wanted)
    for words in (f"{gone} are gone", "NoPermission", "these still exist", "kept"):
        assert words in str(caught.value)
    stack.fake.forget_faults()
    stack.ownership = Ownership()
    new = [Member(rule, rule_id) for rule, rule_id in caught.value.ids.items()]
    stack.life().update(wanted, [*new, *caught.value.to_revoke])
    assert stack.live() == set(wanted)


def test_a_failure_after_a_revoke_names_what_has_changed(stack: Stack) -> None:
    """It is not changed back, and the state has it as it is to be."""
    stack.add(*rules(201))
    old = stack.members(rules(201))
    changed = replace(rules(1)[0], description="office")
    refused = Fault.refused("RevokeSecurityGroup", 403, "NoPermission")
    stack.fake.inject(replace(refused, skip=1, times=10))

    with pytest.raises(UnfinishedUpdateError) as caught:
        stack.life().update([changed], old)

    rule_id = caught.value.ids[changed]
    assert f"These were changed and stay so: {rule_id} (tcp 1/1" in str(caught.value)


def test_a_failed_first_revoke_undoes_the_update(stack: Stack) -> None:
    """Nothing is deleted yet, so the set is as it was."""
    stack.add(*rules(500))
    old = stack.members(rules(500))
    refused = Fault.refused("RevokeSecurityGroup", 403, "NoPermission")
    stack.fake.inject(replace(refused, times=4))

    with pytest.raises(EcsError, match="NoPermission"):
        stack.life().update(rules(500, first=1000), old)

    assert stack.live() == set(rules(500))


REFUSAL = "Forbidden.RAM"
SILENCE = "no answer"


@pytest.mark.parametrize("acts", [False, True], ids=["", "acts"])
@pytest.mark.parametrize("kind", [REFUSAL, SILENCE])
@pytest.mark.parametrize("at", range(1, 8))
@pytest.mark.parametrize("is_update", [False, True], ids=["create", "update"])
def test_the_next_up_converges_after_any_fault(
    stack: Stack, at: int, kind: str, *, acts: bool, is_update: bool
) -> None:
    """
    Without adopt: what had been added is revoked again or in the state, or the fault is
    overcome.
    """
    old = rules(5, first=500) if is_update else []
    stack.add(*old)
    members = stack.members(old)
    wanted = [*rules(250), *old[:2]]
    faulty = Faulty(stack.client, at, lambda: _error(kind), acts=acts)

    try:
        stack.life(faulty).update(wanted, members)
    except IngressError as error:
        if isinstance(error, UnfinishedUpdateError):
            new = [Member(rule, rule_id) for rule, rule_id in error.ids.items()]
            members = [*new, *error.to_revoke]
        assert stack.live() <= {member.rule for member in members}
        stack.ownership = Ownership()
        stack.life().update(wanted, members)

    assert stack.live() == set(wanted)


@pytest.mark.parametrize("kind", [REFUSAL, SILENCE])
def test_a_rule_that_cannot_be_revoked_again_is_named(stack: Stack, kind: str) -> None:
    """From the third call on, every call fails."""
    faulty = Faulty(stack.client, 3, lambda: _error(kind), times=1000)

    with pytest.raises(NotTakenBackError) as caught:
        stack.life(faulty).create(rules(101))

    assert rules(1)[0].as_text in str(caught.value)
    left = [Member(rule, live.rule_id) for rule, live in caught.value.for_state.items()]
    assert stack.live() <= {member.rule for member in left}
    stack.ownership = Ownership()
    stack.life().update(rules(101), left)
    assert stack.live() == set(rules(101))


def _error(kind: str) -> EcsError:
    if kind == SILENCE:
        return NoAnswerError("Test", "NoAnswer", "connection lost")
    return of_code("Test", kind, "no")


def test_the_refused_rule_is_named_and_others_are_revoked(
    stack: Stack,
) -> None:
    """A set is made as a whole or not at all."""
    bad = replace(SSH, priority=101)

    with pytest.raises(EcsError, match="priority 101") as caught:
        stack.life().create([*rules(150), bad, *rules(10, first=300)])

    assert caught.value.code == "InvalidPriority.ValueNotSupported"
    assert stack.group in str(caught.value)
    assert stack.live() == set()


class Deaf(Faulty):
    """A client whose revoke by attributes succeeds without effect."""

    def revoke_by_attributes(self, group_id: str, rules: Sequence[IngressRule]) -> None:
        """Succeed without effect."""


def test_a_revoke_by_attributes_is_verified(stack: Stack) -> None:
    """What still exists is revoked by the ID that a read shows."""
    stack.add(*rules(3))

    stack.life(Deaf(stack.client)).delete([Member(r, "") for r in rules(2)], "")

    assert stack.live() == {rules(3)[2]}
    assert stack.counted()["RevokeSecurityGroup"] == 1


def test_a_network_without_host_bits_is_named_and_kept(stack: Stack) -> None:
    """It may be the rule, as ECS has stored it, and may belong to someone else."""
    asked = replace(SSH, source_cidr_ip="10.1.2.3/8")
    (masked,) = stack.add(SSH)

    with pytest.raises(RuleNotConfirmedError, match=masked) as caught:
        stack.life().delete([Member(asked, "")], "")

    assert asked.as_text in str(caught.value)
    assert stack.live() == {SSH}


@dataclass
class Meddling(Faulty):
    """A client during whose call another rule is changed into the added one."""

    stack: Stack | None = None
    neighbour: str = ""

    def authorize(self, group_id: str, rules: Sequence[IngressRule]) -> None:
        """Change the neighbour, so that ECS finds the first rule there."""
        assert self.stack is not None
        self.stack.client.modify(group_id, self.neighbour, rules[0])
        super().authorize(group_id, rules)


def test_a_rule_that_meanwhile_became_identical_is_left_alone(stack: Stack) -> None:
    """Its ID existed before: the set did not create it. The others are rolled back."""
    (neighbour,) = stack.add(replace(SSH, priority=2))
    # However busy the machine, its age does not give it away.
    stack.fake.change_rule(stack.group, neighbour, CreateTime="2099-01-01T00:00:00Z")
    (leaving,) = stack.add(*rules(1, first=80))
    members = stack.members(rules(1, first=80))
    meddling = Meddling(stack.client, stack=stack, neighbour=neighbour)

    with pytest.raises(RuleExistsError, match=neighbour):
        stack.life(meddling).update(rules(2), members)

    writes = [call for call in meddling.made if call != "describe"]
    assert writes == ["authorize", "revoke_by_id"]
    assert stack.by_id() == {neighbour: rules(2)[0], leaving: members[0].rule}


@dataclass
class Outrun(Faulty):
    """A client during whose call another resource claims the first rule."""

    stack: Stack | None = None

    def authorize(self, group_id: str, rules: Sequence[IngressRule]) -> None:
        """
        Add the rules, one of which belongs to another resource when it is
        visible.
        """
        assert self.stack is not None
        super().authorize(group_id, rules)
        (member,) = self.stack.members(rules[:1])
        assert self.stack.ownership.record_created(member.rule_id, "another")


def test_undo_keeps_a_rule_that_another_resource_made(stack: Stack) -> None:
    """ECS made one rule of two, and the state of the other resource has it."""
    with pytest.raises(RuleExistsError, match="another resource"):
        stack.life(Outrun(stack.client, stack=stack)).create(rules(3))

    assert stack.live() == set(rules(1))


def test_all_duplicates_are_reported_before_any_call(stack: Stack) -> None:
    """With their IDs, and what to do."""
    duplicates = stack.add(*rules(2))

    with pytest.raises(RuleExistsError) as caught:
        stack.life().create(rules(4))

    assert all(rule_id in str(caught.value) for rule_id in duplicates)
    assert "adopt=True" in str(caught.value)
    assert stack.counted() == {"DescribeSecurityGroupAttribute": 2}


def test_adopted_rules_keep_their_ids_and_get_new_descriptions(stack: Stack) -> None:
    """They belong to the set from now on."""
    (duplicate,) = stack.add(SSH)
    wanted = replace(SSH, description="office")

    ids = stack.life().create([wanted], adopt=True)

    assert ids == {SSH: duplicate}
    assert stack.by_id()[duplicate].description == "office"
    assert stack.ownership.is_anothers(duplicate, "another")
    assert duplicate in stack.told[0]


def test_a_rule_held_by_another_resource_is_not_adopted(stack: Stack) -> None:
    """One rule belongs to one resource."""
    (duplicate,) = stack.add(SSH)
    stack.ownership.keep([duplicate], "another")

    with pytest.raises(RuleExistsError, match="another resource"):
        stack.life().create([SSH], adopt=True)


def test_a_member_that_moved_to_another_resource_is_not_revoked(stack: Stack) -> None:
    """As after a rename of the set with adopt."""
    stack.add(*rules(2))
    members = stack.members(rules(2))
    stack.ownership.keep([members[0].rule_id], "another")

    stack.life().delete(members, "")

    assert stack.live() == {rules(1)[0]}
    assert members[0].rule_id in stack.told[0]


def test_a_rule_that_moves_between_sets_is_kept(stack: Stack) -> None:
    """In either order, it exists in the end."""
    stack.add(*rules(2))
    members = stack.members(rules(2))

    stack.life().update([], members[:1])
    lagging = Stale(stack.client, stack.by_id(), members)
    stack.life(lagging, "second").create(rules(1), adopt=True)
    third = stack.life(mark="third")
    with third.owner.ownership.acquiring("third"):
        third.create(rules(2)[1:], adopt=True)
    stack.life().update([], members[1:])

    assert stack.live() == set(rules(2))
    assert members[0].rule_id not in stack.by_id()
    assert members[1].rule_id in stack.by_id()


def test_a_failed_update_of_a_set_keeps_its_pending_rule() -> None:
    """The state still names it, so another resource does not revoke it."""
    group, ownership = MemoryGroup(), Ownership(timeout_s=0.05)
    group.hidden_looks = 1_000
    group.answers["authorize"] = [None, EcsError("Authorize", "LimitExceed", "full")]
    owner = Owner(ownership, "own")

    with pytest.raises(EcsError, match="LimitExceed"):
        SetLifecycle(group, group, "r", print, owner).update(
            [SSH, NEIGHBOURS[0]], [Member(SSH, "", pending=True)]
        )

    assert ownership.unseen.begin_revoking(GROUP, [SSH], "another") == set()


class Overtaken(Faulty):
    """Starts something else just before a revoke, and revokes meanwhile."""

    meanwhile: Callable[[], Future[LiveRule]]

    def revoke_by_id(self, group_id: str, rule_ids: Sequence[str]) -> None:
        wait([self.meanwhile()], timeout=0.5)
        super().revoke_by_id(group_id, rule_ids)


@pytest.mark.parametrize("adopt", [False, True])
def test_another_resource_can_create_a_rule_a_set_drops(
    stack: Stack, *, adopt: bool
) -> None:
    """It waits until the set has revoked the rule: adopt is not needed."""
    stack.add(*rules(1))
    members = stack.members(rules(1))
    stack.ownership = Ownership()
    group = SecurityGroup(stack.client, stack.group)
    owner = Owner(stack.ownership, "other")
    one = RuleLifecycle(group, stack.client, "cn-hangzhou", print, owner)
    calls = Overtaken(stack.client)

    with ThreadPoolExecutor() as pool:
        made: list[Future[LiveRule]] = []

        def make() -> Future[LiveRule]:
            made.append(pool.submit(one.create, rules(1)[0], adopt=adopt))
            return made[0]

        calls.meanwhile = make
        stack.life(calls).update([], members)
        rule_id = made[0].result(timeout=30).rule_id

    assert stack.by_id() == {rule_id: rules(1)[0]}
    assert rule_id != members[0].rule_id


@pytest.mark.parametrize("adopt", [False, True])
def test_a_set_waits_for_a_neighbour_about_to_change(
    stack: Stack, *, adopt: bool
) -> None:
    """Another resource is about to change the rule that the set wants."""
    (theirs,) = stack.add(*rules(1))
    stack.ownership = Ownership()
    stack.ownership.keep([theirs], "another")
    stack.ownership.begin_change([theirs])

    with ThreadPoolExecutor() as pool:
        made = pool.submit(stack.life().create, rules(1), adopt=adopt)
        wait([made], timeout=0.2)
        assert not made.done()
        stack.client.modify(stack.group, theirs, replace(SSH, priority=9))
        stack.ownership.finish_change([theirs])
        ids = made.result(timeout=30)

    assert ids[rules(1)[0]] != theirs
    assert stack.live() == {rules(1)[0], replace(SSH, priority=9)}


def test_two_sets_do_not_wait_for_each_other(stack: Stack) -> None:
    """Two sets want each other's rule: one of them fails, and nothing changes."""
    ours, theirs = stack.add(*rules(2))
    stack.ownership = Ownership()
    stack.ownership.keep([ours], "own")
    stack.ownership.keep([theirs], "another")
    stack.ownership.begin_change([ours, theirs])

    with ThreadPoolExecutor() as pool:
        other = pool.submit(stack.ownership.wait_for_change, ours, [theirs])
        wait([other], timeout=0.2)
        with pytest.raises(RuleExistsError, match=theirs):
            stack.life().update(rules(2)[1:], [Member(rules(1)[0], ours)])
        stack.ownership.finish_change([ours])
        assert other.result(timeout=30)

    assert list(stack.by_id()) == [ours, theirs]


def test_missing_members_stop_no_delete_and_duplicates_are_named(
    stack: Stack,
) -> None:
    """A missing ID never leads to a revoke by attributes."""
    stack.add(*rules(100))
    members = stack.members(rules(100))
    del stack.fake.groups[stack.group].rules[members[50].rule_id]
    (duplicate,) = stack.add(rules(100)[50])

    stack.life().delete(members, "")

    assert list(stack.by_id()) == [duplicate]
    assert [duplicate in text for text in stack.told] == [True]


def test_what_another_resource_has_become_is_not_revoked(stack: Stack) -> None:
    """The deletion by attributes worked, and then the other became the same."""
    (leaving, _), (_, other_id) = rules(2), stack.add(*rules(2))
    assert stack.ownership.adopt(other_id, "other")
    port = {"PortRange": leaving.port_range}
    become = Fault.other_hand(
        "DescribeSecurityGroupAttribute",
        lambda fake: fake.change_rule(stack.group, other_id, **port),
    )
    stack.fake.inject(replace(become, skip=1))

    stack.life().delete([Member(leaving, "")], "")

    assert stack.by_id() == {other_id: leaving}


def test_without_ids_all_attributes_are_revoked(stack: Stack) -> None:
    """A neighbour that differs in one field survives."""
    neighbours = [replace(rule, priority=2) for rule in rules(3)]
    stack.add(*rules(3), *neighbours)

    stack.life().delete([Member(rule, "") for rule in rules(3)], "")

    assert stack.live() == set(neighbours)
    assert stack.counted() == {
        "RevokeSecurityGroup": 1,
        "DescribeSecurityGroupAttribute": 1,
    }


def test_destroying_an_exclusive_set_keeps_undeclared_rules(
    stack: Stack,
) -> None:
    """A refresh had added them to the state."""
    stack.add(*rules(2))
    own, foreign = stack.members(rules(2))

    stack.life().delete([own, replace(foreign, declared=False)], "")

    assert stack.live() == {foreign.rule}


def test_an_exclusive_set_deletes_only_rules_in_its_state(stack: Stack) -> None:
    """Later rules are reported and kept; so are the rules to keep."""
    stack.add(*rules(4))
    own, shown, kept, late = stack.members(rules(4))
    state = [own, replace(shown, declared=False), replace(kept, declared=False)]

    stack.life().update([own.rule], state, keep=Keep(frozenset({kept.rule_id})))

    assert stack.live() == {own.rule, kept.rule, late.rule}
    assert [late.rule_id in text for text in stack.told] == [False, True]
    assert [kept.rule_id in text for text in stack.told] == [True, False]


def test_rules_that_never_showed_are_kept_with_a_warning(stack: Stack) -> None:
    """They may be visible later, and then the state has to name them."""
    stack.add(*rules(2))
    missing = Member(rules(1, first=99)[0], "", pending=True)
    imported = Member(rules(1, first=98)[0], "")

    seen = stack.life().read([*stack.members(rules(2)), missing, imported], "")

    assert seen is not None
    assert [found.member for found in seen] == [*stack.members(rules(2)), missing]
    (warning,) = stack.told
    assert missing.rule.as_text in warning
    assert rules(1)[0].as_text not in warning


class Stale(Faulty):
    """A client whose first Describe was made before the Revoke of another one."""

    def __init__(
        self,
        calls: GroupCalls,
        live: dict[str, IngressRule],
        gone: Sequence[Member],
    ) -> None:
        super().__init__(calls)
        self.shown = {**live, **{member.rule_id: member.rule for member in gone}}

    def describe(self, group_id: str) -> LiveGroup:
        """Show what was there."""
        live = tuple(LiveRule(rule, id_, "") for id_, rule in self.shown.items())
        return replace(super().describe(group_id), rules=live)


@dataclass
class Lagging(Faulty):
    """A client whose Describe shows nothing new for a while."""

    hidden: int = 0

    def describe(self, group_id: str) -> LiveGroup:
        """Read all rules, without any while they are hidden."""
        live = super().describe(group_id)
        if "authorize" not in self.made or self.hidden <= 0:
            return live
        self.hidden -= 1
        return replace(live, rules=())


def test_a_set_waits_for_rules_to_be_visible(stack: Stack) -> None:
    """Their IDs are known in the end."""
    ids = stack.life(Lagging(stack.client, hidden=3)).create(rules(3))

    assert set(ids.values()) == set(stack.by_id())


def test_rules_that_are_never_visible_have_no_ids(stack: Stack) -> None:
    """The refresh that sees them fills the IDs in."""
    ids = stack.life(Lagging(stack.client, hidden=1000)).create(rules(3))

    assert set(ids.values()) == {""}
    assert "refresh" in stack.told[0]
    seen = stack.life().read([Member(rule, "") for rule in rules(3)], "")
    assert seen is not None
    assert {found.live.rule_id for found in seen} == set(stack.by_id())


def test_a_missing_group_is_accepted_only_in_its_account(
    stack: Stack,
) -> None:
    """In another account it is an error, and the state is kept."""
    del stack.fake.groups[stack.group]
    members = [Member(SSH, "sgr-1")]

    assert stack.life().read(members, "1000000000000001") is None
    stack.life().delete(members, "1000000000000001")
    with pytest.raises(WrongAccountError):
        stack.life().read(members, "2")
    stack.ownership = Ownership()
    with pytest.raises(WrongAccountError):
        stack.life().delete(members, "2")


def test_a_foreign_rule_without_an_id_is_named_and_left(stack: Stack) -> None:
    """A state could not tell it from a declared one, and the port is open."""
    own, foreign = rules(2)
    stack.add(own, foreign)
    member = Member(own, "", pending=True)
    life = stack.life(Nameless(stack.client))

    seen = life.read([member], "", keep=Keep())

    assert seen is not None
    assert [found.member for found in seen] == [member]
    (told,) = stack.told
    assert "tcp 2/2" in told
    life.update([own], [member], keep=Keep())
    assert "tcp 2/2" in stack.told[-1]
    assert stack.live() == {own, foreign}
