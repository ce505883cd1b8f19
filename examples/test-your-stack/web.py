"""
A stack as a function, so that the test next to it can deploy it.
"""

import pulumi

from alicloud_ingress import SecurityGroupIngressRule


def program() -> None:
    """
    Open the web site to the world.
    """
    SecurityGroupIngressRule(
        "https",
        security_group_id=pulumi.Config().require("securityGroupId"),
        ip_protocol="tcp",
        port_range=443,
        source_cidr_ip="0.0.0.0/0",
    )
