"""
`FakeEcs`, the class that tests and scripts use, and `mock_ecs` for code in the same
process: `responses` replaces the network.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Generator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import requests
import responses

from alicloud_ingress.testing.backend import Backend
from alicloud_ingress.testing.behaviour import Behaviour
from alicloud_ingress.testing.errors import ConnectionDroppedError
from alicloud_ingress.testing.world import system_time

if TYPE_CHECKING:
    from alicloud_ingress.testing.tls import ServedUrl


class FakeEcs(Backend):
    """
    A fake of ECS.

    Any access key is accepted until `add_key` adds one. A key belongs to `ACCOUNT`
    unless `accounts` has it.

    Args:
        behaviour: how the fake behaves where the documentation is missing; the
            attribute may be replaced.
        latency_s: how long each call takes; parallel calls wait in parallel.
        clock: monotonic seconds, for rate limits.
        now: the date and time, with a time zone; by default those of the system.

    Attributes:
        calls: every call since the start, in the order of their answers.
        accounts: access key ID -> account ID.
        logins: login name of an account -> account ID.
        listeners: called with each call after it has been carried out, before it is
            answered.
    """

    @contextmanager
    def serve(
        self,
        host: str = "127.0.0.1",
        port: int = 0,
        *,
        admin: bool = False,
        cert: Path | None = None,
        key: Path | None = None,
    ) -> Generator[ServedUrl]:
        """
        Serve this fake until the context ends.

        The value is the URL of plain HTTP. The same port serves TLS: the attribute
        `https` is that URL, and `certificate` is the file with the certificate that
        clients have to trust.

        Args:
            host: the address to listen on; loopback by default.
            port: 0 for any free one.
            admin: whether to serve `/_fake/` too.
            cert: PEM file with a certificate; without one, one is made.
            key: PEM file with its private key.

        Raises:
            ValueError: only one of the files is set, or they do not match.
        """
        from alicloud_ingress.testing.server import serving
        from alicloud_ingress.testing.tls import Certificate

        certificate = Certificate(host, cert, key)
        with serving(self, certificate, host, port, admin=admin) as url:
            yield url


_HOSTS = re.compile(r"https?://(ecs|sts)[\w.-]*\.aliyuncs\.com(:\d+)?/.*")


@contextmanager
def mock_ecs(
    *,
    behaviour: Behaviour | None = None,
    now: Callable[[], datetime] = system_time,
) -> Generator[FakeEcs]:
    """
    Answer all calls of this process to ECS and STS with a new fake.

    Args:
        behaviour: how the fake behaves where the documentation is missing.
        now: the date and time, with a time zone; by default those of the system.
    """
    fake = FakeEcs(behaviour=behaviour, now=now)

    def answer(request: requests.PreparedRequest) -> tuple[int, dict[str, str], str]:
        body = request.body or ""
        text = body.decode(errors="replace") if isinstance(body, bytes) else str(body)
        headers = dict(request.headers)
        try:
            return fake.handle(str(request.url), headers, text, str(request.method))
        except ConnectionDroppedError:
            raise requests.ConnectionError("dropped by the fake") from None

    with responses.RequestsMock(assert_all_requests_are_fired=False) as mock:
        for method in (responses.GET, responses.POST):
            mock.add_callback(method, _HOSTS, answer, content_type=None)
        yield fake
