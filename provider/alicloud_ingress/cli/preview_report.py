"""
`alicloud-ingress preview-report`: a preview as Markdown for a pull request.
"""

from __future__ import annotations

import datetime as dt
from typing import BinaryIO

import click

from alicloud_ingress.cli.failure import Failure
from alicloud_ingress.cli.stack_settings import connections_of
from alicloud_ingress.errors import IngressError
from alicloud_ingress.inventory.list_entries import read_lists
from alicloud_ingress.previews.findings import (
    ADMIN_PORTS,
    FAIL_ON,
    MAX_WAIVER_DAYS,
    Gate,
    Review,
)
from alicloud_ingress.previews.formats import as_json, as_sarif
from alicloud_ingress.previews.page import markdown
from alicloud_ingress.previews.preview import Preview, read_preview
from alicloud_ingress.previews.report import compose, finding_line, not_judged
from alicloud_ingress.previews.review import judge, known_groups, rules_of
from alicloud_ingress.previews.waivers import Waiver, WaiverError, read_waivers
from alicloud_ingress.rendering.markup import plain
from alicloud_ingress.rules.live import LiveGroup

MATCHED = 1


@click.command("preview-report")
@click.argument("preview", type=click.File("rb"))
@click.option("--live", is_flag=True, help="Read the groups and lists too.")
@click.option("--region", default="", help="Where the preview does not tell it.")
@click.option("--profile", default="", help="Profile of the aliyun CLI, for --live.")
@click.option(
    "--format",
    "form",
    type=click.Choice(["markdown", "json", "sarif"]),
    default="markdown",
    show_default=True,
)
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
    type=click.File("rb"),
    help="Accepted findings, as JSON; see the guide on pull requests.",
)
@click.option(
    "--waivers-max-days",
    type=click.IntRange(1),
    default=MAX_WAIVER_DAYS,
    show_default=True,
    help="Name each waiver that ends later than in so many days.",
)
def preview_report(  # noqa: PLR0913, PLR0917 - one argument for each option
    preview: BinaryIO,
    live: bool,  # noqa: FBT001 - click passes flags by name
    region: str,
    profile: str,
    form: str,
    fail_on: tuple[str, ...],
    admin_ports: tuple[int, ...],
    waivers: BinaryIO | None,
    waivers_max_days: int,
) -> None:
    """
    Write a report of PREVIEW, which `pulumi preview --json --show-sames
    --show-replacement-steps` wrote ("-" for standard input).

    Exits with 1 where --fail-on matched, with 3 where the report is not whole.
    """
    if "unmanaged" in fail_on and not live:
        raise click.UsageError("--fail-on unmanaged needs --live")
    gate = Gate(
        fail_on=frozenset(fail_on),
        admin_ports=frozenset(admin_ports),
        waivers=_waivers(waivers),
        longest_waiver_days=waivers_max_days,
    )
    read = read_preview(preview.read())
    look = _Look(read, region, profile) if live else None
    judged = judge(
        read,
        gate,
        today=dt.datetime.now(tz=dt.timezone.utc).date(),
        live=look.groups if look else None,
        lists=look.lists if look else None,
        problems=look.problems if look else (),
    )
    click.echo(_written(judged, form).encode(errors="replace"), nl=False)
    for finding in judged.failing:
        click.echo(finding_line(finding), err=True)
    for remark in judged.remarks:
        click.echo(plain(remark), err=True)
    for problem in judged.problems:
        click.echo(f"not whole: {plain(problem)}", err=True)
    if judged.problems:
        raise SystemExit(Failure.exit_code)
    if judged.failing:
        raise SystemExit(MATCHED)


def _written(judged: Review, form: str) -> str:
    if form == "json":
        return as_json(judged, not_judged(judged))
    if form == "sarif":
        return as_sarif(judged)
    return markdown(compose(judged))


def _waivers(file: BinaryIO | None) -> tuple[Waiver, ...]:
    if file is None:
        return ()
    try:
        return read_waivers(file.read())
    except WaiverError as error:
        raise click.UsageError(plain(str(error))) from None


class _Look:
    """
    The groups that a preview names, and what the lists hold that their rules use.

    Attributes:
        problems: which groups could not be read, in sentences. A list that cannot be
            read is no problem: what hangs on it is not judged.
    """

    def __init__(self, preview: Preview, region: str, profile: str) -> None:
        self.groups: dict[str, LiveGroup] = {}
        self.lists: dict[str, tuple[str, ...]] = {}
        self.problems: list[str] = []
        connections = connections_of(profile)
        for group, told in known_groups(preview).items():
            try:
                client = connections.client(connections.region(told or region))
                self.groups[group] = client.describe(group)
            except IngressError as error:
                self.problems.append(f"{group} could not be looked at: {error}")
                continue
            rules = [live.rule for live in self.groups[group].rules]
            found, unread = read_lists(client, [*rules, *rules_of(preview, group)])
            self.lists.update(found)
            for problem in unread:
                click.echo(plain(problem), err=True)
