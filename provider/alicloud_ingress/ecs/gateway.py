"""
One call: it returns the raw response, or raises an error of this package.

The HTTP client takes a tenth of a second to import. The first call imports it, or
`warm_up` of `client` on another thread before that.
"""

from __future__ import annotations

import json
import logging
import threading
import time
import urllib.parse
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, cast

from alicloud_ingress.ecs.config import Connection
from alicloud_ingress.ecs.credentials import Credentials
from alicloud_ingress.ecs.error_codes import of_code
from alicloud_ingress.ecs.exchange import Exchange, exchange
from alicloud_ingress.ecs.library_keys import KeysOfLibrary
from alicloud_ingress.ecs.responses import ANSWERED_S, SERVER_TIME, Answer, broken
from alicloud_ingress.ecs.session_keys import AssumedRole, Keys
from alicloud_ingress.ecs.signed_request import ApiCall, signed_request
from alicloud_ingress.errors import (
    SECRET,
    EcsError,
    NoAnswerError,
    PermissionRefusedError,
    ServiceFaultError,
    ThrottledError,
)
from alicloud_ingress.files import as_object

if TYPE_CHECKING:
    import requests

STS_VERSION = "2015-04-01"
URL_LIMIT = 6_000
"""
How many bytes of parameters a URL may have. More are sent as a form: the gateway
answers a long URL with 414 and an HTML body. Its own limit is not documented.
"""
UNSIGNED = ("AssumeRoleWithOIDC",)
SHORTEST_ATTEMPT_S = 1.0
TOO_LONG = 414

_log = logging.getLogger("alicloud_ingress")
_REFUSED = 400
_SERVER_FAULT = 500
_XML = "text/xml;charset=utf-8"


class Gateway:
    """
    ECS and STS with one set of credentials; threads may share it.
    """

    def __init__(
        self, connection: Connection, credentials: Credentials | None = None
    ) -> None:
        self._connection = connection
        self._credentials = credentials or connection.credentials
        self._lock = threading.Lock()
        self._source: Callable[[], Keys] | None = None

    def keys(self) -> Keys:
        """
        The keys that sign calls now.

        Raises:
            ConfigurationError: there are no keys.
            EcsError: STS returned no keys.
        """
        with exchange():
            return self._prepared()()

    def send(self, call: ApiCall, remaining_s: float, attempt: int = 1) -> Answer:
        """
        Make one attempt, and log it.

        Args:
            call: to send.
            remaining_s: seconds that the attempt may take; at least one is allowed.
            attempt: its number, for the log.

        Raises:
            EcsError: ECS returned an error, or no answer.
        """
        began = time.monotonic()
        code, request_id = "not sent", ""
        try:
            answer = self._sent(call, remaining_s)
            code, request_id = "ok", str(answer.get("RequestId"))
        except EcsError as error:
            code, request_id = error.code, error.request_id
            raise
        finally:
            _log.debug(
                "%s %s: %s, attempt %d, %.0f ms, RequestId %s",
                call.action,
                call.place,
                code,
                attempt,
                (time.monotonic() - began) * 1000,
                request_id,
            )
        return answer

    def _sent(self, call: ApiCall, remaining_s: float) -> Answer:
        as_form = (call.version == STS_VERSION and bool(call.parameters)) or len(
            urllib.parse.urlencode(call.parameters)
        ) > URL_LIMIT
        with exchange() as attempt:
            attempt.deadline = time.monotonic() + remaining_s
            source = self._prepared()
            if call.action not in UNSIGNED:
                attempt.keys = source()
            try:
                return self._tried(call, attempt, as_form=as_form)
            except NoAnswerError:
                if attempt.status != TOO_LONG or as_form:
                    raise
            return self._tried(call, attempt, as_form=True)

    def _tried(self, call: ApiCall, attempt: Exchange, *, as_form: bool) -> Answer:
        from alicloud_ingress.ecs.transport import post

        is_sts = call.version == STS_VERSION
        protocol, host = self._connection.sts if is_sts else self._connection.ecs
        now = time.monotonic()
        attempt.deadline = max(attempt.deadline, now + SHORTEST_ATTEMPT_S)
        left_s = attempt.deadline - now
        timeout_s = (
            min(self._connection.connect_timeout_ms / 1000, left_s),
            min(self._connection.read_timeout_ms / 1000, left_s),
        )
        keys = attempt.keys
        try:
            request = signed_request(call, protocol, host, keys, as_form=as_form)
            response = post(request.url, request.headers, request.body, timeout_s)
            body = _body(response)
        except Exception as error:  # noqa: BLE001 - of libraries, for broken bodies
            trouble = attempt.trouble or _unreadable(attempt, error)
        else:
            return self._answer(call, response, body, attempt)
        code = "NoAnswer" if attempt.failure is NoAnswerError else "NotSent"
        raise attempt.failure(call.action, code, trouble, "", call.place)

    def _answer(
        self,
        call: ApiCall,
        response: requests.Response,
        body: object,
        attempt: Exchange,
    ) -> Answer:
        answer = as_object(body)
        if attempt.status >= _REFUSED:
            if answer is None or not (code := answer.get("Code") or answer.get("code")):
                trouble = attempt.trouble or _unreadable(attempt)
                raise NoAnswerError(call.action, "NoAnswer", trouble, "", call.place)
            raise self._error(call, str(code), answer, attempt, _wait_ms(response))
        if answer is None or not answer.get("RequestId"):
            why = attempt.trouble or f"HTTP {attempt.status} without a RequestId"
            raise broken(call.action, answer or {}, why)
        if code := answer.get("Code"):
            raise self._error(call, str(code), answer, attempt)
        return {**answer, SERVER_TIME: attempt.date, ANSWERED_S: attempt.answered_s}

    def _error(
        self,
        call: ApiCall,
        code: str,
        body: Answer,
        attempt: Exchange,
        wait_ms: int = 0,
    ) -> EcsError:
        message = str(body.get("Message") or "no message")
        detail = self._without_secrets(message, call, attempt)
        request_id = str(body.get("RequestId") or "")
        made = of_code(call.action, code, detail, request_id, call.place)
        if isinstance(made, PermissionRefusedError):
            return made.of_credentials(self._credentials.source)
        if type(made) is EcsError and attempt.status >= _SERVER_FAULT:
            return ServiceFaultError(call.action, code, detail, request_id, call.place)
        if isinstance(made, ThrottledError):
            made.retry_after_s = wait_ms / 1000
        return made

    def _without_secrets(self, text: str, call: ApiCall, attempt: Exchange) -> str:
        # Only the call has a token that was read from a file.
        secrets = self._credentials.secrets | {call.parameters.get("OIDCToken", "")}
        if attempt.keys is not None:
            secrets |= attempt.keys.secrets
        for secret in secrets - {""}:
            text = text.replace(secret, SECRET)
        return text

    def _prepared(self) -> Callable[[], Keys]:
        with self._lock:
            if self._source is None:
                self._source = self._key_source()
            return self._source

    def _key_source(self) -> Callable[[], Keys]:
        credentials = self._credentials
        if credentials.kind == "access_key":
            keys = Keys(
                credentials.access_key_id,
                credentials.access_key_secret,
                credentials.security_token,
            )
            return lambda: keys
        if credentials.role is None:
            return KeysOfLibrary(credentials).keys
        base = credentials.base
        gateway = self if base is None else Gateway(self._connection, base)

        def ask(action: str, parameters: Mapping[str, str]) -> Answer:
            seconds = self._connection.read_timeout_ms / 1000
            return gateway.send(ApiCall(action, parameters, STS_VERSION), seconds)

        return AssumedRole(credentials.role, ask).keys


def _body(response: requests.Response) -> object:
    """
    The JSON of a response; of an error in XML, its elements.

    Raises:
        ValueError: the body is neither.
    """
    if response.status_code < _REFUSED or response.headers.get("content-type") != _XML:
        return cast("object", json.loads(response.content))
    # Errors in XML are rare, and the parser takes time to import.
    from xml.etree import ElementTree

    root = ElementTree.fromstring(response.content)  # noqa: S314 - of ECS, over TLS
    if root.tag != "Error":
        raise ValueError(root.tag)
    return {child.tag: child.text for child in root}


def _wait_ms(response: requests.Response) -> int:
    """
    How long ECS asks to wait. The unit is not documented; the SDK uses milliseconds.
    """
    text = response.headers.get("x-acs-retry-after", "")
    return int(text) if text.isdecimal() else 0


def _unreadable(attempt: Exchange, error: Exception | None = None) -> str:
    if not attempt.status and error is not None:
        return type(error).__name__
    return f"HTTP {attempt.status}, not an answer of ECS"
