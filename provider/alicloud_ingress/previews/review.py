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
from alicloud_ingress.exposure.group_exposure import difference
from alicloud_ingress.exposure.internet import InternetOpening
from alicloud_ingress.exposure.redundancy import covered
from alicloud_ingress.previews.declared import (
    NOT_KNOWN,
    RULE_SET,
    DeclaredRule,
    is_any_group,
    name_of,
)
from alicloud_ingress.previews.findings import (
    ADMIN_PORTS,
    FAIL_ON,
    Finding,
    Gate,
    GroupReview,
    Review,
)
from alicloud_ingress.previews.gate import (
    Change,
    Lists,
    OwnedRule,
    Side,
    at_worst,
    lacking,
    openings,
)
from alicloud_ingress.previews.live_outcome import live_outcome
from alicloud_ingress.previews.outcome import Outcome, key
from alicloud_ingress.previews.preview import Preview, Step
from alicloud_ingress.previews.state_outcome import state_outcome
from alicloud_ingress.previews.waivers import Waivers
from alicloud_ingress.rules.live import LiveGroup
from alicloud_ingress.rules.rule import IngressRule
from alicloud_ingress.rules.spelling import has_expired

__all__ = ["ADMIN_PORTS", "FAIL_ON", "Finding", "Gate", "GroupReview", "Review"]

UNKNOWN = "a group whose ID is not known"
LOSING = ("delete", "update", "replace")
SHOW_SAMES = "run pulumi preview with --show-sames"


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
    waivers = Waivers(gate.waivers, names, today, gate.longest_waiver_days)
    parts = _by_group(preview)
    outcomes = {
        group: live_outcome(part, live[group])
        if live and group in live
        else state_outcome(part, group, is_live=live is not None)
        for group, part in parts.items()
    }
    preview = _without_idle_gaps(preview, outcomes.values())
    stops = any(each.refusals or each.may_stop for each in outcomes.values())
    groups: list[GroupReview] = []
    found: list[Finding] = []
    tangled: list[str] = []
    for group, each in outcomes.items():
        read = (live or {}).get(group)
        part = parts[group]
        judging = _Group(part, group, each, read, _lists(preview, lists), stops)
        try:
            groups.append(judging.review(today))
            found += judging.findings(gate, waivers)
        except TooComplexError:
            groups.append(judging.unjudged(today))
            tangled.append(group)
    for group, together in _together(preview, outcomes):
        read = (live or {}).get(group)
        judging = _Group(preview, group, together, read, _lists(preview, lists), stops)
        there = {f.kind for f in found if not f.waivers}
        try:
            more = judging.findings(gate, waivers)
        except TooComplexError:
            tangled.append(group)
            continue
        where = "" if group == UNKNOWN else f", if {UNKNOWN} is the same"
        found += [
            replace(finding, judged=False, text=f"{finding.text}{where}")
            for finding in more
            if not finding.waivers and finding.kind not in there
        ]
    others = [*_list_findings(preview, gate, _lists(preview, lists))]
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


def _together(
    preview: Preview, outcomes: Mapping[str, Outcome]
) -> Iterator[tuple[str, Outcome]]:
    """
    What a preview does to the groups whose IDs are not known, if they are all the same;
    and to each known group, if they are that one.

    Rules that drop are left out: they may be in another group than those that accept.
    """
    known = known_groups(preview)
    unknown = {g: each for g, each in outcomes.items() if g not in known}
    if len(unknown) > 1:
        yield UNKNOWN, _as_one(unknown.values())
    if old := [each for g, each in unknown.items() if is_any_group(g)]:
        parts = _as_one(old)
        for group in known:
            its = outcomes[group]
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
        return tuple(o for side in sides for o in side if o.rule.policy != "drop")

    return Outcome(
        before=accepting(at_worst(o.least_before, o.before) for o in outcomes),
        after=accepting(at_worst(o.most_after, o.after) for o in outcomes),
        if_it_stops=accepting(o.if_it_stops for o in outcomes),
    )


def _by_group(preview: Preview) -> dict[str, Preview]:
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


def _without_idle_gaps(preview: Preview, outcomes: Iterable[Outcome]) -> Preview:
    """
    The preview without gaps of rules that do not exist any more.
    """
    gone = frozenset[tuple[str, str]]().union(*(each.gone for each in outcomes))
    steps = tuple(
        replace(step, gap=False) if step.gap and key(step) in gone else step
        for step in preview.steps
    )
    return replace(preview, steps=steps)


def _lists(preview: Preview, read: Lists | None) -> tuple[Lists, Lists]:
    """
    The contents of lists before and after; none of a list that is not known.
    """
    told = {
        each.list_id: each.before for each in preview.lists if each.before is not None
    }
    before: dict[str, Sequence[str]] = {**told, **(read or {})}
    changed = {
        each.list_id: (f"({NOT_KNOWN})",) if each.after is None else each.after
        for each in preview.lists
        if each.changes
    }
    return before, {**before, **changed}


class _Group:
    def __init__(  # noqa: PLR0913, PLR0917 - all that is known of a group
        self,
        preview: Preview,
        group: str,
        result: Outcome,
        live: LiveGroup | None,
        lists: tuple[Lists, Lists],
        stops: bool,  # noqa: FBT001
    ) -> None:
        self.preview = preview
        self.group = group
        self.result = result
        self.live = live
        most = result.if_it_stops if stops else result.most_after
        self.change = Change(
            before=result.before,
            after=result.after,
            least_before=result.least_before,
            most_after=most,
            is_whole=live is not None,
            lists_before=lists[0],
            lists_after=lists[1],
        )
        self._known: dict[frozenset[int] | None, tuple[InternetOpening, ...]] = {}
        self._owners: dict[IngressRule, dict[str, None]] = {}
        for owned in (*result.before, *result.after, *(most or ())):
            owners = self._owners.setdefault(owned.rule, {})
            owners.update(dict.fromkeys(owned.owners))

    def unjudged(self, today: dt.date) -> GroupReview:
        """
        The part of the review that does not need its rules to be evaluated.
        """
        rules = self.live.rules if self.live else ()
        hides = self.live is None or self.preview.hidden > 0
        now = dt.datetime.combine(today, dt.time(), dt.timezone.utc)
        return GroupReview(
            group=self.group,
            names={
                rule: tuple(dict.fromkeys(map(name_of, owners)))
                for rule, owners in self._owners.items()
            },
            rules_left=len(self.result.after) if self.live else None,
            unmanaged=None if hides else self.result.unmanaged,
            expired=tuple(r for r in rules if has_expired(r.rule.expires_on, now)),
            refusals=self.result.refusals,
            takeovers=self.result.takeovers,
        )

    def review(self, today: dt.date) -> GroupReview:
        """
        The review of the group, with what opens and closes, waived or not.

        Raises:
            TooComplexError: the rules are too many or too entangled to be judged.
        """
        return replace(
            self.unjudged(today),
            change=difference(self.change.entries),
            openings=self._found(None),
            idle=tuple(self._idle()),
        )

    def findings(self, gate: Gate, waivers: Waivers) -> list[Finding]:
        """
        The findings about what is newly open to the world.
        """
        kinds = {"world-open-any": None, "world-open-admin": gate.admin_ports}
        return [
            finding
            for kind, ports in kinds.items()
            if kind in gate.fail_on
            for finding in self._openings(kind, ports, waivers)
        ]

    def _found(self, ports: frozenset[int] | None) -> tuple[InternetOpening, ...]:
        if ports not in self._known:
            self._known[ports] = openings(self.change, ports)
        return self._known[ports]

    def _openings(
        self, kind: str, ports: frozenset[int] | None, waivers: Waivers
    ) -> Iterator[Finding]:
        waived = waivers.of(self.group)
        found = self._found(ports)
        left = openings(self.change, ports, waived) if waived else found
        for opening in left:
            yield self._finding(kind, opening)
        for opening in lacking(found, left):
            finding = self._finding(kind, opening)
            covering = waivers.covering(self.group, finding.urns)
            covering = covering or waivers.covering(self.group, [*waived])
            yield replace(finding, waivers=covering)

    def _finding(self, kind: str, opening: InternetOpening) -> Finding:
        owners = dict.fromkeys(
            urn for rule in opening.rules for urn in self._owners.get(rule, ())
        )
        return Finding(
            kind=kind,
            group=self.group,
            resources=tuple(dict.fromkeys(map(name_of, owners))),
            urns=tuple(owners),
            text=f"{opening.as_text} of {self.group}",
            judged=opening.certain,
            opening=opening,
        )

    def _idle(self) -> Iterator[tuple[IngressRule, bool]]:
        """
        Rules that are created or deleted without effect, because others decide first.
        """
        ops: dict[str, set[str]] = {}
        for step in self.preview.steps:
            ops.setdefault(step.urn, set()).add(step.op)

        def only(owned: OwnedRule, op: str) -> bool:
            return bool(owned.owners) and all(ops[urn] == {op} for urn in owned.owners)

        after = self.change.after
        rules_after = {owned.rule for owned in after}
        rules_before = {owned.rule for owned in self.change.before}
        deleted = [
            s
            for s in self.change.before
            if only(s, "delete") and s.rule not in rules_after
        ]
        candidates = [
            n
            for n, s in enumerate(after)
            if only(s, "create") and s.rule not in rules_before
        ]
        candidates += range(len(after), len(after) + len(deleted))
        rules = [owned.rule for owned in (*after, *deleted)]
        for place in covered(rules, range(len(after)), candidates):
            yield rules[place], place < len(after)


def _covered(finding: Finding, waivers: Waivers) -> Finding:
    names = finding.urns or finding.resources
    return replace(finding, waivers=waivers.covering_all(finding.group, names))


def _list_findings(
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
    kinds = {"world-open-any": None, "world-open-admin": gate.admin_ports}
    for each in preview.lists:
        if not each.changes:
            continue
        policies = ["accept"] if each.list_id in accepted else ["accept", "drop"]
        changes = [_list_change(each.list_id, lists, policy) for policy in policies]
        for kind, ports in kinds.items():
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


def _list_change(list_id: str, lists: tuple[Lists, Lists], policy: str) -> Change:
    rule = IngressRule.from_permission(
        {"IpProtocol": "all", "SourcePrefixListId": list_id, "Policy": policy}
    )
    side = (OwnedRule(rule=rule),)
    return Change(
        before=side,
        after=side,
        is_whole=policy == "accept",
        lists_before=lists[0],
        lists_after=lists[1],
    )


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
        yield Finding(
            kind="unmanaged",
            resources=(),
            text=f"the preview does not show all resources; {SHOW_SAMES}",
            judged=False,
        )
    exist = {declared.group for step in preview.steps for declared in step.before}
    for group in groups:
        if group.rules_left is None and group.group in exist:
            yield Finding(
                kind="unmanaged",
                group=group.group,
                resources=(),
                text=f"the rules of {group.group} were not read",
                judged=False,
            )
        elif group.unmanaged is None and group.rules_left is not None:
            yield Finding(
                kind="unmanaged",
                group=group.group,
                resources=(),
                text=f"{group.group}: the preview does not show all resources;"
                f" {SHOW_SAMES}",
                judged=False,
            )
        for live in group.unmanaged or ():
            yield Finding(
                kind="unmanaged",
                group=group.group,
                resources=(live.rule_id,) if live.rule_id else (),
                text=f"{live.rule.as_text} of {group.group} is not in this stack",
            )


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
    if step.retained or step.old_is_gone or step.op not in LOSING:
        return
    if step.op == "delete" or step.kind == RULE_SET or not step.after:
        kept = {declared.rule for declared in step.after}
        in_doubt = any(declared.doubts for declared in step.after)
        takes_all = step.exclusive and step.op == "update"
        for declared in step.before:
            if declared.rule not in kept and (declared.declared or takes_all):
                yield Finding(
                    kind="delete",
                    group=declared.group,
                    resources=(step.name,),
                    urns=(step.urn,),
                    text=f"{declared.rule.as_text} of {declared.group} is deleted",
                    judged=not in_doubt,
                )
