"""
`alicloud-ingress usage show`: which rules of groups were used.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import click

from alicloud_ingress.cli.failure import exit_if_incomplete
from alicloud_ingress.cli.options import EXISTING, group_option, where
from alicloud_ingress.cli.stack_settings import connections_of
from alicloud_ingress.cli.tables import print_table
from alicloud_ingress.documents import as_text
from alicloud_ingress.rendering.markup import code, markdown_table, plain
from alicloud_ingress.usage.facts import JudgedPeriod
from alicloud_ingress.usage.formats import html_page, usage_report
from alicloud_ingress.usage.judging import GroupReader, GroupUsage, UsageJudge
from alicloud_ingress.usage.report import (
    COLUMNS,
    cells,
    counts_in_words,
    coverage_in_words,
    rows_of,
)
from alicloud_ingress.usage.table import open_table


class _Share(click.FloatRange):
    """
    A share above 0; not a NaN either, which is below no share that was reached.
    """

    def __init__(self) -> None:
        super().__init__(0, 1, min_open=True)

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        share = float(super().convert(value, param, ctx))
        if math.isnan(share):
            self.fail(f"{value} is not in the range {self._describe_range()}.")
        return share


min_coverage = click.option(
    "--min-coverage",
    default=1.0,
    show_default=True,
    type=_Share(),
    help="Least share of capture windows of each interface of the group that must"
    " have been watched. A plan names a lower one.",
)


@click.command("show")
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
            f"- no rule is called unused: {code(each)}"
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
