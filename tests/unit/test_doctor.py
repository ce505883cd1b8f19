"""
What the doctor concludes from its observations; no call is made here.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from alicloud_ingress.doctor import judge
from alicloud_ingress.doctor.judge import Outcome
from alicloud_ingress.doctor.observe import engine_python
from alicloud_ingress.ecs.credentials import Credentials, Role
from alicloud_ingress.ecs.error_codes import of_code
from alicloud_ingress.errors import (
    ConfigurationError,
    EcsError,
    NoAnswerError,
    NotTrustedError,
    UnreachableError,
)

WRITES = "RevokeSecurityGroup"


@pytest.mark.parametrize(
    ("path", "told", "outcome"),
    [
        ("/bin/pulumi", "v3.254.0\n", Outcome.WORKS),
        ("/bin/pulumi", "v3.259.0-alpha.1", Outcome.WORKS),
        ("/bin/pulumi", "v4.0.0", Outcome.WORKS),
        ("/bin/pulumi", "v3.253.9", Outcome.FAILS),
        ("/bin/pulumi", "", Outcome.FAILS),
        (None, "", Outcome.FAILS),
    ],
)
def test_an_old_engine_is_a_failure(
    path: str | None, told: str, outcome: Outcome
) -> None:
    """Versions are compared by numbers, not by text."""
    finding = judge.engine(path, told)

    assert finding.outcome is outcome
    assert bool(finding.next_step) is (outcome is Outcome.FAILS)


def test_a_missing_or_old_package_is_named() -> None:
    """With the command that installs it."""
    assert "pulumi" in judge.packages({"pulumi": None}).detail
    assert judge.packages({"pulumi": "3.215.9"}).outcome is Outcome.FAILS
    assert judge.packages({"pulumi": "3.216.0"}).outcome is Outcome.WORKS


@pytest.mark.parametrize(
    ("skew_s", "outcome"),
    [
        (0.4, Outcome.WORKS),
        (-90, Outcome.WARNING),
        (900, Outcome.FAILS),
        (-901, Outcome.FAILS),
    ],
)
def test_the_clock_may_differ_by_less_than_15_minutes(
    skew_s: float, outcome: Outcome
) -> None:
    """From there on ECS refuses signatures."""
    assert judge.clock(skew_s).outcome is outcome


def test_a_proxy_is_shown_without_its_password() -> None:
    """Its address may hold one."""
    used = {"https": "http://user:hunter2@proxy.test:3128"}

    finding = judge.proxies({}, "https://ecs.test", used)

    assert finding.outcome is Outcome.WARNING
    assert "proxy.test:3128" in finding.detail
    assert "hunter2" not in str(finding)


def test_conflicting_proxy_variables_are_a_warning() -> None:
    """Programs read one or the other."""
    environ = {"NO_PROXY": "ecs.test", "no_proxy": "localhost"}

    finding = judge.proxies(environ, "https://ecs.test", {})

    assert finding.outcome is Outcome.WARNING
    assert "NO_PROXY and no_proxy" in finding.detail


def test_debug_output_of_the_sdk_is_a_warning() -> None:
    """It prints tokens."""
    assert judge.talkative_sdk({"DEBUG": "sdk"}).outcome is Outcome.WARNING
    assert judge.talkative_sdk({}).outcome is Outcome.WORKS


def test_the_credentials_source_is_shown_with_masked_key() -> None:
    """
    Neither the whole ID nor the secret is shown; the same holds for the base of a
    role.
    """
    key = Credentials("access_key", "LTAI5tExampleKey", "hunter2", source="the shell")
    role = Credentials("role", role=Role(arn="acs:ram::1:role/r"), base=key, source="r")

    shown = judge.credentials(key, "LTAI5tExampleKey")
    assert shown.detail == "the shell, key LTAI..."
    assert judge.credentials(role, "STS.abcdefgh").detail == "r, key STS...."
    assert judge.masked("AK") == "..."


def test_another_account_than_expected_is_a_failure() -> None:
    """As in each write."""
    assert judge.account({"AccountId": "1"}, "2").outcome is Outcome.FAILS
    assert judge.account({"AccountId": "1"}, "1").outcome is Outcome.WORKS


@pytest.mark.parametrize(
    ("code", "group", "outcome"),
    [
        ("Forbidden.RAM", "", Outcome.FAILS),
        ("Forbidden.RAM", "sg-1", Outcome.FAILS),
        ("InvalidSecurityGroupId.NotFound", "", Outcome.LIKELY),
        ("InvalidSecurityGroupId.NotFound", "sg-1", Outcome.FAILS),
        ("InvalidParam.SecurityGroupRuleId", "sg-1", Outcome.LIKELY),
        ("Throttling.User", "sg-1", Outcome.FAILS),
        ("InternalError", "", Outcome.FAILS),
        ("SignatureDoesNotMatch", "", Outcome.FAILS),
    ],
)
def test_a_refused_argument_makes_the_permission_likely(
    code: str, group: str, outcome: Outcome
) -> None:
    """It is not a refusal of permission, and not a proof of it either."""
    refusal = of_code(WRITES, code, "no", "R-1", "sg-1")

    finding = judge.permission(WRITES, refusal, group, acts=True)

    assert finding.outcome is outcome
    if outcome is Outcome.FAILS:
        assert finding.next_step
        assert "R-1" in finding.detail


@pytest.mark.parametrize("kind", [UnreachableError, NotTrustedError, NoAnswerError])
def test_a_call_that_is_not_answered_shows_no_permission(kind: type[EcsError]) -> None:
    refusal = kind(WRITES, "NotSent", "no")

    finding = judge.permission(WRITES, refusal, "sg-1", acts=True)

    assert finding.outcome is Outcome.FAILS


def test_a_missing_permission_has_its_name_in_policies() -> None:
    """So that it can be copied."""
    refusal = of_code(WRITES, "Forbidden.RAM", "no")

    finding = judge.permission(WRITES, refusal, "sg-1", acts=True)

    assert "ecs:RevokeSecurityGroup" in finding.next_step


def test_an_untried_permission_is_not_taken_for_granted() -> None:
    """Nor is a warning taken for a failure."""
    assert not judge.all_works([judge.not_tried("a", "b")])
    assert judge.all_works([judge.warning("a", "b", "c"), judge.works("d", "e")])


class TestEnginePython:
    def test_without_a_project_path_decides_the_python(self, tmp_path: Path) -> None:
        """It may be the wrong one: the report says where it comes from."""
        python = tmp_path / "python3"
        python.touch(mode=0o755)

        found = engine_python(tmp_path, {"PATH": str(tmp_path)})

        assert found.executable == str(python)
        assert "no Pulumi.yaml" in found.why

    @pytest.mark.parametrize("name", ["Pulumi.yaml", "Pulumi.yml", "Pulumi.json"])
    def test_the_project_decides_the_python(self, tmp_path: Path, name: str) -> None:
        """Also in a folder below the project."""
        text = (
            '{"runtime": {"name": "python", "options": {"virtualenv": "venv"}},'
            ' "name": "x"}'
        )
        (tmp_path / name).write_text(text)
        (tmp_path / "below").mkdir()
        assert "does not exist" in engine_python(tmp_path, {}).problem

        (tmp_path / "venv/bin").mkdir(parents=True)
        (tmp_path / "venv/bin/python").touch()

        found = engine_python(tmp_path / "below", {})
        assert found.executable == str(tmp_path / "venv/bin/python")

    def test_main_with_virtualenv_is_a_warning(self, tmp_path: Path) -> None:
        """The engine looks for the environment below main."""
        text = (
            "name: x\nmain: program\n"
            "runtime: {name: python, options: {virtualenv: venv}}\n"
        )
        (tmp_path / "Pulumi.yaml").write_text(text)
        (tmp_path / "venv/bin").mkdir(parents=True)
        (tmp_path / "venv/bin/python").touch()

        found = engine_python(tmp_path, {})

        assert "remove virtualenv" in found.next_step

    @pytest.mark.parametrize(
        "options", ["virtualenv: venv", "toolchain: uv"], ids=["virtualenv", "uv"]
    )
    def test_a_host_without_the_option_uses_paths_python(
        self, tmp_path: Path, options: str
    ) -> None:
        """
        As the host that this project's tools build; the official one knows the
        option.
        """
        text = f"runtime: {{name: python, options: {{{options}}}}}\nname: x\n"
        (tmp_path / "Pulumi.yaml").write_text(text)
        python, old, new = (tmp_path / n for n in ("python3", "old-host", "new-host"))
        python.write_text("#!/bin/sh\n")
        python.chmod(0o755)
        old.write_bytes(b"\x7fELF virtualenv")
        new.write_bytes(b"\x7fELF virtualenv toolchain")
        environ = {"PATH": str(tmp_path)}

        found = engine_python(tmp_path, environ, old)

        assert found.executable == str(python)
        assert f"{old} ignores virtualenv and toolchain" in found.why
        assert "activate the environment" in found.next_step
        assert engine_python(tmp_path, environ, new).executable != str(python)

    @pytest.mark.parametrize("data", [b"\xff\xfe", b"[" * 5_000])
    def test_an_invalid_project_file_is_named(
        self, tmp_path: Path, data: bytes
    ) -> None:
        (tmp_path / "Pulumi.yaml").write_bytes(data)

        found = engine_python(tmp_path, {})

        assert "Pulumi.yaml cannot be read" in found.problem

    @pytest.mark.parametrize(
        "text", ["runtime: nodejs", "[", "name: x", "runtime: {name: go}"]
    )
    def test_a_project_of_another_language_is_reported(
        self, tmp_path: Path, text: str
    ) -> None:
        """With what to do."""
        (tmp_path / "Pulumi.yaml").write_text(text)

        found = engine_python(tmp_path, {})

        assert found.problem
        assert found.next_step


def test_a_message_without_a_next_step_is_the_detail() -> None:
    """It was repeated as the next step."""
    error = ConfigurationError("alicloud:endpoints is not JSON")

    finding = judge.refused("configuration", error)

    assert (finding.detail, finding.next_step) == (str(error), "")
