"""
Whose answer a create goes by, where others are at work and where none is.
"""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import Future
from dataclasses import dataclass, field, replace

import pytest

from alicloud_ingress.ecs.shared_reads import MAX_AGE_BESIDE_WRITES_S
from alicloud_ingress.errors import RuleExistsError
from alicloud_ingress.reconcile.lifecycle import RuleLifecycle
from alicloud_ingress.reconcile.ownership import Owner, Ownership, new_mark
from alicloud_ingress.rules.live import LiveRule
from alicloud_ingress.rules.rule import IngressRule
from functional.gated_calls import Call, Shared, sharing
from functional.memory_group import SSH, MemoryGroup

HTTP, HTTPS = (replace(SSH, port_range=f"{port}/{port}") for port in (80, 443))


@dataclass
class Clock:
    """A time that stands still until the test sets it."""

    now: float = 1000.0

    def __call__(self) -> float:
        """Tell the time."""
        return self.now


@dataclass(frozen=True)
class Work:
    """Several creates in one group, each in a thread of its own."""

    shared: Shared
    clock: Clock
    ownership: Ownership = field(default_factory=lambda: Ownership(timeout_s=0))

    def create(self, rule: IngressRule) -> Future[LiveRule]:
        """Begin to make a rule."""
        one = RuleLifecycle(
            self.shared.group,
            MemoryGroup(),
            "cn-hangzhou",
            print,
            Owner(self.ownership, new_mark()),
        )
        return self.shared.pool.submit(one.create, rule)

    def create_to_authorize(self, rule: IngressRule) -> tuple[Future[LiveRule], Call]:
        """Make a rule as far as its Authorize, which is held."""
        made = self.create(rule)
        self.carry_out_next("describe")
        return made, self.next("authorize")

    def create_wholly(self, rule: IngressRule) -> None:
        """Make a rule, and nothing beside it."""
        self.shared.carry_out_until_done(self.create(rule))

    def remove(self, rule_id: str) -> None:
        """Remove a rule, as another resource of the process does."""
        removed = self.shared.pool.submit(self.shared.group.revoke_by_id, rule_id)
        self.carry_out_next("revoke_by_id")
        removed.result()

    def next(self, name: str) -> Call:
        """The next call, which is to be of this kind; it is held."""
        call = self.shared.calls.next()
        assert call.name.split()[0] == name
        return call

    def carry_out_next(self, name: str) -> None:
        """Let the next call go, which is to be of this kind."""
        self.shared.calls.carry_out(self.next(name))


@pytest.fixture
def work() -> Iterator[Work]:
    """A group with no rules, at a time that stands still."""
    clock = Clock()
    with sharing(clock) as shared:
        yield Work(shared, clock)


class TestBesideOthers:
    """While a rule is made, changed, removed or looked at."""

    @pytest.mark.parametrize("age", [0.0, MAX_AGE_BESIDE_WRITES_S])
    def test_the_newest_answer_serves(self, work: Work, age: float) -> None:
        """Two round trips, as for the first of many, whatever others have written."""
        work.shared.calls.rules["sgr-elsewhere"] = SSH
        first, held = work.create_to_authorize(HTTP)
        work.remove("sgr-elsewhere")
        work.clock.now += age

        second = work.create(HTTPS)
        authorized = work.next("authorize")

        assert authorized.entries == [HTTPS]
        for call in (held, authorized):
            work.shared.calls.carry_out(call)
        work.shared.carry_out_until_done(first, second)
        assert {first.result().rule, second.result().rule} == {HTTP, HTTPS}
        assert set(work.shared.calls.rules.values()) == {HTTP, HTTPS}

    def test_it_serves_while_another_proves_its_rule(self, work: Work) -> None:
        """Who has just written claims what came of it."""
        first, held = work.create_to_authorize(HTTP)
        work.shared.calls.carry_out(held)
        proof = work.next("describe")

        second = work.create(HTTPS)

        assert work.next("authorize").entries == [HTTPS]
        work.shared.calls.carry_out(proof)
        assert first.result().rule == HTTP
        assert not second.done()

    def test_an_older_answer_does_not_serve(self, work: Work) -> None:
        """Somebody else may have made the rule meanwhile."""
        work.shared.calls.rules["sgr-elsewhere"] = SSH
        work.create_to_authorize(HTTP)
        work.remove("sgr-elsewhere")
        work.clock.now += MAX_AGE_BESIDE_WRITES_S + 0.1
        work.shared.calls.rules["sgr-new"] = HTTPS

        second = work.create(HTTPS)
        work.carry_out_next("describe")

        with pytest.raises(RuleExistsError, match="sgr-new"):
            second.result()

    def test_what_it_shows_and_is_gone_is_made(self, work: Work) -> None:
        """A rule that was removed and is wanted again."""
        work.shared.calls.rules["sgr-gone"] = HTTPS
        work.create_to_authorize(HTTP)
        work.remove("sgr-gone")

        work.create(HTTPS)
        work.carry_out_next("describe")

        assert work.next("authorize").entries == [HTTPS]

    @pytest.mark.parametrize("held", [False, True])
    def test_what_it_shows_and_is_there_is_named(
        self, work: Work, *, held: bool
    ) -> None:
        """By the answer that was read afresh, with whose rule it is."""
        work.shared.calls.rules["sgr-gone"] = HTTPS
        work.create_to_authorize(HTTP)
        work.remove("sgr-gone")
        work.shared.calls.rules["sgr-there"] = HTTPS
        if held:
            work.ownership.keep(["sgr-there"], "another")

        second = work.create(HTTPS)
        came = work.shared.carry_out_until_done(second)

        with pytest.raises(RuleExistsError, match="sgr-there") as caught:
            second.result()
        assert ("for another resource of this stack" in str(caught.value)) == held
        assert {call.name for call in came} == {"describe"}

    def test_one_rule_of_two_resources_is_made_for_one_of_them(
        self, work: Work
    ) -> None:
        """Neither saw it before, and ECS says yes to both."""
        first, held = work.create_to_authorize(HTTP)
        second = work.create(HTTP)
        authorized = work.next("authorize")

        for call in (held, authorized):
            work.shared.calls.carry_out(call)
        work.shared.carry_out_until_done(first, second)

        (refused,) = [made.exception() for made in (first, second) if made.exception()]
        assert isinstance(refused, RuleExistsError)
        assert "for another resource of this stack" in str(refused)


class TestAlone:
    """After others have been at work."""

    def test_a_rule_that_somebody_has_just_made_is_named(self, work: Work) -> None:
        """The answer that proved the rule before is a moment old, and no help."""
        work.create_wholly(HTTP)
        work.shared.calls.rules["sgr-new"] = HTTPS

        second = work.create(HTTPS)
        work.carry_out_next("describe")

        with pytest.raises(RuleExistsError, match="sgr-new"):
            second.result()


class TestReads:
    """What a refresh or a change goes by."""

    def test_no_answer_from_before_an_own_write(self, work: Work) -> None:
        """Not even where others are at work."""
        work.shared.calls.rules["sgr-gone"] = HTTPS
        work.create_to_authorize(HTTP)
        work.remove("sgr-gone")

        read = work.shared.pool.submit(work.shared.group.read_after_writes)
        work.carry_out_next("describe")

        assert read.result().rules == ()

    def test_no_answer_of_a_look_that_was_to_prove(self, work: Work) -> None:
        """What others have asked for is kept for nobody."""
        work.create_wholly(HTTP)
        work.shared.calls.rules["sgr-new"] = HTTPS

        read = work.shared.pool.submit(work.shared.group.read_after_writes)
        work.carry_out_next("describe")

        assert read.result().by_id("sgr-new")
