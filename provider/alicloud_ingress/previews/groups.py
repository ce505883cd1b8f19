"""
The groups that a preview names.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from alicloud_ingress.previews.declared import DeclaredRule
from alicloud_ingress.previews.preview import Preview
from alicloud_ingress.previews.steps import Step
from alicloud_ingress.rules.rule import IngressRule


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
