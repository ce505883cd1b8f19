"""
More rules at a time than the four that the dynamic host works on.

The host has no setting for it. Its workers spend their time waiting for ECS, so
that with four of them the engine's own `--parallel` means nothing.
"""

from __future__ import annotations

import contextlib
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

WORKERS = 64


def widen_own_pool(workers: int = WORKERS) -> bool:
    """
    Let the pool that this thread works for have *workers* threads.

    A thread's pool is nowhere public. Where it is not found in the place that
    Python has had it in since 3.7, nothing is done, and all goes more slowly.

    Returns:
        whether the pool has that many now.
    """
    thread: Any = threading.current_thread()
    try:
        pool = thread._args[0]()  # noqa: SLF001  a weak reference to the pool
    except (AttributeError, IndexError, TypeError):
        return False
    if not isinstance(pool, ThreadPoolExecutor):
        return False
    most = getattr(pool, "_max_workers", None)
    if not isinstance(most, int):
        return False
    pool._max_workers = max(most, workers)  # noqa: SLF001  # pyright: ignore[reportPrivateUsage]
    _serve_what_waits(pool)
    return True


def _serve_what_waits(pool: Any) -> None:
    """
    Start a thread for each request that came before the pool was widened.

    The pool itself starts one only when another comes, and not even then while it
    counts the threads that have just finished as idle.
    """
    with contextlib.suppress(AttributeError, TypeError):
        for _ in range(pool._work_queue.qsize()):  # noqa: SLF001  as above
            pool._adjust_thread_count()  # noqa: SLF001
