"""
The command line: it parses, calls, and prints.
"""

from __future__ import annotations

import os

import click

from alicloud_ingress.commands.doctor import doctor
from alicloud_ingress.commands.fake import fake
from alicloud_ingress.commands.preview_report import preview_report
from alicloud_ingress.logs import log_to_stderr


@click.group()
@click.version_option(package_name="pulumi-alicloud-ingress")
def main() -> None:
    """
    Inbound rules of Alibaba Cloud ECS security groups.
    """
    log_to_stderr(os.environ, otherwise="warning")


main.add_command(doctor)
main.add_command(fake)
main.add_command(preview_report)
