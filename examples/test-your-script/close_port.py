"""
A script that calls ECS with Alibaba Cloud's SDK; the test next to it tests it.
"""

from alibabacloud_ecs20140526 import models
from alibabacloud_ecs20140526.client import Client


def close_port(client: Client, region: str, group: str, port: int) -> int:
    """
    Revoke all rules of a group for one port, and return their number.
    """
    described = client.describe_security_group_attribute(
        models.DescribeSecurityGroupAttributeRequest(
            region_id=region,
            security_group_id=group,
            direction="ingress",
            max_results=1000,
        )
    )
    rules = [
        rule.security_group_rule_id
        for rule in described.body.permissions.permission
        if rule.port_range == f"{port}/{port}"
    ]
    if rules:
        client.revoke_security_group(
            models.RevokeSecurityGroupRequest(
                region_id=region,
                security_group_id=group,
                security_group_rule_id=rules,
            )
        )
    return len(rules)
