"""
The command line `alicloud-ingress`: parses, calls the packages below, and prints.
"""

from __future__ import annotations

import os

import click

from alicloud_ingress.cli.doctor import doctor
from alicloud_ingress.cli.failure import Commands
from alicloud_ingress.cli.fake import fake
from alicloud_ingress.cli.importing import import_
from alicloud_ingress.cli.options import timeout
from alicloud_ingress.cli.preview_report import preview_report
from alicloud_ingress.cli.show import show
from alicloud_ingress.cli.stale import stale
from alicloud_ingress.cli.usage import usage
from alicloud_ingress.engine.logs import log_to_stderr


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="pulumi-alicloud-ingress")
def main() -> None:
    """
    Tools for inbound rules of Alibaba Cloud ECS security groups.

    Results go to stdout, messages to stderr. Exit codes: 0 success, 1 something was
    found that the command looks for, 2 wrong usage, 3 failed or incomplete.
    """
    log_to_stderr(os.environ, otherwise="warning")


main.add_command(doctor)
main.add_command(fake)
main.add_command(import_)
main.add_command(timeout(preview_report))
main.add_command(show)
main.add_command(stale)
main.add_command(usage)
