"""
Verifies the signatures of requests: V3 (ACS3-HMAC-SHA256) and V1 of the RPC style.

Both are documented with the API gateway.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
import urllib.parse
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from alicloud_ingress.testing.errors import FakeError, error_of, missing
from alicloud_ingress.testing.wire import Request

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
        if not _equal(claim.signature, _signature(request, key.secret)):
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
    """
    The text that is signed.
    """
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


def _equal(one: str, other: str) -> bool:
    return hmac.compare_digest(one.encode(errors="replace"), other.encode())


def _canonical(parameters: Mapping[str, str]) -> str:
    return "&".join(
        f"{_quoted(name)}={_quoted(value)}"
        for name, value in sorted(parameters.items())
    )


def _quoted(text: str) -> str:
    return urllib.parse.quote(text, safe="~", errors="replace")


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode(errors="replace")).hexdigest()
