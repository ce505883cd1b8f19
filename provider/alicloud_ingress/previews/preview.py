"""
Reads what `pulumi preview --json` wrote: which rules were there, and which will be.

What the engine shows is not always whole: outputs may be missing, and unchanged
resources are left out without `--show-sames`. What is not there is said in `hidden`
and `problems`.

Source: pkg/display/json.go and sdk/go/common/display/json.go of the engine, and
previews made by it.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from alicloud_ingress.errors import IngressError
from alicloud_ingress.previews.stated import (
    GROUP_ARGUMENT,
    FieldChange,
    StatedRule,
    Statement,
    changes_between,
    inputs_of,
    items,
    mapping,
)

_REPLACING = {
    "replace",
    "create-replacement",
    "delete-replaced",
    "import-replacement",
    "read-replacement",
    "discard-replaced",
}
_STANDING = {"same", "read", "import", "refresh", "read-discard", "discard"}
_KNOWN_OPS = {*_REPLACING, *_STANDING, "create", "update", "delete"}
_IGNORED_OPS = {"remove-pending-replace"}


class PreviewError(IngressError):
    """
    This is no preview that can be read.
    """


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """
    What happens to one resource.

    Args:
        op: `create`, `update`, `replace`, `delete`, `import`, `read`, `same`; or
            `refresh` for one that was only read.
        before: its rules as they stand; `after` likewise, when all is done.
        gap: whether the old rule goes before the new one comes.
        retained: whether the old rule stays in the group though it is let go.
        adopts: whether an identical live rule would be taken over.
        changes: fields of an update or a replacement.
        reasons: fields that force a replacement.
        drift: fields that another hand has changed, found by a refresh.
        gone: whether a refresh found that the rule is there no more.
    """

    urn: str
    name: str
    kind: str
    op: str
    before: tuple[StatedRule, ...] = ()
    after: tuple[StatedRule, ...] = ()
    gap: bool = False
    retained: bool = False
    adopts: bool = False
    changes: tuple[FieldChange, ...] = ()
    reasons: tuple[str, ...] = ()
    drift: tuple[FieldChange, ...] = ()
    gone: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Preview:
    """
    A whole preview.

    Args:
        stack: `project/stack`; "" where no step tells.
        steps: of rules and rule sets, by name.
        others: how many resources of other kinds change.
        hidden: unchanged resources that the preview leaves out.
        problems: why it is not whole, one sentence each.
    """

    stack: str = ""
    steps: tuple[Step, ...] = ()
    others: int = 0
    hidden: int = 0
    problems: tuple[str, ...] = ()


def read_preview(text: str) -> Preview:
    """
    Read the output of `pulumi preview --json`.

    Raises:
        PreviewError: it is no such output.
    """
    try:
        document = json.loads(text)
    except ValueError as error:
        raise PreviewError(
            f"this is not JSON ({error}); write it by"
            " `pulumi preview --json --show-sames > preview.json`"
        ) from None
    steps = mapping(document).get("steps")
    if items(steps) != steps and not _errors(mapping(document)):
        raise PreviewError("this is no preview: it has no list of steps")
    return _preview(mapping(document), [mapping(step) for step in items(steps)])


def _preview(
    document: Mapping[str, Any], steps: Sequence[Mapping[str, Any]]
) -> Preview:
    by_urn: dict[str, list[Mapping[str, Any]]] = {}
    for step in steps:
        by_urn.setdefault(str(step.get("urn")), []).append(step)
    problems = _errors(document)
    rules: list[Step] = []
    others = 0
    for urn, own in by_urn.items():
        odd = {str(s.get("op")) for s in own} - _KNOWN_OPS - _IGNORED_OPS
        problems += [f"a step {op!r} of {urn} is not known" for op in sorted(odd)]
        if _kind(urn) in GROUP_ARGUMENT:
            rules.append(_Reader(urn, own).step())
        elif not _kind(urn).startswith("pulumi:") and any(
            s.get("op") not in (*_STANDING, *_IGNORED_OPS) for s in own
        ):
            others += 1
    same = mapping(document.get("changeSummary")).get("same") or 0
    if not isinstance(same, int):
        problems.append("how many resources are unchanged is not told")
        same = 0
    shown = sum(
        any(s.get("op") in ("same", "refresh") for s in own) for own in by_urn.values()
    )
    return Preview(
        stack=next(map(_stack, filter(_is_whole, by_urn)), ""),
        steps=tuple(sorted(rules, key=lambda step: (step.name, step.urn))),
        others=others,
        hidden=max(0, same - shown),
        problems=tuple(problems),
    )


def _errors(document: Mapping[str, Any]) -> list[str]:
    return [
        f"the preview failed: {str(entry.get('message') or '').strip()}"
        for entry in map(mapping, items(document.get("diagnostics")))
        if entry.get("severity") == "error"
    ]


def _is_whole(urn: str) -> bool:
    return len(urn.split("::", 3)) > len(("stack", "project", "type"))


def _kind(urn: str) -> str:
    return urn.split("::", 3)[2].rsplit("$", 1)[-1] if _is_whole(urn) else ""


def _name(urn: str) -> str:
    return urn.split("::", 3)[-1]


def _stack(urn: str) -> str:
    stack, project, *_ = urn.removeprefix("urn:pulumi:").split("::")
    return f"{project}/{stack}"


def _first(states: Iterable[object]) -> Mapping[str, Any]:
    return next((mapping(state) for state in states if state), mapping(None))


def _changes(
    old: Mapping[str, Any], new: Mapping[str, Any], moved: set[str] | None
) -> tuple[FieldChange, ...]:
    return changes_between(inputs_of(old), inputs_of(new), moved)


class _Reader:
    """
    Reads all steps of one resource.
    """

    def __init__(self, urn: str, steps: Sequence[Mapping[str, Any]]) -> None:
        self.urn = urn
        self.name = _name(urn)
        self.kind = _kind(urn)
        self.refreshes = [step for step in steps if step.get("op") == "refresh"]
        self.steps = [step for step in steps if step.get("op") != "refresh"]

    def step(self) -> Step:
        """
        Put them together to one.
        """
        found = _first(step.get("oldState") for step in self.refreshes)
        if not self.steps:
            return self._only_read(found)
        ops = [str(step.get("op")) for step in self.steps]
        op = "replace" if _REPLACING & set(ops) else ops[-1]
        old = _first(step.get("oldState") for step in self.steps)
        new = _first(step.get("newState") for step in reversed(self.steps))
        if op in ("create", "update", "replace"):
            # A rule that comes without a word of what it is may be any rule.
            new = new or {"inputs": {}}
        moved = self._moved(op)
        before = self._rules(old, "old", moved)
        after = () if op == "delete" else self._rules(new, "new", moved)
        if op in _STANDING:
            before = after = after or before
        retained = bool(old.get("retainOnDelete")) and op in (
            "delete",
            "replace",
        )
        if retained or (op == "delete" and old.get("external")):
            after = (*after, *before)
        changed = op in ("update", "replace")
        return Step(
            urn=self.urn,
            name=self.name,
            kind=self.kind,
            op=op,
            before=before,
            after=after,
            gap=op == "replace" and self._has_gap(ops),
            retained=retained,
            adopts=bool(inputs_of(new).get("adopt")),
            changes=_changes(old, new, moved) if changed else (),
            drift=_changes(found, old, set()) if found and old else (),
            gone=bool(found) and op == "create",
            reasons=tuple(
                str(reason)
                for step in self.steps
                for reason in items(step.get("replaceReasons"))
            ),
        )

    def _only_read(self, found: Mapping[str, Any]) -> Step:
        new = _first(step.get("newState") for step in reversed(self.refreshes))
        rules = self._rules(new, "new", set())
        return Step(
            urn=self.urn,
            name=self.name,
            kind=self.kind,
            op="refresh",
            before=rules,
            after=rules,
            drift=_changes(found, new, set()) if found and new else (),
            gone=not new,
        )

    def _moved(self, op: str) -> set[str] | None:
        """
        Names of the fields that the engine found to change; None for any of them.
        """
        if op in _STANDING:
            return set()
        details = [step.get("detailedDiff") for step in self.steps]
        if not all(isinstance(detail, dict) for detail in details):
            return None
        return {
            path.partition(".")[0].partition("[")[0]
            for detail in details
            for path in mapping(detail)
        }

    def _has_gap(self, ops: Sequence[str]) -> bool:
        old = [mapping(step.get("oldState")) for step in self.steps]
        if any(state.get("pendingReplacement") for state in old):
            return True
        deleted, created = "delete-replaced", "create-replacement"
        return {deleted, created} <= set(ops) and ops.index(deleted) < ops.index(
            created
        )

    def _rules(
        self, state: Mapping[str, Any], side: str, moved: set[str] | None
    ) -> tuple[StatedRule, ...]:
        if not state:
            return ()
        return Statement(self.name, self.kind, state, side=side, moved=moved).rules()
