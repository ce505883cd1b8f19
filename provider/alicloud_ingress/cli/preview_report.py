"""
`alicloud-ingress preview-report`: reports what a preview opens, for a pull request.
"""

from __future__ import annotations

import contextlib
import gc
from collections.abc import Generator
from typing import TYPE_CHECKING, BinaryIO

import click

from alicloud_ingress.cli.failure import Failure, say
from alicloud_ingress.cli.options import as_region, timeout
from alicloud_ingress.previews.findings import (
    ADMIN_PORTS,
    FAIL_ON,
    MAX_WAIVER_DAYS,
    Gate,
    Review,
)
from alicloud_ingress.previews.page import markdown
from alicloud_ingress.previews.preview import Preview, read_preview
from alicloud_ingress.previews.report import compose, finding_line, not_judged
from alicloud_ingress.previews.review import judge
from alicloud_ingress.previews.waivers import Waiver, WaiverError, read_waivers
from alicloud_ingress.rendering.markup import plain
from alicloud_ingress.times import now

if TYPE_CHECKING:
    from alicloud_ingress.previews.live_state import LiveState

MATCHED = 1


@click.command("preview-report")
@click.argument("preview", type=click.File("rb"))
@click.option(
    "--live",
    is_flag=True,
    help="Also read the groups, prefix lists and port lists from ECS, and compare with"
    " them.",
)
@click.option(
    "--region",
    type=as_region,
    metavar="REGION",
    help="Region of groups whose region the preview does not show; for --live.",
)
@click.option(
    "--profile", default="", help="Profile of the aliyun CLI to use; for --live."
)
@click.option(
    "--format",
    "form",
    type=click.Choice(["markdown", "json", "sarif"]),
    default="markdown",
    show_default=True,
    help="Format of the report.",
)
@click.option(
    "--fail-on",
    multiple=True,
    type=click.Choice(FAIL_ON),
    help="Exit with 1 if the change does this; repeatable.",
)
@click.option(
    "--admin-port",
    "admin_ports",
    multiple=True,
    type=click.IntRange(1, 65535),
    default=ADMIN_PORTS,
    show_default=True,
    help="Port that world-open-admin checks, instead of the defaults; repeatable.",
)
@click.option(
    "--waivers",
    type=click.File("rb"),
    help="JSON file of accepted findings; see the guide on pull requests.",
)
@click.option(
    "--waivers-max-days",
    type=click.IntRange(1),
    default=MAX_WAIVER_DAYS,
    show_default=True,
    help="Report each waiver that ends more than this many days from today.",
)
@timeout
def preview_report(  # noqa: PLR0913, PLR0917 - one argument for each option
    preview: BinaryIO,
    live: bool,  # noqa: FBT001 - click passes flags by name
    region: str | None,
    profile: str,
    form: str,
    fail_on: tuple[str, ...],
    admin_ports: tuple[int, ...],
    waivers: BinaryIO | None,
    waivers_max_days: int,
) -> None:
    """
    Report what the change in PREVIEW opens and closes.

    PREVIEW is a file with the output of `pulumi preview --json --show-sames
    --show-replacement-steps`, or `-` for standard input.

    --fail-on takes `world-open-admin` (an --admin-port is newly open to the world),
    `world-open-any` (any traffic is), `gap` (a rule is deleted before its replacement
    is created), `delete` (a rule is deleted) and `unmanaged` (a group has rules that
    are not in the stack; needs --live).

    Exits with 1 if there is a finding that --fail-on names and no waiver accepts, and
    with 3 if the report is incomplete.
    """
    if "unmanaged" in fail_on and not live:
        raise click.UsageError("--fail-on unmanaged needs --live")
    gate = Gate(
        fail_on=frozenset(fail_on),
        admin_ports=frozenset(admin_ports),
        waivers=_waivers(waivers),
        longest_waiver_days=waivers_max_days,
    )
    with _garbage_collector_off():
        read = read_preview(preview.read())
        found = _live_state(read, region or "", profile) if live else None
        judged = judge(
            read,
            gate,
            today=now().date(),
            live=found.groups if found else None,
            lists=found.lists if found else None,
            problems=found.problems if found else (),
        )
        text = _written(judged, form)
    click.echo(text.encode(errors="replace"), nl=False)
    for finding in judged.failing:
        say(finding_line(finding))
    for remark in judged.remarks:
        say(remark)
    for problem in judged.problems:
        say(f"incomplete: {problem}")
    if judged.problems:
        raise SystemExit(Failure.exit_code)
    if judged.failing:
        raise SystemExit(MATCHED)


@contextlib.contextmanager
def _garbage_collector_off() -> Generator[None]:
    """
    A preview becomes many objects without cycles: searching them takes an eighth of the
    time, and finds nothing.
    """
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


def _live_state(preview: Preview, region: str, profile: str) -> LiveState:
    """
    Read what ECS holds now. Only --live imports what speaks with ECS.
    """
    from alicloud_ingress.cli.stack_settings import connections_of
    from alicloud_ingress.previews.live_state import read_live_state

    found = read_live_state(preview, connections_of(profile), region)
    for problem in found.unread_lists:
        say(problem)
    return found


def _written(judged: Review, form: str) -> str:
    if form == "json":
        from alicloud_ingress.previews.json_report import as_json

        return as_json(judged, not_judged(judged))
    if form == "sarif":
        from alicloud_ingress.previews.sarif import as_sarif

        return as_sarif(judged)
    return markdown(compose(judged))


def _waivers(file: BinaryIO | None) -> tuple[Waiver, ...]:
    if file is None:
        return ()
    try:
        return read_waivers(file.read())
    except WaiverError as error:
        raise click.UsageError(plain(str(error))) from None
