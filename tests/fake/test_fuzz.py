"""
Every request over HTTP is answered: with a code where it is refused, and never with a
traceback.
"""

from __future__ import annotations

import json
import socket
import urllib.parse
from collections.abc import Generator, Mapping

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from alicloud_ingress.testing import FakeEcs
from alicloud_ingress.testing.backend import ACTIONS
from alicloud_ingress.testing.entries import FIELDS
from alicloud_ingress.testing.server import administer
from fake.front import SSH

FAILED = "the fake failed"
"""The answer of the server where the fake itself fails."""
TLS_ALERT = b"\x15"
"""The first byte of the answer to data that begins as TLS and goes on otherwise."""
LISTED = [f"Permissions.{n}.{field}" for n in (0, 1, 2, 101) for field in FIELDS]
NAMES = [
    *FIELDS,
    *LISTED,
    *("RegionId", "SecurityGroupId", "SecurityGroupIds", "SecurityGroupRuleId.1"),
    *("SecurityGroupRuleId", "ClientToken", "MaxResults", "NextToken", "PageNumber"),
    *("PageSize", "Direction", "Tag.1.Key", "Format", "Action", "Version"),
    *("NetworkInterfaceId.1", "Ipv6Address.1", "Type", "Status", "InstanceId"),
    *("InnerAccessPolicy", "PrefixListId", "PortRangeListId", "VpcId", "DryRun"),
    *("AccessKeyId", "Signature", "SignatureNonce", "Timestamp"),
]
VALUES = [
    *("cn-hangzhou", "cn-qingdao", "sg-1", "sg-2", "sg-3", "sgr-1", "pl-1", "prl-1"),
    *("tcp", "ICMPv6", "icmp", "gre", "all", "6", "22/22", "-1/-1", "1/65535", "0/0"),
    *("10.0.0.0/8", "300.1.1.1", "1.2.3.4/33", "::/0", "2001:db8::1", "fe80::1%eth0"),
    *("::ffff:1.2.3.4", "accept", "drop", "1", "100", "101", "²", "intranet", "xml"),
    *("true", '["sg-1"]', "[", "AAAAA00000000010", "\x00", "\ud7ff", "é", ""),
]
texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
parameters = st.dictionaries(
    st.sampled_from(NAMES) | texts, st.sampled_from(VALUES) | texts, max_size=8
)


def small_world() -> FakeEcs:
    """A group of each kind with a rule, and one list of each kind."""
    fake = FakeEcs()
    kinds = {
        "sg-1": fake.new_group(),
        "sg-2": fake.new_group(vpc_id=""),
        "sg-3": fake.new_group(kind="enterprise"),
    }
    for name, made in kinds.items():
        fake.groups[name] = fake.groups.pop(made)
        fake.groups[name].group_id = name
        rule_id = fake.add_rule(name, **SSH)
        fake.groups[name].rules["sgr-1"] = fake.groups[name].rules.pop(rule_id)
    for name, lists in (
        ("pl-1", fake.state.prefix_lists),
        ("prl-1", fake.state.port_range_lists),
    ):
        made = fake.new_prefix_list() if name == "pl-1" else fake.new_port_range_list()
        lists[name] = lists.pop(made)
        lists[name].list_id = name
    fake.new_interface("sg-1", private_ips=["10.0.0.8"], tags={"a": "b"})
    return fake


@settings(max_examples=600, deadline=None)
@given(
    action=st.sampled_from(sorted(ACTIONS)) | texts,
    query=parameters,
    form=parameters,
    addressed=st.booleans(),
    accept=st.sampled_from(["application/json", "*/*"]),
    authorization=st.none() | texts | st.just("ACS3-HMAC-SHA256 Credential=é"),
    known_key=st.booleans(),
)
@example(
    action="DescribeSecurityGroups",
    query={"SecurityGroupIds": "[" * 10_000},
    form={},
    addressed=True,
    accept="*/*",
    authorization=None,
    known_key=False,
)
def test_any_call_is_answered(  # noqa: PLR0913 - all that a request has
    *,
    action: str,
    query: Mapping[str, str],
    form: Mapping[str, str],
    addressed: bool,
    accept: str,
    authorization: str | None,
    known_key: bool,
) -> None:
    """A 200 without a code, or a refusal with one; the state can still be saved."""
    fake = small_world()
    if known_key:
        fake.add_key("AK", "secret")
    common = {"RegionId": "cn-hangzhou", "SecurityGroupId": "sg-1"} if addressed else {}
    headers = {"x-acs-action": action, "accept": accept}
    if authorization is not None:
        headers["authorization"] = authorization
    url = f"/?{urllib.parse.urlencode({**common, **query})}"

    status, _, body = fake.handle(url, headers, urllib.parse.urlencode(form))

    assert 200 <= status < 600
    assert (status == 200) is not (
        "<Code>" in body or '"Code": "' in body or status == 414
    )
    FakeEcs().load(fake.dump())


@settings(max_examples=300, deadline=None)
@given(
    url=st.text(max_size=60),
    headers=st.dictionaries(texts, texts, max_size=3),
    body=st.text(max_size=60),
    method=texts,
)
def test_any_text_is_answered(
    url: str, headers: dict[str, str], body: str, method: str
) -> None:
    """Even what no HTTP client sends."""
    status, _, answered = FakeEcs().handle(url, headers, body, method)

    assert status >= 400
    assert "Code" in answered


plain: st.SearchStrategy[object] = st.none() | st.booleans() | st.integers() | texts
anything: st.SearchStrategy[object] = st.recursive(
    plain,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3)
    ),
    max_leaves=5,
)
orders: st.SearchStrategy[object] = st.dictionaries(
    st.sampled_from(["action", "times", "keep", "body", "edit", "per_second", "drop"]),
    anything,
)


@settings(max_examples=300, deadline=None)
@given(
    method=st.sampled_from(["GET", "POST", "PUT"]),
    path=st.sampled_from(["faults", "calls", "state", "", "else"]),
    body=st.text(max_size=30) | (anything | orders).map(json.dumps),
)
def test_any_admin_request_is_answered(method: str, path: str, body: str) -> None:
    """Done, or refused with a message."""
    reply = administer(FakeEcs(), method, f"/_fake/{path}", body)

    assert reply.status == 200 or json.loads(reply.body)["error"]


@pytest.fixture(scope="module")
def port() -> Generator[int]:
    """The port of one fake for all examples."""
    with small_world().serve(admin=True) as url:
        yield int(url.rpartition(":")[2])


@st.composite
def raw_requests(draw: st.DrawFn) -> bytes:
    """Bytes that are almost HTTP."""
    names = [b"content-length", b"transfer-encoding", b"x-acs-action"]
    values = [b"0", b"5", b"-1", b"chunked", b"1e3", b"99999999999"]
    paths = ["/", "*", "//[", "/?Action=GetCallerIdentity", "/_fake/state"]
    start = (
        draw(st.sampled_from(["GET", "POST", "PUT", "HEAD", "X"])),
        draw(st.sampled_from(paths)),
        draw(st.sampled_from(["HTTP/1.1", "HTTP/1.0", "HTTP/2", "", "HTTP/x"])),
    )
    lines = [" ".join(start).encode()]
    for _ in range(draw(st.integers(0, 3))):
        name = draw(st.sampled_from(names) | st.binary(max_size=5))
        value = draw(st.sampled_from(values) | st.binary(max_size=5))
        lines.append(name + b": " + value)
    return b"\r\n".join([*lines, b"", draw(st.binary(max_size=30))])


@settings(max_examples=200, deadline=None)
@given(raw=raw_requests() | st.binary(min_size=1, max_size=60))
def test_any_bytes_are_answered(port: int, raw: bytes) -> None:
    """Over a socket; a connection without a complete request may be closed."""
    with socket.create_connection(("127.0.0.1", port), timeout=20) as connection:
        connection.sendall(raw)
        connection.shutdown(socket.SHUT_WR)
        received = b""
        while part := connection.recv(65536):
            received += part

    assert b"Traceback" not in received
    assert FAILED.encode() not in received
    assert not received or received.startswith((b"HTTP/1.", TLS_ALERT))
    with socket.create_connection(("127.0.0.1", port), timeout=20) as connection:
        connection.sendall(b"GET /?Action=GetCallerIdentity HTTP/1.0\r\n\r\n")
        assert connection.recv(65536).startswith(b"HTTP/1.1 200")
