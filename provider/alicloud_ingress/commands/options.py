"""
Options that several commands share, and what they come to.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, TypeVar

import click

from alicloud_ingress.client import EcsClient
from alicloud_ingress.connections import Connections
from alicloud_ingress.errors import IngressError

FILE = click.Path(dir_okay=False, path_type=Path)

_Command = TypeVar("_Command", bound=Callable[..., Any])


class NoSuchGroupError(IngressError):
    """
    A group is in none of the regions that were asked.
    """


def where(command: _Command) -> _Command:
    """
    Give a command `--region` and `--profile`.
    """
    command = click.option(
        "--profile", default="", help="Of the Alibaba Cloud command line."
    )(command)
    return click.option(
        "--region",
        "regions",
        multiple=True,
        help="Can be given again; else the one that is configured.",
    )(command)


def states(command: _Command) -> _Command:
    """
    Give a command `--state` and `--stack`.
    """
    command = click.option(
        "--stack",
        "stacks",
        multiple=True,
        help="A stack whose state is exported through `pulumi`; can be given again.",
    )(command)
    return click.option(
        "--state",
        "state_files",
        multiple=True,
        type=click.Path(exists=True, dir_okay=False, path_type=Path),
        help="What `pulumi stack export` wrote; can be given again.",
    )(command)


def shown_as(command: _Command) -> _Command:
    """
    Give a command `--format`.
    """
    return click.option(
        "--format",
        "form",
        type=click.Choice(["table", "json", "markdown"]),
        default="table",
        show_default=True,
    )(command)


def located(
    connections: Connections, regions: Sequence[str], groups: Sequence[str]
) -> Iterator[tuple[EcsClient, str]]:
    """
    The client that reaches each group, with the group's ID.

    Raises:
        NoSuchGroupError: one is in none of the regions.
    """
    asked = tuple(regions) or (connections.region(),)
    for group_id in dict.fromkeys(groups):
        clients = [connections.client(region) for region in asked]
        if len(clients) > 1:
            clients = [each for each in clients if each.group_exists(group_id)]
        if not clients:
            raise NoSuchGroupError(
                f"{group_id} is in none of {', '.join(asked)}; check its ID, --region"
                " and the account"
            )
        yield clients[0], group_id
