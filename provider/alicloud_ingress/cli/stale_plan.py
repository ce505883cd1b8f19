"""
`alicloud-ingress stale plan`: finds stale rules, and writes them to a plan.
"""

from __future__ import annotations

import datetime as dt
from collections import Counter
from pathlib import Path

import click

from alicloud_ingress import stale as job
from alicloud_ingress.cleanup.documents import locked
from alicloud_ingress.cleanup.owners import read_owners
from alicloud_ingress.cleanup.plan_file import Partial, may_be_replaced, write_streamed
from alicloud_ingress.cli.failure import Failure, say
from alicloud_ingress.cli.options import (
    EXISTING,
    FILE,
    days,
    filters,
    groups_or_all,
    min_coverage,
    require_groups,
    shown_as,
    states,
    where,
)
from alicloud_ingress.cli.stack_settings import connections_of
from alicloud_ingress.cli.tables import count, csv_text, print_rows, progress
from alicloud_ingress.files import text_in
from alicloud_ingress.rendering.markup import plain
from alicloud_ingress.times import now, time_text
from alicloud_ingress.usage.judging import UsageJudge
from alicloud_ingress.usage.table import UsageTable, open_table

SOME = 1
COLUMNS = ("ID", "rule", "description", "why", "kept")

ACCOUNT_UNKNOWN = (
    "account unknown: STS refused GetCallerIdentity. `stale destroy` will need"
    " --account or --yes-unknown-account"
)


@click.command("plan")
@groups_or_all("search")
@click.option("--out", required=True, type=FILE, help="File to write the plan to.")
@where
@states
@shown_as
@filters
@click.option(
    "--keep",
    type=EXISTING,
    help="File that lists rules to keep, one entry a line: a rule ID (`sgr-...`), an"
    " address block that contains the source, `tag:KEY=VALUE` of the group, or a glob"
    " that matches the description, or all of it.",
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
    type=EXISTING,
    help="Table that `usage collect` wrote: `unused` becomes a reason.",
)
@click.option(
    "--unused-for",
    type=days,
    help="How far back from the end of the table a rule must not have been used, such"
    " as 42d; all of the table by default.",
)
@min_coverage
def plan(  # noqa: PLR0913, PLR0917 - one argument for each option
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
    require_groups(groups, all_groups=all_groups)
    if states_are_complete and not (state_files or stacks):
        raise click.UsageError("--states-are-complete needs --state or --stack")
    if usage_file is None and (unused_for is not None or min_coverage < 1):
        raise click.UsageError("--unused-for and --min-coverage need --usage")
    if not may_be_replaced(out):
        raise click.UsageError(
            plain(f"{out} exists and is not a plan; pass another --out", 1_000)
        )
    table = open_table(usage_file) if usage_file else None
    owners, texts = read_owners(state_files, stacks)
    kept = text_in(keep) if keep else ""
    narrowing = job.Narrowing(
        older_than=older_than, cidrs=cidrs, ports=ports, descriptions=descriptions
    )
    connections = connections_of(profile, stacks)
    regions = connections.regions(regions)
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
        say(ACCOUNT_UNKNOWN)
    by_usage = (unused_for, min_coverage, _identity(table))
    asked = (
        *(account, regions, groups, narrowing, kept, states_are_complete, texts),
        *(by_usage if table else ()),
    )
    with locked(out):
        output = _written(survey, out, repr(asked), account, form)
    if output.incomplete:
        raise SystemExit(Failure.exit_code)
    if output.stale:
        raise SystemExit(SOME)


def _written(
    survey: job.Survey, out: Path, asked: str, account: str, form: str
) -> _PlanOutput:
    """
    Judge all groups, write the plan, and print it. *asked* is all that the findings
    depend on.
    """
    partial = Partial(out, asked)
    head = _scan(survey, partial, account)
    write_streamed(out, head, partial.groups())
    try:
        output = _printed(out, head, partial, form)
    finally:  # the plan is whole, also if nothing reads all of the output
        partial.remove()
    for note in survey.notes:
        say(note)
    return output


def _printed(out: Path, head: job.Plan, partial: Partial, form: str) -> _PlanOutput:
    if form == "json":
        click.echo(out.read_text(encoding="utf-8"), nl=False)
    output = _PlanOutput(form)
    for group in partial.groups():
        output.add(group)
    output.end(head)
    return output


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
    known = partial.known(time_text(now()))
    if known:
        say(
            f"continuing after {count(len(known), 'group')} of an earlier run, begun at"
            f" {partial.made_at}"
        )
    survey.known = known
    judged = len(known)
    with progress() as bar:
        task = bar.add_task("groups", total=None)
        for found in survey.findings():
            partial.add(found)
            judged += 1
            bar.update(task, completed=judged)
    return survey.plan(partial.made_at, account, judged)


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
            say(f"skipped: {group_id} is managed by a cloud service")
        for problem in head.not_judged:
            self._not_judged(problem)

    def _not_judged(self, problem: str) -> None:
        self.incomplete = True
        say(f"not judged: {problem}")
