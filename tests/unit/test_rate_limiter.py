"""
A call rate that threads share.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from alicloud_ingress.cleanup.parallel import RateLimiter


@dataclass
class Clock:
    """Time that passes by sleeping only."""

    now_s: float = 100.0
    slept: list[float] = field(default_factory=list[float])

    def time(self) -> float:
        """Seconds."""
        return self.now_s

    def sleep(self, seconds: float) -> None:
        """Let time pass."""
        self.slept.append(round(seconds, 6))
        self.now_s += seconds


def test_calls_are_sent_at_the_rate() -> None:
    """The first at once, each other one an interval later."""
    clock = Clock()
    pace = RateLimiter(4, clock.time, clock.sleep)

    for _ in range(9):
        pace.wait()

    assert round(clock.now_s, 6) == 102.0


def test_a_pause_allows_no_later_burst() -> None:
    """Not even after a minute without a call."""
    clock = Clock()
    pace = RateLimiter(4, clock.time, clock.sleep)
    pace.wait()
    clock.now_s += 60

    pace.wait()
    pace.wait()

    assert clock.slept == [0.25]
