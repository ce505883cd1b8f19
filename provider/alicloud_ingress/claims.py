"""
Which rule IDs the live resources of one process hold, and which are to change.

A program that names its rules by their place in a list shifts them when an
entry is put in at the front: each resource then wants the identity that its
neighbour is about to leave. Claims let one wait for the other.
"""

from __future__ import annotations

import threading

PATIENCE = 60.0
"""
Seconds that one resource waits for another: the engine may never get to it.
"""


class Claims:
    """
    Rule IDs held by resources; safe to use from several threads.
    """

    def __init__(self, patience: float = PATIENCE) -> None:
        self._patience = patience
        self._changed = threading.Condition()
        self._held: set[str] = set()
        self._moving: dict[str, str] = {}

    def hold(self, rule_id: str, *, moving: bool = False) -> None:
        """
        A live resource has this rule, and is about to change it if *moving*.
        """
        if not rule_id:
            return
        with self._changed:
            self._held.add(rule_id)
            if moving:
                self._moving.setdefault(rule_id, "")

    def holds(self, rule_id: str) -> bool:
        """
        Whether a live resource has this rule.
        """
        with self._changed:
            return rule_id in self._held

    def settle(self, rule_id: str) -> None:
        """
        The change is made, or has failed: nobody need wait any longer.
        """
        with self._changed:
            self._moving.pop(rule_id, None)
            self._changed.notify_all()

    def wait_for(self, holder: str, waiter: str = "") -> bool:
        """
        Wait until the rule *holder* has been changed.

        Returns:
            False where that is not to be hoped for: it is not about to change,
            did not in time, or waits for the change of *waiter* itself.
        """
        with self._changed:
            if holder not in self._moving or self._waits_for(holder, waiter):
                return False
            if waiter in self._moving:
                self._moving[waiter] = holder
            settled = self._changed.wait_for(
                lambda: holder not in self._moving, self._patience
            )
            if waiter in self._moving:
                self._moving[waiter] = ""
            return settled

    def _waits_for(self, rule_id: str, other: str) -> bool:
        while rule_id := self._moving.get(rule_id, ""):
            if rule_id == other:
                return True
        return False
