"""
Retries of a call, and the pauses between them.

The SDK does not retry by default, and does not know which calls are safe to repeat.
"""

from __future__ import annotations

import logging
import random
import time
from collections.abc import Callable
from typing import TypeVar

import stamina

from alicloud_ingress.ecs.waiting import waiting_for
from alicloud_ingress.errors import EcsError, ThrottledError

MAX_WAIT_S = 20.0
NOTABLE_WAIT_S = 3.0
"""
From this many seconds on, the log says why a call waits.
"""
MAX_ADVISED_WAIT_S = 60.0
"""
The limit for a pause that ECS asks for: its quotas are per minute.
"""

_Result = TypeVar("_Result")
_log = logging.getLogger("alicloud_ingress")

# Without a handler, Python prints a warning of stamina for each retry.
logging.getLogger("stamina").addHandler(logging.NullHandler())


def retried(
    what: str,
    send: Callable[[float, int], _Result],
    timeout_s: float,
    not_retried: type[EcsError] | None = None,
) -> _Result:
    """
    Send a call until it succeeds, fails for good, or the time is over.

    Args:
        what: the call, for notices of a long wait.
        send: makes one attempt, given the remaining seconds and its number.
        timeout_s: seconds for all attempts and the pauses between them.
        not_retried: a class of errors after which the call ends.
    """
    deadline = time.monotonic() + timeout_s
    next_wait_s = 0.0

    def again(error: Exception) -> bool | float:
        if not isinstance(error, EcsError) or not error.retryable:
            return False
        if not_retried is not None and isinstance(error, not_retried):
            return False
        wait.why = f"{error.code}: {error.detail}"
        advised_s = error.retry_after_s if isinstance(error, ThrottledError) else 0.0
        wait_s = max(next_wait_s, min(advised_s, MAX_ADVISED_WAIT_S))
        if time.monotonic() + wait_s >= deadline:
            return False
        if wait_s >= NOTABLE_WAIT_S:
            message = "%s on %s: %s; retry in %.1f s"
            _log.info(message, error.action, error.place, error.code, wait_s)
        return True if wait_s == next_wait_s else wait_s + random.uniform(0, 1)  # noqa: S311 - no secret

    with waiting_for(what, timeout_s) as wait:
        for attempt in stamina.retry_context(
            on=again,
            attempts=None,
            timeout=timeout_s,
            wait_initial=0.2,
            wait_max=MAX_WAIT_S,
        ):
            next_wait_s = attempt.next_wait
            with attempt:
                return send(deadline - time.monotonic(), attempt.num)
    raise AssertionError("stamina either returns or raises")
