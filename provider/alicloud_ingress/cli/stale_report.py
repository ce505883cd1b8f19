"""
Prints the report of a run that destroyed rules, or restored them.
"""

from __future__ import annotations

from collections import Counter

import click

from alicloud_ingress import stale as job
from alicloud_ingress.cli.tables import print_rows
from alicloud_ingress.documents import as_text

COLUMNS = ("group", "ID", "rule", "status", "restored as", "why")


def print_report(report: job.Report, form: str) -> None:
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
