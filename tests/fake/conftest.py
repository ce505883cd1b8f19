"""
Both fronts of the fake; the served one over plain HTTP and over TLS.
"""

from __future__ import annotations

from collections.abc import Generator

import pytest
import requests

from alicloud_ingress.testing import FakeEcs, mock_ecs
from fake.front import Front


@pytest.fixture(params=["in process", "served", "served over TLS"])
def front(request: pytest.FixtureRequest) -> Generator[Front]:
    """Each test runs over both fronts."""
    with requests.Session() as session:
        session.trust_env = False
        if request.param == "in process":
            with mock_ecs() as fake:
                yield Front(fake, "https://ecs.cn-hangzhou.aliyuncs.com", session)
            return
        fake = FakeEcs()
        with fake.serve() as url:
            if request.param == "served":
                yield Front(fake, url, session)
            else:
                session.verify = str(url.certificate)
                yield Front(fake, url.https, session)
