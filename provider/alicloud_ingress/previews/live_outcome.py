"""
Applies a preview to a group that was read.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence

from alicloud_ingress.previews.declared import RULE_SET, DeclaredRule
from alicloud_ingress.previews.gate import OwnedRule
from alicloud_ingress.previews.notation import UNCHANGED
from alicloud_ingress.previews.outcome import (
    Added,
    Outcome,
    Refusal,
    key,
    steps_by_rule,
)
from alicloud_ingress.previews.peer import PEER_RULE, as_the_peer_compares
from alicloud_ingress.previews.preview import Preview
from alicloud_ingress.previews.slots import Conflicts, Slot, Slots
from alicloud_ingress.previews.steps import Step
from alicloud_ingress.rules.live import LiveGroup
from alicloud_ingress.rules.rule import IngressRule

_DIFFERS = "which is not in the group as the program declares it"
_GONE = "which no longer exists: run pulumi refresh, or preview with --refresh"


def live_outcome(preview: Preview, live: LiveGroup) -> Outcome:
    """
    Work out what a preview does to a group.
    """
    return _Applied(preview, live).outcome()


def _accepting(added: Iterable[Added]) -> Iterator[OwnedRule]:
    """
    The rules that may accept, of those that steps create or change.
    """
    for rule, step in added:
        if not rule.drops:
            yield OwnedRule(rule=rule, owners=(step.urn,))


class _Applied:
    def __init__(self, preview: Preview, live: LiveGroup) -> None:
        self._live = live
        self._steps = preview.steps
        self._slots = Slots(live)
        self._flat = self._slots.flat
        self._added: list[Added] = []
        self._perhaps_added: list[Added] = []
        self._may_differ: set[IngressRule] = set()
        self._revoked_by_peer: dict[IngressRule, list[Step]] = defaultdict(list)
        self._refusals: list[Refusal] = []
        self._gone: set[tuple[str, str]] = set()
        self._any_drop_may_go = False

    def outcome(self) -> Outcome:
        for step in self._steps:
            self._apply(step)
        conflicts = Conflicts(self._slots, self._added)
        after = tuple(self._after())
        most = tuple(self._most_after())
        return Outcome(
            before=tuple(slot.owned for slot in self._slots),
            after=after,
            most_after=None if most == after else most,
            if_it_stops=tuple(self._if_it_stops()),
            refusals=(*self._refusals, *conflicts.refusals),
            may_stop=conflicts.may_stop,
            takeovers=tuple(conflicts.takeovers),
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
        if step.op in UNCHANGED or step.fate == "retained":
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
                holds = step.fate == "goes with its group" and old.rule.drops
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
            slot = next(iter(self._slots.found(step, old)), None)
            if slot is None or self._flat(old).difference(slot.rule):
                rule = slot.live.rule_id if slot else old.rule.as_text
                self._refusals.append(Refusal(step, rule, _DIFFERS))

    def _keep(self, step: Step, olds: Iterable[DeclaredRule]) -> None:
        for old in olds:
            for slot in self._slots.found(step, old)[:1]:
                self._declare(slot, step)
                slot.keepers.append(step)

    def _remove(self, step: Step, old: DeclaredRule, *, stays: bool = False) -> None:
        """
        Delete a rule; `stays` if it may exist all the same.
        """
        slots = self._slots.found(step, old)
        if step.kind == PEER_RULE:
            seen = as_the_peer_compares(self._flat(old))
            self._revoked_by_peer[seen].append(step)
        if not slots:
            self._any_drop_may_go |= old.may_be_any
            self._gone.add(key(step))
        for slot in slots:
            self._declare(slot, step)
            slot.removers.append(step)
            # A resource of pulumi-alicloud finds its rule by attributes: it may delete
            # any of these.
            slot.is_unsure |= stays or step.may_stay or len(slots) > 1
            slot.is_unsure |= self._slots.may_miss(step, old, slot)

    def _update(
        self, step: Step, olds: Sequence[DeclaredRule], news: Sequence[DeclaredRule]
    ) -> None:
        if olds and not news:
            # The group is the same, but from now on its ID is secret.
            for old in olds:
                self._remove(step, old, stays=True)
            return
        slots = self._slots.found(step, olds[0])[:1] if olds else []
        for slot in slots:
            self._declare(slot, step)
            slot.is_unsure |= self._slots.may_miss(step, olds[0], slot)
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
            if old.may_be_any:
                self._any_drop_may_go = True
            elif step.kind != PEER_RULE:
                rule = old.rule_id or old.rule.as_text
                self._refusals.append(Refusal(step, rule, _GONE))

    def _update_set(
        self, step: Step, olds: Sequence[DeclaredRule], news: Sequence[DeclaredRule]
    ) -> None:
        wanted = {self._flat(new) for new in news}
        members: dict[IngressRule, Slot] = {}
        for old in olds:
            rule = self._flat(old)
            if rule in wanted:
                slots = self._slots.found(step, old)[:1]
                self._any_drop_may_go |= not slots and old.hides_id
                for slot in slots:
                    self._declare(slot, step)
                    members[rule] = slot
            elif old.declared or step.settings.exclusive:
                self._remove(step, old, stays=step.settings.keeps)
            else:
                self._keep(step, [old])
        for new in news:
            rule = self._flat(new)
            if rule in members:
                members.pop(rule).changes.append((rule, step))
            else:
                self._added.append((rule, step))

    def _declare(self, slot: Slot, step: Step) -> None:
        if step.urn not in slot.declared_by:
            slot.declared_by.append(step.urn)

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
            if not (owned.rule.drops and is_lost):
                yield owned
        for slot in self._slots:
            if slot.may_stay and not slot.rule.drops:
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
            if not (slot.rule.drops and may_go):
                yield slot.owned
            yield from _accepting(slot.changes)
        yield from _accepting((*self._added, *self._perhaps_added))
