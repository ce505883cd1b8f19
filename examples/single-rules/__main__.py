"""
Rules of one group, with a resource for each.
"""

import pulumi

from alicloud_ingress import SecurityGroupIngressRule

group = pulumi.Config().require("securityGroupId")

https = SecurityGroupIngressRule(
    "https",
    security_group_id=group,
    ip_protocol="tcp",
    port_range=443,
    source_cidr_ip="0.0.0.0/0",
    description="the web site",
)
SecurityGroupIngressRule(
    "database",
    security_group_id=group,
    ip_protocol="tcp",
    port_range="5432/5432",
    source_cidr_ip="10.0.0.0/8",
    source_port_range="1024/65535",
)
SecurityGroupIngressRule(
    "ping-ipv6",
    security_group_id=group,
    ip_protocol="icmpv6",
    ipv6_source_cidr_ip="2001:db8::/32",
)

pulumi.export("https_rule_id", https.security_group_rule_id)
