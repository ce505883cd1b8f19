"""
The pool of the host is widened where it is found, and unchanged elsewhere.
"""

from __future__ import annotations

import threading
import weakref
from concurrent.futures import ThreadPoolExecutor

import pytest

from alicloud_ingress.engine.thread_pool import widen_own_pool

BOUND_S = 10.0


def test_a_worker_widens_the_pool_it_works_for() -> None:
    """Eight tasks that wait for one another run in a pool made for two."""
    barrier = threading.Barrier(8)
    with ThreadPoolExecutor(2) as pool:
        assert pool.submit(widen_own_pool, 8).result()
        tasks = [pool.submit(barrier.wait, BOUND_S) for _ in range(8)]

        assert sorted(task.result() for task in tasks) == list(range(8))


def test_a_wide_pool_is_not_made_narrower() -> None:
    """Someone else may have widened it."""
    barrier = threading.Barrier(8)
    with ThreadPoolExecutor(8) as pool:
        assert pool.submit(widen_own_pool, 2).result()
        for task in [pool.submit(barrier.wait, BOUND_S) for _ in range(8)]:
            task.result()


class Thing:
    """An object that is not a pool."""


@pytest.mark.parametrize(
    "arguments",
    [(), ("text",), (weakref.ref(Thing),), (weakref.ref(Thing()),), None],
    ids=["none", "text", "no pool", "gone", "no tuple"],
)
def test_an_unknown_kind_of_thread_is_not_changed(arguments: object) -> None:
    """A later Python may keep the pool elsewhere."""
    seen: list[bool] = []

    class Worker(threading.Thread):
        def run(self) -> None:
            self._args = arguments
            seen.append(widen_own_pool())

    worker = Worker()
    worker.start()
    worker.join(BOUND_S)

    assert seen == [False]


def test_a_pool_of_unknown_structure_is_not_changed() -> None:
    """A later Python may use another name for the number."""
    with ThreadPoolExecutor(1) as pool:
        counted = vars(pool).pop("_max_workers")
        seen: list[bool] = []

        class Worker(threading.Thread):
            def run(self) -> None:
                self._args = (weakref.ref(pool),)
                seen.append(widen_own_pool())

        worker = Worker()
        worker.start()
        worker.join(BOUND_S)
        assert "_max_workers" not in vars(pool)
        vars(pool)["_max_workers"] = counted

    assert seen == [False]


def test_requests_queued_before_are_served_as_well() -> None:
    """Eight requests are queued when the first of them widens the pool for two."""
    barrier = threading.Barrier(8)
    queued = threading.Event()

    def widen_and_wait() -> int:
        queued.wait(BOUND_S)
        widen_own_pool(8)
        return barrier.wait(BOUND_S)

    with ThreadPoolExecutor(2) as pool:
        tasks = [pool.submit(widen_and_wait) for _ in range(8)]
        queued.set()

        assert sorted(task.result() for task in tasks) == list(range(8))
