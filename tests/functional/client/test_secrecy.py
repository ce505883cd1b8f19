"""
What errors and the log of the client hide.
"""

from __future__ import annotations

import logging
import os

import pytest

from alicloud_ingress.ecs.client import EcsClient
from alicloud_ingress.errors import (
    CredentialsRefusedError,
)
from functional.client.answers import SECRET, SSH, TOKEN
from functional.wire import Wire, refusal, reply


def test_errors_hide_a_secret_that_the_server_echoes(
    server: Wire, client: EcsClient
) -> None:
    """Control characters are removed as well."""
    echo = f"\x1b[2J signed with {SECRET} and {TOKEN}"
    server.replies = [refusal(403, "SignatureDoesNotMatch", echo)]

    with pytest.raises(CredentialsRefusedError) as caught:
        client.authorize("sg-1", [SSH])

    assert "signed with [secret] and [secret]" in str(caught.value)
    assert "credentials: alicloud:accessKey" in str(caught.value)
    assert "\x1b" not in str(caught.value)


def test_the_log_holds_no_secret(
    server: Wire,
    client: EcsClient,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
) -> None:
    """Not even with DEBUG=sdk; it has the calls and their results."""
    monkeypatch.setenv("DEBUG", "sdk")
    caplog.set_level(logging.DEBUG)
    caplog.set_level(logging.DEBUG, "alicloud_ingress")

    client.authorize("sg-1", [SSH])
    server.replies = [refusal(400, "Throttling"), reply()]
    client.authorize("sg-1", [SSH])

    shown = caplog.text + "".join(capfd.readouterr())
    for secret in (SECRET, TOKEN, "ACS3-HMAC-SHA256"):
        assert secret not in shown
    ours = [r.getMessage() for r in caplog.records if r.name == "alicloud_ingress"]
    assert "AuthorizeSecurityGroup sg-1 in cn-hangzhou: ok, attempt 1" in ours[0]
    assert "Throttling, attempt 1" in ours[1]
    assert "ok, attempt 2" in ours[2]
    assert os.environ["DEBUG"] == "sdk"


def test_the_sdk_still_logs_for_other_clients(
    caplog: pytest.LogCaptureFixture, client: EcsClient
) -> None:
    """Only the calls of this client are kept out of the log."""
    client.authorize("sg-1", [SSH])
    caplog.set_level(logging.DEBUG)

    logging.getLogger("darabonba-core").debug("of somebody else")

    assert "of somebody else" in caplog.text
