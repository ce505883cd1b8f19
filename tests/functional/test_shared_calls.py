"""
Many threads, one group: which calls are sent, and what each thread gets.
"""

from __future__ import annotations

import datetime as dt
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import pytest

from alicloud_ingress.ecs.batching import (
    MAX_ACTIVE_CALLS,
    MAX_ACTIVE_SET_CALLS,
    MAX_ENTRIES,
    Batcher,
    Outcome,
    Shown,
    send_in_parallel,
    send_splitting,
)
from alicloud_ingress.ecs.error_codes import of_code
from alicloud_ingress.ecs.security_group import SecurityGroup
from alicloud_ingress.ecs.shared_reads import MAX_AGE_S, SharedReads, WriteCounter
from alicloud_ingress.ecs.sharing import shared as its_answer
from alicloud_ingress.errors import (
    ConfigurationError,
    EcsError,
    GroupNotFoundError,
    IngressError,
    InvalidRuleError,
    NoAnswerError,
    PermissionRefusedError,
    Problem,
    RuleIdNotValidError,
    RuleNotFoundError,
    WrongAccountError,
)
from alicloud_ingress.reconcile.polling import Moment
from alicloud_ingress.rules.live import LiveGroup, LiveRule
from alicloud_ingress.rules.rule import IngressRule
from functional.gated_calls import BOUND_S, GROUP, GatedCalls, Shared, sharing, until
from functional.memory_group import SSH, silence


@pytest.fixture
def shared() -> Iterator[Shared]:
    """A group without rules, whose calls wait for the test."""
    with sharing() as shared:
        yield shared


def rules(number: int, first: int = 1) -> list[IngressRule]:
    """Rules that differ in their port only."""
    return [replace(SSH, port_range=f"{n}/{n}") for n in range(first, first + number)]


def names(calls: GatedCalls) -> list[str]:
    """The calls made so far."""
    return [call.name for call in calls.made]


def until_made(shared: Shared, number: int) -> None:
    """Wait until so many calls have been made."""
    until(lambda: len(shared.calls.made) == number)


def answer_until_done(shared: Shared, asked: Sequence[Future[Any]]) -> None:
    """Answer each Describe until no thread waits for one."""
    while not all(future.done() for future in asked):
        until(
            lambda: bool(shared.calls.waiting) or all(future.done() for future in asked)
        )
        while shared.calls.waiting:
            shared.calls.next().answer.set_result(shared.calls.shown())


def occupied(shared: Shared) -> list[Future[Any]]:
    """As many calls in progress as allowed, each sent alone."""
    asked: list[Future[Any]] = []
    for number, rule in enumerate(rules(MAX_ACTIVE_CALLS, first=1000), 1):
        asked.append(shared.ask(shared.group.authorize, rule))
        until_made(shared, number)
    return asked


def authorized_together(shared: Shared) -> list[IngressRule]:
    """Two rules that one call has added."""
    sent = rules(2)
    asked = shared.ask(shared.group.authorize_all, sent)
    shared.calls.next().answer.set_result(None)
    asked.result()
    return sent


class TestLooks:
    def test_reads_during_a_describe_share_its_answer(self, shared: Shared) -> None:
        """Twenty rules read, one call."""
        asked = [shared.ask(shared.group.read_after_writes) for _ in range(20)]

        shown = shared.calls.shown()
        shared.calls.next().answer.set_result(shown)

        assert [future.result() for future in asked] == [shown] * 20
        assert names(shared.calls) == ["describe"]

    def test_an_answer_is_reused_for_some_seconds(self) -> None:
        """Counted from the time it was asked for."""
        calls = 0
        now = 0.0

        def describe() -> LiveGroup:
            nonlocal calls
            calls += 1
            return LiveGroup(GROUP, "cn-hangzhou", "vpc-1", ())

        looks = SharedReads(describe, WriteCounter(), lambda: now)
        looks.after_writes()
        now = MAX_AGE_S
        looks.after_writes()
        assert calls == 1
        now = MAX_AGE_S + 0.1
        looks.after_writes()
        assert calls == 2

    @pytest.mark.parametrize("fails", [False, True])
    def test_a_write_drops_cached_answers(self, *, fails: bool) -> None:
        """Whatever its result."""
        ecs = Refusing()
        if fails:
            ecs.bad[SSH] = silence("authorize")
        group = SecurityGroup(ecs, GROUP)
        for _ in range(2):
            group.read_after_writes()
        group.authorize_all([SSH])
        for _ in range(2):
            group.read_after_writes()

        assert ecs.calls == [("describe", 0), ("authorize", 1), ("describe", 0)]

    def test_a_read_never_joins_a_describe_before_a_write(self, shared: Shared) -> None:
        """The Describe in progress may have been read before the write."""
        early = shared.ask(shared.group.read_after_writes)
        old = shared.calls.next()
        written = shared.ask(shared.group.authorize, SSH)
        shared.calls.next().answer.set_result(None)
        written.result()
        late = shared.ask(shared.group.read_after_writes)

        old.answer.set_result(shared.calls.shown())
        shared.calls.rules["sgr-1"] = SSH
        shared.calls.next().answer.set_result(shared.calls.shown())

        assert early.result().rules == ()
        assert late.result().by_id("sgr-1")

    def test_a_fresh_read_starts_after_its_request(self, shared: Shared) -> None:
        """Those who ask during a Describe share the next one."""
        first = shared.ask(shared.group.read_now)
        under_way = shared.calls.next()
        looks: Any = vars(shared.group)["_reads"]
        with looks._changed:  # noqa: SLF001  so that all ten come at once
            later = [shared.pool.submit(shared.group.read_now) for _ in range(10)]
        shared.calls.rules["sgr-1"] = SSH
        answer_until_done(shared, later)
        shared.calls.rules.clear()
        under_way.answer.set_result(shared.calls.shown())

        assert first.result().rules == ()
        assert all(future.result().by_id("sgr-1") for future in later)
        assert len(shared.calls.made) < 1 + len(later)
        assert names(shared.calls) == ["describe", "describe"]

    def test_rules_of_one_call_share_the_read_that_verifies_them(
        self, shared: Shared
    ) -> None:
        """Also where one of them asks after it has begun, or has ended."""
        sent = authorized_together(shared)
        early = shared.ask(shared.group.read_authorized, sent[:1])
        describe = shared.calls.next()
        late = shared.pool.submit(shared.group.read_authorized, sent[1:])
        describe.answer.set_result(shared.calls.shown())
        after = shared.pool.submit(shared.group.read_authorized, sent)

        assert early.result() is late.result() is after.result()
        assert names(shared.calls).count("describe") == 1

    def test_a_read_during_an_authorize_does_not_verify_it(
        self, shared: Shared
    ) -> None:
        """The next one begins at once, though this one is still active."""
        early = shared.ask(shared.group.read_now)
        under_way = shared.calls.next()
        sent = authorized_together(shared)
        late = shared.ask(shared.group.read_authorized, sent)
        shared.calls.rules["sgr-1"] = SSH
        shared.calls.next().answer.set_result(shared.calls.shown())

        assert late.result().by_id("sgr-1")
        under_way.answer.set_result(shared.calls.shown())
        early.result()

    @pytest.mark.parametrize("other", [[], rules(1, first=9)], ids=["none", "one"])
    def test_a_read_verifies_only_what_was_sent_before_it(
        self, shared: Shared, other: list[IngressRule]
    ) -> None:
        """The last call counts; so does the request, for a rule that was not sent."""
        sent = authorized_together(shared)
        early = shared.ask(shared.group.read_authorized, sent)
        shared.calls.next().answer.set_result(shared.calls.shown())
        early.result()
        if other:
            asked = shared.ask(shared.group.authorize_all, other)
            shared.calls.next().answer.set_result(None)
            asked.result()
        late = shared.ask(
            shared.group.read_authorized, [*sent, *other] if other else []
        )
        shared.calls.rules["sgr-1"] = SSH
        shared.calls.next().answer.set_result(shared.calls.shown())

        assert late.result().by_id("sgr-1")

    @pytest.mark.parametrize(("age_s", "existed"), [(10, True), (1, False)])
    def test_a_create_is_dated_by_the_time_of_the_read(
        self, *, age_s: int, existed: bool
    ) -> None:
        """However long ago that was: a shared read may be old when it is used."""
        read_at = dt.datetime(2026, 12, 1, 12, 0, 0, tzinfo=dt.timezone.utc)
        created = (read_at - dt.timedelta(seconds=age_s)).strftime("%Y-%m-%dT%H:%M:%SZ")
        live = LiveRule(SSH, "sgr-1", created)
        group = LiveGroup(GROUP, "cn-hangzhou", "", (live,), read_at, read_s=101.0)

        assert Moment(seconds=100.0).is_later_than(live, group) is existed

    def test_a_shared_error_reaches_only_the_waiting_readers(
        self, shared: Shared
    ) -> None:
        """The next reader asks again."""
        asked = [shared.ask(shared.group.read_after_writes) for _ in range(5)]
        shared.calls.next().answer.set_exception(silence("describe"))
        for future in asked:
            with pytest.raises(NoAnswerError):
                future.result()

        again = shared.ask(shared.group.read_after_writes)
        shared.calls.next().answer.set_result(shared.calls.shown())
        assert again.result().rules == ()


class TestWrites:
    def test_a_single_rule_is_sent_at_once(self, shared: Shared) -> None:
        """There is nothing to wait for."""
        asked = shared.ask(shared.group.authorize, SSH)
        call = shared.calls.next()
        call.answer.set_result(None)

        asked.result()
        assert call.entries == [SSH]

    def test_rules_that_wait_for_calls_are_sent_together(self, shared: Shared) -> None:
        """Fifty rules, one more call."""
        first = occupied(shared)
        gathered = [shared.ask(shared.group.authorize, rule) for rule in rules(50)]
        assert len(shared.calls.made) == MAX_ACTIVE_CALLS

        shared.calls.next().answer.set_result(None)
        until(lambda: len(shared.calls.made) > MAX_ACTIVE_CALLS)
        for _ in range(MAX_ACTIVE_CALLS):
            shared.calls.next().answer.set_result(None)
        for future in (*first, *gathered):
            future.result()

        assert len(shared.calls.made) == MAX_ACTIVE_CALLS + 1
        assert set(shared.calls.made[-1].entries) == set(rules(50))

    def test_rules_that_arrive_shortly_after_each_other_share_calls(
        self, shared: Shared
    ) -> None:
        """Nine that were answered by one read are not one call each."""
        asked = [shared.ask(shared.group.authorize, SSH)]
        until_made(shared, 1)
        lane: Any = vars(shared.group)["_authorizing"]
        begun = threading.Barrier(10)

        def authorize(rule: IngressRule) -> None:
            begun.wait()
            shared.group.authorize(rule)

        with lane._changed:  # noqa: SLF001  so that all nine come at once
            asked += [shared.pool.submit(authorize, rule) for rule in rules(9)]
            begun.wait()
        sent = 0
        while sent < len(asked):
            call = shared.calls.next()
            call.answer.set_result(None)
            sent += len(call.entries)
        for future in asked:
            future.result()

        assert len(shared.calls.made) < len(asked)

    def test_each_kind_of_call_has_its_own_queue(self, shared: Shared) -> None:
        """Revokes do not wait for authorizes, and nothing waits for a modify."""
        occupied(shared)

        shared.ask(shared.group.revoke_by_id, "sgr-1")
        shared.ask(shared.group.revoke_by_attributes, SSH)
        shared.ask(shared.group.modify, "sgr-2", SSH)

        assert names(shared.calls)[MAX_ACTIVE_CALLS:] == [
            f"revoke_by_id {GROUP}",
            f"revoke_by_attributes {GROUP}",
            f"modify {GROUP}",
        ]

    def test_an_equal_rule_is_sent_once(self, shared: Shared) -> None:
        """ECS refuses duplicates in a call."""
        occupied(shared)
        twice = [shared.ask(shared.group.authorize, SSH) for _ in range(2)]

        for _ in range(MAX_ACTIVE_CALLS + 1):
            shared.calls.next().answer.set_result(None)
        for future in twice:
            future.result()

        assert shared.calls.made[-1].entries == [SSH]

    def test_more_than_100_rules_are_sent_in_several_calls(
        self, shared: Shared
    ) -> None:
        """No thread is left waiting, whichever of them sends."""
        first = occupied(shared)
        gathered = [
            shared.ask(shared.group.authorize, rule) for rule in rules(MAX_ENTRIES + 1)
        ]

        for _ in range(MAX_ACTIVE_CALLS + 2):
            shared.calls.next().answer.set_result(None)
        for future in (*first, *gathered):
            future.result(BOUND_S)

        sizes = [len(call.entries) for call in shared.calls.made[MAX_ACTIVE_CALLS:]]
        assert sorted(sizes) == [1, MAX_ENTRIES]

    def test_each_rule_of_an_unanswered_call_is_verified(self, shared: Shared) -> None:
        """Each of them reads for itself whether it was made."""
        occupied(shared)
        gathered = [shared.ask(shared.group.authorize, rule) for rule in rules(3)]

        for _ in range(MAX_ACTIVE_CALLS):
            shared.calls.next().answer.set_result(None)
        shared.calls.next().answer.set_exception(silence("authorize"))

        for future in gathered:
            with pytest.raises(NoAnswerError):
                future.result()
        assert len(shared.calls.made) == MAX_ACTIVE_CALLS + 1

    def test_a_bug_in_the_sender_leaves_no_thread_waiting(self, shared: Shared) -> None:
        """It is an error in each thread, and the next call is sent."""
        occupied(shared)
        gathered = [shared.ask(shared.group.authorize, rule) for rule in rules(3)]

        for _ in range(MAX_ACTIVE_CALLS):
            shared.calls.next().answer.set_result(None)
        shared.calls.next().answer.set_exception(KeyError("a bug"))

        for future in gathered:
            with pytest.raises(KeyError):
                future.result()
        again = shared.ask(shared.group.authorize, SSH)
        shared.calls.next().answer.set_result(None)
        again.result()


class Refusing:
    """ECS as it refuses calls for single entries, atomically or not."""

    def __init__(self, *, atomic: bool = True, looks: bool = True) -> None:
        self.rules: dict[str, IngressRule] = {}
        self.bad: dict[object, Exception] = {}
        self.atomic = atomic
        self.looks = looks
        self.calls: list[tuple[str, int]] = []

    def _come(self, name: str, group_id: str, entries: Sequence[object]) -> None:
        assert group_id == GROUP
        self.calls.append((name, len(entries)))

    def describe(self, group_id: str) -> LiveGroup:
        """Read all rules, where that is allowed."""
        self._come("describe", group_id, ())
        if not self.looks:
            raise PermissionRefusedError("Describe", "Forbidden.RAM", "no")
        gated = GatedCalls()
        gated.rules = self.rules
        return gated.shown()

    def authorize(self, group_id: str, rules: Sequence[IngressRule]) -> None:
        """Refuse the whole call, or the entries from the bad one on."""
        self._come("authorize", group_id, rules)
        for rule in rules if not self.atomic else ():
            if rule in self.bad:
                raise self.bad[rule]
            self.rules[f"sgr-{rule.port_range}"] = rule
        if bad := [rule for rule in rules if rule in self.bad]:
            raise self.bad[bad[0]]
        self.rules.update({f"sgr-{rule.port_range}": rule for rule in rules})

    def revoke_by_id(self, group_id: str, rule_ids: Sequence[str]) -> None:
        """Refuse the whole call, or the entries from the missing one on."""
        self._come("revoke_by_id", group_id, rule_ids)
        absent = RuleNotFoundError("Revoke", "InvalidSecurityGroupRuleId.NotFound", "-")
        for rule_id in rule_ids if not self.atomic else ():
            if self.rules.pop(rule_id, None) is None:
                raise self.bad.get(rule_id, absent)
        if self.atomic:
            for bug in (self.bad.get(rule_id) for rule_id in rule_ids):
                if bug and not isinstance(bug, EcsError):
                    raise bug
            if gone := [id_ for id_ in rule_ids if id_ not in self.rules]:
                raise self.bad.get(gone[0], absent)
            for rule_id in rule_ids:
                del self.rules[rule_id]

    def revoke_by_attributes(self, group_id: str, rules: Sequence[IngressRule]) -> None:
        """Refuse the whole call for a bad entry."""
        self._come("revoke_by_attributes", group_id, rules)
        if bad := [rule for rule in rules if rule in self.bad]:
            raise self.bad[bad[0]]
        self.rules = {i: rule for i, rule in self.rules.items() if rule not in rules}

    def modify(self, group_id: str, rule_id: str, rule: IngressRule) -> None:
        """Not called here."""
        raise AssertionError((group_id, rule_id, rule))


@pytest.mark.parametrize("atomic", [True, False], ids=["atomic", "in part"])
@pytest.mark.parametrize("looks", [True, False], ids=["", "no look"])
@pytest.mark.parametrize(
    "code", ["InvalidPortRange.Malformed", "Forbidden.RAM", "AuthorizationLimitExceed"]
)
@pytest.mark.parametrize("place", [0, 41, 99])
def test_one_bad_rule_of_a_hundred_gets_its_own_error(
    place: int, code: str, *, atomic: bool, looks: bool
) -> None:
    """The others are made, in a few more calls."""
    ecs = Refusing(atomic=atomic, looks=looks)
    wanted = rules(100)
    ecs.bad[wanted[place]] = of_code("AuthorizeSecurityGroup", code, "no")

    outcome = dict(SecurityGroup(ecs, GROUP).authorize_all(wanted))

    assert [rule for rule, error in outcome.items() if error] == [wanted[place]]
    assert set(ecs.rules.values()) == set(wanted) - {wanted[place]}
    assert set(outcome) == set(wanted)
    assert len(ecs.calls) <= 23


@pytest.mark.parametrize("atomic", [True, False], ids=["atomic", "in part"])
@pytest.mark.parametrize("looks", [True, False], ids=["", "no look"])
@pytest.mark.parametrize("kind", [RuleNotFoundError, RuleIdNotValidError])
def test_one_missing_id_does_not_stop_the_others(
    kind: type[EcsError], *, atomic: bool, looks: bool
) -> None:
    """All others are revoked, and no existing rule is taken for deleted."""
    ecs = Refusing(atomic=atomic, looks=looks)
    ecs.rules = {f"sgr-{n}": rule for n, rule in enumerate(rules(100))}
    asked = list(ecs.rules)
    del ecs.rules["sgr-50"]
    ecs.bad["sgr-50"] = kind("RevokeSecurityGroup", "-", "-")

    outcome = dict(SecurityGroup(ecs, GROUP).revoke_all_by_id(asked))

    assert ecs.rules == {}
    assert isinstance(outcome["sgr-50"], kind)
    assert set(outcome) == set(asked)


def test_a_revoke_by_attributes_continues_without_a_bad_entry() -> None:
    """The others are deleted afterwards."""
    ecs = Refusing()
    ecs.rules = {f"sgr-{n}": rule for n, rule in enumerate(rules(10))}
    bad = rules(10)[3]
    ecs.bad[bad] = of_code("RevokeSecurityGroup", "InvalidPriority.Malformed", "no")

    outcome = dict(SecurityGroup(ecs, GROUP).revoke_all_by_attributes(rules(10)))

    assert list(ecs.rules.values()) == [bad]
    assert [rule for rule, error in outcome.items() if error] == [bad]


@pytest.mark.parametrize("error", [ConfigurationError("no keys"), KeyError("a bug")])
@pytest.mark.parametrize("place", [50, 150])
def test_an_error_of_one_call_hides_no_outcome(place: int, error: Exception) -> None:
    """The keys may be gone for the last of several calls, or of a split one."""
    ecs = Refusing()
    ecs.rules = {f"sgr-{n}": rule for n, rule in enumerate(rules(200))}
    asked = list(ecs.rules)
    del ecs.rules["sgr-49"]
    ecs.bad[asked[place]] = error

    outcome = dict(SecurityGroup(ecs, GROUP).revoke_all_by_id(asked))

    done = {rule_id for rule_id, failed in outcome.items() if failed is None}
    assert done == set(asked) - set(ecs.rules) - {"sgr-49"}
    assert outcome[asked[place]] is error


@pytest.mark.parametrize(
    "code", ["InvalidSecurityGroupId.NotFound", "InvalidAccessKeyId.NotFound"]
)
def test_a_refusal_of_a_whole_call_is_not_split(code: str) -> None:
    """One refusal, one call."""
    ecs = Refusing()
    error = of_code("AuthorizeSecurityGroup", code, "no")
    ecs.bad[rules(10)[0]] = error

    outcome = dict(SecurityGroup(ecs, GROUP).authorize_all(rules(10)))

    assert set(outcome.values()) == {error}
    assert ecs.calls == [("authorize", 10)]


def test_a_thousand_rules_are_ten_calls() -> None:
    """A hundred in each."""
    ecs = Refusing()

    outcome = list(SecurityGroup(ecs, GROUP).authorize_all(rules(1000)))

    assert ecs.calls == [("authorize", 100)] * 10
    assert len(outcome) == 1000


def test_no_call_begins_after_an_error() -> None:
    """Even if an earlier one is not answered yet."""
    let_go = threading.Event()
    begun: list[int] = []

    def deliver(part: Sequence[int]) -> Iterator[Outcome[int]]:
        begun.append(part[0])
        if part[0] == MAX_ENTRIES:
            yield part[0], GroupNotFoundError("Authorize", "-", "-")
            return
        assert let_go.wait(BOUND_S)
        yield from ((entry, None) for entry in part)

    outcomes = send_in_parallel(
        range(MAX_ENTRIES * 2 * MAX_ACTIVE_SET_CALLS), deliver, lambda _: True
    )
    assert next(outcomes)[0] == MAX_ENTRIES
    let_go.set()

    assert len(list(outcomes)) == MAX_ENTRIES * (MAX_ACTIVE_SET_CALLS - 1)
    assert len(begun) == MAX_ACTIVE_SET_CALLS


def test_after_the_first_error_the_rest_is_not_sent() -> None:
    """A set that fails has less to undo."""
    sent: list[list[int]] = []

    def send(part: Sequence[int]) -> None:
        sent.append(list(part))
        raise GroupNotFoundError("Authorize", "-", "-")

    assert next(send_splitting([1, 2], send, lambda _: Shown()))[0] == 1
    assert sent == [[1, 2]]


def test_an_entry_without_an_outcome_is_an_error() -> None:
    """It would wait for ever."""

    def deliver(_part: Sequence[int]) -> Iterator[Outcome[int]]:
        return iter(())

    with ThreadPoolExecutor(1) as pool:
        sent = pool.submit(Batcher(deliver).send, 1)
        with pytest.raises(IngressError, match="without an outcome"):
            sent.result(timeout=BOUND_S)


@pytest.mark.parametrize(
    "error",
    [
        WrongAccountError("account 1 and account 2"),
        InvalidRuleError(Problem("port_range", "0 is not a port")),
        GroupNotFoundError("Describe", "Code", "no", "R-1", "sg-1"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_each_thread_gets_its_own_error_object(error: IngressError) -> None:
    """A traceback grows with each raise, and a thread may add to its error."""
    answer: Future[int] = Future()
    answer.set_exception(error)
    raised: list[IngressError] = []
    for _ in range(2):
        with pytest.raises(type(error)) as caught:
            its_answer(answer)
        raised.append(caught.value)

    assert raised[0] is not raised[1]
    assert error not in raised
    assert {str(each) for each in raised} == {str(error)}
    assert vars(raised[0]) == vars(error)
