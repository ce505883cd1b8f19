"""
`alicloud-ingress fake` as a process: its output, its files, and how it ends.
"""

from __future__ import annotations

import json
import signal
import ssl
import stat
import subprocess
import sys
import threading
from collections.abc import Generator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
import requests
import trustme

from alicloud_ingress.testing import FakeEcs
from alicloud_ingress.testing.fake import StateFile
from fake.front import entry

COMMAND = str(Path(sys.executable).with_name("alicloud-ingress"))
REGION = {"RegionId": "cn-hangzhou"}


@contextmanager
def served(*options: str) -> Generator[tuple[subprocess.Popen[str], str]]:
    """The running command, ended after the test, and its URL."""
    process = subprocess.Popen(
        [COMMAND, "fake", *options],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout
    try:
        words = process.stdout.readline().split()
        assert words[:2] == ["listening", "on"]
        yield process, words[2]
    finally:
        process.terminate()
        process.wait(timeout=20)
        process.stdout.close()


def state_with_a_group(path: Path) -> str:
    """Write a state that holds one empty group; returns the group's ID."""
    fake = FakeEcs()
    group = fake.new_group()
    path.write_text(fake.dump())
    return group


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGTERM, 0), (signal.SIGINT, 130)]
)
def test_a_signal_ends_the_command_at_once(number: signal.Signals, code: int) -> None:
    """Even while a call waits and a connection is kept alive."""
    with served("--latency-ms", "60000") as (process, url), requests.Session() as kept:
        waiting = threading.Thread(target=_call_in_vain, args=(kept, url))
        waiting.start()
        process.send_signal(number)

        assert process.wait(timeout=20) == code
        waiting.join(timeout=20)
        assert not waiting.is_alive()


def _call_in_vain(session: requests.Session, url: str) -> None:
    with pytest.raises(requests.ConnectionError):
        session.get(url, timeout=30)


def test_calls_are_written_as_they_come(tmp_path: Path) -> None:
    """One line of JSON for each call, readable by the owner only."""
    path = tmp_path / "calls.jsonl"
    with served("--calls", str(path)) as (_, url):
        headers = {"x-acs-action": "DescribeSecurityGroups"}
        requests.get(url, params=REGION, headers=headers, timeout=10)

        (line,) = path.read_text().splitlines()
    call = json.loads(line)
    assert list(call) == ["time", "action", "parameters", "status", "code"]
    assert call["parameters"] == REGION
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_state_survives_a_kill(tmp_path: Path) -> None:
    """Loaded at the start, saved after each change, readable at any moment."""
    path = tmp_path / "state.json"
    group = state_with_a_group(path)
    made = 0
    for _ in range(4):
        with served("--state", str(path), "--admin") as (process, url):
            assert _rules(path, group) == made
            busy = threading.Thread(target=_write_on, args=(url, group, made))
            busy.start()
            while _rules(path, group) < made + 3:
                pass
            process.kill()
            busy.join(timeout=20)
        made = _rules(path, group)

    assert made >= 12
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def _rules(path: Path, group: str) -> int:
    return len(json.loads(path.read_text())["groups"][group]["rules"])


def _write_on(url: str, group: str, made: int) -> None:
    for port in range(made + 1, 1000):
        parameters = {**REGION, "SecurityGroupId": group}
        parameters |= entry(PortRange=f"{port}/{port}")
        headers = {"x-acs-action": "AuthorizeSecurityGroup"}
        try:
            requests.post(url, params=parameters, headers=headers, timeout=10)
        except requests.RequestException:
            return


def test_new_ids_differ_from_loaded_ones(tmp_path: Path) -> None:
    """A process that loads a file continues its numbers."""
    path = tmp_path / "state.json"
    group = state_with_a_group(path)
    for port in ("1/1", "2/2"):
        with served("--state", str(path)) as (_, url):
            parameters = {**REGION, "SecurityGroupId": group, **entry(PortRange=port)}
            headers = {"x-acs-action": "AuthorizeSecurityGroup"}
            requests.post(url, params=parameters, headers=headers, timeout=10)

    assert _rules(path, group) == 2


def test_the_second_line_names_the_certificate_for_https() -> None:
    with served("--behaviour", "unknown_rule_id=not valid", "--admin") as (
        process,
        url,
    ):
        assert process.stdout
        word, path = process.stdout.readline().split()
        answer = requests.get(
            f"{url.replace('http', 'https')}/_fake/behaviour", timeout=10, verify=path
        )
        assert Path(path).read_text().startswith("-----BEGIN CERTIFICATE-----")

    assert word == "certificate"
    assert answer.json()["unknown_rule_id"] == "not valid"
    assert not Path(path).exists()


def test_a_given_certificate_is_served(tmp_path: Path) -> None:
    leaf = trustme.CA().issue_cert("127.0.0.1")
    cert, key = tmp_path / "cert.pem", tmp_path / "key.pem"
    leaf.cert_chain_pems[0].write_to_path(str(cert))
    leaf.private_key_pem.write_to_path(str(key))

    with served("--cert", str(cert), "--key", str(key)) as (process, url):
        assert process.stdout
        assert process.stdout.readline().split() == ["certificate", str(cert)]
        port = int(url.rpartition(":")[2])
        assert leaf.cert_chain_pems[0].bytes().decode() == ssl.get_server_certificate(
            ("127.0.0.1", port)
        )


def test_closing_stdout_after_the_first_line_keeps_the_fake_running() -> None:
    with served() as (process, url):
        assert process.stdout
        process.stdout.close()
        assert requests.get(url, timeout=10).status_code == 400


def refused(*options: str) -> subprocess.CompletedProcess[str]:
    """The error output of a command that does not serve."""
    return subprocess.run(
        [COMMAND, "fake", *options],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def test_a_second_fake_cannot_use_the_same_file(tmp_path: Path) -> None:
    path = tmp_path / "state.json"
    group = state_with_a_group(path)
    with served("--state", str(path)) as (_, url):
        at_once = refused("--state", str(path))
        parameters = {**REGION, "SecurityGroupId": group, **entry()}
        headers = {"x-acs-action": "AuthorizeSecurityGroup"}
        requests.post(url, params=parameters, headers=headers, timeout=10)
        after_a_save = refused("--state", str(path))
        elsewhere = refused("--state", str(tmp_path / "other.json"), "--port", "99999")

    for done in (at_once, after_a_save):
        assert done.returncode == 3
        assert str(path) in done.stderr.replace("\n", "")
        assert "another fake keeps its state in it" in " ".join(done.stderr.split())
        assert "Traceback" not in done.stderr
        assert done.stdout == ""
    assert elsewhere.returncode == 2
    assert _rules(path, group) == 1
    assert [each.name for each in tmp_path.iterdir()] == ["state.json"]
    with served("--state", str(path)):
        assert _rules(path, group) == 1


def test_a_killed_fakes_file_can_be_used_again(tmp_path: Path) -> None:
    path = tmp_path / "state.json"
    with served("--state", str(path)) as (process, _):
        process.kill()
        process.wait(timeout=20)
        with served("--state", str(path)):
            assert refused("--state", str(path)).returncode == 3


def test_an_empty_file_is_a_new_state(tmp_path: Path) -> None:
    path = tmp_path / "state.json"
    path.touch()

    with served("--state", str(path)):
        assert json.loads(path.read_text())["groups"] == {}


def test_state_files_are_locked_through_every_save(tmp_path: Path) -> None:
    path = tmp_path / "state.json"
    fake = FakeEcs()
    kept = StateFile(path, fake)
    ended = threading.Event()
    held: list[StateFile] = []

    def try_it() -> None:
        while not ended.is_set():
            with suppress(ValueError):
                held.append(StateFile(path, FakeEcs()))

    trying = threading.Thread(target=try_it)
    trying.start()
    for _ in range(200):
        fake.new_group()
        kept.save()
    ended.set()
    trying.join(timeout=20)

    assert held == []
    assert json.loads(path.read_text())["groups"].keys() == fake.groups.keys()
    kept.close()
    StateFile(path, FakeEcs()).close()


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--behaviour", "nonsense=1"], "there is no behaviour 'nonsense'"),
        (["--behaviour", "batches_are_atomic"], "NAME=VALUE"),
        (["--cert", "missing.pem"], "does not exist"),
    ],
)
def test_an_invalid_setting_is_a_usage_error(options: list[str], words: str) -> None:
    done = refused(*options)

    assert done.returncode == 2
    assert words in " ".join(done.stderr.split())


def test_a_certificate_without_its_key_is_refused(tmp_path: Path) -> None:
    cert = tmp_path / "cert.pem"
    cert.touch()

    done = refused("--cert", str(cert))

    assert done.returncode == 3
    assert "set together" in " ".join(done.stderr.split())


def test_a_file_without_valid_state_is_refused(tmp_path: Path) -> None:
    """With exit code 3, and the file is not changed."""
    path = tmp_path / "state.json"
    path.write_text("no state")

    done = subprocess.run(
        [COMMAND, "fake", "--state", str(path)],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )

    assert done.returncode == 3
    assert "not a state of the fake" in done.stderr
    assert path.read_text() == "no state"


def test_an_invalid_port_is_a_usage_error() -> None:
    """With exit code 2, and no traceback."""
    done = subprocess.run(
        [COMMAND, "fake", "--port", "99999"],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )

    assert done.returncode == 2
    assert "'--port'" in done.stderr


@pytest.mark.parametrize("library", ["responses", "trustme"])
def test_the_extra_is_named_where_it_is_missing(library: str) -> None:
    """The command is right, and cannot be carried out."""
    done = without(
        library, "from alicloud_ingress.cli.main import main; main(['fake'])"
    )

    assert done.returncode == 3
    assert f"needs the package {library}" in done.stderr
    assert "pip install 'pulumi-alicloud-ingress[testing]'" in done.stderr
    assert "Traceback" not in done.stderr


def test_an_import_without_the_extra_names_it() -> None:
    """At the end of the traceback that Python prints."""
    done = without("responses", "import alicloud_ingress.testing")

    assert done.returncode == 1
    last = done.stderr.splitlines()[-1]
    assert last.startswith("ModuleNotFoundError: the fake needs the package responses")
    assert "pip install 'pulumi-alicloud-ingress[testing]'" in last


def without(library: str, program: str) -> subprocess.CompletedProcess[str]:
    """Run a program on a Python that lacks a library."""
    return subprocess.run(
        [
            sys.executable,
            "-c",
            f"import sys; sys.modules['{library}'] = None; {program}",
        ],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
