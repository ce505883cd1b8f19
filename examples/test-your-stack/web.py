"""
A stack of one's own, as a function: what a test is to try.
"""

import pulumi

from alicloud_ingress import SecurityGroupIngressRule


def program() -> None:
    """
    Let the world see the web site.
    """
    SecurityGroupIngressRule(
        "https",
        security_group_id=pulumi.Config().require("securityGroupId"),
        ip_protocol="tcp",
        port_range=443,
        source_cidr_ip="0.0.0.0/0",
    )
