"""
A client and the server that it calls; retries wait for nothing.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import stamina

from alicloud_ingress.ecs.client import EcsClient
from functional.client.answers import connection
from functional.wire import Wire, wire


@pytest.fixture(autouse=True)
def no_waiting() -> Iterator[None]:
    """Retries follow at once, three attempts at most."""
    with stamina.set_testing(testing=True, attempts=3):
        yield


@pytest.fixture
def server() -> Iterator[Wire]:
    """The server, for one test."""
    with wire() as served:
        yield served


@pytest.fixture
def client(server: Wire) -> EcsClient:
    """A client that reaches it."""
    return EcsClient(connection(server))
