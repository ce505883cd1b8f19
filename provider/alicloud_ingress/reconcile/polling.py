"""
What is done again until it succeeds, and for how long.

Describe may lag behind Authorize, and an answer may not come: so what was made is
looked for until it shows, and what may not have been done is sent again, each time
after a look.
"""

from __future__ import annotations

import time
from datetime import timedelta

import stamina

from alicloud_ingress.errors import NoAnswerError
from alicloud_ingress.rules.live import LiveGroup, LiveRule

SHOWN_WITHIN_S = 30.0
"""
Seconds in which a new rule is expected to show. Describe has been seen to lag
behind Authorize; no page of ECS states how long.
"""


class NotShownError(Exception):
    """
    What was made does not show yet.
    """


class Moment:
    """
    When a create began, to tell its own rules from those that existed before.

    The read before an Authorize may be a few seconds old, and the Authorize of a rule
    that somebody made meanwhile succeeds, too. The clock of this machine may be wrong,
    so the moment is worked out by the clock of ECS.
    """

    def __init__(self) -> None:
        self._began = time.monotonic()

    def is_after(self, live: LiveRule, group: LiveGroup) -> bool:
        """
        Whether a rule existed before this moment.

        Args:
            live: the rule.
            group: as read just now.
        """
        if group.read_at is None:
            return False
        passed = timedelta(seconds=time.monotonic() - self._began)
        return live.existed_before(group.read_at - passed)


class StillShownError(Exception):
    """
    What was revoked still shows.
    """


def until_shown(timeout_s: float) -> stamina.BoundRetryingCaller:
    """
    Call what looks again while it raises `NotShownError`.

    Args:
        timeout_s: seconds for the whole operation.
    """
    return _reading(timeout_s).on(NotShownError)


def until_gone(timeout_s: float) -> stamina.BoundRetryingCaller:
    """
    Call what reads again while it raises `StillShownError`.

    Args:
        timeout_s: seconds for the whole operation.
    """
    return _reading(timeout_s).on(StillShownError)


def _reading(timeout_s: float) -> stamina.RetryingCaller:
    return stamina.RetryingCaller(
        attempts=None,
        timeout=min(SHOWN_WITHIN_S, timeout_s),
        wait_initial=0.1,
        wait_max=4.0,
        wait_jitter=0.1,
    )


def until_answered(timeout_s: float) -> stamina.BoundRetryingCaller:
    """
    Call what sends, and looks where no answer came, again while it raises
    `NoAnswerError`.

    Args:
        timeout_s: seconds for the whole operation.
    """
    return stamina.RetryingCaller(attempts=None, timeout=timeout_s, wait_max=10.0).on(
        NoAnswerError
    )
