"""
The life of one rule.
"""

from __future__ import annotations

from alicloud_ingress.reconcile.lifecycle import Lifecycle
from alicloud_ingress.reconcile.modify import not_found_error
from alicloud_ingress.reconcile.plan import Member, Plan, change_of
from alicloud_ingress.rules.live import LiveRule
from alicloud_ingress.rules.rule import IngressRule


class RuleLifecycle(Lifecycle):
    """
    Creates, reads, updates and deletes one rule of a group.
    """

    __slots__ = ()

    def create(self, rule: IngressRule, *, adopt: bool = False) -> LiveRule:
        """
        Create the rule, and return it with its ID ("" if it did not show in time).

        Raises:
            RuleExistsError: an identical rule existed before, and is not adopted.
            NotTakenBackError: the create failed, and the rule may exist.
            RuleNotConfirmedError: no answer came and the rule never showed.
        """
        return self._reconcile([rule], (), adopt=adopt)[rule]

    def read(
        self, member: Member, account_id: str, *, adopt: bool = False
    ) -> LiveRule | None:
        """
        The rule of the state as it is, or None if it no longer exists.

        One that is pending and does not show has no ID.
        """
        seen = self._refreshed([member], account_id, adopt=adopt)
        return seen[0].live if seen else None

    def update(
        self,
        old: IngressRule,
        new: IngressRule,
        rule_id: str,
        *,
        adopt: bool = False,
    ) -> LiveRule:
        """
        Change the rule in place by ID.

        Without an ID it is found by its old identity. If that does not show, it is
        created again; before that, its old form is revoked by all fields, if that
        differs, in case it shows later. A field that somebody else has changed and that
        is set back is named in a warning. If another resource holds the rule, this one
        gets a rule of its own, or keeps that which an attempt before has left.

        Raises:
            RuleExistsError: another rule is the same already, and is kept.
            RuleNotConfirmedError: the rule no longer exists.
        """
        member = self._with_holder(Member(old, rule_id))
        if member.held or self._left_behind:
            return self._reconcile([new], [member], adopt=adopt)[new]
        with self._error_context([new]):
            group = self._identified([member], self.group.read_after_writes())
            change = change_of(member, new, group)
            if change is None:
                group = self._identified([member], self.group.read_now())
                change = change_of(member, new, group)
            member = self._found(member, group)
        if member.held:
            return self._reconcile([new], [member], adopt=adopt)[new]
        if change:
            return self._carry_out(Plan(own=(change,)), group)[new]
        if rule_id:
            raise not_found_error(self, member)
        return self._reconcile([new], [member], adopt=adopt)[new]

    def delete(self, rule: IngressRule, rule_id: str, account_id: str) -> None:
        """
        Remove the rule: by ID if known, else by all attributes, and verified.

        Raises:
            RuleNotConfirmedError: the rule still exists.
        """
        self._delete([Member(rule, rule_id)], account_id)
