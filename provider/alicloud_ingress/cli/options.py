"""
Options that several commands share, and the parsers of their values.
"""

from __future__ import annotations

import datetime as dt
import ipaddress
import math
import os
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

import click

from alicloud_ingress.ecs.config import NOT_A_REGION, is_region
from alicloud_ingress.ecs.settings import MAX_DIGITS, TIMEOUT_VARIABLE
from alicloud_ingress.errors import quoted

_Command = TypeVar("_Command", bound=Callable[..., Any])
_IN_DAYS = re.compile(r"(\d{1,5})d", re.ASCII)
EXISTING = click.Path(exists=True, dir_okay=False, path_type=Path)
INPUT = click.Path(exists=True, dir_okay=False, allow_dash=True, path_type=Path)


class NewFile(click.Path):
    """
    A file to write: a new one, or one that replaces an older file. Never a device.
    """

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> Any:
        """
        Refuse an empty path, `-` for the output, and what is not a regular file.
        """
        path = Path(str(value))
        if str(value) in ("", "-"):
            self.fail(f"{str(value)!r} is not a path", param, ctx)
        if path.exists() and not path.is_dir() and not path.is_file():
            self.fail(f"{path} is not a regular file", param, ctx)
        return super().convert(value, param, ctx)


def as_group_id(text: str) -> str:
    """
    Read the ID of a security group. A name or an empty text is refused.
    """
    if not text.startswith("sg-"):
        raise click.BadParameter(f"{text!r} is not a group ID; one begins with 'sg-'")
    return text


def as_region(text: str) -> str:
    """
    Read the name of a region. An empty text, as of a variable that is not set, is not
    the configured region.
    """
    if not is_region(text):
        raise click.BadParameter(f"{quoted(text)} {NOT_A_REGION}")
    return text


def all_of(*options: Callable[[_Command], _Command]) -> Callable[[_Command], _Command]:
    """
    Some options as one decorator, in the order of the help text.
    """

    def add(command: _Command) -> _Command:
        for option in reversed(options):
            command = option(command)
        return command

    return add


def group_option(
    purpose: str, *, required: bool = False
) -> Callable[[_Command], _Command]:
    """
    The option `--group` of a command, which passes `groups`.

    Args:
        purpose: what the command does with a group, as a verb.
        required: whether one must be passed.
    """
    return click.option(
        "--group",
        "groups",
        multiple=True,
        required=required,
        type=as_group_id,
        metavar="GROUP_ID",
        help=f"Security group (`sg-...`) to {purpose}; repeatable.",
    )


def groups_or_all(purpose: str) -> Callable[[_Command], _Command]:
    """
    The options `--group` and `--all-groups`; see `require_groups`.

    Args:
        purpose: what the command does with a group, as a verb.
    """
    return all_of(
        group_option(purpose),
        click.option(
            "--all-groups",
            is_flag=True,
            help=f"{purpose.capitalize()} all security groups of the region.",
        ),
    )


def require_groups(groups: Sequence[str], *, all_groups: bool) -> None:
    """
    End the command unless the user names either groups or all of them.
    """
    if bool(groups) is all_groups:
        raise click.UsageError("pass either --group or --all-groups")


FILE = NewFile(dir_okay=False, path_type=Path)
FOLDER = NewFile(file_okay=False, path_type=Path)


def _set_timeout(ctx: click.Context, _: click.Parameter, seconds: int | None) -> None:
    """
    Set the variable while the command runs, for every client that the command makes.
    """
    if seconds is None:
        return
    before = {k: v for k, v in os.environ.items() if k == TIMEOUT_VARIABLE}

    def restore() -> None:
        os.environ.pop(TIMEOUT_VARIABLE, None)
        os.environ.update(before)

    ctx.call_on_close(restore)
    os.environ[TIMEOUT_VARIABLE] = str(seconds)


def days(text: str) -> dt.timedelta:
    """
    Read `30d`.
    """
    match = _IN_DAYS.fullmatch(text)
    if match is None:
        raise click.BadParameter(f"{text!r} is not an age such as 30d")
    return dt.timedelta(days=int(match[1]))


def cidr(text: str) -> str:
    """
    Read an address block, IPv4 or IPv6.
    """
    try:
        return str(ipaddress.ip_interface(text).network)
    except ValueError:
        message = f"{text!r} is not an address block such as 10.0.0.0/8"
        raise click.BadParameter(message) from None


class _Share(click.FloatRange):
    """
    A share above 0; not a NaN either, which is below no share that was reached.
    """

    def __init__(self) -> None:
        super().__init__(0, 1, min_open=True)

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        share = float(super().convert(value, param, ctx))
        if math.isnan(share):
            self.fail(f"{value} is not in the range {self._describe_range()}.")
        return share


timeout = click.option(
    "--timeout",
    type=click.IntRange(1, 10**MAX_DIGITS - 1),
    envvar=TIMEOUT_VARIABLE,
    show_envvar=True,
    metavar="SECONDS",
    expose_value=False,
    callback=_set_timeout,
    help="Time limit for each API call with its retries; 120 by default.",
)


def _where(purpose: str) -> Callable[[_Command], _Command]:
    return all_of(
        click.option(
            "--region",
            "regions",
            multiple=True,
            type=as_region,
            metavar="REGION",
            help=f"{purpose}; repeatable.",
        ),
        click.option("--profile", default="", help="Profile of the aliyun CLI to use."),
        timeout,
    )


where = _where("Region to use instead of the configured one")
only_where = _where("Only rules of the file that are in this region")
states = all_of(
    click.option(
        "--state",
        "state_files",
        multiple=True,
        type=INPUT,
        help="State that may own rules: a file written by `pulumi stack export`, or `-`"
        " for standard input; repeatable.",
    ),
    click.option(
        "--stack",
        "stacks",
        multiple=True,
        help="Stack that may own rules; its state is read with `pulumi stack export`;"
        " repeatable.",
    ),
)
filters = all_of(
    click.option(
        "--older-than",
        type=days,
        help="Only rules created at least this long ago, such as 30d.",
    ),
    click.option(
        "--cidr",
        "cidrs",
        multiple=True,
        type=cidr,
        help="Only rules whose source lies within this address block; repeatable.",
    ),
    click.option(
        "--port",
        "ports",
        multiple=True,
        type=click.IntRange(1, 65535),
        help="Only rules for tcp, udp or all protocols that include this port;"
        " repeatable.",
    ),
    click.option(
        "--description",
        "descriptions",
        multiple=True,
        metavar="GLOB",
        help="Only rules whose description matches this glob; repeatable.",
    ),
)
shown_as = click.option(
    "--format",
    "form",
    type=click.Choice(["table", "json", "markdown", "csv"]),
    default="table",
    show_default=True,
    help="Format of the output.",
)
min_coverage = click.option(
    "--min-coverage",
    default=1.0,
    show_default=True,
    type=_Share(),
    help="Least share of capture windows of each interface of the group that must"
    " have been watched. A plan names a lower one.",
)
