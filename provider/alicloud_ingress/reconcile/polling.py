"""
What is repeated until it succeeds, and for how long.

Describe may lag behind a write, so it is repeated until it shows the effect. A write
that got no answer is sent again, each time after a read.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta

import stamina

from alicloud_ingress.errors import NoAnswerError
from alicloud_ingress.rules.live import LiveGroup, LiveRule
from alicloud_ingress.times import span_of

SHOWN_WITHIN_S = 30.0
"""
Seconds within which a read is expected to show a write. Describe has been observed to
lag behind Authorize; the API reference does not say for how long.
"""

SHOWN_AGAIN_WITHIN_S = 5.0
"""
Seconds after which a read shows again what an earlier one has shown. A read may come
from a replica that lags behind the one before it.
"""


class _NotShownError(Exception):
    pass


@dataclass(frozen=True, slots=True)
class Moment:
    """
    When a create began, to distinguish its rules from those that existed before.

    The read before an Authorize may be a few seconds old, and the Authorize of a rule
    that somebody made meanwhile succeeds as well. The clock of this machine may be
    wrong, so the moment is computed from the clock of ECS.

    Args:
        seconds: of the monotonic clock of this machine; by default now.
    """

    seconds: float = field(default_factory=time.monotonic)

    def is_later_than(self, live: LiveRule, group: LiveGroup) -> bool:
        """
        Whether a rule existed before this moment.

        Args:
            live: the rule.
            group: that has the rule, whenever it was read.
        """
        if group.read_at is None:
            return False
        passed = timedelta(seconds=group.read_s - self.seconds)
        return live.existed_before(group.read_at - passed)


def may_show_later(written: str, group: LiveGroup) -> bool:
    """
    Whether a rule was perhaps created or changed so shortly before a read that the read
    does not show it.

    Args:
        written: when; "" if it is not known, as in the state of a set.
        group: as read.
    """
    span = span_of(written)
    if span is None or group.read_at is None:
        return True
    return group.read_at < span[1] + timedelta(seconds=SHOWN_WITHIN_S)


def read_until(
    is_shown: Callable[[], bool], timeout_s: float, within_s: float = SHOWN_WITHIN_S
) -> bool:
    """
    Read again until a read shows the effect of a write.

    Args:
        is_shown: reads, and returns whether that shows it.
        timeout_s: seconds for the whole operation.
        within_s: seconds after which a read is expected to show it.

    Returns:
        False if the time was over before.
    """

    def read() -> None:
        if not is_shown():
            raise _NotShownError

    again = stamina.RetryingCaller(
        attempts=None,
        timeout=min(within_s, timeout_s),
        wait_initial=0.1,
        wait_max=4.0,
        wait_jitter=0.1,
    ).on(_NotShownError)
    try:
        again(read)
    except _NotShownError:
        return False
    return True


def until_answered(timeout_s: float) -> stamina.BoundRetryingCaller:
    """
    Call what writes, and reads where no answer came, again while it raises
    `NoAnswerError`.

    Args:
        timeout_s: seconds for the whole operation.
    """
    return stamina.RetryingCaller(attempts=None, timeout=timeout_s, wait_max=10.0).on(
        NoAnswerError
    )
