"""
Test the script with a fake in the same process, without network or account.

Needs `pip install pulumi-alicloud-ingress[testing] pytest`.
"""

from alibabacloud_ecs20140526.client import Client
from alibabacloud_tea_openapi.models import Config
from close_port import close_port

from alicloud_ingress.testing import mock_ecs

SSH = {"IpProtocol": "tcp", "PortRange": "22/22"}
REGION = "cn-hangzhou"


def test_only_rules_for_the_port_are_revoked() -> None:
    """With one call; the other rule is kept."""
    with mock_ecs() as ecs:
        client = Client(
            Config(access_key_id="AK", access_key_secret="any", region_id=REGION)
        )
        group = ecs.new_group()
        ecs.add_rule(group, **SSH, SourceCidrIp="0.0.0.0/0")
        ecs.add_rule(group, **SSH, SourceCidrIp="10.0.0.0/8")
        kept = ecs.add_rule(
            group, IpProtocol="tcp", PortRange="443/443", SourceCidrIp="0.0.0.0/0"
        )

        assert close_port(client, REGION, group, 22) == 2

        assert list(ecs.rules(group)) == [kept]
        assert ecs.calls[-1].action == "RevokeSecurityGroup"
