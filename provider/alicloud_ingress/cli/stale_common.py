"""
What `stale destroy` and `stale restore` share: account, region, and how they print.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

import click

from alicloud_ingress import stale as job
from alicloud_ingress.cli.options import all_of
from alicloud_ingress.cli.tables import print_rows
from alicloud_ingress.documents import as_text
from alicloud_ingress.ecs.connections import Connections
from alicloud_ingress.rendering.markup import plain

COLUMNS = ("group", "ID", "rule", "status", "restored as", "why")
account_guard = all_of(
    click.option(
        "--account",
        "account_id",
        default="",
        metavar="ACCOUNT_ID",
        help="Account that the rules belong to, for where STS does not return it. Any"
        " other account is refused.",
    ),
    click.option(
        "--yes-unknown-account",
        is_flag=True,
        help="Continue even if STS does not return the account of the credentials, so"
        " that it cannot be compared.",
    ),
)


def require_account(
    connections: Connections, document: job.Plan | job.Report, guard: job.AccountGuard
) -> None:
    """
    End the command if the account of the credentials is not the one of a document.
    """
    try:
        job.require_account(connections, document, guard)
    except job.UnknownAccountError as error:
        raise click.UsageError(str(error)) from None


def require_regions(
    regions: Sequence[str], rules: Iterable[job.Entry | job.GroupFindings]
) -> None:
    """
    End the command if none of the rules is in one of the regions that the user names.

    The command would do nothing and exit with 0, for example after a misspelled region.
    """
    found = sorted({each.region for each in rules})
    if found and regions and not {*regions} & {*found}:
        raise click.UsageError(
            plain(
                f"no rule is in {', '.join(regions)}: the rules of the file are in"
                f" {', '.join(found)}",
                1_000,
            )
        )


def print_report(report: job.Report, form: str) -> None:
    """
    Print the report to stdout, with the number of rules of each status.
    """
    if form == "json":
        click.echo(as_text(report), nl=False)
        return
    rows: list[tuple[str, ...]] = [
        (e.group_id, e.rule_id, e.in_words, e.status, e.restored_as or "", e.why)
        for e in report.entries
    ]
    counted = Counter(entry.status for entry in report.entries)
    title = ", ".join(f"{n} {s}" for s, n in counted.items()) or "nothing planned"
    if form == "csv":
        rows.insert(0, COLUMNS)
    print_rows(form, title, COLUMNS, rows)
