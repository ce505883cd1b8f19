"""
Applies a preview to a group that was read.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import chain

from alicloud_ingress.previews.declared import (
    PEER_RULE,
    RULE_SET,
    DeclaredRule,
    as_the_peer_compares,
)
from alicloud_ingress.previews.gate import OwnedRule
from alicloud_ingress.previews.operations import UNCHANGED
from alicloud_ingress.previews.outcome import (
    IDENTICAL,
    Added,
    Outcome,
    Refusal,
    Takeover,
    created_twice,
    drops,
    flat,
    key,
    steps_by_rule,
)
from alicloud_ingress.previews.preview import Preview
from alicloud_ingress.previews.steps import Step
from alicloud_ingress.rules.live import LiveGroup, LiveRule
from alicloud_ingress.rules.rule import IngressRule

_DIFFERS = "which is not in the group as the program declares it"
_GONE = "which no longer exists: run pulumi refresh, or preview with --refresh"


def live_outcome(preview: Preview, live: LiveGroup) -> Outcome:
    """
    Work out what a preview does to a group.
    """
    return _Applied(preview, live).outcome()


@dataclass(slots=True, eq=False)
class _Slot:
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


def _accepting(added: Iterable[Added]) -> Iterator[OwnedRule]:
    """
    The rules that may accept, of those that steps create or change.
    """
    for rule, step in added:
        if not drops(rule):
            yield OwnedRule(rule=rule, owners=(step.urn,))


class _Applied:
    def __init__(self, preview: Preview, live: LiveGroup) -> None:
        self._live = live
        self._steps = preview.steps
        self._slots = [_Slot(each, flat(each.rule, live)) for each in live.rules]
        self._by_id = {s.live.rule_id: s for s in self._slots if s.live.rule_id}
        self._by_rule: dict[IngressRule, list[_Slot]] = defaultdict(list)
        self._by_ports: dict[tuple[str, str], list[_Slot]] = defaultdict(list)
        for slot in self._slots:
            self._by_rule[slot.rule].append(slot)
            self._by_ports[slot.rule.ip_protocol, slot.rule.port_range].append(slot)
        self._added: list[Added] = []
        self._perhaps_added: list[Added] = []
        self._may_differ: set[IngressRule] = set()
        self._revoked_by_peer: dict[IngressRule, list[Step]] = defaultdict(list)
        self._refusals: list[Refusal] = []
        self._takeovers: list[Takeover] = []
        self._gone: set[tuple[str, str]] = set()
        self._any_drop_may_go = False
        self._may_stop = False

    def outcome(self) -> Outcome:
        for step in self._steps:
            self._apply(step)
        self._find_conflicts_of_creates()
        self._find_conflicts_of_updates()
        after = tuple(self._after())
        most = tuple(self._most_after())
        return Outcome(
            before=tuple(slot.owned for slot in self._slots),
            after=after,
            most_after=None if most == after else most,
            if_it_stops=tuple(self._if_it_stops()),
            refusals=tuple(self._refusals),
            may_stop=self._may_stop,
            takeovers=tuple(self._takeovers),
            gone=frozenset(self._gone),
            unmanaged=tuple(s.live for s in self._slots if not s.declared_by),
        )

    def _apply(self, step: Step) -> None:
        olds = [s for s in step.before if s.group == self._live.group_id]
        news = [s for s in step.after if s.group == self._live.group_id]
        if step.op == "import":
            self._find_differences(step, olds)
        elif step.op not in UNCHANGED:
            self._may_differ |= {self._flat(new) for new in news if new.is_unsure}
        if step.op in UNCHANGED or step.retained:
            self._keep(step, olds)
            if step.op not in UNCHANGED:
                self._added += [(self._flat(n), step) for n in news if n not in olds]
        elif step.op == "update" and step.kind == RULE_SET:
            self._update_set(step, olds, news)
        elif step.op == "update":
            self._update(step, olds, news)
        else:
            # The engine drops a resource that it only read, and deletes nothing.
            staying = step.op == "delete" and bool(news)
            for old in olds:
                holds = step.goes_with_group and drops(old.rule)
                if staying or holds or not old.declared:
                    self._keep(step, [old])
                else:
                    self._remove(step, old)
            if not staying:
                self._added += [(self._flat(new), step) for new in news]

    def _find_differences(self, step: Step, olds: Iterable[DeclaredRule]) -> None:
        """
        Find the rules that make an import fail, since they differ from the program.
        """
        for old in olds:
            live = next((s.live for s in self._found(step, old)), None)
            if live is None or self._flat(old).difference(flat(live.rule, self._live)):
                rule = live.rule_id if live else old.rule.as_text
                self._refusals.append(Refusal(step, rule, _DIFFERS))

    def _keep(self, step: Step, olds: Iterable[DeclaredRule]) -> None:
        for old in olds:
            for slot in self._found(step, old)[:1]:
                self._declare(slot, step)
                slot.keepers.append(step)

    def _remove(self, step: Step, old: DeclaredRule, *, stays: bool = False) -> None:
        """
        Delete a rule; `stays` if it may exist all the same.
        """
        slots = self._found(step, old)
        if step.kind == PEER_RULE:
            seen = as_the_peer_compares(self._flat(old))
            self._revoked_by_peer[seen].append(step)
        if not slots:
            self._any_drop_may_go |= self._may_be_any(old)
            self._gone.add(key(step))
        for slot in slots:
            self._declare(slot, step)
            slot.removers.append(step)
            # A resource of pulumi-alicloud finds its rule by attributes: it may delete
            # any of these.
            slot.is_unsure |= stays or step.unsure_delete or len(slots) > 1
            slot.is_unsure |= self._may_miss(step, old, slot)

    def _update(
        self, step: Step, olds: Sequence[DeclaredRule], news: Sequence[DeclaredRule]
    ) -> None:
        if olds and not news:
            # The group is the same, but from now on its ID is secret.
            for old in olds:
                self._remove(step, old, stays=True)
            return
        slots = self._found(step, olds[0])[:1] if olds else []
        for slot in slots:
            self._declare(slot, step)
            slot.is_unsure |= self._may_miss(step, olds[0], slot)
        changes = [(self._flat(new), step) for new in news]
        if slots:
            slots[0].changes += changes
            return
        if all(old.is_unsure for old in olds):
            self._added += changes
            return
        self._perhaps_added += changes
        for old in olds:
            self._gone.add(key(step))
            if self._may_be_any(old):
                self._any_drop_may_go = True
            elif step.kind != PEER_RULE:
                rule = old.rule_id or old.rule.as_text
                self._refusals.append(Refusal(step, rule, _GONE))

    def _update_set(
        self, step: Step, olds: Sequence[DeclaredRule], news: Sequence[DeclaredRule]
    ) -> None:
        wanted = {self._flat(new) for new in news}
        members: dict[IngressRule, _Slot] = {}
        for old in olds:
            rule = self._flat(old)
            if rule in wanted:
                slots = self._found(step, old)[:1]
                self._any_drop_may_go |= not slots and old.hides_id
                for slot in slots:
                    self._declare(slot, step)
                    members[rule] = slot
            elif old.declared or step.exclusive:
                self._remove(step, old, stays=step.keeps)
            else:
                self._keep(step, [old])
        for new in news:
            rule = self._flat(new)
            if rule in members:
                members.pop(rule).changes.append((rule, step))
            else:
                self._added.append((rule, step))

    def _declare(self, slot: _Slot, step: Step) -> None:
        if step.urn not in slot.declared_by:
            slot.declared_by.append(step.urn)

    def _found(self, step: Step, old: DeclaredRule) -> list[_Slot]:
        """
        The live rules that may be a declared one: by ID, or else by identity.

        pulumi-alicloud goes by the rule's attributes even if the state has its ID.
        """
        named = self._by_id.get(old.rule_id)
        found = [named] if named else []
        if old.doubts or (old.rule_id and step.kind != PEER_RULE):
            return found
        rule = self._flat(old)
        if step.kind == PEER_RULE:
            wanted = as_the_peer_compares(rule)
            ports = (rule.ip_protocol, rule.port_range)
            alike = (s for s in self._by_ports.get(ports, []) if s is not named)
            return found + [s for s in alike if as_the_peer_compares(s.rule) == wanted]
        identical = self._identical(rule)
        free = [s for s in identical if not s.declared_by or s.declared_by == [old.urn]]
        return (free or identical)[:1]

    @staticmethod
    def _may_be_any(old: DeclaredRule) -> bool:
        """
        Whether nothing tells which live rule it is.
        """
        return not old.rule_id and (bool(old.doubts) or old.hides_id)

    def _may_miss(self, step: Step, old: DeclaredRule, slot: _Slot) -> bool:
        """
        Whether pulumi-alicloud may not find its rule, which was changed since.
        """
        if step.kind != PEER_RULE:
            return False
        known, live = (
            as_the_peer_compares(rule) for rule in (self._flat(old), slot.rule)
        )
        return known != live

    def _identical(self, rule: IngressRule) -> list[_Slot]:
        return self._by_rule.get(rule) or self._by_rule.get(rule.masked, [])

    def _flat(self, declared: DeclaredRule) -> IngressRule:
        return flat(declared.rule, self._live)

    @staticmethod
    def _stays(removers: Sequence[Step], holders: Iterable[Step]) -> bool:
        """
        Whether a live rule is kept: if no step deletes it, or if another resource has
        it too and all of them are of this provider.
        """
        ours = {step.urn for step in holders if step.kind != PEER_RULE}
        return not removers or (
            any(ours - {remover.urn} for remover in removers)
            and all(remover.kind != PEER_RULE for remover in removers)
        )

    def _after(self) -> Iterator[OwnedRule]:
        added = steps_by_rule(self._added)
        for slot in self._slots:
            if slot.changes:
                rule, step = slot.changes[-1]
                owners = [step.urn]
            elif self._stays(slot.removers, (*slot.keepers, *added.get(slot.rule, ()))):
                rule, owners = slot.rule, [step.urn for step in slot.keepers]
            else:
                continue
            owners += [step.urn for step in added.pop(rule, ())]
            yield OwnedRule(
                rule=rule,
                owners=tuple(dict.fromkeys(owners)),
                rule_id=slot.live.rule_id,
            )
        for rule, steps in added.items():
            yield OwnedRule(
                rule=rule, owners=tuple(dict.fromkeys(step.urn for step in steps))
            )

    def _lost(self) -> Iterator[IngressRule]:
        """
        Rules that may be missing afterwards although a step wants them.

        One step deletes the rule and another wants it, or one step replaces it with a
        gap; or two steps change it, or one changes it and another creates it. A
        resource that only keeps the rule may not be asked: with `--target`, or if the
        state has no mark of it as an owner. If pulumi-alicloud replaces a rule with an
        identical one, it is missing: the old one is revoked by its attributes, which
        the new one shares.
        """
        added = steps_by_rule(self._added)
        for slot in self._slots:
            adders = added.get(slot.rule, ())
            wanting = {step.urn for step in adders}
            if adders and slot.changes_identity:
                yield slot.rule
            if not self._stays(slot.removers, adders) and any(
                remover.gap or remover.kind == PEER_RULE or remover.urn not in wanting
                for remover in slot.removers
            ):
                yield slot.rule
            if slot.changes and (slot.removers or len(slot.changes) > 1):
                yield slot.changes[-1][0]
        for rule, step in self._added:
            has_gap = step.gap and key(step) not in self._gone
            if has_gap or self._is_revoked_by_peer(rule, step):
                yield rule
        yield from self._may_differ

    def _is_revoked_by_peer(self, rule: IngressRule, step: Step) -> bool:
        """
        Whether pulumi-alicloud may revoke a rule after this step has created it.
        """
        revokers = self._revoked_by_peer.get(as_the_peer_compares(rule), ())
        return any(revoker is not step or not step.gap for revoker in revokers)

    def _most_after(self) -> Iterator[OwnedRule]:
        """
        The most open case: with all rules that may accept, and without rules that drop
        and may be missing.
        """
        lost = set(self._lost())
        for owned in self._after():
            is_lost = owned.rule in lost or self._any_drop_may_go
            if not (drops(owned.rule) and is_lost):
                yield owned
        for slot in self._slots:
            if slot.may_stay and not drops(slot.rule):
                yield slot.owned
            yield from _accepting(slot.changes[:-1])
        yield from _accepting(self._perhaps_added)

    def _if_it_stops(self) -> Iterator[OwnedRule]:
        """
        The most open case if the run stops at any step: all rules that accept, before
        or after, and the rules that drop and that no step changes.
        """
        for slot in self._slots:
            may_go = self._any_drop_may_go or slot.removers or slot.changes_identity
            if not (drops(slot.rule) and may_go):
                yield slot.owned
            yield from _accepting(slot.changes)
        yield from _accepting((*self._added, *self._perhaps_added))

    def _find_conflicts_of_creates(self) -> None:
        """
        Find the live rules that make a create fail, or that it takes over.
        """
        for rule, step in self._added:
            for slot in self._identical(rule)[:1]:
                if step.gap and step in slot.removers:
                    continue
                if slot.changes_identity or any(s.gap for s in slot.removers):
                    self._may_stop |= step.kind != PEER_RULE
                    continue
                rule_id = slot.live.rule_id or "a rule"
                if step.adopts or step.kind == PEER_RULE:
                    self._takeovers.append(Takeover(step, rule_id))
                    self._may_stop |= step.kind != PEER_RULE and slot.is_held(step)
                else:
                    self._refusals.append(Refusal(step, rule_id, IDENTICAL))
        changed = (s.changes for s in self._slots if s.changes_identity)
        self._refusals += created_twice((*self._added, *chain.from_iterable(changed)))

    def _find_conflicts_of_updates(self) -> None:
        """
        Find the live rules that make an update fail.
        """
        for slot in self._slots:
            for rule, step in slot.changes if slot.changes_identity else ():
                for other in self._identical(rule)[:1]:
                    if other is slot:
                        continue
                    if other.changes_identity or other.removers:
                        self._may_stop |= step.kind != PEER_RULE
                    else:
                        there = other.live.rule_id or "a rule"
                        self._refusals.append(Refusal(step, there, IDENTICAL))
