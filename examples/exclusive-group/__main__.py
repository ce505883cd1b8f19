"""
Manage all rules of a group, except those that match `keep_descriptions`.

After `pulumi refresh`, the next preview names each other rule that would be deleted. A
rule that no preview has named is never deleted, except by `pulumi up --refresh`.
"""

import pulumi

from alicloud_ingress import IngressRuleArgs, SecurityGroupIngressRuleSet

SecurityGroupIngressRuleSet(
    "everything",
    security_group_id=pulumi.Config().require("securityGroupId"),
    exclusive=True,
    keep_descriptions=["managed by *"],
    rules=[
        IngressRuleArgs(
            ip_protocol="tcp", port_range=443, source_cidr_ip="203.0.113.0/24"
        )
    ],
)
