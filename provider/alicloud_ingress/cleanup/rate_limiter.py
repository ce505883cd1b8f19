"""
Limits the calls per second of several threads. Unused calls are not saved up.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable


class RateLimiter:
    """
    Gives each call its own time slot, in the order of the calls to `wait`.

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
