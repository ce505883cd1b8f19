"""
`alicloud-ingress stale restore`: restores the rules that a run destroyed.
"""

from __future__ import annotations

from pathlib import Path

import click

from alicloud_ingress import stale as job
from alicloud_ingress.cli.failure import Failure
from alicloud_ingress.cli.options import EXISTING, shown_as, where
from alicloud_ingress.cli.stack_settings import connections_of
from alicloud_ingress.cli.stale_common import (
    account_guard,
    print_report,
    require_account,
    require_regions,
)
from alicloud_ingress.rendering.markup import plain


@click.command("restore")
@click.argument("report_file", type=EXISTING)
@account_guard
@where
@shown_as
def restore(  # noqa: PLR0913, PLR0917 - one argument for each option
    report_file: Path,
    account_id: str,
    yes_unknown_account: bool,  # noqa: FBT001
    regions: tuple[str, ...],
    profile: str,
    form: str,
) -> None:
    """
    Restore the rules that REPORT_FILE lists as destroyed.

    They get new rule IDs. A rule that exists already is not created again.

    Exits with 3 if a rule could not be restored.
    """

    def report_entry(entry: job.Entry) -> None:
        what = {
            "restored": f"is restored as {entry.restored_as}",
            "planned": "was never deleted",
        }.get(entry.status, "")
        text = f"{entry.rule_id} ({entry.in_words}) {what} {entry.why}".strip()
        click.echo(plain(text, 1_000), err=True)

    guard = job.AccountGuard(
        account_id=account_id, unknown_is_accepted=yes_unknown_account
    )
    connections = connections_of(profile)
    report = job.read_report(report_file)
    require_regions(regions, report.entries)
    require_account(connections, report, guard)
    failed = job.restore(
        connections, report_file, regions=regions, account=guard, told=report_entry
    )
    print_report(job.read_report(report_file), form)
    if failed:
        raise SystemExit(Failure.exit_code)
