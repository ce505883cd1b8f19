"""
Finds stale rules, destroys them, puts them back: the command line's `stale`, as values.

    from pathlib import Path
    from alicloud_ingress import stale

    connections = stale.Connections()
    owners = stale.Owners.read([Path("dev.json").read_text()])
    plan = stale.plan(connections, groups=["sg-1"], owners=owners)
    for group, found in plan.stale:
        print(group.group_id, found.rule_id, [reason.text for reason in found.reasons])
    stale.write_plan(Path("plan.json"), plan)
    report = stale.destroy(connections, plan, Path("report.json"))
    left = stale.restore(connections, Path("report.json"))

`plan` changes nothing. `destroy` re-reads each group and removes, by ID only, what is
still exactly what the plan saw. Plans and reports are files of a documented form:
`stale.schema("stale-plan")`, `stale.schema("stale-report")` are their JSON schemas.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from alicloud_ingress.cleanup.clock import now, now_text
from alicloud_ingress.cleanup.destroy import Destroyer, Limits, chosen
from alicloud_ingress.cleanup.documents import DocumentError, schema
from alicloud_ingress.cleanup.findings import (
    KINDS,
    Finding,
    GroupFindings,
    KeepList,
    Kind,
    Narrowing,
    Question,
    Reason,
)
from alicloud_ingress.cleanup.owners import Owners
from alicloud_ingress.cleanup.plan_file import Plan, read_plan, write_plan
from alicloud_ingress.cleanup.rate_limiter import RateLimiter
from alicloud_ingress.cleanup.report_file import (
    Entry,
    Report,
    read_report,
    write_report,
)
from alicloud_ingress.cleanup.restore import Restorer
from alicloud_ingress.cleanup.scan import CALLS_PER_S, Scanner, in_parallel
from alicloud_ingress.ecs.connections import Connections
from alicloud_ingress.ecs.group_listing import ListedGroup
from alicloud_ingress.errors import EcsError, IngressError, WrongAccountError

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


class UnknownAccountError(IngressError):
    """
    Whose rules they are cannot be checked.
    """


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountGuard:
    """
    What stands for a check of the account where STS refuses to tell it.

    Args:
        account_id: the account that plan and credentials are of; "" for none given.
        unknown_is_accepted: whether to go on though it is not known.
    """

    account_id: str = ""
    unknown_is_accepted: bool = False

    @property
    def settles(self) -> bool:
        """
        Whether the user has answered for the account.
        """
        return bool(self.account_id) or self.unknown_is_accepted


class OtherPlanError(IngressError):
    """
    The report is one of another plan.
    """


def _silent(_: object) -> None:
    return


@dataclass(slots=True, kw_only=True)
class Survey:
    """
    A look at groups of one or more regions, group by group.

    Args:
        connections: clients by region.
        regions: names; none for the one that is configured.
        groups: IDs; none for all groups of the regions.
        owners: of the states that were given.
        question: what is asked of each group.
        known: region and ID of groups that need not be looked at.

    Attributes:
        left_alone: groups of cloud services, told while it goes on.
        not_judged: regions and groups that could not be looked at, likewise.
    """

    connections: Connections
    regions: Sequence[str] = ()
    groups: Sequence[str] = ()
    owners: Owners = field(default_factory=Owners)
    question: Question = field(default_factory=lambda: Question(now=now()))
    known: Iterable[tuple[str, str]] = ()
    left_alone: list[str] = field(default_factory=list[str])
    not_judged: list[str] = field(default_factory=list[str])

    def account_id(self) -> str:
        """
        The account that is looked at; "" where STS refuses to tell.
        """
        return self.connections.client(self._regions()[0]).account_id()

    def findings(self) -> Iterator[GroupFindings]:
        """
        What is found in each group, in order; only groups in flight are held.
        """
        pace = RateLimiter(CALLS_PER_S)
        surveyors = {
            region: Scanner(
                self.connections.client(region),
                region,
                self.owners,
                self.question,
                pace,
            )
            for region in self._regions()
        }
        yield from in_parallel(
            lambda place: surveyors[place[0]].findings(place[1]), self._places(pace)
        )
        self.not_judged += [doubt.text for doubt in self.owners.doubts]

    def _regions(self) -> tuple[str, ...]:
        return tuple(self.regions) or (self.connections.region(),)

    def _places(self, pace: RateLimiter) -> Iterator[tuple[str, ListedGroup]]:
        known = frozenset(self.known)
        missing = set(self.groups)
        for region in self._regions():
            client = self.connections.client(region)
            try:
                pace.wait()
                for listed in client.describe_groups(self.groups):
                    missing.discard(listed.group_id)
                    if listed.service_managed:
                        self.left_alone.append(listed.group_id)
                    elif (region, listed.group_id) not in known:
                        yield region, listed
            except EcsError as error:
                missing.clear()
                self.not_judged.append(str(error))
        where = ", ".join(self._regions())
        self.not_judged += [
            f"{group_id} is not among the groups of {where}; check its ID, --region"
            " and the account"
            for group_id in sorted(missing)
        ]


def plan(  # noqa: PLR0913 - one for each question
    connections: Connections,
    *,
    groups: Sequence[str] = (),
    regions: Sequence[str] = (),
    owners: Owners | None = None,
    narrowing: Narrowing | None = None,
    keep: KeepList | None = None,
    states_are_complete: bool = False,
) -> Plan:
    """
    Find the stale rules of groups; nothing is changed.

    Args:
        connections: clients by region.
        groups: IDs; none for all groups of the regions.
        regions: names; none for the one that is configured.
        owners: of states; without any, no rule is `unmanaged`.
        narrowing: what rules are looked at.
        keep: rules that are never to be destroyed.
        states_are_complete: whether rules that no state owns are nobody's also in
            groups in which the states own nothing.

    Raises:
        ConfigurationError: region or credentials cannot be worked out.
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
    )
    made_at = now_text()
    judged = 0
    told: list[GroupFindings] = []
    for found in survey.findings():
        judged += 1
        if found.stale or found.kept or found.not_judged:
            told.append(found)
    return Plan(
        made_at=made_at,
        account_id=survey.account_id(),
        stacks=survey.owners.stacks,
        groups=tuple(told),
        groups_judged=judged,
        left_alone=tuple(survey.left_alone),
        not_judged=tuple(survey.not_judged),
    )


def candidates(plan: Plan, path: Path, limits: Limits) -> list[Entry]:
    """
    The rules that a destruction would look at again, to ask before it.

    Raises:
        OtherPlanError: the report at *path* is one of another plan.
        DocumentError: what is at *path* is no report.
    """
    return chosen(_report(plan, path), limits)


def destroy(  # noqa: PLR0913 - one for each thing that it goes by
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
    Destroy what the plan names if it is still what the plan saw.

    The report is at *path* from before the first call on. Where there is one of an
    earlier run of the same plan, this run goes on from it.

    Args:
        connections: clients by region, of the plan's account.
        plan: as read or made.
        path: of the report.
        limits: what may be done; all reasons, 50 rules, no lockout.
        owners: of states as they are now; what they own stays.
        account: for a check of the account that STS refuses.
        told: called with each rule whose status has changed; not with those that are
            left for another run.

    Raises:
        WrongAccountError: the credentials are of another account than the plan's.
        UnknownAccountError: that cannot be checked.
        OtherPlanError: the report at *path* is one of another plan.
        DocumentError: what is at *path* is no report.
    """
    report = _report(plan, path)
    require_account(connections, plan, account or AccountGuard())
    Destroyer(
        connections=connections,
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
    Put destroyed rules back; a rule that is there already is left as it is.

    Args:
        connections: clients by region, of the report's account.
        path: of the report; it is written to.
        regions: only rules there; none for all.
        account: for a check of the account that STS refuses.
        told: called with each rule that was tried.

    Returns:
        The rules that are not there again; `why` tells the reason.

    Raises:
        WrongAccountError: the credentials are of another account than the report's.
        UnknownAccountError: that cannot be checked.
        DocumentError: what is at *path* is no report.
    """
    report = read_report(path)
    require_account(connections, report, account or AccountGuard())
    return Restorer(connections, report, path, regions, told).run()


def _report(plan: Plan, path: Path) -> Report:
    if path.exists():
        report = read_report(path)
        if report.plan != plan.digest:
            raise OtherPlanError(
                f"{path} is the report of another plan; give another --report"
            )
        return report
    entries = [
        Entry(
            group_id=group.group_id,
            region=group.region,
            rule_id=found.rule_id,
            create_time=found.create_time,
            as_text=found.as_text,
            rule=found.rule,
            reasons=found.reasons,
        )
        for group, found in plan.stale
    ]
    return Report(
        plan=plan.digest,
        account_id=plan.account_id,
        made_at=now_text(),
        entries=entries,
    )


def require_account(
    connections: Connections,
    document: Plan | Report,
    account: AccountGuard,
) -> None:
    """
    Make sure that a plan or report and the credentials are of one account.

    Raises:
        WrongAccountError: they are not.
        UnknownAccountError: STS refused to tell, now or when the plan was made, and
            *account* does not settle it.
    """
    if isinstance(document, Plan):
        regions = {group.region for group, _ in document.stale}
    else:
        regions = {entry.region for entry in document.entries}
    if not regions:
        return
    asking = connections.client(min(regions)).account_id()
    known = {document.account_id, asking, account.account_id} - {""}
    if len(known) > 1:
        given = f", and --account is {account.account_id}" if account.account_id else ""
        raise WrongAccountError(
            f"the plan is of account {document.account_id or '(unknown)'}, and the"
            f" credentials are of account {asking or '(unknown)'}{given}: nothing was"
            " changed. Use the credentials that the plan was made with"
        )
    if not (asking and document.account_id) and not account.settles:
        raise UnknownAccountError(
            "whether the plan and the credentials are of the same account is not known:"
            f" STS refused GetCallerIdentity {'now' if not asking else 'then'}. Nothing"
            " was changed. Allow sts:GetCallerIdentity and make a new plan, or pass"
            " --account with the account ID, or --yes-unknown-account"
        )
