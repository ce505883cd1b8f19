"""
The JSON schemas of the documents that commands write, made from their types.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from alicloud_ingress import stale
from alicloud_ingress.previews import json_report
from alicloud_ingress.usage import formats

SCHEMAS: dict[str, Callable[[], dict[str, Any]]] = {
    "preview-report --format json": json_report.schema,
    "usage show --format json": formats.schema,
    "stale plan": lambda: stale.schema("stale-plan"),
    "stale destroy, stale restore": lambda: stale.schema("stale-report"),
}


def schemas_page() -> str:
    """
    A section for each schema.
    """
    sections = [
        f"## {command}\n\n```json\n{json.dumps(schema(), indent=1)}\n```\n"
        for command, schema in SCHEMAS.items()
    ]
    return "\n".join(sections)
