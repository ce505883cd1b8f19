"""
The command line `alicloud-ingress`: parses, calls the packages below, and prints.
"""

from __future__ import annotations

import importlib
import os

import click

from alicloud_ingress.cli.failure import Commands
from alicloud_ingress.engine.logs import log_to_stderr

_COMMANDS = {
    "doctor": "doctor:doctor",
    "fake": "fake:fake",
    "import": "importing:import_",
    "preview-report": "preview_report:preview_report",
    "show": "show:show",
    "stale": "stale:stale",
    "usage": "usage:usage",
}
"""
The module of this package that has each command, and its name there.
"""


class _Lazy(Commands):
    """
    Imports only the command that runs, so that it starts fast.
    """

    def list_commands(self, ctx: click.Context) -> list[str]:
        """
        The names of all commands.
        """
        del ctx
        return sorted(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """
        The command of this name. For an unknown one, click searches all for similar
        names, so all are imported.
        """
        for name in [cmd_name] if cmd_name in _COMMANDS else _COMMANDS:
            self.add_command(_imported(name), name)
        return super().get_command(ctx, cmd_name)


def _imported(name: str) -> click.Command:
    module, _, attribute = _COMMANDS[name].partition(":")
    imported = importlib.import_module(f"alicloud_ingress.cli.{module}")
    command: click.Command = getattr(imported, attribute)
    return command


@click.group(cls=_Lazy, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="pulumi-alicloud-ingress")
def main() -> None:
    """
    Tools for inbound rules of Alibaba Cloud ECS security groups.

    Results go to stdout, messages to stderr. Exit codes: 0 success, 1 something was
    found that the command looks for, 2 wrong usage, 3 failed or incomplete.
    """
    log_to_stderr(os.environ, otherwise="warning")
