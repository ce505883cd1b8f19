"""
`alicloud-ingress stale`: finds stale rules, destroys them, and restores them.
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
from alicloud_ingress.cleanup.documents import as_json_object
from alicloud_ingress.cleanup.plan_file import Partial, write_streamed
from alicloud_ingress.cleanup.stack_states import read_owners
from alicloud_ingress.cli.failure import Failure
from alicloud_ingress.cli.options import (
    FILE,
    days,
    filters,
    group_option,
    shown_as,
    states,
    where,
)
from alicloud_ingress.cli.stack_settings import connections_of
from alicloud_ingress.cli.tables import count, csv_text, print_rows, progress
from alicloud_ingress.cli.usage_show import TABLE, min_coverage
from alicloud_ingress.ecs.connections import Connections
from alicloud_ingress.files import text_in
from alicloud_ingress.rendering.markup import plain
from alicloud_ingress.usage.judging import UsageJudge
from alicloud_ingress.usage.table import UsageTable, open_table

_Command = TypeVar("_Command", bound=Callable[..., Any])
SOME = 1
REPORT_COLUMNS = ("group", "ID", "rule", "status", "restored as", "why")
COLUMNS = ("ID", "rule", "description", "why", "kept")

ACCOUNT_UNKNOWN = (
    "account unknown: STS refused GetCallerIdentity. `stale destroy` will need"
    " --account or --yes-unknown-account"
)


def account_guard(command: _Command) -> _Command:
    """
    Add `--account` and `--yes-unknown-account` to a command.
    """
    command = click.option(
        "--yes-unknown-account",
        is_flag=True,
        help="Continue even if STS does not return the account of the credentials, so"
        " that it cannot be compared.",
    )(command)
    return click.option(
        "--account",
        "account_id",
        default="",
        metavar="ACCOUNT_ID",
        help="Account that the rules belong to, for where STS does not return it. Any"
        " other account is refused.",
    )(command)


@click.group()
def stale() -> None:
    """
    Find stale rules, destroy them, and restore them.

    A rule is stale if no state owns it (unmanaged), if its last day is past (expired),
    if its source group or prefix list no longer exists (dangling), or if other rules
    make it needless (shadowed, duplicate).
    """


@stale.command("plan")
@group_option("search")
@click.option(
    "--all-groups", is_flag=True, help="Search all security groups of the region."
)
@click.option("--out", required=True, type=FILE, help="File to write the plan to.")
@where
@states
@shown_as
@filters
@click.option(
    "--keep",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="File that lists rules to keep, one entry a line: a rule ID (`sgr-...`), an"
    " address block that contains the source, `tag:KEY=VALUE` of the group, or a glob"
    " that matches the description.",
)
@click.option(
    "--states-are-complete",
    is_flag=True,
    help="The states passed are all that exist: rules that none of them owns are"
    " unmanaged also in groups in which the states own nothing.",
)
@click.option(
    "--usage",
    "usage_file",
    type=TABLE,
    help="Table that `usage collect` wrote: `unused` becomes a reason.",
)
@click.option(
    "--unused-for",
    type=days,
    help="How far back from the end of the table a rule must not have been used, such"
    " as 42d; all of the table by default.",
)
@min_coverage
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
    usage_file: Path | None,
    unused_for: dt.timedelta | None,
    min_coverage: float,
) -> None:
    """
    Find stale rules, and write them with their reasons to a plan.

    Changes no rule. Without --state or --stack, no rule counts as unmanaged.

    Exits with 0 if no rule is stale, with 1 if some are, and with 3 if not all rules
    could be judged.
    """
    if bool(groups) is all_groups:
        raise click.UsageError("pass either --group or --all-groups")
    if states_are_complete and not (state_files or stacks):
        raise click.UsageError("--states-are-complete needs --state or --stack")
    if usage_file is None and (unused_for is not None or min_coverage < 1):
        raise click.UsageError("--unused-for and --min-coverage need --usage")
    table = open_table(usage_file) if usage_file else None
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
        usage=UsageJudge(table, unused_for, min_coverage) if table else None,
    )
    account = survey.account_id()
    if not account:
        click.echo(ACCOUNT_UNKNOWN, err=True)
    by_usage = (unused_for, min_coverage, _identity(table))
    asked = (
        *(account, regions, groups, narrowing, kept, states_are_complete, texts),
        *(by_usage if table else ()),
    )
    partial = Partial(out, repr(asked))
    head = _scan(survey, partial, account)
    write_streamed(out, head, partial.groups())
    if form == "json":
        click.echo(out.read_text(encoding="utf-8"), nl=False)
    output = _PlanOutput(form)
    for group in partial.groups():
        output.add(group)
    output.end(head)
    for note in survey.notes:
        click.echo(plain(note, 1_000), err=True)
    partial.remove()
    if output.incomplete:
        raise SystemExit(Failure.exit_code)
    if output.stale:
        raise SystemExit(SOME)


def _identity(table: UsageTable | None) -> object:
    """
    Identify a table: an interrupted run with another table does not continue.
    """
    if table is None:
        return None
    files = [table.flows, *([table.watched] if table.watched else [])]
    sizes = [(str(f.resolve()), f.stat().st_size, f.stat().st_mtime_ns) for f in files]
    return table.metadata, sizes


def _scan(survey: job.Survey, partial: Partial, account: str) -> job.Plan:
    """
    Judge group by group, starting with the first that an earlier run did not judge.

    Returns:
        The plan without its groups, which are in *partial*.
    """
    known = partial.known(now_text())
    if known:
        click.echo(
            f"continuing after {count(len(known), 'group')} of an earlier run", err=True
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
        groups=(),
    )


class _PlanOutput:
    """
    Prints a plan group by group, so that memory never holds all groups.
    """

    def __init__(self, form: str) -> None:
        self._form = form
        if form == "csv":
            click.echo(csv_text([("group", "region", *COLUMNS)]), nl=False)
        self._kinds: Counter[str] = Counter()
        self.stale = 0
        self.incomplete = False

    def add(self, group: job.GroupFindings) -> None:
        self.stale += len(group.stale)
        self._kinds.update(r.kind for found in group.stale for r in found.reasons)
        rows = [
            (
                *((group.group_id, group.region) if self._form == "csv" else ()),
                found.rule_id,
                found.in_words,
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
        Print the totals, and what concerns no single group.
        """
        if self._form in ("table", "markdown"):
            kinds = ", ".join(f"{n} {kind}" for kind, n in self._kinds.items())
            click.echo(
                f"{count(self.stale, 'stale rule')}{f' ({kinds})' if kinds else ''} in"
                f" {count(head.groups_judged, 'group')}"
            )
        for group_id in head.left_alone:
            text = f"skipped: {group_id} is managed by a cloud service"
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
    help="Destroy only rules with this reason; repeatable.",
)
@click.option(
    "--max",
    "max_rules",
    default=50,
    show_default=True,
    type=click.IntRange(min=1),
    help="Destroy at most this many rules in one run.",
)
@click.option("--yes", is_flag=True, help="Do not ask for confirmation.")
@click.option(
    "--allow-lockout",
    is_flag=True,
    help="Also destroy the last rules that allow any access to port 22 or 3389.",
)
@click.option(
    "--report",
    required=True,
    type=FILE,
    help="File to write the results to. If it exists, the run continues from it.",
)
@account_guard
@where
@states
@shown_as
def destroy(  # noqa: PLR0913, PLR0917 - one argument for each option
    plan_file: Path,
    reasons: tuple[str, ...],
    max_rules: int,
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
    Destroy the rules that PLAN_FILE names.

    Reads each group again first. A rule that has changed since the plan, or that a
    state passed with --state or --stack owns, is kept. The report makes it possible to
    restore the rules.

    Exits with 0 if all rules are deleted, with 1 if some were kept on purpose, and with
    3 if some could not be deleted or verified.
    """
    made = job.read_plan(plan_file)
    limits = job.Limits(
        reasons=cast("frozenset[job.Kind]", frozenset(reasons or job.KINDS)),
        most=max_rules,
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
        if not yes and not _is_confirmed(_question(open_, max_rules, made, account_id)):
            click.echo("nothing was destroyed", err=True)
            raise SystemExit(SOME)
    with progress() as bar:
        task = bar.add_task("rules", total=len(open_))
        finished: set[str] = set()

        def report_entry(entry: job.Entry) -> None:
            if entry.status != "destroying":
                finished.add(entry.rule_id)
            bar.update(task, completed=len(finished))
            _print_entry(entry, bar.console.print)

        done = job.destroy(
            connections,
            made,
            report,
            limits,
            owners=owners,
            account=guard,
            told=report_entry,
        )
    _print_report(done, form)
    chosen = [
        entry
        for entry in done.entries
        if {reason.kind for reason in entry.reasons} & limits.reasons
        and entry.region in (limits.regions or {entry.region})
    ]
    for line in _not_tried(chosen, limits):
        click.echo(line, err=True)
    if any(e.status in ("planned", "destroying", "failed") for e in chosen):
        raise SystemExit(Failure.exit_code)
    if any(e.status in ("left", "restored") for e in chosen):
        raise SystemExit(SOME)


def _require_account(
    connections: Connections, document: job.Plan | job.Report, guard: job.AccountGuard
) -> None:
    try:
        job.require_account(connections, document, guard)
    except job.UnknownAccountError as error:
        raise click.UsageError(str(error)) from None


def _question(
    open_: Sequence[job.Entry], max_rules: int, made: job.Plan, account_id: str
) -> str:
    groups = count(len({entry.group_id for entry in open_}), "group")
    account = made.account_id or account_id or "(unknown)"
    up_to = "up to " if len(open_) > max_rules else ""
    rules = count(min(len(open_), max_rules), "rule")
    return f"Destroy {up_to}{rules} in {groups} of account {account}?"


def _not_tried(entries: Sequence[job.Entry], limits: job.Limits) -> Iterator[str]:
    """
    How many rules exist that the run did not try to delete: one line for each reason.
    """
    if beyond := sum(entry.why == limits.reached for entry in entries):
        yield (
            f"{count(beyond, 'rule')} left: {limits.reached}; run the same command"
            " again, or raise --max"
        )
    if back := sum(entry.status == "restored" for entry in entries):
        yield (
            f"restored with new IDs: {count(back, 'rule')}; make a new plan to destroy"
            " them"
        )


def _is_confirmed(question: str) -> bool:
    if not sys.stdin.isatty():
        raise click.UsageError("no terminal to confirm on: pass --yes")
    return click.confirm(plain(question), err=True)


def _print_entry(entry: job.Entry, print_: Callable[..., object]) -> None:
    if entry.status != "destroying" or entry.why:
        why = f": {entry.why}" if entry.why else ""
        text = f"{entry.status} {entry.rule_id} ({entry.in_words}){why}"
        print_(plain(text, 1_000), markup=False, highlight=False, soft_wrap=True)


def _print_report(report: job.Report, form: str) -> None:
    """
    Print the report to stdout, with the number of rules of each status.
    """
    if form == "json":
        click.echo(json.dumps(as_json_object(report), indent=1))
        return
    rows: list[tuple[str, ...]] = [
        (e.group_id, e.rule_id, e.in_words, e.status, e.restored_as or "", e.why)
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
    Restore the rules that REPORT_FILE lists as destroyed.

    They get new rule IDs. A rule that exists already is not created again.

    Exits with 3 if a rule could not be restored.
    """

    def report_entry(entry: job.Entry) -> None:
        what = f"is restored as {entry.restored_as}" if entry.restored_as else ""
        text = f"{entry.rule_id} ({entry.in_words}) {what} {entry.why}".strip()
        click.echo(plain(text, 1_000), err=True)

    guard = job.AccountGuard(
        account_id=account_id, unknown_is_accepted=yes_unknown_account
    )
    connections = connections_of(profile)
    _require_account(connections, job.read_report(report_file), guard)
    failed = job.restore(
        connections, report_file, regions=regions, account=guard, told=report_entry
    )
    _print_report(job.read_report(report_file), form)
    if failed:
        raise SystemExit(Failure.exit_code)
