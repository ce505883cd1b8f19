"""
Many entries, few calls: what several threads want sent leaves together.

What comes while no call is under way leaves alone and at once; what comes while one
is gathers for a moment. Several calls are under way at a time, since a batch that
waited for the one before would take two round trips. The work is done by the threads
that ask, so that nothing is left running behind them.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Hashable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from itertools import islice
from typing import Generic, TypeVar

from alicloud_ingress.ecs.reactions import is_of_one_entry
from alicloud_ingress.ecs.sharing import shared
from alicloud_ingress.errors import EcsError, IngressError

MAX_ENTRIES = 100
"""
Rules or IDs in one call of ECS; groups or prefix lists in one page.
"""
MAX_UNDER_WAY = 8
"""
Calls of one kind for one group at a time: beyond them, what comes gathers until one
is answered, so that a burst stays far below the rate that ECS allows.
"""
GATHER_S = 0.015
"""
Seconds that an entry waits for company while another call is under way: the engine
hands the rules of one round over in about that time. A lone entry does not wait.
"""

BATCHES_AT_ONCE = 4
"""
Calls of one set of rules at a time; all of them are full.
"""

Entry = TypeVar("Entry", bound=Hashable)
Outcome = tuple[Entry, EcsError | None]


def delivered(
    entries: Sequence[Entry],
    send: Callable[[Sequence[Entry]], None],
    sift: Callable[[Sequence[Entry], EcsError], dict[Entry, EcsError | None]],
) -> Iterator[Outcome[Entry]]:
    """
    Send all in one call; where it is refused for one entry, find that one.

    Args:
        entries: of one call, no two of them equal.
        send: makes the call.
        sift: looks, after a refusal, which entries have their outcome all the
            same: no page of ECS says that a refused call did nothing.

    Yields:
        each entry with its own error, or None, as soon as it is known.
    """
    try:
        send(entries)
    except EcsError as error:
        if len(entries) == 1 or not is_of_one_entry(error):
            yield from ((entry, error) for entry in entries)
            return
        settled = sift(entries, error)
    else:
        yield from ((entry, None) for entry in entries)
        return
    yield from settled.items()
    left = [entry for entry in entries if entry not in settled]
    middle = len(left) if settled else len(left) // 2
    for part in (left[:middle], left[middle:]):
        if part:
            yield from delivered(part, send, sift)


def delivered_side_by_side(
    entries: Sequence[Entry],
    deliver: Callable[[Sequence[Entry]], Iterator[Outcome[Entry]]],
    ends_all: Callable[[EcsError], bool],
) -> Iterator[Outcome[Entry]]:
    """
    Send any number of entries, in several calls at a time.

    Whoever iterates goes on to the end, so that no call is left under way.

    Args:
        entries: no two of them equal.
        deliver: sends entries, at most `MAX_ENTRIES`, and tells each one's outcome.
        ends_all: whether no further call is to begin after such an error; those that
            are under way are waited for.

    Yields:
        each entry that was sent with its own error, or None.
    """
    starts = iter(range(0, len(entries), MAX_ENTRIES))
    under_way: set[Future[list[Outcome[Entry]]]] = set()

    def begin(start: int) -> None:
        part = entries[start : start + MAX_ENTRIES]
        under_way.add(pool.submit(lambda: list(deliver(part))))

    with ThreadPoolExecutor(BATCHES_AT_ONCE) as pool:
        for start in islice(starts, BATCHES_AT_ONCE):
            begin(start)
        while under_way:
            done, _ = wait(under_way, return_when=FIRST_COMPLETED)
            under_way -= done
            outcomes = [outcome for call in done for outcome in call.result()]
            if any(error is not None and ends_all(error) for _, error in outcomes):
                starts = iter(())
            for start in islice(starts, len(done)):
                begin(start)
            yield from outcomes


def wait_until(
    changed: threading.Condition, wait_s: Callable[[], float | None]
) -> None:
    """
    Wait until no more is to be waited for; the condition is held.

    Args:
        changed: notified of each change.
        wait_s: seconds that are left; None where only a change ends the wait.
    """
    while (left := wait_s()) is None or left > 0:
        changed.wait(left)


class _NoOutcomeError(IngressError):
    """
    A call ended and left an entry without an outcome.
    """

    def __init__(self) -> None:
        super().__init__(
            "the call ended without an outcome for this rule, which is a fault of"
            " alicloud-ingress; run `pulumi refresh` to see what exists"
        )


class Batcher(Generic[Entry]):
    """
    The calls of one kind for one group.

    Args:
        deliver: sends entries, at most `MAX_ENTRIES`, and tells each one's outcome.
    """

    def __init__(
        self, deliver: Callable[[Sequence[Entry]], Iterator[Outcome[Entry]]]
    ) -> None:
        self._deliver = deliver
        self._changed = threading.Condition()
        self._gathered: dict[Entry, Future[None]] = {}
        self._under_way = 0
        self._first_came = 0.0

    def send(self, entry: Entry) -> None:
        """
        Send the entry, alone or with others, and wait for its own outcome.

        Equal entries that gather at the same time are one.
        """
        with self._changed:
            if not self._gathered:
                self._first_came = time.monotonic()
            outcome = self._gathered.setdefault(entry, Future())
        while batch := self._batch_to_lead(entry, outcome):
            self._lead(batch)
        shared(outcome)

    def _batch_to_lead(
        self, entry: Entry, outcome: Future[None]
    ) -> dict[Entry, Future[None]]:
        """
        Wait until the entry has its outcome, or it is this thread's turn to send.

        Returns:
            what has gathered, without the entry itself where that is too much for
            one call; nothing once there is an outcome.
        """
        with self._changed:
            wait_until(self._changed, lambda: self._wait_s(entry, outcome))
            if outcome.done():
                return {}
            batch = dict(list(self._gathered.items())[:MAX_ENTRIES])
            for taken in batch:
                del self._gathered[taken]
            self._under_way += 1
            return batch

    def _wait_s(self, entry: Entry, outcome: Future[None]) -> float | None:
        """
        Seconds until the entry may leave, or has its outcome; None if unknown.
        """
        if outcome.done():
            return 0.0
        if self._gathered.get(entry) is not outcome:
            return None
        if not self._under_way:
            return 0.0
        if self._under_way >= MAX_UNDER_WAY:
            return None
        return self._first_came + GATHER_S - time.monotonic()

    def _lead(self, batch: dict[Entry, Future[None]]) -> None:
        try:
            for entry, error in self._deliver(list(batch)):
                if error is None:
                    batch[entry].set_result(None)
                else:
                    batch[entry].set_exception(error)
            raise _NoOutcomeError  # noqa: TRY301  to those that are left, if any
        except BaseException as error:
            for outcome in batch.values():
                if not outcome.done():
                    outcome.set_exception(error)
            if not isinstance(error, Exception):
                raise
        finally:
            with self._changed:
                self._under_way -= 1
                self._changed.notify_all()
