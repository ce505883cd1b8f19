"""
The shell blocks of each page, run in order.

The commands and the engine are the real ones; ECS is a served fake.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from alicloud_ingress.testing import FakeEcs
from alicloud_ingress.testing.state import ACCOUNT, FakeGroup
from documents.blocks import PAGES, ROOT, Block, blocks_of
from e2e import peer_plugin
from forked_python import forked_python
from peer_states.kept import existing
from usage_tables import Flow, written

OLD = (
    {"PortRange": "22/22", "SourceCidrIp": "10.0.0.0/8"},
    {"PortRange": "80/80", "SourceCidrIp": "0.0.0.0/0", "Description": "by hand"},
    {
        "PortRange": "3389/3389",
        "SourceCidrIp": "198.51.100.7",
        "Description": "a visit [expires 2020-01-31]",
    },
)
MOVING = "move-from-pulumi-alicloud"
USAGE = "unused-rules"
LONG_AGO = "2020-01-01T00:00:00Z"
SHELL_PAGES = [
    page
    for page in PAGES
    if any(b.language == "sh" and not b.not_run for b in blocks_of(page))
]


@pytest.fixture
def environment(tmp_path: Path) -> Iterator[dict[str, str]]:
    """A fake with the groups of the documentation, and a separate backend."""
    assert shutil.which("pulumi"), "the engine is missing: run `make test`"
    (tmp_path / "backend").mkdir()
    plugins = peer_plugin.installed(tmp_path / "plugins")
    fake = FakeEcs()
    for group in ("sg-web", "sg-balancers", "sg-old", "sg-legacy", "sg-shop"):
        fake.groups[group] = FakeGroup(group, "cn-hangzhou", ACCOUNT, "vpc-1")
    for rule in OLD:
        fake.add_rule("sg-old", IpProtocol="tcp", **rule)
    for port in (443, 8080):
        ports = f"{port}/{port}"
        rule = {"IpProtocol": "tcp", "PortRange": ports, "SourceCidrIp": "10.0.0.0/8"}
        fake.add_rule("sg-shop", **rule, CreateTime=LONG_AGO)
    fake.new_interface(
        "sg-shop", id="eni-1", private_ips=["192.168.0.1"], create_time=LONG_AGO
    )
    peer = existing(fake, "stack-13-rules", "sg-legacy")
    (tmp_path / "peer.json").write_text(peer)
    with fake.serve(admin=True) as url:
        yield {
            **os.environ,
            "PYTHONDONTWRITEBYTECODE": "1",
            "PATH": f"{forked_python()}:{plugins}:{os.environ['PATH']}",
            "PULUMI_HOME": str(tmp_path / "home"),
            "PULUMI_BACKEND_URL": f"file://{tmp_path / 'backend'}",
            "PULUMI_CONFIG_PASSPHRASE": "test",
            "PULUMI_SKIP_UPDATE_CHECK": "1",
            "ALIBABA_CLOUD_ENDPOINT_ECS": url,
            "ALIBABA_CLOUD_REGION": "cn-hangzhou",
            "ALIBABA_CLOUD_ACCESS_KEY_ID": "AK",
            "ALIBABA_CLOUD_ACCESS_KEY_SECRET": "any",
        }


def project(folder: Path, page: Path, environment: dict[str, str]) -> None:
    """What a page starts from: the files of the checkout, or an empty stack."""
    folder.mkdir()
    if page.parent == ROOT:
        shutil.copyfile(ROOT / "Pulumi.yaml", folder / "Pulumi.yaml")
        shutil.copytree(ROOT / "sample-stack", folder / "sample-stack")
        return
    (folder / "Pulumi.yaml").write_text("name: web\nruntime: python\n")
    (folder / "__main__.py").write_text("")
    if page.stem == USAGE:
        written(folder / "usage.parquet", [Flow()])
    start = "pulumi stack init dev && pulumi config set alicloud:region cn-hangzhou"
    if page.stem == MOVING:
        start += " && pulumi stack import --file ../peer.json"
    assert run(start, folder, environment).returncode == 0


def run(
    script: str, folder: Path, environment: dict[str, str]
) -> subprocess.CompletedProcess[str]:
    """Run a script until its first command that fails."""
    return subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script],
        cwd=folder,
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


def apply(block: Block, folder: Path, environment: dict[str, str]) -> None:
    """Write a file, or run a script."""
    if block.file:
        (folder / block.file).write_text(block.text)
    elif block.language == "sh" and not block.not_run:
        done = run(block.text, folder, environment)
        told = f"{block}\n{block.text}\n{done.stdout}\n{done.stderr}"
        assert done.returncode == block.exits_with, told


@pytest.mark.parametrize("page", SHELL_PAGES, ids=lambda page: page.stem)
def test_the_commands_of_each_page_work(
    page: Path, tmp_path: Path, environment: dict[str, str]
) -> None:
    """The blocks of a page run in one folder, one after the other."""
    project(tmp_path / "project", page, environment)

    for block in blocks_of(page):
        apply(block, tmp_path / "project", environment)
