"""
The rule resource of pulumi-alicloud.

It finds its rule by attributes, without source ports and destinations, even if the
state has the rule's ID. It takes over a rule that exists, and revokes by attributes.
"""

from __future__ import annotations

import re
from dataclasses import replace

from alicloud_ingress.rules.rule import IngressRule

PEER_RULE = "alicloud:ecs/securityGroupRule:SecurityGroupRule"
_PEER_ID = re.compile(
    r"(?P<group>sg-[^:]+):ingress:(?P<protocol>[^:]+):(?P<ports>[^:]+):(?P<nic>[^:]*):"
    r"(?P<source>.+):(?P<policy>[^:]+):(?P<priority>\d+)"
)


def as_the_peer_sees(rule: IngressRule) -> IngressRule:
    """
    The rule without the fields that pulumi-alicloud ignores when it finds its rule.
    """
    return replace(rule, source_port_range="", dest_cidr_ip="", ipv6_dest_cidr_ip="")


def as_the_peer_compares(rule: IngressRule) -> IngressRule:
    """
    The same, without host bits: ECS may have cleared those of one of the two rules.
    """
    return as_the_peer_sees(rule).masked


def rule_of_peer(identity: str) -> tuple[str, IngressRule] | None:
    """
    The group and the rule in a resource ID, which holds all attributes that identify
    the rule; None if it is not such an ID.
    """
    parts = _PEER_ID.fullmatch(identity)
    if parts is None:
        return None
    source = parts["source"]
    kind = "SourceCidrIp"
    if source.startswith("sg-"):
        kind = "SourceGroupId"
    elif source.startswith("pl-"):
        kind = "SourcePrefixListId"
    elif "_" in source or ":" in source:
        kind, source = "Ipv6SourceCidrIp", source.replace("_", ":")
    permission = {
        "IpProtocol": parts["protocol"],
        "PortRange": parts["ports"],
        kind: source,
        "Policy": parts["policy"],
        "Priority": parts["priority"],
    }
    return parts["group"], IngressRule.from_permission(permission)
