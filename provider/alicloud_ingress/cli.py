"""
The command line: it parses, calls, and prints.
"""

from __future__ import annotations

import click

from alicloud_ingress.commands.preview_report import preview_report


@click.group()
@click.version_option(package_name="pulumi-alicloud-ingress")
def main() -> None:
    """
    Inbound rules of Alibaba Cloud ECS security groups.
    """


@main.command()
@click.option("--host", default="127.0.0.1", show_default=True)
@click.option("--port", default=0, show_default=True, help="0: any free port")
def fake(host: str, port: int) -> None:
    """
    Serve a fake of the ECS API; the first line tells its address.
    """
    try:
        from alicloud_ingress.testing.server import serve_forever
    except ImportError as error:
        raise click.UsageError(
            "the fake needs `pip install pulumi-alicloud-ingress[testing]`"
            f" ({error.name} is missing)"
        ) from error
    serve_forever(host, port)


main.add_command(preview_report)
