"""
One security group in one process: what its rules ask and do, put into few calls.

All rules of a group share one object, whose methods any number of threads call
at once. How looks are shared stands in `looks`, how writes are in `batches`.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Hashable, Iterator, Sequence
from typing import Protocol, TypeVar

from alicloud_ingress.ecs.batching import (
    Batcher,
    Outcome,
    delivered,
    delivered_side_by_side,
)
from alicloud_ingress.ecs.reactions import Call, Reaction, reaction
from alicloud_ingress.ecs.shared_reads import SharedReads, Writes
from alicloud_ingress.errors import EcsError
from alicloud_ingress.rules.live import LiveGroup
from alicloud_ingress.rules.rule import IngressRule

_Entry = TypeVar("_Entry", bound=Hashable)


class GroupCalls(Protocol):
    """
    The calls of ECS for a group, as the client makes them.
    """

    def describe(self, group_id: str) -> LiveGroup:
        """Read all inbound rules."""
        ...

    def authorize(self, group_id: str, rules: Sequence[IngressRule]) -> None:
        """Add rules."""
        ...

    def revoke_by_id(self, group_id: str, rule_ids: Sequence[str]) -> None:
        """Remove rules by ID."""
        ...

    def revoke_by_attributes(self, group_id: str, rules: Sequence[IngressRule]) -> None:
        """Remove rules by all that names them."""
        ...

    def modify(self, group_id: str, rule_id: str, rule: IngressRule) -> None:
        """Change a rule by ID."""
        ...


class SecurityGroup:
    """
    The group as each of its rules uses it.

    Args:
        calls: what speaks to ECS.
        group_id: `sg-...`.
        now: seconds of a clock that never goes back.
        writes: of this process to the group, by whichever credentials.
    """

    def __init__(
        self,
        calls: GroupCalls,
        group_id: str,
        now: Callable[[], float] = time.monotonic,
        writes: Writes | None = None,
    ) -> None:
        self.group_id = group_id
        self._calls = calls
        self._writes = writes or Writes()
        self._looks = SharedReads(lambda: calls.describe(group_id), self._writes, now)
        self._authorizing = Batcher(self._authorize)
        self._revoking_by_id = Batcher(self._revoke_by_id)
        self._revoking_by_attributes = Batcher(self._revoke_by_attributes)

    def read_cached(self) -> LiveGroup:
        """
        The rules as they were a moment ago, perhaps before other threads wrote.
        """
        return self._looks.cached()

    def read_after_writes(self) -> LiveGroup:
        """
        The rules as they were a moment ago, after all that this process wrote.
        """
        return self._looks.recent()

    def read_now(self) -> LiveGroup:
        """
        The rules as they are, read after this call began.
        """
        return self._looks.proven()

    def authorize(self, rule: IngressRule) -> None:
        """
        Add the rule; one that exists already is a silent success of ECS.
        """
        self._authorizing.send(rule)

    def revoke_by_id(self, rule_id: str) -> None:
        """
        Remove the rule with this ID; a return is proof.
        """
        self._revoking_by_id.send(rule_id)

    def revoke_by_attributes(self, rule: IngressRule) -> None:
        """
        Remove the rule by all that names it; a return proves nothing.
        """
        self._revoking_by_attributes.send(rule)

    def modify(self, rule_id: str, rule: IngressRule) -> None:
        """
        Change the rule with this ID, sending all of its fields.
        """
        with self._writes.writing():
            self._calls.modify(self.group_id, rule_id, rule)

    def authorize_all(self, rules: Sequence[IngressRule]) -> list[Outcome[IngressRule]]:
        """
        Add rules, in several calls at a time, each of as many as it takes.

        Returns:
            each rule that was sent with its own error, or None. After an error no
            further call begins.
        """
        return self._sent(Call.AUTHORIZE, rules, self.authorize, self._authorize)

    def revoke_all_by_id(self, rule_ids: Sequence[str]) -> list[Outcome[str]]:
        """
        Remove rules by ID; see `authorize_all`. That some are gone is no end.
        """
        return self._sent(
            Call.REVOKE_BY_ID, rule_ids, self.revoke_by_id, self._revoke_by_id
        )

    def revoke_all_by_attributes(
        self, rules: Sequence[IngressRule]
    ) -> list[Outcome[IngressRule]]:
        """
        Remove rules by all that names them; see `revoke_all_by_id`.
        """
        return self._sent(
            Call.REVOKE_BY_ATTRIBUTES,
            rules,
            self.revoke_by_attributes,
            self._revoke_by_attributes,
        )

    def _sent(
        self,
        call: Call,
        entries: Sequence[_Entry],
        send_alone: Callable[[_Entry], None],
        deliver: Callable[[Sequence[_Entry]], Iterator[Outcome[_Entry]]],
    ) -> list[Outcome[_Entry]]:
        """
        Send entries in calls of their own; a lone one in a batch with other threads'.
        """
        if len(entries) != 1:
            return list(self._outcomes(call, entries, deliver))
        (entry,) = entries
        try:
            send_alone(entry)
        except EcsError as error:
            return [(entry, error)]
        return [(entry, None)]

    def _outcomes(
        self,
        call: Call,
        entries: Sequence[_Entry],
        deliver: Callable[[Sequence[_Entry]], Iterator[Outcome[_Entry]]],
    ) -> Iterator[Outcome[_Entry]]:
        def ends_all(error: EcsError) -> bool:
            return reaction(call, error) not in (
                Reaction.ALREADY_DONE,
                Reaction.READ_GROUP,
            )

        return delivered_side_by_side(entries, deliver, ends_all)

    def _authorize(
        self, rules: Sequence[IngressRule]
    ) -> Iterator[Outcome[IngressRule]]:
        return self._delivered(
            rules,
            self._calls.authorize,
            lambda group, rule: group.matching(rule) is not None,
        )

    def _revoke_by_id(self, rule_ids: Sequence[str]) -> Iterator[Outcome[str]]:
        def told(error: EcsError) -> EcsError | None:
            asked = reaction(Call.REVOKE_BY_ID, error)
            return (
                error if asked in (Reaction.ALREADY_DONE, Reaction.READ_GROUP) else None
            )

        return self._delivered(
            rule_ids,
            self._calls.revoke_by_id,
            lambda group, rule_id: group.by_id(rule_id) is None,
            told,
        )

    def _revoke_by_attributes(
        self, rules: Sequence[IngressRule]
    ) -> Iterator[Outcome[IngressRule]]:
        return self._delivered(
            rules,
            self._calls.revoke_by_attributes,
            lambda group, rule: group.identical_to(rule) is None,
        )

    def _delivered(
        self,
        entries: Sequence[_Entry],
        call: Callable[[str, Sequence[_Entry]], None],
        is_so: Callable[[LiveGroup, _Entry], bool],
        told: Callable[[EcsError], EcsError | None] = lambda _: None,
    ) -> Iterator[Outcome[_Entry]]:
        """
        Send the entries of one call, each on its own if need be.

        Args:
            entries: at most as many as a call takes.
            call: of ECS, for a group and entries.
            is_so: whether a look shows that an entry is done.
            told: the outcome of an entry that is, though the call was refused so.
        """

        def send(part: Sequence[_Entry]) -> None:
            with self._writes.writing():
                call(self.group_id, part)

        def sift(
            part: Sequence[_Entry], error: EcsError
        ) -> dict[_Entry, EcsError | None]:
            try:
                group = self.read_now()
            except EcsError:
                return {}
            return {entry: told(error) for entry in part if is_so(group, entry)}

        return delivered(entries, send, sift)
