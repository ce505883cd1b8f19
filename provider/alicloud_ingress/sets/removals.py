"""
Remove many rules: by ID where known, else by their whole quintuples, all proven.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from alicloud_ingress.errors import EcsError, NoAnswerError, RuleNotConfirmedError
from alicloud_ingress.live import LiveRule
from alicloud_ingress.reactions import Call, Reaction, reaction
from alicloud_ingress.rule import IngressRule
from alicloud_ingress.rules.repetition import until_answered
from alicloud_ingress.rules.site import Site
from alicloud_ingress.ruleset import Index, Member
from alicloud_ingress.sets.rule_group import RuleGroup, named


@dataclass(frozen=True, slots=True)
class Removals:
    """
    What can be taken out of a group for a set.

    Args:
        group: the group, with calls for many rules.
        site: where the group is, and what its rules are judged by.
    """

    group: RuleGroup
    site: Site

    def revoke(self, members: Sequence[Member]) -> None:
        """
        Remove members: by ID if known, else by their whole quintuples, proven.
        """
        held = [m for m in members if m.rule_id and not self._is_free(m.rule_id)]
        for member in held:
            self.site.leave_to_its_holder(member.rule_id)
        ours = [member for member in members if member not in held]
        by_id = {member.rule_id: member.rule for member in ours if member.rule_id}
        try:
            left = self._left_by_revoking_ids(by_id)
        finally:
            for rule_id in by_id:
                self.site.claims.settle(rule_id)
        unknown = [member.rule for member in ours if not member.rule_id]
        left += self._left_by_revoking_attributes(unknown)
        if left:
            raise RuleNotConfirmedError(
                f"RevokeSecurityGroup left {named(left)} in {self.site.where}; run"
                " `pulumi refresh`, then the same command again."
            )

    def _is_free(self, rule_id: str) -> bool:
        """
        Whether nobody holds the rule; from now on nobody can, and whoever wants the
        like of it waits until it is gone.
        """
        return self.site.claims.take(rule_id, moving=True)

    def _left_by_revoking_ids(self, rules: Mapping[str, IngressRule]) -> list[str]:
        """
        Revoke by ID; a 200 is proof, and what is gone never falls back.
        """
        gone: dict[str, EcsError] = {}
        doubtful: dict[str, EcsError] = {}
        for rule_id, error in self.group.revoke_all_by_id(list(rules)):
            if error is None:
                continue
            asked = reaction(Call.REVOKE_BY_ID, error)
            if asked is Reaction.DONE:
                gone[rule_id] = error
            elif asked is Reaction.LOOK:
                doubtful[rule_id] = error
            else:
                words = f"{rule_id} ({rules[rule_id].in_words}) in {self.site.where}"
                raise error.about(words) from error
        index = Index(self.group.prove()) if doubtful else None
        left = [id_ for id_ in doubtful if index and index.by_id(id_)]
        self._name_twins_of({*gone, *doubtful}.difference(left), rules)
        return [
            f"{rule_id} ({rules[rule_id].in_words}; {doubtful[rule_id].code},"
            f" RequestId {doubtful[rule_id].request_id})"
            for rule_id in left
        ]

    def _name_twins_of(
        self, gone: Iterable[str], rules: Mapping[str, IngressRule]
    ) -> None:
        """
        Warn of rules that equal what is gone and are somebody else's.
        """
        ids = sorted(gone)
        if not ids:
            return
        try:
            index = Index(self.group.look())
        except EcsError:
            return
        for rule_id in ids:
            twin = index.identical_to(rules[rule_id])
            if twin and twin.rule_id not in rules and not self._is_held(twin):
                self.site.warn(
                    f"{rule_id} is gone already; {twin.rule_id} is an identical rule of"
                    f" {self.site.where}, was not made by this set, and is left alone"
                )

    def _left_by_revoking_attributes(self, rules: Sequence[IngressRule]) -> list[str]:
        """
        Revoke each by all that names it, and prove it: a 200 says nothing.

        What is still there is known by its ID then, and revoked by that.
        """
        free = self._not_held(rules)
        if not free:
            return []
        index = until_answered(self.site.timeout_s)(self._index_after_revoke, free)
        shown = {rule: live for rule in free if (live := index.identical_to(rule))}
        by_id = {live.rule_id: rule for rule, live in shown.items() if live.rule_id}
        left = [
            f"{rule.in_words} (without an ID; remove it in the console)"
            for rule, live in shown.items()
            if not live.rule_id
        ]
        left += [
            f"{live.rule_id} ({live.rule.in_words}, which is {rule.in_words} without"
            " host bits; if it is that rule, remove it in the console)"
            for rule in free
            if rule not in shown and (live := index.matching(rule))
        ]
        return left + self._left_by_revoking_ids(by_id)

    def _not_held(self, rules: Sequence[IngressRule]) -> list[IngressRule]:
        """
        Those that no other resource of this process has taken over.
        """
        if not rules or not self.site.claims.any_held:
            return list(rules)
        index = Index(self.group.look())
        free: list[IngressRule] = []
        for rule in rules:
            twin = index.identical_to(rule)
            if twin and self._is_held(twin):
                self.site.leave_to_its_holder(twin.rule_id)
            else:
                free.append(rule)
        return free

    def _is_held(self, live: LiveRule) -> bool:
        return self.site.claims.holds(live.rule_id)

    def _index_after_revoke(self, rules: Sequence[IngressRule]) -> Index:
        """
        Revoke the rules by attributes, and look.

        Raises:
            NoAnswerError: none came for some, and some are still there.
        """
        silence: NoAnswerError | None = None
        for rule, error in self.group.revoke_all_by_attributes(rules):
            if isinstance(error, NoAnswerError):
                silence = error
            elif error is not None and (
                reaction(Call.REVOKE_BY_ATTRIBUTES, error) is not Reaction.LOOK
            ):
                raise error.about(f"{rule.in_words} in {self.site.where}") from error
        index = Index(self.group.prove())
        if silence and any(index.identical_to(rule) for rule in rules):
            raise silence
        return index
