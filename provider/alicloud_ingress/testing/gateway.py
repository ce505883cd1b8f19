"""
The API gateway: HTTP requests become actions with parameters, their signatures are
verified, and answers become HTTP responses.

The signatures V3 (ACS3-HMAC-SHA256) and V1 of the RPC style are documented with the
gateway.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import re
import urllib.parse
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, NamedTuple, TypeGuard, cast
from xml.etree import ElementTree

from alicloud_ingress.testing.errors import FakeError, error_of, missing

COMMON_PARAMETERS = frozenset(
    {
        "AccessKeyId",
        "Action",
        "Format",
        "SecureTransport",
        "SecurityToken",
        "Signature",
        "SignatureMethod",
        "SignatureNonce",
        "SignatureType",
        "SignatureVersion",
        "SourceIp",
        "Timestamp",
        "Version",
    }
)
JSON_TYPE = "application/json;charset=utf-8"
XML_TYPE = "text/xml;charset=utf-8"
_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


class Reply(NamedTuple):
    """
    An HTTP response.
    """

    status: int
    headers: dict[str, str]
    body: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """
    A parsed HTTP request.

    Args:
        method: in upper case.
        path: percent-encoded, unchanged.
        headers: by name in lower case.
        body: unchanged.
        given: all parameters of query and form, also those of the gateway.
        from_query: only those of the query.
    """

    method: str
    path: str
    headers: Mapping[str, str]
    body: str
    given: Mapping[str, str]
    from_query: Mapping[str, str]

    @staticmethod
    def read(method: str, url: str, headers: Mapping[str, str], body: str) -> Request:
        """
        Parse a request; the URL may be absolute or a path.
        """
        place, _, query = url.partition("?")
        path = re.sub(r"^https?://[^/]*", "", place) or "/"
        from_query = _pairs(query)
        return Request(
            method=method.upper(),
            path=path,
            headers={name.lower(): value for name, value in headers.items()},
            body=body,
            given={**from_query, **_pairs(body)},
            from_query=from_query,
        )

    @property
    def action(self) -> str:
        """
        The action, from the header or the parameters; "" if it is missing.
        """
        return self.headers.get("x-acs-action") or self.given.get("Action", "")

    @property
    def version(self) -> str:
        """
        The version of the API, such as `2014-05-26`; "" if it is missing.
        """
        return self.headers.get("x-acs-version") or self.given.get("Version", "")

    @property
    def parameters(self) -> dict[str, str]:
        """
        The parameters of the action, without those of the gateway.
        """
        return {n: v for n, v in self.given.items() if n not in COMMON_PARAMETERS}

    @property
    def wants_xml(self) -> bool:
        """
        Whether to answer with XML, the default of the API.
        """
        asked = self.given.get("Format") or self.headers.get("accept", "")
        return "json" not in asked.lower()


def from_json(text: str) -> Any:
    """
    The value of a JSON text.

    Raises:
        ValueError: it is not valid JSON, or nested too deeply.
    """
    try:
        return json.loads(text)
    except RecursionError:
        raise ValueError("the JSON is nested too deeply") from None


def is_list(value: object) -> TypeGuard[list[Any]]:
    """
    Whether a value from JSON is a list.
    """
    return isinstance(value, list)


def _pairs(text: str) -> dict[str, str]:
    return dict(urllib.parse.parse_qsl(text, keep_blank_values=True))


def answered(
    request: Request, request_id: str, answer: Mapping[str, object] | FakeError
) -> Reply:
    """
    The response for an answer or an error, as XML or JSON.
    """
    if isinstance(answer, FakeError):
        status, root = answer.status, "Error"
        content: Mapping[str, object] = {
            "RequestId": request_id,
            "HostId": request.headers.get("host", "ecs.aliyuncs.com"),
            "Code": answer.code,
            "Message": answer.message,
            "Recommend": "https://api.alibabacloud.com/troubleshoot?"
            f"q={answer.code}&product=Ecs&requestId={request_id}",
        }
    else:
        status, root = 200, f"{request.action}Response"
        content = {**answer, "RequestId": request_id}
    if request.wants_xml:
        headers, body = {"content-type": XML_TYPE}, _xml(root, content)
    else:
        headers, body = {"content-type": JSON_TYPE}, json.dumps(content)
    return Reply(status, {**headers, "x-acs-request-id": request_id}, body)


def _xml(name: str, content: Mapping[str, object]) -> str:
    root = ElementTree.Element(name)
    for key, value in content.items():
        _grow(root, key, value)
    text = ElementTree.tostring(root, encoding="unicode")
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{text}'


def _grow(parent: ElementTree.Element, name: str, value: Any) -> None:
    """
    Add an element for a value; for a list, one element for each member.
    """
    members = value if is_list(value) else [value]
    for member in members:
        element = ElementTree.SubElement(parent, name)
        if isinstance(member, dict):
            for key, inner in cast("dict[str, Any]", member).items():
                _grow(element, key, inner)
        else:
            text = str(member).lower() if isinstance(member, bool) else str(member)
            element.text = _NOT_XML.sub("\ufffd", text)


MAX_AGE = timedelta(minutes=15)
_V3 = re.compile(
    r"ACS3-HMAC-SHA256\s+Credential=([^,]+),\s*SignedHeaders=([^,]+),"
    r"\s*Signature=([0-9a-fA-F]+)"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyPair:
    """
    A key pair that the fake knows.

    Args:
        access_key_id: its public part.
        secret: its secret part.
        account: ID of the account that owns it.
        security_token: of a temporary key of STS; "" for a permanent key.
        expired: whether the token has expired.
    """

    access_key_id: str
    secret: str = field(repr=False)
    account: str
    security_token: str = field(default="", repr=False)
    expired: bool = False


@dataclass(frozen=True, slots=True)
class _Claim:
    """
    The signature of a request, before it is verified.
    """

    access_key_id: str
    signature: str
    nonce: str
    time: str
    security_token: str


class Gatekeeper:
    """
    Verifies signatures as soon as a key pair is known; before that, accepts any key.
    """

    def __init__(self) -> None:
        self.keys: dict[str, KeyPair] = {}
        self._nonces: set[tuple[str, str]] = set()

    def account_of(self, request: Request, now: datetime, default: str) -> str:
        """
        The account whose key has signed a request; `default` while no key is known.

        Raises:
            FakeError: the signature is not valid.
        """
        if not self.keys:
            return default
        claim = _claim(request)
        key = self.keys.get(claim.access_key_id)
        if key is None:
            raise error_of("InvalidAccessKeyId.NotFound")
        _require_token(key, claim.security_token)
        _require_fresh(claim.time, now)
        given = claim.signature.encode(errors="replace")
        if not hmac.compare_digest(given, _signature(request, key.secret).encode()):
            raise FakeError(
                400,
                "SignatureDoesNotMatch",
                "Specified signature is not matched with our calculation. server"
                f" string to sign is:{_to_sign(request)}",
            )
        used = (claim.access_key_id, claim.nonce)
        if used in self._nonces:
            raise error_of("SignatureNonceUsed")
        self._nonces.add(used)
        return key.account


def access_key_id(request: Request) -> str:
    """
    The key that a request names, without verification; "" if it names none.
    """
    match = re.search(r"Credential=([^,]*)", request.headers.get("authorization", ""))
    return match[1] if match else request.given.get("AccessKeyId", "")


def _claim(request: Request) -> _Claim:
    headers, given = request.headers, request.given
    if "authorization" in headers:
        match = _V3.fullmatch(headers["authorization"].strip())
        if match is None:
            raise error_of("IncompleteSignature")
        if headers.get("x-acs-content-sha256") != _sha256(request.body):
            raise FakeError(
                400,
                "SignatureDoesNotMatch",
                "The header x-acs-content-sha256 is not that of the body.",
            )
        return _Claim(
            access_key_id=match[1],
            signature=match[3].lower(),
            nonce=headers.get("x-acs-signature-nonce", ""),
            time=headers.get("x-acs-date", ""),
            security_token=headers.get("x-acs-security-token", ""),
        )
    for name in ("AccessKeyId", "Signature", "SignatureNonce", "Timestamp"):
        if not given.get(name):
            raise missing(name)
    if given.get("SignatureMethod", "HMAC-SHA1") != "HMAC-SHA1":
        raise error_of("InvalidParameter.SignatureMethod")
    return _Claim(
        access_key_id=given["AccessKeyId"],
        signature=given["Signature"],
        nonce=given["SignatureNonce"],
        time=given["Timestamp"],
        security_token=given.get("SecurityToken", ""),
    )


def _require_token(key: KeyPair, token: str) -> None:
    if key.security_token and not token:
        raise missing("SecurityToken")
    if token != key.security_token:
        raise error_of("InvalidSecurityToken.MismatchWithAccessKey")
    if key.expired:
        raise error_of("InvalidSecurityToken.Expired")


def _require_fresh(text: str, now: datetime) -> None:
    try:
        time = datetime.strptime(f"{text}+0000", "%Y-%m-%dT%H:%M:%SZ%z")
    except ValueError:
        raise error_of("InvalidTimeStamp.Format") from None
    if abs(time - now) > MAX_AGE:
        raise error_of("InvalidTimeStamp.Expired")


def _to_sign(request: Request) -> str:
    authorization = request.headers.get("authorization")
    if authorization is None:
        signed = {n: v for n, v in request.given.items() if n != "Signature"}
        return f"{request.method}&%2F&{_quoted(_canonical(signed))}"
    match = _V3.fullmatch(authorization.strip())
    names = match[2].lower().split(";") if match else []
    values = {name: request.headers.get(name, "").strip() for name in names}
    canonical = "\n".join(
        (
            request.method,
            request.path,
            _canonical(request.from_query),
            "".join(f"{name}:{value}\n" for name, value in values.items()),
            ";".join(names),
            _sha256(request.body),
        )
    )
    return f"ACS3-HMAC-SHA256\n{_sha256(canonical)}"


def _signature(request: Request, secret: str) -> str:
    text = _to_sign(request).encode()
    if "authorization" in request.headers:
        return hmac.new(secret.encode(), text, hashlib.sha256).hexdigest()
    digest = hmac.new(f"{secret}&".encode(), text, hashlib.sha1).digest()
    return base64.b64encode(digest).decode()


def _canonical(parameters: Mapping[str, str]) -> str:
    return "&".join(
        f"{_quoted(name)}={_quoted(value)}"
        for name, value in sorted(parameters.items())
    )


def _quoted(text: str) -> str:
    return urllib.parse.quote(text, safe="~", errors="replace")


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode(errors="replace")).hexdigest()
