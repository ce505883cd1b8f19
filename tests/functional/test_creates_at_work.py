"""
Which answer a create uses, with and without other writes at the same time.
"""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import Future
from dataclasses import dataclass, field, replace

import pytest

from alicloud_ingress.ecs.shared_reads import MAX_AGE_BEFORE_CREATE_S
from alicloud_ingress.errors import RuleExistsError
from alicloud_ingress.reconcile.ownership import Owner, Ownership, new_mark
from alicloud_ingress.reconcile.rule_lifecycle import RuleLifecycle
from alicloud_ingress.rules.live import LiveRule
from alicloud_ingress.rules.rule import IngressRule
from functional.gated_calls import GatedCall, Shared, sharing
from functional.memory_group import SSH, MemoryGroup

HTTP, HTTPS = (replace(SSH, port_range=f"{port}/{port}") for port in (80, 443))


@dataclass
class Clock:
    """A clock that a test sets."""

    now: float = 1000.0

    def __call__(self) -> float:
        """The time."""
        return self.now


@dataclass(frozen=True)
class Work:
    """Several creates in one group, each in a thread of its own."""

    shared: Shared
    clock: Clock
    ownership: Ownership = field(default_factory=lambda: Ownership(timeout_s=0))

    def create(self, rule: IngressRule) -> Future[LiveRule]:
        """Begin to create a rule."""
        one = RuleLifecycle(
            self.shared.group,
            MemoryGroup(),
            "cn-hangzhou",
            print,
            Owner(self.ownership, new_mark()),
        )
        return self.shared.pool.submit(one.create, rule)

    def create_to_authorize(
        self, rule: IngressRule
    ) -> tuple[Future[LiveRule], GatedCall]:
        """Create a rule up to its Authorize, which waits."""
        made = self.create(rule)
        self.carry_out_next("describe")
        return made, self.next("authorize")

    def create_wholly(self, rule: IngressRule) -> None:
        """Create a rule, and nothing beside it."""
        self.shared.carry_out_until_done(self.create(rule))

    def remove(self, rule_id: str) -> None:
        """Delete a rule, as another resource of the process does."""
        removed = self.shared.pool.submit(self.shared.group.revoke_by_id, rule_id)
        self.carry_out_next("revoke_by_id")
        removed.result()

    def next(self, name: str) -> GatedCall:
        """The next call, which must be of this kind; it waits."""
        call = self.shared.calls.next()
        assert call.name.split()[0] == name
        return call

    def carry_out_next(self, name: str) -> None:
        """Let the next call continue, which must be of this kind."""
        self.shared.calls.carry_out(self.next(name))


@pytest.fixture
def work() -> Iterator[Work]:
    """A group without rules, and a clock that stands still."""
    clock = Clock()
    with sharing(clock) as shared:
        yield Work(shared, clock)


class TestBesideOthers:
    """While a rule is created, changed, deleted or read."""

    @pytest.mark.parametrize("age", [0.0, MAX_AGE_BEFORE_CREATE_S])
    def test_a_create_uses_the_newest_answer(self, work: Work, age: float) -> None:
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

    def test_a_create_uses_it_while_another_verifies(self, work: Work) -> None:
        """The other one claims its rule after its own read."""
        first, held = work.create_to_authorize(HTTP)
        work.shared.calls.carry_out(held)
        proof = work.next("describe")

        second = work.create(HTTPS)

        assert work.next("authorize").entries == [HTTPS]
        work.shared.calls.carry_out(proof)
        assert first.result().rule == HTTP
        assert not second.done()

    def test_a_create_does_not_use_an_older_answer(self, work: Work) -> None:
        """The rule may have been made since."""
        work.shared.calls.rules["sgr-elsewhere"] = SSH
        work.create_to_authorize(HTTP)
        work.remove("sgr-elsewhere")
        work.clock.now += MAX_AGE_BEFORE_CREATE_S + 0.1
        work.shared.calls.rules["sgr-new"] = HTTPS

        second = work.create(HTTPS)
        work.shared.carry_out_until_done(second)

        with pytest.raises(RuleExistsError, match="sgr-new"):
            second.result()

    def test_a_rule_deleted_since_that_answer_is_created(self, work: Work) -> None:
        """The rule is wanted again after its deletion."""
        work.shared.calls.rules["sgr-gone"] = HTTPS
        work.create_to_authorize(HTTP)
        work.remove("sgr-gone")

        work.create(HTTPS)
        work.carry_out_next("describe")

        assert work.next("authorize").entries == [HTTPS]

    @pytest.mark.parametrize("held", [False, True])
    def test_an_existing_rule_in_that_answer_is_reported(
        self, work: Work, *, held: bool
    ) -> None:
        """After a fresh read, with the resource that holds the rule."""
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

    def test_of_two_resources_with_one_rule_only_one_succeeds(self, work: Work) -> None:
        """Neither saw it before, and ECS answers both with success."""
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
    """After other writes have ended."""

    @pytest.mark.parametrize("age", [0.0, MAX_AGE_BEFORE_CREATE_S])
    def test_a_create_uses_the_answer_that_verified_another(
        self, work: Work, age: float
    ) -> None:
        """Two round trips for each rule, also with one rule at a time."""
        work.create_wholly(HTTP)
        work.clock.now += age

        second = work.create(HTTPS)

        work.carry_out_next("authorize")
        work.carry_out_next("describe")
        assert second.result().rule == HTTPS

    def test_a_create_does_not_use_an_older_answer(self, work: Work) -> None:
        """The rule may have been made since."""
        work.create_wholly(HTTP)
        work.clock.now += MAX_AGE_BEFORE_CREATE_S + 0.1
        work.shared.calls.rules["sgr-new"] = HTTPS

        second = work.create(HTTPS)
        work.shared.carry_out_until_done(second)

        with pytest.raises(RuleExistsError, match="sgr-new"):
            second.result()


class TestReads:
    """Which answers a refresh or a change uses."""

    def test_reads_use_no_answer_older_than_a_write(self, work: Work) -> None:
        """Not even with other writes in progress."""
        work.shared.calls.rules["sgr-gone"] = HTTPS
        work.create_to_authorize(HTTP)
        work.remove("sgr-gone")

        read = work.shared.pool.submit(work.shared.group.read_after_writes)
        work.carry_out_next("describe")

        assert read.result().rules == ()

    def test_a_verification_read_is_not_reused(self, work: Work) -> None:
        """It is kept for no other resource."""
        work.create_wholly(HTTP)
        work.shared.calls.rules["sgr-new"] = HTTPS

        read = work.shared.pool.submit(work.shared.group.read_after_writes)
        work.carry_out_next("describe")

        assert read.result().by_id("sgr-new")
