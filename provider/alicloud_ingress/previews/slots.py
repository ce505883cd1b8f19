"""
The live rules of a group: which of them a declared rule is, what is done to them, and
where steps get in the way of each other, or of rules that exist.

A create of this provider fails where the rule exists, unless it adopts. One of
pulumi-alicloud takes the rule over.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import chain

from alicloud_ingress.previews.declared import DeclaredRule
from alicloud_ingress.previews.gate import OwnedRule
from alicloud_ingress.previews.outcome import (
    IDENTICAL,
    Added,
    Refusal,
    Takeover,
    created_twice,
    flat,
)
from alicloud_ingress.previews.peer import PEER_RULE, as_the_peer_compares
from alicloud_ingress.previews.steps import Step
from alicloud_ingress.rules.live import LiveGroup, LiveRule
from alicloud_ingress.rules.rule import IngressRule


@dataclass(slots=True, eq=False)
class Slot:
    """
    A live rule, and what the steps do to it.

    Args:
        rule: for comparisons; see `flat`.
        declared_by: URNs of the resources that have it in their state.
        keepers: the steps that keep it unchanged.
        removers: the steps that delete it.
        changes: what it is changed into, and by which step; more than one if two
            resources have the same rule.
        is_unsure: whether it may still exist after it is deleted or changed.
    """

    live: LiveRule
    rule: IngressRule
    declared_by: list[str] = field(default_factory=list[str])
    keepers: list[Step] = field(default_factory=list[Step])
    removers: list[Step] = field(default_factory=list[Step])
    changes: list[Added] = field(default_factory=list[Added])
    is_unsure: bool = False

    @property
    def owned(self) -> OwnedRule:
        """
        The live rule as it is, with its owners.
        """
        return OwnedRule(
            rule=self.rule, owners=tuple(self.declared_by), rule_id=self.live.rule_id
        )

    @property
    def changes_identity(self) -> bool:
        """
        Whether a step changes it into another rule.
        """
        return any(rule != self.rule for rule, _ in self.changes)

    def is_held(self, step: Step) -> bool:
        """
        Whether another resource of this provider has it afterwards, too.
        """
        holders = (*self.keepers, *(holder for _, holder in self.changes))
        return any(
            holder.urn != step.urn
            and holder.kind != PEER_RULE
            and holder.op not in ("delete", "replace")
            for holder in holders
        )

    @property
    def may_stay(self) -> bool:
        """
        Whether it may exist unchanged although a step deletes or changes it.

        An update of a rule that another resource keeps creates a second one.
        """
        return (self.is_unsure and bool(self.removers or self.changes)) or bool(
            self.keepers and self.changes
        )


class Slots:
    """
    The slots of a group, found by declared rules.
    """

    def __init__(self, live: LiveGroup) -> None:
        self._live = live
        self._slots = [Slot(each, flat(each.rule, live)) for each in live.rules]
        self._by_id = {s.live.rule_id: s for s in self._slots if s.live.rule_id}
        self._by_rule: dict[IngressRule, list[Slot]] = defaultdict(list)
        self._by_ports: dict[tuple[str, str], list[Slot]] = defaultdict(list)
        for slot in self._slots:
            self._by_rule[slot.rule].append(slot)
            self._by_ports[slot.rule.ip_protocol, slot.rule.port_range].append(slot)

    def __iter__(self) -> Iterator[Slot]:
        return iter(self._slots)

    def flat(self, declared: DeclaredRule) -> IngressRule:
        """
        See `outcome.flat`.
        """
        return flat(declared.rule, self._live)

    def found(self, step: Step, old: DeclaredRule) -> list[Slot]:
        """
        The live rules that may be a declared one: by ID, or else by identity.

        pulumi-alicloud goes by the rule's attributes even if the state has its ID.
        """
        named = self._by_id.get(old.rule_id)
        found = [named] if named else []
        if old.doubts or (old.rule_id and step.kind != PEER_RULE):
            return found
        rule = self.flat(old)
        if step.kind == PEER_RULE:
            wanted = as_the_peer_compares(rule)
            ports = (rule.ip_protocol, rule.port_range)
            alike = (s for s in self._by_ports.get(ports, []) if s is not named)
            return found + [s for s in alike if as_the_peer_compares(s.rule) == wanted]
        identical = self.identical(rule)
        free = [s for s in identical if not s.declared_by or s.declared_by == [old.urn]]
        return (free or identical)[:1]

    def may_miss(self, step: Step, old: DeclaredRule, slot: Slot) -> bool:
        """
        Whether pulumi-alicloud may not find its rule, which was changed since.
        """
        if step.kind != PEER_RULE:
            return False
        known, live = (
            as_the_peer_compares(rule) for rule in (self.flat(old), slot.rule)
        )
        return known != live

    def identical(self, rule: IngressRule) -> list[Slot]:
        """
        The slots of rules that are the same, also if ECS clears host bits.
        """
        return self._by_rule.get(rule) or self._by_rule.get(rule.masked, [])


class Conflicts:
    """
    The conflicts of the steps of a group that was read.

    Args:
        slots: what the steps do to its rules.
        added: rules that they create.

    Attributes:
        refusals: steps that will fail.
        takeovers: steps that take over a live rule.
        may_stop: see `Outcome`.
    """

    def __init__(self, slots: Slots, added: Sequence[Added]) -> None:
        self.refusals: list[Refusal] = []
        self.takeovers: list[Takeover] = []
        self.may_stop = False
        self._find_in_creates(slots, added)
        self._find_in_updates(slots)

    def _find_in_creates(self, slots: Slots, added: Sequence[Added]) -> None:
        """
        Find the live rules that make a create fail, or that it takes over.
        """
        for rule, step in added:
            for slot in slots.identical(rule)[:1]:
                if step.gap and step in slot.removers:
                    continue
                if slot.changes_identity or any(s.gap for s in slot.removers):
                    self.may_stop |= step.kind != PEER_RULE
                    continue
                rule_id = slot.live.rule_id or "a rule"
                if step.settings.adopts or step.kind == PEER_RULE:
                    self.takeovers.append(Takeover(step, rule_id))
                    self.may_stop |= step.kind != PEER_RULE and slot.is_held(step)
                else:
                    self.refusals.append(Refusal(step, rule_id, IDENTICAL))
        changed = (s.changes for s in slots if s.changes_identity)
        self.refusals += created_twice((*added, *chain.from_iterable(changed)))

    def _find_in_updates(self, slots: Slots) -> None:
        for slot in slots:
            for rule, step in slot.changes if slot.changes_identity else ():
                for other in slots.identical(rule)[:1]:
                    if other is slot:
                        continue
                    if other.changes_identity or other.removers:
                        self.may_stop |= step.kind != PEER_RULE
                    else:
                        there = other.live.rule_id or "a rule"
                        self.refusals.append(Refusal(step, there, IDENTICAL))
