"""
The usage of rules as a JSON document, for programs.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, Any

import msgspec

from alicloud_ingress.documents import Part, as_json_object, schema_of
from alicloud_ingress.usage.coverage import JudgedPeriod
from alicloud_ingress.usage.judging import GroupUsage
from alicloud_ingress.usage.report import Row, Source, rows_of
from alicloud_ingress.usage.table import time_text
from alicloud_ingress.usage.verdicts import Verdict

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
        coverage=CoveragePart(
            interfaces=usage.coverage.interfaces,
            watched_share=usage.coverage.watched_share,
            skipped_windows=usage.coverage.skipped_windows,
        ),
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
        proposal=(
            ProposalPart(sources=narrower.sources, ports=narrower.ports)
            if narrower
            else None
        ),
    )


def _source(source: Source) -> SourcePart:
    return SourcePart(
        cidr=source.cidr,
        flows=source.tally.flows,
        last_used=time_text(source.tally.last_seen),
    )
