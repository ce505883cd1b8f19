"""
How the engine writes states and previews: operations, URNs, unknown values and secrets.

Source: sdk/go/common/display/json.go and pkg/resource/deploy of the engine.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from typing import Any

from alicloud_ingress.files import mapping

KNOWN_URNS = 4096
"""
How many URNs are cached: the type of each is asked several times.
"""
URN_PARTS = 4
"""
A URN is `urn:pulumi:STACK::PROJECT::TYPES::NAME`, its types separated by `$`.
"""
UNCHANGED = frozenset({"same", "read", "import", "refresh", "read-discard", "discard"})
"""
Operations that change no rule.
"""

REPLACING = frozenset(
    {
        "replace",
        "create-replacement",
        "delete-replaced",
        "import-replacement",
        "read-replacement",
        "discard-replaced",
    }
)
CREATING = frozenset({"create", "replace", "create-replacement"})
IMPORTING = frozenset({"import", "import-replacement"})
IGNORED = frozenset({"remove-pending-replace"})
"""
An earlier run has deleted the rule. Only the state changes.
"""

KNOWN = REPLACING | UNCHANGED | IGNORED | {"create", "update", "delete"}
WITHOUT_OLD = frozenset(
    {
        "create",
        "import",
        "read",
        "create-replacement",
        "import-replacement",
        "refresh",
        "same",
    }
)
"""
Operations whose step may lack the old state.
"""

COUNTED = ("create", "update", "replace", "delete", "import")
"""
Operations that the summary counts and the preview always shows.
"""


UNKNOWN_MARKS = frozenset(
    {
        "04da6b54-80e4-46f7-96ec-b56ff0331ba9",
        "1c4a061d-8072-4f0a-a4cb-0ff528b18fe7",
        "3eeb2bf0-c639-47a8-9e75-3b44932eb421",
        "6a19a0b0-7e62-4c92-b797-7f8e31da9cc2",
        "dd056dcd-154b-4c76-9bd3-c8f88648b5ff",
    }
)
"""
How the engine writes a value that is not known before the deployment: a string, a
boolean, a number, a list, an object (sdk/go/common/resource/plugin/rpc.go).
"""

SECRET_MARK = "[secret]"  # noqa: S105 - a mark, not a secret
SECRET_SIGNATURE = "4dabf18193072939515e22adb298388d"  # noqa: S105
"""
The key that marks a secret in states and previews of the engine.
"""
NOT_KNOWN = "known after deployment"
SECRET = "secret"  # noqa: S105 - a word of the report


def doubt_of(value: object) -> str:
    """
    Why a value is not known; "" if it is.
    """
    if isinstance(value, str):
        if value in UNKNOWN_MARKS:
            return NOT_KNOWN
        return SECRET if value == SECRET_MARK else ""
    return SECRET if isinstance(value, dict) and SECRET_SIGNATURE in value else ""


def is_known(value: object) -> bool:
    """
    Whether a value is present, and neither unknown nor secret.
    """
    return value is not None and not doubt_of(value)


def known_text(value: object) -> str:
    """
    The value as text; "" if it is not known.
    """
    return "" if value is None or doubt_of(value) else str(value)


def inputs_of(state: Mapping[str, Any] | None) -> Mapping[str, Any]:
    """
    A state's inputs; its outputs if the inputs are missing.
    """
    known = state or {}
    return mapping(known.get("inputs")) or mapping(known.get("outputs"))


def name_of(urn: str) -> str:
    """
    The name of a resource, from its URN.
    """
    return urn.split("::", 3)[-1]


@functools.lru_cache(maxsize=KNOWN_URNS)
def type_of(urn: str) -> str:
    """
    The type of a resource, from its URN; "" if that is not a whole URN.
    """
    parts = urn.split("::", 3)
    return parts[2].rpartition("$")[2] if len(parts) == URN_PARTS else ""
