"""
No other rules may be in the group, but for those that it is to keep.

After `pulumi refresh`, the next preview names each foreign rule that would go.
What no preview has named is never removed.
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
