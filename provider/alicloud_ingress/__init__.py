"""
Inbound rules of Alibaba Cloud ECS security groups as Pulumi resources.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from alicloud_ingress.resource import (
        IngressRuleArgs,
        SecurityGroupIngressRule,
        SecurityGroupIngressRuleSet,
        expand_rules,
    )

__all__ = [
    "IngressRuleArgs",
    "SecurityGroupIngressRule",
    "SecurityGroupIngressRuleSet",
    "expand_rules",
]


def __getattr__(name: str) -> Any:
    """
    Import pulumi only for those who use the resources: the command line does not.
    """
    if name in __all__:
        from alicloud_ingress import resource

        return getattr(resource, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
