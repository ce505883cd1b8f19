"""
Access for a few days. The description of the rule shows its last day.

After that day, each preview warns, and `alicloud-ingress stale plan` finds the rule.
"""

import pulumi

from alicloud_ingress import SecurityGroupIngressRule

settings = pulumi.Config()

SecurityGroupIngressRule(
    "contractor",
    security_group_id=settings.require("securityGroupId"),
    ip_protocol="tcp",
    port_range=22,
    source_cidr_ip="198.51.100.7",
    description="migration of the database",
    expires_on=settings.require("lastDay"),
)
