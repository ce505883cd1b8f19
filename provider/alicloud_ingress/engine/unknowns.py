"""
Values that a preview does not know yet.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, cast

import pulumi


def is_unknown(value: object) -> bool:
    """
    Whether this value is not known yet.
    """
    return isinstance(value, pulumi.output.Unknown) or value == pulumi.UNKNOWN


def has_unknown(value: object) -> bool:
    """
    Whether any part of the value is not known yet.
    """
    if isinstance(value, Mapping):
        return any(map(has_unknown, cast("Mapping[str, object]", value).values()))
    if isinstance(value, list | tuple):
        return any(map(has_unknown, cast("Sequence[object]", value)))
    return is_unknown(value)


def unknown_among(properties: Mapping[str, Any]) -> frozenset[str]:
    """
    The names of the properties whose values are not known yet.
    """
    return frozenset(name for name, value in properties.items() if is_unknown(value))
