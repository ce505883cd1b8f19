"""
`make live` and `make record`, with the served fake in place of a real account.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from alicloud_ingress.testing import FakeEcs
from alicloud_ingress.testing.state import ACCOUNT
from functional.recording import redacted

ROOT = Path(__file__).parents[2]
FOREIGN = {"IpProtocol": "tcp", "PortRange": "22/22", "SourceCidrIp": "10.0.0.0/8"}


def run(url: str, *arguments: str, **environment: str) -> tuple[int, str]:
    """Run the tool; its exit code and its output."""
    named = {n: v for n, v in os.environ.items() if not n.startswith("ALI")}
    done = subprocess.run(
        [sys.executable, "-m", "tools.live", *arguments],
        cwd=ROOT,
        env={**named, "ALIBABA_CLOUD_ENDPOINT_ECS": url, **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    return done.returncode, done.stdout


KEYS = {
    "ALIBABA_CLOUD_ACCESS_KEY_ID": "LTAI-made-up",
    "ALIBABA_CLOUD_ACCESS_KEY_SECRET": "a-secret-that-is-never-shown",
    "ALIBABA_CLOUD_REGION": "cn-hangzhou",
}


def test_a_run_leaves_the_account_unchanged(tmp_path: Path) -> None:
    """All tests pass, foreign rules are kept, and each kind of exchange is recorded."""
    fake = FakeEcs()
    fake.add_key(*list(KEYS.values())[:2])
    group = fake.new_group()
    for priority in "1", "60":
        fake.add_rule(group, **FOREIGN, Priority=priority, Description="a customer")
    before = fake.rules(group)
    with fake.serve() as url:
        code, said = run(
            url,
            "--record",
            str(tmp_path),
            **KEYS,
            ALICLOUD_INGRESS_LIVE_GROUP=group,
        )

    assert code == 0, said
    assert fake.rules(group) == before
    named = {call.parameters.get("SecurityGroupId", group) for call in fake.calls}
    assert named == {group}
    files = {file.stem: file.read_text() for file in tmp_path.glob("*.json")}
    assert files.keys() >= {
        "live-authorize-security-group",
        "live-describe-security-group-attribute",
        "live-get-caller-identity",
        "live-modify-security-group-rule",
        "live-revoke-security-group",
        "live-revoke-security-group-by-id",
        "live-revoke-security-group-by-id-invalidsecuritygroupruleid-notfound",
    }
    for text in files.values():
        assert_is_redacted(text, group)


def assert_is_redacted(text: str, group: str) -> None:
    """It says what it is, and not whose."""
    exchange: dict[str, Any] = json.loads(text)
    assert exchange.keys() == {
        *("kind", "source", "date", "redacted", "added", "request", "response")
    }
    assert exchange["kind"] == "recorded from a stand-in"
    assert exchange["response"].keys() == {"status", "headers", "body"}
    for secret in (group, ACCOUNT, "a customer", "127.0.0.1", *list(KEYS.values())[:2]):
        assert secret not in text


@pytest.mark.parametrize("unset", [*KEYS, "ALICLOUD_INGRESS_LIVE_GROUP"])
def test_the_tool_needs_an_explicit_account_and_group(unset: str) -> None:
    """Neither keys nor a group are guessed."""
    fake = FakeEcs()
    named = {**KEYS, "ALICLOUD_INGRESS_LIVE_GROUP": fake.new_group()}
    with fake.serve() as url:
        code, said = run(url, **{n: v for n, v in named.items() if n != unset})

    assert code == 2
    assert unset in said
    assert fake.calls == []


def test_a_secret_in_a_recording_is_an_error() -> None:
    """Nothing is recorded then."""
    with pytest.raises(ValueError, match="MY_SECRET"):
        redacted({"response": "it is hunter2"}, {"MY_SECRET": "hunter2"})
