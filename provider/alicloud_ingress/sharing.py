"""
One answer for several threads.
"""

from __future__ import annotations

import copy
from concurrent.futures import Future
from typing import TypeVar

from alicloud_ingress.errors import EcsError

Answer = TypeVar("Answer")


def shared(answer: Future[Answer]) -> Answer:
    """
    Wait for the answer; each thread gets an error of ECS of its own to raise.
    """
    try:
        return answer.result()
    except EcsError as error:
        raise copy.copy(error) from None
