"""
Which resources of a run have or authorize rules that no read has shown.

Such a rule has no ID. All that names it is its group and its attributes, so the revoke
of one resource would delete the rule that another one has just created.
"""

from __future__ import annotations

import threading
from collections import defaultdict
from collections.abc import Collection, Iterable

from alicloud_ingress.rules.rule import IngressRule

_Marks = defaultdict[tuple[str, IngressRule], set[str]]


class UnseenRules:
    """
    The rules without an ID of one process; safe to use from several threads.
    """

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._hidden: _Marks = defaultdict(set)
        self._sending: _Marks = defaultdict(set)
        self._revoking: _Marks = defaultdict(set)

    def begin_sending(
        self, group_id: str, rules: Collection[IngressRule], mark: str
    ) -> None:
        """
        A resource is going to authorize rules, which have no ID before a read.

        Waits until no other resource revokes one of them by its attributes: that would
        delete the new rule, too. Call `end_sending` for all of them.
        """
        keys = [(group_id, rule) for rule in rules]
        with self._changed:
            self._changed.wait_for(lambda: not any(self._revoking[key] for key in keys))
            for key in keys:
                self._sending[key].add(mark)

    def end_sending(
        self,
        group_id: str,
        rules: Collection[IngressRule],
        mark: str,
        hidden: Collection[IngressRule],
    ) -> None:
        """
        It is known what came of these rules.

        Args:
            group_id: of the group.
            rules: that were to be authorized.
            mark: of the resource.
            hidden: those of them that it has, and that no read shows.
        """
        with self._changed:
            for rule in rules:
                self._sending[group_id, rule].discard(mark)
                self._hidden[group_id, rule].discard(mark)
            for rule in hidden:
                self._hidden[group_id, rule].add(mark)
            self._changed.notify_all()

    def begin_revoking(
        self, group_id: str, rules: Collection[IngressRule], mark: str
    ) -> Collection[IngressRule]:
        """
        A resource gives up rules without an ID.

        Waits until it is known what came of those that another resource authorizes. A
        resource that authorizes waits for no other, so this ends.

        Returns:
            those that no other resource has. They have to be revoked: call
            `end_revoking` then.
        """
        keys = {rule: (group_id, rule) for rule in rules}
        with self._changed:
            for key in keys.values():
                self._hidden[key].discard(mark)
            self._changed.wait_for(
                lambda: not any(self._sending[key] for key in keys.values())
            )
            free = {rule for rule, key in keys.items() if not self._hidden[key]}
            for rule in free:
                self._revoking[keys[rule]].add(mark)
            return free

    def end_revoking(
        self, group_id: str, rules: Iterable[IngressRule], mark: str
    ) -> None:
        """
        The rules have been revoked, or the revoke has failed.
        """
        with self._changed:
            for rule in rules:
                self._revoking[group_id, rule].discard(mark)
            self._changed.notify_all()
