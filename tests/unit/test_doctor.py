"""
What the doctor makes of what is seen; nothing is asked here.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from alicloud_ingress.doctor import judge
from alicloud_ingress.doctor.engine_python import engine_python
from alicloud_ingress.doctor.judge import Outcome
from alicloud_ingress.ecs.credentials import Credentials, Role
from alicloud_ingress.ecs.error_codes import of_code

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
def test_the_engine_has_to_be_new_enough(
    path: str | None, told: str, outcome: Outcome
) -> None:
    """By numbers, not by text."""
    finding = judge.engine(path, told)

    assert finding.outcome is outcome
    assert bool(finding.next_step) is (outcome is Outcome.FAILS)


def test_a_package_that_is_missing_or_old_is_named() -> None:
    """With the command that puts it right."""
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
    """From there on ECS refuses what is signed."""
    assert judge.clock(skew_s).outcome is outcome


def test_a_proxy_is_told_without_its_password() -> None:
    """Its address may hold one."""
    used = {"https": "http://user:hunter2@proxy.test:3128"}

    finding = judge.proxies({}, "https://ecs.test", used)

    assert finding.outcome is Outcome.WARNING
    assert "proxy.test:3128" in finding.detail
    assert "hunter2" not in str(finding)


def test_two_spellings_of_a_proxy_that_differ_are_a_trap() -> None:
    """Programs read one or the other."""
    environ = {"NO_PROXY": "ecs.test", "no_proxy": "localhost"}

    finding = judge.proxies(environ, "https://ecs.test", {})

    assert finding.outcome is Outcome.WARNING
    assert "NO_PROXY and no_proxy" in finding.detail


def test_a_talkative_sdk_is_a_trap() -> None:
    """It prints tokens."""
    assert judge.talkative_sdk({"DEBUG": "sdk"}).outcome is Outcome.WARNING
    assert judge.talkative_sdk({}).outcome is Outcome.WORKS


def test_the_source_of_credentials_is_told_and_the_key_masked() -> None:
    """Neither the whole ID nor the secret is shown, of a role's base either."""
    key = Credentials("access_key", "LTAI5tExampleKey", "hunter2", source="the shell")
    role = Credentials("role", role=Role(arn="acs:ram::1:role/r"), base=key, source="r")

    shown = judge.credentials(key, "LTAI5tExampleKey")
    assert shown.detail == "the shell, key LTAI..."
    assert judge.credentials(role, "STS.abcdefgh").detail == "r, key STS...."
    assert judge.masked("AK") == "..."


def test_another_account_than_expected_fails() -> None:
    """As it does in each write."""
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
def test_a_refusal_for_the_arguments_is_no_refusal_of_permission(
    code: str, group: str, outcome: Outcome
) -> None:
    """Nor is it proof: that is why it is only likely."""
    refusal = of_code(WRITES, code, "no", "R-1", "sg-1")

    finding = judge.permission(WRITES, refusal, group, acts=True)

    assert finding.outcome is outcome
    if outcome is Outcome.FAILS:
        assert finding.next_step
        assert "R-1" in finding.detail


def test_a_permission_that_is_missing_is_named_as_policies_name_it() -> None:
    """So that it can be copied."""
    refusal = of_code(WRITES, "Forbidden.RAM", "no")

    finding = judge.permission(WRITES, refusal, "sg-1", acts=True)

    assert "ecs:RevokeSecurityGroup" in finding.next_step


def test_what_was_not_tried_is_not_taken_for_working() -> None:
    """Nor is a warning taken for a failure."""
    assert not judge.all_works([judge.not_tried("a", "b")])
    assert judge.all_works([judge.warning("a", "b", "c"), judge.works("d", "e")])


class TestEnginePython:
    def test_without_a_project_it_is_the_one_on_path(self, tmp_path: Path) -> None:
        """Which may be the wrong one: it is told where it comes from."""
        python = tmp_path / "python3"
        python.touch(mode=0o755)

        found = engine_python(tmp_path, {"PATH": str(tmp_path)})

        assert found.executable == str(python)
        assert "no Pulumi.yaml" in found.why

    def test_the_project_names_its_environment(self, tmp_path: Path) -> None:
        """Also when asked from a folder below."""
        text = "runtime: {name: python, options: {virtualenv: venv}}\nname: x\n"
        (tmp_path / "Pulumi.yaml").write_text(text)
        (tmp_path / "below").mkdir()
        assert "does not exist" in engine_python(tmp_path, {}).problem

        (tmp_path / "venv/bin").mkdir(parents=True)
        (tmp_path / "venv/bin/python").touch()

        found = engine_python(tmp_path / "below", {})
        assert found.executable == str(tmp_path / "venv/bin/python")

    def test_main_and_virtualenv_together_are_a_trap(self, tmp_path: Path) -> None:
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
    def test_a_language_host_that_ignores_the_options_runs_the_python_on_path(
        self, tmp_path: Path, options: str
    ) -> None:
        """As the one does that our tools build; the official one knows the option."""
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
    def test_a_project_file_that_is_not_one_is_named(
        self, tmp_path: Path, data: bytes
    ) -> None:
        (tmp_path / "Pulumi.yaml").write_bytes(data)

        found = engine_python(tmp_path, {})

        assert "Pulumi.yaml cannot be read" in found.problem

    @pytest.mark.parametrize(
        "text", ["runtime: nodejs", "[", "name: x", "runtime: {name: go}"]
    )
    def test_a_project_that_is_no_python_project_is_told(
        self, tmp_path: Path, text: str
    ) -> None:
        """With what to do."""
        (tmp_path / "Pulumi.yaml").write_text(text)

        found = engine_python(tmp_path, {})

        assert found.problem
        assert found.next_step
