"""
`alicloud-ingress stale`: finds stale rules, destroys them, and restores them.
"""

from __future__ import annotations

import contextlib
import sys
from collections import Counter
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from pathlib import Path
from typing import cast

import click

from alicloud_ingress import stale as job
from alicloud_ingress.cleanup.owners import NAMELESS, read_owners
from alicloud_ingress.cli.failure import Failure, say
from alicloud_ingress.cli.options import (
    EXISTING,
    FILE,
    all_of,
    only_where,
    shown_as,
    states,
)
from alicloud_ingress.cli.stack_settings import connections_of
from alicloud_ingress.cli.stale_plan import SOME, plan
from alicloud_ingress.cli.tables import count, print_rows, progress
from alicloud_ingress.documents import as_text
from alicloud_ingress.ecs.connections import Connections
from alicloud_ingress.rendering.markup import plain
from alicloud_ingress.times import moment_of, now


@click.group()
def stale() -> None:
    """
    Find stale rules, destroy them, and restore them.

    A rule is stale if no state owns it (unmanaged), if its last day is past (expired),
    if its source group or prefix list no longer exists (dangling), or if other rules
    make it needless (shadowed, duplicate).
    """


stale.add_command(plan)
NOTABLE_AGE_DAYS = 7
NOT_CHECKED = (
    "warning: {} is not passed, so a rule that its stack has taken over since the plan"
    " is deleted, too; pass --state or --stack again to keep it"
)
COLUMNS = ("group", "ID", "rule", "status", "restored as", "why")
_account_guard = all_of(
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


@stale.command()
@click.argument("plan_file", type=EXISTING)
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
@_account_guard
@only_where
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
    _require_regions(regions, (group for group, _ in made.stale))
    try:
        open_ = job.candidates(made, report, limits)
    except job.OtherPlanError as error:
        raise click.UsageError(plain(str(error))) from None
    guard = job.AccountGuard(
        account_id=account_id, unknown_is_accepted=yes_unknown_account
    )
    connections = connections_of(profile, stacks)
    if open_:
        _warn_if_old(made)
        _warn_if_not_passed(made, owners, open_)
        _require_account(connections, made, guard)
        if not yes and not _is_confirmed(_question(open_, max_rules, made, account_id)):
            say("nothing was destroyed")
            raise SystemExit(SOME)
    with _recorded_in(report), progress() as bar:
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
    chosen = [*filter(limits.cover, done.entries)]
    for line in _not_tried(done.entries, chosen, limits):
        say(line)
    if any(e.status in ("planned", "destroying", "failed") for e in chosen):
        raise SystemExit(Failure.exit_code)
    if any(e.status in ("left", "restored") for e in chosen):
        raise SystemExit(SOME)


def _is_unmanaged(entry: job.Entry) -> bool:
    return any(reason.kind == "unmanaged" for reason in entry.reasons)


def _warn_if_not_passed(
    made: job.Plan, owners: job.Owners, open_: Sequence[job.Entry]
) -> None:
    """
    Name the stacks whose states were passed for the plan, and now are not. A state
    without resources has no name, so it may be that of any stack.
    """
    if NAMELESS in owners.stacks or not any(map(_is_unmanaged, open_)):
        return
    for stack in sorted({*made.stacks} - {*owners.stacks}):
        name = stack if stack == NAMELESS else f"the state of {stack}"
        say(NOT_CHECKED.format(name))


def _warn_if_old(made: job.Plan) -> None:
    created = moment_of(made.made_at)
    days = (now() - created).days if created else 0
    if days > NOTABLE_AGE_DAYS:
        say(
            f"warning: the plan is {days} days old; since then, traffic may use its"
            " rules, and stacks may own them. A new plan shows that"
        )


def _question(
    open_: Sequence[job.Entry], max_rules: int, made: job.Plan, account_id: str
) -> str:
    groups = count(len({entry.group_id for entry in open_}), "group")
    account = made.account_id or account_id or "(unknown)"
    up_to = "up to " if len(open_) > max_rules else ""
    rules = count(min(len(open_), max_rules), "rule")
    return f"Destroy {up_to}{rules} in {groups} of account {account}?"


def _not_tried(
    entries: Sequence[job.Entry], chosen: Sequence[job.Entry], limits: job.Limits
) -> Iterator[str]:
    """
    How many rules exist that the run did not try to delete: one line for each reason.
    """
    if others := len(entries) - len(chosen):
        yield f"{count(others, 'rule')} of the plan not tried: other reason or region"
    if beyond := sum(entry.why == limits.reached for entry in chosen):
        yield (
            f"{count(beyond, 'rule')} left: {limits.reached}; run the same command"
            " again, or raise --max"
        )
    if back := sum(entry.status == "restored" for entry in chosen):
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


@stale.command()
@click.argument("report_file", type=EXISTING)
@_account_guard
@only_where
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
        words = (f"{entry.rule_id} ({entry.in_words})", what, entry.why)
        say(" ".join(filter(None, words)))

    guard = job.AccountGuard(
        account_id=account_id, unknown_is_accepted=yes_unknown_account
    )
    connections = connections_of(profile)
    report = job.read_report(report_file)
    _require_regions(regions, report.entries)
    _require_account(connections, report, guard)
    with _recorded_in(report_file):
        failed = job.restore(
            connections, report_file, regions=regions, account=guard, told=report_entry
        )
    _print_report(job.read_report(report_file), form)
    if failed:
        raise SystemExit(Failure.exit_code)


@contextlib.contextmanager
def _recorded_in(report: Path) -> Generator[None]:
    """
    Say, after an interruption, how the run goes on.
    """
    try:
        yield
    except KeyboardInterrupt:
        say(
            f"{report} records what was done; run the same command again to find out"
            " what the last call did, and to continue"
        )
        raise


def _require_account(
    connections: Connections, document: job.Plan | job.Report, guard: job.AccountGuard
) -> None:
    """
    End the command if the account of the credentials is not the one of a document.
    """
    try:
        job.require_account(connections, document, guard)
    except job.UnknownAccountError as error:
        raise click.UsageError(str(error)) from None


def _require_regions(
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


def _print_report(report: job.Report, form: str) -> None:
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
