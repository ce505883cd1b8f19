"""
Create, read, update and delete a set of rules, with few calls.

Every promise for a single rule holds for each rule of a set. A set is done as a
whole or not at all: what a failed run has added it takes back, and what it cannot
take back it names.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from dataclasses import dataclass

from alicloud_ingress.errors import (
    GroupNotFoundError,
    RuleExistsError,
    as_sentence,
    error_context,
)
from alicloud_ingress.reconcile.context import RuleContext
from alicloud_ingress.reconcile.create import FORCED_REPLACEMENT, PERHAPS_REPLACED
from alicloud_ingress.reconcile.modify import report_set_back, send_change
from alicloud_ingress.reconcile.plan import (
    Change,
    Keep,
    Member,
    Plan,
    Seen,
    UnfinishedUpdateError,
    planned,
    refreshed,
)
from alicloud_ingress.reconcile.rule_group import RuleGroup, live_words, named
from alicloud_ingress.reconcile.set_additions import Additions
from alicloud_ingress.reconcile.set_removals import Removals
from alicloud_ingress.rules.rule import IngressRule

CHANGES_AT_ONCE = 8
"""
ModifySecurityGroupRule takes one rule a call.
"""


@dataclass(frozen=True, slots=True)
class SetLifecycle:
    """
    What can be done with a set of rules of one group.

    Args:
        group: the group, with calls for many rules.
        context: where the group is, and what its rules are judged by.
    """

    group: RuleGroup
    context: RuleContext

    def create(
        self,
        wanted: Sequence[IngressRule],
        *,
        adopt: bool = False,
        exclusive: bool = False,
        keep: Keep | None = None,
    ) -> Mapping[IngressRule, str]:
        """
        Make the rules, and return their IDs ("" where one does not show in time).

        An exclusive set removes nothing here, since no preview has named it.

        Raises:
            RuleExistsError: some are there already, and are not adopted.
            RuleNotConfirmedError: some got no answer and never showed.
        """
        return self.update(
            wanted, (), adopt=adopt, exclusive=exclusive, keep=keep or Keep()
        )

    def read(
        self,
        members: Sequence[Member],
        account_id: str,
        *,
        adopt: bool = False,
        exclusive: bool = False,
        keep: Keep | None = None,
    ) -> tuple[Seen, ...] | None:
        """
        The set as it stands; None if the group is gone.
        """
        with self._error_context(f"a set of {len(members)} rules"):
            try:
                group = self.group.read_after_writes()
            except GroupNotFoundError as error:
                self.context.believe_group_gone(error, account_id, ask_again=True)
                return None
        return refreshed(members, group, exclusive=exclusive, keep=keep, adopt=adopt)

    def update(
        self,
        wanted: Sequence[IngressRule],
        members: Sequence[Member],
        *,
        adopt: bool = False,
        exclusive: bool = False,
        keep: Keep | None = None,
    ) -> Mapping[IngressRule, str]:
        """
        Bring the set from what the state holds to what is wanted.

        Adds, changes, and only then removes. If anything fails, what was added is
        taken back.

        Args:
            wanted: what the program declares.
            members: what the state holds.
            adopt: take over rules that exist and are not the set's.
            exclusive: no other rule may be in the group.
            keep: what an exclusive set leaves alone.

        Returns:
            the ID of each wanted rule; "" where one does not show in time.
        """
        with self._error_context(f"a set of {len(wanted)} rules"):
            group = self.context.read_after_writes()
            plan = planned(wanted, members, group, exclusive=exclusive, keep=keep)
            while self._some_neighbour_moved(plan.duplicates, members):
                group = self.context.read_now()
                plan = planned(wanted, members, group, exclusive=exclusive, keep=keep)
        self._refuse_duplicates(plan.duplicates, adopt=adopt)
        before = frozenset(live.rule_id for live in group.rules)
        additions = Additions(self.group, self.context, before, adopts=adopt)
        removals = Removals(self.group, self.context)
        ids: Mapping[IngressRule, str] = {}
        try:
            additions.adopt(plan.duplicates)
            additions.authorize(plan.authorize)
            ids = additions.ids()
            self._change(plan, members)
            removals.revoke(plan.revoke)
        except Exception as error:
            if removals.revoked:
                raise self._unfinished(error, plan, ids, removals) from error
            additions.take_back(error)
            raise
        self._tell(plan)
        return plan.ids(ids)

    def delete(self, members: Sequence[Member], account_id: str) -> None:
        """
        Remove the rules that the set declared, by ID where known, all proven.

        Raises:
            RuleNotConfirmedError: some are still there.
        """
        try:
            Removals(self.group, self.context).revoke(
                [m for m in members if m.declared]
            )
        except GroupNotFoundError as error:
            self.context.believe_group_gone(error, account_id, ask_again=False)

    def _some_neighbour_moved(
        self, duplicates: Sequence[Change], members: Sequence[Member]
    ) -> bool:
        """
        Wait for those duplicates that other resources are about to change or revoke.
        """
        own = [member.rule_id for member in members if member.rule_id]
        owner = self.context.owner
        others = {duplicate.live.rule_id for duplicate in duplicates} - owner.replaces
        moved = [owner.ownership.wait_for_change(rule_id, own) for rule_id in others]
        return any(moved)

    def _unfinished(
        self,
        error: Exception,
        plan: Plan,
        ids: Mapping[IngressRule, str],
        removals: Removals,
    ) -> UnfinishedUpdateError:
        """
        What an update has come to that failed after a revoke.

        Taking back what was added would leave fewer rules than before and after.
        """
        done = removals.revoked | removals.left_to_others
        left = tuple(member for member in plan.revoke if member.rule not in done)
        standing = plan.ids(ids)

        def words(rules: Iterable[tuple[IngressRule, str]]) -> str:
            return named(
                f"{id_ or 'ID unknown'} ({rule.as_text})" for rule, id_ in rules
            )

        added = words((rule, standing[rule]) for rule in plan.authorize)
        return UnfinishedUpdateError(
            f"{as_sentence(error)} Of {len(plan.revoke)} rules that were to be revoked,"
            f" {len(removals.revoked)} are gone, and these still exist in"
            f" {self.context.where}: {words((m.rule, m.rule_id) for m in left)}."
            + (f" These were added and are kept: {added}." if added else ""),
            standing,
            left,
        )

    def _error_context(self, subject: str) -> AbstractContextManager[None]:
        return error_context(f"{subject} in {self.context.where}")

    def _refuse_duplicates(self, duplicates: Sequence[Change], *, adopt: bool) -> None:
        """
        Let duplicates pass only where they are to be adopted.
        """
        if duplicates and not adopt:
            there = named(live_words(duplicate.live for duplicate in duplicates))
            exists = (
                f"AuthorizeSecurityGroup added nothing: {self.context.where} holds"
                f" already {there}."
            )
            if any(
                duplicate.live.rule_id in self.context.owner.replaces
                for duplicate in duplicates
            ):
                raise RuleExistsError(f"{exists} {FORCED_REPLACEMENT}")
            raise RuleExistsError(
                f"{exists} {PERHAPS_REPLACED} If it was renamed, give it an alias"
                " (ResourceOptions(aliases=[...])); if a run was interrupted, or the"
                " rules are to be taken over as they are, set adopt=True."
            )

    def _change(self, plan: Plan, members: Sequence[Member]) -> None:
        needed = [c for c in (*plan.own, *plan.duplicates) if c.is_needed]
        if not needed:
            return
        old = {member.rule: member.rule for member in members}
        for change in plan.own:
            before = old.get(change.wanted, change.wanted)
            report_set_back(self.context, change.live, before, change.wanted)
        with ThreadPoolExecutor(min(CHANGES_AT_ONCE, len(needed))) as pool:
            list(pool.map(self._change_one, needed))

    def _change_one(self, change: Change) -> None:
        with self._error_context(f"{change.live.rule_id} ({change.wanted.as_text})"):
            send_change(self.context, change.live, change.wanted)

    def _tell(self, plan: Plan) -> None:
        """
        Say what a person should know of a success.
        """
        if plan.duplicates:
            there = named(live_words(duplicate.live for duplicate in plan.duplicates))
            self.context.warn(f"{there}: there before, and adopted")
        if plan.kept:
            kept = named(f"{m.rule_id} ({m.rule.as_text})" for m in plan.kept)
            self.context.warn(
                f"{kept}: left in {self.context.where}, as the set is to keep it"
            )
        if plan.unseen:
            self.context.warn(
                f"{named(live_words(plan.unseen))}: in {self.context.where}, not in the"
                " exclusive set, and left alone, since no preview has named it;"
                " `pulumi refresh` and the next preview do"
            )
