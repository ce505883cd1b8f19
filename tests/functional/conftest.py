"""
The two fronts of the fake: every test that asks for one runs over both.
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

SECRET = "a-secret-that-is-never-shown"


@pytest.fixture(autouse=True)
def _own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No test stands in this project, whose stack a command would ask for."""
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
Whether ECS has an address and its /32 for one rule, and whether an advanced group
refuses what is so anyway, is not documented: the provider is right either way.
"""


@contextmanager
def opened(kind: str) -> Generator[Front, None, None]:
    """A new fake behind the front of this kind."""
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
    """What the host does with a provider before it asks anything of it."""
    provider.configure(ConfigureRequest(Config(settings, "test")))


@pytest.fixture
def fake(front: Front) -> FakeEcs:
    """ECS, as the front shows it."""
    return front.fake
