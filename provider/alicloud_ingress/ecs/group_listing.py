"""
An entry in a list of security groups.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


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
