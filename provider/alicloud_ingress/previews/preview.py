"""
Reads the output of `pulumi preview --json`: the rules before and after.

A preview may be incomplete: outputs may be missing. Unchanged resources are missing
without `--show-sames`, and pending deletions without `--show-replacement-steps`.
`hidden` and `problems` say what is missing.

Source: pkg/display/json.go and sdk/go/common/display/json.go of the engine, and
previews made by it.
"""

from __future__ import annotations

import re
import urllib.parse
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from alicloud_ingress.errors import IngressError
from alicloud_ingress.files import items, mapping
from alicloud_ingress.previews.declared import (
    GROUP_ARGUMENT,
    UNCHANGED,
    DeclaredRule,
    FieldChange,
    Statement,
    changes_between,
    inputs_of,
    name_of,
    type_of,
)
from alicloud_ingress.previews.document import DocumentError, decoded
from alicloud_ingress.previews.neighbours import (
    ListChange,
    list_changes,
    notes,
    unknown_rules,
)

_REPLACING = {
    "replace",
    "create-replacement",
    "delete-replaced",
    "import-replacement",
    "read-replacement",
    "discard-replaced",
}
_IMPORTING = {"import", "import-replacement"}
_KNOWN_OPS = {*_REPLACING, *UNCHANGED, "create", "update", "delete"}
_IGNORED_OPS = {"remove-pending-replace"}
_WITHOUT_OLD = {"create", "import", "read", "create-replacement", "refresh", "same"}
_WHAT = "what `pulumi preview --json --show-sames > preview.json` writes"
_POSITION = re.compile(
    r"project:///(?P<file>[^#]+)#(?P<line>\d{1,9})(?:,\d+)?", re.ASCII
)
_ELSEWHERE = re.compile(r"(?:^|/)(?:\.\.|site-packages|node_modules)/")
"""
Paths that are not part of the program: packages, and files outside of the project.
"""

_KEEPING = ("keep_rule_ids", "keep_descriptions")
_COUNTED = ("create", "update", "replace", "delete", "import")
"""
Operations that the summary counts and the preview always shows.
"""


class PreviewError(IngressError):
    """
    A file is not the output of `pulumi preview --json`.
    """


@dataclass(frozen=True, slots=True)
class Source:
    """
    A line of the program.

    Args:
        file: relative to the project's folder.
    """

    file: str
    line: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """
    What the preview does to one resource.

    Args:
        urn: URN of the resource.
        name: name of the resource.
        kind: type of the resource.
        op: `create`, `update`, `replace`, `delete`, `import`, `read`, `same`; or
            `refresh` for a resource that is only refreshed.
        before: its rules before.
        after: its rules after.
        gap: whether the old rule is deleted before the new one is created.
        old_is_gone: whether an earlier, failed run has already deleted the old rule of
            this replacement; None if the preview does not show it.
        unsure_delete: whether the engine removes the resource from the state without
            deleting the rule (`deleted_with`). That is correct only if its group is
            deleted too.
        keeps: whether a set may keep rules that it no longer declares.
        exclusive: whether a set also deletes rules that it does not declare.
        source: where the program declares it; None if the engine does not show it.
        retained: whether the old rule is kept in the group (`retain_on_delete`, or a
            rule that was only read).
        adopts: whether the resource takes over an identical live rule.
        changes: fields of an update or a replacement.
        reasons: fields that force a replacement.
        drift: fields that have changed outside of Pulumi, found by a refresh.
        gone: whether a refresh found that the rule no longer exists.
    """

    urn: str
    name: str
    kind: str
    op: str
    before: tuple[DeclaredRule, ...] = ()
    after: tuple[DeclaredRule, ...] = ()
    gap: bool = False
    old_is_gone: bool | None = False
    unsure_delete: bool = False
    keeps: bool = False
    exclusive: bool = False
    source: Source | None = None
    retained: bool = False
    adopts: bool = False
    changes: tuple[FieldChange, ...] = ()
    reasons: tuple[str, ...] = ()
    drift: tuple[FieldChange, ...] = ()
    gone: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Preview:
    """
    A preview.

    Args:
        stack: `project/stack`; "" if no step shows it.
        steps: steps of rules and rule sets, sorted by name.
        lists: prefix lists of the stack.
        unknown_rules: URNs of changing rules of a type that is not known here.
        notes: what else may change access, one sentence each.
        others: number of changing resources of other types.
        hidden: number of unchanged resources that the preview does not show.
        problems: why the preview is incomplete, one sentence each.
    """

    stack: str = ""
    steps: tuple[Step, ...] = ()
    lists: tuple[ListChange, ...] = ()
    unknown_rules: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    others: int = 0
    hidden: int = 0
    problems: tuple[str, ...] = ()


def read_preview(content: str | bytes) -> Preview:
    """
    Read the output of `pulumi preview --json`.

    Raises:
        PreviewError: it is not such an output.
    """
    try:
        document = mapping(decoded(content, of=_WHAT))
    except DocumentError as error:
        raise PreviewError(str(error)) from None
    steps = document.get("steps")
    if "sequence" in document:
        raise PreviewError(f"this is one event of a stream; it should be {_WHAT}")
    if items(steps) != steps and not _errors(document):
        raise PreviewError(
            f"this is not a preview: it has no list of steps; it should be {_WHAT}"
        )
    return _preview(document, [mapping(step) for step in items(steps)])


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
        main, leftovers = _split(own)
        problems += _what_is_missing(urn, main)
        if _appears_twice(main):
            problems.append(
                f"{urn} appears twice in the preview, which the engine never writes;"
                " run pulumi preview again"
            )
        if type_of(urn) in GROUP_ARGUMENT and not _is_outbound(own):
            rules += [_Reader(urn, [step]).step() for step in leftovers]
            if main:
                rules.append(_Reader(urn, main).step())
        elif not type_of(urn).startswith("pulumi:") and any(
            s.get("op") not in (*UNCHANGED, *_IGNORED_OPS) for s in own
        ):
            others += 1
    missing, hidden = _missing(document, steps)
    return Preview(
        stack=next(map(_stack, filter(type_of, by_urn)), ""),
        steps=tuple(sorted(rules, key=lambda step: (step.name, step.urn, step.op))),
        lists=tuple(list_changes(steps)),
        unknown_rules=tuple(dict.fromkeys(unknown_rules(steps))),
        notes=tuple(notes(steps)),
        others=others,
        hidden=hidden,
        problems=(*problems, *missing),
    )


def _split(
    steps: Sequence[Mapping[str, Any]],
) -> tuple[list[Mapping[str, Any]], list[Mapping[str, Any]]]:
    """
    Split the steps with one URN: those of the resource, and deletions of resources
    that an earlier run has replaced and not deleted, or that are read from now on.
    """
    replaced = {
        str(mapping(step.get("oldState")).get("id"))
        for step in steps
        if step.get("op") in ("replace", "create-replacement")
    }
    main: list[Mapping[str, Any]] = []
    leftovers: list[Mapping[str, Any]] = []
    for step in steps:
        old = mapping(step.get("oldState"))
        is_other = (
            step.get("op") in ("delete-replaced", "discard-replaced")
            and str(old.get("id")) not in replaced
        )
        if is_other or (step.get("op") == "delete" and old.get("delete") is True):
            leftovers.append({**step, "op": "delete"})
        else:
            main.append(step)
    for step in main:
        is_read = mapping(step.get("newState")).get("external")
        if step.get("op") == "replace" and is_read:
            # The program reads another rule in its place. Nothing is created.
            main = [{**step, "op": "read", "oldState": None}]
            leftovers.append({**step, "op": "delete"})
            break
    return main, leftovers


def _appears_twice(steps: Iterable[Mapping[str, Any]]) -> bool:
    """
    Whether there are more steps than the engine writes for one resource.
    """
    ops = Counter(str(step.get("op")) for step in steps)
    max_count = max(ops.values(), default=0)
    families = {"replace" if op in _REPLACING else op for op in ops}
    return max_count > 1 or len(families - {"refresh", *_IGNORED_OPS}) > 1


def _what_is_missing(urn: str, steps: Iterable[Mapping[str, Any]]) -> Iterator[str]:
    """
    Why the steps of one resource cannot be read.
    """
    if not type_of(urn):
        yield f"a step has no valid URN: {urn}"
    if type_of(urn) not in GROUP_ARGUMENT:
        return
    for step in steps:
        op = str(step.get("op"))
        if op not in _WITHOUT_OLD and not mapping(step.get("oldState")):
            yield f"a step {op!r} of {urn} does not show the old state"


def _missing(
    document: Mapping[str, Any], steps: Sequence[Mapping[str, Any]]
) -> tuple[list[str], int]:
    """
    Compare the preview with its summary.

    Returns:
        The steps that are missing, in sentences; and the number of unchanged resources
        that the preview does not show, which is not an error.
    """
    summary = mapping(document.get("changeSummary"))
    shown = Counter(str(step.get("op")) for step in steps)
    problems: list[str] = []
    if document.get("changeSummary") and not summary:
        problems.append("the summary is not an object")
    for op in (*_COUNTED, "same"):
        counted = summary.get(op) or 0
        if not isinstance(counted, int) or counted < 0:
            problems.append(f"the summary has no valid number of steps {op!r}")
        elif op in _COUNTED and counted > shown[op]:
            problems.append(
                f"the summary counts {counted} steps {op!r}, and {shown[op]} are shown"
            )
    same = summary.get("same") or 0
    seen = {
        str(step.get("urn")) for step in steps if step.get("op") in ("same", "refresh")
    }
    hidden = max(0, same - len(seen)) if isinstance(same, int) else 0
    return problems, hidden


def _is_outbound(steps: Sequence[Mapping[str, Any]]) -> bool:
    """
    Whether a rule of pulumi-alicloud is for outbound traffic, before and after.
    """
    states = [step.get(side) for step in steps for side in ("oldState", "newState")]
    types = [inputs_of(mapping(each)).get("type") for each in states if each]
    return bool(types) and all(each == "egress" for each in types)


def _errors(document: Mapping[str, Any]) -> list[str]:
    return [
        f"the preview failed: {str(entry.get('message') or '').strip()}"
        for entry in map(mapping, items(document.get("diagnostics")))
        if entry.get("severity") == "error"
    ]


def _stack(urn: str) -> str:
    stack, project, *_ = urn.removeprefix("urn:pulumi:").split("::")
    return f"{project}/{stack}"


def _first(states: Iterable[object]) -> Mapping[str, Any]:
    return next((mapping(state) for state in states if state), mapping(None))


def _source(state: Mapping[str, Any]) -> Source | None:
    """
    The innermost line of the program that declares a resource.
    """
    frames = [state, *map(mapping, items(state.get("stackTrace")))]
    for frame in frames:
        match = _POSITION.fullmatch(str(frame.get("sourcePosition")))
        if match and not _ELSEWHERE.search(match["file"]):
            return Source(urllib.parse.unquote(match["file"]), int(match["line"]))
    return None


def _with_ids(
    rules: tuple[DeclaredRule, ...], olds: Iterable[DeclaredRule]
) -> tuple[DeclaredRule, ...]:
    """
    Rules of a program, with what the state says about each.
    """
    known = {old.rule: old for old in olds if old.rule_id or old.is_unsure}
    return tuple(
        replace(
            rule,
            rule_id=old.rule_id,
            declared=old.declared,
            is_unsure=old.is_unsure,
        )
        if (old := known.get(rule.rule))
        else rule
        for rule in rules
    )


def _changes(
    old: Mapping[str, Any], new: Mapping[str, Any], moved: set[str] | None
) -> tuple[FieldChange, ...]:
    return changes_between(inputs_of(old), inputs_of(new), moved)


class _Reader:
    """
    Reads the steps of one resource as one step.
    """

    def __init__(self, urn: str, steps: Sequence[Mapping[str, Any]]) -> None:
        self.urn = urn
        self.name = name_of(urn)
        self.kind = type_of(urn)
        self.refreshes = [step for step in steps if step.get("op") == "refresh"]
        self.steps = [step for step in steps if step.get("op") != "refresh"]

    def step(self) -> Step:
        found = _first(step.get("oldState") for step in self.refreshes)
        if not self.steps:
            return self._only_read(found)
        ops = [str(step.get("op")) for step in self.steps]
        op = "replace" if _REPLACING & set(ops) else ops[-1]
        old = _first(step.get("oldState") for step in self.steps)
        new = _first(step.get("newState") for step in reversed(self.steps))
        if op in ("create", "update", "replace"):
            # If the preview does not show the new rule, it may be any rule.
            new = new or {"inputs": {}}
        moved = self._moved(op)
        before = self._rules(old, "old", moved)
        after = () if op == "delete" else self._rules(new, "new", moved)
        if op in _IGNORED_OPS:
            # An earlier run has deleted the rule. Only the state changes.
            before = after = ()
        if op in UNCHANGED:
            before = after = _with_ids(after or before, before)
        if _IMPORTING & {*ops}:
            after = tuple(replace(rule, is_unsure=True) for rule in after)
            before = after if op in UNCHANGED else before
        # The engine does not delete a rule that it has only read, either.
        retained = (
            bool(old.get("retainOnDelete")) and op in ("delete", "replace")
        ) or (bool(old.get("external")) and op == "replace")
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
            old_is_gone=self._old_is_gone(ops) if op == "replace" else False,
            unsure_delete=bool(old.get("deletedWith")),
            keeps=any(bool(inputs_of(new).get(name)) for name in _KEEPING),
            exclusive=bool(inputs_of(new).get("exclusive")),
            source=_source(new) or _source(old),
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
            source=_source(new),
            drift=_changes(found, new, set()) if found and new else (),
            gone=not new,
        )

    def _moved(self, op: str) -> set[str] | None:
        """
        The fields that change according to the engine; None if any of them may.
        """
        if op in UNCHANGED:
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
        if self._old_is_gone(ops):
            return False
        if self._is_pending():
            return True
        deleted, created = "delete-replaced", "create-replacement"
        return {deleted, created} <= set(ops) and ops.index(deleted) < ops.index(
            created
        )

    def _old_is_gone(self, ops: Sequence[str]) -> bool | None:
        """
        The engine has one mark for a rule that it will delete and one that it has
        deleted. Only the steps of a replacement, if shown, distinguish the two.
        """
        if not self._is_pending() or "delete-replaced" in ops:
            return False
        return True if "create-replacement" in ops else None

    def _is_pending(self) -> bool:
        return any(
            mapping(step.get("oldState")).get("pendingReplacement")
            for step in self.steps
        )

    def _rules(
        self, state: Mapping[str, Any], side: str, moved: set[str] | None
    ) -> tuple[DeclaredRule, ...]:
        if not state:
            return ()
        statement = Statement(
            self.name, self.kind, state, side=side, moved=moved, urn=self.urn
        )
        return statement.rules()
