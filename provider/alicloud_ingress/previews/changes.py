"""
The fields of a resource that differ between two states of it, and why.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from alicloud_ingress.files import mapping
from alicloud_ingress.previews.notation import doubt_of


@dataclass(frozen=True, slots=True)
class FieldChange:
    """
    One field of a resource before and after, as text; "" if it is not set.
    """

    name: str
    before: str
    after: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Differences:
    """
    What a preview shows of a resource beside its rules, for people.

    Args:
        changes: fields of an update or a replacement.
        reasons: fields that force a replacement.
        drift: fields that have changed outside of Pulumi, found by a refresh.
        gone: whether a refresh found that the rule no longer exists.
    """

    changes: tuple[FieldChange, ...] = ()
    reasons: tuple[str, ...] = ()
    drift: tuple[FieldChange, ...] = ()
    gone: bool = False


def changes_between(
    old: Mapping[str, Any], new: Mapping[str, Any], moved: Iterable[str] | None
) -> tuple[FieldChange, ...]:
    """
    The fields that differ; of a rule set, entry by entry.

    Args:
        old: inputs before.
        new: inputs after.
        moved: names of the fields that the engine found to change.
    """
    before, after = _flat(old), _flat(new)
    certain = set(moved or ())
    return tuple(
        FieldChange(name, _as_text(before.get(name)), _as_text(after.get(name)))
        for name in sorted({*before, *after})
        if before.get(name) != after.get(name)
        or (name in certain and doubt_of(before.get(name)))
    )


def _flat(inputs: Mapping[str, Any]) -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for name, value in inputs.items():
        if name == "__provider":
            continue
        if name == "rules" and mapping(value) and not doubt_of(value):
            flat |= {f"rules[{key}]": entry for key, entry in mapping(value).items()}
        else:
            flat[name] = value
    return flat


def _as_text(value: object) -> str:
    if value is None:
        return ""
    if why := doubt_of(value):
        return f"({why})"
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    if isinstance(value, (Mapping, list, bool)):
        return json.dumps(value, sort_keys=True)
    return str(value)
