"""
The command line: it parses, calls, and prints.
"""

from __future__ import annotations

import click

from alicloud_ingress.commands.fake import fake
from alicloud_ingress.commands.preview_report import preview_report


@click.group()
@click.version_option(package_name="pulumi-alicloud-ingress")
def main() -> None:
    """
    Inbound rules of Alibaba Cloud ECS security groups.
    """


main.add_command(fake)
main.add_command(preview_report)
