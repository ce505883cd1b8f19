"""
Findings that are accepted for a time: each with its reason and its last day.
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from alicloud_ingress.errors import IngressError
from alicloud_ingress.previews.stated import items, mapping


class WaiverError(IngressError):
    """
    The file of waivers says something that cannot be followed.
    """


@dataclass(frozen=True, slots=True)
class Waiver:
    """
    A resource (or an unmanaged rule's ID) whose findings are accepted, why, and to
    which day inclusive.
    """

    resource: str
    reason: str
    until: dt.date


def read_waivers(text: str) -> tuple[Waiver, ...]:
    """
    Read `[{"resource": "ssh", "reason": "...", "until": "2026-12-31"}]`.

    Raises:
        WaiverError: naming the entry and what is wrong with it.
    """
    try:
        entries: object = json.loads(text)
    except ValueError as error:
        raise WaiverError(f"the waivers are not JSON: {error}") from None
    if items(entries) != entries:
        raise WaiverError("the waivers are no list")
    found = map(mapping, items(entries))
    return tuple(_waiver(number, entry) for number, entry in enumerate(found, 1))


def _waiver(number: int, entry: Mapping[str, Any]) -> Waiver:
    names = ("resource", "reason", "until")
    if set(entry) != set(names):
        raise WaiverError(f"waiver {number}: give just {', '.join(names)}")
    values = {name: entry[name] for name in names}
    if not all(isinstance(v, str) and v.strip() for v in values.values()):
        raise WaiverError(f"waiver {number}: {', '.join(names)} are texts, none empty")
    try:
        until = dt.date.fromisoformat(values["until"])
    except ValueError:
        raise WaiverError(
            f"waiver {number}: until is {values['until']!r}, no date such as 2026-12-31"
        ) from None
    return Waiver(values["resource"], values["reason"], until)
