"""
Writes a judged preview as JSON, for programs.

The schema is `schemas/preview-report-1.json`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from alicloud_ingress.exposure.internet import InternetOpening
from alicloud_ingress.previews.declared import DeclaredRule
from alicloud_ingress.previews.findings import Finding, GroupReview, Review
from alicloud_ingress.previews.preview import Source, Step

VERSION = 1


def as_json(review: Review, not_judged: Sequence[str]) -> str:
    """
    The review as one JSON document.

    Args:
        review: the judged preview.
        not_judged: what is not judged, one sentence each.
    """
    sources = review.sources
    document = {
        "form": "alicloud-ingress preview report",
        "version": VERSION,
        "stack": review.preview.stack,
        "complete": not review.problems,
        "passes": not (review.problems or review.failing),
        "problems": list(review.problems),
        "findings": [_finding(each, sources) for each in review.findings],
        "not_judged": list(not_judged),
        "waivers": list(review.remarks),
        "groups": [_group(each) for each in review.groups],
        "steps": [_step(each) for each in review.preview.steps],
    }
    return json.dumps(document, indent=1) + "\n"


def _finding(finding: Finding, sources: Mapping[str, Source]) -> dict[str, Any]:
    return {
        "kind": finding.kind,
        "group": finding.group,
        "text": finding.text,
        "judged": finding.judged,
        "waived": finding.waived,
        "resources": list(finding.resources),
        "urns": list(finding.urns),
        "sources": [
            {"file": source.file, "line": source.line}
            for urn in finding.urns
            if (source := sources.get(urn))
        ],
        "opening": _opening(finding.opening) if finding.opening else None,
    }


def _opening(opening: InternetOpening) -> dict[str, Any]:
    return {
        "world": opening.world,
        "certain": opening.certain,
        "what": opening.what,
        "traffic": [
            {"protocols": list(part.protocols), "ports": [list(p) for p in part.ports]}
            for part in opening.traffic
        ],
    }


def _group(group: GroupReview) -> dict[str, Any]:
    change = group.change
    return {
        "group": group.group,
        "judged": change is not None,
        "opened": [reach.as_text for reach in change.opened] if change else [],
        "closed": [reach.as_text for reach in change.closed] if change else [],
        "newly_world_open": [_opening(each) for each in group.openings],
        "rules_afterwards": group.rules_left,
        "unmanaged": None
        if group.unmanaged is None
        else [
            {"rule_id": live.rule_id, "rule": live.rule.as_text}
            for live in group.unmanaged
        ],
        "would_fail": [
            {
                "resource": each.step.name,
                "urn": each.step.urn,
                "rule": each.rule,
                "why": each.why,
            }
            for each in group.refusals
        ],
        "would_take_over": [
            {"resource": each.step.name, "urn": each.step.urn, "rule_id": each.rule_id}
            for each in group.takeovers
        ],
    }


def _step(step: Step) -> dict[str, Any]:
    return {
        "urn": step.urn,
        "name": step.name,
        "op": step.op,
        "gap": step.gap,
        "before": [_declared(each) for each in step.before],
        "after": [_declared(each) for each in step.after],
    }


def _declared(declared: DeclaredRule) -> dict[str, Any]:
    return {
        "group": declared.group,
        "rule": declared.rule.as_text,
        "rule_id": declared.rule_id,
        "not_told": list(declared.doubts),
    }
