"""
One security group in one process: the reads and writes of its rules, in few calls.

All rules of a group share one object, which threads may share. `shared_reads` shares
the reads, `batching` batches the writes.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from functools import partial
from typing import Protocol, TypeVar

from alicloud_ingress.ecs.batching import (
    Batcher,
    Outcome,
    Shown,
    send_in_parallel,
    send_splitting,
)
from alicloud_ingress.ecs.reactions import Reaction, Write, reaction
from alicloud_ingress.ecs.shared_reads import SharedReads, WriteCounter
from alicloud_ingress.rules.live import LiveGroup
from alicloud_ingress.rules.rule import IngressRule

_Entry = TypeVar("_Entry", bound=Hashable)


class GroupCalls(Protocol):
    """
    The calls of ECS for a group.
    """

    def describe(self, group_id: str) -> LiveGroup:
        """Read all inbound rules."""
        ...

    def authorize(self, group_id: str, rules: Sequence[IngressRule]) -> None:
        """Add rules."""
        ...

    def revoke_by_id(self, group_id: str, rule_ids: Sequence[str]) -> None:
        """Delete rules by ID."""
        ...

    def revoke_by_attributes(self, group_id: str, rules: Sequence[IngressRule]) -> None:
        """Delete rules by their attributes."""
        ...

    def modify(self, group_id: str, rule_id: str, rule: IngressRule) -> None:
        """Change a rule by ID."""
        ...


class SecurityGroup:
    """
    The reads and writes of one group; threads may share it.

    Args:
        calls: of ECS.
        group_id: `sg-...`.
        now: seconds of a monotonic clock.
        writes: of this process to the group, with any credentials.
    """

    def __init__(
        self,
        calls: GroupCalls,
        group_id: str,
        now: Callable[[], float] = time.monotonic,
        writes: WriteCounter | None = None,
    ) -> None:
        self.group_id = group_id
        self._calls = calls
        self._writes = writes or WriteCounter()
        self._now = now
        self._reads = SharedReads(partial(calls.describe, group_id), self._writes, now)
        self._authorized: dict[IngressRule, float] = {}
        self._ending = threading.Lock()
        self._authorizing = Batcher(self._authorize)
        self._revoking_by_id = Batcher(self._revoke_by_id)
        self._revoking_by_attributes = Batcher(self._revoke_by_attributes)

    def read_cached(self) -> LiveGroup:
        """
        The rules of a moment ago, perhaps without the last writes.
        """
        return self._reads.cached()

    def read_after_writes(self) -> LiveGroup:
        """
        The rules of a moment ago, with all writes of this process.
        """
        return self._reads.after_writes()

    def read_now(self) -> LiveGroup:
        """
        The rules, by a Describe that begins after this call.
        """
        return self._reads.fresh()

    def read_authorized(self, rules: Iterable[IngressRule]) -> LiveGroup:
        """
        The rules, by a Describe that has begun after these were last authorized. Rules
        of one call share it.
        """
        ended = [self._authorized[rule] for rule in rules if rule in self._authorized]
        return self._reads.since(max(ended, default=self._now()))

    def modify(self, rule_id: str, rule: IngressRule) -> None:
        """
        Change the rule with this ID, sending all of its fields.
        """
        with self._writes.writing():
            self._calls.modify(self.group_id, rule_id, rule)

    def authorize_all(self, rules: Sequence[IngressRule]) -> list[Outcome[IngressRule]]:
        """
        Add rules, in several full calls at a time; a lone one in a batch with those of
        other threads. For a rule that exists, ECS reports success and changes nothing.

        Returns:
            each rule that was sent, with its own error or None. After an error no
            further call begins.
        """
        return self._sent(Write.AUTHORIZE, rules, self._authorizing)

    def revoke_all_by_id(self, rule_ids: Sequence[str]) -> list[Outcome[str]]:
        """
        Delete rules by ID; see `authorize_all`. A success is reliable, and a rule that
        is already deleted does not stop the others.
        """
        return self._sent(Write.REVOKE_BY_ID, rule_ids, self._revoking_by_id)

    def revoke_all_by_attributes(
        self, rules: Sequence[IngressRule]
    ) -> list[Outcome[IngressRule]]:
        """
        Delete rules by their attributes; see `authorize_all`. ECS reports success also
        if none matches.
        """
        return self._sent(
            Write.REVOKE_BY_ATTRIBUTES, rules, self._revoking_by_attributes
        )

    def _sent(
        self,
        kind: Write,
        entries: Sequence[_Entry],
        batcher: Batcher[_Entry],
    ) -> list[Outcome[_Entry]]:
        try:
            if len(entries) != 1:
                return list(self._outcomes(kind, entries, batcher.deliver))
            batcher.send(entries[0])
        except Exception as error:  # noqa: BLE001 - some of the calls may have ended
            return [(entry, error) for entry in entries]
        return [(entry, None) for entry in entries]

    def _outcomes(
        self,
        kind: Write,
        entries: Sequence[_Entry],
        deliver: Callable[[Sequence[_Entry]], Iterator[Outcome[_Entry]]],
    ) -> Iterator[Outcome[_Entry]]:
        def ends_all(error: Exception) -> bool:
            return reaction(kind, error) is Reaction.FAIL

        return send_in_parallel(entries, deliver, ends_all)

    def _authorize(
        self, rules: Sequence[IngressRule]
    ) -> Iterator[Outcome[IngressRule]]:
        def authorize(group_id: str, part: Sequence[IngressRule]) -> None:
            try:
                self._calls.authorize(group_id, part)
            finally:
                with self._ending:  # the last of equal rules counts
                    self._authorized |= dict.fromkeys(part, self._now())

        def shown(group: LiveGroup, part: Sequence[IngressRule]) -> Shown[IngressRule]:
            return Shown(done=[rule for rule in part if group.matching(rule)])

        return self._delivered(rules, authorize, shown)

    def _revoke_by_id(self, rule_ids: Sequence[str]) -> Iterator[Outcome[str]]:
        # A read that lacks a rule may lag behind, so the rule may exist.
        def shown(group: LiveGroup, part: Sequence[str]) -> Shown[str]:
            return Shown(doubtful=[i for i in part if not group.by_id(i)])

        return self._delivered(rule_ids, self._calls.revoke_by_id, shown)

    def _revoke_by_attributes(
        self, rules: Sequence[IngressRule]
    ) -> Iterator[Outcome[IngressRule]]:
        # That a rule does not show proves nothing: perhaps no read has ever shown it.
        return self._delivered(rules, self._calls.revoke_by_attributes)

    def _delivered(
        self,
        entries: Sequence[_Entry],
        call: Callable[[str, Sequence[_Entry]], None],
        shown: Callable[[LiveGroup, Sequence[_Entry]], Shown[_Entry]] | None = None,
    ) -> Iterator[Outcome[_Entry]]:
        """
        Send the entries of one call, split if necessary.

        Args:
            entries: at most as many as a call takes.
            call: of ECS, for a group and entries.
            shown: what a read shows of refused entries; None if nothing.
        """

        def send(part: Sequence[_Entry]) -> None:
            with self._writes.writing():
                call(self.group_id, part)

        def look(part: Sequence[_Entry]) -> Shown[_Entry]:
            if not shown:
                return Shown()
            try:
                return shown(self.read_now(), part)
            except Exception:  # noqa: BLE001 - the calls that follow find it
                return Shown(is_read=False)

        return send_splitting(entries, send, look)
