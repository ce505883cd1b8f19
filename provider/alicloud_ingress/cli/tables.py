"""
Prints tables and progress. Control characters in the texts are escaped.

A terminal gets a table if it fits, otherwise one record for each row, in which no ID is
split over lines. A pipe or a file gets columns of plain text, one line for each row.
"""

from __future__ import annotations

import csv
import io
import shutil
import sys
from collections.abc import Iterable, Sequence

import click
from rich.cells import cell_len
from rich.console import Console, Group, RenderableType
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
)
from rich.table import Table
from rich.text import Text

from alicloud_ingress.rendering.markup import markdown_table, plain

WIDEST_COLUMN = 40
"""
Characters of a column on a terminal; longer texts are wrapped between words.
"""
MAX_CELL_LENGTH = 1_000
_FORMULA = ("=", "+", "-", "@")


def print_table(
    title: str, columns: Sequence[str], rows: Iterable[Sequence[str]]
) -> None:
    """
    Print a table to stdout.
    """
    cells = [[plain(cell, MAX_CELL_LENGTH) for cell in row] for row in rows]
    if not sys.stdout.isatty():
        click.echo("\n".join([plain(title), *_plain_lines(columns, cells), ""]))
        return
    used = [n for n in range(len(columns)) if not cells or any(r[n] for r in cells)]
    columns = [columns[n] for n in used]
    cells = [[row[n] for n in used] for row in cells]
    width = shutil.get_terminal_size().columns
    widths = [
        min(max(map(cell_len, column)), WIDEST_COLUMN)
        for column in zip(columns, *cells, strict=True)
    ]
    fits = sum(widths) + 3 * len(widths) + 1 <= width
    shown = _table(columns, cells, widths) if fits else _records(columns, cells)
    text = io.StringIO()
    console = Console(file=text, force_terminal=True, width=width)
    console.print(Text(plain(title), style="bold"), shown)
    click.echo(text.getvalue(), nl=False, color=True)


def print_rows(
    form: str, title: str, columns: Sequence[str], rows: Iterable[Sequence[str]]
) -> None:
    """
    Print rows as a table, as Markdown, or as CSV without a head.
    """
    if form == "table":
        print_table(title, columns, rows)
    elif form == "markdown":
        click.echo("\n".join(markdown_table(title, columns, rows)).encode())
    elif form == "csv":
        click.echo(csv_text(rows), nl=False)


def csv_text(rows: Iterable[Sequence[str]]) -> bytes:
    """
    Rows as CSV in UTF-8, escaped so that no spreadsheet runs a text as a formula.
    """
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    for row in rows:
        cells = (plain(cell, MAX_CELL_LENGTH) for cell in row)
        writer.writerow([f"'{c}" if c.startswith(_FORMULA) else c for c in cells])
    return text.getvalue().encode()


class _Stderr(Console):
    """
    The command decides how it exits if its output is not read: Rich would exit with 1.
    """

    def on_broken_pipe(self) -> None:
        """
        Called by Rich while it handles the error.
        """
        raise BrokenPipeError


def count(number: int, noun: str) -> str:
    """
    A number with its noun, such as `1 rule` or `2 rules`.
    """
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def _plain_lines(
    columns: Sequence[str], cells: Sequence[Sequence[str]]
) -> Iterable[str]:
    lines = [columns, *cells]
    widths = [max(map(cell_len, column)) for column in zip(*lines, strict=True)]
    for line in lines:
        padded = (
            cell + " " * (width - cell_len(cell))
            for cell, width in zip(line, widths, strict=True)
        )
        yield "  ".join(padded).rstrip()


def _table(
    columns: Sequence[str], cells: Sequence[Sequence[str]], widths: Sequence[int]
) -> RenderableType:
    table = Table()
    for column, width in zip(columns, widths, strict=True):
        table.add_column(column, overflow="fold", min_width=width)
    for row in cells:
        table.add_row(*map(Text, row))
    return table


def _records(columns: Sequence[str], cells: Sequence[Sequence[str]]) -> RenderableType:
    records: list[RenderableType] = []
    for first, *rest in cells:
        record = Table.grid(padding=(0, 2, 0, 0))
        record.add_column(no_wrap=True)
        record.add_column(overflow="fold")
        for column, cell in zip(columns[1:], rest, strict=True):
            if cell:
                record.add_row(f"  {column}", Text(cell))
        records += [Text(first, style="bold"), record]
    return Group(*records)


def progress() -> Progress:
    """
    A progress bar on stderr; nothing is shown unless stderr is a terminal.
    """
    console = _Stderr(stderr=True)
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        console=console,
        disable=not console.is_terminal,
        transient=True,
    )
