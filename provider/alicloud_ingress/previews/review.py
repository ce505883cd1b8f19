"""
Judges a preview: what it opens and closes in each group, and what is to stop it.

It fails closed. A rule with a value that is not known or secret is `not judged`,
and so is what a drop held back that goes while unchanged rules are not shown.
"""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from alicloud_ingress.exposure import (
    Difference,
    Policy,
    difference,
    newly_world_open,
)
from alicloud_ingress.live import LiveGroup, LiveRule
from alicloud_ingress.policy.diagram import TooComplexError
from alicloud_ingress.policy.world import WorldOpen
from alicloud_ingress.previews.preview import Preview, Step
from alicloud_ingress.previews.stated import RULE_SET, StatedRule
from alicloud_ingress.previews.waivers import Waiver
from alicloud_ingress.rule import IngressRule

FAIL_ON = ("world-open-admin", "world-open-any", "gap", "delete", "unmanaged")
ADMIN_PORTS = (22, 3389)
RULE_LIMIT = 1_000
"""
Rules of one network interface, in and out, over all of its groups.
"""

SHOW_SAMES = "make the preview with --show-sames, or use --live"
_HIDDEN = tuple(
    IngressRule.parse({"ip_protocol": "all", name: world, "priority": 100})
    for name, world in (
        ("source_cidr_ip", "0.0.0.0/0"),
        ("ipv6_source_cidr_ip", "::/0"),
    )
)
"""
The worst that a rule may be that is there and not shown.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """
    Something that `--fail-on` asks for.

    Args:
        kind: one of `FAIL_ON`.
        resources: names of those that bring it about; the ID of an unmanaged rule.
        judged: False where it may be so.
        waived: the reasons of the waivers that cover it; "" if it counts.
    """

    kind: str
    resources: tuple[str, ...]
    text: str
    judged: bool = True
    waived: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupReview:
    """
    What a preview does to one group.

    Args:
        group: its ID, or in words whose it will be.
        change: None if the rules are too entangled to be judged.
        perhaps_world_open: what may be newly open to the world by rules not shown.
        names: the resources that state a rule.
        rules_left: how many live rules there will be; None without a look.
        unmanaged: live rules that the stack does not state; None if not told.
        expired: live rules past their date.
        twins: resources whose rule is there already, and which live rule it is.
    """

    group: str
    change: Difference | None
    perhaps_world_open: tuple[WorldOpen, ...]
    admin: tuple[WorldOpen, ...]
    names: Mapping[IngressRule, tuple[str, ...]]
    added: frozenset[IngressRule]
    rules_left: int | None = None
    unmanaged: tuple[LiveRule, ...] | None = None
    expired: tuple[LiveRule, ...] = ()
    twins: tuple[tuple[Step, LiveRule], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Review:
    """
    A preview, judged.
    """

    preview: Preview
    groups: tuple[GroupReview, ...]
    findings: tuple[Finding, ...]
    problems: tuple[str, ...]

    @property
    def failing(self) -> tuple[Finding, ...]:
        """
        The findings that no waiver covers.
        """
        return tuple(finding for finding in self.findings if not finding.waived)


@dataclass(frozen=True, slots=True, kw_only=True)
class Gate:
    """
    What is to stop a pull request.

    Args:
        fail_on: kinds of `FAIL_ON`.
        admin_ports: what `world-open-admin` is about.
        waivers: those that have ended have no effect.
    """

    fail_on: frozenset[str] = frozenset()
    admin_ports: frozenset[int] = frozenset(ADMIN_PORTS)
    waivers: tuple[Waiver, ...] = ()


def judge(
    preview: Preview,
    gate: Gate,
    *,
    today: dt.date,
    live: Mapping[str, LiveGroup] | None = None,
    problems: Iterable[str] = (),
) -> Review:
    """
    Judge a preview.

    Args:
        preview: as read.
        gate: what to look for.
        today: in UTC, for waivers and expired rules.
        live: groups as they stand, by ID, of those that were looked at.
        problems: why something is missing, one sentence each.
    """
    asked = gate.fail_on
    ports = gate.admin_ports if "world-open-admin" in asked else frozenset[int]()
    groups = tuple(
        _Group(preview, group, (live or {}).get(group), today).review(ports)
        for group in groups_of(preview)
    )
    tangled = [
        f"the rules of {g.group} overlap in too many ways to be judged"
        for g in groups
        if g.change is None
    ]
    found = [f for f in _findings(preview, groups) if f.kind in asked]
    valid = {w.resource: w.reason for w in gate.waivers if today <= w.until}
    return Review(
        preview=preview,
        groups=groups,
        findings=tuple(_waived(finding, valid) for finding in found),
        problems=(*preview.problems, *problems, *tangled),
    )


def groups_of(preview: Preview) -> dict[str, str]:
    """
    The groups that a preview names, and the region of each where it is told.
    """
    groups: dict[str, str] = {}
    for stated in _stated(preview):
        groups[stated.group] = groups.get(stated.group) or stated.region
    return dict(sorted(groups.items()))


def known_groups(preview: Preview) -> dict[str, str]:
    """
    Those of them that are IDs.
    """
    known = {stated.group for stated in _stated(preview) if stated.known_group}
    return {g: region for g, region in groups_of(preview).items() if g in known}


def _stated(preview: Preview) -> Iterator[StatedRule]:
    for step in preview.steps:
        yield from step.before
        yield from step.after


class _Group:
    """
    Gathers what is known of one group.
    """

    def __init__(
        self, preview: Preview, group: str, live: LiveGroup | None, today: dt.date
    ) -> None:
        self.preview = preview
        self.group = group
        self.live = live
        self.today = today.isoformat()
        self.before = [r for s in preview.steps for r in s.before if r.group == group]
        self.after = [r for s in preview.steps for r in s.after if r.group == group]

    def review(self, admin_ports: frozenset[int]) -> GroupReview:
        names: dict[IngressRule, tuple[str, ...]] = {}
        for stated in (*self.before, *self.after):
            known = names.get(stated.rule, ())
            if stated.resource not in known:
                names[stated.rule] = (*known, stated.resource)
        others = self._others()
        standing = tuple(live.rule for live in others)
        before = [stated.rule for stated in self.before]
        after = [stated.rule for stated in self.after]
        result = GroupReview(
            group=self.group,
            change=None,
            perhaps_world_open=(),
            admin=(),
            names=names,
            added=frozenset(Counter(after) - Counter(before)),
            rules_left=self._rules_left(),
            unmanaged=None if self.live is None or self.preview.hidden else others,
            expired=self._expired(),
            twins=tuple(self._twins()),
        )
        try:
            return self._judged(result, standing, admin_ports)
        except TooComplexError:
            return result

    def _judged(
        self,
        result: GroupReview,
        standing: tuple[IngressRule, ...],
        admin_ports: frozenset[int],
    ) -> GroupReview:
        before = [stated.rule for stated in self.before]
        after = [stated.rule for stated in self.after]
        was, is_ = Policy([*before, *standing]), Policy([*after, *standing])
        admin = newly_world_open(was, is_, admin_ports) if admin_ports else ()
        result = replace(result, change=difference(was, is_), admin=admin)
        if not self._may_uncover():
            return result
        was, is_ = Policy([*before, *_HIDDEN]), Policy([*after, *_HIDDEN])
        worst = newly_world_open(was, is_, admin_ports) if admin_ports else ()
        return replace(
            result,
            perhaps_world_open=_uncertain(newly_world_open(was, is_)),
            admin=(*admin, *_uncertain(worst)),
        )

    def _may_uncover(self) -> bool:
        """
        Whether a drop goes that may have held back a rule that is not shown.
        """
        taken = Counter(s.rule for s in self.before) - Counter(
            s.rule for s in self.after
        )
        goes = any(rule.policy != "accept" for rule in taken)
        return goes and self.preview.hidden > 0 and self.live is None

    def _others(self) -> tuple[LiveRule, ...]:
        """
        The live rules that no resource of the preview states.
        """
        if self.live is None:
            return ()
        ids = {stated.rule_id for stated in self.before} - {""}
        nameless = Counter(s.rule for s in self.before if not s.rule_id)
        others: list[LiveRule] = []
        for live in self.live.rules:
            if live.rule_id in ids:
                continue
            if nameless[live.rule]:
                nameless[live.rule] -= 1
                continue
            others.append(live)
        return tuple(others)

    def _rules_left(self) -> int | None:
        if self.live is None:
            return None
        return len(self.live.rules) + len(self.after) - len(self.before)

    def _expired(self) -> tuple[LiveRule, ...]:
        rules = self.live.rules if self.live else ()
        return tuple(r for r in rules if "" < r.rule.expires_on < self.today)

    def _twins(self) -> Iterator[tuple[Step, LiveRule]]:
        for step in self.preview.steps:
            if self.live is None or step.op not in ("create", "replace"):
                continue
            for stated in step.after:
                if stated.group == self.group and stated not in step.before:
                    twin = self.live.identical_to(stated.rule)
                    if twin is not None:
                        yield step, twin


def _uncertain(openings: Iterable[WorldOpen]) -> tuple[WorldOpen, ...]:
    return tuple(replace(opening, certain=False, rules=()) for opening in openings)


def _findings(preview: Preview, groups: Sequence[GroupReview]) -> Iterator[Finding]:
    for group in groups:
        if group.change is not None:
            anything = (*group.change.newly_world_open, *group.perhaps_world_open)
            yield from _openings("world-open-any", group, anything)
            yield from _openings("world-open-admin", group, group.admin)
    for step in preview.steps:
        yield from _losses(step)
    for group in groups:
        if group.unmanaged is None and group.rules_left is not None:
            yield Finding(
                kind="unmanaged",
                resources=(),
                text=f"{group.group}: the preview does not show all resources;"
                " make it with --show-sames",
                judged=False,
            )
        for live in group.unmanaged or ():
            yield Finding(
                kind="unmanaged",
                resources=(live.rule_id,) if live.rule_id else (),
                text=f"{live.rule.in_words} of {group.group} is not in this stack",
            )


def _openings(
    kind: str, group: GroupReview, openings: Iterable[WorldOpen]
) -> Iterator[Finding]:
    for opening in openings:
        named = dict.fromkeys(
            name for rule in opening.rules for name in group.names.get(rule, ())
        )
        yield Finding(
            kind=kind,
            resources=tuple(named),
            text=f"{opening.in_words} of {group.group}",
            judged=opening.certain,
        )


def _losses(step: Step) -> Iterator[Finding]:
    if step.gap:
        yield Finding(
            kind="gap",
            resources=(step.name,),
            text="the old rule is deleted before its replacement comes",
        )
    if step.retained or step.op not in ("delete", "update"):
        return
    if step.op == "delete" or step.kind == RULE_SET:
        staying = {stated.rule for stated in step.after}
        doubted = any(stated.doubts for stated in step.after)
        for stated in step.before:
            if stated.rule not in staying:
                yield Finding(
                    kind="delete",
                    resources=(step.name,),
                    text=f"{stated.rule.in_words} of {stated.group} is deleted",
                    judged=not doubted,
                )


def _waived(finding: Finding, valid: Mapping[str, str]) -> Finding:
    reasons = [valid.get(name, "") for name in finding.resources]
    if not reasons or not all(reasons):
        return finding
    return replace(finding, waived="; ".join(dict.fromkeys(reasons)))
