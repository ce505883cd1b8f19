"""
Shared reads: one Describe for all threads that need it at the same time.

A read before a write may be cached. A read that verifies a write must be fresh. Both
use the same calls: few are active at a time, and a thread that comes too late for them
shares the next one.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Generator
from concurrent.futures import Future
from contextlib import contextmanager

from alicloud_ingress.ecs.batching import BATCH_WINDOW_S, MAX_ACTIVE_CALLS, wait_until
from alicloud_ingress.ecs.sharing import shared
from alicloud_ingress.rules.live import LiveGroup

MAX_AGE_S = 10.0
"""
How old a cached answer may be.
"""
MAX_AGE_BESIDE_WRITES_S = 1.0
"""
How old a cached answer may be that does not show writes since. While many rules are
created, reads that verify them come more often than that.
"""


class _PendingRead:
    """
    A Describe that is planned, active or done.
    """

    __slots__ = ("answer", "began", "planned", "writes_before")

    def __init__(self, planned: float) -> None:
        self.answer: Future[LiveGroup] = Future()
        self.planned = planned
        self.began = 0.0
        self.writes_before = 0


class WriteCounter:
    """
    The writes of one process to one group; threads may share it.

    A read that began before a write ended is out of date, also if the write failed.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._ended = 0
        self._active = 0

    @contextmanager
    def writing(self) -> Generator[None, None, None]:
        """
        Count the block as a write.
        """
        with self._lock:
            self._active += 1
        try:
            yield
        finally:
            with self._lock:
                self._active -= 1
                self._ended += 1

    @property
    def ended(self) -> int:
        """
        How many writes have ended.
        """
        with self._lock:
            return self._ended

    @property
    def are_active(self) -> bool:
        """
        Whether a write has begun and not ended.
        """
        with self._lock:
            return self._active > 0


class SharedReads:
    """
    The reads of a group: many threads share few calls.

    Args:
        describe: reads all rules of the group.
        writes: to the group. After a write, an older answer is out of date.
        now: seconds of a monotonic clock.
    """

    def __init__(
        self,
        describe: Callable[[], LiveGroup],
        writes: WriteCounter,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._describe = describe
        self._now = now
        self._changed = threading.Condition()
        self._writes = writes
        self._active: list[_PendingRead] = []
        self._next: _PendingRead | None = None
        self._kept: _PendingRead | None = None
        self._newest: _PendingRead | None = None

    def cached(self) -> LiveGroup:
        """
        An answer that may lack the last writes, if other threads are active.

        Then it is at most `MAX_AGE_BESIDE_WRITES_S` old. Otherwise, as `after_writes`.
        """
        busy = self._writes.are_active
        with self._changed:
            busy = busy or bool(self._active)
            newest = self._newest if busy else None
        if newest and self._now() - newest.began <= MAX_AGE_BESIDE_WRITES_S:
            return newest.answer.result()
        return self.after_writes()

    def after_writes(self) -> LiveGroup:
        """
        An answer at most `MAX_AGE_S` old, and read after the last write.
        """
        writes = self._writes.ended
        with self._changed:
            kept = self._kept
            if (
                kept
                and kept.writes_before == writes
                and self._now() - kept.began <= MAX_AGE_S
            ):
                return kept.answer.result()
            pending = next(
                (r for r in self._active if r.writes_before == self._writes.ended),
                None,
            )
            if pending:
                self._changed.wait_for(pending.answer.done)
        pending = pending or self._next_read()
        answer = shared(pending.answer)
        with self._changed:
            self._kept = pending
        return answer

    def fresh(self) -> LiveGroup:
        """
        An answer to a Describe that begins after this call.
        """
        return shared(self._next_read().answer)

    def _next_read(self) -> _PendingRead:
        """
        Wait for the next read to begin and end, or make it.
        """
        with self._changed:
            self._next = pending = self._next or _PendingRead(time.monotonic())
            wait_until(self._changed, lambda: self._remaining_s(pending))
            leads = not pending.answer.done() and pending is self._next
            if leads:
                self._next = None
                self._active.append(pending)
                pending.began, pending.writes_before = self._now(), self._writes.ended
            else:
                self._changed.wait_for(pending.answer.done)
        if leads:
            self._run(pending)
        return pending

    def _remaining_s(self, pending: _PendingRead) -> float | None:
        """
        Seconds until this read may begin; 0 if it has begun; None if unknown.
        """
        if pending is not self._next or not self._active:
            return 0.0
        if len(self._active) >= MAX_ACTIVE_CALLS:
            return None
        return pending.planned + BATCH_WINDOW_S - time.monotonic()

    def _run(self, pending: _PendingRead) -> None:
        try:
            pending.answer.set_result(self._describe())
        except BaseException as error:
            pending.answer.set_exception(error)
            if not isinstance(error, Exception):
                raise
        finally:
            with self._changed:
                self._active.remove(pending)
                if not pending.answer.exception():
                    self._newest = pending
                self._changed.notify_all()
