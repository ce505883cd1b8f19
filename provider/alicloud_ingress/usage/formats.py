"""
The usage of rules as a JSON document, for programs, and as one HTML page that needs
nothing beside itself.

People take the page to a review, so it is read on paper, on a phone, in the dark and by
keyboard. It has no script, and its policy lets it load nothing.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Annotated, Any

import msgspec

from alicloud_ingress.documents import Part, as_json_object, as_part, schema_of
from alicloud_ingress.rendering.markup import plain, template
from alicloud_ingress.usage.facts import JudgedPeriod
from alicloud_ingress.usage.judging import GroupUsage, Verdict
from alicloud_ingress.usage.report import (
    Row,
    Source,
    bytes_in_words,
    counts_in_words,
    coverage_in_words,
    days_of,
    narrower_in_words,
    rows_of,
    verdict_of,
)
from alicloud_ingress.usage.table import time_text

TITLE = "alicloud-ingress usage report, version 1"
Time = Annotated[
    str,
    msgspec.Meta(
        description="ISO 8601 in UTC.",
        pattern=r"^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}Z$",
    ),
]
Number = Annotated[int, msgspec.Meta(ge=0)]


class PeriodPart(Part, frozen=True, rename={"start": "from", "end": "to"}):
    """
    Over which rules are judged; `to` is the second behind it.
    """

    start: Time
    end: Time


class CoveragePart(Part, frozen=True):
    """
    What was watched of a group.
    """

    interfaces: Annotated[
        Number,
        msgspec.Meta(description="Network interfaces that are in the group now."),
    ]
    watched_share: Annotated[
        float,
        msgspec.Meta(
            ge=0,
            le=1,
            description="Share of capture windows, of the interface of the group that"
            " was watched least; of a group without interfaces, of the VPC.",
        ),
    ]
    skipped_windows: Annotated[
        Number,
        msgspec.Meta(
            description="Windows of the group's interfaces that were skipped or are"
            " missing."
        ),
    ]


class SourcePart(Part, frozen=True):
    """
    Traffic from one block.
    """

    cidr: str
    flows: Annotated[int, msgspec.Meta(ge=1)]
    last_used: Time


class ProposalPart(Part, frozen=True):
    """
    What the rule could be narrowed to; it holds everything that was seen. An empty list
    is a part that is not narrowed.
    """

    sources: tuple[str, ...]
    ports: tuple[str, ...]


class RulePart(Part, frozen=True):
    """
    One rule, and what was seen of its use.
    """

    rule_id: Annotated[
        str,
        msgspec.Meta(
            pattern="^$|^sgr-", description="Empty where ECS does not tell it."
        ),
    ]
    rule: Annotated[str, msgspec.Meta(description="The rule for people.")]
    verdict: Annotated[
        Verdict,
        msgspec.Meta(
            description="Of a drop: whether it stopped traffic; a drop is never unused."
        ),
    ]
    reasons: Annotated[
        tuple[str, ...],
        msgspec.Meta(
            description="Why it is possibly used, unused or not judged, in sentences."
        ),
    ]
    last_used: Annotated[
        Time | None,
        msgspec.Meta(
            description="End of the last record; null where no flow was seen."
        ),
    ]
    flows: Annotated[
        Number,
        msgspec.Meta(
            description="Records of flows that the rule decided; of a possibly used"
            " rule, that it may have decided."
        ),
    ]
    bytes: Number
    sources: Annotated[
        tuple[SourcePart, ...],
        msgspec.Meta(description="Blocks that hold every source that was seen."),
    ]
    ports: Annotated[
        tuple[str, ...],
        msgspec.Meta(
            description="Such as `443/443`; `tcp 443/443` or `icmp` where the rule is"
            " not of tcp or udp alone."
        ),
    ]
    proposal: ProposalPart | None


class GroupPart(Part, frozen=True):
    """
    One group.
    """

    group_id: Annotated[str, msgspec.Meta(pattern="^sg-")]
    region: str
    coverage: CoveragePart
    rules: tuple[RulePart, ...]


class UsageReport(Part, frozen=True, tag_field="schema", tag="usage-report-1"):
    """
    What flow logs show of the use of security group rules. A reader refuses a schema
    that it does not know.
    """

    period: PeriodPart
    groups: tuple[GroupPart, ...]


def schema() -> dict[str, Any]:
    """
    The JSON schema of `usage show --format json`.
    """
    return schema_of(UsageReport, TITLE)


def usage_report(period: JudgedPeriod, groups: Iterable[GroupUsage]) -> UsageReport:
    """
    The report of some groups.
    """
    return UsageReport(
        period=PeriodPart(start=time_text(period.start), end=time_text(period.end)),
        groups=tuple(map(_group, groups)),
    )


def document(period: JudgedPeriod, groups: Iterable[GroupUsage]) -> dict[str, Any]:
    """
    The report of some groups as a JSON object.
    """
    return as_json_object(usage_report(period, groups))


def _group(usage: GroupUsage) -> GroupPart:
    return GroupPart(
        group_id=usage.group.group_id,
        region=usage.group.region,
        coverage=as_part(CoveragePart, usage.coverage),
        rules=tuple(map(_rule, rows_of(usage))),
    )


def _rule(row: Row) -> RulePart:
    judged, tally, narrower = row.judged, row.judged.tally, row.proposal
    return RulePart(
        rule_id=judged.live.rule_id,
        rule=judged.live.rule.as_text,
        verdict=judged.verdict,
        reasons=judged.reasons,
        last_used=row.last_used,
        flows=tally.flows if tally else 0,
        bytes=tally.bytes if tally else 0,
        sources=tuple(map(_source, row.sources)),
        ports=row.ports,
        proposal=as_part(ProposalPart, narrower) if narrower else None,
    )


def _source(source: Source) -> SourcePart:
    return SourcePart(
        cidr=source.cidr,
        flows=source.tally.flows,
        last_used=time_text(source.tally.last_seen),
    )


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
