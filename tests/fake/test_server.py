"""
The served front as a server: connections, parallel calls, malformed requests.
"""

from __future__ import annotations

import http.client
import socket
from collections.abc import Generator
from concurrent.futures import ThreadPoolExecutor

import pytest
import requests

from alicloud_ingress.testing import FakeEcs, Fault
from fake.front import SSH, entry

TARGET = "/?RegionId=cn-hangzhou&SecurityGroupId="
DESCRIBE = {"x-acs-action": "DescribeSecurityGroupAttribute"}


@pytest.fixture
def fake() -> FakeEcs:
    """An empty fake."""
    return FakeEcs()


@pytest.fixture
def port(fake: FakeEcs) -> Generator[int]:
    """The port on which it is served, with its admin paths."""
    with fake.serve(admin=True) as url:
        yield int(url.rpartition(":")[2])


def exchange(port: int, raw: bytes) -> bytes:
    """Send bytes that need not be HTTP, and read until the server closes."""
    with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
        connection.sendall(raw)
        connection.shutdown(socket.SHUT_WR)
        received = b""
        while part := connection.recv(65536):
            received += part
    return received


def test_a_connection_serves_many_calls(fake: FakeEcs, port: int) -> None:
    """It is kept alive, for GET and for POST."""
    target = TARGET + fake.new_group()
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)

    for method in ("POST", "GET", "POST"):
        connection.request(method, target, headers=DESCRIBE)
        before = connection.sock
        assert connection.getresponse().read()
        assert connection.sock is before is not None
    connection.close()

    assert len(fake.calls) == 3


def test_a_slow_call_does_not_block_others() -> None:
    """It waits without the lock, and ends with the server."""
    fake = FakeEcs()
    group = fake.new_group()
    fake.inject(Fault(action="GetCallerIdentity", delay_s=60))
    with ThreadPoolExecutor(1) as pool, fake.serve() as url:
        who = {"x-acs-action": "GetCallerIdentity"}
        slow = pool.submit(requests.get, url, headers=who, timeout=30)
        while fake.waiting_faults:
            pass

        quick = requests.get(url + TARGET + group, headers=DESCRIBE, timeout=10)

        assert quick.status_code == 200
        assert not slow.done()
    assert isinstance(slow.exception(), requests.ConnectionError)


def test_parallel_writes_all_take_effect(fake: FakeEcs, port: int) -> None:
    """One lock serves all, and none is lost."""
    group = fake.new_group()

    def call(number: int) -> int:
        changed = entry(PortRange=f"{number}/{number}")
        return requests.post(
            f"http://127.0.0.1:{port}{TARGET}{group}",
            params=changed,
            headers={"x-acs-action": "AuthorizeSecurityGroup"},
            timeout=10,
        ).status_code

    with ThreadPoolExecutor(8) as pool:
        assert set(pool.map(call, range(1, 41))) == {200}
    assert len(fake.rules(group)) == 40


@pytest.mark.parametrize(
    "raw",
    [
        b"nonsense\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
        b"BREW / HTTP/1.1\r\n\r\n",
        b"POST / HTTP/1.1\r\ncontent-length: many\r\n\r\n",
        b"POST / HTTP/1.1\r\ncontent-length: -1\r\n\r\n",
        b"POST / HTTP/1.1\r\ncontent-length: 99999999999\r\n\r\n",
        b"POST / HTTP/1.1\r\ncontent-length: 999999999\r\n\r\n",
        b"POST / HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n",
        b"POST //[ HTTP/1.1\r\ncontent-length: 0\r\n\r\n",
        b"POST /?%ff%fe=%00 HTTP/1.1\r\n\r\n",
        b"GET /" + b"a" * 70_000 + b" HTTP/1.1\r\n\r\n",
        b"GET / HTTP/1.1\r\n" + b"x: y\r\n" * 200 + b"\r\n",
    ],
    ids=lambda raw: raw[:40].decode(),
)
def test_a_malformed_request_gets_an_error_code(port: int, raw: bytes) -> None:
    """There is no traceback, and the server goes on."""
    received = exchange(port, raw)

    head, _, body = received.partition(b"\r\n\r\n")
    assert head[:10] in (b"HTTP/1.1 4", b"HTTP/1.1 5")
    assert b"<Code>" in body
    assert b"Traceback" not in received
    assert b"the fake failed" not in received
    assert requests.get(f"http://127.0.0.1:{port}/", timeout=10).status_code == 400


def test_a_chunked_body_is_read(fake: FakeEcs, port: int) -> None:
    """Some clients send a form so."""
    group = fake.new_group()
    form = f"RegionId=cn-hangzhou&SecurityGroupId={group}".encode()
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)

    connection.request(
        "POST", "/", iter([form[:10], form[10:]]), DESCRIBE, encode_chunked=True
    )

    assert connection.getresponse().status == 200
    connection.close()


def test_the_server_uses_loopback_and_closes_its_connections() -> None:
    """After the context no connection is open."""
    fake = FakeEcs()
    with fake.serve() as url:
        assert url.startswith("http://127.0.0.1:")
        port = int(url.rpartition(":")[2])
        kept = socket.create_connection(("127.0.0.1", port), timeout=10)
        kept.sendall(b"GET / HTTP/1.1\r\n\r\n")
        assert kept.recv(65536).startswith(b"HTTP/1.1 400")

    assert kept.recv(65536) == b""
    kept.close()


def test_the_admin_path_accepts_faults(fake: FakeEcs, port: int) -> None:
    """One or several, limits among them; an invalid one is reported."""
    url = f"http://127.0.0.1:{port}"
    group = fake.new_group()
    fault = {
        "action": "DescribeSecurityGroupAttribute",
        "status": 500,
        "code": "InternalError",
        "edit": [{"group_id": group, "fields": SSH}],
    }
    limit = {"action": "GetCallerIdentity", "per_second": 0.001}

    ordered = requests.post(f"{url}/_fake/faults", json=[fault, limit], timeout=10)

    assert ordered.json() == {"ordered": 2}
    answer = requests.get(url + TARGET + group, headers=DESCRIBE, timeout=10)
    assert answer.status_code == 500
    assert len(fake.rules(group)) == 1
    who = {"x-acs-action": "GetCallerIdentity"}
    codes = [requests.get(url, headers=who, timeout=10).status_code for _ in range(2)]
    assert codes == [200, 400]


@pytest.mark.parametrize(
    "order",
    [
        "{",
        "7",
        '{"acton": "x"}',
        '{"times": "2"}',
        '{"edit": [{"group": "sg-1"}]}',
        '{"edit": 7}',
        '{"per_second": 1}',
        '{"keep": "x"}',
        '{"body": 1}',
    ],
)
def test_an_invalid_fault_is_refused(port: int, order: str) -> None:
    """With a message, and without effect."""
    answer = requests.post(f"http://127.0.0.1:{port}/_fake/faults", order, timeout=10)

    assert answer.status_code == 400
    assert answer.json()["error"]


def test_the_admin_path_shows_calls_and_state(fake: FakeEcs, port: int) -> None:
    """State that it returns can be loaded again."""
    url = f"http://127.0.0.1:{port}"
    group = fake.new_group()
    rule_id = fake.add_rule(group, **SSH)
    requests.get(url + TARGET + group, headers=DESCRIBE, timeout=10)

    (call,) = requests.get(f"{url}/_fake/calls", timeout=10).json()
    state = requests.get(f"{url}/_fake/state", timeout=10).text
    fake.groups.clear()
    put = requests.put(f"{url}/_fake/state", state, timeout=10)

    assert call["action"] == "DescribeSecurityGroupAttribute"
    assert (call["status"], call["code"]) == (200, "")
    assert call["parameters"]["SecurityGroupId"] == group
    assert put.status_code == 200
    assert list(fake.rules(group)) == [rule_id]
    assert requests.put(f"{url}/_fake/state", "{}", timeout=10).status_code == 400
    assert requests.get(f"{url}/_fake/nothing", timeout=10).status_code == 404


def test_the_admin_path_is_off_by_default(fake: FakeEcs) -> None:
    """The fake then has no such path."""
    with fake.serve() as url:
        assert requests.get(f"{url}/_fake/state", timeout=10).status_code == 400


def test_the_admin_path_shows_and_changes_the_behaviour(
    fake: FakeEcs, port: int
) -> None:
    url = f"http://127.0.0.1:{port}/_fake/behaviour"
    group = fake.new_group()
    wanted: dict[str, object] = {
        "unknown_rule_id": "not valid",
        "enterprise_refuses": [],
    }

    before = requests.get(url, timeout=10).json()
    changed = requests.post(url, json=wanted, timeout=10)

    assert before["unknown_rule_id"] == "not found"
    assert changed.json() == requests.get(url, timeout=10).json()
    assert changed.json() == {**before, **wanted}
    revoked = requests.post(
        f"http://127.0.0.1:{port}{TARGET}{group}",
        params={"SecurityGroupRuleId.1": "sgr-1"},
        headers={"x-acs-action": "RevokeSecurityGroup", "accept": "application/json"},
        timeout=10,
    )
    assert revoked.json()["Code"] == "InvalidParam.SecurityGroupRuleId"


@pytest.mark.parametrize(
    "body", ["{", "7", "[1]", '{"x": 1}', '{"longest_url": "long"}', "[" * 100_000]
)
def test_an_invalid_behaviour_is_refused_and_changes_nothing(
    fake: FakeEcs, port: int, body: str
) -> None:
    before = fake.behaviour

    answer = requests.post(f"http://127.0.0.1:{port}/_fake/behaviour", body, timeout=10)

    assert answer.status_code == 400
    assert answer.json()["error"]
    assert fake.behaviour == before


def test_json_that_is_nested_too_deeply_is_refused(fake: FakeEcs, port: int) -> None:
    deep = "[" * 100_000
    for path in ("faults", "state"):
        method = "POST" if path == "faults" else "PUT"
        url = f"http://127.0.0.1:{port}/_fake/{path}"
        answer = requests.request(method, url, data=deep, timeout=10)
        assert answer.status_code == 400

    fake.new_group()
    listed = requests.post(
        f"http://127.0.0.1:{port}/",
        {"RegionId": "cn-hangzhou", "SecurityGroupIds": deep},
        headers={"x-acs-action": "DescribeSecurityGroups"},
        timeout=10,
    )

    assert "InvalidSecurityGroupIds.Malformed" in listed.text
