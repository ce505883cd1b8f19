"""
Take over a rule that already exists, instead of failing.

A different description is changed in place. `pulumi destroy` deletes the rule.
"""

import pulumi

from alicloud_ingress import SecurityGroupIngressRule

SecurityGroupIngressRule(
    "made-by-hand",
    security_group_id=pulumi.Config().require("securityGroupId"),
    ip_protocol="tcp",
    port_range=8080,
    source_cidr_ip="10.0.0.0/8",
    description="now in code",
    adopt=True,
)
