"""
`alicloud-ingress doctor`: checks this machine and the access to ECS.
"""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import click

from alicloud_ingress.cli.failure import Failure
from alicloud_ingress.cli.options import as_group_id, as_region, shown_as, timeout
from alicloud_ingress.cli.stack_settings import settings_of
from alicloud_ingress.cli.tables import print_rows
from alicloud_ingress.doctor.judge import Finding, all_works
from alicloud_ingress.rendering.markup import cell, plain

COLUMNS = ("check", "outcome", "detail", "next step")
MAX_LENGTH = 1_000
"""
Characters of a cell. A message of ECS must keep its RequestId, which comes last.
"""


@click.command()
@click.option(
    "--region",
    type=as_region,
    metavar="REGION",
    help="Region to check, instead of the configured one.",
)
@click.option("--profile", default="", help="Profile of the aliyun CLI to use.")
@click.option(
    "--group",
    type=as_group_id,
    metavar="GROUP_ID",
    help="Security group (`sg-...`) to try the permissions on. It is not changed.",
)
@timeout
@shown_as
def doctor(region: str | None, profile: str, group: str | None, form: str) -> None:
    """
    Check this machine and the access to ECS; say how to fix what fails.

    Checks the Pulumi engine, the installed packages, the credentials, the network, the
    clock and the RAM permissions. Changes nothing.

    Exits with 3 if something that the provider needs does not work.
    """
    from alicloud_ingress.doctor.observe import checkup

    findings = list(
        checkup(
            os.environ,
            Path.cwd(),
            settings=settings_of(),
            region=region or "",
            profile=profile,
            group_id=group or "",
        )
    )
    if form == "json":
        document = {
            "version": 1,
            "works": all_works(findings),
            "findings": [asdict(finding) for finding in findings],
        }
        click.echo(json.dumps(document, indent=2))
    elif form == "markdown":
        click.echo(_markdown(findings).encode())
    else:
        rows = [_row(each) for each in findings]
        if form == "csv":
            rows.insert(0, COLUMNS)
        print_rows(form, "checks of this machine", COLUMNS, rows)
    if not all_works(findings):
        raise SystemExit(Failure.exit_code)


def _markdown(findings: Sequence[Finding]) -> str:
    lines = [f"| {' | '.join(COLUMNS)} |", "|--|--|--|--|"]
    lines += [f"| {' | '.join(map(cell, _row(each)))} |" for each in findings]
    return "\n".join(lines)


def _row(finding: Finding) -> tuple[str, str, str, str]:
    return (
        finding.check,
        finding.outcome.value,
        plain(finding.detail, MAX_LENGTH),
        plain(finding.next_step, MAX_LENGTH),
    )
