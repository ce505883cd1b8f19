"""
`alicloud-ingress fake` as a process: its first line, its files, its end.
"""

from __future__ import annotations

import json
import signal
import stat
import subprocess
import sys
import threading
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import pytest
import requests

from alicloud_ingress.testing import FakeEcs
from fake.front import entry

COMMAND = str(Path(sys.executable).with_name("alicloud-ingress"))
REGION = {"RegionId": "cn-hangzhou"}


@contextmanager
def served(*options: str) -> Generator[tuple[subprocess.Popen[str], str]]:
    """The command, ended when the test is done with it, and its URL."""
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
def test_a_signal_ends_it_at_once(number: signal.Signals, code: int) -> None:
    """Even while a call is waiting and a connection is kept alive."""
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
    """A line of JSON each, for the owner's eyes only."""
    path = tmp_path / "calls.jsonl"
    with served("--calls", str(path)) as (_, url):
        headers = {"x-acs-action": "DescribeSecurityGroups"}
        requests.get(url, params=REGION, headers=headers, timeout=10)

        (line,) = path.read_text().splitlines()
    call = json.loads(line)
    assert list(call) == ["time", "action", "parameters", "status", "code"]
    assert call["parameters"] == REGION
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_state_outlives_a_kill(tmp_path: Path) -> None:
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


def test_new_ids_are_none_of_the_loaded_ones(tmp_path: Path) -> None:
    """A process that goes on from a file counts on from it."""
    path = tmp_path / "state.json"
    group = state_with_a_group(path)
    for port in ("1/1", "2/2"):
        with served("--state", str(path)) as (_, url):
            parameters = {**REGION, "SecurityGroupId": group, **entry(PortRange=port)}
            headers = {"x-acs-action": "AuthorizeSecurityGroup"}
            requests.post(url, params=parameters, headers=headers, timeout=10)

    assert _rules(path, group) == 2


def test_a_file_that_is_no_state_is_refused(tmp_path: Path) -> None:
    """With exit code 3, and left as it is."""
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
    assert "no state of the fake" in done.stderr
    assert path.read_text() == "no state"


def test_a_port_that_is_none_is_a_mistake_in_the_command() -> None:
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
