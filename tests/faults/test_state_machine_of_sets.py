"""
Random lives of rule sets, compared with a simple model.

After each command, failed or not, the state holds each live rule of the set, and rules
of others are not changed.
"""

from __future__ import annotations

import os
from contextlib import ExitStack
from dataclasses import replace
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

from engine.host import Properties
from engine.state import NO_OPTIONS, Options
from engine.ways import REFRESH, UP
from faults.invariants import rule_as_shown
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
from faults.test_state_machine import DESTROYING
from functional.conftest import opened

STEPS_OF_A_LIFE = 30
LIVES = int(os.environ.get("STEPS", "1500")) // STEPS_OF_A_LIFE
OURS = "10.0.0.0/8"
FAULTS = st.tuples(
    st.sampled_from([AUTHORIZE, DESCRIBE, MODIFY, REVOKE]),
    st.sampled_from(sorted(KINDS)),
    st.integers(0, 2),
)
OPTIONS = st.builds(
    Options,
    replace_on_changes=st.sampled_from([(), (), ("rules",)]),
    delete_before_replace=st.sampled_from([None, None, True]),
)
WANTED = st.dictionaries(
    st.integers(22, 30), st.sampled_from(["", "office"]), min_size=1, max_size=6
)


class Sets(RuleBasedStateMachine):
    """Each life has a fake, one set, and the rules that are wanted."""

    def __init__(self) -> None:
        super().__init__()
        self.open = ExitStack()
        front = self.open.enter_context(opened("in process"))
        self.fake, self.stack = front.fake, Stack(front.settings)
        self.group = self.fake.new_group()
        self.foreign: dict[str, Any] = {}
        self.wanted: dict[int, str] = {}
        self.removed: set[str] = set()

    def teardown(self) -> None:
        """At the end the set is destroyed, and only the foreign rules are left."""
        try:
            self.settle()
            assert self.stack.destroy() == []
            assert self.ours() == {}
        finally:
            self.open.close()

    @initialize(wanted=WANTED)
    def begin(self, wanted: dict[int, str]) -> None:
        """Some wanted rules, and neighbours that differ in one field."""
        self.wanted = wanted
        for port in (22, 25):
            self.add_foreign(port, Priority="2")
            self.add_foreign(port, Policy="drop")

    @rule(
        command=st.sampled_from(DEPLOYING),
        wanted=WANTED,
        fault=st.none() | FAULTS,
        options=OPTIONS,
    )
    def deploy(
        self,
        command: str,
        wanted: dict[int, str],
        fault: tuple[str, str, int] | None,
        options: Options,
    ) -> None:
        """Change the program, and deploy it while ECS may fail."""
        self.wanted = wanted
        self.strike(fault)
        self.up(command, options)
        self.fake.forget_faults()

    @rule(
        command=st.sampled_from([UP, f"{UP} --refresh"]),
        fault=st.none() | FAULTS,
        options=OPTIONS,
        tainted=st.booleans(),
    )
    def replace_by_force(
        self,
        command: str,
        fault: tuple[str, str, int] | None,
        options: Options,
        *,
        tainted: bool,
    ) -> None:
        """Deploy with the set named or marked for replacement, if it exists."""
        if not self.stack.state:
            return
        if tainted:
            self.stack.taint()
        self.strike(fault)
        self.up(command if tainted else f"{command} --replace set", options)
        self.fake.forget_faults()

    @rule(command=st.sampled_from(REFRESHING), fault=st.none() | FAULTS)
    def refresh(self, command: str, fault: tuple[str, str, int] | None) -> None:
        """Refresh; a read that fails changes nothing."""
        self.strike(fault)
        self.run(command, self.program())
        self.fake.forget_faults()

    @rule(command=st.sampled_from(DESTROYING), fault=st.none() | FAULTS)
    def destroy(self, command: str, fault: tuple[str, str, int] | None) -> None:
        """Destroy; it may fail."""
        self.strike(fault)
        if self.run(command, self.program()) == "":
            assert self.ours() == {}
        self.fake.forget_faults()

    @rule(port=st.integers(22, 30), priority=st.integers(3, 9))
    def another_hand_adds(self, port: int, priority: int) -> None:
        """Add a rule by hand that differs in its priority only."""
        self.add_foreign(port, Priority=str(priority))

    @rule(where=st.integers(0, 5))
    def another_hand_removes(self, where: int) -> None:
        """Delete a rule of the set by hand."""
        if ours := sorted(self.ours()):
            self.fake.remove_rule(self.group, ours[where % len(ours)])
            self.removed.add(ours[where % len(ours)])

    @rule(where=st.integers(0, 5))
    def another_hand_describes(self, where: int) -> None:
        """Change the description of a rule of the set by hand."""
        if ours := sorted(self.ours()):
            rule_id = ours[where % len(ours)]
            self.fake.change_rule(self.group, rule_id, Description="by hand")

    @rule()
    def settle(self) -> None:
        """
        Without faults it converges in one run, without `adopt`. A set that is to be
        replaced is deleted first.
        """
        self.fake.forget_faults()
        self.fake.groups[self.group].lags.clear()
        assert self.run(REFRESH, {}) == ""
        self.removed.clear()
        assert self.up(UP, Options(delete_before_replace=True)) == ""
        assert self.ports() == sorted(self.wanted)

    @invariant()
    def nothing_foreign_is_touched(self) -> None:
        """Not even a neighbour that differs in one field."""
        live = self.fake.rules(self.group)
        assert {i: r for i, r in live.items() if i in self.foreign} == self.foreign

    @invariant()
    def nothing_of_ours_is_lost(self) -> None:
        """The state holds each live rule of the set."""
        lost = self.unknown()
        assert not lost, f"not in the state: {lost}"

    def unknown(self) -> set[str]:
        """The set's live rules that the state does not hold."""
        known = self.known()
        return {
            rule_id
            for rule_id, live in self.ours().items()
            if rule_id not in known.values()
            and known.get(rule_as_shown(live).as_text) != ""
        }

    def known(self) -> dict[str, str]:
        """The IDs of the rules in the state, by their content."""
        return {
            words: rule_id
            for entry in self.stack.entries
            for words, rule_id in entry.outputs["rule_ids"].items()
        }

    def ports(self) -> list[int]:
        """The ports of the set's live rules."""
        shown = (str(rule["PortRange"]) for rule in self.ours().values())
        return sorted(int(ports.split("/")[0]) for ports in shown)

    def up(self, command: str, options: Options = NO_OPTIONS) -> str:
        """
        Deploy and return the error, if any. Without an error the rules are the
        wanted ones.
        """
        error = self.run(command, self.program(), options)
        if not error:
            self.assert_exact()
        return error

    def assert_exact(self) -> None:
        """The live rules are the wanted ones, except those deleted by hand since."""
        missing = set(self.known().values()) - self.ours().keys() - {""}
        assert missing <= self.removed
        ports = self.ports()
        assert len(set(ports)) == len(ports)
        assert set(ports) <= self.wanted.keys()
        assert len(self.wanted) - len(ports) == len(missing)

    def program(self) -> dict[str, Properties]:
        """The set with its rules."""
        rules = [
            {
                "ip_protocol": "tcp",
                "port_range": port,
                "source_cidr_ip": OURS,
                "description": description,
            }
            for port, description in self.wanted.items()
        ]
        return {"set": {"security_group_id": self.group, "rules": rules}}

    def run(
        self,
        command: str,
        program: dict[str, Properties],
        options: Options = NO_OPTIONS,
    ) -> str:
        """
        Run a command and return the error, if any. Without an answer to a revoke, the
        state keeps the rule, and only a refresh finds that it is gone.
        """
        errors = self.stack.run(command, program, {"set": options})
        if any(REVOKE in str(error) for error in errors):
            self.removed |= set(self.known().values()) - self.ours().keys() - {""}
        return "\n".join(str(error) for error in errors)

    def strike(self, fault: tuple[str, str, int] | None) -> None:
        """Order a fault for one of the calls to come."""
        if fault:
            action, kind, passed = fault
            self.fake.inject(replace(KINDS[kind](action), skip=passed))

    def add_foreign(self, port: int, **change: str) -> None:
        """Add a neighbour by hand, unless an identical rule exists."""
        permission = {
            "IpProtocol": "tcp",
            "PortRange": f"{port}/{port}",
            "SourceCidrIp": OURS,
            **change,
        }
        live = self.fake.rules(self.group).values()
        if any(rule_as_shown(each) == rule_as_shown(permission) for each in live):
            return
        rule_id = self.fake.add_rule(self.group, **permission)
        self.foreign[rule_id] = self.fake.rules(self.group)[rule_id]

    def ours(self) -> dict[str, dict[str, object]]:
        """The live rules that are not foreign."""
        live = self.fake.rules(self.group)
        return {i: r for i, r in live.items() if i not in self.foreign}


def test_random_lives_of_sets_keep_the_promises() -> None:
    """The same lives each time; others with STEPS."""
    run_state_machine_as_test(
        Sets,
        settings=settings(
            max_examples=LIVES,
            stateful_step_count=STEPS_OF_A_LIFE,
            deadline=None,
            derandomize="STEPS" not in os.environ,
            database=None,
            phases=[Phase.generate],
            suppress_health_check=[HealthCheck.too_slow],
        ),
    )
