"""
Test the stack on the real engine with a fake of ECS, without an account.

Needs `pulumi` on PATH and `pip install pulumi-alicloud-ingress[testing] pytest`.
"""

import sys
from pathlib import Path

from pulumi import automation
from web import program

from alicloud_ingress.testing import FakeEcs


def test_the_web_site_opens_and_closes(tmp_path: Path) -> None:
    """`up` creates the rule, `destroy` deletes it."""
    fake = FakeEcs()
    group = fake.new_group()
    backend = tmp_path / "backend"
    backend.mkdir()
    with fake.serve() as url:
        options = automation.LocalWorkspaceOptions(
            pulumi_home=str(tmp_path / "home"),
            env_vars={
                "PULUMI_BACKEND_URL": f"file://{backend}",
                "PULUMI_CONFIG_PASSPHRASE": "test",
                "PULUMI_PYTHON_CMD": sys.executable,
                "ALIBABA_CLOUD_ENDPOINT_ECS": url,
                "ALIBABA_CLOUD_ACCESS_KEY_ID": "AK",
                "ALIBABA_CLOUD_ACCESS_KEY_SECRET": "any will do",
            },
        )
        stack = automation.create_stack("test", "web", program=program, opts=options)
        stack.set_config("alicloud:region", automation.ConfigValue("cn-hangzhou"))
        stack.set_config("securityGroupId", automation.ConfigValue(group))

        stack.up()
        (rule,) = fake.rules(group).values()
        assert (rule["PortRange"], rule["SourceCidrIp"]) == ("443/443", "0.0.0.0/0")

        stack.destroy()
        assert fake.rules(group) == {}
