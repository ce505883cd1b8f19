"""
The client sends what the SDK sends, to the letter.
"""

from __future__ import annotations

import hashlib
import re
import socket
import threading
import urllib.parse
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import pytest
from alibabacloud_credentials import models as credentials_models
from alibabacloud_ecs20140526.client import Client
from alibabacloud_tea_openapi import utils_models
from alibabacloud_tea_openapi.utils import Utils
from darabonba.request import DaraRequest
from darabonba.runtime import RuntimeOptions

from alicloud_ingress.ecs.config import Connection, host_of
from alicloud_ingress.ecs.credentials import Credentials
from alicloud_ingress.ecs.gateway import STS_VERSION, Gateway
from alicloud_ingress.ecs.signed_request import ApiCall

MODELS: Any = utils_models  # their annotations do not allow None
CREDENTIALS: Any = credentials_models
KEYS = Credentials("access_key", "AK", "a-secret")
SESSION = Credentials("access_key", "STS.1", "a-secret", "a/token+of==a session")
WHERE = {"RegionId": "cn-hangzhou", "SecurityGroupId": "sg-1"}
TEXT = "Zürich ~ a/b * (c) %41 &=+?#  ü"
ANSWER = (
    b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 18\r\n\r\n"
    b'{"RequestId": "R"}'
)


@dataclass(frozen=True)
class KeysForSdk:
    """Keys, in the form in which the SDK takes those of a program."""

    keys: Credentials

    def get_credential(self) -> Any:
        """The keys."""
        given = self.keys
        return CREDENTIALS.CredentialModel(
            access_key_id=given.access_key_id,
            access_key_secret=given.access_key_secret,
            security_token=given.security_token,
            type="sts" if given.security_token else "access_key",
        )


def client_of(region: str, **settings: object) -> Any:
    """The SDK's client."""
    return Client(MODELS.Config(region_id=region, **settings))


def permissions(count: int) -> dict[str, str]:
    """The parameters of rules, in the order in which the client sends them."""
    return {
        f"Permissions.{number}.{name}": value
        for number in range(1, count + 1)
        for name, value in (
            ("IpProtocol", "tcp"),
            ("PortRange", f"{number}/{number}"),
            ("SourceCidrIp", "10.0.0.0/8"),
            ("Ipv6SourceCidrIp", "2001:db8::/32"),
            ("Description", TEXT),
            ("DestCidrIp", ""),
        )
    }


CALLS = {
    "authorize": ApiCall(
        "AuthorizeSecurityGroup", {**WHERE, "ClientToken": "t-1", **permissions(2)}
    ),
    "authorize in a form": ApiCall(
        "AuthorizeSecurityGroup", {**WHERE, "ClientToken": "t-1", **permissions(100)}
    ),
    "revoke by ID": ApiCall(
        "RevokeSecurityGroup",
        {**WHERE, **{f"SecurityGroupRuleId.{n}": f"sgr-{n}" for n in range(1, 12)}},
    ),
    "revoke by attributes": ApiCall("RevokeSecurityGroup", {**WHERE, **permissions(1)}),
    "modify": ApiCall("ModifySecurityGroupRule", {**WHERE, "Description": ""}),
    "describe": ApiCall(
        "DescribeSecurityGroupAttribute",
        {**WHERE, "Direction": "ingress", "NextToken": "a+b/c=="},
    ),
    "list groups": ApiCall("DescribeSecurityGroups", {"SecurityGroupIds": '["sg-1"]'}),
    "account": ApiCall("GetCallerIdentity", {}, STS_VERSION),
    "assume a role": ApiCall(
        "AssumeRole", {"RoleArn": "acs:ram::42:role/a", "Policy": "{}"}, STS_VERSION
    ),
    "exchange a token": ApiCall("AssumeRoleWithOIDC", {"OIDCToken": TEXT}, STS_VERSION),
}
UNSIGNED = {"exchange a token"}
FORMS = {"authorize in a form", "assume a role", "exchange a token"}


@contextmanager
def recorded() -> Generator[tuple[str, list[bytes]], None, None]:
    """A server that keeps the bytes of each request, and its address."""
    requests: list[bytes] = []
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(10)

        def serve() -> None:
            for _ in range(2):
                connection, _peer = listener.accept()
                with connection:
                    requests.append(whole_request(connection))
                    connection.sendall(ANSWER)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield f"127.0.0.1:{listener.getsockname()[1]}", requests
        thread.join(10)


def whole_request(connection: socket.socket) -> bytes:
    """Read a head, and the body whose length it has."""
    text = b""
    while True:
        text += connection.recv(65_536)
        head, end, body = text.partition(b"\r\n\r\n")
        length = re.search(rb"(?i)content-length: (\d+)", head)
        if end and len(body) >= int(length[1] if length else 0):
            return text


def sent_by_the_sdk(name: str, keys: Credentials, address: str) -> None:
    """Make a call by the SDK's own client."""
    call = CALLS[name]
    client = client_of(
        "cn-hangzhou",
        credential=KeysForSdk(keys),
        endpoint=address,
        user_agent="pulumi-alicloud-ingress",
    )
    parameters = dict(call.parameters)
    is_form = name in FORMS
    client.call_api(
        MODELS.Params(
            action=call.action,
            version=call.version,
            protocol="http",
            pathname="/",
            method="POST",
            auth_type="Anonymous" if name in UNSIGNED else "AK",
            style="RPC",
            req_body_type="formData",
            body_type="json",
        ),
        MODELS.OpenApiRequest(
            body=parameters if is_form else None,
            query=None if is_form else parameters,
        ),
        RuntimeOptions(),
    )


def without_date_and_nonce(request: bytes) -> bytes:
    """What does not differ between two requests of one call."""
    for field in (
        rb"(x-acs-date: )\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ",
        rb"(x-acs-signature-nonce: )[0-9a-f]{32}",
        rb"(,Signature=)[0-9a-f]{64}",
    ):
        request = re.sub(field, rb"\1*", request)
    return request


def signature_by_the_sdk(request: bytes, keys: Credentials) -> str:
    """The header that the SDK's own function gives for a request as it arrived."""
    head, _, body = request.decode().partition("\r\n\r\n")
    target, *lines = head.split("\r\n")
    query = urllib.parse.urlsplit(target.split()[1]).query
    headers = dict(line.split(": ", 1) for line in lines)
    made = DaraRequest()
    made.method, made.pathname = "POST", "/"
    made.query = dict(urllib.parse.parse_qsl(query, keep_blank_values=True))
    signed = re.findall(r"SignedHeaders=([^,]+)", headers["Authorization"])[0]
    made.headers = {name: headers[name] for name in signed.split(";")}
    payload = hashlib.sha256(body.encode()).hexdigest()
    pair = (keys.access_key_id, keys.access_key_secret)
    sdk: Any = Utils
    return str(sdk.get_authorization(made, "ACS3-HMAC-SHA256", payload, *pair))


@pytest.mark.parametrize("keys", [KEYS, SESSION], ids=["keys", "session"])
@pytest.mark.parametrize("name", CALLS)
def test_each_request_is_the_sdks_to_the_letter(name: str, keys: Credentials) -> None:
    """Apart from the date, the nonce and so the signature."""
    with recorded() as (address, requests):
        gateway = Gateway(Connection("cn-hangzhou", keys, address, "http"))
        gateway.send(CALLS[name], 10)
        sent_by_the_sdk(name, keys, address)

    ours, of_sdk = map(without_date_and_nonce, requests)
    assert ours == of_sdk
    assert requests[0] != requests[1]


@pytest.mark.parametrize("keys", [KEYS, SESSION], ids=["keys", "session"])
@pytest.mark.parametrize("name", sorted(CALLS.keys() - UNSIGNED))
def test_each_signature_is_the_sdks(name: str, keys: Credentials) -> None:
    """For the same date and nonce."""
    with recorded() as (address, requests):
        for _ in range(2):
            gateway = Gateway(Connection("cn-hangzhou", keys, address, "http"))
            gateway.send(CALLS[name], 10)

    for request in requests:
        signature = signature_by_the_sdk(request, keys)
        assert f"\r\nAuthorization: {signature}\r\n".encode() in request


@pytest.mark.parametrize(
    "region",
    ["cn-beijing", "eu-central-1", "a-new-region", *client_of("x")._endpoint_map],  # noqa: SLF001 - not public
)
def test_the_host_of_a_region_is_the_sdks(region: str) -> None:
    """It is not looked up in the SDK, whose import takes long."""
    assert host_of(region) == client_of(region)._endpoint  # noqa: SLF001 - not public
