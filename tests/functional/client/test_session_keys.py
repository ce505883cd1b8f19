"""
STS, roles, tokens, and keys that other services and programs provide.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import responses

from alicloud_ingress.ecs.client import EcsClient
from alicloud_ingress.ecs.config import Connection, resolve
from alicloud_ingress.ecs.credentials import Credentials
from alicloud_ingress.ecs.library_keys import KeysOfLibrary
from alicloud_ingress.ecs.session_keys import Keys
from alicloud_ingress.errors import (
    ConfigurationError,
    CredentialsRefusedError,
    PermissionRefusedError,
    UnreachableError,
)
from functional.client.answers import KEYS, SECRET, SSH, TOKEN, connection
from functional.wire import DROPPED, Reply, Wire, refusal, reply


def test_sts_has_its_own_endpoint() -> None:
    """ECS cannot tell the account."""
    client = EcsClient(Connection("cn-beijing", KEYS))
    with responses.RequestsMock() as mock:
        mock.post(
            "https://sts.cn-beijing.aliyuncs.com/",
            json={"RequestId": "R-1", "AccountId": "42"},
        )

        assert client.account_id() == "42"


SESSION = {
    "AccessKeyId": "STS.1",
    "AccessKeySecret": "a-secret-of-the-session",
    "SecurityToken": "a-token-of-the-session",
    "Expiration": "2999-01-01T00:00:00Z",
}


def with_role(server: Wire, **stack: object) -> EcsClient:
    """A client of a stack with these keys, whose STS is the server, too."""
    settings = {
        "alicloud:region": "cn-hangzhou",
        "alicloud:accessKey": "AK",
        "alicloud:secretKey": SECRET,
        **{f"alicloud:{key}": json.dumps(value) for key, value in stack.items()},
    }
    environ = {"ALIBABA_CLOUD_ENDPOINT_ECS": server.url}
    return EcsClient(resolve(settings.get, environ))


def test_a_role_is_assumed_once_and_signs_the_calls(server: Wire) -> None:
    """By the keys of the stack, at the STS of the fake."""
    server.replies = [reply(Credentials=SESSION), reply()]
    client = with_role(server, assumeRole={"roleArn": "acs:ram::42:role/a"})

    for _ in range(2):
        client.authorize("sg-1", [SSH])

    assume, *writes = server.requests
    assert assume.action == "AssumeRole"
    assert assume.parameters["RoleArn"] == "acs:ram::42:role/a"
    assert "Credential=AK," in assume.headers["authorization"]
    assert [write.action for write in writes] == ["AuthorizeSecurityGroup"] * 2
    for write in writes:
        assert "Credential=STS.1," in write.headers["authorization"]
        assert write.headers["x-acs-security-token"] == SESSION["SecurityToken"]


def test_a_session_is_renewed_before_it_expires(server: Wire) -> None:
    ended = {**SESSION, "Expiration": "2001-01-01T00:00:00Z"}
    server.replies = [reply(Credentials=ended), reply(), reply(Credentials=SESSION)]
    server.replies.append(reply())
    client = with_role(server, assumeRole={"roleArn": "acs:ram::42:role/a"})

    for _ in range(3):
        client.authorize("sg-1", [SSH])

    actions = [request.action for request in server.requests]
    assert actions.count("AssumeRole") == 2


@pytest.mark.parametrize("where", ["oidcToken", "oidcTokenFile"])
def test_a_token_is_exchanged_in_the_body_unsigned(
    server: Wire, tmp_path: Path, where: str
) -> None:
    """URLs are written into the logs of proxies."""
    file = tmp_path / "token"
    file.write_text(f"{TOKEN}\n")
    server.replies = [reply(Credentials=SESSION), reply()]
    block = {
        "oidcProviderArn": "acs:ram::42:oidc-provider/ci",
        "roleArn": "acs:ram::42:role/a",
        where: TOKEN if where == "oidcToken" else str(file),
    }

    with_role(server, assumeRoleWithOidc=block).authorize("sg-1", [SSH])

    exchange, write = server.requests
    assert exchange.action == "AssumeRoleWithOIDC"
    assert exchange.parameters["OIDCToken"] == TOKEN
    assert TOKEN not in exchange.target
    assert "authorization" not in exchange.headers
    assert "Credential=STS.1," in write.headers["authorization"]


def test_a_refused_role_is_reported_without_retry(server: Wire) -> None:
    """As a refusal of STS, with the missing action."""
    server.replies = [refusal(403, "NoPermission", f"not you, {SECRET}")]
    client = with_role(server, assumeRole={"roleArn": "acs:ram::42:role/a"})

    with pytest.raises(PermissionRefusedError, match="sts:AssumeRole") as caught:
        client.authorize("sg-1", [SSH])

    assert SECRET not in str(caught.value)
    assert len(server.requests) == 1


def test_no_error_holds_a_token_from_a_file(server: Wire, tmp_path: Path) -> None:
    """Even if STS repeats it."""
    file = tmp_path / "token"
    file.write_text(TOKEN)
    server.replies = [refusal(400, "AuthenticationFail.Token.Invalid", f"{TOKEN}?")]
    block = {
        "oidcProviderArn": "acs:ram::42:oidc-provider/ci",
        "roleArn": "acs:ram::42:role/a",
        "oidcTokenFile": str(file),
    }

    with pytest.raises(CredentialsRefusedError, match="secret") as caught:
        with_role(server, assumeRoleWithOidc=block).authorize("sg-1", [SSH])

    assert TOKEN not in str(caught.value)


def test_no_answer_from_sts_allows_a_retry(server: Wire) -> None:
    """ECS received nothing, so the write may be sent again."""
    server.replies = [Reply(DROPPED), reply(), reply(Credentials=SESSION), reply()]
    client = with_role(server, assumeRole={"roleArn": "acs:ram::42:role/a"})

    client.authorize("sg-1", [SSH])

    assert [r.action for r in server.requests][-2:] == [
        "AssumeRole",
        "AuthorizeSecurityGroup",
    ]


@pytest.mark.parametrize(
    "answer", [Reply(DROPPED), refusal(503, "ServiceUnavailable", "later")]
)
@pytest.mark.parametrize(
    "stack", [{"assumeRole": {"roleArn": "acs:ram::42:role/a"}}, {"accountId": "42"}]
)
def test_a_write_that_waits_for_sts_is_not_sent(
    server: Wire, answer: Reply, stack: dict[str, object]
) -> None:
    """So nothing has to be read or taken back."""
    server.replies = [answer] * 100

    with pytest.raises(UnreachableError):
        with_role(server, **stack).authorize("sg-1", [SSH])

    assert not any(r.action.startswith("Authorize") for r in server.requests)


def test_credentials_can_come_from_a_url(
    server: Wire, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By the SDK's library, and without a proxy if it is on this machine."""
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    server.replies = [Reply(body=json.dumps({"Code": "Success", **SESSION})), reply()]
    settings = {
        "alicloud:region": "cn-hangzhou",
        "alicloud:credentialsUri": f"{server.url}/keys",
    }
    environ = {"ALIBABA_CLOUD_ENDPOINT_ECS": server.url}

    EcsClient(resolve(settings.get, environ)).authorize("sg-1", [SSH])

    assert server.requests[0].target == "/keys"
    assert "Credential=STS.1," in server.requests[1].headers["authorization"]


def test_a_profile_can_name_a_program_for_credentials(
    server: Wire, tmp_path: Path
) -> None:
    """Mode External of the aliyun CLI, and so CloudSSO and OAuth: by the library."""
    given = {
        "mode": "StsToken",
        "access_key_id": "EXT",
        "access_key_secret": SECRET,
        "sts_token": TOKEN,
        "expiration": "2999-01-01T00:00:00Z",
    }
    (tmp_path / "given.json").write_text(json.dumps(given))
    command = f"cat {tmp_path}/given.json"
    profile = {"name": "e", "mode": "External", "process_command": command}
    file = tmp_path / "config.json"
    file.write_text(json.dumps({"current": "e", "profiles": [profile]}))
    settings = {
        "alicloud:region": "cn-hangzhou",
        "alicloud:profile": "e",
        "alicloud:sharedCredentialsFile": str(file),
    }
    environ = {"ALIBABA_CLOUD_ENDPOINT_ECS": server.url}

    EcsClient(resolve(settings.get, environ)).authorize("sg-1", [SSH])

    assert "Credential=EXT," in server.requests[0].headers["authorization"]


class Hiccup:
    """Keys of an instance's role, whose service fails once in a while."""

    def __init__(self) -> None:
        self.asked = 0

    def get_credential(self) -> Keys:
        """Fail every second time."""
        self.asked += 1
        if self.asked == 2:
            raise TimeoutError(SECRET)
        return Keys("AK", SECRET)


def test_a_failed_renewal_of_keys_is_retried(server: Wire) -> None:
    """A run in progress does not fail with half of its work undone."""
    client = EcsClient(connection(server))
    source = KeysOfLibrary(Credentials("ecs_ram_role", source="alicloud:ecsRoleName"))
    vars(source)["_found"] = service = Hiccup()
    gateway = vars(client)["_gateway"]
    client.authorize("sg-1", [SSH])
    vars(gateway)["_source"] = source.keys

    for _ in range(2):
        client.authorize("sg-1", [SSH])

    assert service.asked == 3
    assert len(server.requests) == 3


def test_a_credentials_url_may_omit_its_port() -> None:
    """The SDK's library alone would use the port `None`."""
    settings = {
        "alicloud:region": "cn-hangzhou",
        "alicloud:credentialsUri": "http://keys.example.org/keys",
    }
    with responses.RequestsMock() as mock:
        mock.get("http://keys.example.org/keys", json={"Code": "Success", **SESSION})
        mock.post("https://ecs-cn-hangzhou.aliyuncs.com/", json={"RequestId": "R-1"})

        EcsClient(resolve(settings.get, {})).authorize("sg-1", [SSH])

        assert "Credential=STS.1," in mock.calls[1].request.headers["authorization"]


def test_missing_credentials_say_what_to_run(server: Wire) -> None:
    """The error has nothing of what the library tried."""
    server.replies = [Reply(500, f"{SECRET}")]
    settings = {
        "alicloud:region": "cn-hangzhou",
        "alicloud:credentialsUri": f"{server.url}/keys",
    }
    client = EcsClient(resolve(settings.get, {}))

    with pytest.raises(ConfigurationError, match="run `aliyun configure`") as caught:
        client.authorize("sg-1", [SSH])

    assert SECRET not in str(caught.value)
