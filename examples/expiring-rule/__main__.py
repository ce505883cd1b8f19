"""
Access for some days; its last day is in the rule's description, for all to see.

Once it is over, each preview says so, and `alicloud-ingress stale plan` finds it.
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
