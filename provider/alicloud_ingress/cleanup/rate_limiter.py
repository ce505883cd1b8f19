"""
A call rate that threads share: so many calls a second, and none in advance.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable


class RateLimiter:
    """
    Gives each call a time of its own, in the order of asking.

    Args:
        per_second: calls a second.
        clock: seconds that rise steadily.
        sleep: waits so many seconds.
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
        Return when the next call may be made.
        """
        with self._lock:
            now = self._clock()
            mine = max(self._next_s, now)
            self._next_s = mine + self._interval_s
        if mine > now:
            self._sleep(mine - now)
