"""
Each kind of fault while reads lack the rules, and another while a run is undone.

After each run the state names each live rule. Once ECS answers, the next run deploys
what the program declares, and a destroy leaves nothing.
"""

from __future__ import annotations

import itertools
import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from random import Random

import pytest

from alicloud_ingress.rules.rule import IngressRule
from alicloud_ingress.testing import FakeEcs, Fault
from alicloud_ingress.testing.state import Lag
from engine.host import Properties
from engine.ways import DESTROY, REFRESH, UP
from faults.stack import Stack
from faults.test_each_fault import AUTHORIZE, DESCRIBE, KINDS, MODIFY, REVOKE, STORM
from functional.conftest import opened

FIELDS = {"ip_protocol": "tcp", "source_cidr_ip": "10.0.0.0/8"}
FIRST, SECOND = (22, 23, 24), (23, 24, 25)
AT = tuple(
    (action, passed)
    for action in (AUTHORIZE, DESCRIBE, MODIFY, REVOKE)
    for passed in (0, 1)
)
DRAWN = int(os.environ.get("STEPS", "120"))
UNDOING = {
    "": (),
    "then revokes are refused": (Fault.refused(REVOKE, 403, "Forbidden.RAM"),),
    "then revokes get no answer": (Fault.dropped(REVOKE, takes_effect=True),),
    "then revokes are lost": (Fault.dropped(REVOKE, takes_effect=False),),
}
"""What strikes all revokes that a fault before it has not struck."""


@dataclass(frozen=True)
class Case:
    """
    One way to fail.

    Args:
        kind: of the program.
        run: what is done under the faults.
        fault: one of `KINDS`.
        action: that it strikes.
        passed: so many calls before that one.
        lag: how many reads lack the rules.
        undoing: one of `UNDOING`.
    """

    kind: str
    run: str
    fault: str
    action: str
    passed: int
    lag: int
    undoing: str

    def __str__(self) -> str:
        late = "never shows" if self.lag == STORM else f"shows after {self.lag}"
        words = (
            f"{self.run} of {self.kind} that {late}",
            f"{self.fault} at {self.action} {self.passed + 1}",
            self.undoing,
        )
        return ", ".join(filter(None, words))


def cases() -> list[Case]:
    """Some of all combinations, always the same; more with STEPS."""
    every = [
        Case(kind, run, fault, action, passed, lag, undoing)
        for kind, run, fault, (action, passed), lag, undoing in itertools.product(
            ("rules", "a set"),
            ("create", "update", "destroy"),
            KINDS,
            AT,
            (2, STORM),
            UNDOING,
        )
    ]
    Random(0).shuffle(every)  # noqa: S311 - no secret
    return every[:DRAWN]


def program(
    kind: str, group: str, ports: tuple[int, ...], text: str
) -> dict[str, Properties]:
    """Rules for these ports, each of its own or in a set."""
    each = [{**FIELDS, "port_range": port, "description": text} for port in ports]
    place = {"security_group_id": group}
    if kind == "a set":
        return {"s": {**place, "rules": each}}
    return {f"r{one['port_range']}": {**place, **one} for one in each}


@dataclass(frozen=True)
class Scene:
    """A stack in a group of its own."""

    fake: FakeEcs
    stack: Stack
    group: str

    def live(self) -> dict[str, dict[str, object]]:
        """All rules of the group, shown or not."""
        return self.fake.rules(self.group)

    def assert_all_is_known(self, errors: list[Exception]) -> None:
        """Each live rule is in the state: by its ID, or by all fields without one."""
        ids, texts = set[str](), set[str]()
        for entry in self.stack.entries:
            for text, rule_id in known(entry.outputs).items():
                ids.add(rule_id)
                texts |= set() if rule_id else {text}
        unknown = {
            i: text
            for i, rule in self.live().items()
            if i not in ids
            and (text := IngressRule.from_permission(rule).as_text) not in texts
        }
        assert unknown == {}, errors

    def assert_exact(self, wanted: Mapping[str, Properties]) -> None:
        """The live rules are the wanted ones, and the state has their IDs."""
        live = self.live()
        ids = [i for e in self.stack.entries for i in known(e.outputs).values()]
        assert sorted(ids) == sorted(live)
        rules = (
            IngressRule.parse(one)
            for args in wanted.values()
            for one in args.get("rules", [args])
        )
        shown = sorted(
            (IngressRule.from_permission(r) for r in live.values()),
            key=lambda one: one.as_text,
        )
        declared = sorted(rules, key=lambda one: one.as_text)
        assert [(r.as_text, r.description) for r in shown] == [
            (r.as_text, r.description) for r in declared
        ]


def known(outputs: Properties) -> dict[str, str]:
    """The ID of each rule of a resource, by the text of the rule."""
    if "rules" in outputs:
        return dict(outputs["rule_ids"])
    rule_id = str(outputs["security_group_rule_id"])
    return {IngressRule.unchecked(outputs).as_text: rule_id}


@pytest.mark.parametrize("case", cases(), ids=str)
def test_faults_on_rules_that_show_late_lose_none(case: Case) -> None:
    """Whatever fails, and whatever fails while that is undone."""
    with opened("in process") as front:
        fake, group = front.fake, front.fake.new_group()
        scene = Scene(fake, Stack(front.settings), group)
        before = program(case.kind, group, FIRST, "old")
        after = program(case.kind, group, SECOND, "new")
        if case.run != "create":
            assert scene.stack.run(UP, before) == []
            for rule_id in scene.live():
                fake.groups[group].lags[rule_id] = Lag(None, case.lag)
        struck = replace(KINDS[case.fault](case.action), skip=case.passed)
        if struck.action == AUTHORIZE and not struck.lag:
            struck = replace(struck, lag=case.lag)
        fake.inject(struck, *(replace(f, times=STORM) for f in UNDOING[case.undoing]))
        fake.inject(replace(Fault.late(AUTHORIZE, case.lag), times=STORM))

        command = DESTROY if case.run == "destroy" else UP
        errors = scene.stack.run(command, after)

        scene.assert_all_is_known(errors)
        fake.forget_faults()
        fake.groups[group].lags.clear()
        if not errors and case.run == "destroy":
            assert scene.live() == {}
        errors = scene.stack.run(UP, after)
        scene.assert_all_is_known(errors)
        if errors:
            assert scene.stack.run(REFRESH, {}) == []
            assert scene.stack.run(UP, after) == [], errors
        scene.assert_exact(after)
        assert scene.stack.destroy() == []
        assert scene.live() == {}
