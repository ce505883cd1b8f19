"""
Many rules as one resource: few calls, and the preview names each rule.
"""

import pulumi

from alicloud_ingress import IngressRuleArgs, SecurityGroupIngressRuleSet

group = pulumi.Config().require("securityGroupId")

office = SecurityGroupIngressRuleSet(
    "office",
    security_group_id=group,
    rules=[
        IngressRuleArgs(
            ip_protocol="tcp",
            port_range=port,
            source_cidr_ip="203.0.113.0/24",
            description="administrators in the office",
        )
        for port in (22, 3389, "8000-8010")
    ],
)

pulumi.export("rule_ids", office.rule_ids)
