"""
One client for each region, all with the same credentials.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterable, Mapping, Sequence

from alicloud_ingress.ecs import config
from alicloud_ingress.ecs.client import EcsClient
from alicloud_ingress.errors import IngressError


class NoSuchGroupError(IngressError):
    """
    A group does not exist in the given regions.
    """


class Connections:
    """
    Clients by region, each made on first use; threads may share it.

    Args:
        profile: of the aliyun CLI; "" for the environment's credentials.
        settings: of a stack, by key, such as `alicloud:region`; they take precedence
            over the environment, as in the stack itself.
    """

    def __init__(
        self, profile: str = "", settings: Mapping[str, str] | None = None
    ) -> None:
        self._profile = profile
        self._settings = settings or {}
        self._clients: dict[str, EcsClient] = {}
        self._lock = threading.Lock()

    def region(self, region: str = "") -> str:
        """
        The given region, or otherwise the configured one.

        Raises:
            ConfigurationError: no region is configured.
        """
        return region or self._resolve("").region

    def regions(self, named: Iterable[str]) -> tuple[str, ...]:
        """
        The named regions, each once, or otherwise the configured one.

        Raises:
            ConfigurationError: no region is configured.
        """
        return tuple(dict.fromkeys(map(self.region, named))) or (self.region(),)

    def client(self, region: str) -> EcsClient:
        """
        The client of a region.

        Raises:
            ConfigurationError: a setting is missing or not valid.
        """
        with self._lock:
            if region not in self._clients:
                self._clients[region] = EcsClient(self._resolve(region))
            return self._clients[region]

    def _resolve(self, region: str) -> config.Connection:
        return config.resolve(
            self._settings.get, os.environ, region=region, profile=self._profile
        )


def located(
    connections: Connections, regions: Sequence[str], group_id: str
) -> EcsClient:
    """
    The client of the group's region. A single region is not verified.

    Raises:
        NoSuchGroupError: the group is in none of the regions.
    """
    candidates = connections.regions(regions)
    if len(candidates) == 1:
        return connections.client(candidates[0])
    for region in candidates:
        client = connections.client(region)
        if client.group_exists(group_id):
            return client
    raise NoSuchGroupError(
        f"{group_id} does not exist in {', '.join(candidates)}; check the group ID,"
        " --region and the account"
    )
