"""
Which resource each rule belongs to, within one run of the engine.

Each resource has an owner's mark in its state, which shows whose a rule ID is that two
resources name. The delete of one resource leaves a rule alone only where another
resource of the run holds it. A resource's own mark never stops its own delete, since
the engine compares a resource (`diff`) that it deletes or replaces a moment later.

A program that names its rules by their place in a list shifts them when an entry is
inserted at the front: each resource then wants the identity that its neighbour is
about to leave. So a resource can wait until another one has changed.
"""

from __future__ import annotations

import threading
import time
import uuid
from collections import defaultdict
from collections.abc import Collection, Generator, Iterable, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING

from alicloud_ingress.reconcile.unfinished import UnfinishedError
from alicloud_ingress.reconcile.unseen import UnseenRules
from alicloud_ingress.rules.rule import IngressRule

if TYPE_CHECKING:
    from alicloud_ingress.rules.live import LiveRule

CLAIM_TIMEOUT_S = 30.0
"""
How long one resource waits for another, which the engine may never update.
"""
IDLE_S = 1.0
"""
How long to wait for a resource that has not been compared yet: the engine may update
one resource before it compares its neighbour.
"""


def new_mark() -> str:
    """
    An owner's mark for a new resource.
    """
    return uuid.uuid4().hex[:12]


class Release(Enum):
    """
    What a resource that is deleted has to do about a rule.
    """

    REVOKE = "no other resource has it"
    HELD = "another resource has it, so it is kept"
    IN_PROGRESS = "another resource is revoking it"
    REVOKED = "another resource has revoked it in this run"
    UNDECIDED = "another resource is taking it over, and that has not ended in time"


class Ownership:
    """
    The rules of the resources of one process; safe to use from several threads.

    Args:
        timeout_s: how long one resource waits for another.
    """

    def __init__(self, timeout_s: float = CLAIM_TIMEOUT_S) -> None:
        self.unseen = UnseenRules()
        self._timeout_s = timeout_s
        self._changed = threading.Condition()
        self._owners: dict[str, set[str]] = defaultdict(set)
        self._undecided: dict[str, set[str]] = defaultdict(set)
        self._left_behind: dict[str, dict[IngressRule, LiveRule]] = defaultdict(dict)
        self._compared: set[str] = set()
        self._changing: dict[str, str] = {}
        self._revoking: set[str] = set()
        self._revoked: set[str] = set()
        self._waited_without_change = False
        self._touched = time.monotonic()

    def touch(self) -> None:
        """
        A resource has been checked, so that others may follow.
        """
        with self._changed:
            self._touched = time.monotonic()
            self._changed.notify_all()

    def keep(self, rule_ids: Iterable[str], mark: str) -> Collection[str]:
        """
        The program keeps these rules for the resource with this mark.

        A resource of an older state has no mark: its rules are known, and do not stop
        the delete of another resource. A rule that two resources name stays with the
        one that was first.

        Returns:
            IDs of the rules that another resource holds, or has revoked.
        """
        held: set[str] = set()
        with self._changed:
            for rule_id in filter(None, rule_ids):
                self._compared.add(rule_id)
                if self.is_being_revoked(rule_id) or self.is_anothers(rule_id, mark):
                    held.add(rule_id)
                elif mark:
                    self._owners[rule_id].add(mark)
            self._changed.notify_all()
        return held

    def withdraw(self, rule_ids: Iterable[str], mark: str) -> None:
        """
        The resource is replaced after all, so that it keeps nothing.
        """
        with self._changed:
            for rule_id in rule_ids:
                self._owners[rule_id].discard(mark)

    def begin_change(self, rule_ids: Iterable[str]) -> None:
        """
        An update is going to change or revoke these rules, so others wait for it.
        """
        with self._changed:
            for rule_id in filter(None, rule_ids):
                self._changing.setdefault(rule_id, "")
            self._changed.notify_all()

    def finish_change(self, rule_ids: Iterable[str]) -> None:
        """
        The change has been made or has failed, so others no longer wait for it.
        """
        with self._changed:
            for rule_id in rule_ids:
                self._changing.pop(rule_id, None)
            self._changed.notify_all()

    @contextmanager
    def acquiring(self, mark: str) -> Generator[None, None, None]:
        """
        A create or update. If it fails, it keeps of what it has acquired only the rules
        that the error brings into its state.
        """
        has_succeeded, in_state = False, set[str]()
        try:
            yield
            has_succeeded = True
        except UnfinishedError as error:
            in_state = {*error.ids.values()}
            raise
        finally:
            with self._changed:
                for rule_id in self._undecided.pop(mark, ()):
                    self._changing.pop(rule_id, None)
                    if not (has_succeeded or rule_id in in_state):
                        self._owners[rule_id].discard(mark)
                self._changed.notify_all()

    def adopt(self, rule_id: str, mark: str) -> bool:
        """
        Acquire a rule that existed before.

        Returns:
            False where another resource holds it, or where it is being revoked.
        """
        with self._changed:
            if self.is_being_revoked(rule_id):
                return False
            return self._acquire(rule_id, mark)

    def find(self, rule_id: str, mark: str) -> bool:
        """
        Acquire a rule that the state has without its ID, and that is going to change.

        Returns:
            False where another resource holds it, or where it is being revoked.
        """
        with self._changed:
            if not self.adopt(rule_id, mark):
                return False
            self._changing.setdefault(rule_id, "")
            return True

    def record_created(self, rule_id: str, mark: str) -> bool:
        """
        Acquire a rule that the resource has created.

        Returns:
            False where another resource has it: ECS made one rule for both.
        """
        with self._changed:
            if rule_id in self._compared and mark not in self._owners[rule_id]:
                return False
            return self._acquire(rule_id, mark)

    def _acquire(self, rule_id: str, mark: str) -> bool:
        if self._owners[rule_id] - {mark}:
            return False
        if mark not in self._owners[rule_id]:
            self._owners[rule_id].add(mark)
            self._undecided[mark].add(rule_id)
        self._changed.notify_all()
        return True

    def leave_behind(self, rules: Mapping[IngressRule, LiveRule], mark: str) -> None:
        """
        A create or an update has failed and left rules.
        """
        with self._changed:
            self._left_behind[mark].update(rules)

    def left_behind(self, mark: str) -> dict[IngressRule, LiveRule]:
        """
        What the resource has left in this run. A hook of the program (`on_error`) can
        let the engine make the same call again, with the state of before.
        """
        with self._changed:
            return dict(self._left_behind[mark])

    def is_anothers(self, rule_id: str, mark: str) -> bool:
        """
        Whether another resource holds the rule.
        """
        with self._changed:
            return bool(self._owners[rule_id] - {mark})

    def rules_of_others(self, mark: str) -> Collection[str]:
        """
        IDs of the rules that other resources hold.
        """
        with self._changed:
            return {i for i, owners in self._owners.items() if owners - {mark}}

    def knows(self, rule_id: str) -> bool:
        """
        Whether some resource of this run has, changes or revokes the rule, or has
        revoked it.
        """
        with self._changed:
            return (
                rule_id in self._compared
                or rule_id in self._changing
                or self.is_being_revoked(rule_id)
                or bool(self._owners[rule_id])
            )

    def is_being_revoked(self, rule_id: str) -> bool:
        """
        Whether the rule is being revoked, or has been.
        """
        with self._changed:
            return rule_id in self._revoking or rule_id in self._revoked

    @property
    def holds_any(self) -> bool:
        """
        Whether any resource holds a rule.
        """
        with self._changed:
            return any(self._owners.values())

    @property
    def revoked(self) -> Collection[str]:
        """
        IDs of the rules that this run has revoked. A read may show them for a while.
        """
        with self._changed:
            return frozenset(self._revoked)

    def begin_release(self, rule_ids: Sequence[str], mark: str) -> dict[str, Release]:
        """
        A resource gives rules up, and has to revoke those that get `Release.REVOKE`.

        Call `end_release` for each of those.
        """
        with self._changed:
            for rule_id in rule_ids:
                self._owners[rule_id].discard(mark)
            self._changed.wait_for(
                lambda: not any(self._is_undecided(i, mark) for i in rule_ids),
                self._timeout_s,
            )
            return {rule_id: self._released(rule_id, mark) for rule_id in rule_ids}

    def end_release(self, rule_ids: Iterable[str], *, revoked: bool) -> None:
        """
        The rules have been revoked, or the revoke has failed.
        """
        with self._changed:
            for rule_id in rule_ids:
                self._revoking.discard(rule_id)
                self._changing.pop(rule_id, None)
                if revoked:
                    self._revoked.add(rule_id)
            self._changed.notify_all()

    def wait_until_released(self, rule_ids: Iterable[str]) -> None:
        """
        Wait until no other resource is revoking these rules.
        """
        every = set(rule_ids)
        with self._changed:
            self._changed.wait_for(lambda: not every & self._revoking)

    def _is_undecided(self, rule_id: str, mark: str) -> bool:
        """
        Whether another resource than the one with this mark is acquiring the rule.
        """
        return any(
            rule_id in acquired
            for other, acquired in self._undecided.items()
            if other != mark
        )

    def _released(self, rule_id: str, mark: str) -> Release:
        if self._is_undecided(rule_id, mark):
            return Release.UNDECIDED
        if self._owners[rule_id]:
            return Release.HELD
        if rule_id in self._revoked:
            return Release.REVOKED
        if rule_id in self._revoking:
            return Release.IN_PROGRESS
        self._revoking.add(rule_id)
        self._changing.setdefault(rule_id, "")
        return Release.REVOKE

    def wait_for_change(self, blocker: str, waiters: Collection[str] = ()) -> bool:
        """
        Wait until the rule *blocker* has been changed or revoked.

        Args:
            blocker: ID of the rule that is in the way.
            waiters: IDs of the rules of the resource that waits.

        Returns:
            False where no change of it is announced, where the change did not come in
            time, or where it waits for one of *waiters*, perhaps through others. After
            one wait that ends without a change no thread waits any more: all of them
            may be waiting for a change that no thread is left to make.
        """
        with self._changed:
            self._wait_until_quiet(blocker)
            if blocker in self._revoked:
                return True
            if blocker not in self._changing or self._waits_for(blocker, waiters):
                return False
            waiting = [rule_id for rule_id in waiters if rule_id in self._changing]
            self._changing |= dict.fromkeys(waiting, blocker)
            self._changed.wait_for(
                lambda: blocker not in self._changing or self._waited_without_change,
                self._timeout_s,
            )
            changed = blocker not in self._changing
            if not changed:
                self._waited_without_change = True
                self._changed.notify_all()
            for rule_id in waiting:
                if rule_id in self._changing:
                    self._changing[rule_id] = ""
            return changed

    def _wait_until_quiet(self, blocker: str) -> None:
        quiet = min(IDLE_S, self._timeout_s)
        give_up = time.monotonic() + self._timeout_s
        while not self.knows(blocker):
            now = time.monotonic()
            left = min(self._touched + quiet, give_up) - now
            if left <= 0:
                return
            self._changed.wait(left)

    def _waits_for(self, rule_id: str, others: Collection[str]) -> bool:
        while rule_id := self._changing.get(rule_id, ""):
            if rule_id in others:
                return True
        return False


@dataclass(frozen=True, slots=True)
class Owner:
    """
    One resource, as the owner of rules.

    Args:
        ownership: of all resources of the process.
        mark: of this resource; "" for one of an older state.
        replaces: IDs of the rules that a create is the replacement of, as far as this
            run has compared them.
    """

    ownership: Ownership
    mark: str
    replaces: frozenset[str] = frozenset()
