"""
Reads the steps of one resource in a preview: its rules before and after, and the fields
that differ.
"""

from __future__ import annotations

import json
import re
import urllib.parse
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from alicloud_ingress.files import items, mapping
from alicloud_ingress.previews.declared import (
    SECURITY_GROUP,
    DeclaredRule,
    RuleResource,
    Statement,
)
from alicloud_ingress.previews.notation import (
    IGNORED,
    IMPORTING,
    REPLACING,
    UNCHANGED,
    doubt_of,
    inputs_of,
    type_of,
)


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


def _changes(
    old: Mapping[str, Any], new: Mapping[str, Any], moved: set[str] | None
) -> tuple[FieldChange, ...]:
    """
    The inputs that differ between two states; of a rule set, entry by entry.

    Args:
        old: the state before.
        new: the state after.
        moved: names of the fields that the engine found to change.
    """
    before, after = _flat(inputs_of(old)), _flat(inputs_of(new))
    certain = moved or set()
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


_POSITION = re.compile(
    r"project:///(?P<file>[^#]+)#(?P<line>\d{1,9})(?:,\d+)?", re.ASCII
)
_ELSEWHERE = re.compile(r"(?:^|/)(?:\.\.|site-packages|node_modules)/")
"""
Paths that are not part of the program: packages, and files outside of the project.
"""

_KEEPING = ("keep_rule_ids", "keep_descriptions")


@dataclass(frozen=True, slots=True)
class Source:
    """
    A line of the program.

    Args:
        file: relative to the project's folder.
    """

    file: str
    line: int


Order = Literal[
    "create first",
    "delete first",
    "already deleted",
    "delete first or already deleted",
]
"""
When the old rule of a replacement is deleted: after the new one is created, before, or
by an earlier run that failed. The last one is what a preview without the steps of the
replacement shows.
"""
Fate = Literal["deleted", "may stay", "goes with its group", "retained"]
"""
What becomes of a rule that a step deletes or replaces.

- `may stay`: the engine only removes it from the state (`deleted_with`), which is
  correct only if its group is deleted too; or it is secret which rules of a set are
  foreign.
- `goes with its group`: the same, and the preview deletes its group. The
  engine does not delete the rule itself, be it a drop or not.
- `retained`: it is kept in the group: by `retain_on_delete`, or it was only read, or
  the preview deletes what it is deleted with, and that is not its group.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """
    What the program allows its resource to do with rules that exist.

    Args:
        adopts: whether it surely takes over an identical live rule.
        exclusive: whether a set also deletes rules that it does not declare, or may.
        keeps: whether a set may keep rules that it no longer declares: so the program
            says, or whether it is exclusive is not known.
    """

    adopts: bool = False
    exclusive: bool = False
    keeps: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """
    What the preview does to the rules of one resource.

    Args:
        urn: URN of the resource.
        name: name of the resource.
        kind: type of the resource.
        op: `create`, `update`, `replace`, `delete`, `import`, `read`, `same`; or
            `refresh` for a resource that is only refreshed.
        before: its rules before.
        after: its rules after.
        order: of a replacement.
        fate: of the rules that it deletes or replaces.
        settings: of the resource in the program.
        source: where the program declares it; None if the engine does not show it.
        differences: what else the preview shows of it.
    """

    urn: str
    name: str
    kind: str
    op: str
    before: tuple[DeclaredRule, ...] = ()
    after: tuple[DeclaredRule, ...] = ()
    order: Order = "create first"
    fate: Fate = "deleted"
    settings: Settings = field(default_factory=Settings)
    source: Source | None = None
    differences: Differences = field(default_factory=Differences)

    @property
    def gap(self) -> bool:
        """
        Whether the old rule is deleted before the new one is created.
        """
        return self.order.startswith("delete first")

    @property
    def may_stay(self) -> bool:
        """
        Whether a rule may stay although it is deleted.
        """
        return self.fate in ("may stay", "goes with its group")


def step_of(resource: RuleResource, steps: Sequence[Mapping[str, Any]]) -> Step:
    """
    The steps of one resource, as the engine writes them, as one step.
    """
    return _StepReader(resource, steps).step()


def _first(states: Iterable[object]) -> Mapping[str, Any]:
    return next((mapping(state) for state in states if state), mapping(None))


def _source(state: Mapping[str, Any]) -> Source | None:
    """
    The innermost line of the program that declares a resource.
    """
    frames = [state, *map(mapping, items(state.get("stackTrace")))]
    for frame in frames:
        match = _POSITION.fullmatch(str(frame.get("sourcePosition")))
        file = urllib.parse.unquote(match["file"]) if match else ""
        if match and not _ELSEWHERE.search(file):
            return Source(file, int(match["line"]))
    return None


def _hides_foreign(state: Mapping[str, Any]) -> bool:
    stated = mapping(state.get("outputs")).get("foreign_rule_ids")
    return any(map(doubt_of, (stated, *items(stated))))


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


class _StepReader:
    def __init__(
        self, resource: RuleResource, steps: Sequence[Mapping[str, Any]]
    ) -> None:
        self.resource = resource
        self.refreshes = [step for step in steps if step.get("op") == "refresh"]
        self.steps = [step for step in steps if step.get("op") != "refresh"]

    def step(self) -> Step:
        found = _first(step.get("oldState") for step in self.refreshes)
        if not self.steps:
            return self._only_read(found)
        ops = [str(step.get("op")) for step in self.steps]
        op = "replace" if REPLACING & set(ops) else ops[-1]
        old = _first(step.get("oldState") for step in self.steps)
        new = _first(step.get("newState") for step in reversed(self.steps))
        if op in ("create", "update", "replace"):
            # If the preview does not show the new rule, it may be any rule.
            new = new or {"inputs": {}}
        moved = self._moved(op)
        before = self._rules(old, "old", moved)
        after = () if op == "delete" else self._rules(new, "new", moved)
        if op in IGNORED:
            before = after = ()
        if op in UNCHANGED:
            before = after = _with_ids(after or before, before)
        if IMPORTING & {*ops}:
            after = tuple(replace(rule, is_unsure=True) for rule in after)
            before = after if op in UNCHANGED else before
        fate = self._fate(op, old)
        if fate == "retained" or (op == "delete" and old.get("external")):
            after = (*after, *before)
        changed = op in ("update", "replace")
        wanted = inputs_of(new)
        return Step(
            urn=self.resource.urn,
            name=self.resource.name,
            kind=self.resource.kind,
            op=op,
            before=before,
            after=after,
            order=self._order(ops) if op == "replace" else "create first",
            fate=fate,
            settings=Settings(
                adopts=wanted.get("adopt") is True,
                exclusive=bool(wanted.get("exclusive")),
                keeps=any(bool(wanted.get(name)) for name in _KEEPING)
                or bool(doubt_of(wanted.get("exclusive"))),
            ),
            source=_source(new) or _source(old),
            differences=Differences(
                changes=_changes(old, new, moved) if changed else (),
                reasons=tuple(
                    str(reason)
                    for step in self.steps
                    for reason in items(step.get("replaceReasons"))
                ),
                drift=_changes(found, old, set()) if found and old else (),
                gone=bool(found) and op == "create",
            ),
        )

    def _only_read(self, found: Mapping[str, Any]) -> Step:
        new = _first(step.get("newState") for step in reversed(self.refreshes))
        rules = self._rules(new, "new", set())
        return Step(
            urn=self.resource.urn,
            name=self.resource.name,
            kind=self.resource.kind,
            op="refresh",
            before=rules,
            after=rules,
            source=_source(new),
            differences=Differences(
                drift=_changes(found, new, set()) if found and new else (),
                gone=not new,
            ),
        )

    def _fate(self, op: str, old: Mapping[str, Any]) -> Fate:
        # The engine does not delete a rule that it has only read, either.
        if op == "replace" and (old.get("retainOnDelete") or old.get("external")):
            return "retained"
        if op == "delete" and old.get("retainOnDelete"):
            return "retained"
        holder = str(old.get("deletedWith"))
        if op == "delete" and holder in self.resource.deleted:
            is_group = type_of(holder) == SECURITY_GROUP
            return "goes with its group" if is_group else "retained"
        hides = old.get("deletedWith") or _hides_foreign(old)
        return "may stay" if hides else "deleted"

    def _moved(self, op: str) -> set[str] | None:
        """
        The fields that change according to the engine; None if any of them may.
        """
        if op in UNCHANGED:
            return set()
        details = [step.get("detailedDiff") for step in self.steps]
        if not all(isinstance(detail, dict) for detail in details):
            return None
        moved = {
            path.partition(".")[0].partition("[")[0]
            for detail in details
            for path in mapping(detail)
        }
        return moved or None

    def _order(self, ops: Sequence[str]) -> Order:
        """
        The engine has one mark for a rule that it will delete and one that it has
        deleted. Only the steps of a replacement, if shown, distinguish the two.
        """
        is_pending = any(
            mapping(step.get("oldState")).get("pendingReplacement")
            for step in self.steps
        )
        created = "create-replacement" in ops
        if is_pending and "delete-replaced" not in ops:
            return "already deleted" if created else "delete first or already deleted"
        if is_pending or (
            created
            and "delete-replaced" in ops
            and ops.index("delete-replaced") < ops.index("create-replacement")
        ):
            return "delete first"
        return "create first"

    def _rules(
        self, state: Mapping[str, Any], side: str, moved: set[str] | None
    ) -> tuple[DeclaredRule, ...]:
        if not state:
            return ()
        return Statement(self.resource, state, side=side, moved=moved).rules()
