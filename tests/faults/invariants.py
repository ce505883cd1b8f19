"""
What holds after every operation, whatever ECS answered.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from alicloud_ingress.errors import IngressError
from alicloud_ingress.rules.rule import IngressRule
from alicloud_ingress.testing import FakeEcs
from engine.state import Entry
from faults.stack import Stack

Live = Mapping[str, Mapping[str, object]]
NEXT_STEPS = (
    "pulumi up",
    "pulumi refresh",
    "pulumi destroy",
    "adopt=True",
    "try again",
    "run it again",
    "remove one of the two",
    "check the",
    "RAM policy",
    "correct ",
    "delete rules",
    "name them by what they say",
    "look up the code",
)
CALLS_PER_RULE = 50
"""
Attempts that one operation may make for one rule where tests allow six of a kind: six
times a write with the six attempts of the read that verifies it, and some more.
"""


def rule_as_shown(shown: Mapping[str, object]) -> IngressRule:
    """A rule of the fake as the provider's type."""
    return IngressRule.from_permission(shown)


@dataclass
class Watch:
    """
    One group, watched from before the first operation.

    Args:
        foreign: the rules that are not ours, which must not change.
    """

    fake: FakeEcs
    group: str
    foreign: dict[str, dict[str, object]] = field(
        default_factory=dict[str, dict[str, object]]
    )
    _calls: int = 0

    def rules(self) -> dict[str, dict[str, object]]:
        """All live rules, by ID."""
        return self.fake.rules(self.group)

    def ours(self) -> dict[str, dict[str, object]]:
        """The live rules that did not exist before, by ID."""
        return {i: r for i, r in self.rules().items() if i not in self.foreign}

    def add_foreign(self, **permission: str) -> str:
        """Add a rule by hand, which must not change."""
        rule_id = self.fake.add_rule(self.group, **permission)
        self.foreign[rule_id] = self.rules()[rule_id]
        return rule_id

    def assert_kept(
        self, stack: Stack, errors: Iterable[Exception], rules: int = 1
    ) -> None:
        """Check the promises of the design for one operation that has just ended."""
        errors = list(errors)
        self.assert_nothing_foreign_is_touched()
        self.assert_all_is_known(stack, errors)
        self.assert_calls_are_bounded(rules)
        for error in errors:
            assert_stands_alone(error, self.group)

    def assert_nothing_foreign_is_touched(self) -> None:
        """Rules of others are neither deleted nor changed."""
        there = self.rules()
        assert {i: there.get(i) for i in self.foreign} == self.foreign

    def assert_all_is_known(self, stack: Stack, errors: list[Exception]) -> None:
        """Each rule that we made is in the state, also after a failure."""
        unknown = [
            f"{rule_id} ({rule_as_shown(rule).as_text})"
            for rule_id, rule in self.ours().items()
            if not any(_knows(entry, rule_id, rule) for entry in stack.entries)
        ]
        assert unknown == [], f"lost; errors: {errors}"

    def assert_exact(self, stack: Stack, wanted: Iterable[IngressRule]) -> None:
        """The live rules are the wanted ones, and the state has their IDs."""
        ours = self.ours()
        live = Counter(rule_as_shown(rule) for rule in ours.values())
        assert live == Counter(rule.masked for rule in wanted)
        assert_same_rules(ours, stack)

    def assert_calls_are_bounded(self, rules: int) -> None:
        """No call is repeated without end."""
        made = len(self.fake.calls) - self._calls
        self._calls = len(self.fake.calls)
        assert made <= CALLS_PER_RULE * rules


def assert_same_rules(ours: Live, stack: Stack) -> None:
    """The live rules and the rules in the state are the same."""
    unnamed = dict(ours)
    for entry in stack.entries:
        for rule_id in entry.rule_ids - {""}:
            assert unnamed.pop(rule_id, None) is not None, f"{rule_id} is not live"
    for entry in stack.entries:
        if "" in entry.rule_ids:
            known = [i for i, rule in unnamed.items() if _knows(entry, i, rule)]
            assert known, f"{entry.name} has no rule"
            del unnamed[known[0]]
    assert unnamed == {}, "rules that the state does not know"


def _knows(entry: Entry, rule_id: str, rule: Mapping[str, Any]) -> bool:
    if entry.rule_id:
        return entry.rule_id == rule_id
    known = IngressRule.unchecked(entry.outputs)
    return rule_as_shown(rule) in (known, known.masked)


def assert_stands_alone(error: Exception, group: str) -> None:
    """The last line is one of ours and names action, group, rule and next step."""
    assert isinstance(error, IngressError), repr(error)
    (line,) = str(error).splitlines()
    assert "SecurityGroup" in line or "GetCallerIdentity" in line
    assert group in line
    assert " from " in line, f"no rule in words: {line}"
    assert any(step in line for step in NEXT_STEPS), f"no next step: {line}"
