"""
Batches: the entries of several threads are sent in few calls.

If no call is active, an entry is sent alone and immediately. Otherwise it waits a
moment for others. Several calls are active at a time: a batch that waited for the one
before would take two round trips. The calling threads send the batches, so no thread is
left running afterwards.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Collection, Hashable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from itertools import islice
from typing import Generic, TypeVar

from alicloud_ingress.ecs.reactions import after_unknown, is_of_one_entry
from alicloud_ingress.ecs.sharing import shared
from alicloud_ingress.errors import IngressError

MAX_ENTRIES = 100
"""
How many rules or IDs one call of ECS takes, and groups or prefix lists one page.
"""
MAX_ACTIVE_CALLS = 8
"""
How many calls of one kind are active for one group. More entries wait until one of the
calls ends, so that a burst stays far below the rate limit of ECS.
"""
BATCH_WINDOW_S = 0.02
"""
How long an entry waits for others to join its batch while another call is active. The
engine sends the next rule within about that time.
"""

MAX_ACTIVE_SET_CALLS = 4
"""
How many calls are active for one set of rules. All but the last are full.
"""

Entry = TypeVar("Entry", bound=Hashable)
Outcome = tuple[Entry, Exception | None]
"""
An entry and its error, of whatever kind: one of several calls may fail by a fault of
this machine, and what the others did has to be known all the same.
"""


@dataclass(frozen=True, slots=True)
class Shown(Generic[Entry]):
    """
    What a read shows after a call was refused because of one entry.

    Args:
        done: entries that have their effect. The documentation of ECS does not say that
            a refused call has none.
        doubtful: entries that may have it. Each is sent in a call of its own, whose
            answer is about no other.
        is_read: False if the read failed. No later refusal shows then that the refused
            call had no effect.
    """

    done: Collection[Entry] = ()
    doubtful: Collection[Entry] = ()
    is_read: bool = True


def send_splitting(
    entries: Sequence[Entry],
    send: Callable[[Sequence[Entry]], None],
    look: Callable[[Sequence[Entry]], Shown[Entry]],
) -> Iterator[Outcome[Entry]]:
    """
    Send all entries in one call. If ECS refuses it because of one entry, find that one.

    Args:
        entries: of one call, without duplicates.
        send: makes the call.
        look: reads what a refused call has done.

    Yields:
        each entry with its own error or None, as soon as it is known.
    """
    try:
        send(entries)
    except Exception as error:  # noqa: BLE001 - it is the outcome of each entry
        if len(entries) == 1 or not is_of_one_entry(error):
            yield from ((entry, error) for entry in entries)
            return
        shown = look(entries)
    else:
        yield from ((entry, None) for entry in entries)
        return
    yield from ((entry, None) for entry in shown.done)
    left = [e for e in entries if e not in shown.done and e not in shown.doubtful]
    parts = [left]
    if len(left) == len(entries):  # the read has shown nothing: halve
        middle = len(left) // 2
        parts = [left[:middle], left[middle:]]
    for part in (*parts, *([e] for e in shown.doubtful)):
        for entry, found in send_splitting(part, send, look) if part else ():
            yield entry, found if shown.is_read else after_unknown(found)


def send_in_parallel(
    entries: Sequence[Entry],
    deliver: Callable[[Sequence[Entry]], Iterator[Outcome[Entry]]],
    ends_all: Callable[[Exception], bool],
) -> Iterator[Outcome[Entry]]:
    """
    Send any number of entries, in several calls at a time.

    Iterate to the end, so that no call is left active.

    Args:
        entries: without duplicates.
        deliver: sends at most `MAX_ENTRIES` entries and returns the outcome of each.
        ends_all: whether no further call may begin after an error. The active ones are
            waited for.

    Yields:
        each entry that was sent, with its own error or None.
    """
    starts = iter(range(0, len(entries), MAX_ENTRIES))
    active: set[Future[list[Outcome[Entry]]]] = set()

    def begin(start: int) -> None:
        part = entries[start : start + MAX_ENTRIES]
        active.add(pool.submit(lambda: list(deliver(part))))

    with ThreadPoolExecutor(MAX_ACTIVE_SET_CALLS) as pool:
        for start in islice(starts, MAX_ACTIVE_SET_CALLS):
            begin(start)
        while active:
            done, _ = wait(active, return_when=FIRST_COMPLETED)
            active -= done
            outcomes = [outcome for call in done for outcome in call.result()]
            if any(error is not None and ends_all(error) for _, error in outcomes):
                starts = iter(())
            for start in islice(starts, len(done)):
                begin(start)
            yield from outcomes


def wait_until(
    changed: threading.Condition, remaining_s: Callable[[], float | None]
) -> None:
    """
    Wait until no time remains. The caller holds the condition.

    Args:
        changed: notified of each change.
        remaining_s: seconds that remain; None if only a change ends the wait.
    """
    while (left := remaining_s()) is None or left > 0:
        changed.wait(left)


class _NoOutcomeError(IngressError):
    def __init__(self) -> None:
        super().__init__(
            "the call ended without an outcome for this rule, which is a bug of"
            " alicloud-ingress; run `pulumi refresh` to see which rules exist"
        )


class Batcher(Generic[Entry]):
    """
    The calls of one kind for one group.

    Args:
        deliver: sends at most `MAX_ENTRIES` entries and returns the outcome of each.
    """

    def __init__(
        self, deliver: Callable[[Sequence[Entry]], Iterator[Outcome[Entry]]]
    ) -> None:
        self.deliver = deliver
        self._changed = threading.Condition()
        self._waiting: dict[Entry, Future[None]] = {}
        self._active = 0
        self._first_came = 0.0

    def send(self, entry: Entry) -> None:
        """
        Send the entry, alone or with others, and wait for its own outcome.

        Equal entries that wait at the same time are sent once.
        """
        with self._changed:
            if not self._waiting:
                self._first_came = time.monotonic()
            outcome = self._waiting.setdefault(entry, Future())
        while batch := self._next_batch(entry, outcome):
            self._send(batch)
        shared(outcome)

    def _next_batch(
        self, entry: Entry, outcome: Future[None]
    ) -> dict[Entry, Future[None]]:
        """
        Wait until the entry has its outcome, or this thread may send a batch.

        Returns:
            the waiting entries, perhaps without this one if they are too many for one
            call; empty if the entry has its outcome.
        """
        with self._changed:
            wait_until(self._changed, lambda: self._remaining_s(entry, outcome))
            if outcome.done():
                return {}
            batch = dict(list(self._waiting.items())[:MAX_ENTRIES])
            for taken in batch:
                del self._waiting[taken]
            self._active += 1
            return batch

    def _remaining_s(self, entry: Entry, outcome: Future[None]) -> float | None:
        """
        Seconds until the entry may be sent, or has its outcome; None if unknown.
        """
        if outcome.done():
            return 0.0
        if self._waiting.get(entry) is not outcome:
            return None
        if not self._active:
            return 0.0
        if self._active >= MAX_ACTIVE_CALLS:
            return None
        return self._first_came + BATCH_WINDOW_S - time.monotonic()

    def _send(self, batch: dict[Entry, Future[None]]) -> None:
        why: BaseException = _NoOutcomeError()
        try:
            for entry, error in self.deliver(list(batch)):
                if error is None:
                    batch[entry].set_result(None)
                else:
                    batch[entry].set_exception(error)
        except BaseException as error:
            why = error
            if not isinstance(error, Exception):
                raise
        finally:
            for outcome in batch.values():
                if not outcome.done():
                    outcome.set_exception(why)
            with self._changed:
                self._active -= 1
                self._changed.notify_all()
