"""
A process of the dynamic host, in this one: its threads, and what it remembers.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Generator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any, TypeVar

from pulumi.dynamic import Config, ConfigureRequest, ResourceProvider

from alicloud_ingress.host.process import Process, running_as

THREADS = 4
"""
Calls that a host serves at a time, unless a provider widens its pool.
"""
Properties = dict[str, Any]
T = TypeVar("T")
P = TypeVar("P", bound=ResourceProvider)


def impatient_process() -> Process:
    """A process that remembers nothing, in which no resource waits long for another."""
    return Process(patience_s=0.01)


class Host:
    """
    Serves calls on threads of its own, and configures each provider once.
    """

    def __init__(self, settings: Mapping[str, str], pool: ThreadPoolExecutor) -> None:
        self._settings = dict(settings)
        self._pool = pool
        self._configured: set[type[ResourceProvider]] = set()
        self._lock = threading.Lock()

    def serve(self, provider: ResourceProvider, call: Callable[[], T]) -> T:
        """Answer one call to a provider."""
        return self._pool.submit(self._served, provider, call).result()

    def _served(self, provider: ResourceProvider, call: Callable[[], T]) -> T:
        with self._lock:
            if type(provider) not in self._configured:
                self._configured.add(type(provider))
                provider.configure(ConfigureRequest(Config(self._settings, "test")))
        return call()


@contextmanager
def started(settings: Mapping[str, str]) -> Generator[Host]:
    """A host for one operation of the engine."""
    with ThreadPoolExecutor(THREADS) as pool, running_as(impatient_process()):
        yield Host(settings, pool)


@contextmanager
def new_process(settings: Mapping[str, str], provider: P) -> Generator[P]:
    """A provider in a process that remembers nothing, for calls without an engine."""
    with running_as(impatient_process()):
        provider.configure(ConfigureRequest(Config(dict(settings), "test")))
        yield provider


def over_the_wire(properties: Mapping[str, Any]) -> Properties:
    """Properties as they arrive: numbers are floats, and what is None is left out."""
    return {
        name: _sent(value) for name, value in properties.items() if value is not None
    }


def _sent(value: Any) -> Any:
    if isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if isinstance(value, list):
        return [_sent(each) for each in value]  # pyright: ignore[reportUnknownVariableType]
    if isinstance(value, dict):
        return {name: _sent(each) for name, each in value.items()}  # pyright: ignore[reportUnknownVariableType]
    return value
