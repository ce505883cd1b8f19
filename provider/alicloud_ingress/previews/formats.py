"""
Writes a judged preview for programs: as JSON, and as SARIF for code scanning.

The schema of the JSON is `schemas/preview-report-1.json`. The SARIF is version 2.1.0 of
OASIS. Each finding is one result, located at the line that declares its resource.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from importlib import metadata
from typing import Any

from alicloud_ingress.exposure.internet import InternetOpening
from alicloud_ingress.previews.declared import DeclaredRule
from alicloud_ingress.previews.findings import Finding, GroupReview, Review
from alicloud_ingress.previews.preview import Source, Step

VERSION = 1
PACKAGE = "pulumi-alicloud-ingress"
PROJECT_FILE = "Pulumi.yaml"
"""
The location of a finding whose resource has none. Code scanning requires one.
"""

_KINDS = {
    "world-open-admin": "An administration port is newly open to the world.",
    "world-open-any": "Something is newly open to the world.",
    "gap": "A rule is deleted before its replacement is created.",
    "delete": "A rule is deleted.",
    "unmanaged": "A security group holds a rule that is not in the stack.",
}


def as_json(review: Review, not_judged: Sequence[str]) -> str:
    """
    The review as one JSON document.

    Args:
        review: the judged preview.
        not_judged: what is not judged, one sentence each.
    """
    sources = _sources(review)
    return _document(
        {
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
    )


def as_sarif(review: Review) -> str:
    """
    The findings as SARIF. A waived finding is included as suppressed.
    """
    sources = _sources(review)
    driver = {
        "name": "alicloud-ingress",
        "version": metadata.version(PACKAGE),
        "rules": [
            {"id": kind, "shortDescription": {"text": text}}
            for kind, text in _KINDS.items()
        ],
    }
    notifications = [
        {"level": "error", "message": {"text": problem}} for problem in review.problems
    ]
    run = {
        "tool": {"driver": driver},
        "invocations": [
            {
                "executionSuccessful": not review.problems,
                "toolExecutionNotifications": notifications,
            }
        ],
        "results": [_result(each, sources) for each in review.findings],
    }
    return _document(
        {
            "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
            "version": "2.1.0",
            "runs": [run],
        }
    )


def _document(content: dict[str, Any]) -> str:
    return json.dumps(content, indent=1) + "\n"


def _sources(review: Review) -> dict[str, Source]:
    return {step.urn: step.source for step in review.preview.steps if step.source}


def _finding(finding: Finding, sources: dict[str, Source]) -> dict[str, Any]:
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


def _result(finding: Finding, sources: dict[str, Source]) -> dict[str, Any]:
    text = finding.text if finding.judged else f"not judged: {finding.text}"
    names = f" ({', '.join(finding.resources)})" if finding.resources else ""
    places = [source for urn in finding.urns if (source := sources.get(urn))]
    place = places[0] if places else Source(PROJECT_FILE, 1)
    result: dict[str, Any] = {
        "ruleId": finding.kind,
        "level": "error" if finding.judged else "warning",
        "message": {"text": text + names},
        "locations": [
            {
                "physicalLocation": {
                    "artifactLocation": {"uri": place.file, "uriBaseId": "%SRCROOT%"},
                    "region": {"startLine": max(place.line, 1)},
                },
                "logicalLocations": [
                    {"fullyQualifiedName": urn, "kind": "resource"}
                    for urn in finding.urns
                ],
            }
        ],
        "partialFingerprints": {"finding/v1": _fingerprint(finding)},
    }
    if finding.waivers:
        waived = {"kind": "external", "justification": finding.waived}
        result["suppressions"] = [waived]
    return result


def _fingerprint(finding: Finding) -> str:
    """
    An ID of the finding that does not depend on line numbers.
    """
    parts = (finding.kind, finding.group, finding.text, *finding.urns)
    return hashlib.sha256("\0".join(parts).encode(errors="replace")).hexdigest()
