"""
URLs, proxies, certificates and connections.
"""

from __future__ import annotations

import os
import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from urllib3.connection import HTTPConnection
from urllib3.connectionpool import HTTPConnectionPool

from alicloud_ingress.ecs.client import EcsClient, warm_up
from alicloud_ingress.ecs.config import Connection
from alicloud_ingress.ecs.timed_reads import timed
from alicloud_ingress.errors import (
    NoAnswerError,
    NotTrustedError,
    ProxyNotValidError,
    UnreachableError,
)
from alicloud_ingress.testing import FakeEcs
from alicloud_ingress.testing.server import Certificate
from functional.client.answers import HTML, KEYS, SSH, connection
from functional.wire import DROPPED, Reply, Wire, reply, wire

CERTIFICATE_SETTINGS = ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE")


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


@pytest.mark.parametrize("whole", [20, 500], ids=["head", "body"])
def test_an_answer_that_trickles_ends_at_the_timeout(whole: int, server: Wire) -> None:
    """The timeout of a socket is for each part: such an answer never exceeds it."""
    server.replies = [replace(reply(Padding=1_000 * "x"), whole=whole)]
    client = EcsClient(replace(connection(server), timeout_s=1))
    began = time.monotonic()

    with pytest.raises(NoAnswerError, match="no answer came in time"):
        client.authorize("sg-1", [SSH])

    assert time.monotonic() - began < 3
    assert len(server.requests) == 1


def test_a_group_is_dated_by_the_head_of_its_answer(server: Wire) -> None:
    """Its rules were read when ECS sent that, however long the body takes."""
    body: dict[str, Any] = {
        "SecurityGroupId": "sg-1",
        "VpcId": "vpc-1",
        "Permissions": {"Permission": []},
    }
    server.replies = [replace(reply(**body, Padding=100 * "x"), whole=300)]

    group = EcsClient(connection(server)).describe("sg-1")

    assert time.monotonic() - group.read_s > 0.5


def test_each_class_of_pools_keeps_what_it_adds() -> None:
    """Those for a SOCKS proxy have arguments of their own."""

    class ProxyConnection(HTTPConnection):
        pass

    class ProxyPool(HTTPConnectionPool):
        ConnectionCls: Any = ProxyConnection

    pool = timed(ProxyPool)

    assert issubclass(pool, ProxyPool)
    assert issubclass(pool.ConnectionCls, ProxyConnection)
    assert timed(pool) is pool is timed(ProxyPool)


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


def test_a_call_that_a_proxy_drops_may_have_been_sent(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Its outcome is unknown, though urllib3 says that the proxy was not reached."""
    with wire() as proxy:
        proxy.replies = [Reply(DROPPED)]
        monkeypatch.setenv("http_proxy", proxy.url)
        address = Connection("cn-hangzhou", KEYS, "ecs.invalid", "http", timeout_s=1)

        with pytest.raises(NoAnswerError, match="the connection broke"):
            EcsClient(address).authorize("sg-1", [SSH])

        assert proxy.requests


@pytest.mark.parametrize("address", ["http://a b:80", "http://", "ftp://proxy"])
def test_an_impossible_proxy_fails_a_call_at_once(
    address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is sent, so no write has an unknown outcome."""
    monkeypatch.setenv("http_proxy", address)
    ecs = Connection("cn-hangzhou", KEYS, "ecs.invalid", "http", timeout_s=60)

    with pytest.raises(ProxyNotValidError, match="HTTPS_PROXY or HTTP_PROXY"):
        EcsClient(ecs).authorize("sg-1", [SSH])


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_a_call_that_reaches_no_proxy_was_not_sent(
    scheme: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing listens there, or something that is not a proxy."""
    with wire() as no_proxy:
        address = no_proxy.url.replace("http:", f"{scheme}:")
        monkeypatch.setenv("https_proxy", address)
        ecs = Connection("cn-hangzhou", KEYS, "ecs.invalid", "https", timeout_s=1)

        with pytest.raises(UnreachableError, match="the proxy cannot be reached"):
            EcsClient(ecs).authorize("sg-1", [SSH])


def test_an_untrusted_certificate_ends_the_call() -> None:
    """TLS is verified: a server without it is not ECS."""
    with wire() as plain:
        client = EcsClient(Connection("cn-hangzhou", KEYS, plain.endpoint, "https"))

        with pytest.raises(UnreachableError, match="TLS"):
            client.authorize("sg-1", [SSH])


def test_an_untrusted_certificate_is_tried_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Waiting does not help: a person has to name its authority."""
    for name in CERTIFICATE_SETTINGS:
        monkeypatch.delenv(name, raising=False)
    with (
        closing(Certificate("127.0.0.1", None, None)) as certificate,
        socket.create_server(("127.0.0.1", 0)) as server,
        ThreadPoolExecutor() as pool,
    ):
        server.settimeout(1)

        def handshakes() -> int:
            for number in count():
                try:
                    connected, _ = server.accept()
                    with certificate.context.wrap_socket(connected, server_side=True):
                        pass
                except TimeoutError:
                    return number
                except OSError:
                    continue
            raise AssertionError

        begun = pool.submit(handshakes)
        endpoint = f"127.0.0.1:{server.getsockname()[1]}"
        client = EcsClient(Connection("cn-hangzhou", KEYS, endpoint, "https"))

        with pytest.raises(NotTrustedError, match=r"issuer.*SSL_CERT_FILE"):
            client.authorize("sg-1", [SSH])

        assert begun.result() == 1


@pytest.mark.parametrize("variable", CERTIFICATE_SETTINGS)
@pytest.mark.parametrize("content", [None, "", "no certificate"])
def test_a_file_of_authorities_that_cannot_be_read_is_reported(
    variable: str,
    content: str | None,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Nothing is sent, so the outcome of the call is known."""
    for name in CERTIFICATE_SETTINGS:
        monkeypatch.delenv(name, raising=False)
    file = tmp_path / "ca.pem"
    if content is not None:
        file.write_text(content)
    monkeypatch.setenv(variable, str(file))
    with FakeEcs().serve() as url:
        endpoint = url.https.removeprefix("https://")
        client = EcsClient(Connection("cn-hangzhou", KEYS, endpoint, "https"))

        with pytest.raises(NotTrustedError, match=r"cannot be read.*SSL_CERT_FILE"):
            client.authorize("sg-1", [SSH])


@pytest.mark.parametrize(
    "raw",
    [b"HTTP/1.1 502 Bad Gateway\r\n\r\n", b"\x17\x03\x03\x00\x20" + 32 * b"x"],
    ids=["plain text", "a bad record"],
)
def test_tls_that_breaks_after_the_request_is_no_answer(
    raw: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """ECS may have carried the call out."""
    received: list[bytes] = []

    def answer() -> None:
        connected, _ = server.accept()
        with certificate.context.wrap_socket(connected, server_side=True) as tls:
            received.append(tls.recv(65536))
            os.write(tls.fileno(), raw)

    with (
        closing(Certificate("127.0.0.1", None, None)) as certificate,
        socket.create_server(("127.0.0.1", 0)) as server,
        ThreadPoolExecutor() as pool,
    ):
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(certificate.path))
        answered = pool.submit(answer)
        endpoint = f"127.0.0.1:{server.getsockname()[1]}"
        client = EcsClient(Connection("cn-hangzhou", KEYS, endpoint, "https"))

        with pytest.raises(NoAnswerError, match="TLS connection broke"):
            client.authorize("sg-1", [SSH])

        answered.result()
    assert b"Permissions.1.PortRange" in received[0]


@pytest.mark.parametrize("variable", ["SSL_CERT_FILE", "REQUESTS_CA_BUNDLE"])
def test_a_certificate_authority_in_the_environment_is_trusted(
    variable: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As behind a company's proxy, or for the fake over TLS."""
    for name in CERTIFICATE_SETTINGS:
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
