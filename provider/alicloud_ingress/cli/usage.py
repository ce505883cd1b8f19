"""
`alicloud-ingress usage`: which rules traffic uses, from flow logs.
"""

from __future__ import annotations

import datetime as dt
import os
import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import click

from alicloud_ingress import usage as job
from alicloud_ingress.cli.failure import Failure, exit_if_incomplete, say
from alicloud_ingress.cli.options import (
    EXISTING,
    FILE,
    days,
    group_option,
    min_coverage,
    where,
)
from alicloud_ingress.cli.stack_settings import connections_of, settings_of
from alicloud_ingress.cli.tables import print_table
from alicloud_ingress.documents import as_text
from alicloud_ingress.ecs.config import Connection, resolve
from alicloud_ingress.rendering.markup import (
    MAX_MESSAGE_LENGTH,
    code,
    markdown_table,
    plain,
)
from alicloud_ingress.times import now
from alicloud_ingress.usage.facts import JudgedPeriod
from alicloud_ingress.usage.formats import html_page, usage_report
from alicloud_ingress.usage.judging import GroupReader, GroupUsage, UsageJudge
from alicloud_ingress.usage.query import DIALECTS, PARTS
from alicloud_ingress.usage.report import (
    COLUMNS,
    cells,
    counts_in_words,
    coverage_in_words,
    rows_of,
)
from alicloud_ingress.usage.table import open_table

_HOURS = re.compile(r"(\d{1,6})h", re.ASCII)
MAX_PROBLEMS = 50
"""
Files that are named on stderr; the number of all others follows.
"""


def age(text: str) -> dt.timedelta:
    """
    Read `42d` or `36h`.
    """
    if match := _HOURS.fullmatch(text):
        return dt.timedelta(hours=int(match[1]))
    return days(text)


def moment(text: str) -> dt.datetime:
    """
    Read a time such as `2026-11-29`, `2026-11-29T12:00:00Z`; UTC unless it says else.
    """
    try:
        found = dt.datetime.fromisoformat(text.replace("Z", "+00:00"))
    except ValueError:
        message = f"{text!r} is not a time such as 2026-11-29T12:00:00Z"
        raise click.BadParameter(message) from None
    return found if found.tzinfo else found.replace(tzinfo=dt.timezone.utc)


_SINCE = click.option(
    "--since",
    type=age,
    default="42d",
    show_default=True,
    help="How far the period reaches back from its end, such as 42d or 36h.",
)
_UNTIL = click.option(
    "--until",
    type=moment,
    help="End of the period, such as 2026-11-29T12:00:00Z; two hours ago by default,"
    " since records may arrive that late.",
)


@click.group()
def usage() -> None:
    """
    Find out which rules traffic uses, from VPC flow logs.

    Needs the extra: pip install 'pulumi-alicloud-ingress[usage]'.
    """


@usage.command()
@click.option(
    "--files",
    "patterns",
    multiple=True,
    metavar="GLOB",
    help="Flow logs as files: JSON lines, CSV with a header, or Parquet; a glob, a"
    " folder, or oss://bucket/prefix. Can be repeated.",
)
@click.option(
    "--sls",
    "logstore",
    metavar="PROJECT/LOGSTORE",
    help="Flow logs in a logstore of Simple Log Service.",
)
@click.option(
    "--result",
    metavar="FILE",
    help="What `usage sql` gave in an engine of your own: Parquet or CSV with a header;"
    " a file, a folder or a glob. Needs --watched, --since and --until of the query.",
)
@click.option(
    "--watched",
    metavar="FILE",
    help="What `usage sql --part watched` gave for the same period.",
)
@_SINCE
@_UNTIL
@click.option(
    "--all-paths",
    is_flag=True,
    help="State that the flow logs take all traffic (traffic type All) over all traffic"
    " paths, which the records do not show. Without it no rule is reported as unused.",
)
@click.option(
    "--out", required=True, type=FILE, help="Table to write, such as usage.parquet."
)
@where
def collect(  # noqa: PLR0913, PLR0917 - one argument for each option
    patterns: tuple[str, ...],
    logstore: str | None,
    result: str | None,
    watched: str | None,
    since: dt.timedelta,
    until: dt.datetime | None,
    all_paths: bool,  # noqa: FBT001 - click passes flags by name
    out: Path,
    regions: tuple[str, ...],
    profile: str,
) -> None:
    """
    Condense flow logs into a table of who reached what, and what was watched.

    The table is written whole or not at all. What was watched is written beside it,
    to NAME.watched.parquet.

    Exits with 0 if all was read, 2 if a glob matches no file, 3 if a file or record
    could not be read; stderr names it, and the rest is in the table.
    """
    if [bool(patterns), bool(logstore), bool(result)].count(True) != 1:
        raise click.UsageError("pass either --files or --sls or --result")
    if bool(result) is not bool(watched):
        raise click.UsageError("pass --result and --watched together")
    if result and until is None:
        raise click.UsageError("pass --since and --until of the query with --result")
    if len(regions) > 1:
        raise click.UsageError("pass --region once: a logstore is in one region")
    period = _period(since, until)
    region = regions[0] if regions else ""
    if logstore:
        project, _, name = logstore.partition("/")
        if not project or not name or "/" in name:
            raise click.UsageError(f"{logstore!r} is not PROJECT/LOGSTORE")
        done = job.collect_sls(
            _connection(profile, region),
            project,
            name,
            out,
            period,
            all_paths=all_paths,
        )
    else:
        try:
            done = (
                job.collect_result(result, watched, out, period, all_paths=all_paths)
                if result and watched
                else job.collect_files(
                    patterns,
                    out,
                    period,
                    all_paths=all_paths,
                    oss_access=lambda: job.oss_access_of(_connection(profile, region)),
                )
            )
        except job.NoMatchError as error:
            raise click.UsageError(str(error)) from None
    _report(done, out)


def _connection(profile: str, region: str) -> Connection:
    settings = settings_of()
    return resolve(settings.get, os.environ, region=region, profile=profile)


def _report(done: job.Collected, out: Path) -> None:
    metadata = done.table.metadata
    say(
        f"{out}: {done.rows} rows, {done.interfaces} interfaces,"
        f" {job.time_text(metadata.period_from)} to"
        f" {job.time_text(metadata.period_to)}"
    )
    for problem in done.problems[:MAX_PROBLEMS]:
        say(f"not read: {problem}")
    if (more := len(done.problems) - MAX_PROBLEMS) > 0:
        say(f"not read: {more} more files")
    if metadata.records_unreadable:
        say(
            f"not read: {metadata.records_unreadable} records lack a field or hold a"
            " value that is out of range; no rule is reported as unused"
        )
    if not metadata.all_paths:
        say(
            "no rule will be reported as unused: pass --all-paths if the flow logs take"
            " all traffic (type All) over all traffic paths"
        )
    if not done.is_complete:
        raise SystemExit(Failure.exit_code)


def _period(since: dt.timedelta, until: dt.datetime | None) -> job.Period:
    try:
        return job.period_of(since, until, now())
    except job.PeriodError as error:
        raise click.UsageError(str(error)) from None


@usage.command()
@click.option("--dialect", type=click.Choice(list(DIALECTS)), required=True)
@_SINCE
@_UNTIL
@click.option(
    "--part",
    type=click.Choice(PARTS),
    default="flows",
    show_default=True,
    help="Rows of usage.parquet, or of usage.watched.parquet.",
)
@click.option(
    "--table",
    default="",
    help="Table that holds the records, quoted as in the dialect; flow_log by default,"
    " log in SLS.",
)
@click.option(
    "--underscores",
    is_flag=True,
    help="The table's columns are named eni_id in place of eni-id, and so on.",
)
def sql(  # noqa: PLR0913, PLR0917 - one argument for each option
    dialect: str,
    since: dt.timedelta,
    until: dt.datetime | None,
    part: str,
    table: str,
    underscores: bool,  # noqa: FBT001 - click passes flags by name
) -> None:
    """
    Print the query of `usage collect` for an engine of your own.
    """
    period = _period(since, until)
    try:
        query = job.printed(part, dialect, period, table=table, underscores=underscores)
    except job.TableNameError as error:
        raise click.UsageError(str(error)) from None
    click.echo(query)


@usage.command()
@group_option("judge by its traffic", required=True)
@click.option(
    "--usage",
    "usage_file",
    required=True,
    type=EXISTING,
    help="Table that `usage collect` wrote; FILE.watched.parquet lies beside it.",
)
@min_coverage
@where
@click.option(
    "--format",
    "form",
    type=click.Choice(["table", "json", "markdown", "html"]),
    default="table",
    show_default=True,
)
def show(  # noqa: PLR0913, PLR0917 - one argument for each option
    groups: tuple[str, ...],
    usage_file: Path,
    min_coverage: float,
    regions: tuple[str, ...],
    profile: str,
    form: str,
) -> None:
    """
    Show which rules of groups were used, when, by whom, and what would be narrower.

    A rule is called unused only where the logs prove it. Exits with 0, or with 3 where
    a call failed; stderr names it.
    """
    judge = UsageJudge(open_table(usage_file), min_coverage=min_coverage)
    reader = GroupReader(connections_of(profile), regions, judge, groups)
    found = [each for group in dict.fromkeys(groups) if (each := reader.read(group))]
    doubts = list(dict.fromkeys(reader.doubts))
    if found or not doubts:
        _OUTPUTS[form](judge.period, found, doubts)
    exit_if_incomplete(doubts, "not read")


def _table(period: JudgedPeriod, found: Sequence[GroupUsage], _: Sequence[str]) -> None:
    click.echo(f"period: {period.as_text}")
    for usage in found:
        title = f"{usage.group.title}: {counts_in_words(usage)}"
        print_table(title, COLUMNS, map(cells, rows_of(usage)))
        click.echo(plain(coverage_in_words(usage)))
        for problem in usage.coverage.problems:
            click.echo(f"no rule is called unused: {plain(problem, 1_000)}")


def _markdown(
    period: JudgedPeriod, found: Sequence[GroupUsage], _: Sequence[str]
) -> None:
    lines = [f"# Usage, {period.as_text}", ""]
    for usage in found:
        title = f"{usage.group.title}: {counts_in_words(usage)}"
        lines += markdown_table(title, COLUMNS, map(cells, rows_of(usage)))
        lines.append(f"- {coverage_in_words(usage)}")
        lines += [
            f"- no rule is called unused: {code(each, MAX_MESSAGE_LENGTH)}"
            for each in usage.coverage.problems
        ]
        lines.append("")
    click.echo("\n".join(lines).encode())


def _json(period: JudgedPeriod, found: Sequence[GroupUsage], _: Sequence[str]) -> None:
    click.echo(as_text(usage_report(period, found)), nl=False)


def _html(
    period: JudgedPeriod, found: Sequence[GroupUsage], doubts: Sequence[str]
) -> None:
    click.echo(html_page(period, found, doubts).encode(), nl=False)


_OUTPUTS: Mapping[
    str, Callable[[JudgedPeriod, Sequence[GroupUsage], Sequence[str]], None]
] = {"table": _table, "json": _json, "markdown": _markdown, "html": _html}
