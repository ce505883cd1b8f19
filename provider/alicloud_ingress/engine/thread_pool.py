"""
Raises the number of calls that the dynamic host serves at the same time.

The host has four threads and no setting for it. The threads mostly wait for ECS, so
four of them make the engine's `--parallel` useless.
"""

from __future__ import annotations

import contextlib
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

WORKERS = 64


def widen_own_pool(workers: int = WORKERS) -> bool:
    """
    Allow this number of threads in the pool that runs the current thread.

    Python has no public way to find the pool of a thread. If it is not where Python has
    kept it since 3.7, nothing changes, and operations take longer.

    Returns:
        whether the pool was found and now allows at least this number.
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
    Start a thread for each request that is waiting already.

    The pool itself starts threads only when a request arrives, and none while it counts
    a thread as idle that has just finished.
    """
    with contextlib.suppress(AttributeError, TypeError):
        for _ in range(pool._work_queue.qsize()):  # noqa: SLF001  as above
            pool._adjust_thread_count()  # noqa: SLF001
