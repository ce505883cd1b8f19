"""
A create or an update that fails, and cannot take back what it has added: its state
names each rule that may exist.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from dataclasses import dataclass, replace
from itertools import cycle
from typing import cast

import pytest

from alicloud_ingress.engine.declarations import DECLARATION, Declaration
from alicloud_ingress.errors import RuleNotConfirmedError
from alicloud_ingress.rules.rule import IngressRule
from alicloud_ingress.testing import FakeEcs, Fault
from alicloud_ingress.testing.state import Lag
from engine.host import Properties, new_process
from engine.state import Key, Options
from engine.ways import DESTROY, UP
from faults.stack import RULES, SETS, Stack
from functional.conftest import FRONTS, Front, opened

AUTHORIZE, DESCRIBE, MODIFY, REVOKE = (
    "AuthorizeSecurityGroup",
    "DescribeSecurityGroupAttribute",
    "ModifySecurityGroupRule",
    "RevokeSecurityGroup",
)
STORM = 1_000
QUOTA = "AuthorizationLimitExceed"
FIELDS = {"ip_protocol": "tcp", "source_cidr_ip": "10.0.0.0/8"}


def refused(action: str, code: str = "Forbidden.RAM", skip: int = 0) -> Fault:
    """A refusal of all calls after so many that pass."""
    return replace(Fault.refused(action, 403, code), skip=skip, times=STORM)


def dropped(action: str, *, takes_effect: bool, skip: int = 0) -> Fault:
    """A network that is cut after so many calls that pass."""
    fault = Fault.dropped(action, takes_effect=takes_effect)
    return replace(fault, skip=skip, times=STORM)


def rule(group: str, **more: object) -> dict[str, Properties]:
    """A program of one rule."""
    return {"r": {"security_group_id": group, **FIELDS, "port_range": 1, **more}}


def rules(
    group: str, ports: range, description: str = "ours", **more: object
) -> dict[str, Properties]:
    """A program of a set."""
    every = [
        {**FIELDS, "port_range": port, "description": description} for port in ports
    ]
    return {"s": {"security_group_id": group, "rules": every, **more}}


@dataclass(frozen=True)
class Case:
    """
    A create or an update that fails after it has added something.

    Args:
        program: for a group.
        faults: while it runs.
        there: ports of rules that somebody else has made before.
        before: ports of a set that is updated.
    """

    program: Callable[[str], dict[str, Properties]]
    faults: tuple[Fault, ...]
    there: tuple[int, ...] = ()
    before: range = range(0)


def many(group: str) -> dict[str, Properties]:
    """A set that takes two calls, of which no preview has shown a rule."""
    return rules(group, range(1, 102))


def exclusive(group: str) -> dict[str, Properties]:
    """The same, and no other rule may be in the group."""
    return rules(group, range(1, 102), exclusive=True)


def adopting(group: str) -> dict[str, Properties]:
    """A set that takes over what exists."""
    return rules(group, range(1, 4), adopt=True)


UNREVOKED = refused(REVOKE)
CUT = dropped(REVOKE, takes_effect=False)
CASES = {
    "the quota ends before the second call": Case(
        many, (refused(AUTHORIZE, QUOTA, 1), UNREVOKED)
    ),
    "a RAM policy refuses the second call": Case(
        many, (refused(AUTHORIZE, skip=1), UNREVOKED)
    ),
    "an exclusive set is refused its second call": Case(
        exclusive, (refused(AUTHORIZE, skip=1), UNREVOKED)
    ),
    "a refused call has an effect, which is not read": Case(
        adopting,
        (
            replace(refused(AUTHORIZE, QUOTA), takes_effect=True, times=1),
            refused(AUTHORIZE, QUOTA),
            refused(DESCRIBE, skip=1),
            UNREVOKED,
        ),
    ),
    "the second call is throttled": Case(
        many, (replace(Fault.throttled(AUTHORIZE), skip=1, times=STORM), UNREVOKED)
    ),
    "the network is cut before the second call": Case(
        many, (dropped(AUTHORIZE, takes_effect=False, skip=1), CUT)
    ),
    "the network is cut after the second call": Case(
        many,
        (
            dropped(AUTHORIZE, takes_effect=True, skip=1),
            refused(DESCRIBE, skip=1),
            CUT,
        ),
    ),
    "the revokes lose their answers": Case(
        many,
        (
            refused(AUTHORIZE, skip=1),
            dropped(REVOKE, takes_effect=True),
        ),
    ),
    "some are revoked": Case(
        lambda group: rules(group, range(1, 202)),
        (refused(AUTHORIZE, skip=2), refused(REVOKE, skip=1)),
    ),
    "the change of an adopted rule is refused": Case(
        adopting, (refused(MODIFY), UNREVOKED), there=(2,)
    ),
    "what was added does not show": Case(
        adopting,
        (Fault.late(AUTHORIZE, describes=STORM), refused(MODIFY), UNREVOKED),
        there=(2,),
    ),
    "what was added does not show, and no revoke has an effect": Case(
        adopting,
        (
            Fault.late(AUTHORIZE, describes=STORM),
            refused(MODIFY),
            replace(
                Fault.shaped(REVOKE, '{"RequestId": "R-1"}', takes_effect=False),
                times=STORM,
            ),
        ),
        there=(2,),
    ),
    "one rule, whose answer is lost and that cannot be read": Case(
        rule,
        (
            dropped(AUTHORIZE, takes_effect=True),
            refused(DESCRIBE, skip=1),
            UNREVOKED,
        ),
    ),
    "one rule, whose answer is lost and that is not revoked": Case(
        rule,
        (
            replace(dropped(AUTHORIZE, takes_effect=True), lag=STORM),
            UNREVOKED,
        ),
    ),
    "an update is refused its second call": Case(
        lambda group: rules(group, range(1, 112)),
        (refused(AUTHORIZE, skip=1), UNREVOKED),
        before=range(1, 11),
    ),
    "an update that replaces rules is cut": Case(
        many,
        (dropped(AUTHORIZE, takes_effect=False, skip=1), UNREVOKED),
        before=range(98, 111),
    ),
    "the change of a rule is refused": Case(
        lambda group: rules(group, range(1, 5), description="new"),
        (refused(MODIFY), UNREVOKED),
        before=range(1, 4),
    ),
}


@dataclass(frozen=True)
class Scene:
    """A stack after the failure."""

    fake: FakeEcs
    stack: Stack
    group: str
    program: dict[str, Properties]
    foreign: frozenset[str]

    @property
    def ours(self) -> dict[str, dict[str, object]]:
        """The live rules that did not exist before."""
        live = self.fake.rules(self.group)
        return {i: r for i, r in live.items() if i not in self.foreign}

    @property
    def unknown(self) -> list[IngressRule]:
        """The live rules of the run that no state names."""
        known_ids = {id_ for entry in self.stack.entries for id_ in entry.rule_ids}
        without_id = {
            one.masked
            for entry in self.stack.entries
            for one in named(entry.outputs)
            if "" in entry.rule_ids
        }
        lives = {i: IngressRule.from_permission(r) for i, r in self.ours.items()}
        return [
            r
            for i, r in lives.items()
            if i not in known_ids and r.masked not in without_id
        ]

    def calm(self) -> None:
        """End all faults."""
        self.fake.forget_faults()
        self.fake.groups[self.group].lags.clear()


def named(outputs: Properties) -> list[IngressRule]:
    """The rules that the state of one resource names."""
    entries = outputs["rules"].values() if "rules" in outputs else [outputs]
    return [IngressRule.unchecked(each) for each in entries]


@pytest.fixture(
    params=[*zip(CASES, cycle(FRONTS))], ids=lambda drawn: f"{drawn[0]}, {drawn[1]}"
)
def scene(request: pytest.FixtureRequest) -> Generator[Scene]:
    """Each case over one of the fronts, after the `up` that fails."""
    name, kind = request.param
    with opened(kind) as front:
        yield after_failure(CASES[name], front)


def after_failure(case: Case, front: Front) -> Scene:
    """What the `up` of a case leaves."""
    fake, group, stack = front.fake, front.fake.new_group(), Stack(front.settings)
    if case.before:
        assert stack.run(UP, rules(group, case.before)) == []
    foreign = frozenset(
        fake.add_rule(
            group,
            IpProtocol="tcp",
            SourceCidrIp="10.0.0.0/8",
            PortRange=f"{port}/{port}",
        )
        for port in case.there
    )
    for fault in case.faults:
        fake.inject(fault)
    program = case.program(group)
    errors = stack.run(UP, program)
    assert len(errors) == 1
    return Scene(fake, stack, group, program, foreign)


def test_the_state_names_what_a_failed_create_leaves(scene: Scene) -> None:
    assert scene.unknown == []


def test_the_next_up_finishes_a_failed_create(scene: Scene) -> None:
    """No rule is in its way, and `adopt` is not needed."""
    scene.calm()

    assert scene.stack.run(UP, scene.program) == []

    wanted = {one for args in scene.program.values() for one in wanted_by(args)}
    live = scene.fake.rules(scene.group).values()
    assert {IngressRule.from_permission(each) for each in live} == wanted
    assert len(live) == len(wanted)
    assert scene.stack.run(DESTROY, {}) == []
    assert scene.ours == {}


def wanted_by(arguments: Properties) -> list[IngressRule]:
    """The rules that a resource declares."""
    return [IngressRule.parse(each) for each in arguments.get("rules", [arguments])]


@pytest.mark.parametrize("command", [DESTROY, f"{DESTROY} --refresh"])
def test_a_destroy_after_a_failed_create_leaves_nothing(
    scene: Scene, command: str
) -> None:
    scene.calm()

    assert scene.stack.run(command, {}) == []

    assert scene.ours == {}
    assert scene.stack.state == {}


@pytest.mark.parametrize("again", ["works", "is not read"])
@pytest.mark.parametrize("kind", ["a rule", "a set"])
@pytest.mark.parametrize("policy", [{}, {"adopt": False}], ids=["", "by a policy"])
def test_a_create_that_is_tried_again_loses_nothing(
    front: Front, kind: str, again: str, policy: Properties
) -> None:
    """A hook of the program lets the engine call it twice in one process."""
    fake, group = front.fake, front.fake.new_group()
    provider = SETS if kind == "a set" else RULES
    (args,) = (many(group) if kind == "a set" else rule(group)).values()
    declared = {**args, DECLARATION: Declaration("run", 1, "r").written()}
    with new_process(front.settings, provider):
        inputs = {**provider.check({}, declared).inputs, **policy}
        taken = dropped(AUTHORIZE, takes_effect=True, skip=1 if kind == "a set" else 0)
        fake.inject(taken, refused(DESCRIBE, skip=1), CUT)
        with pytest.raises(RuleNotConfirmedError, match="may exist"):
            provider.create(dict(inputs))
        fake.forget_faults()
        if again == "works":
            made = dict(provider.create(dict(inputs)).outs or {})
            ids = made.get("rule_ids") or {"": made.get("security_group_rule_id")}
            assert set(fake.rules(group)) == set(ids.values())
            return
        fake.inject(refused(DESCRIBE))
        with pytest.raises(RuleNotConfirmedError, match="may exist"):
            provider.create(dict(inputs))


@pytest.mark.parametrize("mark", ["its own mark", "no mark"])
def test_an_update_tried_again_knows_what_it_has_left(front: Front, mark: str) -> None:
    """The state of an older release has no mark of its owner."""
    fake, group = front.fake, front.fake.new_group()
    declared = {DECLARATION: Declaration("run", 1, "s").written()}
    (before,) = rules(group, range(1, 4)).values()
    (after,) = rules(group, range(1, 106)).values()
    with new_process(front.settings, SETS):
        olds = SETS.check({}, {**before, **declared}).inputs
        made = SETS.create(dict(olds))
    state = {**(made.outs or {})}
    if mark == "no mark":
        del state["owner_mark"]
    with new_process(front.settings, SETS):
        news = SETS.check(olds, {**after, **declared}).inputs
        SETS.diff(made.id, state, news)
        fake.inject(dropped(AUTHORIZE, takes_effect=True, skip=1))
        fake.inject(refused(DESCRIBE, skip=1), CUT)
        with pytest.raises(RuleNotConfirmedError, match="may exist"):
            SETS.update(made.id, state, news)
        fake.forget_faults()

        updated = SETS.update(made.id, state, news).outs or {}

    assert set(updated["rule_ids"].values()) == set(fake.rules(group))


@pytest.mark.parametrize("again", ["works", "is not read"])
def test_an_update_of_a_hidden_rule_tried_again_loses_nothing(
    front: Front, again: str
) -> None:
    """Its state has no ID, so that the first attempt adds another rule."""
    fake, group = front.fake, front.fake.new_group()
    declared = {DECLARATION: Declaration("run", 1, "r").written()}
    (before,), (after,) = rule(group).values(), rule(group, priority=7).values()
    with new_process(front.settings, RULES):
        olds = RULES.check({}, {**before, **declared}).inputs
        made = RULES.create(dict(olds))
    state = {**(made.outs or {}), "security_group_rule_id": ""}
    fake.remove_rule(group, *fake.rules(group))
    with new_process(front.settings, RULES):
        news = RULES.check(olds, {**after, **declared}).inputs
        fake.inject(dropped(AUTHORIZE, takes_effect=True))
        fake.inject(refused(DESCRIBE, skip=3), replace(CUT, skip=1))
        with pytest.raises(RuleNotConfirmedError, match="may exist"):
            RULES.update(made.id, state, news)
        fake.forget_faults()
        if again == "works":
            updated = RULES.update(made.id, state, news).outs or {}
            assert [updated["security_group_rule_id"]] == [*fake.rules(group)]
            return
        fake.inject(refused(DESCRIBE))
        with pytest.raises(RuleNotConfirmedError, match="may exist"):
            RULES.update(made.id, state, news)


def test_an_attempt_that_fails_again_gives_up_what_it_adopted(front: Front) -> None:
    """Its state has only what the first has left, so the former owner revokes it."""
    fake, group = front.fake, front.fake.new_group()
    port = {**FIELDS, "port_range": 7}
    with new_process(front.settings, RULES):
        former = {"security_group_id": group, **port}
        old = RULES.create(RULES.check({}, former).inputs)
    with new_process(front.settings, SETS):
        (args,) = rules(group, range(1, 3), adopt=True).values()
        every = [*args["rules"], {**port, "description": "changed"}]
        number = Declaration("run", 1, "s").written()
        args = {**args, "rules": every, DECLARATION: number}
        inputs = SETS.check({}, args).inputs
        fake.inject(dropped(AUTHORIZE, takes_effect=True))
        fake.inject(refused(DESCRIBE, skip=2), CUT)
        with pytest.raises(RuleNotConfirmedError, match="may exist"):
            SETS.create(dict(inputs))
        fake.forget_faults()
        fake.inject(refused(MODIFY))
        with pytest.raises(RuleNotConfirmedError, match="attempt before"):
            SETS.create(dict(inputs))

        RULES.delete(old.id, dict(old.outs or {}))

    assert {rule["PortRange"] for rule in fake.rules(group).values()} == {"1/1", "2/2"}


@pytest.mark.parametrize("kind", ["a rule", "a set"])
def test_a_change_that_is_tried_again_is_not_forgotten(front: Front, kind: str) -> None:
    """The second attempt cannot read the group, so it sends nothing."""
    fake, group = front.fake, front.fake.new_group()
    provider = SETS if kind == "a set" else RULES
    before, after = (
        some(group, "ours")["s"] if kind == "a set" else rule(group)["r"],
        some(group, "new")["s"] if kind == "a set" else rule(group, priority=7)["r"],
    )
    with new_process(front.settings, provider):
        made = provider.create(dict(provider.check({}, before).inputs)).outs
        inputs = dict(provider.check({}, after).inputs)
        fake.inject(dropped(MODIFY, takes_effect=True), refused(DESCRIBE, skip=1))
        for _ in range(2):
            with pytest.raises(RuleNotConfirmedError, match=r"may have|may exist"):
                provider.update("", dict(made or {}), inputs)


def test_a_failed_update_of_one_rule_names_its_new_rule(front: Front) -> None:
    """Another resource has the rule of its state, so it gets one of its own."""
    fake, stack = front.fake, Stack(front.settings)
    group = fake.new_group()
    program = {
        "a": {"security_group_id": group, **FIELDS, "port_range": 1},
        "b": {"security_group_id": group, **FIELDS, "port_range": 2},
    }
    assert stack.run(UP, {"a": program["a"]}) == []
    (first,) = stack.entries
    marked = {**first.outputs, "owner_mark": "another"}
    stack.engine.entries.append(replace(first, key=Key("b"), outputs=marked))
    options = {"b": Options(depends_on=("a",))}
    fake.inject(dropped(AUTHORIZE, takes_effect=True))
    fake.inject(refused(DESCRIBE, skip=1))
    fake.inject(UNREVOKED)

    assert len(stack.run(UP, program, options)) == 1

    scene = Scene(fake, stack, group, program, frozenset())
    assert len(scene.ours) == 2
    assert scene.unknown == []
    scene.calm()
    assert stack.run(UP, program, options) == []
    assert {each.rule_id for each in stack.entries} == set(scene.ours)
    assert stack.run(DESTROY, {}) == []
    assert scene.ours == {}


def test_a_failed_create_gives_up_what_it_adopted(front: Front) -> None:
    """Its state does not name it, so the former owner revokes it in the same run."""
    fake, stack = front.fake, Stack(front.settings)
    group = fake.new_group()
    assert stack.run(UP, rule(group)) == []
    after = rules(group, range(1, 3), adopt=True)
    fake.inject(refused(MODIFY))
    fake.inject(replace(UNREVOKED, times=1))

    assert len(stack.run(f"{UP} --continue-on-error", after)) == 1

    (entry,) = stack.entries
    assert entry.rule_ids == set(fake.rules(group))
    assert len(entry.rule_ids) == 1
    fake.forget_faults()
    assert stack.run(UP, after) == []
    assert set(fake.rules(group)) == stack.entries[0].rule_ids


def test_a_failed_update_of_a_hidden_rule_adds_nothing(front: Front) -> None:
    """The state of one rule has room for one, so the old one is revoked first."""
    fake, stack = front.fake, Stack(front.settings)
    group = fake.new_group()
    fake.inject(Fault.late(AUTHORIZE, describes=STORM))
    assert stack.run(UP, rule(group)) == []
    fake.inject(UNREVOKED)

    assert len(stack.run(UP, rule(group, priority=7))) == 1

    scene = Scene(fake, stack, group, rule(group, priority=7), frozenset())
    assert len(scene.ours) == 1
    assert scene.unknown == []
    scene.calm()
    assert stack.run(UP, scene.program) == []
    assert {each.rule_id for each in stack.entries} == set(scene.ours)


@pytest.mark.parametrize("source", [None, "sg-gone"])
@pytest.mark.parametrize("kind", ["a rule", "a set"])
def test_what_ecs_does_not_have_is_not_in_the_state(
    front: Front, kind: str, source: str | None
) -> None:
    """
    ECS may refuse a revoke of a rule that does not exist, or whose source does not.
    """
    fake, stack = front.fake, Stack(front.settings)
    fake.behaviour = replace(fake.behaviour, revoke_without_match_is_refused=True)
    group = fake.new_group()
    one = {**FIELDS, "port_range": 1}
    if source:
        one = {"ip_protocol": "tcp", "port_range": 1, "source_group_id": source}
    args = one if kind == "a rule" else {"rules": [one]}
    fake.inject(dropped(AUTHORIZE, takes_effect=False))

    (error,) = stack.run(UP, {"r": {"security_group_id": group, **args}})

    assert "in case it appears late" in str(error)
    assert stack.state == {}


@pytest.mark.parametrize("lag", [1, 3])
@pytest.mark.parametrize("kind", ["a rule", "a set"])
def test_a_late_rule_whose_source_has_gone_is_taken_back(
    front: Front, kind: str, lag: int
) -> None:
    """ECS refuses to revoke it by its attributes, and shows it a moment later."""
    fake, stack = front.fake, Stack(front.settings)
    group, source = fake.new_group(), fake.new_group()
    one = {"ip_protocol": "tcp", "port_range": 1, "source_group_id": source}
    args = one if kind == "a rule" else {"rules": [one]}
    unanswered = Fault.dropped(AUTHORIZE, takes_effect=True)
    fake.inject(replace(unanswered, lag=lag))
    fake.inject(Fault.other_hand(AUTHORIZE, lambda _: fake.groups.pop(source)))

    assert len(stack.run(UP, {"r": {"security_group_id": group, **args}})) == 1

    assert fake.groups[group].rules == {}
    assert stack.state == {}


@pytest.mark.parametrize("lag", [0, 2])
@pytest.mark.parametrize("is_live", [True, False])
def test_a_hidden_rule_whose_source_is_gone_is_deleted(
    front: Front, *, is_live: bool, lag: int
) -> None:
    fake, stack = front.fake, Stack(front.settings)
    group, source = fake.new_group(), fake.new_group()
    hidden = {"ip_protocol": "tcp", "port_range": 1, "source_group_id": source}
    fake.inject(Fault.late(AUTHORIZE, describes=STORM))
    assert stack.run(UP, {"r": {"security_group_id": group, **hidden}}) == []
    del fake.groups[source]
    (hidden_by,) = fake.groups[group].lags.values()
    hidden_by.describes = lag
    if not is_live:
        fake.groups[group].rules.clear()

    assert stack.run(DESTROY, {}) == []

    assert fake.rules(group) == {}
    assert stack.state == {}


def some(group: str, description: str, last: int = 3) -> dict[str, Properties]:
    """A set of few rules."""
    return rules(group, range(1, last), description)


UNFINISHED_CHANGES: dict[str, tuple[Callable[[str], object], tuple[Fault, ...]]] = {
    "one rule, without an answer": (
        lambda group: rule(group, source_cidr_ip="0.0.0.0/0"),
        (dropped(MODIFY, takes_effect=True), refused(DESCRIBE, skip=1)),
    ),
    "a set, without an answer": (
        lambda group: some(group, "new"),
        (dropped(MODIFY, takes_effect=True), refused(DESCRIBE, skip=1)),
    ),
    "one of a set is refused": (
        lambda group: some(group, "new"),
        (refused(MODIFY, skip=1),),
    ),
    "a rule of a set is not revoked": (
        lambda group: some(group, "new", last=2),
        (UNREVOKED,),
    ),
}


@pytest.mark.parametrize("change", UNFINISHED_CHANGES)
def test_the_old_program_undoes_an_unfinished_change(front: Front, change: str) -> None:
    """Nothing differs from the state, and yet the group does."""
    fake, stack, group = front.fake, Stack(front.settings), front.fake.new_group()
    make, faults = UNFINISHED_CHANGES[change]
    after = cast("dict[str, Properties]", make(group))
    before = rule(group) if "r" in after else some(group, "ours")
    assert stack.run(UP, before) == []
    was = fake.rules(group)
    fake.inject(*faults)
    assert len(stack.run(UP, after)) == 1
    assert fake.rules(group) != was
    fake.forget_faults()

    assert stack.run(UP, before) == []

    assert fake.rules(group) == was


@pytest.mark.parametrize("ids", ["known", "unknown"])
def test_the_old_program_undoes_a_change_of_late_rules(front: Front, ids: str) -> None:
    """The first read lacks them, so that they are authorized, and then changed."""
    fake, stack, group = front.fake, Stack(front.settings), front.fake.new_group()
    assert stack.run(UP, some(group, "ours")) == []
    was = fake.rules(group)
    if ids == "unknown":
        for entry in stack.engine.entries:
            entry.outputs["rule_ids"] = dict.fromkeys(entry.outputs["rule_ids"], "")
    fake.groups[group].lags |= {rule_id: Lag(None, 1) for rule_id in was}
    fake.inject(refused(MODIFY, skip=1))
    assert len(stack.run("up --skip-preview", some(group, "new"))) == 1
    assert fake.rules(group) != was
    fake.forget_faults()

    assert stack.run(UP, some(group, "ours")) == []

    assert fake.rules(group) == was


def test_a_failed_update_names_what_changed_and_is_left(front: Front) -> None:
    fake, stack, group = front.fake, Stack(front.settings), front.fake.new_group()
    assert stack.run(UP, some(group, "ours")) == []
    fake.inject(refused(MODIFY, skip=1), UNREVOKED)

    (error,) = stack.run(UP, some(group, "new", last=4))

    (entry,) = stack.entries
    assert "have changed" in str(error)
    assert "these may exist" in str(error)
    new = [one for one in fake.rules(group).values() if one["Description"] == "new"]
    assert len(new) == 2
    assert [one["description"] for one in entry.outputs["rules"].values()].count(
        "new"
    ) == len(new)


@pytest.mark.parametrize("own", [False, True])
def test_an_adopted_rule_that_has_changed_is_named(front: Front, *, own: bool) -> None:
    """The state does not have it: the next run adopts it, or no one does."""
    fake, stack, group = front.fake, Stack(front.settings), front.fake.new_group()
    if own:
        assert stack.run(UP, some(group, "ours", last=2)) == []
    ports = (2, 3)
    for port in ports:
        fake.add_rule(
            group,
            IpProtocol="tcp",
            SourceCidrIp="10.0.0.0/8",
            PortRange=f"{port}/{port}",
        )
    fake.inject(refused(MODIFY, skip=2 if own else 1), UNREVOKED)

    (error,) = stack.run(UP, rules(group, range(1, 4), "new", adopt=True))

    new = {i for i, one in fake.rules(group).items() if one["Description"] == "new"}
    in_state = {id_ for entry in stack.entries for id_ in entry.rule_ids}
    adopted, words = new - in_state, str(error).partition("not in the state")[2]
    assert adopted
    assert all(rule_id in words for rule_id in adopted)
    fake.forget_faults()
    assert stack.run(UP, rules(group, range(1, 4), "new", adopt=True)) == []


NEXT: dict[str, tuple[str, Callable[[str], dict[str, Properties]]]] = {
    "the same program": (UP, lambda group: rule(group, port_range=7)),
    "the old program": (UP, rule),
    "another port": (UP, lambda group: rule(group, port_range=8)),
    "another description": (
        UP,
        lambda group: rule(group, port_range=7, description="new"),
    ),
    "a refresh before": (f"{UP} --refresh", rule),
    "no program": (UP, lambda _: {}),
    "a destroy": (DESTROY, lambda _: {}),
}


@pytest.mark.parametrize("command", NEXT)
@pytest.mark.parametrize("adopt", [False, True])
@pytest.mark.parametrize("takes_effect", [False, True])
def test_no_program_loses_a_changed_rule_without_an_id(
    front: Front, command: str, *, takes_effect: bool, adopt: bool
) -> None:
    """The read before the change has shown its ID."""
    fake, stack, group = front.fake, Stack(front.settings), front.fake.new_group()
    assert stack.run(UP, rule(group)) == []
    stack.forget_ids()
    fake.inject(dropped(MODIFY, takes_effect=takes_effect), refused(DESCRIBE, skip=1))
    assert len(stack.run(UP, rule(group, port_range=7, adopt=adopt))) == 1
    fake.forget_faults()
    way, make = NEXT[command]
    program = make(group)

    assert stack.run(way, program) == []

    scene = Scene(fake, stack, group, program, frozenset())
    assert [
        (live["PortRange"], live.get("Description") or "")
        for live in scene.ours.values()
    ] == [
        (f"{one['port_range']}/{one['port_range']}", one.get("description", ""))
        for one in program.values()
    ]
    assert scene.unknown == []


def test_what_an_advanced_group_refuses_is_not_in_the_state(front: Front) -> None:
    """It refuses the revoke, too, so that no command could delete it."""
    fake, stack = front.fake, Stack(front.settings)
    fake.behaviour = replace(
        fake.behaviour,
        enterprise_refuses=frozenset({"Priority"}),
        enterprise_allows_defaults=True,
    )
    group = fake.new_group(kind="enterprise")
    fake.inject(Fault.dropped(AUTHORIZE, takes_effect=False))

    assert len(stack.run(UP, rule(group, priority=7))) == 1

    assert stack.state == {}
    assert stack.run(UP, rule(group)) == []
    assert stack.run(DESTROY, {}) == []
