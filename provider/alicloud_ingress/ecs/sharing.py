"""
One answer for several threads.
"""

from __future__ import annotations

from concurrent.futures import Future
from typing import TypeVar

from alicloud_ingress.errors import IngressError, copied

Answer = TypeVar("Answer")


def shared(answer: Future[Answer]) -> Answer:
    """
    Wait for the answer; each thread gets an error of its own to raise.
    """
    try:
        return answer.result()
    except IngressError as error:
        raise copied(error) from None
