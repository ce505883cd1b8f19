"""
`alicloud-ingress preview-report`: a preview as Markdown for a pull request.
"""

from __future__ import annotations

import datetime as dt
import os
from typing import NoReturn, TextIO

import click

from alicloud_ingress.errors import IngressError
from alicloud_ingress.live import LiveGroup
from alicloud_ingress.markup import plain
from alicloud_ingress.previews.page import markdown
from alicloud_ingress.previews.preview import Preview, PreviewError, read_preview
from alicloud_ingress.previews.review import (
    ADMIN_PORTS,
    FAIL_ON,
    Gate,
    Review,
    judge,
    known_groups,
)
from alicloud_ingress.previews.waivers import Waiver, WaiverError, read_waivers
from alicloud_ingress.report import compose, finding_line

MATCHED = 1
FAILED = 3


@click.command("preview-report")
@click.argument("preview", type=click.File(encoding="utf-8"))
@click.option("--live", is_flag=True, help="Look at the groups too; changes nothing.")
@click.option("--region", default="", help="Where the preview does not tell it.")
@click.option("--profile", default="", help="Of the Alibaba Cloud CLI, for --live.")
@click.option(
    "--fail-on",
    multiple=True,
    type=click.Choice(FAIL_ON),
    help="Exit with 1 if the change brings this; can be given again.",
)
@click.option(
    "--admin-port",
    "admin_ports",
    multiple=True,
    type=click.IntRange(1, 65535),
    default=ADMIN_PORTS,
    show_default=True,
    help="What world-open-admin is about, instead of the default.",
)
@click.option(
    "--waivers",
    type=click.File(encoding="utf-8"),
    help='Accepted findings: [{"resource": .., "reason": .., "until": "2026-12-31"}].',
)
def preview_report(  # noqa: PLR0913, PLR0917 - one argument for each option
    preview: TextIO,
    live: bool,  # noqa: FBT001 - click passes flags by name
    region: str,
    profile: str,
    fail_on: tuple[str, ...],
    admin_ports: tuple[int, ...],
    waivers: TextIO | None,
) -> None:
    """
    Write a Markdown report of PREVIEW, which `pulumi preview --json --show-sames`
    wrote ("-" for standard input).

    Exits with 1 where --fail-on matched, with 3 where the report is not whole.
    """
    if "unmanaged" in fail_on and not live:
        raise click.UsageError("--fail-on unmanaged needs --live")
    gate = Gate(
        fail_on=frozenset(fail_on),
        admin_ports=frozenset(admin_ports),
        waivers=_waivers(waivers),
    )
    try:
        judged = _judged(
            preview.read(), gate, live=live, region=region, profile=profile
        )
        text = markdown(compose(judged))
    except PreviewError as error:
        _fail(str(error))
    except Exception as error:  # noqa: BLE001 - 1 would say that --fail-on matched
        _fail(f"the report could not be made: {type(error).__name__}: {error}")
    click.echo(text.encode(), nl=False)
    for finding in judged.failing:
        click.echo(finding_line(finding), err=True)
    for problem in judged.problems:
        click.echo(f"not whole: {plain(problem)}", err=True)
    if judged.problems:
        raise SystemExit(FAILED)
    if judged.failing:
        raise SystemExit(MATCHED)


def _judged(text: str, gate: Gate, *, live: bool, region: str, profile: str) -> Review:
    preview = read_preview(text)
    found, problems = _look(preview, region, profile) if live else ({}, [])
    return judge(
        preview,
        gate,
        today=dt.datetime.now(tz=dt.timezone.utc).date(),
        live=found,
        problems=problems,
    )


def _waivers(file: TextIO | None) -> tuple[Waiver, ...]:
    if file is None:
        return ()
    try:
        return read_waivers(file.read())
    except WaiverError as error:
        raise click.UsageError(plain(str(error))) from None


def _look(
    preview: Preview, region: str, profile: str
) -> tuple[dict[str, LiveGroup], list[str]]:
    """
    Read each group that the preview names; what cannot be read is a problem.
    """
    from alicloud_ingress import config
    from alicloud_ingress.client import EcsClient

    clients: dict[str, EcsClient] = {}
    found: dict[str, LiveGroup] = {}
    problems: list[str] = []
    for group, told in known_groups(preview).items():
        try:
            where = config.resolve(
                lambda _: None, os.environ, region=told or region, profile=profile
            )
            client = clients.setdefault(where.region, EcsClient(where))
            found[group] = client.describe(group)
        except IngressError as error:
            problems.append(f"{group} could not be looked at: {error}")
    return found, problems


def _fail(message: str) -> NoReturn:
    click.echo(f"Error: {plain(message)}", err=True)
    raise SystemExit(FAILED)
