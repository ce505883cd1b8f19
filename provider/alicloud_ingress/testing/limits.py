"""
Throttling as by the gateway: a token bucket per action.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from alicloud_ingress.testing.errors import FakeError


@dataclass(frozen=True, slots=True, kw_only=True)
class RateLimit:
    """
    How often an action may be called.

    Args:
        action: the action that is limited.
        per_second: how many tokens are added per second.
        burst: how many tokens the bucket holds; it starts full.
        status: of the error; some real actions answer 429.
        code: of the error.
    """

    action: str
    per_second: float
    burst: int = 1
    status: int = 400
    code: str = "Throttling.User"


class TokenBucket:
    """
    The tokens of one limit. Each call takes one; without one, it is refused.
    """

    def __init__(self, limit: RateLimit, clock: Callable[[], float]) -> None:
        self._limit = limit
        self._clock = clock
        self._tokens = float(limit.burst)
        self._filled_at = clock()

    def take(self) -> None:
        """
        Take a token.

        Raises:
            FakeError: no token is left.
        """
        now = self._clock()
        added = (now - self._filled_at) * self._limit.per_second
        self._tokens = min(self._limit.burst, self._tokens + added)
        self._filled_at = now
        if self._tokens < 1:
            raise FakeError(
                self._limit.status,
                self._limit.code,
                "Request was denied due to user flow control.",
            )
        self._tokens -= 1
