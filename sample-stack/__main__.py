"""
The inbound rules of a small web server.

Configuration: `alicloud:region`, `sample:securityGroupId` (the group of the rules),
`sample:balancerGroupId` (a source of traffic) and `sample:office` (may use SSH).
"""

import pulumi

from alicloud_ingress import SecurityGroupIngressRule

settings = pulumi.Config("sample")
group = settings.require("securityGroupId")

SecurityGroupIngressRule(
    "https",
    security_group_id=group,
    ip_protocol="tcp",
    port_range=443,
    source_cidr_ip="0.0.0.0/0",
    description="the web site",
)
SecurityGroupIngressRule(
    "https-ipv6",
    security_group_id=group,
    ip_protocol="tcp",
    port_range=443,
    ipv6_source_cidr_ip="::/0",
    description="the web site over IPv6",
)
ssh = SecurityGroupIngressRule(
    "ssh-from-office",
    security_group_id=group,
    ip_protocol="tcp",
    port_range="22/22",
    source_cidr_ip=settings.get("office") or "203.0.113.0/24",
    priority=10,
    description="administrators in the office",
)
SecurityGroupIngressRule(
    "health-checks",
    security_group_id=group,
    ip_protocol="tcp",
    port_range="8000-8010",
    source_group_id=settings.require("balancerGroupId"),
)
SecurityGroupIngressRule(
    "metrics",
    security_group_id=group,
    ip_protocol="tcp",
    port_range="9100/9100",
    source_cidr_ip="10.20.0.0/16",
    source_port_range="1024/65535",
    dest_cidr_ip="10.30.0.5",
)
SecurityGroupIngressRule(
    "no-one-else-by-ssh",
    security_group_id=group,
    ip_protocol="tcp",
    port_range="22/22",
    source_cidr_ip="0.0.0.0/0",
    policy="drop",
    priority=100,
)

pulumi.export("ssh_rule_id", ssh.security_group_rule_id)
