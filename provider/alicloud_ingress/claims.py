"""
Which rule IDs the live resources of one process hold, and which are to change.

A program that names its rules by their place in a list shifts them when an
entry is put in at the front: each resource then wants the identity that its
neighbour is about to leave. Claims let one wait for the other.
"""

from __future__ import annotations

import threading
import time

PATIENCE = 30.0
"""
Seconds that one resource waits for another: the engine may never get to it.
"""
QUIET = 1.0
"""
Seconds without a new resource after which none is expected to come forward: the
engine may ask for a change before it has compared the neighbour.
"""


class Claims:
    """
    Rule IDs held by resources; safe to use from several threads.
    """

    def __init__(self, patience: float = PATIENCE) -> None:
        self._patience = patience
        self._changed = threading.Condition()
        self._held: set[str] = set()
        self._made: set[str] = set()
        self._moving: dict[str, str] = {}
        self._waited_in_vain = False
        self._stirred = time.monotonic()

    def stir(self) -> None:
        """
        A resource has come forward, so that others may follow.
        """
        with self._changed:
            self._stirred = time.monotonic()
            self._changed.notify_all()

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
            self._changed.notify_all()

    def take(self, rule_id: str, *, moving: bool = False) -> bool:
        """
        Hold a rule that was there before, unless another resource has it.

        Args:
            rule_id: `sgr-...`.
            moving: whether it is about to be removed, so that others wait for that.

        Returns:
            False where another one does.
        """
        with self._changed:
            if not self._claim(rule_id, self._held):
                return False
            if moving:
                self._moving.setdefault(rule_id, "")
            self._changed.notify_all()
            return True

    def make(self, rule_id: str) -> bool:
        """
        Note a rule as made by a resource, which may remove it again.

        Returns:
            False where another resource has it: ECS made but one of two.
        """
        return self._claim(rule_id, self._made)

    def release(self, rule_id: str) -> None:
        """
        The rule is no resource's any more.
        """
        with self._changed:
            self._held.discard(rule_id)
            self._made.discard(rule_id)

    def holds(self, rule_id: str) -> bool:
        """
        Whether a live resource has this rule, so that no other may remove it.
        """
        with self._changed:
            return rule_id in self._held

    def has(self, rule_id: str) -> bool:
        """
        Whether a resource has this rule, or has made it.
        """
        with self._changed:
            return rule_id in self._held or rule_id in self._made

    @property
    def any_held(self) -> bool:
        """
        Whether a live resource has any rule at all.
        """
        with self._changed:
            return bool(self._held)

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
            did not in time, or waits for the change of *waiter* itself. Once
            one has waited in vain, all threads may be waiting for what none is
            left to do, so that nobody waits any more.
        """
        with self._changed:
            self._wait_until_quiet(holder)
            if holder not in self._moving or self._waits_for(holder, waiter):
                return False
            if waiter in self._moving:
                self._moving[waiter] = holder
            self._changed.wait_for(
                lambda: holder not in self._moving or self._waited_in_vain,
                self._patience,
            )
            settled = holder not in self._moving
            if not settled:
                self._waited_in_vain = True
                self._changed.notify_all()
            if waiter in self._moving:
                self._moving[waiter] = ""
            return settled

    def _claim(self, rule_id: str, claims: set[str]) -> bool:
        with self._changed:
            if self.has(rule_id):
                return False
            claims.add(rule_id)
            return True

    def _wait_until_quiet(self, holder: str) -> None:
        quiet = min(QUIET, self._patience)
        give_up = time.monotonic() + self._patience
        while not self.has(holder):
            now = time.monotonic()
            left = min(self._stirred + quiet, give_up) - now
            if left <= 0:
                return
            self._changed.wait(left)

    def _waits_for(self, rule_id: str, other: str) -> bool:
        while rule_id := self._moving.get(rule_id, ""):
            if rule_id == other:
                return True
        return False
