"""
The sample stack after a change of each kind: what `change.preview.json` is made of.
"""

import pulumi

from alicloud_ingress import SecurityGroupIngressRule

settings = pulumi.Config("sample")
group = settings.require("securityGroupId")
gap = pulumi.ResourceOptions(delete_before_replace=True)

# The same as before.
SecurityGroupIngressRule(
    "https",
    security_group_id=group,
    ip_protocol="tcp",
    port_range=443,
    source_cidr_ip="0.0.0.0/0",
    description="the web site",
)
# Updated: a remark with all that could break a comment.
SecurityGroupIngressRule(
    "https-ipv6",
    security_group_id=group,
    ip_protocol="tcp",
    port_range=443,
    ipv6_source_cidr_ip="::/0",
    description="`@everyone` | <b>look</b> [here](http://127.0.0.1) \x1b[31m",
)
# Updated: wider, and behind a drop for all others.
ssh = SecurityGroupIngressRule(
    "ssh-from-office",
    security_group_id=group,
    ip_protocol="tcp",
    port_range="22/22",
    source_cidr_ip="203.0.112.0/23",
    priority=10,
    description="administrators in the office",
)
# Replaced, the new one first: another kind of source.
SecurityGroupIngressRule(
    "health-checks",
    security_group_id=group,
    ip_protocol="tcp",
    port_range="8000-8010",
    source_cidr_ip="10.40.0.0/16",
)
# Replaced with a gap: a field is emptied, and the program asks to delete first.
SecurityGroupIngressRule(
    "metrics",
    security_group_id=group,
    ip_protocol="tcp",
    port_range="9100/9100",
    source_cidr_ip="10.20.0.0/16",
    source_port_range="1024/65535",
    opts=gap,
)
# Created, and kept shut by the drop, which has the smaller number.
SecurityGroupIngressRule(
    "ssh-from-anywhere",
    security_group_id=group,
    ip_protocol="tcp",
    port_range=22,
    source_cidr_ip="0.0.0.0/0",
    priority=100,
)
# Created: open to the world, as a range and over IPv6.
SecurityGroupIngressRule(
    "desktops",
    security_group_id=group,
    ip_protocol="tcp",
    port_range="3000-4000",
    ipv6_source_cidr_ip="::/0",
)
# Created: not known before deployment, and secret.
SecurityGroupIngressRule(
    "from-another",
    security_group_id=group,
    ip_protocol="tcp",
    port_range=22,
    source_cidr_ip=ssh.create_time.apply(lambda _: "198.51.100.7"),
)
SecurityGroupIngressRule(
    "from-a-secret",
    security_group_id=group,
    ip_protocol="tcp",
    port_range=22,
    source_cidr_ip=pulumi.Output.secret("198.51.100.8"),
)
# `no-one-else-by-ssh` is the same as before.
SecurityGroupIngressRule(
    "no-one-else-by-ssh",
    security_group_id=group,
    ip_protocol="tcp",
    port_range="22/22",
    source_cidr_ip="0.0.0.0/0",
    policy="drop",
    priority=100,
)
