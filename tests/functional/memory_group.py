"""
One group of rules in memory, whose answers a test sets in advance.

It stands in for `SecurityGroup` in tests of the decisions of `lifecycle`; other tests
use the fake of the HTTP API.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import TypeVar

from alicloud_ingress.ecs.batching import Outcome
from alicloud_ingress.ecs.security_group import SecurityGroup
from alicloud_ingress.errors import (
    EcsError,
    GroupNotFoundError,
    NoAnswerError,
    RuleNotFoundError,
)
from alicloud_ingress.rules.live import LiveGroup, LiveRule
from alicloud_ingress.rules.rule import IngressRule

_Entry = TypeVar("_Entry")
GROUP = "sg-1"
SSH = IngressRule.parse(
    {"ip_protocol": "tcp", "port_range": 22, "source_cidr_ip": "10.0.0.0/8"}
)
NEIGHBOURS = [
    replace(SSH, priority=2),
    replace(SSH, policy="drop"),
    replace(SSH, source_port_range="1/1024"),
    replace(SSH, dest_cidr_ip="172.16.0.1"),
]


class MemoryGroup(SecurityGroup):
    """One group of rules that answers as ECS does, with answers set in advance."""

    def __init__(self) -> None:
        self.group_id = GROUP
        self.rules: dict[str, IngressRule] = {}
        self.calls: list[str] = []
        self.answers: dict[str, list[EcsError | None]] = {}
        self.acts_in_silence = False
        self.deaf = False
        self.deaf_to_ids = False
        self.masks = False
        self.tells_ids = True
        self.hidden_looks = 0
        self.kept: LiveGroup | None = None
        self.account = "1"
        self.gone = False
        self.made = 0

    def add(self, rule: IngressRule) -> str:
        """Add a rule that no resource holds."""
        self.made += 1
        self.rules[f"sgr-{self.made}"] = rule
        return f"sgr-{self.made}"

    def _answer(self, call: str, act: Callable[[], None]) -> None:
        self.calls.append(call)
        if self.gone:
            raise GroupNotFoundError(call, "InvalidSecurityGroupId.NotFound", "no")
        queue = self.answers.get(call.split(maxsplit=1)[0], [])
        error = queue.pop(0) if queue else None
        if error is None or self.acts_in_silence:
            act()
        if error is not None:
            raise error

    def read_cached(self) -> LiveGroup:
        """All rules, kept for the read that follows."""
        self.kept = self.read_now()
        return self.kept

    def read_after_writes(self) -> LiveGroup:
        """What a cached read has just shown; nothing else is shared here."""
        kept, self.kept = self.kept, None
        return kept or self.read_now()

    def read_now(self) -> LiveGroup:
        """All rules, or none while they are hidden."""
        self._answer("describe", lambda: None)
        shown = self.rules if self.hidden_looks <= 0 else {}
        self.hidden_looks -= 1
        return LiveGroup(
            self.group_id,
            "cn-hangzhou",
            "vpc-1",
            tuple(
                LiveRule(rule, rule_id if self.tells_ids else "", "")
                for rule_id, rule in shown.items()
            ),
        )

    def read_authorized(self, rules: Iterable[IngressRule]) -> LiveGroup:
        """As `read_now`: nothing is shared here."""
        del rules
        return self.read_now()

    def authorize(self, rule: IngressRule) -> None:
        """Make the rules; for one that exists it succeeds and changes nothing."""

        def act() -> None:
            if rule not in self.rules.values():
                self.add(rule.masked if self.masks else rule)

        self._answer("authorize", act)

    def revoke_by_id(self, rule_id: str) -> None:
        """Delete rules by ID."""

        def act() -> None:
            if self.deaf_to_ids:
                return
            if self.rules.pop(rule_id, None) is None:
                raise RuleNotFoundError("Revoke", "RuleNotExist", "no")

        self._answer(f"revoke_by_id {rule_id}", act)

    def revoke_by_attributes(self, rule: IngressRule) -> None:
        """Delete what matches; without a match it succeeds."""

        def act() -> None:
            if not self.deaf:
                self.rules = {i: r for i, r in self.rules.items() if r != rule}

        self._answer("revoke_by_attributes", act)

    def authorize_all(self, rules: Sequence[IngressRule]) -> list[Outcome[IngressRule]]:
        """Add each rule by a call of its own."""
        return [(rule, _error_of(self.authorize, rule)) for rule in rules]

    def revoke_all_by_id(self, rule_ids: Sequence[str]) -> list[Outcome[str]]:
        """Remove each rule by a call of its own."""
        return [(id_, _error_of(self.revoke_by_id, id_)) for id_ in rule_ids]

    def revoke_all_by_attributes(
        self, rules: Sequence[IngressRule]
    ) -> list[Outcome[IngressRule]]:
        """Remove each rule by a call of its own."""
        return [(rule, _error_of(self.revoke_by_attributes, rule)) for rule in rules]

    def modify(self, rule_id: str, rule: IngressRule) -> None:
        """Change a rule in place."""

        def act() -> None:
            if rule_id not in self.rules:
                raise RuleNotFoundError("Modify", "SecurityGroupRule.NotFound", "no")
            self.rules[rule_id] = rule

        self._answer(f"modify {rule_id}", act)

    def account_id(self) -> str:
        """The account of the credentials."""
        return self.account

    def group_exists(self, group_id: str) -> bool:
        """Whether DescribeSecurityGroups shows the group."""
        return group_id == self.group_id and not self.gone


def _error_of(act: Callable[[_Entry], None], entry: _Entry) -> EcsError | None:
    try:
        act(entry)
    except EcsError as error:
        return error
    return None


def silence(action: str) -> NoAnswerError:
    """An answer that never arrived."""
    return NoAnswerError(action, "NoAnswer", "connection lost")
