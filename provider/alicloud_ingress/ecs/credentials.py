"""
The source of credentials. All parts come from one source; sources are never mixed.

A role is assumed with the credentials of a source. This module makes no call: it only
decides where the client gets its credentials.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import NoReturn, cast

from alicloud_ingress.ecs.settings import Settings
from alicloud_ingress.errors import ConfigurationError
from alicloud_ingress.files import UnreadableError, parsed, text_in

SESSION_NAME = "pulumi"
DEFAULT_SESSION_S = 3_600
SHORTEST_SESSION_S = 900
MAX_SESSION_S = 43_200

_KEY_FAMILIES = (
    ("ALICLOUD_ACCESS_KEY", "ALICLOUD_SECRET_KEY", "ALICLOUD_SECURITY_TOKEN"),
    (
        "ALIBABA_CLOUD_ACCESS_KEY_ID",
        "ALIBABA_CLOUD_ACCESS_KEY_SECRET",
        "ALIBABA_CLOUD_SECURITY_TOKEN",
    ),
)
_OIDC_VARIABLES = ("ALIBABA_CLOUD_OIDC_PROVIDER_ARN", "ALIBABA_CLOUD_OIDC_TOKEN_FILE")
_ROLE_KEYS = ("roleArn", "sessionName", "policy", "sessionExpiration", "externalId")
_OIDC_KEYS = (
    "oidcProviderArn",
    "oidcToken",
    "oidcTokenFile",
    "roleArn",
    "roleSessionName",
    "policy",
    "sessionExpiration",
)
_DELEGATED_MODES = ("CloudSSO", "OAuth", "External")
"""
Modes of a profile that need a login or another process. The SDK handles them.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Role:
    """
    A role to assume, by STS AssumeRole or AssumeRoleWithOIDC.

    Args:
        arn: `acs:ram::<account>:role/<name>`.
        duration_s: how long a session is valid.
        oidc_provider_arn: "" if the source's own keys assume the role.
    """

    arn: str
    session_name: str = SESSION_NAME
    policy: str = ""
    external_id: str = ""
    duration_s: int = DEFAULT_SESSION_S
    oidc_provider_arn: str = ""
    oidc_token_file: str = ""
    oidc_token: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class Credentials:
    """
    One source of credentials.

    Args:
        kind: `access_key`, `role`, `ecs_ram_role`, `credentials_uri`, `cli_profile`, or
            `default` for the SDK's default chain.
        name: of the role or the profile, or the URI, if the kind has one.
        source: where it is set, for messages.
        file: that contains the profile, for `cli_profile`.
        role: for `role`.
        base: the credentials that assume the role; None if an OIDC token does.
    """

    kind: str
    access_key_id: str = field(default="", repr=False)
    access_key_secret: str = field(default="", repr=False)
    security_token: str = field(default="", repr=False)
    name: str = field(default="", repr=False)
    source: str = "the SDK's default chain"
    file: str = ""
    role: Role | None = None
    base: Credentials | None = None

    def __reduce__(self) -> NoReturn:
        raise TypeError("Credentials hold a secret and must not be pickled")

    @property
    def secrets(self) -> frozenset[str]:
        """
        The texts that no message may contain.
        """
        own = {self.access_key_secret, self.security_token}
        if self.role is not None:
            own.add(self.role.oidc_token)
        if self.base is not None:
            own |= self.base.secrets
        return frozenset(own - {""})


def find(settings: Settings, profile: str) -> Credentials:
    """
    Find the source.

    A resource's own *profile* takes precedence. Otherwise the source is the first of:
    the stack's OIDC role, keys, profile, instance role and credentials URI; the
    environment's keys, profile, instance role and credentials URI; the SDK's default
    chain. It assumes the role of the stack's `assumeRole`, or of the environment.

    Raises:
        ConfigurationError: a setting is missing or not valid.
    """
    if profile:
        return _of_profile(settings, profile)
    base = _of_stack(settings) or _of_environment(settings) or Credentials("default")
    role = _role_of_stack(settings) or _role_of_environment(settings)
    if role is None:
        return base
    return Credentials(
        "role", role=role, base=base, source=f"{role.arn}, assumed by {base.source}"
    )


def profile_entry(settings: Settings, name: str) -> Mapping[str, str]:
    """
    The entry of a profile in the file of the aliyun CLI, with all values as text.
    """
    file = profile_file(settings)
    try:
        content = parsed(text_in(file))
        profiles = cast("list[dict[str, object]]", content["profiles"])
        named = [entry for entry in profiles if entry.get("name") == name]
    except (
        UnreadableError,
        ValueError,
        KeyError,
        TypeError,
        AttributeError,
    ) as error:
        why = getattr(error, "why", "") or "it is not a file of the aliyun CLI"
        raise ConfigurationError(
            f"cannot read profile {name!r} from {file}: {why};"
            " run `aliyun configure`, or set alicloud:sharedCredentialsFile"
        ) from None
    if not named:
        raise ConfigurationError(
            f"{file} has no profile {name!r}; run `aliyun configure --profile {name}`"
        )
    return {key: str(value) for key, value in named[0].items() if value is not None}


def profile_file(settings: Settings) -> Path:
    """
    The file of the profiles.
    """
    given = settings.text("alicloud:sharedCredentialsFile") or settings.variable(
        "ALICLOUD_SHARED_CREDENTIALS_FILE", "ALIBABA_CLOUD_CREDENTIALS_FILE"
    )
    home = settings.variable("HOME") or str(Path.home())
    return Path(given).expanduser() if given else Path(home, ".aliyun", "config.json")


def _of_stack(settings: Settings) -> Credentials | None:
    if (oidc := settings.block("alicloud:assumeRoleWithOidc", _OIDC_KEYS)) is not None:
        return _of_oidc(oidc)
    key, secret = (
        settings.text("alicloud:accessKey"),
        settings.text("alicloud:secretKey"),
    )
    if key or secret:
        token = settings.text("alicloud:securityToken")
        return _of_keys("alicloud:accessKey, alicloud:secretKey", key, secret, token)
    if name := settings.text("alicloud:profile"):
        return _of_profile(settings, name)
    if name := settings.text("alicloud:ecsRoleName"):
        return Credentials("ecs_ram_role", name=name, source="alicloud:ecsRoleName")
    if name := settings.text("alicloud:credentialsUri"):
        return Credentials(
            "credentials_uri", name=name, source="alicloud:credentialsUri"
        )
    return None


def _of_environment(settings: Settings) -> Credentials | None:
    for family in _KEY_FAMILIES:
        key, secret, token = map(settings.variable, family)
        if key or secret:
            return _of_keys(f"{family[0]}, {family[1]}", key, secret, token)
    if name := settings.variable("ALICLOUD_PROFILE", "ALIBABA_CLOUD_PROFILE"):
        return _of_profile(settings, name)
    names = ("ALICLOUD_ECS_ROLE_NAME", "ALIBABA_CLOUD_ECS_METADATA")
    if name := settings.variable(*names):
        return Credentials("ecs_ram_role", name=name, source=" or ".join(names))
    names = ("ALICLOUD_CREDENTIALS_URI", "ALIBABA_CLOUD_CREDENTIALS_URI")
    if name := settings.variable(*names):
        return Credentials("credentials_uri", name=name, source=" or ".join(names))
    return None


def _of_keys(where: str, key: str, secret: str, token: str) -> Credentials:
    if not key or not secret:
        raise ConfigurationError(f"{where}: one of the two is not set; set both")
    return Credentials("access_key", key, secret, token, source=where)


def _of_oidc(block: Mapping[str, str]) -> Credentials:
    where = "alicloud:assumeRoleWithOidc"
    for name in ("oidcProviderArn", "roleArn"):
        if not block.get(name):
            raise ConfigurationError(f"{where} has no {name}; set it")
    if not (block.get("oidcToken") or block.get("oidcTokenFile")):
        raise ConfigurationError(
            f"{where} has no token; set oidcTokenFile (a path) or oidcToken"
        )
    role = Role(
        arn=block["roleArn"],
        session_name=block.get("roleSessionName") or SESSION_NAME,
        policy=block.get("policy", ""),
        duration_s=_duration(where, block.get("sessionExpiration", "")),
        oidc_provider_arn=block["oidcProviderArn"],
        oidc_token=block.get("oidcToken", ""),
        oidc_token_file=block.get("oidcTokenFile", ""),
    )
    return Credentials("role", role=role, source=where)


def _role_of_stack(settings: Settings) -> Role | None:
    where = "alicloud:assumeRole"
    block = settings.block(where, _ROLE_KEYS)
    if block is None:
        return None
    if "roleArn" not in block:
        raise ConfigurationError(f"{where} has no roleArn; set it")
    if not block["roleArn"]:
        return None
    return Role(
        arn=block["roleArn"],
        session_name=block.get("sessionName") or SESSION_NAME,
        policy=block.get("policy", ""),
        external_id=block.get("externalId", ""),
        duration_s=_duration(where, block.get("sessionExpiration", "")),
    )


def _role_of_environment(settings: Settings) -> Role | None:
    """
    With an OIDC token in the environment, `ALIBABA_CLOUD_ROLE_ARN` belongs to the
    token.
    """
    if settings.text("alicloud:assumeRoleWithOidc"):
        return None
    names = ["ALICLOUD_ASSUME_ROLE_ARN"]
    if not all(settings.variable(name) for name in _OIDC_VARIABLES):
        names.append("ALIBABA_CLOUD_ROLE_ARN")
    arn = settings.variable(*names)
    if not arn:
        return None
    expiration = "ALICLOUD_ASSUME_ROLE_SESSION_EXPIRATION"
    return Role(
        arn=arn,
        session_name=settings.variable(
            "ALICLOUD_ASSUME_ROLE_SESSION_NAME", "ALIBABA_CLOUD_ROLE_SESSION_NAME"
        )
        or SESSION_NAME,
        duration_s=_duration(expiration, settings.variable(expiration)),
    )


def _of_profile(
    settings: Settings, name: str, before: tuple[str, ...] = ()
) -> Credentials:
    """
    The credentials of a profile; *before* are those whose `source_profile` led to it.
    """
    where = f"profile {name!r}"
    if name in before:
        chain = " -> ".join((*before, name))
        raise ConfigurationError(
            f"source_profile has a cycle: {chain}; correct one of the profiles"
        )
    entry = profile_entry(settings, name)
    mode = entry.get("mode") or "AK"
    if mode in ("AK", "StsToken"):
        return _of_profile_keys(where, entry, with_token=mode == "StsToken")
    if mode == "ChainableRamRoleArn":
        source = entry.get("source_profile", "")
        base = _of_profile(settings, source, (*before, name))
        return _of_profile_role(where, entry, base)
    if mode == "RamRoleArn":
        base = _of_profile_keys(where, entry, with_token=True)
        return _of_profile_role(where, entry, base)
    if mode == "OIDC":
        return _of_profile_role(where, entry, None)
    return _of_profile_service(settings, name, mode, entry)


def _of_profile_service(
    settings: Settings, name: str, mode: str, entry: Mapping[str, str]
) -> Credentials:
    where = f"profile {name!r}"
    if mode == "EcsRamRole":
        role = entry.get("ram_role_name", "")
        return Credentials("ecs_ram_role", name=role, source=where)
    if mode == "CredentialsURI":
        address = entry.get("credentials_uri", "")
        return Credentials("credentials_uri", name=address, source=where)
    if mode in _DELEGATED_MODES:
        file = str(profile_file(settings))
        return Credentials("cli_profile", name=name, file=file, source=where)
    raise ConfigurationError(
        f"{where} has mode {mode!r}, which is not supported; run"
        f" `aliyun configure --mode AK --profile {name}`, or set"
        " ALIBABA_CLOUD_ACCESS_KEY_ID, _ACCESS_KEY_SECRET and _SECURITY_TOKEN"
    )


def _of_profile_keys(
    where: str, entry: Mapping[str, str], *, with_token: bool
) -> Credentials:
    return _of_keys(
        where,
        entry.get("access_key_id", ""),
        entry.get("access_key_secret", ""),
        entry.get("sts_token", "") if with_token else "",
    )


def _of_profile_role(
    where: str, entry: Mapping[str, str], base: Credentials | None
) -> Credentials:
    needed = ["ram_role_arn"]
    if base is None:
        needed += ["oidc_provider_arn", "oidc_token_file"]
    for name in needed:
        if not entry.get(name):
            raise ConfigurationError(f"{where} has no {name}; run `aliyun configure`")
    role = Role(
        arn=entry["ram_role_arn"],
        session_name=entry.get("ram_session_name")
        or entry.get("role_session_name")
        or SESSION_NAME,
        policy=entry.get("policy", ""),
        external_id=entry.get("external_id", ""),
        duration_s=_duration(where, entry.get("expired_seconds", "")),
        oidc_provider_arn="" if base else entry["oidc_provider_arn"],
        oidc_token_file="" if base else entry["oidc_token_file"],
    )
    return Credentials("role", role=role, base=base, source=where)


def _duration(where: str, text: str) -> int:
    if text in ("", "0"):
        return DEFAULT_SESSION_S
    if text.isdecimal() and SHORTEST_SESSION_S <= int(text) <= MAX_SESSION_S:
        return int(text)
    raise ConfigurationError(
        f"{where}: a session cannot last {text!r} seconds; set {SHORTEST_SESSION_S} to"
        f" {MAX_SESSION_S}"
    )
