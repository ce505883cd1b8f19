"""
What this process is waiting for, so that the command line can say so.

A call that hangs or is retried looks like a program that hangs. Whatever may take
longer than a moment is listed here while it lasts; `Notices` reports what lasts too
long. The engine has a display of its own and reports nothing from here.
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
Seconds of waiting from which a person should know the reason.
"""
AGAIN_S = 15.0
"""
Seconds between two notices of one reason, however many calls are waited for.
"""


@dataclass(slots=True)
class Wait:
    """
    One thing that is waited for.

    Args:
        what: such as `DescribeSecurityGroups on cn-hangzhou`.
        why: what delays it, such as the last error of a call; "" while not known.
        at_most_s: seconds until it is given up.
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
    List a wait while the block runs; its reason may be set meanwhile.
    """
    number, wait = next(_numbers), Wait(what, at_most_s)
    _present[number] = wait
    try:
        yield wait
    finally:
        del _present[number]


class Notices:
    """
    Reports waits that last, one line now and then.

    Args:
        say: takes a line.
        clock: seconds that rise steadily.
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
