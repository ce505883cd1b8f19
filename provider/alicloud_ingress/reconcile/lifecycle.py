"""
The life of one rule and of a set of rules: one flow, with few calls.

A rule is a set of one. Each create and update reads the group, makes a plan of it
(`plan`), and carries the plan out in one order: adopt, authorize, change, revoke,
report. So there is no moment without a rule that is wanted before and after.

What happens where a step fails, for one rule and a set alike:

- While no rule that is to be revoked is known not to exist, by whatever error, also the
  refusal of a revoke: what the run has added is taken back, and the error is raised.
  What cannot be taken back is named, and the state gets it
  (`create.Additions.take_back`, `NotTakenBackError`). What has changed is not changed
  back: the state gets it, and the next update, of any program, sets it right.
- A revoke is refused when others are known not to exist: nothing is taken back, since
  the group would have fewer rules than both the old program and the new one declare.
  `UnfinishedUpdateError` names what was added and what is to be revoked; the state gets
  both, and the next update goes on.
- The outcome of a revoke of an update of a set is unknown: the same, since it may have
  succeeded.

Which answers to a revoke count as a refusal is decided in `delete`.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import replace

from alicloud_ingress.ecs.reactions import is_refusal
from alicloud_ingress.errors import (
    EcsError,
    GroupNotFoundError,
    as_sentence,
    error_context,
)
from alicloud_ingress.reconcile.context import RuleContext
from alicloud_ingress.reconcile.create import Additions, exists_error
from alicloud_ingress.reconcile.delete import Removals
from alicloud_ingress.reconcile.modify import Changes
from alicloud_ingress.reconcile.plan import (
    Keep,
    Member,
    Plan,
    Seen,
    doubts,
    live_of,
    planned,
    refreshed,
    unnameable,
)
from alicloud_ingress.reconcile.polling import (
    SHOWN_AGAIN_WITHIN_S,
    may_show_later,
    read_until,
)
from alicloud_ingress.reconcile.unfinished import (
    NotTakenBackError,
    UnfinishedUpdateError,
    not_taken_back,
)
from alicloud_ingress.rules.live import LiveGroup, LiveRule
from alicloud_ingress.rules.rule import IngressRule


class Lifecycle(RuleContext):
    """
    The flow, for one rule (`RuleLifecycle`) and for a set (`SetLifecycle`) alike.
    """

    __slots__ = ()

    def account_id(self, rules: Sequence[IngressRule]) -> str:
        """
        The account of the credentials; "" where STS refuses or cannot be reached.

        Rules can be created without it. A later "group not found" can then not be
        compared with the account that the group was in. An error names the rules.
        """
        with self._error_context(rules):
            try:
                return self.account.account_id()
            except EcsError as error:
                if is_refusal(error):
                    raise
                why = as_sentence(error)
        self.warn(
            f"the account that owns {self.where} is not known: {why}"
            " The state is written without it"
        )
        return ""

    def _reconcile(
        self,
        wanted: Sequence[IngressRule],
        members: Sequence[Member],
        *,
        adopt: bool,
        keep: Keep | None = None,
    ) -> Mapping[IngressRule, LiveRule]:
        """
        Bring the group from what the state holds to what is wanted; see
        `SetLifecycle.update`.

        What an earlier attempt of this run has left counts as the resource's own.

        Returns:
            each wanted rule as it is now, without an ID if it does not show in time.
        """
        left = self._left_behind
        members = [member for member in members if member.rule not in left]
        members += [
            Member(rule, live.rule_id, pending=not live.rule_id)
            for rule, live in left.items()
        ]
        try:
            return self._reconcile_once(wanted, members, adopt=adopt, keep=keep)
        except UnfinishedUpdateError:
            raise
        except Exception as error:
            if not left:
                raise
            raise not_taken_back(
                error,
                "An attempt before it has left these, which may exist in"
                f" {self.where}: {self.live_words(left.values())}.",
                left,
            ) from error

    @property
    def _left_behind(self) -> Mapping[IngressRule, LiveRule]:
        """
        What an earlier attempt of this run has left.
        """
        return self.owner.ownership.left_behind(self.owner.mark)

    def _reconcile_once(
        self,
        wanted: Sequence[IngressRule],
        members: Sequence[Member],
        *,
        adopt: bool,
        keep: Keep | None,
    ) -> Mapping[IngressRule, LiveRule]:
        members = list(map(self._with_holder, members))

        def plan_for(group: LiveGroup) -> Plan:
            return planned(wanted, members, group, keep)

        def duplicates_in(group: LiveGroup) -> list[str]:
            return [change.live.rule_id for change in plan_for(group).duplicates]

        with self._error_context(wanted):
            read = self.group.read_after_writes if members else self.group.read_cached
            group = self._identified(members, read())
            members = [self._found(member, group) for member in members]
            plan = plan_for(group)
            if plan.duplicates:
                # A cached read does not show what other resources have written since.
                own = [m.rule_id for m in members if m.rule_id and not m.held]
                group = self._identified(members, self.read_settled(duplicates_in, own))
                members = [self._found(member, group) for member in members]
                plan = plan_for(group)
        if plan.duplicates and not adopt:
            raise exists_error(self, [change.live for change in plan.duplicates])
        return self._carry_out(plan, group, adopt=adopt)

    def _identified(self, members: Sequence[Member], group: LiveGroup) -> LiveGroup:
        """
        The group, read again if it shows a rule of the state whose ID is not known: a
        late read may show an identical one that was deleted before.
        """
        return self._believed([m for m in members if not m.rule_id], group)

    def _believed(
        self,
        members: Sequence[Member],
        group: LiveGroup,
        keep: Keep | None = None,
        *,
        adopt: bool = False,
    ) -> LiveGroup:
        """
        The group. A rule of the state is gone, changed or found only if two reads in a
        row show that, and it was not created or changed just before: a read may be
        late. A rule without an ID that no two reads show alike does not count as shown.
        """
        group = self.without_revoked(group)
        doubtful = doubts(members, group, keep, adopt=adopt)
        agreed: set[tuple[Member, LiveRule | None]] = set()

        def is_believed() -> bool:
            nonlocal group, doubtful, agreed
            before, again = doubtful, self.without_revoked(self.group.read_now())
            doubtful = doubts(members, again, keep, adopt=adopt)
            agreed = doubtful.items() & before.items()
            if doubtful.items() - before.items():
                return False
            group = again
            return not any(itertools.starmap(is_written_just_before, doubtful.items()))

        def is_written_just_before(member: Member, live: LiveRule | None) -> bool:
            if live is None:
                return may_show_later(member.create_time, group)
            time = member.update_time
            return bool(time) and may_show_later(time, group)

        if doubtful:
            read_until(is_believed, self.timeout_s, SHOWN_AGAIN_WITHIN_S)
        hidden = [member for member in members if not member.rule_id]
        unsure = doubts(hidden, group, adopt=adopt).items() - agreed
        return group.without([live.rule_id for _, live in unsure if live])

    def _with_holder(self, member: Member) -> Member:
        """
        The member, and whether another resource of this run holds its rule, too, or
        has revoked it.
        """
        rule_id, owner = member.rule_id, self.owner
        is_anothers = owner.ownership.is_anothers(rule_id, owner.mark)
        held = is_anothers or owner.ownership.is_being_revoked(rule_id)
        return replace(member, held=held)

    def _found(self, member: Member, group: LiveGroup) -> Member:
        """
        The member. If its ID is not known and another resource holds its rule, as with
        the ID.
        """
        live = None if member.rule_id else live_of(member, group)
        find, mark = self.owner.ownership.find, self.owner.mark
        if not live or not live.rule_id or find(live.rule_id, mark):
            return member
        return replace(member, rule_id=live.rule_id, held=True)

    def _carry_out(
        self, plan: Plan, group: LiveGroup, *, adopt: bool = False
    ) -> Mapping[IngressRule, LiveRule]:
        if not self.is_set:
            plan = self._revoke_hidden(plan)
        before = frozenset(live.rule_id for live in group.rules if live.rule_id)
        additions = Additions(self, before, adopts=adopt, in_state=plan.in_state)
        changes, removals = Changes(self), Removals(self)
        added: Mapping[IngressRule, LiveRule] = {}
        result: Mapping[IngressRule, LiveRule] = {}
        try:
            additions.adopt(plan.duplicates)
            additions.authorize(plan.authorize)
            added = additions.claim()
            plan = replace(
                plan,
                own=(*plan.own, *additions.own.values()),
                duplicates=(*plan.duplicates, *additions.by_others.values()),
            )
            changes.make((*plan.own, *plan.duplicates))
            removals.revoke(plan.revoke)
            result = plan.result(added)
        except Exception as error:
            if removals.gone or (self.is_set and removals.unclear):
                result = plan.result(added)
                raise self._unfinished_error(
                    error, plan, added, changes, removals
                ) from error
            failure = changes.as_unfinished(error)
            try:
                additions.take_back(failure)
            except NotTakenBackError as failed:
                result = failed.for_state
                raise
            if failure is error:
                raise
            raise failure from error
        finally:
            additions.end(result)
        self._warn_of_success(plan)
        return result

    def _revoke_hidden(self, plan: Plan) -> Plan:
        """
        Revoke what never showed, before anything is added: if the run fails, the state
        of one rule cannot have both.
        """
        Removals(self).revoke([m for m in plan.revoke if not m.rule_id])
        return replace(plan, revoke=tuple(m for m in plan.revoke if m.rule_id))

    def _unfinished_error(
        self,
        error: Exception,
        plan: Plan,
        added: Mapping[IngressRule, LiveRule],
        changes: Changes,
        removals: Removals,
    ) -> UnfinishedUpdateError:
        done = removals.gone | removals.left_to_others
        to_revoke = tuple(m for m in plan.revoke if m.rule not in done)
        result = plan.result(added)
        self.owner.ownership.leave_behind(result, self.owner.mark)
        new = self.words_with_ids((rule, live.rule_id) for rule, live in added.items())
        changed = self.live_words(change.result for change in changes.made)
        still = self.words_with_ids((m.rule, m.rule_id) for m in to_revoke)
        exist = "may still exist" if removals.unclear else "still exist"
        return UnfinishedUpdateError(
            f"{as_sentence(error)} Of {len(plan.revoke)} rules that were to be revoked,"
            f" {len(removals.gone)} are gone"
            + (f", and these {exist} in {self.where}: {still}." if to_revoke else ".")
            + (f" These were added and are kept: {new}." if new else "")
            + (f" These were changed and stay so: {changed}." if changed else ""),
            result,
            to_revoke,
        )

    def _warn_of_success(self, plan: Plan) -> None:
        if plan.duplicates:
            there = self.live_words(duplicate.live for duplicate in plan.duplicates)
            self.warn(f"adopted, since the rule existed before this run: {there}")
        if plan.kept:
            kept = self.words_with_ids((m.rule, m.rule_id) for m in plan.kept)
            self.warn(f"kept in {self.where}, as the set is to keep it: {kept}")
        if plan.not_previewed:
            self.warn(
                f"left alone in {self.where}, though not in the exclusive set, since no"
                f" preview has shown it: {self.live_words(plan.not_previewed)}."
                " `pulumi refresh` and the next preview show each that has an ID"
            )

    def _refreshed(
        self,
        members: Sequence[Member],
        account_id: str,
        keep: Keep | None = None,
        *,
        adopt: bool,
    ) -> tuple[Seen, ...] | None:
        """
        What a refresh finds; None if the group does not exist in the account of the
        state.
        """
        with self._error_context([member.rule for member in members]):
            try:
                read = self.group.read_after_writes()
                group = self._believed(members, read, keep, adopt=adopt)
            except GroupNotFoundError as error:
                self.believe_group_gone(error, members, account_id, ask_again=True)
                return None
        seen = refreshed(members, group, keep, adopt=adopt)
        pending = [found.live.rule for found in seen if not found.is_shown]
        if pending:
            self.warn(
                f"{self.where} does not show"
                f" {self.words_of_all(pending)}, whose ID was never known."
                " It stays in the state, since ECS may show it later: `pulumi up` finds"
                " it or creates it again, `pulumi destroy` revokes it by all its fields"
            )
        if left := unnameable(members, group, keep):
            self.warn(
                f"{self.where} has rules that the exclusive set does not have, without"
                " an ID or identical to one of its own, so that the set leaves them"
                f" alone: {self.live_words(left)}"
            )
        return seen

    def _delete(self, members: Sequence[Member], account_id: str) -> None:
        try:
            Removals(self).revoke(members)
        except GroupNotFoundError as error:
            with self._error_context([member.rule for member in members]):
                self.believe_group_gone(error, members, account_id, ask_again=False)

    def _error_context(
        self, rules: Sequence[IngressRule]
    ) -> AbstractContextManager[None]:
        words = f"a set of {len(rules)} rules" if self.is_set else self.words(rules[0])
        return error_context(f"{words} in {self.where}")
