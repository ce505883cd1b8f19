"""
Keys from the SDK's credentials library: instance role, credentials URI, default chain.

The library is imported when the first key is needed.
"""

from __future__ import annotations

import threading
import urllib.parse
from typing import Any

from alicloud_ingress.ecs.credentials import Credentials
from alicloud_ingress.ecs.exchange import silence_sdk
from alicloud_ingress.ecs.session_keys import Keys
from alicloud_ingress.errors import ConfigurationError, UnreachableError


class KeysOfLibrary:
    """
    Keys from the SDK's credentials library.
    """

    def __init__(self, credentials: Credentials) -> None:
        self._credentials = credentials
        self._found: Any = None
        self._has_worked = False
        self._lock = threading.Lock()

    def keys(self) -> Keys:
        """
        The keys that are valid now; the library renews them.

        Raises:
            ConfigurationError: there are no keys.
            UnreachableError: there were keys before, and the renewal failed.
        """
        try:
            with self._lock:
                self._found = self._found or _library_client(self._credentials)
            model = self._found.get_credential()
            keys = Keys(
                str(model.access_key_id),
                str(model.access_key_secret),
                str(model.security_token or ""),
            )
        except Exception as error:  # noqa: BLE001 - the library documents no errors
            source = self._credentials.source
            if self._has_worked:
                raise UnreachableError(
                    "the renewal of credentials",
                    "NoKeys",
                    f"{source} returned none ({type(error).__name__})",
                ) from None
            # The text of the error may contain a secret, so only its type is shown.
            raise ConfigurationError(
                f"{source} returned no credentials ({type(error).__name__}); run"
                " `aliyun configure`, or set ALIBABA_CLOUD_ACCESS_KEY_ID and"
                " ALIBABA_CLOUD_ACCESS_KEY_SECRET"
            ) from None
        self._has_worked = True
        return keys


def _library_client(credentials: Credentials) -> Any:
    from alibabacloud_credentials.client import Client
    from alibabacloud_credentials.models import Config
    from alibabacloud_credentials.provider import CLIProfileCredentialsProvider

    silence_sdk()
    if credentials.kind == "ecs_ram_role":
        return Client(Config(type="ecs_ram_role", role_name=credentials.name))
    if credentials.kind == "credentials_uri":
        address = _ready_address(credentials.name)
        return Client(Config(type="credentials_uri", credentials_uri=address))
    if credentials.kind == "cli_profile":
        return Client(
            provider=CLIProfileCredentialsProvider(
                profile_name=credentials.name, profile_file=credentials.file
            )
        )
    return Client()


def _ready_address(address: str) -> str:
    """
    The address with its port, which the library omits, and with this package's session.
    """
    from Tea.core import TeaCore

    from alicloud_ingress.ecs.transport import session

    parts = urllib.parse.urlsplit(address)
    port = parts.port or (443 if parts.scheme == "https" else 80)
    core: Any = TeaCore
    key = f"{parts.scheme}://{parts.hostname}:{port}"
    core._sessions.setdefault(key, session())  # noqa: SLF001 - no setter
    host = f"[{parts.hostname}]" if ":" in str(parts.hostname) else parts.hostname
    return parts._replace(netloc=f"{host}:{port}").geturl()
