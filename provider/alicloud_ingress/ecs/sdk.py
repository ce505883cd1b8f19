"""
One call by the SDK: it returns the raw response, or raises an error of this package.

The SDK's client takes half a second to import. The first call imports it, or
`import_sdk` on another thread before that.
"""

from __future__ import annotations

import importlib
import importlib.util
import logging
import sys
import threading
import time
import urllib.parse
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from alicloud_ingress.ecs.config import Connection
from alicloud_ingress.ecs.credentials import Credentials
from alicloud_ingress.ecs.error_codes import of_code
from alicloud_ingress.ecs.exchange import Exchange, current, exchange, silence_sdk
from alicloud_ingress.ecs.library_keys import KeysOfLibrary
from alicloud_ingress.ecs.responses import SERVER_TIME, Answer, broken
from alicloud_ingress.ecs.session_keys import AssumedRole, FixedKeys, Keys, KeySource
from alicloud_ingress.errors import (
    SECRET,
    EcsError,
    NoAnswerError,
    PermissionRefusedError,
    ServiceFaultError,
    ThrottledError,
    UnreachableError,
)
from alicloud_ingress.files import as_object

ECS_VERSION = "2014-05-26"
STS_VERSION = "2015-04-01"
URL_LIMIT = 6_000
"""
How many bytes of parameters a URL may have. More are sent as a form: the gateway
answers a long URL with 414 and an HTML body. Its own limit is not documented.
"""
UNSIGNED = ("AssumeRoleWithOIDC",)
SHORTEST_ATTEMPT_MS = 1_000
TOO_LONG = 414

_log = logging.getLogger("alicloud_ingress")
_IMPORT = threading.Lock()
_SERVER_FAULT = 500


@dataclass(frozen=True, slots=True)
class Call:
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


def import_sdk() -> None:
    """
    Import the SDK, once.

    Its thousand models take a third of the time and are not used, so they are skipped.
    """
    with _IMPORT:
        _import_when_used("alibabacloud_ecs20140526", "models")
        for name in (
            "alibabacloud_ecs20140526.client",
            "alicloud_ingress.ecs.transport",
        ):
            importlib.import_module(name)
        silence_sdk()


def _import_when_used(package: str, name: str) -> None:
    """
    Import a module of a package only when one of its attributes is used.
    """
    full_name = f"{package}.{name}"
    # find_spec uses an attribute of a module that is known already.
    if full_name in sys.modules:
        return
    spec = importlib.util.find_spec(full_name)
    if spec is None or spec.loader is None:
        return
    spec.loader = importlib.util.LazyLoader(spec.loader)
    module = importlib.util.module_from_spec(spec)
    sys.modules[full_name] = module
    setattr(sys.modules[package], name, module)
    spec.loader.exec_module(module)


class Sdk:
    """
    ECS and STS with one set of credentials; threads may share it.
    """

    def __init__(
        self, connection: Connection, credentials: Credentials | None = None
    ) -> None:
        self._connection = connection
        self._credentials = credentials or connection.credentials
        self._lock = threading.Lock()
        self._client: Any = None
        self._source: KeySource | None = None

    def keys(self) -> Keys:
        """
        The keys that sign calls now.

        Raises:
            ConfigurationError: there are no keys.
            EcsError: STS returned no keys.
        """
        with exchange():
            return self._prepared().keys()

    def send(self, call: Call, left_s: float, attempt: int = 1) -> Answer:
        """
        Make one attempt, and log it.

        Args:
            call: to send.
            left_s: seconds that the attempt may take; at least one is allowed.
            attempt: its number, for the log.

        Raises:
            EcsError: ECS returned an error, or no answer.
        """
        began = time.monotonic()
        code, request_id = "not sent", ""
        try:
            answer = self._sent(call, left_s)
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

    def _sent(self, call: Call, left_s: float) -> Answer:
        as_form = (call.version == STS_VERSION and bool(call.parameters)) or len(
            urllib.parse.urlencode(call.parameters)
        ) > URL_LIMIT
        with exchange() as attempt:
            source = self._prepared()
            if call.action not in UNSIGNED:
                attempt.keys = source.keys()
            try:
                return self._tried(call, left_s, attempt, as_form=as_form)
            except NoAnswerError:
                if attempt.status != TOO_LONG or as_form:
                    raise
            return self._tried(call, left_s, attempt, as_form=True)

    def _tried(
        self, call: Call, left_s: float, attempt: Exchange, *, as_form: bool
    ) -> Answer:
        from Tea.exceptions import TeaException

        try:
            answer: object = self._client.call_api(
                *self._request(call, left_s, as_form=as_form)
            )
        except TeaException as error:
            translated = self._translated(call, error, attempt)
        except Exception as error:  # noqa: BLE001 - builtins, for broken bodies
            translated = NoAnswerError(
                call.action, "NoAnswer", type(error).__name__, "", call.place
            )
        else:
            return self._body(call, answer, attempt)
        raise translated from None

    def _request(
        self, call: Call, left_s: float, *, as_form: bool
    ) -> tuple[object, object, object]:
        from alibabacloud_tea_openapi import utils_models
        from darabonba.runtime import RuntimeOptions

        from alicloud_ingress.ecs.transport import POOL_SIZE

        models: Any = utils_models  # its annotations do not allow None
        protocol = self._connection.protocol
        parameters = dict(call.parameters)
        request = models.OpenApiRequest(
            body=parameters if as_form else None,
            query=None if as_form else parameters,
        )
        if call.version == STS_VERSION:
            protocol, host = self._connection.sts
            request.headers = {"host": host}
        params = models.Params(
            action=call.action,
            version=call.version,
            protocol=protocol,
            pathname="/",
            method="POST",
            auth_type="Anonymous" if call.action in UNSIGNED else "AK",
            style="RPC",
            req_body_type="formData",
            body_type="json",
        )
        left_ms = max(SHORTEST_ATTEMPT_MS, int(left_s * 1000))
        runtime = RuntimeOptions(
            connect_timeout=min(self._connection.connect_timeout_ms, left_ms),
            read_timeout=min(self._connection.read_timeout_ms, left_ms),
            max_idle_conns=POOL_SIZE,
        )
        return params, request, runtime

    def _body(self, call: Call, answer: object, attempt: Exchange) -> Answer:
        body = as_object((as_object(answer) or {}).get("body"))
        if body is None or not body.get("RequestId"):
            why = attempt.trouble or f"HTTP {attempt.status} without a RequestId"
            raise broken(call.action, body or {}, why)
        if code := body.get("Code"):
            raise self._error(call, str(code), body, attempt)
        return {**body, SERVER_TIME: attempt.date}

    def _translated(self, call: Call, error: Exception, attempt: Exchange) -> EcsError:
        """
        The error of this package for an error of the SDK, without its payload.
        """
        code = str(getattr(error, "code", None) or "None")
        body = as_object(getattr(error, "data", None)) or {}
        if code != "None":
            return self._error(call, code, body, attempt, error)
        trouble = attempt.trouble or f"HTTP {attempt.status}, not an answer of ECS"
        if not attempt.sent:
            return UnreachableError(call.action, "NotSent", trouble, "", call.place)
        return NoAnswerError(call.action, "NoAnswer", trouble, "", call.place)

    def _error(
        self,
        call: Call,
        code: str,
        body: Answer,
        attempt: Exchange,
        error: Exception | None = None,
    ) -> EcsError:
        message = str(body.get("Message") or "no message")
        detail = self._without_secrets(message, call, attempt)
        request_id = str(body.get("RequestId") or "")
        made = of_code(call.action, code, detail, request_id, call.place)
        if isinstance(made, PermissionRefusedError):
            source = self._credentials.source or "the SDK's default chain"
            return made.of_credentials(source)
        if type(made) is EcsError and attempt.status >= _SERVER_FAULT:
            return ServiceFaultError(call.action, code, detail, request_id, call.place)
        if isinstance(made, ThrottledError):
            # The unit is not documented; the SDK uses milliseconds.
            made.retry_after_s = (getattr(error, "retry_after", None) or 0) / 1000
        return made

    def _without_secrets(self, text: str, call: Call, attempt: Exchange) -> str:
        # Only the call has a token that was read from a file.
        secrets = self._credentials.secrets | {call.parameters.get("OIDCToken", "")}
        if attempt.keys is not None:
            secrets |= attempt.keys.secrets
        for secret in secrets - {""}:
            text = text.replace(secret, SECRET)
        return text

    def _prepared(self) -> KeySource:
        with self._lock:
            if self._source is None:
                import_sdk()
                self._client = _sdk_client(self._connection)
                self._source = self._key_source()
            return self._source

    def _key_source(self) -> KeySource:
        credentials = self._credentials
        if credentials.kind in ("access_key", "sts"):
            return FixedKeys(
                Keys(
                    credentials.access_key_id,
                    credentials.access_key_secret,
                    credentials.security_token,
                )
            )
        if credentials.role is None:
            return KeysOfLibrary(credentials)
        base = credentials.base
        sdk = self if base is None else Sdk(self._connection, base)

        def ask(action: str, parameters: Mapping[str, str]) -> Answer:
            seconds = self._connection.read_timeout_ms / 1000
            return sdk.send(Call(action, parameters, STS_VERSION), seconds)

        return AssumedRole(credentials.role, ask)


def address_of(connection: Connection) -> str:
    """
    The address of calls, such as `https://ecs.eu-central-1.aliyuncs.com`.

    It is the configured one, or the SDK's choice by region.
    """
    import_sdk()
    host = str(_sdk_client(connection)._endpoint)  # noqa: SLF001 - not public
    return f"{connection.protocol}://{host}"


class _KeysOfExchange:
    """
    Credentials for the SDK: the keys of the current attempt.
    """

    def get_credential(self) -> Keys | None:
        return current().keys


def _sdk_client(connection: Connection) -> Any:
    from alibabacloud_ecs20140526.client import Client
    from alibabacloud_tea_openapi import utils_models

    models: Any = utils_models  # its annotations do not allow other credentials
    client: Any = Client(
        models.Config(
            region_id=connection.region,
            endpoint=connection.endpoint or None,
            credential=_KeysOfExchange(),
            user_agent="pulumi-alicloud-ingress",
        )
    )
    _use_transport(connection.protocol, str(client._endpoint))  # noqa: SLF001 - not public
    _use_transport(*connection.sts)
    return client


def _use_transport(protocol: str, host: str) -> None:
    """
    Give the SDK this package's session for a host, under the key that it uses.
    """
    from darabonba.core import DaraCore

    from alicloud_ingress.ecs.transport import POOL_SIZE, session

    key = f"{protocol}://{host}:80:pool={POOL_SIZE}"
    core: Any = DaraCore
    with _IMPORT:
        core._sessions.setdefault(key, session())  # noqa: SLF001 - no setter
