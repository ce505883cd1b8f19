"""
Random lives of many rules in several groups, compared with a simple model.

The model knows what the stack wants and which rules belong to others. After every step
it checks the promises of the design against ECS, the state and the errors.
"""

from __future__ import annotations

import os
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from typing import Any

from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    rule,
    run_state_machine_as_test,
)

from alicloud_ingress.reconcile.create import FORCED_REPLACEMENT
from alicloud_ingress.rules.rule import IngressRule
from engine.host import Properties
from engine.operation import UnknownTargetError
from engine.state import Entry, Options
from engine.ways import UP
from faults.invariants import (
    assert_stands_alone,
    rule_as_shown,
)
from faults.stack import Stack
from faults.test_each_fault import (
    AUTHORIZE,
    DEPLOYING,
    DESCRIBE,
    KINDS,
    MODIFY,
    REFRESHING,
    REVOKE,
)
from functional.conftest import opened

STEPS = int(os.environ.get("STEPS", "2000"))
"""Steps in all; `make soak` sets more."""
PHASES = [Phase.generate, *([Phase.shrink] if os.environ.get("SHRINK") else [])]
"""Shrinking a failure takes minutes, so it is done only on request."""
STEPS_OF_A_LIFE = 50
GROUPS = 3
NAMES = ("web", "ssh", "dns", "vpn", "ntp")
NUMBERS = st.integers(0, len(NAMES) - 1)
DESCRIBED = {"description": "office"}
ARGUMENTS = st.fixed_dictionaries(
    {
        "ip_protocol": st.sampled_from(["tcp", "udp"]),
        "port_range": st.sampled_from([22, "80-81"]),
        "source_cidr_ip": st.sampled_from(["10.0.0.0/8", "10.1.2.3/16", "192.0.2.7"]),
    },
    optional={
        "priority": st.sampled_from([1, 2]),
        "policy": st.just("drop"),
        "description": st.sampled_from(["office", "home"]),
    },
)
FAULTS = st.tuples(
    st.sampled_from([AUTHORIZE, DESCRIBE, MODIFY, REVOKE]),
    st.sampled_from(sorted(KINDS)),
    st.integers(0, 2),
)
OPTIONS = st.builds(
    Options,
    replace_on_changes=st.sampled_from([(), (), ("priority",), ("*",)]),
    delete_before_replace=st.sampled_from([None, None, True]),
)
DESTROYING = (
    "destroy --skip-preview",
    "destroy --skip-preview --refresh",
    "destroy --skip-preview --run-program",
)
steps_made = 0


@dataclass
class Model:
    """
    The expected state.

    Attributes:
        program: what the stack declares.
        options: the options of its resources.
        removed: rules of the state that were deleted by hand, or without an answer.
        foreign: the rules of others, which must not change, by group and ID.
    """

    program: dict[str, Properties] = field(default_factory=dict[str, Properties])
    options: dict[str, Options] = field(default_factory=dict[str, Options])
    foreign: dict[str, dict[str, Any]] = field(
        default_factory=dict[str, dict[str, Any]]
    )
    removed: set[str] = field(default_factory=set[str])


class Lives(RuleBasedStateMachine):
    """Each life has a fake, a stack and a model."""

    def __init__(self) -> None:
        super().__init__()
        self.open = ExitStack()
        front = self.open.enter_context(opened("in process"))
        self.fake = front.fake
        self.stack = Stack(front.settings)
        self.model = Model()
        self.groups: list[str] = []
        self.errors: list[Exception] = []
        self.calls = 0

    def teardown(self) -> None:
        """
        At the end of a life everything is destroyed, and only the foreign rules
        are left.
        """
        try:
            self.fake.forget_faults()
            self.hide_nothing()
            self.take_over()
            assert self.stack.destroy() == []
            for group in self.groups:
                assert self.fake.rules(group) == self.model.foreign[group]
        finally:
            self.open.close()

    @initialize()
    def begin(self) -> None:
        """Make some groups, each with a rule of someone else."""
        for number in range(GROUPS):
            group = self.fake.new_group()
            self.fake.add_rule(
                group,
                IpProtocol="gre",
                PortRange="-1/-1",
                SourceCidrIp=f"198.51.100.{number + 1}",
            )
            self.groups.append(group)
            self.model.foreign[group] = self.fake.rules(group)

    @rule(
        name=st.sampled_from(NAMES),
        place=st.integers(0, GROUPS - 1),
        args=ARGUMENTS,
        options=OPTIONS,
    )
    def declare(
        self, name: str, place: int, args: Properties, options: Options
    ) -> None:
        """Put a resource into the program, or change it; no rule twice."""
        wanted = {**args, "security_group_id": self.groups[place]}
        others = [a for n, a in self.model.program.items() if n != name]
        if identity(wanted) not in [identity(other) for other in others]:
            self.model.program[name] = wanted
            self.model.options[name] = options

    @rule(name=st.sampled_from(NAMES))
    def drop(self, name: str) -> None:
        """Take a resource out of the program."""
        self.model.program.pop(name, None)

    @rule(ordered=FAULTS)
    def order(self, ordered: tuple[str, str, int]) -> None:
        """Order a fault."""
        action, kind, passed = ordered
        fault = KINDS[kind](action)
        self.fake.inject(replace(fault, skip=passed, times=min(fault.times, 8)))

    @rule()
    def calm(self) -> None:
        """End all faults."""
        self.fake.forget_faults()
        self.hide_nothing()

    @rule(place=st.integers(0, GROUPS - 1), args=ARGUMENTS)
    def add_by_hand(self, place: int, args: Properties) -> None:
        """Make a rule by hand that no resource holds."""
        group = self.groups[place]
        wanted = IngressRule.parse(args)
        taken = [rule_as_shown(shown) for shown in self.fake.rules(group).values()]
        claimed = [
            IngressRule.unchecked(held)
            for held in (*self.model.program.values(), *self.held())
            if held["security_group_id"] == group
        ]
        if wanted not in taken and wanted not in claimed:
            rule_id = self.fake.add_rule(group, **wanted.to_permission())
            self.model.foreign[group][rule_id] = self.fake.rules(group)[rule_id]

    @rule(number=NUMBERS)
    def remove_by_hand(self, number: int) -> None:
        """Delete one of our rules by hand."""
        entry = self.entry(number)
        if entry is None:
            return
        self.fake.groups[group_of(entry)].rules.pop(entry.rule_id, None)
        self.model.removed.add(entry.rule_id)

    @rule(number=NUMBERS)
    def change_by_hand(self, number: int) -> None:
        """Change the description of one of our rules by hand."""
        entry = self.entry(number)
        if entry is None:
            return
        live = self.fake.groups[group_of(entry)].rules.get(entry.rule_id)
        if live is not None:
            live["Description"] = "by hand"

    @rule(number=NUMBERS)
    def taint(self, number: int) -> None:
        """Mark a resource for replacement by the next deployment."""
        if entry := self.entry(number):
            self.stack.engine.taint(entry.name)

    @rule(command=st.sampled_from(DEPLOYING))
    def up(self, command: str) -> None:
        """Deploy the program; it may fail."""
        self.deploy(command)

    @rule(command=st.sampled_from([UP, f"{UP} --refresh"]), number=NUMBERS)
    def replace_by_force(self, command: str, number: int) -> None:
        """Deploy with one resource named for replacement."""
        names = sorted(self.stack.state.keys() & self.model.program.keys())
        if names:
            self.deploy(f"{command} --replace {names[number % len(names)]}")

    @rule(command=st.sampled_from(DESTROYING))
    def destroy(self, command: str) -> None:
        """Destroy all; it may fail."""
        self.errors = self.run(command, self.model.program)
        if not self.errors:
            self.assert_exact({})

    def run(self, command: str, program: dict[str, Properties]) -> list[Exception]:
        """
        Run a command. Without an answer to a revoke, the state keeps the rule, and only
        a refresh finds that it is gone.
        """
        errors = self.stack.run(command, program, self.model.options)
        if any(REVOKE in str(error) for error in errors):
            live = {i for group in self.groups for i in self.fake.rules(group)}
            named = {entry.rule_id for entry in self.stack.entries}
            self.model.removed |= named - live - {""}
        return errors

    def deploy(self, command: str, *, adopt: bool = False) -> None:
        """Run a command that deploys; if it succeeds, the wanted rules exist."""
        program = self.model.program
        if adopt:
            program = {name: {**args, "adopt": True} for name, args in program.items()}
        errors = self.run(command, program)
        self.errors = [e for e in errors if not isinstance(e, UnknownTargetError)]
        if not errors:
            self.assert_exact(program)

    def assert_exact(self, program: dict[str, Properties]) -> None:
        """
        The live rules are those of the program and of the state. The state may
        hold what was deleted by hand until a refresh.
        """
        state = self.stack.state
        assert state.keys() == program.keys()
        assert self.stack.doomed == []
        live = {
            (group, rule_id): identity_of(rule_as_shown(shown))
            for group in self.groups
            for rule_id, shown in self.fake.rules(group).items()
            if rule_id not in self.model.foreign[group]
        }
        for name, args in program.items():
            group, rule_id = args["security_group_id"], state[name].rule_id
            if rule_id in self.model.removed:
                continue
            wanted = identity(args)[1:]
            named = {
                known
                for known, shown in live.items()
                if known[0] == group and rule_id in ("", known[1]) and shown == wanted
            }
            assert named, f"{name} has no rule: {args}"
            del live[named.pop()]
        assert live == {}, "rules that no resource has"

    @rule(command=st.sampled_from(REFRESHING))
    def refresh(self, command: str) -> None:
        """Refresh all resources."""
        before = dict(self.stack.state)
        self.errors = self.stack.run(command, self.model.program, self.model.options)
        for name, entry in before.items():
            shown = entry.rule_id in self.fake.rules(group_of(entry))
            assert name in self.stack.state or not shown or self.is_hidden(entry)

    @rule()
    def converge(self) -> None:
        """Once ECS answers, the program is deployed."""
        self.calm()
        self.take_over()
        assert self.stack.refresh() == []
        self.model.removed.clear()
        self.replace_what_changed_by_hand()
        self.deploy(UP)
        assert self.errors == []
        self.calls = len(self.fake.calls)
        self.deploy(UP)
        assert self.errors == []
        assert len(self.fake.calls) == self.calls

    def replace_what_changed_by_hand(self) -> None:
        """
        What a user does where `replace_on_changes` makes a refreshed change by hand a
        replacement by an identical rule, which fails with the next step to take.
        """
        self.deploy(UP)
        if self.errors:
            assert all(FORCED_REPLACEMENT in str(error) for error in self.errors)
            self.deploy(UP, adopt=True)
            assert self.errors == []

    @invariant()
    def promises_are_kept(self) -> None:
        """Check the promises after every step."""
        global steps_made  # noqa: PLW0603 - counts over all lives
        steps_made += 1
        for group in self.groups:
            rules = self.fake.rules(group)
            foreign = self.model.foreign[group]
            assert {i: rules.get(i) for i in foreign} == foreign
            for rule_id in rules.keys() - foreign.keys():
                self.assert_known(group, rule_id, rules[rule_id])
        for error in self.errors:
            self.assert_stands_alone(error)
        self.errors = []
        assert len(self.fake.calls) - self.calls <= 60 * max(1, len(NAMES))
        self.calls = len(self.fake.calls)

    def assert_known(self, group: str, rule_id: str, shown: dict[str, Any]) -> None:
        """The state holds the rule."""
        live = rule_as_shown(shown)
        for entry in self.stack.entries:
            known = IngressRule.unchecked(entry.outputs)
            if group_of(entry) == group and (
                entry.rule_id == rule_id or (not entry.rule_id and known == live)
            ):
                return
        raise AssertionError(f"{rule_id} ({live.as_text}) is lost; {self.errors}")

    def assert_stands_alone(self, error: Exception) -> None:
        """The last line is about one of our groups."""
        (group,) = {g for g in self.groups if g in str(error)}
        assert_stands_alone(error, group)

    def take_over(self) -> None:
        """
        What a user does: leave out what belongs to others; repeat; refresh
        where advised; adopt what others have made.
        """
        for name, args in list(self.model.program.items()):
            if self.is_foreign(args):
                del self.model.program[name]
        self.deploy(UP)
        if self.errors:
            assert self.stack.refresh() == []
            self.deploy(UP)
        if self.errors:
            assert all("adopt=True" in str(e) for e in self.errors), self.errors
            self.deploy(UP, adopt=True)
            assert self.errors == []

    def is_foreign(self, args: Properties) -> bool:
        """Whether this rule was made by hand before the program declared it."""
        foreign = self.model.foreign[args["security_group_id"]].values()
        return IngressRule.parse(args) in [rule_as_shown(shown) for shown in foreign]

    def held(self) -> list[Properties]:
        """What the state holds."""
        return [entry.outputs for entry in self.stack.entries]

    def entry(self, number: int) -> Entry | None:
        """
        One resource of the state, if there is any.

        What is drawn never depends on the state, which depends on time: on a busy
        machine a retry may end otherwise than in the run before.
        """
        names = sorted(self.stack.state)
        return self.stack.state[names[number % len(names)]] if names else None

    def is_hidden(self, entry: Entry) -> bool:
        """Whether Describe does not show the rule yet."""
        return bool(self.fake.groups[group_of(entry)].lags) or not entry.rule_id

    def hide_nothing(self) -> None:
        """Let Describe show everything."""
        for group in self.groups:
            self.fake.groups[group].lags.clear()


def group_of(entry: Entry) -> str:
    """The group that a resource is in."""
    return str(entry.outputs["security_group_id"])


def identity(arguments: Properties) -> tuple[object, ...]:
    """What may be declared only once: the group and the rule."""
    group = arguments["security_group_id"]
    return (group, *identity_of(IngressRule.parse(arguments)))


def identity_of(live: IngressRule) -> tuple[object, ...]:
    """The fields that identify the rule."""
    return (
        live.ip_protocol,
        live.port_range,
        live.source_cidr_ip,
        live.policy,
        live.priority,
    )


def test_the_promises_hold_at_every_step_of_random_lives() -> None:
    """At least so many steps, the same ones each time unless `STEPS` sets more."""
    run_state_machine_as_test(
        Lives,
        settings=settings(
            max_examples=STEPS // STEPS_OF_A_LIFE * 3 // 2 + 2,  # Some lives are short.
            stateful_step_count=STEPS_OF_A_LIFE,
            derandomize=STEPS == 2000,
            print_blob=True,
            deadline=None,
            database=None,
            suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
            phases=PHASES,
        ),
    )

    assert steps_made >= STEPS
