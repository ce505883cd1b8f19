"""
What the client sends again, for how long, and what it reports instead.
"""

from __future__ import annotations

import socket
from dataclasses import replace

import pytest
import stamina

from alicloud_ingress.ecs.client import EcsClient
from alicloud_ingress.ecs.config import Connection
from alicloud_ingress.errors import (
    BatchEntryError,
    EcsError,
    NoAnswerError,
    ServiceFaultError,
    ThrottledError,
    UnreachableError,
)
from functional.client.answers import HTML, KEYS, SSH, connection
from functional.wire import DROPPED, Reply, Wire, refusal, reply

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


def test_a_read_that_fails_says_nothing_of_an_effect(
    server: Wire, client: EcsClient
) -> None:
    """A read has none, so the next step is to try again."""
    server.replies = [Reply(DROPPED)] * 100

    with pytest.raises(NoAnswerError, match="; try again") as caught:
        client.describe("sg-1")

    assert "whether ECS acted" not in str(caught.value)


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
