"""
Judges one group of a preview: what the change opens and closes, and the findings.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from dataclasses import replace
from functools import cached_property

from alicloud_ingress.exposure.group_exposure import difference
from alicloud_ingress.exposure.internet import InternetOpening
from alicloud_ingress.exposure.redundancy import covered
from alicloud_ingress.previews.findings import Finding, Gate, GroupReview, Kind
from alicloud_ingress.previews.gate import (
    GroupChange,
    Lists,
    OwnedRule,
    Side,
    lacking,
    openings,
)
from alicloud_ingress.previews.notation import name_of
from alicloud_ingress.previews.outcome import Outcome, flat
from alicloud_ingress.previews.preview import Preview
from alicloud_ingress.previews.waivers import Waivers
from alicloud_ingress.rules.live import LiveGroup
from alicloud_ingress.rules.rule import IngressRule
from alicloud_ingress.rules.spelling import has_expired

SHOW_SAMES = "run pulumi preview with --show-sames"


class JudgedGroup:
    """
    One group, and what a preview does to it.

    Args:
        preview: the steps that concern the group.
        group: its ID, or a text for a future one.
        result: the rules before and after.
        live: the group as it was read; None if it was not.
        lists: contents of lists before and after.
        stops: whether some step of the preview may fail.
    """

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
        self.change = GroupChange(
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
        self._ids: dict[IngressRule, str] = {}
        for owned in (*result.before, *result.after, *(most or ())):
            owners = self._owners.setdefault(owned.rule, {})
            owners.update(dict.fromkeys(owned.owners))
            if owned.rule_id:
                self._ids[owned.rule] = owned.rule_id

    def unjudged(self, today: dt.date) -> GroupReview:
        """
        The part of the review that does not need its rules to be evaluated.
        """
        rules = self.live.rules if self.live else ()
        why_hidden = self._why_hidden()
        now = dt.datetime.combine(today, dt.time(), dt.timezone.utc)
        return GroupReview(
            group=self.group,
            names={
                rule: tuple(dict.fromkeys(map(name_of, owners)))
                for rule, owners in self._owners.items()
            },
            rules_afterwards=len(self.result.after) if self.live else None,
            unmanaged=None
            if self.live is None or why_hidden
            else self.result.unmanaged,
            why_hidden=why_hidden,
            expired=tuple(r for r in rules if has_expired(r.rule.expires_on, now)),
            refusals=self.result.refusals,
            takeovers=self.result.takeovers,
        )

    def _why_hidden(self) -> str:
        """
        Why it is not known which live rules are not in the stack; "" if it is.
        """
        if self.live is None:
            return ""
        if self.preview.hidden:
            return f"the preview does not show all resources; {SHOW_SAMES}"
        names = {
            step.name: None
            for step in self.preview.steps
            for declared in step.before
            if declared.group == self.group and declared.may_be_any
        }
        if names:
            return f"the preview hides which rules {', '.join(names)} has"
        return ""

    def judged(self, review: GroupReview) -> GroupReview:
        """
        A review of the group with what opens and closes, waived or not.

        Raises:
            TooComplexError: the rules are too many or too entangled to be judged.
        """
        return replace(
            review,
            change=difference(self._shown.entries),
            openings=self._found(None),
            idle=tuple(self._idle()),
        )

    @cached_property
    def _shown(self) -> GroupChange:
        """
        The change without live rules whose values the preview hides: a report must not
        show what is secret.
        """
        declared = [
            each for step in self.preview.steps for each in (*step.before, *step.after)
        ]
        hidden = {each.urn for each in declared if each.doubts}
        marked = {flat(each.rule, self.live) for each in declared if each.doubts}
        any_may_be = any(each.may_be_any for each in declared)

        def shown(side: Side) -> Side:
            return tuple(
                owned
                for owned in side
                if owned.rule in marked
                or (
                    hidden.isdisjoint(owned.owners) and (owned.owners or not any_may_be)
                )
            )

        return replace(
            self.change,
            before=shown(self.change.before),
            after=shown(self.change.after),
        )

    def findings(self, gate: Gate, waivers: Waivers) -> list[Finding]:
        """
        The findings about what is newly open to the world.
        """
        return [
            finding
            for kind, ports in gate.world_kinds.items()
            if kind in gate.fail_on
            for finding in self._openings(kind, ports, waivers)
        ]

    def _found(self, ports: frozenset[int] | None) -> tuple[InternetOpening, ...]:
        if ports not in self._known:
            self._known[ports] = openings(self.change, ports)
        return self._known[ports]

    def _openings(
        self, kind: Kind, ports: frozenset[int] | None, waivers: Waivers
    ) -> Iterator[Finding]:
        waived = waivers.of(self.group)
        found = self._found(ports)
        unwaived = openings(self.change, ports, waived) if waived else found
        for opening in unwaived:
            yield self._finding(kind, opening)
        for opening in lacking(found, unwaived):
            finding = self._finding(kind, opening)
            covering = waivers.covering(self.group, finding.urns)
            covering = covering or waivers.covering(self.group, [*waived])
            yield replace(finding, waivers=covering)

    def _finding(self, kind: Kind, opening: InternetOpening) -> Finding:
        owners = dict.fromkeys(
            urn for rule in opening.rules for urn in self._owners.get(rule, ())
        )
        names = [*map(name_of, owners)]
        unowned = (rule for rule in opening.rules if not self._owners.get(rule))
        names += [self._ids[rule] for rule in unowned if rule in self._ids]
        return Finding(
            kind=kind,
            group=self.group,
            resources=tuple(dict.fromkeys(names)),
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
        visible = {owned.rule for owned in (*self._shown.before, *self._shown.after)}
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
            if rules[place] in visible:
                yield rules[place], place < len(after)
