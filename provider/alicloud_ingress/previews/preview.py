"""
Reads the output of `pulumi preview --json`: the rules before and after.

A preview may be incomplete: outputs may be missing. Unchanged resources are missing
without `--show-sames`, and pending deletions without `--show-replacement-steps`.
`hidden` and `problems` say what is missing.

Source: pkg/display/json.go and sdk/go/common/display/json.go of the engine, and
previews made by it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from alicloud_ingress.errors import IngressError
from alicloud_ingress.files import items, mapping
from alicloud_ingress.previews.declared import (
    GROUP_ARGUMENT,
    PREFIX_LIST,
    DeclaredRule,
    RuleResource,
)
from alicloud_ingress.previews.document import DocumentError, decoded
from alicloud_ingress.previews.neighbours import (
    ListChange,
    list_changes,
    notes,
    provider_regions,
    unknown_rules,
)
from alicloud_ingress.previews.notation import (
    COUNTED,
    CREATING,
    IGNORED,
    KNOWN,
    REPLACING,
    UNCHANGED,
    WITHOUT_OLD,
    inputs_of,
    name_of,
    type_of,
)
from alicloud_ingress.previews.steps import Step, step_of
from alicloud_ingress.rules.rule import IngressRule

_WHAT = "what `pulumi preview --json --show-sames > preview.json` writes"


class PreviewError(IngressError):
    """
    A file is not the output of `pulumi preview --json`.
    """


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
    is_empty = "steps" not in document and "duration" in document
    if items(steps) != steps and not is_empty and not errors_of(document):
        raise PreviewError(
            f"this is not a preview: it has no list of steps; it should be {_WHAT}"
        )
    return _preview(
        document, [_with_op_as_text(mapping(step)) for step in items(steps)]
    )


def _with_op_as_text(step: Mapping[str, Any]) -> Mapping[str, Any]:
    op = step.get("op")
    return step if isinstance(op, str) else {**step, "op": str(op)}


def _preview(
    document: Mapping[str, Any], steps: Sequence[Mapping[str, Any]]
) -> Preview:
    by_urn: dict[str, list[Mapping[str, Any]]] = {}
    for step in steps:
        if not _is_excluded(step):
            by_urn.setdefault(str(step.get("urn")), []).append(step)
    problems = errors_of(document)
    regions = dict(provider_regions(steps))
    deleted, created = (
        {str(step.get("urn")) for step in steps if step.get("op") in ops}
        for ops in (("delete",), CREATING)
    )
    rules: list[Step] = []
    others = 0
    for urn, own in by_urn.items():
        main, earlier = _split(own)
        problems += problems_of(urn, own, main)
        if type_of(urn) in GROUP_ARGUMENT and not _is_outbound(own):
            provider, _, _ = str(own[0].get("provider")).rpartition("::")
            resource = RuleResource(
                name_of(urn),
                type_of(urn),
                urn,
                regions.get(provider, ""),
                deleted,
                created,
            )
            rules += [step_of(resource, [step]) for step in earlier]
            if main:
                rules.append(step_of(resource, main))
        elif not type_of(urn).startswith("pulumi:") and any(
            step.get("op") not in UNCHANGED | IGNORED for step in own
        ):
            others += 1
    missing, hidden = missing_steps(document, steps)
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


def _is_excluded(step: Mapping[str, Any]) -> bool:
    """
    Whether `--target` or `--exclude` excludes the creation of a resource. The engine
    calls it unchanged, and it has no ID.
    """
    old = mapping(step.get("oldState"))
    return step.get("op") == "same" and old.get("custom") is True and not old.get("id")


def _split(
    steps: Sequence[Mapping[str, Any]],
) -> tuple[list[Mapping[str, Any]], list[Mapping[str, Any]]]:
    """
    Split the steps with one URN: those of the resource, and deletions of resources
    that an earlier run has replaced and not deleted, or that are read from now on.
    """
    replaced = _ids(steps, "replace", "create-replacement")
    shown = _ids(steps, "delete", "delete-replaced", "discard-replaced")
    main: list[Mapping[str, Any]] = []
    earlier: list[Mapping[str, Any]] = []
    for step in steps:
        old = mapping(step.get("oldState"))
        is_other = (
            step.get("op") in ("delete-replaced", "discard-replaced")
            and str(old.get("id")) not in replaced
        )
        is_replaced = old.get("delete") is True
        if is_other or (step.get("op") == "delete" and is_replaced):
            earlier.append({**step, "op": "delete"})
        elif step.get("op") != "refresh" or not is_replaced:
            main.append(step)
        elif step.get("newState") and str(old.get("id")) not in shown:
            # The engine deletes it, and shows that with --show-replacement-steps only.
            earlier.append({**step, "op": "delete"})
    imports = any(step.get("op") == "import-replacement" for step in main)
    for step in main:
        is_read = mapping(step.get("newState")).get("external")
        if step.get("op") == "replace" and (is_read or imports):
            # The program takes another rule in its place. Nothing is created.
            op = "read" if is_read else "import"
            main = [{**step, "op": op, "oldState": None}]
            earlier.append({**step, "op": "delete"})
            break
    return main, earlier


def _ids(steps: Iterable[Mapping[str, Any]], *ops: str) -> set[str]:
    """
    The old IDs in the steps with these operations.
    """
    return {
        str(mapping(step.get("oldState")).get("id"))
        for step in steps
        if step.get("op") in ops
    }


def _is_outbound(steps: Sequence[Mapping[str, Any]]) -> bool:
    """
    Whether a rule of pulumi-alicloud is for outbound traffic, before and after.
    """
    states = [step.get(side) for step in steps for side in ("oldState", "newState")]
    types = [inputs_of(mapping(each)).get("type") for each in states if each]
    return bool(types) and all(each == "egress" for each in types)


def _stack(urn: str) -> str:
    stack, project, *_ = urn.removeprefix("urn:pulumi:").split("::")
    return f"{project}/{stack}"


def by_group(preview: Preview) -> dict[str, Preview]:
    """
    For each group the preview of the steps that concern it.
    """
    steps: dict[str, dict[int, Step]] = {group: {} for group in groups_of(preview)}
    for number, step in enumerate(preview.steps):
        for declared in (*step.before, *step.after):
            steps[declared.group][number] = step
    return {
        group: replace(preview, steps=tuple(own.values()))
        for group, own in steps.items()
    }


def groups_of(preview: Preview) -> dict[str, str]:
    """
    The region of each group that a preview names; "" if it is not known.
    """
    groups: dict[str, str] = {}
    for declared in _declared(preview):
        groups[declared.group] = groups.get(declared.group) or declared.region
    return dict(sorted(groups.items()))


def known_groups(preview: Preview) -> dict[str, str]:
    """
    The same, of groups whose ID is known.
    """
    known = {declared.group for declared in _declared(preview) if declared.known_group}
    return {g: region for g, region in groups_of(preview).items() if g in known}


def rules_of(preview: Preview, group: str) -> Iterator[IngressRule]:
    """
    The rules of a group in a preview, before and after.
    """
    return (declared.rule for declared in _declared(preview) if declared.group == group)


def _declared(preview: Preview) -> Iterator[DeclaredRule]:
    for step in preview.steps:
        yield from step.before
        yield from step.after


def errors_of(document: Mapping[str, Any]) -> list[str]:
    """
    The errors of a preview that failed, in sentences.
    """
    return [
        f"the preview failed: {str(entry.get('message') or '').strip()}"
        for entry in map(mapping, items(document.get("diagnostics")))
        if entry.get("severity") == "error"
    ]


def missing_steps(
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
    for op in (*COUNTED, "same"):
        counted = summary.get(op) or 0
        if not isinstance(counted, int) or counted < 0:
            problems.append(f"the summary has no valid number of steps {op!r}")
        elif op in COUNTED and counted > shown[op]:
            problems.append(
                f"the summary counts {counted} steps {op!r}, and {shown[op]} are shown"
            )
    same = summary.get("same") or 0
    seen = {
        str(step.get("urn")) for step in steps if step.get("op") in ("same", "refresh")
    }
    hidden = max(0, same - len(seen)) if isinstance(same, int) else 0
    return problems, hidden


def problems_of(
    urn: str, own: Sequence[Mapping[str, Any]], main: Sequence[Mapping[str, Any]]
) -> Iterator[str]:
    """
    Why the steps with one URN cannot be judged, in sentences.

    Args:
        urn: the URN.
        own: all steps with this URN.
        main: those of the resource, without resources that an earlier run replaced.
    """
    for op in sorted({str(step.get("op")) for step in own} - KNOWN):
        yield f"a step {op!r} of {urn} is not known"
    if not type_of(urn):
        yield f"a step has no valid URN: {urn}"
    if type_of(urn) in GROUP_ARGUMENT or type_of(urn) == PREFIX_LIST:
        yield from _without_old_state(urn, own)
    if _is_repeated(main):
        yield (
            f"{urn} appears twice in the preview, which the engine never writes;"
            " run pulumi preview again"
        )


def _without_old_state(urn: str, steps: Iterable[Mapping[str, Any]]) -> Iterator[str]:
    for step in steps:
        op = str(step.get("op"))
        if op not in WITHOUT_OLD and not mapping(step.get("oldState")):
            yield f"a step {op!r} of {urn} does not show the old state"


def _is_repeated(steps: Iterable[Mapping[str, Any]]) -> bool:
    """
    Whether there are more steps than the engine writes for one resource.
    """
    ops = [str(step.get("op")) for step in steps]
    families = {"replace" if op in REPLACING else op for op in ops}
    return len(set(ops)) < len(ops) or len(families - IGNORED - {"refresh"}) > 1
