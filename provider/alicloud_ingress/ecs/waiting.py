"""
What this process waits for, so that the command line can report it.

A call that hangs or is retried looks like a program that hangs. Each operation that may
take long is registered here, and `Notices` reports it. The engine has its own display
and does not use this.
"""

from __future__ import annotations

import contextlib
import itertools
import threading
import time
from collections.abc import Callable, Generator
from dataclasses import dataclass, field

NOTABLE_S = 2.0
"""
From this many seconds on, a wait is reported.
"""
AGAIN_S = 15.0
"""
How many seconds pass between two notices of the same reason.
"""


@dataclass(slots=True)
class Wait:
    """
    One operation that the process waits for.

    Args:
        what: such as `DescribeSecurityGroups on cn-hangzhou`.
        at_most_s: seconds until the timeout.
        why: what delays it, such as the last error of a call; "" while not known.
    """

    what: str
    at_most_s: float
    why: str = ""
    since_s: float = field(default_factory=time.monotonic)


_present: dict[int, Wait] = {}
_numbers = itertools.count()


@contextlib.contextmanager
def waiting_for(what: str, at_most_s: float) -> Generator[Wait]:
    """
    Register a wait while the block runs. The block may set its reason.
    """
    number, wait = next(_numbers), Wait(what, at_most_s)
    _present[number] = wait
    try:
        yield wait
    finally:
        del _present[number]


class Notices:
    """
    Reports long waits, one line at a time.

    Args:
        say: prints a line.
        clock: seconds of a monotonic clock.
    """

    def __init__(
        self,
        say: Callable[[str], object],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._say = say
        self._clock = clock
        self._quiet_until_s = 0.0
        self._reported = ""
        self._ended = threading.Event()

    def report(self) -> None:
        """
        Report the oldest wait if it has lasted long enough.
        """
        now_s = self._clock()
        waits = sorted(_present.values(), key=lambda wait: wait.since_s)
        if not waits:
            return
        oldest = waits[0]
        lasted_s = now_s - oldest.since_s
        is_known = oldest.why in ("", self._reported)
        if lasted_s < NOTABLE_S or (is_known and now_s < self._quiet_until_s):
            return
        self._quiet_until_s, self._reported = now_s + AGAIN_S, oldest.why
        more = f", and {len(waits) - 1} more" if len(waits) > 1 else ""
        why = f": {oldest.why}" if oldest.why else ""
        self._say(
            f"waiting for {oldest.what}{more}{why} ({lasted_s:.0f} s of at most"
            f" {oldest.at_most_s:.0f} s)"
        )

    @contextlib.contextmanager
    def running(self) -> Generator[None]:
        """
        Report from a thread while the block runs.
        """
        thread = threading.Thread(target=self._watch, name="notices", daemon=True)
        thread.start()
        try:
            yield
        finally:
            self._ended.set()
            thread.join()

    def _watch(self) -> None:
        while not self._ended.wait(NOTABLE_S / 4):
            self.report()
