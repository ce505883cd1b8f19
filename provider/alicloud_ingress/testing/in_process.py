"""
The front for code of the same process: `responses` in place of the network.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager

import responses
from requests import PreparedRequest

from alicloud_ingress.testing.fake import FakeEcs

_HOSTS = re.compile(r"https?://(ecs|sts)[\w.-]*\.aliyuncs\.com/.*")


@contextmanager
def mock_ecs() -> Iterator[FakeEcs]:
    """
    Answer all calls to ECS and STS of this process from a new fake.
    """
    fake = FakeEcs()

    def answer(request: PreparedRequest) -> tuple[int, dict[str, str], str]:
        body = request.body or ""
        text = body.decode() if isinstance(body, bytes) else str(body)
        return fake.handle(str(request.url), dict(request.headers), text)

    with responses.RequestsMock(assert_all_requests_are_fired=False) as mock:
        for method in (responses.GET, responses.POST):
            mock.add_callback(method, _HOSTS, callback=answer)
        yield fake
