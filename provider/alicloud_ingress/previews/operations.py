"""
The operations of the engine, as a preview names them.

Source: sdk/go/common/display/json.go and pkg/resource/deploy of the engine.
"""

from __future__ import annotations

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
