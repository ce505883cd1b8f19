"""
One client for each region, all as the same account.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Mapping, Sequence

from alicloud_ingress.ecs import config
from alicloud_ingress.ecs.client import EcsClient
from alicloud_ingress.errors import IngressError


class NoSuchGroupError(IngressError):
    """
    A group is in none of the regions that were asked.
    """


class Connections:
    """
    Clients by region, made when they are first asked for; threads may share it.

    Args:
        profile: of the aliyun command line; "" for the environment's credentials.
        settings: of a stack, by key, such as `alicloud:region`; they win over the
            environment, as they do in the stack itself.
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
        The region itself, or the one that is configured.

        Raises:
            ConfigurationError: none is.
        """
        return region or self._resolve("").region

    def client(self, region: str) -> EcsClient:
        """
        The client of a region.

        Raises:
            ConfigurationError: saying what to set.
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
    The client of the region that a group is in; of one region, without asking.

    Raises:
        NoSuchGroupError: it is in none of the regions.
    """
    asked = tuple(regions) or (connections.region(),)
    if len(asked) == 1:
        return connections.client(asked[0])
    for region in asked:
        client = connections.client(region)
        if client.group_exists(group_id):
            return client
    raise NoSuchGroupError(
        f"{group_id} is in none of {', '.join(asked)}; check its ID, --region and the"
        " account"
    )
