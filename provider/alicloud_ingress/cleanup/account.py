"""
Whether a plan or report and the credentials belong to one account.
"""

from __future__ import annotations

from dataclasses import dataclass

from alicloud_ingress.cleanup.plan_file import Plan
from alicloud_ingress.cleanup.report_file import Report
from alicloud_ingress.ecs.connections import Connections
from alicloud_ingress.errors import IngressError, WrongAccountError


class UnknownAccountError(IngressError):
    """
    The account of the rules cannot be compared with that of the credentials.
    """


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountGuard:
    """
    What to do if STS refuses to return the account.

    Args:
        account_id: the account of plan and credentials, as the user states it; "" if
            the user does not.
        unknown_is_accepted: whether to continue if the account is not known.
    """

    account_id: str = ""
    unknown_is_accepted: bool = False


def require_account(
    connections: Connections,
    document: Plan | Report,
    account: AccountGuard,
) -> bool:
    """
    Check that a plan or report and the credentials belong to one account.

    Returns:
        Whether that is known; if not, *account* allows to continue.

    Raises:
        WrongAccountError: they do not.
        UnknownAccountError: STS refused to return the account, now or for the plan, and
            *account* does not allow to continue.
    """
    if isinstance(document, Plan):
        what, step = "plan", "Make a new plan, or pass"
        regions = {group.region for group, _ in document.stale}
    else:
        what, step = "report", "Pass"
        regions = {entry.region for entry in document.entries}
    if not regions:
        return True
    current = connections.client(min(regions)).account_id()
    known = {document.account_id, current, account.account_id} - {""}
    if len(known) > 1:
        given = f", and --account is {account.account_id}" if account.account_id else ""
        raise WrongAccountError(
            f"the {what} is of account {document.account_id or '(unknown)'}, and the"
            f" credentials are of account {current or '(unknown)'}{given}: nothing was"
            f" changed. Use the credentials that the {what} was made with"
        )
    is_known = bool(account.account_id or (current and document.account_id))
    if not is_known and not account.unknown_is_accepted:
        when = "when the plan was made"
        if not current:
            when = "now"
            step = (
                "Allow sts:GetCallerIdentity in a RAM policy and run the command again,"
                " or pass"
            )
        raise UnknownAccountError(
            f"it is not known whether the {what} and the credentials are of the same"
            f" account: STS refused GetCallerIdentity {when}. Nothing was changed."
            f" {step} --account with the account ID, or --yes-unknown-account"
        )
    return is_known
