"""
Shared reads: one Describe for all threads that need it at the same time.

A read before a write may be cached. A read that verifies a write must have begun after
it. Both use the same calls: few are active at a time, and a thread that comes too late
for them shares the next one.
"""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable, Generator
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass, field

from alicloud_ingress.ecs.batching import BATCH_WINDOW_S, MAX_ACTIVE_CALLS, wait_until
from alicloud_ingress.ecs.sharing import shared
from alicloud_ingress.rules.live import LiveGroup

MAX_AGE_S = 10.0
"""
How old a cached answer may be.
"""
MAX_AGE_BEFORE_CREATE_S = 1.0
"""
How old a cached answer may be that does not show writes since. While rules are created,
reads that verify them come more often than that.
"""


@dataclass(slots=True, eq=False)
class _Describe:
    planned: float = math.inf
    answer: Future[LiveGroup] = field(default_factory=Future[LiveGroup])
    began: float = 0.0
    writes_before: int = 0


class WriteCounter:
    """
    The writes of one process to one group; threads may share it.

    A read that began before a write ended is out of date, also if the write failed.

    Attributes:
        ended: how many have ended.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.ended = 0

    @contextmanager
    def writing(self) -> Generator[None, None, None]:
        """
        Count the block as a write.
        """
        try:
            yield
        finally:
            with self._lock:
                self.ended += 1


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
        self._active: list[_Describe] = []
        self._next: _Describe | None = None
        self._kept: _Describe | None = None
        self._newest: _Describe | None = None

    def cached(self) -> LiveGroup:
        """
        An answer at most `MAX_AGE_BEFORE_CREATE_S` old, which may lack the last writes;
        without one, as `after_writes`.
        """
        with self._changed:
            newest = self._newest
        if newest and self._now() - newest.began <= MAX_AGE_BEFORE_CREATE_S:
            return newest.answer.result()
        return self.after_writes()

    def since(self, moment: float) -> LiveGroup:
        """
        An answer to a Describe that has begun after this moment.

        The threads whose writes ended in one call share it, whenever each of them asks.

        Args:
            moment: as `now` of these reads shows it.
        """
        return shared(self._read_since(moment, window_s=0.0).answer)

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
            read = next(
                (r for r in self._active if r.writes_before == self._writes.ended),
                None,
            )
            if read:
                self._changed.wait_for(read.answer.done)
        read = read or self._read_since(math.inf)
        answer = shared(read.answer)
        with self._changed:
            self._kept = read
        return answer

    def fresh(self) -> LiveGroup:
        """
        An answer to a Describe that begins after this call.
        """
        return shared(self._read_since(math.inf).answer)

    def _read_since(self, moment: float, window_s: float = BATCH_WINDOW_S) -> _Describe:
        """
        A read that has begun after this moment, or the next one.

        Args:
            moment: infinite for the next one.
            window_s: how long that may wait for other threads, while another is active.
        """
        with self._changed:
            begun = (read for read in (self._newest, *self._active) if read)
            if found := next((read for read in begun if read.began > moment), None):
                return found
            self._next = read = self._next or _Describe()
            read.planned = min(read.planned, time.monotonic() + window_s)
            wait_until(self._changed, lambda: self._remaining_s(read))
            leads = not read.answer.done() and read is self._next
            if leads:
                self._next = None
                self._active.append(read)
                read.began, read.writes_before = self._now(), self._writes.ended
            else:
                self._changed.wait_for(read.answer.done)
        if leads:
            self._run(read)
        return read

    def _remaining_s(self, read: _Describe) -> float | None:
        """
        Seconds until this read may begin; 0 if it has begun; None if unknown.
        """
        if read is not self._next or not self._active:
            return 0.0
        if len(self._active) >= MAX_ACTIVE_CALLS:
            return None
        return read.planned - time.monotonic()

    def _run(self, read: _Describe) -> None:
        try:
            read.answer.set_result(self._describe())
        except BaseException as error:
            read.answer.set_exception(error)
            if not isinstance(error, Exception):
                raise
        finally:
            with self._changed:
                self._active.remove(read)
                if not read.answer.exception():
                    self._newest = read
                    if self._kept and self._kept.writes_before == read.writes_before:
                        self._kept = read  # the older answer may have been late
                self._changed.notify_all()
