"""
The options that guard a command against the wrong account.
"""

from __future__ import annotations

import click

from alicloud_ingress import stale as job
from alicloud_ingress.cli.options import all_of
from alicloud_ingress.ecs.connections import Connections

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
