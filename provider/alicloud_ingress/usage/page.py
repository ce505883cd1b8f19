"""
The usage of rules as one HTML page that needs nothing beside itself.

People take it to a review, so it is read on paper, on a phone, in the dark and by
keyboard. It has no script, and its policy lets it load nothing.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from alicloud_ingress.rendering.markup import plain
from alicloud_ingress.rendering.templates import template
from alicloud_ingress.usage.coverage import JudgedPeriod
from alicloud_ingress.usage.judging import GroupUsage
from alicloud_ingress.usage.report import (
    Row,
    bytes_in_words,
    counts_in_words,
    coverage_in_words,
    days_of,
    narrower_in_words,
    rows_of,
    verdict_of,
)
from alicloud_ingress.usage.table import time_text

MAX_LENGTH = 600


@dataclass(frozen=True, slots=True)
class Mark:
    """
    Days of a strip that are alike: first and last place, and `seen` or `within`.
    """

    place: int
    length: int
    kind: str


@dataclass(frozen=True, slots=True)
class _Shown:
    row: Row
    verdict: str
    marks: tuple[Mark, ...]
    strip_in_words: str


@dataclass(frozen=True, slots=True)
class _Section:
    title: str
    coverage: str
    counts: str
    problems: tuple[str, ...]
    rows: tuple[_Shown, ...]


def html_page(
    period: JudgedPeriod, groups: Iterable[GroupUsage], doubts: Sequence[str]
) -> str:
    """
    The page.

    Args:
        period: over which the groups are judged.
        groups: in the order in which they are shown.
        doubts: what could not be read, in sentences.
    """
    days = days_of(period)
    sections = [
        _Section(
            title=usage.group.title,
            coverage=coverage_in_words(usage),
            counts=counts_in_words(usage) or "no rules",
            problems=usage.coverage.problems,
            rows=tuple(_shown(row, days) for row in rows_of(usage)),
        )
        for usage in groups
    ]
    return template(
        "usage.html.j2",
        visible=_visible,
        size=bytes_in_words,
        narrower=narrower_in_words,
        time=time_text,
    ).render(
        period=period,
        start=time_text(period.start),
        end=time_text(period.end),
        day_count=len(days),
        first_day=_date(days[0]),
        last_day=_date(days[-1]),
        sections=sections,
        doubts=doubts,
    )


def _visible(value: object) -> str:
    return plain(str(value), MAX_LENGTH)


def _shown(row: Row, days: range) -> _Shown:
    marks = tuple(_marks(row, days))
    return _Shown(
        row=row,
        verdict=verdict_of(row.judged),
        marks=marks,
        strip_in_words=_in_words(marks, days),
    )


def _marks(row: Row, days: range) -> Iterator[Mark]:
    kinds = [
        "seen" if day in row.seen_on else "within" if day in row.within else ""
        for day in days
    ]
    start = 0
    for place in range(1, len(kinds) + 1):
        if place == len(kinds) or kinds[place] != kinds[start]:
            if kinds[start]:
                yield Mark(start, place - start, kinds[start])
            start = place


def _in_words(marks: Sequence[Mark], days: range) -> str:
    if not marks:
        return "no flow seen on any day"
    seen = sum(mark.length for mark in marks if mark.kind == "seen")
    within = sum(mark.length for mark in marks if mark.kind == "within")
    first, last = marks[0], marks[-1]
    return (
        f"first or last packets of flows on {seen} of {len(days)} days, others within a"
        f" flow's time on {within} days; from {_date(days[first.place])} to"
        f" {_date(days[last.place + last.length - 1])}"
    )


def _date(day: int) -> str:
    return (dt.date(1970, 1, 1) + dt.timedelta(days=day)).isoformat()
