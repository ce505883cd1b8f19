"""
Region, credentials and endpoint, and where each is configured.

The keys are those of pulumi-alicloud, so that a stack that uses both is configured
once. The stack's configuration takes precedence, then the environment, then the SDK's
default chain.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from alicloud_ingress.ecs.settings import TIMEOUT_VARIABLE, Settings
from alicloud_ingress.errors import SECRET, ConfigurationError, quoted

if TYPE_CHECKING:
    from alicloud_ingress.ecs.credentials import Credentials

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
CREDENTIAL_KEYS = ("alicloud:accessKey", "alicloud:secretKey", "alicloud:securityToken")
_ENDPOINTS = '[{"ecs": "host:port"}]'
NOT_A_REGION = "is not a region, such as cn-hangzhou"
_REGION = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?", re.ASCII | re.IGNORECASE)
_LABEL = re.compile(r"[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?", re.ASCII | re.IGNORECASE)
"""
What may stand between two dots of the name of a host. Names in a private network may
have an underscore.
"""


@dataclass(frozen=True, slots=True)
class Connection:
    """
    The settings of a client.

    Args:
        endpoint: `host:port`; "" for the SDK's choice by region.
        protocol: `https` or `http`.
        connect_timeout_ms: milliseconds for one attempt, as is `read_timeout_ms`.
        timeout_s: seconds for one call with all its retries.
        expected_account_id: "" if any account is accepted.
        sts_url: `https://host:port`; "" for the region's, or for a loopback endpoint.
    """

    region: str
    credentials: Credentials = field(repr=False)
    endpoint: str = ""
    protocol: str = "https"
    connect_timeout_ms: int = 5_000
    read_timeout_ms: int = 10_000
    timeout_s: float = 120.0
    expected_account_id: str = ""
    sts_url: str = ""

    @property
    def ecs(self) -> tuple[str, str]:
        """
        Protocol and `host:port` of ECS: as configured, or the SDK's choice by region.
        """
        return self.protocol, self.endpoint or host_of(self.region)

    @property
    def on_loopback(self) -> bool:
        """
        Whether the endpoint is on this machine.
        """
        return is_loopback(self.endpoint)

    @property
    def sts(self) -> tuple[str, str]:
        """
        Protocol and `host:port` of STS.
        """
        if self.sts_url:
            parts = urlsplit(self.sts_url)
            return parts.scheme, parts.netloc
        if self.on_loopback:
            return self.protocol, self.endpoint
        return "https", f"sts.{self.region}.aliyuncs.com"


def resolve(
    get: Callable[[str], str | None],
    environ: Mapping[str, str],
    *,
    region: str = "",
    profile: str = "",
) -> Connection:
    """
    Find the settings of a client.

    Args:
        get: reads a key of the stack's configuration, such as `alicloud:region`.
        environ: the environment.
        region: of the resource; it takes precedence over all configuration.
        profile: of the resource; likewise.

    Raises:
        ConfigurationError: a setting is missing or not valid.
    """
    # A program and a preview need the region only.
    from alicloud_ingress.ecs.credentials import find

    settings = Settings(get, environ)
    protocol, endpoint = _ecs_endpoint(settings)
    return Connection(
        region=_region(settings, profile, region),
        credentials=find(settings, profile),
        endpoint=endpoint,
        protocol=protocol,
        connect_timeout_ms=settings.number("alicloud:clientConnectTimeout", 5_000),
        read_timeout_ms=settings.number("alicloud:clientReadTimeout", 10_000),
        timeout_s=settings.number("alicloud-ingress:timeout", 120, TIMEOUT_VARIABLE),
        # A resource's own profile may belong to another account.
        expected_account_id="" if profile else _expected_account(settings),
        sts_url=_sts_url(settings),
    )


def region_of(
    get: Callable[[str], str | None], environ: Mapping[str, str], profile: str
) -> str:
    """
    The region of a resource that does not set one.

    Args:
        get: as for `resolve`.
        environ: the environment.
        profile: of the resource; it takes precedence over all configuration.

    Raises:
        ConfigurationError: no region is configured, or it is not one.
    """
    return _region(Settings(get, environ), profile)


def is_region(text: str) -> bool:
    """
    Whether a text may be the name of a region, which is a part of the names of hosts.
    """
    return _REGION.fullmatch(text) is not None


def is_host(text: str) -> bool:
    """
    Whether a text may be the name of a host, or its address, IPv6 without brackets.
    """
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return all(map(_LABEL.fullmatch, text.removesuffix(".").split(".")))
    return True


def is_loopback(endpoint: str) -> bool:
    """
    Whether `host:port` is on this machine.
    """
    host = urlsplit(f"//{endpoint}").hostname or ""
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _region(settings: Settings, profile: str, given: str = "") -> str:
    candidates = [("the region", given)] if given else _regions(settings, profile)
    for source, found in candidates:
        if found and not is_region(found):
            shown = quoted(found)
            raise ConfigurationError(f"{source} is {shown}, which {NOT_A_REGION}")
        if found:
            return found
    raise ConfigurationError(
        "no region is configured; run"
        " `pulumi config set alicloud:region cn-hangzhou`, or set"
        " ALIBABA_CLOUD_REGION"
    )


def _regions(settings: Settings, profile: str) -> Iterator[tuple[str, str]]:
    """
    Each source of a region, and what it has; the first that has one counts.
    """
    yield "alicloud:region", settings.text("alicloud:region")
    if named := profile or settings.text("alicloud:profile"):
        found = _region_of_profile(settings, named)
        yield f"region_id of profile {named!r}", found
    for name in ("ALICLOUD_REGION", "ALIBABA_CLOUD_REGION"):
        yield name, settings.variable(name)


def _region_of_profile(settings: Settings, profile: str) -> str:
    from alicloud_ingress.ecs.credentials import profile_entry

    return profile_entry(settings, profile).get("region_id", "")


def _expected_account(settings: Settings) -> str:
    return settings.text("alicloud:accountId") or settings.variable(
        "ALICLOUD_ACCOUNT_ID", "ALIBABA_CLOUD_ACCOUNT_ID"
    )


def _ecs_endpoint(settings: Settings) -> tuple[str, str]:
    protocol = settings.text("alicloud:protocol").lower()
    if protocol not in ("", "http", "https"):
        raise ConfigurationError(
            f"alicloud:protocol is {protocol!r}; use HTTPS or HTTP"
        )
    given = _configured(settings, "ecs") or settings.variable(
        "ALIBABA_CLOUD_ENDPOINT_ECS"
    )
    scheme, endpoint = _parts(given)
    return protocol or _allowed(settings, scheme or "https", endpoint), endpoint


def _sts_url(settings: Settings) -> str:
    scheme, endpoint = _parts(_configured(settings, "sts"))
    if not endpoint:
        return ""
    return f"{_allowed(settings, scheme or 'https', endpoint)}://{endpoint}"


def _allowed(settings: Settings, scheme: str, endpoint: str) -> str:
    """
    The scheme. Plain HTTP to another machine needs `alicloud:protocol`.
    """
    is_set = settings.text("alicloud:protocol").lower() == "http"
    if scheme == "http" and not is_set and not is_loopback(endpoint):
        raise ConfigurationError(
            f"http://{endpoint} is plain HTTP to another machine; use https, or run"
            " `pulumi config set alicloud:protocol HTTP` to allow it"
        )
    return scheme


def _configured(settings: Settings, service: str) -> str:
    found = ""
    for block in settings.blocks("alicloud:endpoints", _ENDPOINTS):
        found = block.get(service) or found
    return found


def _parts(given: str) -> tuple[str, str]:
    """
    Scheme ("" without one) and `host:port`.
    """
    if not given:
        return "", ""
    scheme, _, rest = given.rpartition("://")
    parts = urlsplit(f"//{rest}")
    try:
        is_valid = is_host(parts.hostname or "") and parts.port != 0
    except ValueError:
        is_valid = False
    is_whole = rest.rstrip("/") == parts.netloc and "@" not in rest
    if scheme not in ("", "http", "https") or not is_valid or not is_whole:
        _, at, place = given.rpartition("@")
        shown = f"{SECRET}@{place}" if at else given
        raise ConfigurationError(
            f"{shown!r} is not an endpoint; set host:port, such as"
            f" alicloud:endpoints {_ENDPOINTS}, or http://127.0.0.1:5000"
        )
    return scheme, parts.netloc


_HOSTS = {
    "ecs.aliyuncs.com": (
        "ap-northeast-2-pop",
        "cn-beijing-finance-pop",
        "cn-beijing-gov-1",
        "cn-hangzhou-finance",
        "cn-hongkong-finance-pop",
        "cn-north-2-gov-1",
        "cn-shanghai-inner",
        "cn-shenzhen-inner",
        "cn-wuhan",
        "cn-yushanfang",
        "cn-zhangbei",
        "rus-west-1-pop",
    ),
    "ecs-cn-hangzhou.aliyuncs.com": (
        "cn-beijing-nu16-b01",
        "cn-fujian",
        "cn-haidian-cm12-c01",
        "cn-hangzhou",
        "cn-hangzhou-bj-b01",
        "cn-hangzhou-internal-prod-1",
        "cn-hangzhou-internal-test-1",
        "cn-hangzhou-internal-test-2",
        "cn-hangzhou-internal-test-3",
        "cn-hangzhou-test-306",
        "cn-shanghai-et15-b01",
        "cn-shanghai-et2-b01",
        "cn-shanghai-finance-1",
        "cn-shanghai-internal-test-1",
        "cn-shenzhen-finance-1",
        "cn-shenzhen-st4-d01",
        "cn-shenzhen-su18-b01",
        "cn-zhangbei-na61-b01",
    ),
    "ecs.cn-qingdao-nebula.aliyuncs.com": (
        "cn-edge-1",
        "cn-huhehaote-nebula-1",
        "cn-zhengzhou-nebula-1",
    ),
    "ecs.cn-shenzhen-cloudstone.aliyuncs.com": ("eu-west-1-oxs",),
    "ecs.cn-zhangjiakou.aliyuncs.com": ("cn-zhangjiakou-na62-a01",),
}
_HOST_OF = {region: host for host, regions in _HOSTS.items() for region in regions}


def host_of(region: str) -> str:
    """
    The host of ECS for a region, as the SDK chooses it.
    """
    return _HOST_OF.get(region) or f"ecs.{region}.aliyuncs.com"
