"""
The gateway before any action: who signed, when, and the format of the answer.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import urllib.parse
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from xml.etree import ElementTree

import pytest
import requests

from fake.front import SSH, Front

SECRET = "secret"


def signed(secret: str = SECRET, method: str = "GET", **changes: str) -> str:
    """
    A query signed by RPC signature V1 as documented; a parameter changed to "" is
    left out before signing.
    """
    now = datetime.now(timezone.utc)
    parameters = {
        "Action": "GetCallerIdentity",
        "Version": "2015-04-01",
        "Format": "JSON",
        "AccessKeyId": "AK",
        "SignatureMethod": "HMAC-SHA1",
        "SignatureVersion": "1.0",
        "SignatureNonce": now.isoformat(),
        "Timestamp": now.strftime("%Y-%m-%dT%H:%M:%SZ"),
        **changes,
    }
    pairs = sorted((n, v) for n, v in parameters.items() if v)
    canonical = urllib.parse.urlencode(pairs, quote_via=urllib.parse.quote)
    text = f"{method}&%2F&{urllib.parse.quote(canonical, safe='')}"
    digest = hmac.new(f"{secret}&".encode(), text.encode(), hashlib.sha1).digest()
    signature = urllib.parse.quote(base64.b64encode(digest).decode(), safe="")
    return f"{canonical}&Signature={signature}"


def answer(front: Front, query: str) -> tuple[int, str]:
    """Status and code of the answer to a query."""
    got = front.session.get(f"{front.url}/?{query}", timeout=10)
    return got.status_code, str(got.json().get("Code", ""))


@pytest.fixture(autouse=True)
def _known_key(front: Front) -> None:
    """Verify signatures from here on."""
    front.fake.add_key("AK", SECRET)


def test_a_valid_signature_is_accepted(front: Front) -> None:
    """By GET and by POST."""
    assert answer(front, signed()) == (200, "")
    posted = front.session.post(f"{front.url}/?{signed(method='POST')}", timeout=10)
    assert posted.status_code == 200


@pytest.mark.parametrize(
    ("query", "refusal"),
    [
        (lambda: signed("wrong"), (400, "SignatureDoesNotMatch")),
        (lambda: signed(method="POST"), (400, "SignatureDoesNotMatch")),
        (lambda: signed() + "&RegionId=cn-hangzhou", (400, "SignatureDoesNotMatch")),
        (lambda: signed(AccessKeyId="none"), (404, "InvalidAccessKeyId.NotFound")),
        (lambda: signed(AccessKeyId=""), (400, "MissingAccessKeyId")),
        (lambda: signed(SignatureNonce=""), (400, "MissingSignatureNonce")),
        (lambda: signed(Timestamp=""), (400, "MissingTimestamp")),
        (lambda: signed(Timestamp="yesterday"), (400, "InvalidTimeStamp.Format")),
        (
            lambda: signed(Timestamp="2020-01-01T00:00:00Z"),
            (400, "InvalidTimeStamp.Expired"),
        ),
        (
            lambda: signed(SignatureMethod="MD5"),
            (400, "InvalidParameter.SignatureMethod"),
        ),
        (
            lambda: signed(SecurityToken="token"),
            (400, "InvalidSecurityToken.MismatchWithAccessKey"),
        ),
        (lambda: signed(Action=""), (400, "MissingAction")),
        (lambda: signed(Action="DeleteAll"), (404, "InvalidAction.NotFound")),
        (lambda: signed(Version="1999-01-01"), (404, "InvalidApi.NotFound")),
        (lambda: "Action=GetCallerIdentity&Format=JSON", (400, "MissingAccessKeyId")),
    ],
)
def test_the_gateway_refuses_an_invalid_request(
    front: Front, query: Callable[[], str], refusal: tuple[int, str]
) -> None:
    """Each kind with its code. It is signed now: the time counts."""
    assert answer(front, query()) == refusal


def test_a_nonce_is_accepted_once(front: Front) -> None:
    """A replayed request is refused."""
    query = signed()

    assert answer(front, query) == (200, "")
    assert answer(front, query) == (400, "SignatureNonceUsed")


@pytest.mark.parametrize(("minutes", "status"), [(-14, 200), (14, 200), (16, 400)])
def test_a_clock_may_differ_by_15_minutes(
    front: Front, minutes: int, status: int
) -> None:
    """In both directions."""
    then = datetime.now(timezone.utc) + timedelta(minutes=minutes)
    query = signed(Timestamp=then.strftime("%Y-%m-%dT%H:%M:%SZ"))

    assert answer(front, query)[0] == status


def test_an_expired_temporary_key_is_refused(front: Front) -> None:
    """Its token is correct, and too old."""
    front.fake.add_key("STS", SECRET, security_token="token", expired=True)

    query = signed(AccessKeyId="STS", SecurityToken="token")

    assert answer(front, query) == (400, "InvalidSecurityToken.Expired")
    without = signed(AccessKeyId="STS")
    assert answer(front, without) == (400, "MissingSecurityToken")


@pytest.mark.parametrize(
    ("headers", "code"),
    [
        ({"authorization": "Basic QUs6"}, "IncompleteSignature"),
        (
            {
                "authorization": "ACS3-HMAC-SHA256 Credential=AK,SignedHeaders=host,"
                "Signature=00",
                "x-acs-content-sha256": hashlib.sha256(b"other").hexdigest(),
            },
            "SignatureDoesNotMatch",
        ),
    ],
)
def test_an_invalid_v3_signature_is_refused(
    front: Front, headers: dict[str, str], code: str
) -> None:
    """One of another form, and one of another body."""
    named = {"x-acs-action": "GetCallerIdentity", "accept": "application/json"}

    got = front.session.post(front.url, headers={**named, **headers}, timeout=10)

    assert (got.status_code, got.json()["Code"]) == (400, code)


def test_neither_answer_nor_repr_holds_the_secret(front: Front) -> None:
    """Not even when a signature is wrong."""
    got = front.session.get(f"{front.url}/?{signed('wrong')}", timeout=10)

    assert SECRET not in got.text.replace("Secret", "")
    assert SECRET not in repr(front.fake.keys)


class TestForm:
    """JSON where it is asked for, else XML."""

    @pytest.fixture(autouse=True)
    def _no_key(self, front: Front, _known_key: None) -> None:
        """Verify no signature."""
        front.fake.keys.clear()

    @pytest.mark.parametrize(
        ("query", "accept", "kind"),
        [
            ("", "*/*", "text/xml"),
            ("&Format=XML", "application/json", "text/xml"),
            ("&Format=json", "*/*", "application/json"),
            ("", "application/json", "application/json"),
        ],
    )
    def test_the_caller_chooses_the_format(
        self, front: Front, query: str, accept: str, kind: str
    ) -> None:
        """By a parameter first, then by a header."""
        got = front.session.get(
            f"{front.url}/?Action=GetCallerIdentity{query}",
            headers={"accept": accept},
            timeout=10,
        )

        assert got.headers["content-type"].startswith(kind)

    def test_rules_are_shown_as_xml(self, front: Front) -> None:
        """A list is a repeated element."""
        group = front.fake.new_group()
        for number in (1, 2):
            ports = {"PortRange": f"{number}/{number}"}
            front.fake.add_rule(group, **{**SSH, **ports, "Description": "a\x01<b>&"})

        root = ElementTree.fromstring(self._xml(front, group).text)  # noqa: S314

        assert root.tag == "DescribeSecurityGroupAttributeResponse"
        rules = root.findall("Permissions/Permission")
        assert [rule.findtext("PortRange") for rule in rules] == ["1/1", "2/2"]
        assert rules[0].findtext("Description") == "a\ufffd<b>&"

    def test_a_refusal_is_shown_as_xml(self, front: Front) -> None:
        """With all fields of a refusal."""
        got = self._xml(front, "sg-none")

        error = ElementTree.fromstring(got.text)  # noqa: S314
        assert (got.status_code, error.tag) == (404, "Error")
        assert [child.tag for child in error] == [
            "RequestId",
            "HostId",
            "Code",
            "Message",
            "Recommend",
        ]
        assert error.findtext("Code") == "InvalidSecurityGroupId.NotFound"

    def _xml(self, front: Front, group: str) -> requests.Response:
        return front.session.get(
            f"{front.url}/?Action=DescribeSecurityGroupAttribute"
            f"&RegionId=cn-hangzhou&SecurityGroupId={group}",
            timeout=10,
        )
