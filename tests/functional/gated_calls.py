"""
The calls of a group, each of which waits until the test lets it continue.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from alicloud_ingress.ecs.batching import Outcome
from alicloud_ingress.ecs.reactions import Write
from alicloud_ingress.ecs.security_group import SecurityGroup
from alicloud_ingress.errors import EcsError
from alicloud_ingress.rules.live import LiveGroup, LiveRule
from alicloud_ingress.rules.rule import IngressRule

GROUP = "sg-1"
BOUND_S = 5.0


@dataclass
class GatedCall:
    """One call that has arrived: its content, and how to answer it."""

    name: str
    entries: Sequence[Any]
    answer: Future[Any] = field(default_factory=Future[Any])


class GatedCalls:
    """A group whose calls arrive one by one, and wait for the test."""

    def __init__(self) -> None:
        self.rules: dict[str, IngressRule] = {}
        self.come = threading.Condition()
        self.waiting: list[GatedCall] = []
        self.made: list[GatedCall] = []

    def _gate(self, name: str, entries: Sequence[Any]) -> Any:
        call = GatedCall(name, list(entries))
        with self.come:
            self.made.append(call)
            self.waiting.append(call)
            self.come.notify_all()
        return call.answer.result(BOUND_S)

    def next(self) -> GatedCall:
        """The oldest waiting call, as soon as there is one."""
        with self.come:
            assert self.come.wait_for(lambda: self.waiting, BOUND_S), "no call came"
            return self.waiting.pop(0)

    def next_with(self, entry: object) -> GatedCall:
        """The call with this entry, as soon as there is one."""

        def holding() -> list[GatedCall]:
            return [call for call in self.waiting if entry in call.entries]

        with self.come:
            assert self.come.wait_for(holding, BOUND_S), f"no call with {entry}"
            (call,) = holding()
            self.waiting.remove(call)
            return call

    def carry_out(self, call: GatedCall, error: EcsError | None = None) -> None:
        """Do as ECS does, and answer so, or with an error although it was done."""
        if call.name.startswith("authorize"):
            for rule in call.entries:
                if rule not in self.rules.values():
                    self.rules[f"sgr-{rule.as_text}"] = rule
        elif call.name.startswith("revoke_by_id"):
            for rule_id in call.entries:
                del self.rules[rule_id]
        elif call.name.startswith("revoke_by_attributes"):
            gone = set(call.entries)
            self.rules = {i: rule for i, rule in self.rules.items() if rule not in gone}
        if error:
            call.answer.set_exception(error)
        else:
            call.answer.set_result(self.shown() if call.name == "describe" else None)

    def shown(self) -> LiveGroup:
        """What a Describe shows now."""
        rules = tuple(LiveRule(rule, id_, "") for id_, rule in self.rules.items())
        return LiveGroup(GROUP, "cn-hangzhou", "vpc-1", rules)

    def describe(self, group_id: str) -> LiveGroup:
        """Read all rules; the test gives the answer."""
        answer: LiveGroup = self._gate("describe", [group_id])
        return answer

    def authorize(self, group_id: str, rules: Sequence[IngressRule]) -> None:
        """Add rules."""
        self._gate(f"authorize {group_id}", rules)

    def revoke_by_id(self, group_id: str, rule_ids: Sequence[str]) -> None:
        """Delete rules by ID."""
        self._gate(f"revoke_by_id {group_id}", rule_ids)

    def revoke_by_attributes(self, group_id: str, rules: Sequence[IngressRule]) -> None:
        """Delete rules by their attributes."""
        self._gate(f"revoke_by_attributes {group_id}", rules)

    def modify(self, group_id: str, rule_id: str, rule: IngressRule) -> None:
        """Change a rule."""
        self._gate(f"modify {group_id}", [rule_id, rule])


class TellingGroup(SecurityGroup):
    """A group that records whose outcomes it has reported."""

    told: Sequence[Any] = ()

    def authorize(self, rule: IngressRule) -> None:
        """Add a rule, or raise its error."""
        self._raise_error_of(self.authorize_all([rule]))

    def revoke_by_id(self, rule_id: str) -> None:
        """Delete a rule by ID, or raise its error."""
        self._raise_error_of(self.revoke_all_by_id([rule_id]))

    def revoke_by_attributes(self, rule: IngressRule) -> None:
        """Delete a rule by its attributes, or raise its error."""
        self._raise_error_of(self.revoke_all_by_attributes([rule]))

    @staticmethod
    def _raise_error_of(outcomes: Sequence[Outcome[Any]]) -> None:
        for _, error in outcomes:
            if error:
                raise error

    def _outcomes(
        self,
        kind: Write,
        entries: Sequence[Any],
        deliver: Callable[[Sequence[Any]], Iterator[Outcome[Any]]],
    ) -> Iterator[Outcome[Any]]:
        for outcome in super()._outcomes(kind, entries, deliver):
            self.told = [*self.told, outcome[0]]
            yield outcome


@dataclass(frozen=True)
class Shared:
    """A group, its calls, and threads that use it."""

    calls: GatedCalls
    group: TellingGroup
    pool: ThreadPoolExecutor

    def ask(self, act: Callable[..., Any], *arguments: object) -> Future[Any]:
        """Let another thread act, and return once that thread waits."""
        before = self._waiting()
        asked: Future[Any] = self.pool.submit(act, *arguments)
        until(lambda: self._waiting() > before or asked.done())
        return asked

    def carry_out_until_done(self, *asked: Future[Any]) -> list[GatedCall]:
        """Let all calls of those who asked continue, and report the results."""
        came: list[GatedCall] = []
        while True:
            until(lambda: self.calls.waiting or all(one.done() for one in asked))
            if not self.calls.waiting:
                return came
            came.append(self.calls.next())
            self.calls.carry_out(came[-1])

    def _waiting(self) -> int:
        """How many threads wait: for a call, or for one another."""
        parts: dict[str, Any] = vars(self.group)
        conditions: list[Any] = [
            shared._changed  # noqa: SLF001  nothing else tells that a thread waits
            for shared in parts.values()
            if hasattr(shared, "_changed")
        ]
        return sum(len(condition._waiters) for condition in conditions) + len(  # noqa: SLF001
            self.calls.made
        )


def until(true: Callable[[], object]) -> None:
    """Wait until a condition holds."""
    give_up = time.monotonic() + BOUND_S
    while not true():
        assert time.monotonic() < give_up, "it never came to be"
        time.sleep(0.001)


@contextmanager
def sharing(
    now: Callable[[], float] = time.monotonic,
) -> Generator[Shared, None, None]:
    """A group for many threads; what still waits at the end is released."""
    calls = GatedCalls()
    with ThreadPoolExecutor(120) as pool:
        try:
            yield Shared(calls, TellingGroup(calls, GROUP, now), pool)
        finally:
            for call in calls.made:
                if not call.answer.done():
                    call.answer.set_exception(EcsError("Test", "TestIsOver", "over"))
