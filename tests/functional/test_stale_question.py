"""
The question before rules are destroyed, asked on a real terminal.
"""

from __future__ import annotations

import os
import pty
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from alicloud_ingress.testing import FakeEcs
from functional.accounts import EXPIRED, tcp

COMMAND = (sys.executable, "-c", "from alicloud_ingress.cli.main import main; main()")
DESTROY = (*COMMAND, "stale", "destroy", "plan.json", "--report", "report.json")
ENDED_BY_CTRL_D = b"\x04"


def read(terminal: int) -> bytes:
    """The next output of a terminal; nothing once its program has ended."""
    try:
        return os.read(terminal, 4096)
    except OSError:  # Linux reports so that the other side is closed.
        return b""


def at_a_terminal(
    folder: Path, environment: Mapping[str, str], typed: bytes
) -> tuple[int, str]:
    """Run the command, type this when asked: its exit code, and its output."""
    person, program = pty.openpty()
    with subprocess.Popen(
        DESTROY,
        cwd=folder,
        env=environment,
        stdin=program,
        stdout=program,
        stderr=program,
    ) as running:
        os.close(program)
        shown, asked = b"", False
        while more := read(person):
            shown += more
            if b"[y/N]" in shown and not asked:
                asked = True
                os.write(person, typed)
    os.close(person)
    return running.returncode, shown.decode()


@pytest.mark.timeout(120)
@pytest.mark.parametrize(
    ("typed", "code", "revoked"),
    [
        pytest.param(b"y\n", 0, True, id="yes"),
        pytest.param(b"n\n", 1, False, id="no"),
        pytest.param(b"\n", 1, False, id="nothing said"),
        pytest.param(ENDED_BY_CTRL_D, 130, False, id="end of input"),
    ],
)
def test_only_a_yes_destroys(
    tmp_path: Path, typed: bytes, code: int, *, revoked: bool
) -> None:
    """The question shows the number of rules and the account."""
    fake = FakeEcs()
    group = fake.new_group()
    stale = fake.add_rule(group, **tcp(80, Description=EXPIRED))
    kept = fake.add_rule(group, **tcp(22))
    with fake.serve() as url:
        environment = {
            **os.environ,
            "ALIBABA_CLOUD_ENDPOINT_ECS": url,
            "ALIBABA_CLOUD_REGION": "cn-hangzhou",
            "ALIBABA_CLOUD_ACCESS_KEY_ID": "AK",
            "ALIBABA_CLOUD_ACCESS_KEY_SECRET": "a-secret",
        }
        planning = (*COMMAND, "stale", "plan", "--group", group, "--out", "plan.json")
        subprocess.run(planning, cwd=tmp_path, env=environment, check=False)

        ended_with, shown = at_a_terminal(tmp_path, environment, typed)

    assert ended_with == code, shown
    account = fake.groups[group].account
    assert f"Destroy 1 rule in 1 group of account {account}?" in shown
    assert ("nothing was destroyed" in shown) is (code == 1)
    writes = [call for call in fake.calls if call.action == "RevokeSecurityGroup"]
    assert [w.parameters["SecurityGroupRuleId.1"] for w in writes] == [stale] * revoked
    assert list(fake.rules(group)) == ([kept] if revoked else [stale, kept])
    assert (tmp_path / "report.json").exists() is revoked
