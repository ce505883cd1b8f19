"""
`alicloud-ingress doctor`: what works, and what to do about the rest.
"""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import click
from rich.console import Console
from rich.table import Table
from rich.text import Text

from alicloud_ingress.commands.failure import Failure
from alicloud_ingress.doctor import Finding, Outcome, all_works
from alicloud_ingress.markup import cell, plain

COLUMNS = ("check", "outcome", "detail", "next step")
WIDTH_IN_FILES = 200
_COLOURS = {Outcome.WORKS: "green", Outcome.LIKELY: "green", Outcome.WARNING: "yellow"}


@click.command()
@click.option("--region", default="", help="Else the one that is configured.")
@click.option("--profile", default="", help="Of the Alibaba Cloud command line.")
@click.option(
    "--group",
    default="",
    help="A group (`sg-...`) to try the permissions on; nothing in it is changed.",
)
@click.option(
    "--format",
    "form",
    type=click.Choice(["table", "json", "markdown"]),
    default="table",
    show_default=True,
)
def doctor(region: str, profile: str, group: str, form: str) -> None:
    """
    Tell what works on this machine, and what to do about the rest.

    Engine, packages, credentials, network, clock and permissions are tried in ways
    that change nothing. Exits with 3 where something needed does not work.
    """
    from alicloud_ingress.checkup import checkup

    findings = list(
        checkup(os.environ, Path.cwd(), region=region, profile=profile, group_id=group)
    )
    if form == "json":
        document = {
            "version": 1,
            "works": all_works(findings),
            "findings": [asdict(finding) for finding in findings],
        }
        click.echo(json.dumps(document, indent=2))
    elif form == "markdown":
        click.echo(_markdown(findings))
    else:
        _console().print(_table(findings))
    if not all_works(findings):
        raise SystemExit(Failure.exit_code)


def _console() -> Console:
    console = Console()
    return console if console.is_terminal else Console(width=WIDTH_IN_FILES)


def _markdown(findings: Sequence[Finding]) -> str:
    lines = [f"| {' | '.join(COLUMNS)} |", "|--|--|--|--|"]
    lines += [f"| {' | '.join(map(cell, _row(each)))} |" for each in findings]
    return "\n".join(lines)


def _table(findings: Sequence[Finding]) -> Table:
    table = Table(*COLUMNS, box=None, pad_edge=False)
    for each in findings:
        check, outcome, detail, step = map(Text, _row(each))
        outcome.stylize(_COLOURS.get(each.outcome, "red"))
        table.add_row(check, outcome, detail, step)
    return table


def _row(finding: Finding) -> tuple[str, str, str, str]:
    return (
        finding.check,
        finding.outcome.value,
        plain(finding.detail),
        plain(finding.next_step),
    )
