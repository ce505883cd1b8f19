"""
Many entries, few calls: what several threads want sent leaves together.

There is no fixed wait: what comes while a call can leave at once leaves alone,
and what comes while enough calls are under way gathers for the next. The work is
done by the threads that ask, so that nothing is left running behind them.
"""

from __future__ import annotations

import copy
import threading
import time
from collections.abc import Callable, Hashable, Iterator, Sequence
from concurrent.futures import Future
from typing import Generic, TypeVar

from alicloud_ingress.errors import EcsError
from alicloud_ingress.reactions import is_of_one_entry

MOST_ENTRIES = 100
"""
Entries that ECS takes in one call.
"""
MOST_UNDER_WAY = 3
"""
Calls of one kind for one group at a time. With one the next batch waits for a
whole round trip; with very many, entries leave alone that could have gone together.
"""
GATHER_S = 0.003
"""
Seconds that an entry waits for company while another call is under way: those who
were answered together ask again together. A lone entry does not wait.
"""

Entry = TypeVar("Entry", bound=Hashable)
Outcome = tuple[Entry, EcsError | None]


def chunks(entries: Sequence[Entry]) -> Iterator[Sequence[Entry]]:
    """
    Part the entries of any number of calls.
    """
    for start in range(0, len(entries), MOST_ENTRIES):
        yield entries[start : start + MOST_ENTRIES]


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


class Lane(Generic[Entry]):
    """
    The calls of one kind for one group.

    Args:
        deliver: sends entries, at most `MOST_ENTRIES`, and tells each one's outcome.
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
        try:
            outcome.result()
        except EcsError as error:
            # Each thread raises an error of its own.
            raise copy.copy(error) from None

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
            batch = dict(list(self._gathered.items())[:MOST_ENTRIES])
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
        if self._under_way >= MOST_UNDER_WAY:
            return None
        return self._first_came + GATHER_S - time.monotonic()

    def _lead(self, batch: dict[Entry, Future[None]]) -> None:
        try:
            for entry, error in self._deliver(list(batch)):
                if error is None:
                    batch[entry].set_result(None)
                else:
                    batch[entry].set_exception(error)
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
