"""
What the log shows the user of the engine, at which level, and what it hides.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator

import pytest

from alicloud_ingress.ecs import config
from alicloud_ingress.ecs.client import EcsClient
from alicloud_ingress.engine.logs import VARIABLE, log_to_stderr
from alicloud_ingress.engine.runtime import warn
from alicloud_ingress.errors import EcsError
from alicloud_ingress.testing import FakeEcs, Fault

SECRET = "a-secret-that-is-never-shown"
TOKEN = "a-token-that-is-never-shown"


@pytest.fixture(autouse=True)
def own_logger() -> Iterator[logging.Logger]:
    """Restore the logger after the test."""
    logger = logging.getLogger("alicloud_ingress")
    handlers, level = list(logger.handlers), logger.level
    logger.handlers.clear()
    yield logger
    logger.handlers[:] = handlers
    logger.setLevel(level)


@pytest.fixture
def ecs() -> Iterator[tuple[FakeEcs, EcsClient]]:
    fake = FakeEcs()
    with fake.serve() as url:
        environ = {
            "ALIBABA_CLOUD_ENDPOINT_ECS": url,
            "ALIBABA_CLOUD_REGION": "cn-hangzhou",
            "ALIBABA_CLOUD_ACCESS_KEY_ID": "AK",
            "ALIBABA_CLOUD_ACCESS_KEY_SECRET": SECRET,
            "ALIBABA_CLOUD_SECURITY_TOKEN": TOKEN,
        }
        yield fake, EcsClient(config.resolve(lambda _: None, environ))


def test_a_warning_is_one_line_with_its_level(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """However often the log was set up."""
    log_to_stderr({})
    log_to_stderr({})

    warn("look here")

    assert capsys.readouterr().err == "warning: look here\n"


@pytest.mark.parametrize(
    ("environ", "arguments"),
    [({VARIABLE: "debug"}, ()), ({VARIABLE: "DEBUG"}, ()), ({}, ("-v=9", "1.2.3.4:5"))],
)
def test_debug_shows_each_call_with_its_request_id(
    ecs: tuple[FakeEcs, EcsClient],
    capsys: pytest.CaptureFixture[str],
    environ: dict[str, str],
    arguments: tuple[str, ...],
) -> None:
    """And with its duration; secrets are hidden, also those of refused calls."""
    fake, client = ecs
    group = fake.new_group()
    echo = Fault.refused("DescribeSecurityGroups", 400, "Odd", f"{SECRET} {TOKEN}")
    fake.inject(echo)
    log_to_stderr(environ, arguments)

    client.describe(group)
    with pytest.raises(EcsError):
        client.group_exists(group)

    described, listed = capsys.readouterr().err.splitlines()
    assert described.startswith("debug: DescribeSecurityGroupAttribute ")
    assert " ms, RequestId FAKE" in described
    assert ": Odd, attempt 1, " in listed
    assert SECRET not in described + listed
    assert TOKEN not in described + listed


def test_info_explains_a_long_wait(
    ecs: tuple[FakeEcs, EcsClient], capsys: pytest.CaptureFixture[str]
) -> None:
    """A short one has no line."""
    fake, client = ecs
    group = fake.new_group()
    action = "DescribeSecurityGroupAttribute"
    fake.inject(Fault.throttled(action), Fault.throttled(action, retry_after=5_000))
    log_to_stderr({})

    client.describe(group)

    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(f"info: {action} on {group} in cn-hangzhou: Throttling.User")
    assert "retry in 5." in line


def test_an_invalid_log_level_is_reported(capsys: pytest.CaptureFixture[str]) -> None:
    """A typing mistake does not stop a deployment."""
    log_to_stderr({VARIABLE: "loud"})

    assert "ALICLOUD_INGRESS_LOG=loud is not a level" in capsys.readouterr().err
