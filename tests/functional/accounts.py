"""
An account with groups to read, and states that own some of the rules.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from typing import Any

import pytest
from click.testing import CliRunner, Result

from alicloud_ingress.cli.main import main
from alicloud_ingress.testing import FakeEcs, mock_ecs

REGION = "cn-hangzhou"
EXPIRED = "visit [expires 2020-01-31]"
TYPE = "pulumi-python:dynamic/alicloud-ingress:SecurityGroupIngressRule"
PEER_TYPE = "alicloud:ecs/securityGroupRule:SecurityGroupRule"
SET_TYPE = "pulumi-python:dynamic/alicloud-ingress:SecurityGroupIngressRuleSet"
SIGNATURE = "4dabf18193072939515e22adb298388d"
SECRET = {SIGNATURE: "1b47061264138c4ac30d75fd1eb44270", "ciphertext": "v1:x:y"}


@contextmanager
def account() -> Generator[FakeEcs]:
    """A fake in process, and an environment that configures it."""
    with pytest.MonkeyPatch.context() as patch, mock_ecs() as fake:
        patch.setenv("ALIBABA_CLOUD_REGION", REGION)
        patch.setenv("ALIBABA_CLOUD_ACCESS_KEY_ID", "AK")
        patch.setenv("ALIBABA_CLOUD_ACCESS_KEY_SECRET", "a-secret")
        patch.delenv("ALIBABA_CLOUD_ENDPOINT_ECS", raising=False)
        yield fake


def tcp(port: int | str, source: str = "10.0.0.0/8", **more: str) -> dict[str, str]:
    """The fields of a rule."""
    kind = {"sg": "SourceGroupId", "pl": "SourcePrefixListId"}.get(
        source[:2], "Ipv6SourceCidrIp" if ":" in source else "SourceCidrIp"
    )
    ports = f"{port}/{port}" if isinstance(port, int) else port
    return {"IpProtocol": "tcp", "PortRange": ports, kind: source, **more}


def entry(
    name: str, kind: str = TYPE, identity: str = "x", **outputs: Any
) -> dict[str, Any]:
    """An entry of a state."""
    return {
        "urn": f"urn:pulumi:dev::shop::{kind}::{name}",
        "type": kind,
        "id": identity,
        "custom": True,
        "inputs": outputs,
        "outputs": outputs,
    }


def owning(group: str, rule_id: str) -> dict[str, Any]:
    """An entry of this provider's resource that owns a rule by ID."""
    return entry(
        f"r-{rule_id}",
        identity=rule_id,
        security_group_id=group,
        region=REGION,
        ip_protocol="tcp",
        security_group_rule_id=rule_id,
    )


def state(*entries: Mapping[str, Any], **deployment: Any) -> str:
    """What `pulumi stack export` writes."""
    return json.dumps(
        {"version": 3, "deployment": {"resources": list(entries), **deployment}}
    )


def run(*arguments: str) -> Result:
    """Run one command."""
    return CliRunner().invoke(main, [*arguments])


def started(
    url: str, *arguments: str, err: int | None = None
) -> subprocess.Popen[bytes]:
    """A process of `stale` that works on a served fake."""
    environment = {
        **os.environ,
        "ALIBABA_CLOUD_ENDPOINT_ECS": url,
        "ALIBABA_CLOUD_REGION": "cn-hangzhou",
        "ALIBABA_CLOUD_ACCESS_KEY_ID": "AK",
        "ALIBABA_CLOUD_ACCESS_KEY_SECRET": "a-secret",
    }
    program = "from alicloud_ingress.cli.main import main; main()"
    command = [sys.executable, "-c", program, "stale", *arguments]
    return subprocess.Popen(command, env=environment, stderr=err)
