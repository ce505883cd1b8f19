"""
What a list of network interfaces shows.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class NetworkInterface:
    """
    A network interface as DescribeNetworkInterfaces shows it.

    Args:
        group_ids: the security groups that it is in.
        addresses: its private addresses, IPv4 and IPv6, and its prefixes as blocks.
        created: when it was created, with its zone; None where ECS does not say.
    """

    interface_id: str
    vpc_id: str
    group_ids: tuple[str, ...]
    addresses: tuple[str, ...]
    created: datetime | None
