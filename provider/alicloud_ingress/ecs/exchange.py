"""
What is known of one attempt to send a call, besides its response.

The transport records it: why no response came, and what error that is. The
SDK's credentials library runs in an attempt, too, and logs secrets. Both run in the
caller's thread, so a context variable passes data to them.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Generator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field

from alicloud_ingress.ecs.session_keys import Keys
from alicloud_ingress.errors import EcsError, NoAnswerError

_LOGGERS = ("darabonba-core", "alibabacloud-tea", "credentials")
"""
Loggers of the SDK. With DEBUG=sdk, the first two log signatures and tokens.
"""


@dataclass(slots=True)
class Exchange:
    """
    One attempt.

    Args:
        keys: that sign it; None for a call that is not signed.
        status: of HTTP; 0 before a response.
        failure: the error where no response comes: whether the request may have been
            sent.
        trouble: what failed, as text without any parameter.
        date: the header of that name in the response; "" without one.
        answered_s: when that came, by the monotonic clock.
        deadline: when reading ends, by the monotonic clock.
    """

    keys: Keys | None = field(default=None, repr=False)
    status: int = 0
    failure: type[EcsError] = NoAnswerError
    trouble: str = ""
    date: str = ""
    answered_s: float = 0.0
    deadline: float = math.inf


_CURRENT: ContextVar[Exchange | None] = ContextVar("exchange", default=None)


@contextmanager
def exchange() -> Generator[Exchange, None, None]:
    """
    Observe the attempt that the block makes.
    """
    token = _CURRENT.set(Exchange())
    try:
        yield current()
    finally:
        _CURRENT.reset(token)


def current() -> Exchange:
    """
    The current attempt; outside of `exchange`, a new one that is not observed.
    """
    return _CURRENT.get() or Exchange()


def silence_sdk() -> None:
    """
    Stop the SDK from logging what this package does, and nothing else.
    """
    for name in _LOGGERS:
        logger = logging.getLogger(name)
        if _not_ours not in logger.filters:
            logger.addFilter(_not_ours)


def _not_ours(_record: logging.LogRecord) -> bool:
    return _CURRENT.get() is None
