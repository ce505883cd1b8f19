"""
One call as an HTTP request, signed with `ACS3-HMAC-SHA256`.

The request is the one that the SDK would send, to the letter. The SDK itself is not
imported: it takes half a second, most of it for clients and schedulers that no call of
this package uses.
"""

from __future__ import annotations

import functools
import hashlib
import hmac
import platform
import time
import urllib.parse
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field

import Tea

from alicloud_ingress.ecs.session_keys import Keys

ECS_VERSION = "2014-05-26"
_ALGORITHM = "ACS3-HMAC-SHA256"


@dataclass(frozen=True, slots=True)
class ApiCall:
    """
    One call, with the same parameters in all attempts.

    Args:
        place: what the call is about, for messages.
    """

    action: str
    parameters: Mapping[str, str] = field(repr=False)
    version: str = ECS_VERSION
    place: str = ""

    @property
    def words(self) -> str:
        """
        The call, for messages.
        """
        return f"{self.action} on {self.place}" if self.place else self.action


@dataclass(frozen=True, slots=True)
class SignedRequest:
    """
    A POST request. Its signature is valid for some minutes, and once.
    """

    url: str = field(repr=False)
    headers: Mapping[str, str] = field(repr=False)
    body: bytes | None = field(repr=False)


def signed_request(
    call: ApiCall, protocol: str, host: str, keys: Keys | None, *, as_form: bool
) -> SignedRequest:
    """
    The request of one attempt, with a new date and nonce.

    Args:
        call: to send.
        protocol: `https` or `http`.
        host: `host:port`.
        keys: that sign it; None for a call that is not signed.
        as_form: whether the parameters are in the body and not in the URL.
    """
    query = {} if as_form else dict(call.parameters)
    if keys is None:
        query["Format"] = "json"
    form = sorted(call.parameters.items()) if as_form else ()
    body = urllib.parse.urlencode(form).encode() if as_form else None
    headers = {
        "host": host,
        "x-acs-version": call.version,
        "x-acs-action": call.action,
        "user-agent": _user_agent(),
        "x-acs-date": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "x-acs-signature-nonce": uuid.uuid4().hex,
        "accept": "application/json",
    }
    if body is not None:
        headers["content-type"] = "application/x-www-form-urlencoded"
    headers["x-acs-content-sha256"] = hashlib.sha256(body or b"").hexdigest()
    if keys is not None:
        if keys.security_token:
            headers["x-acs-accesskey-id"] = keys.access_key_id
            headers["x-acs-security-token"] = keys.security_token
        headers["Authorization"] = _authorization(query, headers, keys)
    headers["Content-Length"] = str(len(body or b""))
    url = f"{protocol}://{host}/"
    if query:
        url += f"?{urllib.parse.urlencode(query)}"
    return SignedRequest(url, headers, body)


def _authorization(
    query: Mapping[str, str], headers: Mapping[str, str], keys: Keys
) -> str:
    """
    The signature of the query and of all headers before it.
    """
    quote = urllib.parse.quote
    parameters = [f"{name}={quote(query[name], safe='~')}" for name in sorted(query)]
    names = sorted(headers)
    signed_names = ";".join(names)
    request = "\n".join(
        (
            "POST",
            "/",
            "&".join(parameters),
            "".join(f"{name}:{headers[name].strip()}\n" for name in names),
            signed_names,
            headers["x-acs-content-sha256"],
        )
    )
    text = f"{_ALGORITHM}\n{hashlib.sha256(request.encode()).hexdigest()}"
    secret = keys.access_key_secret.encode()
    signature = hmac.new(secret, text.encode(), hashlib.sha256).hexdigest()
    return (
        f"{_ALGORITHM} Credential={keys.access_key_id},SignedHeaders={signed_names},"
        f"Signature={signature}"
    )


@functools.cache
def _user_agent() -> str:
    return (
        f"AlibabaCloud ({platform.system()}; {platform.machine()})"
        f" Python/{platform.python_version()} Core/{Tea.__version__} TeaDSL/2"
        " pulumi-alicloud-ingress"
    )
