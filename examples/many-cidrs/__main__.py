"""
A rule for each source and port, in one set.
"""

import pulumi

from alicloud_ingress import SecurityGroupIngressRuleSet, expand_rules

SOURCES = [f"198.51.100.{number}/32" for number in range(60)]

SecurityGroupIngressRuleSet(
    "content-delivery",
    security_group_id=pulumi.Config().require("securityGroupId"),
    rules=list(expand_rules(sources=SOURCES, ports=[80, 443]).values()),
)
