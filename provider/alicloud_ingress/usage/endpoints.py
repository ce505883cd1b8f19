"""
Where SLS and OSS are reached: as configured in the environment, or by the region.
"""

from __future__ import annotations

import os
from urllib.parse import urlsplit

from alicloud_ingress.ecs.config import is_loopback
from alicloud_ingress.errors import ConfigurationError

_HOSTS = {"sls": "{region}.log.aliyuncs.com", "oss": "oss-{region}.aliyuncs.com"}


def service_endpoint(service: str, region: str) -> str:
    """
    Scheme and host, such as `https://cn-hangzhou.log.aliyuncs.com`.

    `ALIBABA_CLOUD_ENDPOINT_SLS` and `ALIBABA_CLOUD_ENDPOINT_OSS` change it; plain HTTP
    is for this machine only.

    Raises:
        ConfigurationError: the variable is not an endpoint.
    """
    name = f"ALIBABA_CLOUD_ENDPOINT_{service.upper()}"
    given = os.environ.get(name, "").rstrip("/")
    if not given:
        return f"https://{_HOSTS[service].format(region=region)}"
    whole = given if "://" in given else f"https://{given}"
    parts = urlsplit(whole)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.path:
        raise ConfigurationError(f"{name} is not scheme://host:port")
    if parts.scheme == "http" and not is_loopback(parts.netloc):
        raise ConfigurationError(f"{name} is plain HTTP to another machine; use https")
    return whole
