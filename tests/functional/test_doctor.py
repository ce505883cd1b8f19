"""
The doctor with the served fake: what it calls, and what it prints.
"""

from __future__ import annotations

import json
import os
import socket
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from alicloud_ingress.cli.main import main
from alicloud_ingress.testing import FakeEcs, Fault

SECRET = "a-secret-that-is-never-shown"
WRITES = ("AuthorizeSecurityGroup", "ModifySecurityGroupRule", "RevokeSecurityGroup")


@dataclass(frozen=True)
class Doctor:
    """The command, in an environment that points at a fake."""

    fake: FakeEcs
    group: str

    def __call__(self, *arguments: str) -> Result:
        result = CliRunner().invoke(main, ["doctor", *arguments])
        assert SECRET not in result.output
        return result

    def findings(self, *arguments: str) -> dict[str, dict[str, Any]]:
        document = json.loads(self(*arguments, "--format", "json").stdout)
        assert document["version"] == 1
        return {finding["check"]: finding for finding in document["findings"]}


@pytest.fixture
def doctor(
    monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Doctor]:
    fake = FakeEcs()
    group = fake.new_group()
    fake.add_rule(group, IpProtocol="tcp", PortRange="22/22", SourceCidrIp="10.0.0.0/8")
    tools = tmp_path_factory.mktemp("tools")
    (tools / "pulumi").write_text("#!/bin/sh\necho v3.259.0\n")
    (tools / "pulumi").chmod(0o755)
    for name in ("PROFILE", "ENDPOINT_STS"):
        monkeypatch.delenv(f"ALIBABA_CLOUD_{name}", raising=False)
    monkeypatch.setenv("PATH", f"{tools}:{Path(sys.executable).parent}")
    monkeypatch.setenv("ALIBABA_CLOUD_REGION", "cn-hangzhou")
    monkeypatch.setenv("ALIBABA_CLOUD_ACCESS_KEY_ID", "LTAI5tExampleKey")
    monkeypatch.setenv("ALIBABA_CLOUD_ACCESS_KEY_SECRET", SECRET)
    with fake.serve() as url:
        monkeypatch.setenv("ALIBABA_CLOUD_ENDPOINT_ECS", url)
        yield Doctor(fake, group)


def test_the_doctor_exits_with_0_and_changes_nothing(doctor: Doctor) -> None:
    """Each write that it tried was refused, and the rules are as before."""
    before = doctor.fake.rules(doctor.group)

    result = doctor("--group", doctor.group)

    assert result.exit_code == 0, result.output
    assert doctor.fake.rules(doctor.group) == before
    tried = [call for call in doctor.fake.calls if call.action in WRITES]
    assert {call.action for call in tried} == set(WRITES)
    assert all(call.code for call in tried)
    assert "LTAI..." in result.output


def test_the_doctor_works_without_an_existing_group(doctor: Doctor) -> None:
    """What it cannot prove, it calls likely."""
    findings = doctor.findings()

    assert findings["ecs:DescribeSecurityGroups"]["outcome"] == "works"
    assert findings["ecs:RevokeSecurityGroup"]["outcome"] == "likely works"
    assert "not documented" in findings["ecs:RevokeSecurityGroup"]["detail"]


@pytest.mark.parametrize(
    "action", [*WRITES, "DescribeSecurityGroups", "DescribeSecurityGroupAttribute"]
)
def test_a_missing_permission_is_found(doctor: Doctor, action: str) -> None:
    """It is named, and the command exits with 3."""
    doctor.fake.inject(Fault.refused(action, 403, "Forbidden.RAM"))

    result = doctor("--group", doctor.group, "--format", "markdown")

    assert result.exit_code == 3
    (line,) = [row for row in result.output.splitlines() if "| fails |" in row]
    assert f"allow ecs:{action} in a RAM policy" in line


def test_a_missing_group_is_one_failure(doctor: Doctor) -> None:
    """The user named it; the permissions are tried without it."""
    findings = doctor.findings("--group", "sg-nowhere")

    failed = [name for name, each in findings.items() if each["outcome"] == "fails"]
    assert failed == ["ecs:DescribeSecurityGroupAttribute"]
    told = [each for each in findings.values() if "sg-nowhere" in str(each)]
    assert len(told) == 1
    assert findings["ecs:RevokeSecurityGroup"]["outcome"] == "likely works"


@pytest.mark.parametrize(
    ("action", "command"),
    [
        ("DescribePrefixLists", "stale plan"),
        ("DescribeNetworkInterfaces", "usage show"),
    ],
)
def test_a_missing_permission_of_other_jobs_is_a_warning(
    doctor: Doctor, action: str, command: str
) -> None:
    """It names the command that needs it."""
    assert doctor.findings()[f"ecs:{action}"]["outcome"] == "works"
    doctor.fake.inject(Fault.refused(action, 403, "Forbidden.RAM"))

    result = doctor("--format", "json")

    assert result.exit_code == 0
    findings = {each["check"]: each for each in json.loads(result.stdout)["findings"]}
    assert findings[f"ecs:{action}"]["outcome"] == "warning"
    assert command in findings[f"ecs:{action}"]["next_step"]


def test_an_endpoint_that_stops_answering_costs_one_timeout(doctor: Doctor) -> None:
    """Each of the six calls would wait as long."""
    doctor.fake.inject(Fault(action="DescribeSecurityGroupAttribute", drop=True))

    findings = doctor.findings()

    assert findings["ecs:DescribeSecurityGroupAttribute"]["outcome"] == "fails"
    assert findings["the other permissions"]["outcome"] == "not tried"
    assert "ecs:RevokeSecurityGroup" not in findings


def test_an_endpoint_that_never_answers_ends_in_seconds(
    doctor: Doctor, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        address = f"http://127.0.0.1:{silent.getsockname()[1]}"
        monkeypatch.setenv("ALIBABA_CLOUD_ENDPOINT_ECS", address)
        began = time.monotonic()

        findings = doctor.findings("--timeout", "2")

    assert time.monotonic() - began < 30
    assert "no answer came in time" in findings["endpoint"]["detail"]


def test_refused_keys_end_the_trials(doctor: Doctor) -> None:
    """All other trials would fail alike."""
    doctor.fake.add_key("another", "key")

    findings = doctor.findings()

    assert "InvalidAccessKeyId.NotFound" in findings["account"]["detail"]
    assert findings["permissions"]["outcome"] == "not tried"


def test_a_missing_region_says_what_to_set(
    doctor: Doctor, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The doctor stops there."""
    monkeypatch.delenv("ALIBABA_CLOUD_REGION")

    findings = doctor.findings()

    assert "set ALIBABA_CLOUD_REGION" in findings["configuration"]["next_step"]
    assert doctor().exit_code == 3
    assert doctor.fake.calls == []


def test_an_untrusted_certificate_comes_with_the_setting_that_helps(
    doctor: Doctor, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No network is to be checked: the endpoint has answered."""
    for name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE"):
        monkeypatch.delenv(name, raising=False)
    with doctor.fake.serve() as url:
        monkeypatch.setenv("ALIBABA_CLOUD_ENDPOINT_ECS", url.https)

        endpoint = doctor.findings()["endpoint"]

    assert "certificate is not trusted: " in endpoint["detail"]
    assert "SSL_CERT_FILE" in endpoint["next_step"]


def test_an_unreachable_endpoint_is_reported(
    doctor: Doctor, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With what to check."""
    monkeypatch.setenv("ALIBABA_CLOUD_ENDPOINT_ECS", "http://127.0.0.1:9")

    findings = doctor.findings()

    assert "the connection was refused" in findings["endpoint"]["detail"]
    assert findings["calls of ECS"]["outcome"] == "not tried"


def test_unavailable_credentials_say_what_to_do(
    doctor: Doctor, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The token of the platform does not exist; no permission is tried."""
    for name in ("ACCESS_KEY_ID", "ACCESS_KEY_SECRET"):
        monkeypatch.delenv(f"ALIBABA_CLOUD_{name}")
    file = tmp_path / "config.json"
    token = tmp_path / "no-token"
    profile = {
        "name": "ci", "mode": "OIDC", "ram_role_arn": "acs:ram::42:role/ci",
        "oidc_provider_arn": "acs:ram::42:oidc-provider/ci",
        "oidc_token_file": str(token), "ram_session_name": "ci",
    }  # fmt: skip
    file.write_text(json.dumps({"current": "ci", "profiles": [profile]}))
    monkeypatch.setenv("ALICLOUD_SHARED_CREDENTIALS_FILE", str(file))

    findings = doctor.findings("--profile", "ci")

    assert findings["credentials"]["outcome"] == "fails"
    assert str(token) in findings["credentials"]["detail"]
    assert "oidcTokenFile" in findings["credentials"]["next_step"]
    assert findings["account and permissions"]["outcome"] == "not tried"
    assert [call.action for call in doctor.fake.calls if call.action] == []


def test_an_engine_python_without_the_provider_fails(
    doctor: Doctor, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The report names it, with the command that installs the provider."""
    tools = os.environ["PATH"].partition(":")[0]
    python = tmp_path / "python3"
    python.write_text("#!/bin/sh\nexit 1\n")
    python.chmod(0o755)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PATH", f"{tmp_path}:{tools}")

    finding = doctor.findings()["provider in the engine's Python"]

    assert finding["outcome"] == "fails"
    assert f"{python} -m pip install" in finding["next_step"]


def test_an_engine_without_a_python_is_reported(
    doctor: Doctor, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """PATH holds only the engine."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PATH", os.environ["PATH"].partition(":")[0])

    finding = doctor.findings()["provider in the engine's Python"]

    assert finding["outcome"] == "fails"
    assert "python3 is not on PATH" in finding["detail"]
