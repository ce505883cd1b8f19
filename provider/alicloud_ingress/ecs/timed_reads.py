"""
Connections whose responses end at the deadline of the attempt.

The timeout of a socket is for each part of a response. One that trickles in would hold
its thread as long as the server likes.
"""

from __future__ import annotations

import functools
import http.client
import io
import math
import socket
import time
from typing import TYPE_CHECKING, Any

from alicloud_ingress.ecs.exchange import current

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer


class _TimedParts(io.RawIOBase):
    """
    Reads part by part, and shortens the timeout of each to what is left.
    """

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._parts = connection.makefile("rb", buffering=0)
        self._longest_s = connection.gettimeout()

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: WriteableBuffer, /) -> int | None:
        left_s = current().deadline - time.monotonic()
        if left_s <= 0:
            raise TimeoutError
        if left_s < math.inf:
            self._connection.settimeout(min(left_s, self._longest_s or left_s))
        return self._parts.readinto(buffer)

    def close(self) -> None:
        self._parts.close()
        super().close()


class _Response(http.client.HTTPResponse):
    def __init__(self, sock: socket.socket, *args: Any, **options: Any) -> None:
        super().__init__(sock, *args, **options)
        self.fp.close()
        self.fp = io.BufferedReader(_TimedParts(sock))


@functools.cache
def timed(pool: Any) -> Any:
    """
    A class of pools like this one of urllib3, for TLS or a proxy, too.
    """
    if pool.ConnectionCls.response_class is _Response:
        return pool
    response = {"response_class": _Response}
    connection = type("TimedConnection", (pool.ConnectionCls,), response)
    return type("TimedPool", (pool,), {"ConnectionCls": connection})
