"""
Region, credentials and endpoint: where each comes from.

The names are those of pulumi-alicloud, so that a stack that uses both is
configured once: first the stack's configuration, then the environment, then the
SDK's own default chain. One source of credentials is taken whole, never mixed.
"""

from __future__ import annotations

import ipaddress
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from alicloud_ingress.errors import ConfigurationError

KEYS = (
    "alicloud:region",
    "alicloud:accessKey",
    "alicloud:secretKey",
    "alicloud:securityToken",
    "alicloud:profile",
    "alicloud:sharedCredentialsFile",
    "alicloud:ecsRoleName",
    "alicloud:assumeRole",
    "alicloud:assumeRoleWithOidc",
    "alicloud:credentialsUri",
    "alicloud:accountId",
    "alicloud:endpoints",
    "alicloud:protocol",
    "alicloud:clientConnectTimeout",
    "alicloud:clientReadTimeout",
    "alicloud-ingress:timeout",
)
REFUSED = ("alicloud:assumeRole", "alicloud:assumeRoleWithOidc")
"""
They change whose account is used and are not supported yet: never ignored.
"""

_ENVIRONMENT = {
    "access_key_id": ("ALICLOUD_ACCESS_KEY", "ALIBABA_CLOUD_ACCESS_KEY_ID"),
    "access_key_secret": ("ALICLOUD_SECRET_KEY", "ALIBABA_CLOUD_ACCESS_KEY_SECRET"),
    "security_token": ("ALICLOUD_SECURITY_TOKEN", "ALIBABA_CLOUD_SECURITY_TOKEN"),
    "region": ("ALICLOUD_REGION", "ALIBABA_CLOUD_REGION"),
    "profile": ("ALICLOUD_PROFILE", "ALIBABA_CLOUD_PROFILE"),
    "ecs_role_name": ("ALICLOUD_ECS_ROLE_NAME",),
}


@dataclass(frozen=True, slots=True)
class Credentials:
    """
    One whole source of credentials.

    Args:
        kind: `access_key`, `sts`, `ecs_ram_role`, `credentials_uri`, or
            `default` for the SDK's own chain.
        name: of the role or the address, where the kind has one.
    """

    kind: str
    access_key_id: str = field(default="", repr=False)
    access_key_secret: str = field(default="", repr=False)
    security_token: str = field(default="", repr=False)
    name: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class Connection:
    """
    All that a client needs to know.

    Args:
        endpoint: `host:port`; "" for the SDK's own choice by region.
        protocol: `https`, or `http`.
        connect_timeout_ms: milliseconds for one attempt; so `read_timeout_ms`.
        timeout_s: seconds for one call with all its retries.
        expected_account_id: "" if any will do.
    """

    region: str
    credentials: Credentials = field(repr=False)
    endpoint: str = ""
    protocol: str = "https"
    connect_timeout_ms: int = 5_000
    read_timeout_ms: int = 10_000
    timeout_s: float = 120.0
    expected_account_id: str = ""

    @property
    def on_loopback(self) -> bool:
        """
        Whether the endpoint is on this very machine.
        """
        return _is_loopback(self.endpoint)


def resolve(
    get: Callable[[str], str | None],
    environ: Mapping[str, str],
    *,
    region: str = "",
    profile: str = "",
) -> Connection:
    """
    Work out the connection.

    Args:
        get: reads a key of the stack's configuration, such as `alicloud:region`.
        region: of the resource; it wins over all configuration.
        profile: of the resource; likewise.

    Raises:
        ConfigurationError: saying what to set.
    """
    for key in REFUSED:
        if get(key):
            raise ConfigurationError(
                f"{key} is not supported; assume the role outside and set"
                " ALIBABA_CLOUD_ACCESS_KEY_ID, _ACCESS_KEY_SECRET, _SECURITY_TOKEN"
            )
    named = profile or get("alicloud:profile") or ""
    entry = _profile(get, environ, named) if named else {}
    region = (
        region
        or get("alicloud:region")
        or str(entry.get("region_id") or "")
        or _from(environ, "region")
    )
    if not region:
        raise ConfigurationError(
            "no region is known; run `pulumi config set alicloud:region cn-hangzhou`"
            " or set ALIBABA_CLOUD_REGION"
        )
    protocol, endpoint = _endpoint(get, environ)
    return Connection(
        region=region,
        credentials=_credentials(get, environ, profile, named, entry),
        endpoint=endpoint,
        protocol=protocol,
        connect_timeout_ms=_number(get, "alicloud:clientConnectTimeout", 5_000),
        read_timeout_ms=_number(get, "alicloud:clientReadTimeout", 10_000),
        timeout_s=_number(get, "alicloud-ingress:timeout", 120),
        expected_account_id=get("alicloud:accountId") or "",
    )


def _from(environ: Mapping[str, str], name: str) -> str:
    return next((v for key in _ENVIRONMENT[name] if (v := environ.get(key))), "")


def _number(get: Callable[[str], str | None], key: str, otherwise: int) -> int:
    text = get(key)
    if not text:
        return otherwise
    if not text.isdigit() or int(text) == 0:
        raise ConfigurationError(f"{key} is {text!r}; give a whole number above 0")
    return int(text)


def _credentials(
    get: Callable[[str], str | None],
    environ: Mapping[str, str],
    profile: str,
    named: str,
    entry: Mapping[str, Any],
) -> Credentials:
    """
    The first source that is there: the resource's profile, the stack's keys, its
    profile, its role, its address, then the environment in the same order.
    """
    if profile:
        return _of_profile(named, entry)
    if get("alicloud:accessKey") or get("alicloud:secretKey"):
        return _of_keys(
            "alicloud:accessKey, alicloud:secretKey",
            get("alicloud:accessKey"),
            get("alicloud:secretKey"),
            get("alicloud:securityToken"),
        )
    if named:
        return _of_profile(named, entry)
    if role := get("alicloud:ecsRoleName"):
        return Credentials("ecs_ram_role", name=role)
    if address := get("alicloud:credentialsUri"):
        return Credentials("credentials_uri", name=address)
    if _from(environ, "access_key_id") or _from(environ, "access_key_secret"):
        return _of_keys(
            "ALIBABA_CLOUD_ACCESS_KEY_ID, ALIBABA_CLOUD_ACCESS_KEY_SECRET",
            _from(environ, "access_key_id"),
            _from(environ, "access_key_secret"),
            _from(environ, "security_token"),
        )
    if from_environment := _from(environ, "profile"):
        return _of_profile(from_environment, _profile(get, environ, from_environment))
    if role := _from(environ, "ecs_role_name"):
        return Credentials("ecs_ram_role", name=role)
    return Credentials("default")


def _of_keys(
    where: str, key: str | None, secret: str | None, token: str | None
) -> Credentials:
    if not key or not secret:
        raise ConfigurationError(f"{where}: one of the two is missing; set both")
    return Credentials("sts" if token else "access_key", key, secret, token or "")


def _of_profile(name: str, entry: Mapping[str, Any]) -> Credentials:
    mode = entry.get("mode")
    if mode in ("AK", "StsToken"):
        return _of_keys(
            f"profile {name!r}",
            entry.get("access_key_id"),
            entry.get("access_key_secret"),
            entry.get("sts_token"),
        )
    if mode == "EcsRamRole":
        return Credentials("ecs_ram_role", name=str(entry.get("ram_role_name") or ""))
    raise ConfigurationError(
        f"profile {name!r} has mode {mode!r}; supported are AK, StsToken, EcsRamRole"
    )


def _profile(
    get: Callable[[str], str | None], environ: Mapping[str, str], name: str
) -> Mapping[str, Any]:
    home = Path(environ.get("HOME") or Path.home())
    file = Path(
        get("alicloud:sharedCredentialsFile") or home / ".aliyun" / "config.json"
    ).expanduser()
    try:
        profiles = json.loads(file.read_text(encoding="utf-8"))["profiles"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ConfigurationError(
            f"profile {name!r} cannot be read from {file}: {type(error).__name__};"
            " run `aliyun configure`, or set alicloud:sharedCredentialsFile"
        ) from None
    for entry in profiles:
        if isinstance(entry, dict) and entry.get("name") == name:
            return entry
    raise ConfigurationError(f"{file} holds no profile {name!r}")


def _endpoint(
    get: Callable[[str], str | None], environ: Mapping[str, str]
) -> tuple[str, str]:
    """
    Protocol and `host:port`; plain HTTP is for loopback or by explicit wish.
    """
    wish = (get("alicloud:protocol") or "").lower()
    if wish not in ("", "http", "https"):
        raise ConfigurationError(f"alicloud:protocol is {wish!r}; use HTTPS or HTTP")
    given = _configured_endpoint(get) or environ.get("ALIBABA_CLOUD_ENDPOINT_ECS", "")
    scheme, endpoint = "", given
    if "://" in given:
        parts = urlsplit(given)
        scheme, endpoint = parts.scheme, parts.netloc
    protocol = wish or scheme or "https"
    if protocol == "http" and wish != "http" and not _is_loopback(endpoint):
        raise ConfigurationError(
            f"{given} is plain HTTP to another machine; use https, or set"
            " alicloud:protocol to HTTP if that is meant"
        )
    return protocol, endpoint


def _configured_endpoint(get: Callable[[str], str | None]) -> str:
    text = get("alicloud:endpoints")
    if not text:
        return ""
    try:
        entries = json.loads(text)
        merged = {k: v for entry in entries for k, v in entry.items()}
    except (ValueError, AttributeError, TypeError):
        raise ConfigurationError(
            'alicloud:endpoints is not a list such as [{"ecs": "host:port"}]'
        ) from None
    return str(merged.get("ecs") or "")


def _is_loopback(endpoint: str) -> bool:
    host = urlsplit(f"//{endpoint}").hostname or ""
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
