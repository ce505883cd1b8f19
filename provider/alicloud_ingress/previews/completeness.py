"""
Finds why a preview cannot be judged as a whole: it failed, or lacks steps or states.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from alicloud_ingress.files import items, mapping
from alicloud_ingress.previews.declared import GROUP_ARGUMENT, PREFIX_LIST
from alicloud_ingress.previews.notation import (
    COUNTED,
    IGNORED,
    KNOWN,
    REPLACING,
    WITHOUT_OLD,
    type_of,
)


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
