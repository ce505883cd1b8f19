"""
The two fronts of the fake: every test that uses one runs over both.
"""

from __future__ import annotations

import json
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from pulumi.dynamic import Config, ConfigureRequest, ResourceProvider

from alicloud_ingress.testing import Behaviour, FakeEcs, mock_ecs
from functional.gate import Gate

SECRET = "a-secret-that-is-never-shown"


@pytest.fixture(autouse=True)
def own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Run each test outside this project, whose stack the commands would use."""
    monkeypatch.chdir(tmp_path)


@dataclass(frozen=True)
class Front:
    """A fake, and the stack's configuration by which it is reached."""

    fake: FakeEcs
    settings: dict[str, str] = field(default_factory=dict[str, str])


FRONTS = ("in process", "served", "in process, other answers")
OTHER_ANSWERS = Behaviour(
    address_equals_its_block=True, enterprise_allows_defaults=False
)
"""
The documentation does not say whether ECS treats an address and its /32 as one rule,
nor whether an advanced group refuses default values: the provider works with both.
"""


@contextmanager
def opened(kind: str) -> Generator[Front, None, None]:
    """A new fake behind a front of this kind."""
    settings = {
        "alicloud:region": "cn-hangzhou",
        "alicloud:accessKey": "AK",
        "alicloud:secretKey": SECRET,
    }
    if kind != "served":
        answers = OTHER_ANSWERS if kind.endswith("other answers") else None
        with mock_ecs(behaviour=answers) as fake:
            yield Front(fake, settings)
        return
    fake = FakeEcs()
    with fake.serve() as url:
        endpoints = json.dumps([{"ecs": url.removeprefix("http://")}])
        yield Front(
            fake,
            {**settings, "alicloud:endpoints": endpoints, "alicloud:protocol": "HTTP"},
        )


@pytest.fixture(params=FRONTS)
def front(request: pytest.FixtureRequest) -> Generator[Front, None, None]:
    """One front after the other."""
    with opened(request.param) as opened_front:
        yield opened_front


def configure(provider: ResourceProvider, settings: dict[str, str]) -> None:
    """Configure a provider as the host does before its first call."""
    provider.configure(ConfigureRequest(Config(settings, "test")))


@pytest.fixture
def fake(front: Front) -> FakeEcs:
    """The fake behind the front."""
    return front.fake


@pytest.fixture
def gate(front: Front, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Gate:
    """A new group in the fake, and the gate on changes to it."""
    monkeypatch.setenv("ALIBABA_CLOUD_ACCESS_KEY_ID", "AK")
    monkeypatch.setenv("ALIBABA_CLOUD_ACCESS_KEY_SECRET", "secret")
    monkeypatch.delenv("ALIBABA_CLOUD_ENDPOINT_ECS", raising=False)
    if endpoints := front.settings.get("alicloud:endpoints"):
        url = f"http://{json.loads(endpoints)[0]['ecs']}"
        monkeypatch.setenv("ALIBABA_CLOUD_ENDPOINT_ECS", url)
    return Gate(front.fake, tmp_path)
