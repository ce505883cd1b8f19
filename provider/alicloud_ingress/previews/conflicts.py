"""
Where steps get in the way of each other, or of rules that exist.

A create of this provider fails where the rule exists, unless it adopts. One of
pulumi-alicloud takes the rule over.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain

from alicloud_ingress.previews.outcome import (
    IDENTICAL,
    Added,
    Refusal,
    Takeover,
    created_twice,
)
from alicloud_ingress.previews.peer import PEER_RULE
from alicloud_ingress.previews.slots import Slots


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
        """
        Find the live rules that make an update fail.
        """
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
