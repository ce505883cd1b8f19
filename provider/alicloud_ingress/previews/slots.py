"""
The live rules of a group: which of them a declared rule is, and what is done to them.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field

from alicloud_ingress.previews.declared import DeclaredRule
from alicloud_ingress.previews.gate import OwnedRule
from alicloud_ingress.previews.outcome import Added, flat
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
