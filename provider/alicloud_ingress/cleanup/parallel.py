"""
Many calls at a time, within a limit of calls per second.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, wait
from typing import TypeVar

CALLS_PER_S = 50.0
"""
Maximum calls per second. It leaves room for other callers of the account.
"""
MAX_PARALLEL = 16
INTERRUPTED_WITHIN_S = 1.0
"""
How long an interrupted caller waits for calls that are being sent.
"""

_Given = TypeVar("_Given")
_Made = TypeVar("_Made")


class RateLimiter:
    """
    Gives each call its own time slot, in the order of the calls to `wait`. Unused slots
    are not saved up.

    Args:
        per_second: calls per second.
        clock: monotonic time in seconds.
        sleep: waits for this many seconds.
    """

    def __init__(
        self,
        per_second: float,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], object] = time.sleep,
    ) -> None:
        self._interval_s = 1 / per_second
        self._clock = clock
        self._sleep = sleep
        self._lock = threading.Lock()
        self._next_s = clock()

    def wait(self) -> None:
        """
        Wait until this call may be sent.
        """
        with self._lock:
            now = self._clock()
            slot = max(self._next_s, now)
            self._next_s = slot + self._interval_s
        if slot > now:
            self._sleep(slot - now)


def in_parallel(
    work: Callable[[_Given], _Made],
    given: Iterable[_Given],
) -> Iterator[_Made]:
    """
    Apply *work* to each item in parallel, and yield the results in order.

    Items are taken from *given* only as earlier ones are finished. If the caller is
    interrupted, it hardly waits for calls that have no answer yet: the threads end with
    the process. So *work* must only read.
    """
    waiting: deque[Future[_Made]] = deque()
    free = threading.Semaphore(MAX_PARALLEL)

    def run(result: Future[_Made], each: _Given) -> None:
        with free:
            if not result.set_running_or_notify_cancel():
                return
            try:
                result.set_result(work(each))
            except BaseException as error:  # noqa: BLE001 - raised in the caller
                result.set_exception(error)

    try:
        for each in given:
            waiting.append(Future())
            threading.Thread(target=run, args=(waiting[-1], each), daemon=True).start()
            if len(waiting) >= 2 * MAX_PARALLEL:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:
        for result in waiting:
            result.cancel()
        wait(waiting, INTERRUPTED_WITHIN_S)
