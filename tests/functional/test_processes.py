"""
Commands as processes: dead endpoints, pipes, full disks, encodings, closed streams.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import pty
import re
import socket
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from alicloud_ingress.ecs.waiting import AGAIN_S, NOTABLE_S, Notices, waiting_for
from alicloud_ingress.testing import FakeEcs
from functional.accounts import EXPIRED, tcp

COMMAND = str(Path(sys.executable).with_name("alicloud-ingress"))
PREVIEW = Path(__file__).parents[1] / "golden" / "change.preview.json"


class Shell:
    """A shell in a folder, with the keys of an account."""

    def __init__(self, folder: Path, url: str) -> None:
        self.folder = folder
        self.environment = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(
                ("ALICLOUD_", "ALIBABA_CLOUD_", "LC_", "LANG", "COL")
            )
        } | {
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
            "ALIBABA_CLOUD_ENDPOINT_ECS": url,
            "ALIBABA_CLOUD_REGION": "cn-hangzhou",
            "ALIBABA_CLOUD_ACCESS_KEY_ID": "AK",
            "ALIBABA_CLOUD_ACCESS_KEY_SECRET": "a-secret",
        }

    def __call__(
        self, line: str, **variables: str
    ) -> subprocess.CompletedProcess[bytes]:
        """Run one line of bash."""
        return subprocess.run(
            ["bash", "-c", line],
            cwd=self.folder,
            env=self.environment | variables,
            capture_output=True,
            stdin=subprocess.DEVNULL,
            timeout=120,
            check=False,
        )


@pytest.fixture
def fake() -> FakeEcs:
    """An account."""
    return FakeEcs()


@pytest.fixture
def shell(fake: FakeEcs, tmp_path: Path) -> Iterator[Shell]:
    """Where the commands run."""
    with fake.serve() as url:
        yield Shell(tmp_path, url)


@pytest.fixture
def dead() -> Iterator[str]:
    """An address on which nothing listens."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{taken.getsockname()[1]}"


@pytest.fixture
def silent() -> Iterator[str]:
    """An address that accepts connections and never answers."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen()
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"


def stale_group(fake: FakeEcs, description: str = EXPIRED) -> str:
    """A group with an expired rule."""
    group = fake.new_group()
    fake.add_rule(group, **tcp(80, Description=description))
    return group


@pytest.mark.parametrize(
    ("command", "environment"),
    [
        ("show --group sg-1 --timeout 6", {}),
        ("import --group sg-1 --out out", {"ALICLOUD_INGRESS_TIMEOUT": "6"}),
        ("stale plan --group sg-1 --out plan.json --timeout 6", {}),
        (f"preview-report {PREVIEW} --live --region cn-hangzhou --timeout 6", {}),
    ],
)
def test_refused_connections_are_reported_within_the_timeout(
    shell: Shell, dead: str, command: str, environment: dict[str, str]
) -> None:
    began = time.monotonic()

    done = shell(
        f"alicloud-ingress {command}", ALIBABA_CLOUD_ENDPOINT_ECS=dead, **environment
    )

    assert time.monotonic() - began < 60
    assert done.returncode == 3
    notices = [line for line in done.stderr.decode().splitlines() if "waiting" in line]
    assert any("the connection was refused" in line for line in notices)
    assert all("of at most 6 s" in line for line in notices)


def test_a_call_without_an_answer_is_named_while_waiting(
    shell: Shell, silent: str
) -> None:
    done = shell(
        "alicloud-ingress show --group sg-1 --timeout 3",
        ALIBABA_CLOUD_ENDPOINT_ECS=silent,
    )

    assert done.returncode == 3
    first = done.stderr.decode().splitlines()[0]
    assert first.startswith("waiting for DescribeSecurityGroupAttribute on sg-1")


def test_an_invalid_timeout_is_a_usage_error(
    shell: Shell,
) -> None:
    for line in (
        "alicloud-ingress show --group sg-1 --timeout 0",
        "ALICLOUD_INGRESS_TIMEOUT=soon alicloud-ingress show --group sg-1",
    ):
        done = shell(line)
        assert done.returncode == 2
        assert b"--timeout" in done.stderr


def test_a_notice_names_the_oldest_of_several_waits() -> None:
    """With its reason and the number of others; it is repeated at an interval."""
    said: list[str] = []
    now_s = time.monotonic()
    notices = Notices(said.append, lambda: now_s)
    with waiting_for("A", 120) as first, waiting_for("B", 60):
        first.why = "the connection was refused"
        notices.report()
        assert said == []
        now_s += NOTABLE_S + 1
        notices.report()
        notices.report()
        (line,) = said
        assert line.startswith("waiting for A, and 1 more: the connection was refused")
        assert line.endswith("(3 s of at most 120 s)")
        now_s += AGAIN_S
        notices.report()
        assert len(said) == 2
    now_s += AGAIN_S
    notices.report()
    assert len(said) == 2


@pytest.mark.parametrize(
    "command",
    [
        "show --group {group}",
        "show --group {group} --format json",
        "stale plan --group {group} --out plan.json",
        "import --group {group} --out out",
        f"preview-report {PREVIEW}",
        "doctor",
        "--help",
    ],
)
def test_a_closed_pipe_exits_with_141(
    shell: Shell, fake: FakeEcs, command: str
) -> None:
    """Python alone would exit with 1, "some were found", or 120."""
    group = stale_group(fake)

    done = shell(
        f"set -o pipefail; alicloud-ingress {command.format(group=group)} | (exec <&-)"
    )

    assert done.returncode == 141, done.stderr
    assert b"Traceback" not in done.stderr
    assert b"Exception ignored" not in done.stderr


@pytest.mark.parametrize(
    "command",
    ["show --group {group}", f"preview-report {PREVIEW}", "doctor", "stale plan -h"],
)
def test_output_to_a_full_disk_exits_with_3(
    shell: Shell, fake: FakeEcs, command: str
) -> None:
    group = stale_group(fake)

    done = shell(f"alicloud-ingress {command.format(group=group)} >/dev/full")

    assert done.returncode == 3
    assert b"the output cannot be written: [Errno 28] No space left" in done.stderr
    assert b"Traceback" not in done.stderr


def test_messages_to_a_full_disk_keep_the_exit_code(shell: Shell) -> None:
    assert shell("alicloud-ingress show --group sg-1 2>/dev/full").returncode == 3


def test_a_closed_stdout_exits_with_3_before_any_call(
    shell: Shell, fake: FakeEcs
) -> None:
    group = stale_group(fake)

    done = shell(f"alicloud-ingress show --group {group} >&-")

    assert done.returncode == 3
    assert b"standard output is closed" in done.stderr
    assert fake.calls == []


def test_a_plan_whose_output_is_cut_is_not_continued(
    shell: Shell, fake: FakeEcs, tmp_path: Path
) -> None:
    """It was written, so the next one finds what is stale since."""
    group = stale_group(fake)
    plan = f"alicloud-ingress stale plan --group {group} --out {tmp_path}/plan.json"
    assert shell(f"set -o pipefail; {plan} | (exec <&-)").returncode == 141
    new = fake.add_rule(group, **tcp(81, Description=EXPIRED))

    assert shell(plan).returncode == 1

    assert new in (tmp_path / "plan.json").read_text()


@pytest.mark.parametrize(
    ("command", "code"),
    [
        ("stale plan --group {group} --out plan.json --state -", 3),
        ("stale destroy plan.json --report report.json", 2),
        ("preview-report -", 3),
        ("show --group {group}", 0),
    ],
)
def test_a_closed_stdin_is_empty(
    shell: Shell, fake: FakeEcs, command: str, code: int
) -> None:
    """No traceback, and no question without an answer."""
    group = stale_group(fake)
    plan = f"alicloud-ingress stale plan --group {group} --out plan.json"
    assert shell(plan).returncode == 1

    done = shell(f"alicloud-ingress {command.format(group=group)} <&-")

    assert done.returncode == code
    assert b"Traceback" not in done.stderr


@pytest.mark.parametrize(
    "encoding",
    [
        {"PYTHONIOENCODING": "ascii"},
        {"LC_ALL": "C"},
        {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
    ],
)
@pytest.mark.parametrize("form", ["table", "json", "markdown", "csv"])
def test_each_encoding_shows_the_whole_answer(
    shell: Shell, fake: FakeEcs, encoding: dict[str, str], form: str
) -> None:
    """A character that it cannot represent is escaped."""
    group = stale_group(fake, "办公室 [expires 2020-01-31]")

    for command in (
        f"show --group {group} --format {form}",
        f"stale plan --group {group} --out plan.json --format {form}",
    ):
        done = shell(f"alicloud-ingress {command}", **encoding)

        assert done.returncode == (1 if "plan" in command else 0), done.stderr
        assert b"Traceback" not in done.stderr
        shown = done.stdout.decode()
        assert "办公室" in shown or "\\u529e\\u516c\\u5ba4" in shown


def test_without_a_terminal_destroy_needs_the_yes_option(
    shell: Shell, fake: FakeEcs
) -> None:
    group = stale_group(fake)
    shell(f"alicloud-ingress stale plan --group {group} --out plan.json")

    done = shell("alicloud-ingress stale destroy plan.json --report report.json")

    assert done.returncode == 2
    assert b"--yes" in done.stderr
    assert len(fake.rules(group)) == 1
    assert json.loads((shell.folder / "plan.json").read_text())["groups"]


def test_missing_credentials_are_an_error(shell: Shell) -> None:
    """The default chain is asked for a key, and has none."""
    done = shell(
        "unset ALIBABA_CLOUD_ACCESS_KEY_ID ALIBABA_CLOUD_ACCESS_KEY_SECRET;"
        " alicloud-ingress doctor --format json",
        ALIBABA_CLOUD_ECS_METADATA_DISABLED="true",
        HOME=str(shell.folder),
    )

    assert done.returncode == 3
    findings = {each["check"]: each for each in json.loads(done.stdout)["findings"]}
    assert findings["credentials"]["outcome"] == "fails"
    assert "aliyun configure" in findings["credentials"]["next_step"]
    assert findings["endpoint"]["outcome"] == "works"
    assert findings["account and permissions"]["outcome"] == "not tried"


def at_a_terminal(shell: Shell, command: str, columns: int) -> str:
    """The output of a command on a terminal of this width."""
    person, program = pty.openpty()
    size = struct.pack("HHHH", 24, columns, 0, 0)
    fcntl.ioctl(program, termios.TIOCSWINSZ, size)
    with subprocess.Popen(
        ["bash", "-c", command],
        cwd=shell.folder,
        env={**shell.environment, "TERM": "xterm"},
        stdin=program,
        stdout=program,
        stderr=subprocess.DEVNULL,
    ) as running:
        os.close(program)
        shown = b""
        with contextlib.suppress(OSError):  # Linux ends a terminal so.
            while more := os.read(person, 65_536):
                shown += more
    os.close(person)
    assert running.returncode == 0
    return re.sub(r"\x1b\[[0-9;]*m", "", shown.decode())


def test_at_80_columns_each_id_is_on_one_line(shell: Shell, fake: FakeEcs) -> None:
    """As a record where a table does not fit; a wide terminal shows a table."""
    group, source = fake.new_group(name="web"), fake.new_group()
    by_group = fake.add_rule(group, **tcp(22, source, Description="d" * 200))
    by_block = fake.add_rule(group, **tcp(80, "2001:db8:1234:5678::/64"))
    command = f"alicloud-ingress show --group {group}"

    narrow = at_a_terminal(shell, command, 80)
    wide = at_a_terminal(shell, command, 240)

    for shown in (narrow, wide):
        assert all(each in shown for each in (by_group, by_block, source))
        assert "2001:db8:1234:5678::/64" in shown
    assert all(len(line.rstrip("\r")) <= 80 for line in narrow.split("\n"))
    assert "│" in wide
    assert "│" not in narrow


def test_a_pipe_gets_columns_of_plain_text(shell: Shell, fake: FakeEcs) -> None:
    """One line for each rule, without box characters."""
    group = fake.new_group()
    ids = [fake.add_rule(group, **tcp(n, Description="d" * 300)) for n in (80, 81)]

    done = shell(f"alicloud-ingress show --group {group} | cat")

    title, head, *rows = done.stdout.decode().splitlines()
    assert title == f"{group} in cn-hangzhou: 2 inbound rules"
    assert head.split()[:2] == ["rule", "ID"]
    assert [rule_id in row for rule_id, row in zip(ids, rows, strict=False)] == [
        True
    ] * 2
    assert done.stdout.isascii()


@pytest.mark.parametrize(
    ("command", "file"),
    [
        ("stale plan --group {group} --out plan.json", "plan.json"),
        ("import --group {group} --out out", "out/import.json"),
    ],
)
def test_a_file_that_cannot_be_completed_is_removed(
    shell: Shell, fake: FakeEcs, command: str, file: str
) -> None:
    """
    The error names it. A limit of the shell stands for a full disk: both come
    without a name.
    """
    group = stale_group(fake)
    for port in range(20):
        fake.add_rule(group, **tcp(1000 + port, Description=EXPIRED))

    done = shell(f"ulimit -f 1; alicloud-ingress {command.format(group=group)}")

    assert done.returncode == 3
    assert f"{file}" in done.stderr.decode()
    assert "File too large" in done.stderr.decode()
    assert not (shell.folder / file).exists()


@pytest.mark.parametrize(
    "command",
    [
        "stale plan --all-groups --out {path}",
        "stale destroy plan.json --yes --report {path}",
    ],
)
@pytest.mark.parametrize("path", ["fifo", "''", "link"])
def test_no_command_replaces_a_device_by_a_file(
    shell: Shell, fake: FakeEcs, command: str, path: str
) -> None:
    """A pipe stands for `/dev/null`, which root could replace."""
    group = stale_group(fake)
    pipe = shell.folder / "fifo"
    os.mkfifo(pipe)
    (shell.folder / "link").symlink_to(pipe)
    (shell.folder / "plan.json").write_text("{}")

    done = shell(f"alicloud-ingress {command.format(path=path)}")

    assert done.returncode == 2
    assert pipe.is_fifo()
    assert len(fake.rules(group)) == 1
