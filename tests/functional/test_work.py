"""
How much the provider computes: it grows with the rules, and no faster.

Counted are calls of functions, which no other process on the machine changes.
"""

from __future__ import annotations

import sys
import threading
from collections import Counter
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any

import pytest

import alicloud_ingress
from alicloud_ingress.engine.runtime import Process, running_as
from alicloud_ingress.resource import IngressRuleProvider, IngressRuleSetProvider
from alicloud_ingress.testing import mock_ecs

OURS = str(Path(alicloud_ingress.__file__).parent)
FAKE = str(Path(OURS, "testing"))
DATACLASSES = "<string>"


@contextmanager
def counted(calls: Counter[str]) -> Generator[None]:
    """Count the calls of the provider's functions, in each thread that starts."""

    def note(frame: FrameType, event: str, _argument: object) -> None:
        file = frame.f_code.co_filename
        if event == "call" and (
            file == DATACLASSES or (file.startswith(OURS) and not file.startswith(FAKE))
        ):
            calls[frame.f_code.co_name] += 1

    threading.setprofile(note)
    sys.setprofile(note)
    try:
        yield
    finally:
        sys.setprofile(None)
        threading.setprofile(None)


@pytest.fixture(autouse=True)
def keys(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of the fake's account."""
    monkeypatch.setenv("ALIBABA_CLOUD_ACCESS_KEY_ID", "AK")
    monkeypatch.setenv("ALIBABA_CLOUD_ACCESS_KEY_SECRET", "a-secret")


def work_of_set(count: int) -> dict[str, int]:
    """Calls for each command on an exclusive set, which comes to keep other rules."""
    provider = IngressRuleSetProvider()
    work: dict[str, int] = {}

    def run(name: str, command: Callable[[], Any]) -> Any:
        calls: Counter[str] = Counter()
        with running_as(Process()), counted(calls):
            result = command()
        work[name] = calls.total()
        return result

    with mock_ecs() as fake:
        group = fake.new_group()
        fake.groups[group].most_rules = 3 * count
        news: dict[str, Any] = {
            "security_group_id": group,
            "region": "cn-hangzhou",
            "exclusive": True,
            "rules": [
                {"ip_protocol": "tcp", "port_range": port, "source_cidr_ip": "10.0.0.9"}
                for port in range(1, count + 1)
            ],
        }
        inputs = run("check", lambda: provider.check({}, news)).inputs
        made = run("create", lambda: provider.create(inputs))
        for port in range(1, count // 2):
            fake.add_rule(
                group,
                IpProtocol="udp",
                PortRange=f"{port}/{port}",
                SourceCidrIp="10.0.0.9",
                Description="kept",
            )
        read = run("read", lambda: provider.read(made.id, made.outs))
        keeping = {**inputs, "keep_descriptions": ["kept*"]}
        run("diff", lambda: provider.diff(made.id, read.outs, keeping))
        done = run("update", lambda: provider.update(made.id, read.outs, keeping))
        run("delete", lambda: provider.delete(made.id, done.outs))
        assert len(fake.groups[group].rules) == count // 2 - 1
    return work


def test_work_for_a_set_grows_no_faster_than_its_rules() -> None:
    half, whole = work_of_set(100), work_of_set(200)

    growth = {name: whole[name] / half[name] for name in whole}

    assert all(times < 2.1 for times in growth.values()), growth


def test_each_rule_of_a_group_is_read_once() -> None:
    """A create reads the group again, with all rules that the others have made."""
    calls: Counter[str] = Counter()
    provider = IngressRuleProvider()
    with mock_ecs() as fake, running_as(Process()):
        group = fake.new_group()
        for port in range(1, 41):
            with counted(calls):
                provider.create(
                    {
                        "security_group_id": group,
                        "region": "cn-hangzhou",
                        "ip_protocol": "tcp",
                        "port_range": f"{port}/{port}",
                        "source_cidr_ip": "10.0.0.9",
                    }
                )

    assert len(fake.groups[group].rules) == 40
    assert calls["as_spelled"] <= 2 * 40
