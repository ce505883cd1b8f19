"""
A report as Markdown that fits where it is shown: what does not is cut, and said so.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from itertools import accumulate

from alicloud_ingress.rendering.templates import template

LIMIT = 65_000
"""
Characters of a comment; GitHub takes 65,536.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """
    A titled part of the report.

    Args:
        title: text of ours only.
        lines: safe Markdown.
        head: how many of the lines belong together with the first entry.
        end: a last line that always stands.
        left_off: how many lines were cut.
    """

    title: str
    lines: tuple[str, ...]
    head: int = 0
    end: str = ""
    folded: bool = False
    left_off: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """
    What is written.

    Args:
        marker: an HTML comment by which a later run finds its own comment.
        headline: counts and verdict.
    """

    marker: str
    headline: str
    sections: tuple[Section, ...] = field(default=())


def markdown(report: Report, limit: int = LIMIT) -> str:
    """
    Write the report in at most *limit* characters.

    Each section takes up to half of what is left, the last one all of it; what
    was cut is said under it.
    """
    whole = _rendered(report, limit)
    return whole if len(whole) <= limit else _rendered(_cut(report, limit), limit)


def _rendered(report: Report, limit: int) -> str:
    return template("preview.md.j2").render(
        marker=report.marker,
        headline=report.headline,
        sections=report.sections,
        limit=limit,
    )


def _cut(report: Report, limit: int) -> Report:
    frame = 150
    left = limit - len(report.marker) - len(report.headline) - 10
    left -= frame * len(report.sections)
    cut: list[Section] = []
    for number, section in enumerate(report.sections, 1):
        last = number == len(report.sections)
        room = left if last else left // 2
        sizes = accumulate(len(line) + 1 for line in section.lines)
        kept = sum(1 for size in sizes if size <= room)
        lines = section.lines[: kept if kept > section.head else 0]
        left -= sum(len(line) + 1 for line in lines)
        more = len(section.lines) - max(len(lines), section.head)
        end = section.end if lines else ""
        cut.append(replace(section, lines=lines, end=end, left_off=more))
    return replace(report, sections=tuple(cut))
