"""
`alicloud-ingress stale`: find stale rules, destroy them, put them back.
"""

from __future__ import annotations

import datetime as dt
import json
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, TypeVar, cast

import click

from alicloud_ingress import stale as job
from alicloud_ingress.cleanup.clock import now, now_text
from alicloud_ingress.cleanup.plan_file import Partial, write_streamed
from alicloud_ingress.cleanup.report_file import written_report
from alicloud_ingress.cleanup.stack_states import read_owners
from alicloud_ingress.cli.failure import Failure
from alicloud_ingress.cli.options import (
    FILE,
    as_group_id,
    filters,
    shown_as,
    states,
    where,
)
from alicloud_ingress.cli.stack_settings import connections_of
from alicloud_ingress.cli.tables import count, csv_text, print_rows, progress
from alicloud_ingress.ecs.connections import Connections
from alicloud_ingress.files import text_in
from alicloud_ingress.rendering.markup import plain

_Command = TypeVar("_Command", bound=Callable[..., Any])
SOME = 1
REPORT_COLUMNS = ("group", "ID", "rule", "status", "restored as", "why")
COLUMNS = ("ID", "rule", "description", "why", "kept")

ACCOUNT_UNKNOWN = (
    "account unknown: STS refused GetCallerIdentity. `stale destroy` will ask for"
    " --account or --yes-unknown-account"
)


def account_guard(command: _Command) -> _Command:
    """
    Give a command `--account` and `--yes-unknown-account`.
    """
    command = click.option(
        "--yes-unknown-account",
        is_flag=True,
        help="Go on though STS refuses to tell the account of the credentials.",
    )(command)
    return click.option(
        "--account",
        "account_id",
        default="",
        help="Account ID that plan and credentials are of; another one is refused.",
    )(command)


@click.group()
def stale() -> None:
    """
    Find stale rules, destroy them, put them back.
    """


@stale.command("plan")
@click.option(
    "--group",
    "groups",
    multiple=True,
    type=as_group_id,
    help="Group ID (`sg-...`); can be repeated.",
)
@click.option("--all-groups", is_flag=True, help="All groups of the regions.")
@click.option("--out", required=True, type=FILE, help="Where the plan is written.")
@where
@states
@shown_as
@filters
@click.option(
    "--keep",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="File of rules to keep, one entry a line: a rule ID (`sgr-...`), an address"
    " block around sources, `tag:KEY=VALUE` of the group, or a glob over descriptions.",
)
@click.option(
    "--states-are-complete",
    is_flag=True,
    help="Unmanaged is also what is in groups in which the states own nothing.",
)
def plan_(  # noqa: PLR0913, PLR0917 - one argument for each option
    groups: tuple[str, ...],
    all_groups: bool,  # noqa: FBT001 - click passes flags by name
    out: Path,
    regions: tuple[str, ...],
    profile: str,
    state_files: tuple[Path, ...],
    stacks: tuple[str, ...],
    form: str,
    older_than: dt.timedelta | None,
    cidrs: tuple[str, ...],
    ports: tuple[int, ...],
    descriptions: tuple[str, ...],
    keep: Path | None,
    states_are_complete: bool,  # noqa: FBT001
) -> None:
    """
    Find stale rules and say why for each; nothing is changed.

    Exits with 0 if there are none, 1 if there are some, 3 if not all was judged.
    """
    if bool(groups) is all_groups:
        raise click.UsageError("give either --group or --all-groups")
    if states_are_complete and not (state_files or stacks):
        raise click.UsageError("--states-are-complete needs --state or --stack")
    owners, texts = read_owners(state_files, stacks)
    kept = text_in(keep) if keep else ""
    narrowing = job.Narrowing(
        older_than=older_than, cidrs=cidrs, ports=ports, descriptions=descriptions
    )
    connections = connections_of(profile, stacks)
    regions = regions or (connections.region(),)
    survey = job.Survey(
        connections=connections,
        regions=regions,
        groups=groups,
        owners=owners,
        question=job.Question(
            now=now(),
            narrowing=narrowing,
            keep=job.KeepList.read(kept),
            states_are_complete=states_are_complete,
        ),
    )
    account = survey.account_id()
    if not account:
        click.echo(ACCOUNT_UNKNOWN, err=True)
    asked = (account, regions, groups, narrowing, kept, states_are_complete, texts)
    partial = Partial(out, repr(asked))
    head = _surveyed(survey, partial, account)
    write_streamed(out, head, partial.groups())
    if form == "json":
        click.echo(out.read_text(encoding="utf-8"), nl=False)
    telling = _Telling(form)
    for group in partial.groups():
        telling.tell(group)
    telling.end(head)
    partial.remove()
    if telling.incomplete:
        raise SystemExit(Failure.exit_code)
    if telling.stale:
        raise SystemExit(SOME)


def _surveyed(survey: job.Survey, partial: Partial, account: str) -> job.Plan:
    """
    Judge group by group, going on from where an earlier run was ended.

    Returns:
        The plan without its groups, which are in *partial*.
    """
    known = partial.known(now_text())
    if known:
        click.echo(
            f"going on after {count(len(known), 'group')} of an earlier run", err=True
        )
    survey.known = known
    judged = len(known)
    with progress() as bar:
        task = bar.add_task("groups", total=None)
        for found in survey.findings():
            partial.add(found)
            judged += 1
            bar.update(task, completed=judged)
    return job.Plan(
        made_at=partial.made_at,
        account_id=account,
        stacks=survey.owners.stacks,
        groups_judged=judged,
        left_alone=tuple(survey.left_alone),
        not_judged=tuple(survey.not_judged),
    )


class _Telling:
    """
    Tells a plan group by group, so that a long one need not be held.
    """

    def __init__(self, form: str) -> None:
        self._form = form
        if form == "csv":
            click.echo(csv_text([("group", "region", *COLUMNS)]), nl=False)
        self._kinds: Counter[str] = Counter()
        self.stale = 0
        self.incomplete = False

    def tell(self, group: job.GroupFindings) -> None:
        self.stale += len(group.stale)
        self._kinds.update(r.kind for found in group.stale for r in found.reasons)
        rows = [
            (
                *((group.group_id, group.region) if self._form == "csv" else ()),
                found.rule_id,
                found.as_text,
                found.rule.description,
                "; ".join(f"{reason.kind}: {reason.text}" for reason in found.reasons),
                found.kept or "no",
            )
            for found in (*group.stale, *group.kept)
        ]
        title = f"{group.group_id} in {group.region}"
        if rows:
            print_rows(self._form, title, COLUMNS, rows)
        for problem in group.not_judged:
            self._not_judged(f"{title}: {problem}")

    def end(self, head: job.Plan) -> None:
        """
        Tell what is said of all groups together.
        """
        if self._form in ("table", "markdown"):
            kinds = ", ".join(f"{n} {kind}" for kind, n in self._kinds.items())
            click.echo(
                f"{count(self.stale, 'stale rule')}{f' ({kinds})' if kinds else ''} in"
                f" {count(head.groups_judged, 'group')}"
            )
        for group_id in head.left_alone:
            text = f"left alone: {group_id} is managed by a cloud service"
            click.echo(plain(text), err=True)
        for problem in head.not_judged:
            self._not_judged(problem)

    def _not_judged(self, problem: str) -> None:
        self.incomplete = True
        click.echo(f"not judged: {plain(problem, 1_000)}", err=True)


@stale.command("destroy")
@click.argument(
    "plan_file", type=click.Path(exists=True, dir_okay=False, path_type=Path)
)
@click.option(
    "--reason",
    "reasons",
    multiple=True,
    type=click.Choice(job.KINDS),
    help="Only rules with this reason; can be given again.",
)
@click.option(
    "--max",
    "most",
    default=50,
    show_default=True,
    type=click.IntRange(min=1),
    help="Rules destroyed in one run.",
)
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.option(
    "--allow-lockout",
    is_flag=True,
    help="Also the last rules that let anybody in to 22 or 3389.",
)
@click.option(
    "--report",
    required=True,
    type=FILE,
    help="Where it is told what was done; a second run goes on from it.",
)
@account_guard
@where
@states
@shown_as
def destroy(  # noqa: PLR0913, PLR0917 - one argument for each option
    plan_file: Path,
    reasons: tuple[str, ...],
    most: int,
    yes: bool,  # noqa: FBT001 - click passes flags by name
    allow_lockout: bool,  # noqa: FBT001
    report: Path,
    account_id: str,
    yes_unknown_account: bool,  # noqa: FBT001
    regions: tuple[str, ...],
    profile: str,
    state_files: tuple[Path, ...],
    stacks: tuple[str, ...],
    form: str,
) -> None:
    """
    Destroy what PLAN_FILE names if it is still what the plan saw.

    Exits with 0 if all is gone, 1 if some is left on purpose, 3 if some failed.
    """
    made = job.read_plan(plan_file)
    limits = job.Limits(
        reasons=cast("frozenset[job.Kind]", frozenset(reasons or job.KINDS)),
        most=most,
        allow_lockout=allow_lockout,
        regions=frozenset(regions),
    )
    owners, _ = read_owners(state_files, stacks)
    try:
        open_ = job.candidates(made, report, limits)
    except job.OtherPlanError as error:
        raise click.UsageError(plain(str(error))) from None
    guard = job.AccountGuard(
        account_id=account_id, unknown_is_accepted=yes_unknown_account
    )
    connections = connections_of(profile, stacks)
    if open_:
        _require_account(connections, made, guard)
        if not yes and not _agreed(_question(open_, most, made, account_id)):
            click.echo("nothing was destroyed", err=True)
            raise SystemExit(SOME)
    with progress() as bar:
        task = bar.add_task("rules", total=len(open_))
        seen: set[str] = set()

        def tell(entry: job.Entry) -> None:
            if entry.status != "destroying":
                seen.add(entry.rule_id)
            bar.update(task, completed=len(seen))
            _say(entry, bar.console.print)

        done = job.destroy(
            connections,
            made,
            report,
            limits,
            owners=owners,
            account=guard,
            told=tell,
        )
    _show(done, form)
    mine = [
        entry
        for entry in done.entries
        if {reason.kind for reason in entry.reasons} & limits.reasons
        and entry.region in (limits.regions or {entry.region})
    ]
    for line in _left_over(mine, limits):
        click.echo(line, err=True)
    if any(e.status in ("planned", "destroying", "failed") for e in mine):
        raise SystemExit(Failure.exit_code)
    if any(e.status in ("left", "restored") for e in mine):
        raise SystemExit(SOME)


def _require_account(
    connections: Connections, document: job.Plan | job.Report, guard: job.AccountGuard
) -> None:
    try:
        job.require_account(connections, document, guard)
    except job.UnknownAccountError as error:
        raise click.UsageError(str(error)) from None


def _question(
    open_: Sequence[job.Entry], most: int, made: job.Plan, account_id: str
) -> str:
    groups = count(len({entry.group_id for entry in open_}), "group")
    account = made.account_id or account_id or "(unknown)"
    upto = "up to " if len(open_) > most else ""
    rules = count(min(len(open_), most), "rule")
    return f"Destroy {upto}{rules} in {groups} of account {account}?"


def _left_over(entries: Sequence[job.Entry], limits: job.Limits) -> Iterator[str]:
    """
    What still exists and was not tried, in a line for each reason.
    """
    if beyond := sum(entry.why == limits.reached for entry in entries):
        yield (
            f"{count(beyond, 'rule')} left: {limits.reached}; run the same command"
            " again, or raise --max"
        )
    if back := sum(entry.status == "restored" for entry in entries):
        yield (
            f"restored since, under new IDs: {count(back, 'rule')}; make a new plan to"
            " destroy what exists"
        )


def _agreed(question: str) -> bool:
    if not sys.stdin.isatty():
        raise click.UsageError("nobody can be asked here; give --yes")
    return click.confirm(plain(question), err=True)


def _say(entry: job.Entry, show: Callable[..., object]) -> None:
    if entry.status != "destroying" or entry.why:
        why = f": {entry.why}" if entry.why else ""
        text = f"{entry.status} {entry.rule_id} ({entry.as_text}){why}"
        show(plain(text, 1_000), markup=False, highlight=False, soft_wrap=True)


def _show(report: job.Report, form: str) -> None:
    """
    The report on stdout, and how many rules came to what.
    """
    if form == "json":
        click.echo(json.dumps(written_report(report), indent=1))
        return
    rows: list[tuple[str, ...]] = [
        (e.group_id, e.rule_id, e.as_text, e.status, e.restored_as or "", e.why)
        for e in report.entries
    ]
    counted = Counter(entry.status for entry in report.entries)
    title = ", ".join(f"{n} {s}" for s, n in counted.items()) or "nothing planned"
    if form == "csv":
        rows.insert(0, REPORT_COLUMNS)
    print_rows(form, title, REPORT_COLUMNS, rows)


@stale.command("restore")
@click.argument(
    "report_file", type=click.Path(exists=True, dir_okay=False, path_type=Path)
)
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
    Put the rules back that REPORT_FILE says were destroyed; they get new IDs.

    Exits with 3 if one is not there again.
    """

    def tell(entry: job.Entry) -> None:
        what = f"is there as {entry.restored_as}" if entry.restored_as else ""
        text = f"{entry.rule_id} ({entry.as_text}) {what} {entry.why}".strip()
        click.echo(plain(text, 1_000), err=True)

    guard = job.AccountGuard(
        account_id=account_id, unknown_is_accepted=yes_unknown_account
    )
    connections = connections_of(profile)
    _require_account(connections, job.read_report(report_file), guard)
    failed = job.restore(
        connections, report_file, regions=regions, account=guard, told=tell
    )
    _show(job.read_report(report_file), form)
    if failed:
        raise SystemExit(Failure.exit_code)
