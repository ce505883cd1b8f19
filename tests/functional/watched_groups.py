"""
A group whose interface was watched: for the commands that judge by flow logs.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from alicloud_ingress.testing import FakeEcs
from usage_tables import PERIOD, Flow, Watched, written

LONG_AGO = "2020-01-01T00:00:00Z"


def watched_group(fake: FakeEcs) -> str:
    """A group with one interface, older than the period."""
    group = fake.new_group()
    fake.new_interface(
        group, id="eni-1", private_ips=["192.168.0.1"], create_time=LONG_AGO
    )
    return group


def add(fake: FakeEcs, group: str, rule: dict[str, str]) -> str:
    """A rule that is older than the period."""
    return fake.add_rule(group, **rule, CreateTime=LONG_AGO)


def table(
    fake: FakeEcs,
    group: str,
    *flows: Flow,
    watched: Watched | None = None,
    **metadata: Any,
) -> Path:
    """A table of the group's interface, by default watched throughout."""
    vpc = fake.groups[group].vpc_id
    path = Path("usage.parquet")
    written(
        path,
        [replace(flow, vpc_id=vpc) for flow in flows],
        [replace(watched or Watched(), vpc_id=vpc)],
        replace(PERIOD, **metadata),
    )
    return path
