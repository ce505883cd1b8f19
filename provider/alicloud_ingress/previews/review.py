"""
Judges a preview: what it opens and closes in each group, and the findings.

It fails closed. A rule with an unknown or secret value is not judged. If a drop rule is
deleted and not all rules of the group are known, the traffic that it dropped is not
judged either.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

from alicloud_ingress.exposure.diagram import TooComplexError
from alicloud_ingress.previews.declared import RULE_SET, DeclaredRule, is_any_group
from alicloud_ingress.previews.findings import (
    Finding,
    Gate,
    GroupReview,
    Review,
)
from alicloud_ingress.previews.gate import (
    GroupChange,
    Lists,
    OwnedRule,
    Side,
    at_worst,
    openings,
)
from alicloud_ingress.previews.group_review import SHOW_SAMES, JudgedGroup
from alicloud_ingress.previews.live_outcome import live_outcome
from alicloud_ingress.previews.notation import NOT_KNOWN, name_of
from alicloud_ingress.previews.outcome import Outcome, key, state_outcome
from alicloud_ingress.previews.peer import PEER_RULE, as_the_peer_compares
from alicloud_ingress.previews.preview import Preview, by_group
from alicloud_ingress.previews.steps import Step
from alicloud_ingress.previews.waivers import Waivers
from alicloud_ingress.rules.live import LiveGroup
from alicloud_ingress.rules.rule import IngressRule

LOSING = ("delete", "update", "replace")
UNKNOWN = "a group whose ID is not known"


def judge(  # noqa: PLR0913 - one for each input
    preview: Preview,
    gate: Gate,
    *,
    today: dt.date,
    live: Mapping[str, LiveGroup] | None = None,
    lists: Lists | None = None,
    problems: Iterable[str] = (),
) -> Review:
    """
    Judge a preview.

    Args:
        preview: the preview.
        gate: what to look for.
        today: in UTC, for waivers and expired rules.
        live: the live groups that were read, by ID; None if none was to be read.
        lists: contents of the prefix lists and port lists that were read, by ID.
        problems: what could not be read, one sentence each.
    """
    urns = [step.urn for step in preview.steps]
    urns += [each.urn for each in preview.lists]
    names = {urn: name_of(urn) for urn in (*urns, *preview.unknown_rules)}
    waivers = Waivers(
        gate.waivers,
        names,
        today,
        gate.longest_waiver_days,
        hidden=preview.hidden,
    )
    parts = by_group(preview)
    outcomes = {
        group: live_outcome(part, live[group])
        if live and group in live
        else state_outcome(part, group, is_live=live is not None)
        for group, part in parts.items()
    }
    preview = _without_idle_gaps(preview, outcomes.values())
    stops = any(each.refusals or each.may_stop for each in outcomes.values())
    contents = lists_of(preview, lists)
    groups: list[GroupReview] = []
    found: list[Finding] = []
    tangled: list[str] = []

    def judged_group(part: Preview, group: str, outcome: Outcome) -> JudgedGroup:
        read = (live or {}).get(group)
        return JudgedGroup(part, group, outcome, read, contents, stops)

    for group, each in outcomes.items():
        judging = judged_group(parts[group], group, each)
        review = judging.unjudged(today)
        try:
            review = judging.judged(review)
            found += judging.findings(gate, waivers)
        except TooComplexError:
            tangled.append(group)
        groups.append(review)
    for group, together in _together(outcomes):
        try:
            more = judged_group(preview, group, together).findings(gate, waivers)
        except TooComplexError:
            tangled.append(group)
            continue
        there = {f.kind for f in found if not f.waivers}
        where = "" if group == UNKNOWN else f", if {UNKNOWN} is the same"
        found += [
            replace(finding, judged=False, text=f"{finding.text}{where}")
            for finding in more
            if not finding.waivers and finding.kind not in there
        ]
    others = [*list_findings(preview, gate, contents)]
    others += _other_findings(preview)
    if live is not None:
        others += _unmanaged(preview, groups)
    found += [_covered(finding, waivers) for finding in others]
    too_complex = [
        f"the rules of {group} overlap in too many ways to be judged"
        for group in dict.fromkeys(tangled)
    ]
    selected = tuple(f for f in found if f.kind in gate.fail_on)
    return Review(
        preview=preview,
        groups=tuple(groups),
        findings=selected,
        problems=(*preview.problems, *problems, *too_complex),
        remarks=waivers.remarks(waiver for f in selected for waiver in f.waivers),
    )


def _together(outcomes: Mapping[str, Outcome]) -> Iterator[tuple[str, Outcome]]:
    """
    What a preview does to the groups whose IDs are not known, if they are all the same;
    and to each group that is known or new, if they are that one.

    Rules that drop are left out: they may be in another group than those that accept.
    """
    unknown = [each for group, each in outcomes.items() if is_any_group(group)]
    if len(unknown) > 1:
        yield UNKNOWN, _as_one(unknown)
    if unknown:
        parts = _as_one(unknown)
        for group, its in outcomes.items():
            if not is_any_group(group):
                yield (
                    group,
                    Outcome(
                        before=at_worst(its.least_before, its.before) + parts.before,
                        after=at_worst(its.most_after, its.after) + parts.after,
                        if_it_stops=(*its.if_it_stops, *parts.if_it_stops),
                    ),
                )


def _as_one(outcomes: Collection[Outcome]) -> Outcome:
    def accepting(sides: Iterable[Side]) -> Side:
        return tuple(o for side in sides for o in side if not o.rule.drops)

    return Outcome(
        before=accepting(at_worst(o.least_before, o.before) for o in outcomes),
        after=accepting(at_worst(o.most_after, o.after) for o in outcomes),
        if_it_stops=accepting(o.if_it_stops for o in outcomes),
    )


def _without_idle_gaps(preview: Preview, outcomes: Iterable[Outcome]) -> Preview:
    """
    The preview without gaps of rules that do not exist any more.
    """
    gone = frozenset[tuple[str, str]]().union(*(each.gone for each in outcomes))
    steps = tuple(
        replace(step, order="create first") if step.gap and key(step) in gone else step
        for step in preview.steps
    )
    return replace(preview, steps=steps)


def _covered(finding: Finding, waivers: Waivers) -> Finding:
    names = finding.urns or finding.resources
    return replace(finding, waivers=waivers.covering_all(finding.group, names))


def _other_findings(preview: Preview) -> Iterator[Finding]:
    for urn in preview.unknown_rules:
        unknown = f"a resource of type {urn.split('::')[2]}"
        for kind in ("world-open-any", "world-open-admin"):
            yield Finding(
                kind=kind,
                resources=(name_of(urn),),
                urns=(urn,),
                text=f"it is not known what {unknown} opens",
                judged=False,
            )
    for step in preview.steps:
        yield from _losses(step)


def _unmanaged(preview: Preview, groups: Sequence[GroupReview]) -> Iterator[Finding]:
    if preview.hidden and not groups:
        hides = f"the preview does not show all resources; {SHOW_SAMES}"
        yield _perhaps_unmanaged("", hides)
    exist = {declared.group for step in preview.steps for declared in step.before}
    for group in groups:
        if group.rules_afterwards is None and group.group in exist:
            unread = f"the rules of {group.group} were not read"
            yield _perhaps_unmanaged(group.group, unread)
        elif group.unmanaged is None and group.rules_afterwards is not None:
            why = f"{group.group}: {group.why_hidden}"
            yield _perhaps_unmanaged(group.group, why)
        for live in group.unmanaged or ():
            yield Finding(
                kind="unmanaged",
                group=group.group,
                resources=(live.rule_id,) if live.rule_id else (),
                text=f"{live.rule.as_text} of {group.group} is not in this stack",
            )


def _perhaps_unmanaged(group: str, text: str) -> Finding:
    return Finding(kind="unmanaged", group=group, resources=(), text=text, judged=False)


def _losses(step: Step) -> Iterator[Finding]:
    group = step.before[0].group if step.before else ""
    if step.gap:
        yield Finding(
            kind="gap",
            group=group,
            resources=(step.name,),
            urns=(step.urn,),
            text="the old rule is deleted before its replacement is created",
        )
    is_kept = step.fate == "retained" or step.order == "already deleted"
    if is_kept or step.op not in LOSING:
        return
    in_doubt = any(declared.doubts for declared in step.after)
    for declared in _deleted(step):
        yield Finding(
            kind="delete",
            group=declared.group,
            resources=(step.name,),
            urns=(step.urn,),
            text=f"{declared.as_text} of {declared.group} is deleted",
            judged=not in_doubt,
        )


def _deleted(step: Step) -> Iterator[DeclaredRule]:
    """
    The rules that a step deletes without another one in their place.
    """
    if step.op == "delete" or step.kind == RULE_SET or not step.after:
        kept = {declared.rule for declared in step.after}
        takes_all = step.settings.exclusive and step.op == "update"
        for declared in step.before:
            if declared.rule not in kept and (declared.declared or takes_all):
                yield declared
    elif step.op == "replace" and step.kind == PEER_RULE and not step.gap:
        # It revokes by attributes, which an identical new rule shares.
        new = {(d.group, as_the_peer_compares(d.rule)) for d in step.after}
        for declared in step.before:
            if (declared.group, as_the_peer_compares(declared.rule)) in new:
                yield declared


def lists_of(preview: Preview, read: Lists | None) -> tuple[Lists, Lists]:
    """
    The contents of lists before and after; none of a list that is not known.
    """
    known = {
        each.list_id: each.before for each in preview.lists if each.before is not None
    }
    before: dict[str, Sequence[str]] = {**known, **(read or {})}
    unknown = (f"({NOT_KNOWN})",)
    changed: dict[str, Sequence[str]] = {}
    for each in preview.lists:
        if each.changes:
            blocks = each.blocks_after((read or {}).get(each.list_id))
            new = unknown if blocks is None else blocks
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
