"""
One attempt to send a call, watched from both ends of the SDK.

The SDK loses what we need to know (the status of an answer that is not JSON, whether
the request left at all) and prints what nobody should see. It runs in the caller's
thread, so a context variable reaches past it.
"""

from __future__ import annotations

import logging
from collections.abc import Generator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field

from alicloud_ingress.ecs.session_keys import Keys

_TALKATIVE = ("darabonba-core", "alibabacloud-tea", "credentials")
"""
Loggers of the SDK: with DEBUG=sdk the first two print signatures and tokens.
"""


@dataclass(slots=True)
class Exchange:
    """
    What is known of one attempt beside what the SDK tells.

    Args:
        keys: that sign it; None for a call that is not signed.
        status: of HTTP; 0 while there is none.
        sent: False where the request surely never left.
        trouble: what went wrong, in words, without any parameter.
        date: the header of that name in the answer; "" without one.
    """

    keys: Keys | None = field(default=None, repr=False)
    status: int = 0
    sent: bool = True
    trouble: str = ""
    date: str = ""


_CURRENT: ContextVar[Exchange | None] = ContextVar("exchange", default=None)


@contextmanager
def exchange() -> Generator[Exchange, None, None]:
    """
    Watch the attempt that the block makes.
    """
    token = _CURRENT.set(Exchange())
    try:
        yield current()
    finally:
        _CURRENT.reset(token)


def current() -> Exchange:
    """
    The attempt that is being made; one that nobody watches, outside of any.
    """
    return _CURRENT.get() or Exchange()


def silence_sdk() -> None:
    """
    Keep the SDK from logging what we send; for others it logs on.
    """
    for name in _TALKATIVE:
        logger = logging.getLogger(name)
        if _not_ours not in logger.filters:
            logger.addFilter(_not_ours)


def _not_ours(_record: logging.LogRecord) -> bool:
    return _CURRENT.get() is None
