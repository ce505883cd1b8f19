"""
One Describe for all who ask at the same time.

A look before a write may be a moment old; a look that proves a write may not.
Both are flights of one kind: few are under way at a time, and whoever comes too
late for them shares the next.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Generator
from concurrent.futures import Future
from contextlib import contextmanager

from alicloud_ingress.ecs.batching import GATHER_S, MAX_UNDER_WAY, wait_until
from alicloud_ingress.ecs.sharing import shared
from alicloud_ingress.rules.live import LiveGroup

FRESH_S = 10.0
"""
Seconds for which an answer serves those who do not have to prove anything.
"""
BUSY_S = 1.0
"""
Seconds for which an answer serves those to whom own writes do not matter. Where many
rules are made at a time, one that proves another comes more often than that.
"""


class _PendingRead:
    """
    One Describe that is to come or under way, and who waits for it.
    """

    __slots__ = ("answer", "asked", "began", "writes_before")

    def __init__(self, asked: float) -> None:
        self.answer: Future[LiveGroup] = Future()
        self.asked = asked
        self.began = 0.0
        self.writes_before = 0


class Writes:
    """
    The writes of one process to one group; safe to use from several threads.

    Whatever comes of a write, what was read before it ended is out of date.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._ended = 0
        self._under_way = 0

    @contextmanager
    def writing(self) -> Generator[None, None, None]:
        """
        A write, from its beginning to its end.
        """
        with self._lock:
            self._under_way += 1
        try:
            yield
        finally:
            with self._lock:
                self._under_way -= 1
                self._ended += 1

    @property
    def ended(self) -> int:
        """
        How many writes have ended.
        """
        with self._lock:
            return self._ended

    @property
    def are_under_way(self) -> bool:
        """
        Whether a write has begun and not ended.
        """
        with self._lock:
            return self._under_way > 0


class SharedReads:
    """
    What a group holds, asked by many threads and read by few calls.

    Args:
        describe: reads all rules of the group.
        writes: after which an answer is out of date.
        now: seconds of a clock that never goes back.
    """

    def __init__(
        self,
        describe: Callable[[], LiveGroup],
        writes: Writes,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._describe = describe
        self._now = now
        self._changed = threading.Condition()
        self._writes = writes
        self._under_way: list[_PendingRead] = []
        self._next: _PendingRead | None = None
        self._kept: _PendingRead | None = None
        self._newest: _PendingRead | None = None

    def cached(self) -> LiveGroup:
        """
        Where others are at work, the newest answer, if it is at most `BUSY_S` old,
        whatever they have written since; else as `recent`.
        """
        busy = self._writes.are_under_way
        with self._changed:
            busy = busy or bool(self._under_way)
            newest = self._newest if busy else None
        if newest and self._now() - newest.began <= BUSY_S:
            return newest.answer.result()
        return self.recent()

    def recent(self) -> LiveGroup:
        """
        An answer at most `FRESH_S` old, and read after the last write.
        """
        writes = self._writes.ended
        with self._changed:
            kept = self._kept
            if (
                kept
                and kept.writes_before == writes
                and self._now() - kept.began <= FRESH_S
            ):
                return kept.answer.result()
            pending = next(
                (f for f in self._under_way if f.writes_before == self._writes.ended),
                None,
            )
            if pending:
                self._changed.wait_for(pending.answer.done)
        pending = pending or self._next_to_begin()
        answer = shared(pending.answer)
        with self._changed:
            self._kept = pending
        return answer

    def proven(self) -> LiveGroup:
        """
        An answer that was asked for after this call began.
        """
        return shared(self._next_to_begin().answer)

    def _next_to_begin(self) -> _PendingRead:
        """
        Wait for a pending that begins from now on, or be the one that makes it.
        """
        with self._changed:
            self._next = pending = self._next or _PendingRead(time.monotonic())
            wait_until(self._changed, lambda: self._wait_s(pending))
            leads = not pending.answer.done() and pending is self._next
            if leads:
                self._next = None
                self._under_way.append(pending)
                pending.began, pending.writes_before = self._now(), self._writes.ended
            else:
                self._changed.wait_for(pending.answer.done)
        if leads:
            self._run(pending)
        return pending

    def _wait_s(self, pending: _PendingRead) -> float | None:
        """
        Seconds until this pending may begin, or has; None if nobody can tell.
        """
        if pending is not self._next or not self._under_way:
            return 0.0
        if len(self._under_way) >= MAX_UNDER_WAY:
            return None
        return pending.asked + GATHER_S - time.monotonic()

    def _run(self, pending: _PendingRead) -> None:
        try:
            pending.answer.set_result(self._describe())
        except BaseException as error:
            pending.answer.set_exception(error)
            if not isinstance(error, Exception):
                raise
        finally:
            with self._changed:
                self._under_way.remove(pending)
                if not pending.answer.exception():
                    self._newest = pending
                self._changed.notify_all()
