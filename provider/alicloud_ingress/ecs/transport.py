"""
The HTTP transport, by requests.

The SDK's own ignores NO_PROXY, even for this machine, follows redirects with signed
parameters to any host, and drops the HTTP status of a response that is not JSON.
"""

from __future__ import annotations

import functools
import os
import time
import traceback
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

import requests
from requests.adapters import HTTPAdapter
from requests.structures import CaseInsensitiveDict
from requests.utils import get_environ_proxies

from alicloud_ingress.ecs.config import is_loopback
from alicloud_ingress.ecs.exchange import current
from alicloud_ingress.ecs.timed_reads import timed
from alicloud_ingress.errors import (
    EcsError,
    NoAnswerError,
    NotTrustedError,
    ProxyNotValidError,
    UnreachableError,
)

POOL_SIZE = 64
"""
How many connections to one host are kept: one for each thread of the dynamic host.
"""
_PROXY_SETTINGS = tuple(
    spelled
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy")
    for spelled in (name, name.upper())
)
_NO_AUTHORITIES = "the file of certificate authorities cannot be read"
_NO_PROXY_ADDRESS = "the address of the proxy is not valid"
_TROUBLES: dict[str, tuple[type[EcsError], str]] = {
    "InvalidURL": (ProxyNotValidError, _NO_PROXY_ADDRESS),  # that of ECS is verified
    "InvalidProxyURL": (ProxyNotValidError, _NO_PROXY_ADDRESS),
    "ProxyError": (
        UnreachableError,
        "the proxy cannot be reached; check HTTPS_PROXY, NO_PROXY",
    ),
    "SSLCertVerificationError": (NotTrustedError, "the TLS certificate is not trusted"),
    "do_handshake": (UnreachableError, "the TLS handshake failed"),
    "ssl_wrap_socket": (NotTrustedError, _NO_AUTHORITIES),
    "SSLError": (NoAnswerError, "the TLS connection broke before an answer came"),
    "ConnectTimeout": (UnreachableError, "the connection was not accepted in time"),
    "ReadTimeout": (NoAnswerError, "no answer came in time"),
    "ReadTimeoutError": (NoAnswerError, "no answer came in time"),
    "NameResolutionError": (
        UnreachableError,
        "the name of the endpoint does not resolve",
    ),
    "NewConnectionError": (UnreachableError, "the connection was refused"),
}
"""
By the name of an error of requests, of its reason, or of the function in which TLS has
failed: the error of the call, and the text for its message.
"""


class Transport(HTTPAdapter):
    """
    Respects NO_PROXY, sends to loopback without a proxy, follows no redirect, and reads
    until the deadline of the attempt.
    """

    def init_poolmanager(self, *args: Any, **options: Any) -> None:
        """
        Make the pools of connections without a proxy.
        """
        super().init_poolmanager(*args, **options)
        _time(self.poolmanager)

    def proxy_manager_for(self, *args: Any, **options: Any) -> Any:
        """
        Make or find the pools of connections through a proxy.
        """
        manager = super().proxy_manager_for(*args, **options)
        _time(manager)
        return manager

    def send(  # noqa: PLR0913, PLR0917 - the signature of requests
        self,
        request: requests.PreparedRequest,
        stream: bool = False,  # noqa: FBT001, FBT002 - the signature of requests
        timeout: Any = None,
        verify: Any = True,  # noqa: FBT002
        cert: Any = None,
        proxies: Mapping[str, str] | None = None,  # noqa: ARG002 - see proxies_for
    ) -> requests.Response:
        """
        Send one request, and record the outcome.
        """
        attempt = current()
        try:
            response = super().send(
                request,
                stream=stream,
                timeout=timeout,
                verify=authorities() if verify is True else verify,
                cert=cert,
                proxies=proxies_for(str(request.url)),
            )
        except requests.RequestException as error:
            attempt.failure, attempt.trouble = _explained(error)
            raise
        except OSError:  # of requests itself: the file of authorities does not exist
            attempt.failure, attempt.trouble = NotTrustedError, _NO_AUTHORITIES
            raise
        attempt.status = response.status_code
        attempt.answered_s = time.monotonic()
        attempt.date = response.headers.get("date", "")
        if target := response.headers.pop("location", ""):
            host = urlsplit(target).hostname or "itself"
            attempt.trouble = f"a redirect to {host}, which is not followed"
        return response


def post(
    url: str,
    headers: Mapping[str, str],
    body: bytes | None,
    timeout_s: tuple[float, float],
) -> requests.Response:
    """
    Send one request and read its response, over a connection that all clients share.

    Args:
        url: with its query.
        headers: all that are sent, besides `Accept-Encoding`.
        body: of the request; None without one.
        timeout_s: seconds to connect, and seconds between two parts of the response.

    Raises:
        OSError: no response came, or not all of it; the current attempt has the reason.
    """
    # The parts are set and not prepared: preparing would parse and quote them again.
    request = requests.PreparedRequest()
    request.method = "POST"
    request.url = url
    request.headers = CaseInsensitiveDict(headers)
    request.body = body
    response = _SHARED.send(request, timeout=timeout_s)
    try:
        response.content  # noqa: B018 - reads the body
    except requests.RequestException as error:
        attempt = current()
        _, attempt.trouble = _explained(error)
        raise
    return response


def session(pool_size: int = POOL_SIZE) -> requests.Session:
    """
    Make a session that uses `Transport`.

    Args:
        pool_size: how many connections to one host are kept.
    """
    made = requests.Session()
    transport = Transport(pool_maxsize=pool_size)
    made.mount("https://", transport)
    made.mount("http://", transport)
    return made


def authorities() -> str | bool:
    """
    The file of certificate authorities that the environment names, for `requests` or
    OpenSSL; True for those of `requests`.
    """
    named = ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE")
    return next((file for name in named if (file := os.environ.get(name))), True)


def proxies_for(url: str) -> dict[str, str]:
    """
    The proxies of the environment for this URL; none for loopback.
    """
    parts = urlsplit(url)
    if is_loopback(parts.netloc):
        return {}
    settings = tuple(os.environ.get(name) for name in _PROXY_SETTINGS)
    return _proxies(f"{parts.scheme}://{parts.netloc}", settings)


@functools.lru_cache(maxsize=POOL_SIZE)
def _proxies(address: str, settings: tuple[str | None, ...]) -> dict[str, str]:  # noqa: ARG001 - part of the key
    """
    `requests` looks through all variables of the environment for each request.
    """
    return get_environ_proxies(address)


def _time(manager: Any) -> None:
    pools = manager.pool_classes_by_scheme
    manager.pool_classes_by_scheme = {name: timed(pools[name]) for name in pools}


def _explained(error: requests.RequestException) -> tuple[type[EcsError], str]:
    """
    Look up `_TROUBLES`. The text of the error itself contains all parameters.
    """
    cause = error.args[0] if error.args else None
    reason = getattr(cause, "reason", None)
    names = {type(each).__name__ for each in (error, cause, reason)}
    # urllib3 also calls it an error of the proxy if a connection through it breaks.
    broken = getattr(reason, "original_error", None)
    if broken and "connect" not in _functions(broken):
        names.discard("ProxyError")
    why = ""
    if isinstance(error, requests.exceptions.SSLError) and reason and reason.args:
        tls = reason.args[0]
        names |= {type(tls).__name__, *_functions(tls)[-1:]}
        why = str(getattr(tls, "verify_message", ""))
    for name, (failure, words) in _TROUBLES.items():
        if name in names:
            return failure, f"{words}: {why}" if why else words
    return NoAnswerError, "the connection broke before an answer came"


def _functions(error: BaseException) -> list[str]:
    """
    The functions that an error has left, that in which it arose last: they show whether
    the request was sent.

    The codes of OpenSSL do not tell: "wrong version number" may also come later.
    """
    raised = error if error.__traceback__ or not error.args else error.args[0]
    frames = traceback.walk_tb(getattr(raised, "__traceback__", None))
    return [frame.f_code.co_name for frame, _ in frames]


_SHARED = Transport(pool_connections=POOL_SIZE, pool_maxsize=POOL_SIZE)
