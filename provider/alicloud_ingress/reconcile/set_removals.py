"""
Remove many rules: by ID where known, else by their whole quintuples, all proven.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from alicloud_ingress.ecs.reactions import Call, Reaction, reaction
from alicloud_ingress.errors import EcsError, NoAnswerError, RuleNotConfirmedError
from alicloud_ingress.reconcile.context import RuleContext
from alicloud_ingress.reconcile.delete import require_gone
from alicloud_ingress.reconcile.ownership import Release
from alicloud_ingress.reconcile.plan import Index, Member
from alicloud_ingress.reconcile.polling import until_answered
from alicloud_ingress.reconcile.rule_group import RuleGroup, named
from alicloud_ingress.rules.live import LiveRule
from alicloud_ingress.rules.rule import IngressRule


@dataclass(frozen=True, slots=True)
class Removals:
    """
    What one run takes out of a group for a set.

    Args:
        group: the group, with calls for many rules.
        context: where the group is, and what its rules are judged by.
        revoked: filled with the rules that are gone.
        left_to_others: filled with the rules that another resource holds.
    """

    group: RuleGroup
    context: RuleContext
    revoked: set[IngressRule] = field(default_factory=set[IngressRule])
    left_to_others: set[IngressRule] = field(default_factory=set[IngressRule])

    def revoke(self, members: Sequence[Member]) -> None:
        """
        Remove members: by ID if known, else by their whole quintuples, proven.

        A rule that another resource holds is left to it.

        Raises:
            RuleNotConfirmedError: some still exist.
            EcsError: of the rule that was refused.
        """
        left = self._left_of_known(members)
        left += self._left_by_revoking_attributes(
            [member.rule for member in members if not member.rule_id]
        )
        if left:
            raise RuleNotConfirmedError(
                f"RevokeSecurityGroup left {named(left)} in {self.context.where}; run"
                " `pulumi refresh`, then the same command again."
            )

    def _left_of_known(self, members: Sequence[Member]) -> list[str]:
        rules = {member.rule_id: member.rule for member in members if member.rule_id}
        releases = self.context.owner.begin_release(list(rules))
        ours = [id_ for id_, told in releases.items() if told is Release.REVOKE]
        ownership = self.context.owner.ownership
        try:
            for rule_id, release in releases.items():
                self.context.report_release(rule_id, release)
                if release is Release.HELD:
                    self.left_to_others.add(rules[rule_id])
            left = self._left_by_revoking_ids({id_: rules[id_] for id_ in ours})
        finally:
            gone = [rule_id for rule_id in ours if rules[rule_id] in self.revoked]
            ownership.end_release(gone, revoked=True)
            ownership.end_release(set(ours).difference(gone), revoked=False)
        elsewhere = [i for i, told in releases.items() if told is Release.IN_PROGRESS]
        if not elsewhere:
            return left
        ownership.wait_until_released(elsewhere)
        return left + self._left_of_known(
            [m for m in members if m.rule_id in elsewhere]
        )

    def _left_by_revoking_ids(self, rules: Mapping[str, IngressRule]) -> list[str]:
        """
        Revoke by ID; a 200 is proof, and what is gone never falls back.
        """
        outcomes = dict(self.group.revoke_all_by_id(list(rules)))
        asked = {
            rule_id: error and reaction(Call.REVOKE_BY_ID, error)
            for rule_id, error in outcomes.items()
        }
        gone = [id_ for id_, told in asked.items() if told is Reaction.ALREADY_DONE]
        done = [id_ for id_, told in asked.items() if told is None]
        self.revoked.update(rules[rule_id] for rule_id in (*done, *gone))
        doubtful = [id_ for id_, told in asked.items() if told is Reaction.READ_GROUP]
        index = Index(self.group.read_now()) if doubtful else None
        left = [id_ for id_ in doubtful if index and index.by_id(id_)]
        gone += set(doubtful).difference(left)
        self.revoked.update(rules[rule_id] for rule_id in gone)
        for rule_id, error in outcomes.items():
            if error and asked[rule_id] not in (
                Reaction.ALREADY_DONE,
                Reaction.READ_GROUP,
            ):
                more = len(rules) - len(done) - len(gone) - 1
                words = f"{rule_id} ({rules[rule_id].as_text})" + (
                    f" and {more} more" if more else ""
                )
                raise error.about(f"{words} in {self.context.where}") from error
        self._name_duplicates_of(gone, rules)
        return [
            f"{rule_id} ({rules[rule_id].as_text}; {error.quoted})"
            for rule_id in left
            if (error := outcomes[rule_id])
        ]

    def _name_duplicates_of(
        self, gone: Iterable[str], rules: Mapping[str, IngressRule]
    ) -> None:
        """
        Warn of rules that equal what is gone and are somebody else's.
        """
        ids = sorted(gone)
        if not ids:
            return
        try:
            index = Index(self.group.read_after_writes())
        except EcsError:
            return
        for rule_id in ids:
            duplicate = index.identical_to(rules[rule_id])
            if (
                duplicate
                and duplicate.rule_id not in rules
                and not self._is_known(duplicate)
            ):
                self.context.warn(
                    f"{rule_id} is gone already; {duplicate.rule_id} is an identical"
                    f" rule of {self.context.where}, was not made by this set, and is"
                    " left alone"
                )

    def _left_by_revoking_attributes(self, rules: Sequence[IngressRule]) -> list[str]:
        """
        Revoke each by all that names it, and prove it: a 200 says nothing.

        What is still there is known by its ID then, and revoked by that.
        """
        free = self._not_held(rules)
        if not free:
            return []
        index = until_answered(self.context.timeout_s)(self._index_after_revoke, free)
        shown = {rule: live for rule in free if (live := index.identical_to(rule))}
        by_id = {live.rule_id: rule for rule, live in shown.items() if live.rule_id}
        left = [
            f"{rule.as_text} (without an ID; remove it in the console)"
            for rule, live in shown.items()
            if not live.rule_id
        ]
        left += [
            f"{live.rule_id} ({live.rule.as_text}, which is {rule.as_text} without"
            " host bits; if it is that rule, remove it in the console)"
            for rule in free
            if rule not in shown and (live := index.matching(rule))
        ]
        left += self._left_by_revoking_ids(by_id)
        if by_id:
            require_gone(
                self.context, {i: r for i, r in by_id.items() if r in self.revoked}
            )
        self.revoked.update(rule for rule in free if rule not in shown)
        return left

    def _not_held(self, rules: Sequence[IngressRule]) -> list[IngressRule]:
        """
        Those that no other resource of this process has taken over.
        """
        if not rules or not self.context.owner.ownership.holds_any:
            return list(rules)
        index = Index(self.context.read_after_writes())
        free: list[IngressRule] = []
        for rule in rules:
            duplicate = index.identical_to(rule)
            if duplicate and self._is_held(duplicate):
                self.context.report_release(duplicate.rule_id, Release.HELD)
                self.left_to_others.add(rule)
            else:
                free.append(rule)
        return free

    def _is_known(self, live: LiveRule) -> bool:
        return self.context.owner.ownership.knows(live.rule_id)

    def _is_held(self, live: LiveRule) -> bool:
        return self.context.owner.is_anothers(live.rule_id)

    def _index_after_revoke(self, rules: Sequence[IngressRule]) -> Index:
        """
        Revoke the rules by attributes, and look.

        Raises:
            NoAnswerError: none came for some, and some are still there.
        """
        unknown_outcome: NoAnswerError | None = None
        for rule, error in self.group.revoke_all_by_attributes(rules):
            if isinstance(error, NoAnswerError):
                unknown_outcome = error
            elif error is not None and (
                reaction(Call.REVOKE_BY_ATTRIBUTES, error) is not Reaction.READ_GROUP
            ):
                raise error.about(f"{rule.as_text} in {self.context.where}") from error
        index = Index(self.group.read_now())
        if unknown_outcome and any(index.identical_to(rule) for rule in rules):
            raise unknown_outcome
        return index
