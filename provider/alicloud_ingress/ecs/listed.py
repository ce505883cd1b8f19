"""
What the lists of security groups and of network interfaces show.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedGroup:
    """
    A security group as DescribeSecurityGroups returns it, without its rules.

    Args:
        group_type: `normal` or `enterprise`; "" if not known.
        vpc_id: "" in the classic network.
        service_managed: whether a cloud service manages it; users cannot change it.
        rule_count: of both directions; None if not known.
        tags: by key.
    """

    group_id: str
    name: str
    group_type: str
    vpc_id: str
    service_managed: bool
    rule_count: int | None
    tags: Mapping[str, str] = field(default_factory=dict[str, str])


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
