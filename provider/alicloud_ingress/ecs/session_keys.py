"""
The keys that sign a call, and those of an assumed role's session.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import NoReturn

from alicloud_ingress.ecs.credentials import Role
from alicloud_ingress.ecs.reactions import before_sending
from alicloud_ingress.ecs.responses import Answer
from alicloud_ingress.errors import ConfigurationError, UnreachableError
from alicloud_ingress.files import as_object
from alicloud_ingress.times import moment_of

RENEWED_BEFORE_S = 300
"""
How long before its end a session is renewed.
"""


@dataclass(frozen=True, slots=True)
class Keys:
    """
    An access key, with the token if it belongs to a session.
    """

    access_key_id: str
    access_key_secret: str = field(repr=False)
    security_token: str = field(default="", repr=False)

    def __reduce__(self) -> NoReturn:
        raise TypeError("Keys are a secret and must not be pickled")

    @property
    def secrets(self) -> frozenset[str]:
        """
        The texts that no message may contain.
        """
        return frozenset({self.access_key_secret, self.security_token} - {""})


class AssumedRole:
    """
    The keys of a role. STS returns them; they are renewed before they expire.

    The SDK could assume the role itself, but without this package's proxies and
    retries, and with the response of STS in its errors. So STS is called like ECS.

    Args:
        role: to assume.
        ask: makes one call of STS, by its action and parameters.
    """

    def __init__(
        self,
        role: Role,
        ask: Callable[[str, Mapping[str, str]], Answer],
    ) -> None:
        self._role = role
        self._ask = ask
        self._lock = threading.Lock()
        self._keys: Keys | None = None
        self._ends = 0.0

    def keys(self) -> Keys:
        """
        The keys of the session, or of a new one if it ends soon.

        Raises:
            UnreachableError: STS sent no answer, so nothing was sent to ECS.
        """
        with self._lock:
            if self._keys is None or time.time() >= self._ends - RENEWED_BEFORE_S:
                self._keys, self._ends = self._session()
            return self._keys

    def _session(self) -> tuple[Keys, float]:
        action = "AssumeRoleWithOIDC" if self._role.oidc_provider_arn else "AssumeRole"
        with before_sending():
            answer = self._ask(action, self._parameters())
        given = as_object(answer.get("Credentials")) or {}
        names = ("AccessKeyId", "AccessKeySecret", "SecurityToken")
        ends = moment_of(str(given.get("Expiration")))
        if ends is None or not given.keys() >= {*names}:
            raise UnreachableError(
                action,
                "BrokenAnswer",
                "STS returned no keys",
                str(answer.get("RequestId")),
            )
        return Keys(*(str(given[name]) for name in names)), ends.timestamp()

    def _parameters(self) -> dict[str, str]:
        role = self._role
        parameters = {
            "RoleArn": role.arn,
            "RoleSessionName": role.session_name,
            "DurationSeconds": str(role.duration_s),
            "Policy": role.policy,
            "ExternalId": role.external_id,
        }
        if role.oidc_provider_arn:
            parameters["OIDCProviderArn"] = role.oidc_provider_arn
            parameters["OIDCToken"] = role.oidc_token or _token_in(role.oidc_token_file)
        return {name: value for name, value in parameters.items() if value}


def _token_in(file: str) -> str:
    """
    Read the token each time, because the platform replaces it.
    """
    try:
        return Path(file).expanduser().read_text(encoding="utf-8").strip()
    except (OSError, ValueError) as error:
        raise ConfigurationError(
            f"cannot read the OIDC token from {file}: {type(error).__name__}; correct"
            " oidcTokenFile"
        ) from None
