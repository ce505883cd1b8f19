"""
Options that several commands share, and the parsers of their values.
"""

from __future__ import annotations

import datetime as dt
import ipaddress
import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from alicloud_ingress.ecs.settings import MAX_DIGITS, TIMEOUT_VARIABLE

_IN_DAYS = re.compile(r"(\d{1,5})d", re.ASCII)
INPUT = click.Path(exists=True, dir_okay=False, allow_dash=True, path_type=Path)


class NewFile(click.Path):
    """
    A file to write: a new one, or one that replaces an older file. Never a device.
    """

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> Any:
        """
        Refuse an empty path, and what exists and is not a regular file.
        """
        path = Path(str(value))
        if not str(value):
            self.fail("the path is empty", param, ctx)
        if path.exists() and not path.is_dir() and not path.is_file():
            self.fail(f"{path} is not a regular file", param, ctx)
        return super().convert(value, param, ctx)


_Command = TypeVar("_Command", bound=Callable[..., Any])


def as_group_id(text: str) -> str:
    """
    Read the ID of a security group. A name or an empty text is refused.
    """
    if not text.startswith("sg-"):
        raise click.BadParameter(f"{text!r} is not a group ID; one begins with 'sg-'")
    return text


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


FILE = NewFile(dir_okay=False, path_type=Path)
FOLDER = NewFile(file_okay=False, path_type=Path)


def timeout(command: _Command) -> _Command:
    """
    Add `--timeout` to a command. It sets `ALICLOUD_INGRESS_TIMEOUT` while the command
    runs, so that it applies to every client that the command makes.
    """
    return click.option(
        "--timeout",
        type=click.IntRange(1, 10**MAX_DIGITS - 1),
        envvar=TIMEOUT_VARIABLE,
        show_envvar=True,
        metavar="SECONDS",
        expose_value=False,
        callback=_set_timeout,
        help="Time limit for each API call with its retries; 120 by default.",
    )(command)


def _set_timeout(ctx: click.Context, _: click.Parameter, seconds: int | None) -> None:
    if seconds is None:
        return
    before = {k: v for k, v in os.environ.items() if k == TIMEOUT_VARIABLE}

    def restore() -> None:
        os.environ.pop(TIMEOUT_VARIABLE, None)
        os.environ.update(before)

    ctx.call_on_close(restore)
    os.environ[TIMEOUT_VARIABLE] = str(seconds)


def where(command: _Command) -> _Command:
    """
    Add `--region`, `--profile` and `--timeout` to a command.
    """
    command = click.option(
        "--profile", default="", help="Profile of the aliyun CLI to use."
    )(timeout(command))
    return click.option(
        "--region",
        "regions",
        multiple=True,
        help="Region to use instead of the configured one; repeatable.",
    )(command)


def states(command: _Command) -> _Command:
    """
    Add `--state` and `--stack` to a command.
    """
    command = click.option(
        "--stack",
        "stacks",
        multiple=True,
        help="Stack that may own rules; its state is read with `pulumi stack export`;"
        " repeatable.",
    )(command)
    return click.option(
        "--state",
        "state_files",
        multiple=True,
        type=INPUT,
        help="State that may own rules: a file written by `pulumi stack export`, or `-`"
        " for standard input; repeatable.",
    )(command)


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


def filters(command: _Command) -> _Command:
    """
    Add `--older-than`, `--cidr`, `--port` and `--description` to a command.
    """
    for option in (
        click.option(
            "--description",
            "descriptions",
            multiple=True,
            metavar="GLOB",
            help="Only rules whose description matches this glob; repeatable.",
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
            "--cidr",
            "cidrs",
            multiple=True,
            type=cidr,
            help="Only rules whose source lies within this address block; repeatable.",
        ),
        click.option(
            "--older-than",
            type=days,
            help="Only rules created at least this long ago, such as 30d.",
        ),
    ):
        command = option(command)
    return command


def shown_as(command: _Command) -> _Command:
    """
    Add `--format` to a command.
    """
    return click.option(
        "--format",
        "form",
        type=click.Choice(["table", "json", "markdown", "csv"]),
        default="table",
        show_default=True,
        help="Format of the output.",
    )(command)
