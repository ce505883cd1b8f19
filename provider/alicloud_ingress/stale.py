"""
Finds stale rules, destroys them and restores them: `alicloud-ingress stale` in Python.

    from pathlib import Path
    from alicloud_ingress import stale

    connections = stale.Connections()
    owners = stale.Owners.read([Path("dev.json").read_text()])
    plan = stale.plan(connections, groups=["sg-1"], owners=owners)
    for group, found in plan.stale:
        print(group.group_id, found.rule_id, [reason.text for reason in found.reasons])
    stale.write_plan(Path("plan.json"), plan)
    report = stale.destroy(connections, plan, Path("report.json"))
    failed = stale.restore(connections, Path("report.json"))

`plan` changes nothing. `destroy` reads each group again, and deletes a rule, by its ID,
only if it has not changed since the plan. Plans and reports are JSON files;
`stale.schema("stale-plan")` and `stale.schema("stale-report")` return their schemas.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import msgspec

from alicloud_ingress.cleanup.account import (
    AccountGuard,
    UnknownAccountError,
    require_account,
)
from alicloud_ingress.cleanup.destroy import Destroyer, Limits, chosen
from alicloud_ingress.cleanup.documents import VERSION, DocumentError, locked
from alicloud_ingress.cleanup.filters import KeepList, Narrowing
from alicloud_ingress.cleanup.findings import (
    KINDS,
    Finding,
    GroupFindings,
    Kind,
    Question,
    Reason,
)
from alicloud_ingress.cleanup.owners import Owners
from alicloud_ingress.cleanup.plan_file import Plan, read_plan, write_plan
from alicloud_ingress.cleanup.report_file import (
    Entry,
    Report,
    read_report,
    write_report,
)
from alicloud_ingress.cleanup.restore import Restorer
from alicloud_ingress.cleanup.scan import Survey
from alicloud_ingress.documents import schema_of, tag_of
from alicloud_ingress.ecs.connections import Connections
from alicloud_ingress.errors import IngressError
from alicloud_ingress.times import now, time_text
from alicloud_ingress.usage.judging import UsageJudge

__all__ = [
    "KINDS",
    "AccountGuard",
    "Connections",
    "DocumentError",
    "Entry",
    "Finding",
    "GroupFindings",
    "KeepList",
    "Kind",
    "Limits",
    "Narrowing",
    "OtherPlanError",
    "Owners",
    "Plan",
    "Question",
    "Reason",
    "Report",
    "Survey",
    "UnknownAccountError",
    "candidates",
    "destroy",
    "plan",
    "read_plan",
    "read_report",
    "require_account",
    "restore",
    "schema",
    "write_plan",
    "write_report",
]


class OtherPlanError(IngressError):
    """
    The report belongs to another plan.
    """


def schema(name: str) -> dict[str, Any]:
    """
    The JSON schema of `stale-plan` or `stale-report`.
    """
    documents: dict[str, type[msgspec.Struct]]
    documents = {"stale-plan": Plan, "stale-report": Report}
    of = documents[name]
    return schema_of(of, f"{tag_of(of)}, version {VERSION}")


def _silent(_: object) -> None:
    return


def plan(  # noqa: PLR0913 - one for each criterion
    connections: Connections,
    *,
    groups: Sequence[str] = (),
    regions: Sequence[str] = (),
    owners: Owners | None = None,
    narrowing: Narrowing | None = None,
    keep: KeepList | None = None,
    states_are_complete: bool = False,
    usage: UsageJudge | None = None,
) -> Plan:
    """
    Find the stale rules of groups. Changes nothing.

    Args:
        connections: clients by region.
        groups: IDs of groups; none for all groups of the regions.
        regions: names of regions; none for the configured one.
        owners: owners from states; without them, no rule is `unmanaged`.
        narrowing: filters for the rules that are judged.
        keep: rules that are never destroyed.
        states_are_complete: whether a rule that no state owns is unmanaged even in a
            group in which the states own nothing.
        usage: judges which rules are unused; without it, no rule is `unused`.

    Raises:
        ConfigurationError: there is no region, or there are no credentials.
    """
    survey = Survey(
        connections=connections,
        regions=regions,
        groups=groups,
        owners=owners or Owners(),
        question=Question(
            now=now(),
            narrowing=narrowing or Narrowing(),
            keep=keep or KeepList(),
            states_are_complete=states_are_complete,
        ),
        usage=usage,
    )
    made_at = time_text(now())
    judged = 0
    named: list[GroupFindings] = []
    for judged, found in enumerate(survey.findings(), 1):  # noqa: B007 - their number
        if not found.is_empty:
            named.append(found)
    return survey.plan(made_at, survey.account_id(), judged, named)


def candidates(plan: Plan, path: Path, limits: Limits) -> list[Entry]:
    """
    The rules that `destroy` would work on, so that you can ask before it.

    Args:
        plan: the plan.
        path: file of the report, which need not exist.
        limits: what the run may destroy.

    Raises:
        OtherPlanError: the report at *path* belongs to another plan.
        DocumentError: the file at *path* is not a report.
    """
    return chosen(_report(plan, path), limits)


def destroy(  # noqa: PLR0913 - one for each input
    connections: Connections,
    plan: Plan,
    path: Path,
    limits: Limits | None = None,
    *,
    owners: Owners | None = None,
    account: AccountGuard | None = None,
    told: Callable[[Entry], object] = _silent,
) -> Report:
    """
    Destroy the rules that the plan names, if they have not changed since.

    The report is written before the first call. If an earlier run of the same plan has
    written one, this run continues from it.

    Args:
        connections: clients by region, of the plan's account.
        plan: the plan.
        path: file of the report.
        limits: what the run may destroy; by default 50 rules with any reason, and not
            the last ones that allow access to port 22 or 3389.
        owners: owners from current states; a rule that has one is kept.
        account: what to do if STS refuses to return the account.
        told: called with each rule whose status has changed, except those that are kept
            for another run.

    Raises:
        WrongAccountError: the credentials belong to another account than the plan.
        UnknownAccountError: the accounts cannot be compared.
        OtherPlanError: the report at *path* belongs to another plan.
        DocumentError: the file at *path* is not a report, or another run uses it.
    """
    with locked(path):
        report = _report(plan, path)
        account_is_known = require_account(connections, plan, account or AccountGuard())
        Destroyer(
            connections=connections,
            account_is_known=account_is_known,
            planned_at=plan.made_at,
            report=report,
            path=path,
            limits=limits or Limits(reasons=frozenset(KINDS)),
            owners=owners or Owners(),
            on_progress=told,
        ).run()
    return report


def restore(
    connections: Connections,
    path: Path,
    *,
    regions: Sequence[str] = (),
    account: AccountGuard | None = None,
    told: Callable[[Entry], object] = _silent,
) -> list[Entry]:
    """
    Restore destroyed rules. A rule that exists already is not changed.

    Args:
        connections: clients by region, of the report's account.
        path: file of the report, which is updated.
        regions: only rules in these regions; none for all.
        account: what to do if STS refuses to return the account.
        told: called with each rule that was tried.

    Returns:
        The rules that could not be restored; their `why` has the reason.

    Raises:
        WrongAccountError: the credentials belong to another account than the report.
        UnknownAccountError: the accounts cannot be compared.
        DocumentError: the file at *path* is not a report, or another run uses it.
    """
    with locked(path):
        report = read_report(path)
        require_account(connections, report, account or AccountGuard())
        return Restorer(connections, report, path, regions, told).run()


def _report(plan: Plan, path: Path) -> Report:
    """
    The report at *path*, or the one that the first run of the plan begins with.
    """
    first = Report(
        plan=plan.digest,
        account_id=plan.account_id,
        made_at=time_text(now()),
        entries=[
            Entry(
                group_id=group.group_id,
                region=group.region,
                rule_id=found.rule_id,
                create_time=found.create_time,
                in_words=found.in_words,
                permission=found.permission,
                reasons=found.reasons,
                status="planned",
                why="",
                at="",
                restored_as="",
            )
            for group, found in plan.stale
        ],
    )
    if not path.exists():
        return first
    report = read_report(path)
    if report.plan != first.plan:
        raise OtherPlanError(
            f"{path} is the report of another plan; pass another --report"
        )
    if [*map(_as_planned, report.entries)] != first.entries:
        raise OtherPlanError(
            f"{path} does not list the rules of the plan, so it was edited; restore the"
            " file, or pass another --report"
        )
    return report


def _as_planned(entry: Entry) -> Entry:
    return msgspec.structs.replace(
        entry, status="planned", why="", at="", restored_as=""
    )
