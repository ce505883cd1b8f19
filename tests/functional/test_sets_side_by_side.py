"""
The calls of one set, several at a time, and what happens where one of them fails.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import Future
from dataclasses import replace
from typing import Any

import pytest

from alicloud_ingress.ecs.batching import MAX_ACTIVE_SET_CALLS, MAX_ENTRIES
from alicloud_ingress.errors import EcsError, RuleNotConfirmedError, ThrottledError
from alicloud_ingress.reconcile.ownership import Owner, Ownership
from alicloud_ingress.reconcile.set_lifecycle import SetLifecycle
from alicloud_ingress.rules.rule import IngressRule
from functional.gated_calls import GatedCall, Shared, sharing, until
from functional.memory_group import SSH, MemoryGroup, silence

RULES = [replace(SSH, port_range=f"{n}/{n}") for n in range(1, 651)]
BATCHES = [RULES[n : n + MAX_ENTRIES] for n in range(0, len(RULES), MAX_ENTRIES)]


@pytest.fixture
def shared() -> Iterator[Shared]:
    """A group without rules, whose calls wait for the test."""
    with sharing() as shared:
        yield shared


def refusal() -> EcsError:
    """An answer that refuses the whole call, without effect."""
    return ThrottledError("AuthorizeSecurityGroup", "Throttling", "no")


def creating(shared: Shared, wanted: Sequence[IngressRule]) -> Future[Any]:
    """Begin to create a set; its first read has been answered."""
    owner = Owner(Ownership(timeout_s=0), "own")
    one = SetLifecycle(shared.group, MemoryGroup(), "cn-hangzhou", print, owner)
    made = shared.pool.submit(one.create, wanted)
    shared.calls.carry_out(shared.calls.next())
    return made


def batch(shared: Shared, number: int) -> GatedCall:
    """The call with these rules, as soon as it arrives."""
    return shared.calls.next_with(BATCHES[number][0])


def answer_the_others(shared: Shared) -> None:
    """
    Let the calls that began beside the first one continue, once that is known to
    fail.
    """
    until(lambda: BATCHES[0][0] in shared.group.told)
    for number in range(1, MAX_ACTIVE_SET_CALLS):
        shared.calls.carry_out(batch(shared, number))


def sent(calls: Sequence[GatedCall], name: str) -> Counter[Any]:
    """How often each entry was sent in a call of this kind."""
    return Counter(
        entry for call in calls if call.name.startswith(name) for entry in call.entries
    )


def all_of(*batches: Sequence[IngressRule]) -> Counter[Any]:
    """Each rule once."""
    return Counter(rule for batch in batches for rule in batch)


def until_begun(shared: Shared, number: int) -> None:
    """Wait until so many calls have begun, and check that there are no more."""
    until(lambda: len(shared.calls.made) >= number)
    assert len(shared.calls.made) == number


class TestAtATime:
    """How many calls are in progress."""

    def test_a_set_sends_four_calls_at_a_time(self, shared: Shared) -> None:
        """The next one follows when one is answered. Each is full, except the last."""
        asked = shared.pool.submit(lambda: dict(shared.group.authorize_all(RULES)))
        for number in range(len(BATCHES)):
            until_begun(shared, min(number + MAX_ACTIVE_SET_CALLS, len(BATCHES)))
            shared.calls.carry_out(batch(shared, number))

        assert asked.result() == dict.fromkeys(RULES)
        assert [len(call.entries) for call in shared.calls.made] == [100] * 6 + [50]

    def test_no_call_begins_after_a_refusal(self, shared: Shared) -> None:
        """
        Those in progress are reported: there is less to undo, and all of it is
        known.
        """
        asked = shared.pool.submit(lambda: dict(shared.group.authorize_all(RULES)))
        batch(shared, 0).answer.set_exception(error := refusal())
        answer_the_others(shared)

        made = [rule for batch in BATCHES[1:MAX_ACTIVE_SET_CALLS] for rule in batch]
        assert asked.result() == dict.fromkeys(BATCHES[0], error) | dict.fromkeys(made)
        assert len(shared.calls.made) == MAX_ACTIVE_SET_CALLS

    @pytest.mark.parametrize("name", ["id", "attributes"])
    def test_deletes_are_sent_in_parallel(self, shared: Shared, name: str) -> None:
        """By ID and by attributes."""
        shared.calls.rules = {f"sgr-{rule.as_text}": rule for rule in RULES}
        entries: Sequence[Any] = list(shared.calls.rules) if name == "id" else RULES
        revoke: Any = getattr(shared.group, f"revoke_all_by_{name}")
        asked = shared.pool.submit(lambda: dict(revoke(entries)))
        until(lambda: len(shared.calls.waiting) == MAX_ACTIVE_SET_CALLS)

        shared.carry_out_until_done(asked)

        assert asked.result() == dict.fromkeys(entries)
        assert shared.calls.rules == {}


class TestFailures:
    """A set is made as a whole or not at all."""

    def test_calls_in_progress_at_a_refusal_are_undone(self, shared: Shared) -> None:
        """They took effect while the error arrived."""
        made = creating(shared, RULES)
        batch(shared, 0).answer.set_exception(refusal())
        answer_the_others(shared)
        after = shared.carry_out_until_done(made)

        with pytest.raises(ThrottledError, match="tcp 1/1"):
            made.result()
        assert len(sent(after, "revoke_by_id")) == 300
        assert not sent(after, "authorize")
        assert not sent(after, "revoke_by_attributes")
        assert shared.calls.rules == {}

    @pytest.mark.parametrize("acted", [False, True])
    def test_one_unanswered_call_is_resolved_by_a_read(
        self, shared: Shared, *, acted: bool
    ) -> None:
        """What is not visible is sent again, with all that had not been sent."""
        made = creating(shared, RULES)
        unanswered = batch(shared, 0)
        if acted:
            shared.calls.carry_out(unanswered, silence("authorize"))
        else:
            unanswered.answer.set_exception(silence("authorize"))
        answer_the_others(shared)
        after = shared.carry_out_until_done(made)

        assert all(made.result()[rule] for rule in RULES)
        again = () if acted else BATCHES[0]
        assert after[0].name == "describe"
        assert sent(after, "authorize") == all_of(
            again, *BATCHES[MAX_ACTIVE_SET_CALLS:]
        )
        assert not sent(after, "revoke")

    @pytest.mark.parametrize("acted", [False, True])
    def test_an_unanswered_call_beside_a_refusal_is_undone(
        self, shared: Shared, *, acted: bool
    ) -> None:
        """
        By ID where it is visible; else by attributes, in case it takes effect
        late.
        """
        made = creating(shared, RULES[:300])
        refused, unanswered, done = (batch(shared, number) for number in range(3))
        refused.answer.set_exception(refusal())
        if acted:
            shared.calls.carry_out(unanswered, silence("authorize"))
        else:
            unanswered.answer.set_exception(silence("authorize"))
        shared.calls.carry_out(done)
        after = shared.carry_out_until_done(made)

        error = made.exception()
        assert isinstance(error, ThrottledError if acted else RuleNotConfirmedError)
        assert (BATCHES[1][0].as_text in str(error)) != acted
        assert BATCHES[2][0].as_text not in str(error)
        assert len(sent(after, "revoke_by_id")) == (200 if acted else 100)
        assert sent(after, "revoke_by_attributes") == all_of(
            () if acted else BATCHES[1]
        )
        assert shared.calls.rules == {}

    @pytest.mark.parametrize("is_late", [False, True])
    def test_a_refusal_after_an_unanswered_call_proves_nothing(
        self, shared: Shared, *, is_late: bool
    ) -> None:
        """No answer, sent again, refused: the first one may still take effect."""
        made = creating(shared, BATCHES[0])
        batch(shared, 0).answer.set_exception(silence("authorize"))
        shared.calls.carry_out(shared.calls.next())
        again = batch(shared, 0)
        again.answer.set_exception(refusal())
        look = shared.calls.next()
        if is_late:
            again.answer = Future()
            shared.calls.carry_out(again)
        shared.calls.carry_out(look)
        after = shared.carry_out_until_done(made)

        error = made.exception()
        assert isinstance(error, ThrottledError if is_late else RuleNotConfirmedError)
        assert len(sent(after, "revoke_by_id")) == (100 if is_late else 0)
        assert sent(after, "revoke_by_attributes") == all_of(
            () if is_late else BATCHES[0]
        )
        assert shared.calls.rules == {}
