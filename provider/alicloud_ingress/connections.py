"""
One client for each region, all as the same account.
"""

from __future__ import annotations

import os
import threading

from alicloud_ingress import config
from alicloud_ingress.client import EcsClient


class Connections:
    """
    Clients by region, made when they are first asked for; threads may share it.

    Args:
        profile: of the aliyun command line; "" for the environment's credentials.
    """

    def __init__(self, profile: str = "") -> None:
        self._profile = profile
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
            lambda _: None, os.environ, region=region, profile=self._profile
        )
