"""
The client with answers that a fake of ECS never gives.
"""

from __future__ import annotations

import json
import logging
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest
import responses
import stamina

from alicloud_ingress.ecs.batching import MAX_ENTRIES
from alicloud_ingress.ecs.client import EcsClient, warm_up
from alicloud_ingress.ecs.config import Connection, resolve
from alicloud_ingress.ecs.credentials import Credentials
from alicloud_ingress.ecs.library_keys import KeysOfLibrary
from alicloud_ingress.ecs.session_keys import Keys
from alicloud_ingress.errors import (
    BatchEntryError,
    ConfigurationError,
    CredentialsRefusedError,
    EcsError,
    NoAnswerError,
    PermissionRefusedError,
    ServiceFaultError,
    ThrottledError,
    UnreachableError,
    WrongAccountError,
)
from alicloud_ingress.rules.rule import IngressRule
from alicloud_ingress.testing import FakeEcs
from functional.wire import DROPPED, Reply, Wire, refusal, reply, wire

SECRET = "a-secret-that-is-never-shown"
TOKEN = "a-token-that-is-never-shown"
KEYS = Credentials("sts", "AK", SECRET, TOKEN, source="alicloud:accessKey")
SSH = IngressRule.parse(
    {"ip_protocol": "tcp", "port_range": 22, "source_cidr_ip": "10.0.0.0/8"}
)
PERMISSION = {
    "SecurityGroupRuleId": "sgr-1",
    "IpProtocol": "TCP",
    "PortRange": "22/22",
    "SourceCidrIp": "10.0.0.0/8",
    "Policy": "Accept",
    "Priority": 1,
    "Direction": "ingress",
    "NeverHeardOf": {"it": 1},
}
HTML = "<html><body>Bad Gateway</body></html>"
NO_ANSWERS = {
    "HTML": Reply(502, HTML),
    "HTML with 200": Reply(200, HTML),
    "empty": Reply(503, ""),
    "null": Reply(200, "null"),
    "a list": Reply(200, "[]"),
    "no RequestId": Reply(200, "{}"),
    "an error without a code": Reply(400, '{"RequestId": "R-1"}'),
    "dropped": Reply(DROPPED),
}


@pytest.fixture(autouse=True)
def no_waiting() -> Iterator[None]:
    """Retries follow at once, three attempts at most."""
    with stamina.set_testing(testing=True, attempts=3):
        yield


@pytest.fixture
def server() -> Iterator[Wire]:
    """The server, for one test."""
    with wire() as served:
        yield served


@pytest.fixture
def client(server: Wire) -> EcsClient:
    """A client that reaches it."""
    return EcsClient(connection(server))


def connection(server: Wire) -> Connection:
    """The address of the server, as a connection."""
    return Connection("cn-hangzhou", KEYS, server.endpoint, "http")


def described(*permissions: object, **more: object) -> Reply:
    """A page of DescribeSecurityGroupAttribute."""
    return reply(
        SecurityGroupId="sg-1",
        VpcId="vpc-1",
        Permissions={"Permission": permissions},
        **more,
    )


@pytest.mark.parametrize("kind", NO_ANSWERS)
def test_a_read_without_an_answer_is_sent_again(
    server: Wire, client: EcsClient, kind: str
) -> None:
    """A second read has no effect."""
    server.replies = [NO_ANSWERS[kind], described(PERMISSION)]

    (live,) = client.describe("sg-1").rules

    assert live.rule == SSH
    assert len(server.requests) == 2


@pytest.mark.parametrize("kind", NO_ANSWERS)
def test_a_write_without_an_answer_is_reported(
    server: Wire, client: EcsClient, kind: str
) -> None:
    """Only a read of the group shows whether ECS executed it."""
    server.replies = [NO_ANSWERS[kind]]

    for write in (client.authorize, client.revoke_by_attributes):
        server.requests.clear()
        with pytest.raises(NoAnswerError, match="not known whether ECS acted"):
            write("sg-1", [SSH])
        assert len(server.requests) == 1


def test_the_status_of_an_unreadable_answer_is_reported(
    server: Wire, client: EcsClient
) -> None:
    """The SDK drops it."""
    server.replies = [Reply(502, HTML)]

    with pytest.raises(NoAnswerError, match="HTTP 502"):
        client.authorize("sg-1", [SSH])


def test_writes_by_id_are_sent_again_without_an_answer(
    server: Wire, client: EcsClient
) -> None:
    """With the same token; "not found" then means that the first one succeeded."""
    gone = refusal(404, "InvalidSecurityGroupRuleId.NotFound")
    server.replies = [Reply(DROPPED), gone]

    client.revoke_by_id("sg-1", ["sgr-1"])

    first, second = server.requests
    assert first.parameters["ClientToken"] == second.parameters["ClientToken"]
    assert (
        first.headers["x-acs-signature-nonce"]
        != second.headers["x-acs-signature-nonce"]
    )


def test_each_call_has_a_new_and_valid_client_token(
    server: Wire, client: EcsClient
) -> None:
    """At most 64 characters of ASCII."""
    for _ in range(2):
        client.authorize("sg-1", [SSH])

    tokens = {request.parameters["ClientToken"] for request in server.requests}
    assert len(tokens) == 2
    assert all(token.isascii() and len(token) <= 64 for token in tokens)


@pytest.mark.parametrize(
    "page",
    [
        reply(SecurityGroupId="sg-1"),
        reply(SecurityGroupId="sg-1", Permissions=[]),
        reply(SecurityGroupId="sg-1", Permissions={"Permission": None}),
        reply(SecurityGroupId="sg-1", Permissions={"Permission": ["x"]}),
        reply(SecurityGroupId="sg-2", Permissions={"Permission": []}),
        described({}),
        described({**PERMISSION, "Policy": None}),
        described({**PERMISSION, "Priority": "soon"}),
        described({**PERMISSION, "IpProtocol": ""}),
    ],
)
def test_a_broken_answer_is_never_no_rules(
    server: Wire, client: EcsClient, page: Reply
) -> None:
    """The read is repeated, and then it is an error."""
    server.replies = [page]

    with pytest.raises(NoAnswerError, match="BrokenAnswer"):
        client.describe("sg-1")

    assert len(server.requests) == 3


@pytest.mark.parametrize(("token", "rule_id"), [("the same", ""), ("another", "sgr-1")])
def test_a_repeated_page_is_an_error(
    server: Wire, client: EcsClient, token: str, rule_id: str
) -> None:
    """By its token, or by its rules: paging would never end."""
    permission = {**PERMISSION, "SecurityGroupRuleId": rule_id}
    server.replies = [
        described(permission, NextToken="the same"),
        described(permission, NextToken=token),
    ]

    with pytest.raises(NoAnswerError, match="a page came twice"):
        client.describe("sg-1")

    assert len(server.requests) == 2


@pytest.mark.parametrize("status", [200, 400, 403, 500, 503])
def test_the_code_decides_not_the_status(
    server: Wire, client: EcsClient, status: int
) -> None:
    """One code has several statuses."""
    server.replies = [refusal(status, "InvalidParam.PortRange")]

    with pytest.raises(BatchEntryError):
        client.authorize("sg-1", [SSH])

    assert len(server.requests) == 1


def test_an_unknown_server_error_is_retried(server: Wire, client: EcsClient) -> None:
    """A 5xx with an unknown code; a 4xx with one is reported at once."""
    server.replies = [refusal(500, "NeverHeardOf.It"), reply()]
    client.authorize("sg-1", [SSH])
    assert len(server.requests) == 2

    server.replies = [refusal(500, "NeverHeardOf.It")]
    with pytest.raises(ServiceFaultError):
        client.authorize("sg-1", [SSH])
    server.replies = [refusal(400, "NeverHeardOf.It")]
    with pytest.raises(EcsError) as caught:
        client.authorize("sg-1", [SSH])
    assert type(caught.value) is EcsError


def test_the_client_waits_as_long_as_the_answer_says(
    server: Wire, client: EcsClient
) -> None:
    """In milliseconds, as the SDK reads it."""
    throttled = refusal(400, "Throttling.User")
    server.replies = [replace(throttled, headers={"x-acs-retry-after": "2500"})]

    with pytest.raises(ThrottledError) as caught:
        client.authorize("sg-1", [SSH])

    assert caught.value.retry_after_s == 2.5


def test_the_deadline_ends_the_retries(server: Wire) -> None:
    """A wait that would exceed it does not begin."""
    server.replies = [
        replace(refusal(400, "Throttling.User"), headers={"x-acs-retry-after": "50000"})
    ]
    hasty = EcsClient(replace(connection(server), timeout_s=30))

    with stamina.set_testing(testing=False), pytest.raises(ThrottledError):
        hasty.authorize("sg-1", [SSH])

    assert len(server.requests) == 1


def test_an_attempt_ends_with_the_deadline(server: Wire) -> None:
    """Even if one attempt alone may take ten seconds."""
    server.replies = [Reply(after_s=3)]
    hasty = EcsClient(replace(connection(server), timeout_s=1))

    with pytest.raises(NoAnswerError, match="no answer came in time"):
        hasty.authorize("sg-1", [SSH])


def test_an_unsent_call_is_retried_and_reported_as_unsent() -> None:
    """A refused connection: the call had no effect."""
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        endpoint = f"127.0.0.1:{closed.getsockname()[1]}"
    client = EcsClient(Connection("cn-hangzhou", KEYS, endpoint, "http"))

    with pytest.raises(UnreachableError, match="the connection was refused"):
        client.authorize("sg-1", [SSH])


def test_a_url_that_is_too_long_is_sent_as_form(
    server: Wire, client: EcsClient
) -> None:
    """The gateway's limit is not documented: its 414 decides."""
    server.replies = [Reply(414, HTML), reply()]

    client.authorize("sg-1", [SSH])

    as_url, as_form = server.requests
    assert not as_url.in_body
    assert as_form.in_body
    assert as_form.target == "/"
    assert as_url.parameters == as_form.parameters


def test_a_redirect_is_not_followed(server: Wire, client: EcsClient) -> None:
    """It would send signed parameters to an unknown server."""
    with wire() as elsewhere:
        server.replies = [Reply(307, "", {"location": f"{elsewhere.url}/"})]

        with pytest.raises(NoAnswerError, match=r"redirect to 127\.0\.0\.1"):
            client.authorize("sg-1", [SSH])

        assert elsewhere.requests == []


def test_no_proxy_is_used_for_this_machine(
    server: Wire, client: EcsClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The environment of the process does not change."""
    with wire() as proxy:
        monkeypatch.setenv("HTTP_PROXY", proxy.url)
        monkeypatch.setenv("http_proxy", proxy.url)
        monkeypatch.delenv("NO_PROXY", raising=False)
        monkeypatch.delenv("no_proxy", raising=False)

        client.authorize("sg-1", [SSH])

        assert (len(server.requests), len(proxy.requests)) == (1, 0)
        assert os.environ["HTTP_PROXY"] == proxy.url


def test_the_environments_proxy_is_used_except_for_no_proxy(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """As in other programs."""
    away = Connection("cn-hangzhou", KEYS, "ecs.invalid", "http")
    with wire() as proxy:
        monkeypatch.setenv("http_proxy", proxy.url)
        monkeypatch.setenv("no_proxy", "elsewhere.invalid")
        EcsClient(away).authorize("sg-1", [SSH])
        assert proxy.requests[0].target.startswith("http://ecs.invalid/?")

        monkeypatch.setenv("no_proxy", ".invalid")
        with pytest.raises(UnreachableError):
            EcsClient(away).authorize("sg-1", [SSH])
        assert len(proxy.requests) == 1


def test_an_untrusted_certificate_ends_the_call() -> None:
    """TLS is verified: a server without it is not ECS."""
    with wire() as plain:
        client = EcsClient(Connection("cn-hangzhou", KEYS, plain.endpoint, "https"))

        with pytest.raises(UnreachableError, match="TLS"):
            client.authorize("sg-1", [SSH])


@pytest.mark.parametrize("variable", ["SSL_CERT_FILE", "REQUESTS_CA_BUNDLE"])
def test_a_certificate_authority_in_the_environment_is_trusted(
    variable: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As behind a company's proxy, or for the fake over TLS."""
    for name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE"):
        monkeypatch.delenv(name, raising=False)
    fake = FakeEcs()
    group = fake.new_group()
    with fake.serve() as url:
        endpoint = url.https.removeprefix("https://")
        client = EcsClient(Connection("cn-hangzhou", KEYS, endpoint, "https"))
        with pytest.raises(UnreachableError, match="TLS"):
            client.describe(group)
        monkeypatch.setenv(variable, str(url.certificate))

        assert client.describe(group).rules == ()


def test_errors_hide_a_secret_that_the_server_echoes(
    server: Wire, client: EcsClient
) -> None:
    """Control characters are removed as well."""
    echo = f"\x1b[2J signed with {SECRET} and {TOKEN}"
    server.replies = [refusal(403, "SignatureDoesNotMatch", echo)]

    with pytest.raises(CredentialsRefusedError) as caught:
        client.authorize("sg-1", [SSH])

    assert "signed with [secret] and [secret]" in str(caught.value)
    assert "credentials: alicloud:accessKey" in str(caught.value)
    assert "\x1b" not in str(caught.value)


def test_the_log_holds_no_secret(
    server: Wire,
    client: EcsClient,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
) -> None:
    """Not even with DEBUG=sdk; it has the calls and their results."""
    monkeypatch.setenv("DEBUG", "sdk")
    caplog.set_level(logging.DEBUG)
    caplog.set_level(logging.DEBUG, "alicloud_ingress")

    client.authorize("sg-1", [SSH])
    server.replies = [refusal(400, "Throttling"), reply()]
    client.authorize("sg-1", [SSH])

    shown = caplog.text + "".join(capfd.readouterr())
    for secret in (SECRET, TOKEN, "ACS3-HMAC-SHA256"):
        assert secret not in shown
    ours = [r.getMessage() for r in caplog.records if r.name == "alicloud_ingress"]
    assert "AuthorizeSecurityGroup sg-1 in cn-hangzhou: ok, attempt 1" in ours[0]
    assert "Throttling, attempt 1" in ours[1]
    assert "ok, attempt 2" in ours[2]
    assert os.environ["DEBUG"] == "sdk"


def test_the_sdk_still_logs_for_other_clients(
    caplog: pytest.LogCaptureFixture, client: EcsClient
) -> None:
    """Only the calls of this client are kept out of the log."""
    client.authorize("sg-1", [SSH])
    caplog.set_level(logging.DEBUG)

    logging.getLogger("darabonba-core").debug("of somebody else")

    assert "of somebody else" in caplog.text


def test_many_threads_share_a_client(server: Wire, client: EcsClient) -> None:
    """Its first call included, with no more connections than threads."""
    start = threading.Barrier(32)

    def write(_: int) -> None:
        start.wait()
        for _ in range(5):
            client.authorize("sg-1", [SSH])

    warm_up()
    with ThreadPoolExecutor(32) as pool:
        list(pool.map(write, range(32)))

    assert len({r.parameters["ClientToken"] for r in server.requests}) == 160
    nonces = {r.headers["x-acs-signature-nonce"] for r in server.requests}
    assert len(nonces) == 160


def test_the_first_call_or_a_preload_imports_the_sdk() -> None:
    """Check and diff do not wait half a second for it."""
    program = """
import sys, threading
from alicloud_ingress import resource
from alicloud_ingress.ecs import client
sdk = ("alibabacloud_ecs20140526", "darabonba", "requests")
assert not [name for name in sdk if name in sys.modules], "imported too early"
client.warm_up()
for thread in threading.enumerate():
    if thread.name == "import-sdk":
        thread.join()
assert not [name for name in sdk if name not in sys.modules], "not imported"
"""

    subprocess.run([sys.executable, "-c", program], check=True, timeout=60)


def test_a_duplicate_in_a_batch_is_sent_once(server: Wire, client: EcsClient) -> None:
    """ECS would refuse the whole batch."""
    duplicate = replace(SSH, description="another remark")
    client.authorize("sg-1", [SSH, duplicate])
    client.revoke_by_id("sg-1", ["sgr-1", "sgr-1"])

    rules, ids = server.requests
    assert not [name for name in rules.parameters if ".2." in name]
    assert "SecurityGroupRuleId.2" not in ids.parameters


@pytest.mark.parametrize("number", [0, MAX_ENTRIES + 1])
def test_a_batch_of_an_invalid_size_is_an_error(client: EcsClient, number: int) -> None:
    """The caller learns it before a call."""
    ids = [f"sgr-{n}" for n in range(number)]

    with pytest.raises(ValueError, match="one call takes 1 to 100"):
        client.revoke_by_id("sg-1", ids)


def test_groups_are_listed_to_the_last_page(server: Wire, client: EcsClient) -> None:
    """With what is known without reading their rules."""
    shown = {
        "SecurityGroupId": "sg-1",
        "SecurityGroupName": "web",
        "SecurityGroupType": "enterprise",
        "VpcId": "vpc-1",
        "ServiceManaged": True,
        "RuleCount": 3,
    }
    server.replies = [
        reply(SecurityGroups={"SecurityGroup": [shown]}, NextToken="t"),
        reply(SecurityGroups={"SecurityGroup": [{"SecurityGroupId": "sg-2"}]}),
    ]

    first, second = client.describe_groups()

    assert (first.name, first.group_type, first.rule_count) == ("web", "enterprise", 3)
    assert first.service_managed
    assert (second.group_id, second.rule_count) == ("sg-2", None)
    assert server.requests[1].parameters["NextToken"] == "t"


def test_groups_are_read_100_at_a_time(server: Wire, client: EcsClient) -> None:
    """Each batch as the JSON that ECS expects."""
    server.replies = [reply(SecurityGroups={"SecurityGroup": []})]

    assert list(client.describe_groups([f"sg-{n}" for n in range(150)])) == []

    batches = [json.loads(r.parameters["SecurityGroupIds"]) for r in server.requests]
    assert [len(batch) for batch in batches] == [100, 50]


@pytest.mark.parametrize("groups", ["null", "[]", '{"SecurityGroup": [{}]}'])
def test_a_broken_list_is_never_no_groups(
    server: Wire, client: EcsClient, groups: str
) -> None:
    """A group would be taken for deleted."""
    server.replies = [reply(SecurityGroups=json.loads(groups))]

    with pytest.raises(NoAnswerError, match="BrokenAnswer"):
        client.group_exists("sg-1")


def test_existing_prefix_lists_are_reported(server: Wire, client: EcsClient) -> None:
    """Over all pages, and only those that were asked for."""
    server.replies = [
        reply(
            PrefixLists={"PrefixList": [{"PrefixListId": "pl-1"}]},
            NextToken="t",
        ),
        reply(
            PrefixLists={
                "PrefixList": [{"PrefixListId": "pl-2"}, {"PrefixListId": "pl-9"}]
            }
        ),
    ]

    found = client.existing_prefix_lists(["pl-1", "pl-2", "pl-3"])

    assert found == {"pl-1", "pl-2"}
    assert server.requests[0].parameters["PrefixListId.3"] == "pl-3"


def test_the_wrong_account_writes_nothing(server: Wire) -> None:
    """`alicloud:accountId` is compared before the first write."""
    server.replies = [reply(AccountId="13")]
    client = EcsClient(replace(connection(server), expected_account_id="42"))

    with pytest.raises(WrongAccountError, match=r"account 13.*expects 42"):
        client.authorize("sg-1", [SSH])

    assert [request.action for request in server.requests] == ["GetCallerIdentity"]


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
    sdk = vars(client)["_sdk"]
    client.authorize("sg-1", [SSH])
    vars(sdk)["_source"] = source

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
