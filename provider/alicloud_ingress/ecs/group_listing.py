"""
What a list of security groups shows.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedGroup:
    """
    A security group as DescribeSecurityGroups shows it, without its rules.

    Args:
        group_type: `normal` or `enterprise`; "" where it is not told.
        vpc_id: "" in the classic network.
        service_managed: whether a cloud service manages it, and we may not.
        rule_count: of both directions; None where it is not told.
        tags: by key.
    """

    group_id: str
    name: str
    group_type: str
    vpc_id: str
    service_managed: bool
    rule_count: int | None
    tags: Mapping[str, str] = field(default_factory=dict[str, str])
