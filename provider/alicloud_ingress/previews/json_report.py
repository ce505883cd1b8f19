"""
A judged preview as a JSON document, for programs.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Annotated, Any, Literal

import msgspec

from alicloud_ingress.documents import Part, as_part, as_text, schema_of, tag_of
from alicloud_ingress.previews.declared import DeclaredRule
from alicloud_ingress.previews.findings import Finding, GroupReview, Kind, Review
from alicloud_ingress.previews.steps import Source, Step

Version = Literal[1]
VERSION: Version = 1
Number = Annotated[int, msgspec.Meta(ge=0)]
Interval = Annotated[
    tuple[Number, Number], msgspec.Meta(description="The first and the last.")
]


class TrafficPart(Part, frozen=True):
    """
    Ports of protocols.
    """

    protocols: Interval
    ports: tuple[Interval, ...]


class OpeningPart(Part, frozen=True):
    """
    What is or may be newly open to the world.
    """

    world: Literal["0.0.0.0/0", "::/0"]
    certain: bool
    what: str
    traffic: tuple[TrafficPart, ...]


class SourcePart(Part, frozen=True):
    """
    A line of the program.
    """

    file: str
    line: Number


class FindingPart(Part, frozen=True):
    """
    Something that `--fail-on` names.
    """

    kind: Kind
    group: str
    text: str
    judged: bool
    waived: Annotated[
        str,
        msgspec.Meta(
            description="The reasons of the waivers that cover the finding; empty if"
            " none does."
        ),
    ]
    resources: tuple[str, ...]
    urns: tuple[str, ...]
    sources: tuple[SourcePart, ...]
    opening: OpeningPart | None


class UnmanagedPart(Part, frozen=True):
    """
    A live rule that is not in the stack.
    """

    rule_id: str
    rule: str


class RefusalPart(Part, frozen=True):
    """
    A step that will fail.
    """

    resource: str
    urn: str
    rule: str
    why: str


class TakeoverPart(Part, frozen=True):
    """
    A step that takes over a live rule.
    """

    resource: str
    urn: str
    rule_id: str


class GroupPart(Part, frozen=True):
    """
    What the preview does to one group.
    """

    group: str
    judged: bool
    opened: tuple[str, ...]
    closed: tuple[str, ...]
    newly_world_open: tuple[OpeningPart, ...]
    rules_afterwards: int | None
    unmanaged: Annotated[
        tuple[UnmanagedPart, ...] | None,
        msgspec.Meta(description="Null if it is not known."),
    ]
    would_fail: tuple[RefusalPart, ...]
    would_take_over: tuple[TakeoverPart, ...]


class RulePart(Part, frozen=True):
    """
    A rule of a resource, before or after the step.
    """

    group: str
    rule: str
    rule_id: str
    not_told: tuple[str, ...]


class StepPart(Part, frozen=True):
    """
    What the preview does to one resource.
    """

    urn: str
    name: str
    op: str
    gap: bool
    before: tuple[RulePart, ...]
    after: tuple[RulePart, ...]


class PreviewReport(
    Part, frozen=True, tag_field="form", tag="alicloud-ingress preview report"
):
    """
    What a preview newly opens and closes, as `preview-report --format json` writes it.
    """

    version: Version
    stack: str
    complete: Annotated[
        bool,
        msgspec.Meta(
            description="Whether the report is complete; false means exit code 3."
        ),
    ]
    passes: Annotated[bool, msgspec.Meta(description="Whether the exit code is 0.")]
    problems: tuple[str, ...]
    findings: tuple[FindingPart, ...]
    not_judged: tuple[str, ...]
    waivers: tuple[str, ...]
    groups: tuple[GroupPart, ...]
    steps: tuple[StepPart, ...]


def schema() -> dict[str, Any]:
    """
    The JSON schema of `preview-report --format json`.
    """
    return schema_of(PreviewReport, f"{tag_of(PreviewReport)}, version {VERSION}")


def as_json(review: Review, not_judged: Sequence[str]) -> str:
    """
    The review as the text of one JSON document.

    Args:
        review: the judged preview.
        not_judged: what is not judged, one sentence each.
    """
    sources = review.sources
    return as_text(
        PreviewReport(
            version=VERSION,
            stack=review.preview.stack,
            complete=not review.problems,
            passes=not (review.problems or review.failing),
            problems=review.problems,
            findings=tuple(_finding(each, sources) for each in review.findings),
            not_judged=tuple(not_judged),
            waivers=review.remarks,
            groups=tuple(map(_group, review.groups)),
            steps=tuple(map(_step, review.preview.steps)),
        )
    )


def _finding(finding: Finding, sources: Mapping[str, Source]) -> FindingPart:
    places = [source for urn in finding.urns if (source := sources.get(urn))]
    return FindingPart(
        kind=finding.kind,
        group=finding.group,
        text=finding.text,
        judged=finding.judged,
        waived=finding.waived,
        resources=finding.resources,
        urns=finding.urns,
        sources=tuple(as_part(SourcePart, each) for each in places),
        opening=as_part(OpeningPart, finding.opening) if finding.opening else None,
    )


def _group(group: GroupReview) -> GroupPart:
    change, unmanaged = group.change, group.unmanaged
    return GroupPart(
        group=group.group,
        judged=change is not None,
        opened=tuple(reach.as_text for reach in change.opened) if change else (),
        closed=tuple(reach.as_text for reach in change.closed) if change else (),
        newly_world_open=tuple(as_part(OpeningPart, each) for each in group.openings),
        rules_afterwards=group.rules_afterwards,
        unmanaged=None
        if unmanaged is None
        else tuple(
            UnmanagedPart(rule_id=live.rule_id, rule=live.rule.as_text)
            for live in unmanaged
        ),
        would_fail=tuple(
            RefusalPart(
                resource=each.step.name,
                urn=each.step.urn,
                rule=each.rule,
                why=each.why,
            )
            for each in group.refusals
        ),
        would_take_over=tuple(
            TakeoverPart(
                resource=each.step.name, urn=each.step.urn, rule_id=each.rule_id
            )
            for each in group.takeovers
        ),
    )


def _step(step: Step) -> StepPart:
    return StepPart(
        urn=step.urn,
        name=step.name,
        op=step.op,
        gap=step.gap,
        before=_rules(step.before),
        after=_rules(step.after),
    )


def _rules(declared: Iterable[DeclaredRule]) -> tuple[RulePart, ...]:
    return tuple(
        RulePart(
            group=each.group,
            rule=each.as_text,
            rule_id=each.rule_id,
            not_told=each.doubts,
        )
        for each in declared
    )
