"""
The command `preview-report`: what it prints, where, and its exit codes.
"""

from __future__ import annotations

import gc
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from alicloud_ingress.cli.main import main
from alicloud_ingress.testing import FakeEcs, Fault
from unit.test_preview import SSH, step

WORLD = {**SSH, "source_cidr_ip": "0.0.0.0/0"}
OPEN = [step("create", "ssh", new=WORLD)]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Runner:
    for name in ("REGION", "PROFILE", "ENDPOINT_ECS"):
        monkeypatch.delenv(f"ALIBABA_CLOUD_{name}", raising=False)
    monkeypatch.setenv("ALIBABA_CLOUD_ACCESS_KEY_ID", "AK")
    monkeypatch.setenv("ALIBABA_CLOUD_ACCESS_KEY_SECRET", "secret")
    return Runner(tmp_path / "preview.json", tmp_path / "waivers.json")


class Runner:
    """Runs the command over a preview of given steps."""

    def __init__(self, file: Path, waivers: Path) -> None:
        self.file = file
        self.waivers = waivers

    def __call__(self, document: object, *arguments: str) -> Result:
        text = document if isinstance(document, str) else json.dumps(document)
        self.file.write_text(text)
        return CliRunner().invoke(main, ["preview-report", str(self.file), *arguments])


def test_stdout_holds_the_report_and_nothing_else(run: Runner) -> None:
    """So that it can be redirected into the comment."""
    result = run({"steps": OPEN})

    assert result.exit_code == 0
    assert result.stdout.startswith(
        "<!-- alicloud-ingress preview-report web/dev -->\n"
    )
    assert result.stderr == ""


@pytest.mark.parametrize("document", [{"steps": OPEN}, "no JSON"])
def test_the_garbage_collector_is_on_afterwards(run: Runner, document: object) -> None:
    """Also after an error."""
    run(document)

    assert gc.isenabled()


def test_without_live_nothing_that_calls_ecs_is_imported(tmp_path: Path) -> None:
    """Most of the time of a short command is its imports."""
    file = tmp_path / "preview.json"
    file.write_text(json.dumps({"steps": OPEN}))
    program = (
        "import atexit, sys\nfrom alicloud_ingress.cli.main import main\n"
        "atexit.register(lambda: print(*sys.modules, file=sys.stderr))\n"
        f"main(['preview-report', {str(file)!r}])"
    )
    command = [sys.executable, "-c", program]
    done = subprocess.run(command, check=True, capture_output=True, text=True)

    assert "tcp 22" in done.stdout
    imported = set(done.stderr.split())
    assert "alicloud_ingress.previews.review" in imported
    slow = {
        "alicloud_ingress.ecs.client",
        "jinja2",
        "msgspec",
        "rich",
        "stamina",
        "importlib.metadata",
    }
    assert not imported & slow


def test_a_finding_exits_with_1_and_one_line(run: Runner) -> None:
    """The whole report is still on stdout."""
    result = run({"steps": OPEN}, "--fail-on", "world-open-admin")

    assert result.exit_code == 1
    assert result.stderr.splitlines() == [
        "world-open-admin: 0.0.0.0/0 may reach tcp 22 of sg-1 (ssh)"
    ]
    assert "Fails the check" in result.stdout


def test_the_administration_ports_can_be_set(run: Runner) -> None:
    """Instead of 22 and 3389."""
    named = ("--fail-on", "world-open-admin", "--admin-port", "5432")

    assert run({"steps": OPEN}, *named).exit_code == 0
    database = [step("create", new={**WORLD, "port_range": "5000/6000"})]
    assert run({"steps": database}, *named).exit_code == 1


def test_a_waived_finding_exits_with_0(run: Runner) -> None:
    """The report has the reason."""
    waiver = {"resource": "ssh", "reason": "a jump host", "until": "9999-12-31"}
    run.waivers.write_text(json.dumps([waiver]))

    result = run(
        {"steps": OPEN}, "--fail-on", "world-open-admin", "--waivers", str(run.waivers)
    )

    assert result.exit_code == 0
    assert "a jump host" in result.stdout


@pytest.mark.parametrize(
    "arguments",
    [
        ("--fail-on", "everything"),
        ("--fail-on", "unmanaged"),
        ("--admin-port", "0"),
        ("--waivers", "/nowhere"),
    ],
)
def test_a_usage_error_exits_with_2(run: Runner, arguments: tuple[str, ...]) -> None:
    """Before anything is read."""
    assert run({"steps": OPEN}, *arguments).exit_code == 2


def test_invalid_waivers_exit_with_2(run: Runner) -> None:
    """None of them is applied."""
    run.waivers.write_text("[{}]")

    result = run({"steps": OPEN}, "--waivers", str(run.waivers))

    assert result.exit_code == 2
    assert "waiver 1" in result.stderr


@pytest.mark.parametrize("document", ["no JSON", {}, []])
def test_an_invalid_preview_exits_with_3(run: Runner, document: object) -> None:
    """With a line that says how to make one."""
    result = run(document, "--fail-on", "gap")

    assert result.exit_code == 3
    assert result.stdout == ""
    assert result.stderr.startswith("Error: this is no")


EVENTS = (
    '{"sequence":0,"timestamp":1,"preludeEvent":{"config":{}}}\n'
    '{"sequence":1,"timestamp":1,"diagnosticEvent":{"message":"x"}}\n'
)


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"\xff\xfe\x00", "this is not text"),
        (b"\x80\x81", "this is not text"),
        (b"", "this is empty"),
        (b"\xef\xbb\xbf", "this is empty"),
        (EVENTS.encode(), "PULUMI_ENABLE_STREAMING_JSON_PREVIEW"),
        (EVENTS.splitlines()[0].encode(), "one event of a stream"),
        (b"[" * 100_000, "nested too deeply"),
        (b"[" * 900 + b"]" * 900, "nested too deeply"),
        (b'{"steps": [' + b"9" * 5_000 + b"]}", "nested too deeply"),
        (b'{"steps": [], "x": tru', "not valid JSON (line 1, column 20)"),
        (b"null", "this is not a preview"),
    ],
)
@pytest.mark.parametrize("waivers", [True, False])
def test_an_unreadable_file_is_reported_without_a_traceback(
    run: Runner, content: bytes, told: str, *, waivers: bool
) -> None:
    """The exit code is not 1, which means that something matched."""
    run.file.write_bytes(content)
    arguments = ["preview-report", str(run.file), "--fail-on", "gap"]
    code = 3
    if waivers:
        run.waivers.write_bytes(content)
        run.file.write_text('{"steps": []}')
        arguments += ["--waivers", str(run.waivers)]
        code = 2

    result = CliRunner().invoke(main, arguments)

    assert result.exit_code == code
    assert result.stdout == ""
    if not waivers:
        assert result.stderr.startswith("Error: this ")
        assert told in result.stderr
    for name in ("Error:", "Exception", "Traceback", "Recursion", "Unicode", "set_int"):
        assert name not in result.stderr.split("Error: ", 1)[1]


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
def test_a_byte_order_mark_is_ignored(run: Runner, encoding: str) -> None:
    """Some shells write one."""
    run.file.write_bytes(json.dumps({"steps": OPEN}).encode(encoding))
    arguments = ["preview-report", str(run.file), "--fail-on", "world-open-admin"]

    assert CliRunner().invoke(main, arguments).exit_code == 1


@pytest.mark.parametrize("form", ["json", "sarif"])
def test_the_exit_code_is_the_same_in_each_format(run: Runner, form: str) -> None:
    """Standard output holds only the document."""
    failed = [{"severity": "error", "message": "it broke"}]
    asked = ("--fail-on", "world-open-admin", "--format", form)

    cases: list[tuple[dict[str, Any], int]] = [
        ({"steps": []}, 0),
        ({"steps": OPEN}, 1),
        ({"steps": OPEN, "diagnostics": failed}, 3),
    ]
    for document, code in cases:
        result = run(document, *asked)
        assert result.exit_code == code
        assert isinstance(json.loads(result.stdout), dict)


def test_a_failed_preview_exits_with_3_despite_findings(run: Runner) -> None:
    """Incomplete wins."""
    failed = [{"severity": "error", "message": "it broke\x1b[2J"}]

    result = run(
        {"steps": OPEN, "diagnostics": failed}, "--fail-on", "world-open-admin"
    )

    assert result.exit_code == 3
    assert "incomplete: the preview failed: it broke\\x1b[2J" in result.stderr


def test_reading_the_group_changes_nothing(
    run: Runner, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The report names a rule made by hand and a duplicate."""
    fake = FakeEcs()
    group = fake.new_group()
    given = {**SSH, "security_group_id": group}
    fake.add_rule(group, IpProtocol="tcp", PortRange="22/22", SourceCidrIp="10.0.0.0/8")
    with fake.serve() as url:
        monkeypatch.setenv("ALIBABA_CLOUD_ENDPOINT_ECS", url)
        result = run(
            {"steps": [step("create", new=given)]}, "--live", "--fail-on", "unmanaged"
        )

    assert result.exit_code == 1
    assert "would fail" in result.stdout
    assert [call.action for call in fake.calls] == ["DescribeSecurityGroupAttribute"]


def test_an_unreadable_group_exits_with_3(
    run: Runner, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The report names it, and is still written."""
    with FakeEcs().serve() as url:
        monkeypatch.setenv("ALIBABA_CLOUD_ENDPOINT_ECS", url)
        result = run({"steps": OPEN}, "--live")

    assert result.exit_code == 3
    assert "sg-1 could not be read" in result.stderr
    assert "This report is incomplete" in result.stdout


def test_a_long_refusal_is_reported_with_its_request_id(
    run: Runner, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It comes last, behind what ECS says, and support asks for it."""
    fake = FakeEcs()
    refused = Fault.refused("*", 403, "Forbidden.RAM", "no permission, " * 20)
    fake.inject(refused)
    with fake.serve() as url:
        monkeypatch.setenv("ALIBABA_CLOUD_ENDPOINT_ECS", url)
        result = run({"steps": OPEN}, "--live")

    for text in (result.stdout, result.stderr):
        assert "RequestId FAKE" in text
        assert "allow ecs:DescribeSecurityGroupAttribute in a RAM policy" in text
