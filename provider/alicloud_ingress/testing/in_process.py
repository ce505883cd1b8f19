"""
The fake for code in the same process: `responses` replaces the network.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Generator
from contextlib import contextmanager
from datetime import datetime

import requests
import responses

from alicloud_ingress.testing.behaviour import Behaviour
from alicloud_ingress.testing.errors import ConnectionDroppedError
from alicloud_ingress.testing.fake import FakeEcs
from alicloud_ingress.testing.world import system_time

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
