"""
One answer for several threads.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import Generic, TypeVar

from alicloud_ingress.errors import EcsError, IngressError, copied

Answer = TypeVar("Answer")


def shared(answer: Future[Answer]) -> Answer:
    """
    Wait for the answer. Each thread raises its own copy of an error.
    """
    try:
        return answer.result()
    except IngressError as error:
        raise copied(error) from None


class Once(Generic[Answer]):
    """
    An answer that is asked for once; threads may share it.

    All threads that wait at the same time share an error, too. The next thread asks
    again, unless the error is retryable: in that case all retries have failed already.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._answer: Future[Answer] | None = None

    def get(self, ask: Callable[[], Answer]) -> Answer:
        """
        The answer, which the first thread gets by *ask*.
        """
        with self._lock:
            known, answer = self._answer, self._answer or Future()
            self._answer = answer
        if known is None:
            self._ask(ask, answer)
        return shared(answer)

    def _ask(self, ask: Callable[[], Answer], answer: Future[Answer]) -> None:
        try:
            answer.set_result(ask())
        except BaseException as error:
            if not (isinstance(error, EcsError) and error.retryable):
                with self._lock:
                    self._answer = None
            answer.set_exception(error)
            if not isinstance(error, Exception):
                raise
