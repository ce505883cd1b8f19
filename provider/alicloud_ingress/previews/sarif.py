"""
Writes the findings of a preview as SARIF, for code scanning.

The version is 2.1.0 of OASIS. Each finding is one result, located at the line that
declares its resource.
"""

from __future__ import annotations

import hashlib
import json
import re
import urllib.parse
from collections.abc import Mapping
from importlib import metadata
from typing import Any

from alicloud_ingress.previews.findings import Finding, Review
from alicloud_ingress.previews.steps import Source
from alicloud_ingress.rendering.markup import plain

PACKAGE = "pulumi-alicloud-ingress"
PROJECT_FILE = "Pulumi.yaml"
"""
The location of a finding whose resource has none. Code scanning requires one.
"""

MAX_MESSAGE = 1000
"""
Maximum characters of a message.
"""

_KINDS = {
    "world-open-admin": "An administration port is newly open to the world.",
    "world-open-any": "Something is newly open to the world.",
    "gap": "A rule is deleted before its replacement is created.",
    "delete": "A rule is deleted.",
    "unmanaged": "A security group holds a rule that is not in the stack.",
}


def as_sarif(review: Review) -> str:
    """
    The findings as SARIF. A waived finding is included as suppressed.
    """
    sources = review.sources
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
    document = {
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [run],
    }
    return json.dumps(document, indent=1) + "\n"


def _result(finding: Finding, sources: Mapping[str, Source]) -> dict[str, Any]:
    text = finding.text if finding.judged else f"not judged: {finding.text}"
    names = f" ({', '.join(finding.resources)})" if finding.resources else ""
    places = [source for urn in finding.urns if (source := sources.get(urn))]
    place = places[0] if places else Source(PROJECT_FILE, 1)
    result: dict[str, Any] = {
        "ruleId": finding.kind,
        "level": "error" if finding.judged else "warning",
        "message": {"text": _without_links(text + names)},
        "locations": [
            {
                "physicalLocation": {
                    "artifactLocation": {
                        "uri": urllib.parse.quote(place.file),
                        "uriBaseId": "%SRCROOT%",
                    },
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


def _without_links(text: str) -> str:
    """
    The text with escaped brackets: code scanning makes a link of `[text](address)`.
    """
    shown = plain(text, MAX_MESSAGE)
    return re.sub(r"[\\\[\]]", r"\\\g<0>", shown)


def _fingerprint(finding: Finding) -> str:
    """
    An ID of the finding that does not depend on line numbers.
    """
    parts = (finding.kind, finding.group, finding.text, *finding.urns)
    return hashlib.sha256("\0".join(parts).encode(errors="replace")).hexdigest()
