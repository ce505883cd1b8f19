"""
More rules at a time than the four that the dynamic host works on.

The host has no setting for it. Its workers spend their time waiting for ECS, so
that with four of them the engine's own `--parallel` means nothing.
"""

from __future__ import annotations

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
    return True
