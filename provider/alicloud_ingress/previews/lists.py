"""
What changed prefix lists may open.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from alicloud_ingress.previews.findings import Finding, Gate
from alicloud_ingress.previews.gate import GroupChange, Lists, OwnedRule, openings
from alicloud_ingress.previews.notation import NOT_KNOWN
from alicloud_ingress.previews.preview import Preview
from alicloud_ingress.rules.rule import IngressRule


def lists_of(preview: Preview, read: Lists | None) -> tuple[Lists, Lists]:
    """
    The contents of lists before and after; none of a list that is not known.
    """
    told = {
        each.list_id: each.before for each in preview.lists if each.before is not None
    }
    before: dict[str, Sequence[str]] = {**told, **(read or {})}
    unknown = (f"({NOT_KNOWN})",)
    changed: dict[str, Sequence[str]] = {}
    for each in preview.lists:
        if each.changes:
            new = unknown if each.after is None else each.after
            # Of two resources that set one list, the last one is not known.
            changed[each.list_id] = (
                new if changed.get(each.list_id, new) == new else unknown
            )
    return before, {**before, **changed}


def list_findings(
    preview: Preview, gate: Gate, lists: tuple[Lists, Lists]
) -> Iterator[Finding]:
    """
    What a changed prefix list may open. Which groups use it is not known: one may
    accept what the list holds, or drop it above other rules. A list that a rule of the
    stack accepts does not count as one that others drop.
    """
    accepted = {
        declared.rule.source_prefix_list_id
        for step in preview.steps
        for declared in step.before
        if declared.rule.policy == "accept"
    }
    for each in preview.lists:
        if not each.changes:
            continue
        policies = ["accept"] if each.list_id in accepted else ["accept", "drop"]
        changes = [_list_change(each.list_id, lists, policy) for policy in policies]
        for kind, ports in gate.world_kinds.items():
            found = [opening for c in changes for opening in openings(c, ports)]
            for opening in dict.fromkeys(found):
                perhaps = replace(opening, certain=False)
                yield Finding(
                    kind=kind,
                    resources=(each.name,),
                    urns=(each.urn,),
                    text=f"{perhaps.as_text} of each group that uses {each.list_id}",
                    judged=False,
                    opening=perhaps,
                )


def _list_change(list_id: str, lists: tuple[Lists, Lists], policy: str) -> GroupChange:
    rule = IngressRule.from_permission(
        {"IpProtocol": "all", "SourcePrefixListId": list_id, "Policy": policy}
    )
    side = (OwnedRule(rule=rule),)
    return GroupChange(
        before=side,
        after=side,
        is_whole=policy == "accept",
        lists_before=lists[0],
        lists_after=lists[1],
    )
