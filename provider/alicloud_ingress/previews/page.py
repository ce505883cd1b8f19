"""
Writes a report as Markdown, cut to the length that a comment may have.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from itertools import accumulate

LIMIT = 65_000
"""
Maximum characters of a comment. GitHub allows 65,536.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """
    A part of the report.

    Args:
        title: not escaped: no text from outside.
        lines: escaped Markdown.
        head: number of lines before the first entry, such as those of a table's head.
        folded: whether the section is collapsed.
        missing: number of lines that were cut.
    """

    title: str
    lines: tuple[str, ...]
    head: int = 0
    folded: bool = False
    missing: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """
    A report before it is cut.

    Args:
        marker: an HTML comment by which a later run finds the comment to update.
        headline: counts and verdict.
        sections: the most important first.
    """

    marker: str
    headline: str
    sections: tuple[Section, ...] = field(default=())


def markdown(report: Report) -> str:
    """
    Write the report in at most `LIMIT` characters.

    Each section gets at most half of the remaining characters; the last one gets all.
    A section that is cut says how many lines are missing.
    """
    whole = _rendered(report)
    return whole if len(whole) <= LIMIT else _rendered(_cut(report))


def _rendered(report: Report) -> str:
    parts = [f"{report.marker}\n{report.headline}\n"]
    parts += map(_section, report.sections)
    return "\n".join(parts)


def _section(section: Section) -> str:
    title = section.title
    head = f"<details><summary>{title}</summary>" if section.folded else f"#### {title}"
    lines = [head, "", *section.lines]
    if section.missing:
        why = f"the limit of a comment is {LIMIT:,} characters"
        lines += ["", f"*{section.missing} more lines left out: {why}.*"]
    if section.folded:
        lines += ["", "</details>"]
    return "\n".join([*lines, ""])


def _cut(report: Report) -> Report:
    frame = 150
    space = LIMIT - len(report.marker) - len(report.headline) - 10
    space -= frame * len(report.sections)
    cut: list[Section] = []
    for number, section in enumerate(report.sections, 1):
        last = number == len(report.sections)
        room = space if last else space // 2
        sizes = accumulate(len(line) + 1 for line in section.lines)
        kept = sum(1 for size in sizes if size <= room)
        lines = section.lines[: kept if kept > section.head else 0]
        space -= sum(len(line) + 1 for line in lines)
        more = len(section.lines) - max(len(lines), section.head)
        cut.append(replace(section, lines=lines, missing=more))
    return replace(report, sections=tuple(cut))
