"""
The life of a set of rules.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar

from alicloud_ingress.reconcile.lifecycle import Lifecycle
from alicloud_ingress.reconcile.plan import Keep, Member, Seen
from alicloud_ingress.rules.rule import IngressRule


class SetLifecycle(Lifecycle):
    """
    Creates, reads, updates and deletes a set of rules of a group.
    """

    __slots__ = ()
    is_set: ClassVar[bool] = True

    def create(
        self,
        wanted: Sequence[IngressRule],
        *,
        adopt: bool = False,
        keep: Keep | None = None,
    ) -> Mapping[IngressRule, str]:
        """
        Create the rules, and return their IDs ("" where one does not show in time).

        An exclusive set removes nothing here, since no preview has shown it.

        Raises:
            RuleExistsError: some existed before, and are not adopted.
            NotTakenBackError: the create failed, and some may exist.
            RuleNotConfirmedError: some got no answer and never showed.
        """
        return self.update(wanted, (), adopt=adopt, keep=keep)

    def read(
        self,
        members: Sequence[Member],
        account_id: str,
        *,
        adopt: bool = False,
        keep: Keep | None = None,
    ) -> tuple[Seen, ...] | None:
        """
        The set as it is; None if the group no longer exists.
        """
        return self._refreshed(members, account_id, keep, adopt=adopt)

    def update(
        self,
        wanted: Sequence[IngressRule],
        members: Sequence[Member],
        *,
        adopt: bool = False,
        keep: Keep | None = None,
    ) -> Mapping[IngressRule, str]:
        """
        Bring the set from what the state holds to what is wanted.

        Args:
            wanted: what the program declares.
            members: what the state holds.
            adopt: take over rules that exist and are not the set's.
            keep: what an exclusive set leaves alone; None if the group may have other
                rules.

        Returns:
            the ID of each wanted rule; "" where one does not show in time.

        Raises:
            UnfinishedUpdateError: it failed after some rules were revoked, or may have
                been.
            NotTakenBackError: it failed before that, and some that it added may exist.
        """
        rules = self._reconcile(wanted, members, adopt=adopt, keep=keep)
        return {rule: live.rule_id for rule, live in rules.items()}

    def delete(self, members: Sequence[Member], account_id: str) -> None:
        """
        Remove the rules that the set declared: by ID where known, else verified.

        Raises:
            RuleNotConfirmedError: some still exist.
        """
        self._delete([m for m in members if m.declared], account_id)
