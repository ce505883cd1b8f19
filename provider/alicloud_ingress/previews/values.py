"""
Values in states and previews that are not known: unknown ones, and secrets.
"""

from __future__ import annotations

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
