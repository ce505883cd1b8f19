"""
Real SDKs take the fake for ECS, and it verifies their signatures.
"""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import subprocess
from collections.abc import Generator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from alibabacloud_ecs20140526 import models
from alibabacloud_ecs20140526.client import Client
from alibabacloud_tea_openapi.models import Config
from aliyunsdkcore.acs_exception.exceptions import ServerException
from aliyunsdkcore.auth.credentials import StsTokenCredential
from aliyunsdkcore.client import AcsClient
from aliyunsdkecs.request.v20140526.AuthorizeSecurityGroupRequest import (
    AuthorizeSecurityGroupRequest,
)
from aliyunsdkecs.request.v20140526.DescribeSecurityGroupAttributeRequest import (
    DescribeSecurityGroupAttributeRequest,
)
from aliyunsdkecs.request.v20140526.RevokeSecurityGroupRequest import (
    RevokeSecurityGroupRequest,
)
from tools.environment import cache_folder

from alicloud_ingress.ecs.client import EcsClient
from alicloud_ingress.ecs.config import Connection
from alicloud_ingress.ecs.credentials import Credentials
from alicloud_ingress.errors import EcsError, RuleNotFoundError
from alicloud_ingress.rules.rule import IngressRule
from alicloud_ingress.testing import FakeEcs

REGION = "cn-hangzhou"
NPM_PACKAGES = ("@alicloud/ecs20140526", "@alicloud/openapi-client")
SSH = IngressRule.parse(
    {"ip_protocol": "tcp", "port_range": 22, "source_cidr_ip": "10.0.0.0/8"}
)


@pytest.fixture
def fake() -> FakeEcs:
    """A fake that knows a permanent and a temporary key."""
    fake = FakeEcs()
    fake.add_key("AK", "secret", account="42")
    fake.add_key("STS.AK", "other", account="42", security_token="token")
    return fake


@dataclass(frozen=True)
class Place:
    """Where the fake is served, and the certificate that its clients need."""

    host: str
    scheme: str
    trusted: str


@pytest.fixture(params=["http", "https"])
def place(
    fake: FakeEcs, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> Generator[Place]:
    """One port, over plain HTTP and over TLS."""
    with fake.serve() as url:
        trusted = str(url.certificate)
        monkeypatch.setenv("SSL_CERT_FILE", trusted)
        yield Place(url.removeprefix("http://"), request.param, trusted)


def our_client(place: Place, key: str, secret: str, token: str = "") -> EcsClient:
    """The provider's client, with the SDK for Python."""
    credentials = Credentials("access_key", key, secret, token)
    connection = Connection(REGION, credentials, timeout_s=10)
    return EcsClient(replace(connection, endpoint=place.host, protocol=place.scheme))


@pytest.mark.parametrize("token", ["", "token"])
def test_the_python_sdk_works_with_the_fake(
    fake: FakeEcs, place: Place, token: str
) -> None:
    """Signature V3, sent without the provider."""
    group = fake.new_group(account="42")
    key, secret = ("STS.AK", "other") if token else ("AK", "secret")
    client: Any = Client(
        Config(
            access_key_id=key,
            access_key_secret=secret,
            security_token=token,
            region_id=REGION,
            endpoint=place.host,
            protocol=place.scheme,
        )
    )
    addressed: dict[str, Any] = {"region_id": REGION, "security_group_id": group}
    permission = models.AuthorizeSecurityGroupEgressRequestPermissions(
        ip_protocol="tcp", port_range="443/443", dest_cidr_ip="10.0.0.0/8"
    )

    client.authorize_security_group_egress(
        models.AuthorizeSecurityGroupEgressRequest(
            **addressed, permissions=[permission]
        )
    )
    described = client.describe_security_group_attribute(
        models.DescribeSecurityGroupAttributeRequest(**addressed)
    )
    (rule,) = described.body.permissions.permission
    client.revoke_security_group_egress(
        models.RevokeSecurityGroupEgressRequest(
            **addressed, security_group_rule_id=[rule.security_group_rule_id]
        )
    )
    made = client.create_security_group(
        models.CreateSecurityGroupRequest(
            region_id=REGION,
            vpc_id="vpc-1",
            security_group_name="web",
            tag=[models.CreateSecurityGroupRequestTag(key="team", value="shop")],
        )
    )

    assert (rule.direction, rule.dest_cidr_ip) == ("egress", "10.0.0.0/8")
    assert fake.rules(group) == {}
    assert fake.groups[made.body.security_group_id].tags == {"team": "shop"}


PLAIN = pytest.mark.parametrize("place", ["http"], indirect=True)
"""
The provider reaches the fake over plain HTTP: it trusts only certificates of public
authorities.
"""


@PLAIN
@pytest.mark.parametrize("keys", [("AK", "secret"), ("STS.AK", "other", "token")])
def test_the_provider_works_with_verified_signatures(
    fake: FakeEcs, place: Place, keys: tuple[str, ...]
) -> None:
    """Signature V3 over query and form, with and without an STS token."""
    group = fake.new_group(account="42")
    client = our_client(place, *keys)
    long = [
        replace(SSH, port_range=f"{port}/{port}", description="ü +~*/" * 80)
        for port in range(101, 131)
    ]

    client.authorize(group, [SSH])
    client.authorize(group, long)
    live = client.describe(group).identical_to(SSH)
    assert live is not None
    client.revoke_by_id(group, [live.rule_id])

    assert client.account_id() == "42"
    assert len(fake.rules(group)) == 30
    with pytest.raises(RuleNotFoundError):
        client.revoke_by_id(group, [live.rule_id])


@PLAIN
@pytest.mark.parametrize(
    ("keys", "code"),
    [
        (("AK", "wrong"), "SignatureDoesNotMatch"),
        (("unknown", "secret"), "InvalidAccessKeyId.NotFound"),
        (("STS.AK", "other"), "MissingSecurityToken"),
        (("STS.AK", "other", "old"), "InvalidSecurityToken.MismatchWithAccessKey"),
    ],
)
def test_the_provider_reports_a_wrong_key(
    fake: FakeEcs, place: Place, keys: tuple[str, ...], code: str
) -> None:
    """The error shows no secret."""
    with pytest.raises(EcsError) as caught:
        our_client(place, *keys).describe(fake.new_group(account="42"))

    assert caught.value.code == code


def older(place: Place, request: Any, group: str, **fields: object) -> Any:
    """Set the address of a request of the older SDK."""
    request.set_endpoint(place.host)
    request.set_protocol_type(place.scheme)
    request.set_SecurityGroupId(group)
    for name, value in fields.items():
        getattr(request, f"set_{name}")(value)
    return request


@pytest.mark.parametrize("token", ["", "token"])
def test_the_older_python_sdk_works_with_the_fake(
    fake: FakeEcs, place: Place, token: str
) -> None:
    """RPC signatures V1, parameters in the query."""
    group = fake.new_group(account="42")
    client: Any = (
        AcsClient(
            region_id=REGION,
            credential=StsTokenCredential("STS.AK", "other", token),
            verify=place.trusted,
        )
        if token
        else AcsClient("AK", "secret", REGION, verify=place.trusted)
    )
    permission = {"IpProtocol": "tcp", "PortRange": "22/22", "Description": "a+b ~*/ü"}
    rules = [{**permission, "SourceCidrIp": "10.0.0.0/8"}]

    def call(request: Any, **fields: object) -> dict[str, Any]:
        answer = client.do_action_with_exception(older(place, request, group, **fields))
        return dict(json.loads(answer))

    call(AuthorizeSecurityGroupRequest(), Permissions=rules)
    shown = call(DescribeSecurityGroupAttributeRequest())
    (rule,) = shown["Permissions"]["Permission"]
    named = {"SecurityGroupRuleIds": [rule["SecurityGroupRuleId"]]}
    call(RevokeSecurityGroupRequest(), **named)

    assert rule["Description"] == "a+b ~*/ü"
    assert fake.rules(group) == {}
    with pytest.raises(ServerException) as caught:
        call(RevokeSecurityGroupRequest(), **named)
    assert caught.value.get_error_code() == "InvalidSecurityGroupRuleId.NotFound"
    assert caught.value.get_http_status() == 404


@pytest.mark.parametrize(
    ("keys", "code"),
    [
        (("AK", "wrong"), "InvalidAccessKeySecret"),
        (("unknown", "secret"), "InvalidAccessKeyId.NotFound"),
    ],
)
def test_the_older_sdk_reports_a_wrong_key(
    fake: FakeEcs, place: Place, keys: tuple[str, str], code: str
) -> None:
    """The SDK itself says that the secret is wrong when both signed the same text."""
    client: Any = AcsClient(*keys, REGION, verify=place.trusted)
    group = fake.new_group(account="42")

    with pytest.raises(ServerException) as caught:
        client.do_action_with_exception(
            older(place, DescribeSecurityGroupAttributeRequest(), group)
        )

    assert caught.value.get_error_code() == code


@pytest.fixture(scope="session")
def node_modules() -> Path:
    """The SDK for JavaScript, installed once into the user's cache."""
    npm = shutil.which("npm")
    if not npm or not shutil.which("node"):
        pytest.skip("node is not installed")
    folder = cache_folder() / "npm"
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        modules = folder / "node_modules"
        if not all((modules / name / "package.json").exists() for name in NPM_PACKAGES):
            quiet = ("--no-package-lock", "--no-audit", "--no-fund", "--silent")
            within = ("--prefix", str(folder), "--cache", str(folder / "cache"))
            command = [npm, "install", *quiet, *within, *NPM_PACKAGES]
            environment = {**os.environ, "NO_UPDATE_NOTIFIER": "1"}
            done = subprocess.run(
                command,
                check=False,
                timeout=300,
                env=environment,
                capture_output=True,
                text=True,
            )
            if done.returncode:
                pytest.skip(f"npm cannot install the SDK: {done.stderr.strip()[:300]}")
    return modules


def in_node(
    node_modules: Path, place: Place, *arguments: str
) -> subprocess.CompletedProcess[str]:
    """Run the JavaScript in this folder."""
    script = str(Path(__file__).with_name("client.cjs"))
    return subprocess.run(
        ["node", script, place.host, place.scheme, *arguments],
        env={
            "PATH": os.environ["PATH"],
            "NODE_PATH": str(node_modules),
            "NODE_EXTRA_CA_CERTS": place.trusted,
        },
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def test_the_javascript_sdk_works_with_the_fake(
    fake: FakeEcs, place: Place, node_modules: Path
) -> None:
    """Another implementation of V3, from another package."""
    group = fake.new_group(account="42")

    done = in_node(node_modules, place, group, "AK", "secret")

    assert done.returncode == 0, done.stderr
    seen = json.loads(done.stdout)
    assert (seen["ipProtocol"], seen["portRange"]) == ("TCP", "22/22")
    assert (seen["left"], seen["code"]) == (0, "InvalidSecurityGroupRuleId.NotFound")


def test_the_javascript_sdk_reports_a_wrong_key(
    fake: FakeEcs, place: Place, node_modules: Path
) -> None:
    """The message is that of the gateway."""
    done = in_node(node_modules, place, fake.new_group(account="42"), "AK", "wrong")

    assert done.returncode == 1
    assert "SignatureDoesNotMatch" in done.stderr
