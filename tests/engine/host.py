"""
The process of the dynamic host, in this one: its threads and its memory.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Generator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any, TypeVar

import grpc
from pulumi.dynamic import Config, ConfigureRequest, ResourceProvider
from pulumi.runtime import rpc
from pulumi.runtime.proto import provider_pb2, status_pb2

from alicloud_ingress.engine.runtime import Process, running_as

THREADS = 4
"""Calls that a host serves at a time, unless a provider widens its pool."""
Properties = dict[str, Any]
T = TypeVar("T")
P = TypeVar("P", bound=ResourceProvider)


def impatient_process() -> Process:
    """A new process in which no resource waits long for another."""
    return Process(claim_timeout_s=0.01)


class UnfinishedError(Exception):
    """A create or update that has failed, with what it has made of the resource."""

    def __init__(self, told: Exception, identity: str, outputs: Properties) -> None:
        super().__init__(str(told))
        self.told = told
        self.id = identity
        self.outputs = outputs


class Answer:
    """
    What a call is answered by, where a provider says more than that it failed.

    It looks for it among its callers, as it does in the process of the host.
    """

    def __init__(self) -> None:
        self._metadata: Sequence[tuple[str, bytes]] = ()

    def set_trailing_metadata(self, trailing_metadata: Any) -> None:
        """Keep the metadata of a failure."""
        self._metadata = trailing_metadata

    def unfinished(self, told: Exception) -> UnfinishedError | None:
        """What a call has done in part; None where it has done nothing."""
        status = status_pb2.Status()
        for _, value in self._metadata:
            status.ParseFromString(value)
        if not status.details:
            return None
        found = provider_pb2.ErrorResourceInitFailed()
        status.details[0].Unpack(found)
        outputs = rpc.deserialize_properties(found.properties)
        own = {n: v for n, v in outputs.items() if not n.startswith("__")}
        return UnfinishedError(told, found.id, own)


grpc.ServicerContext.register(Answer)


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
        context = Answer()
        with self._lock:
            if type(provider) not in self._configured:
                self._configured.add(type(provider))
                provider.configure(ConfigureRequest(Config(self._settings, "test")))
        try:
            return call()
        except Exception as error:
            unfinished = context.unfinished(error)
            if unfinished is None:
                raise
            raise unfinished from None


@contextmanager
def started(settings: Mapping[str, str]) -> Generator[Host]:
    """A host for one operation of the engine."""
    with ThreadPoolExecutor(THREADS) as pool, running_as(impatient_process()):
        yield Host(settings, pool)


@contextmanager
def new_process(settings: Mapping[str, str], provider: P) -> Generator[P]:
    """A provider in a new process, for calls without an engine."""
    with running_as(impatient_process()):
        provider.configure(ConfigureRequest(Config(dict(settings), "test")))
        yield provider


def over_the_wire(properties: Mapping[str, Any]) -> Properties:
    """Properties as they arrive: numbers are floats, and None is left out."""
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
