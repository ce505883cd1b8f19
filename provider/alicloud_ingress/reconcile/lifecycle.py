"""
Create, read, update and delete one rule, and believe no unproven yes.

ECS answers 200 to an Authorize of a rule that exists and to a Revoke by
attributes that match nothing, and it never tells the ID of a rule that it made.
So whatever is not addressed by ID is followed by a look at the group.
"""

from __future__ import annotations

from contextlib import AbstractContextManager
from dataclasses import dataclass

from alicloud_ingress.errors import GroupNotFoundError, error_context
from alicloud_ingress.reconcile import create, delete, modify
from alicloud_ingress.reconcile.context import RuleContext
from alicloud_ingress.rules.live import LiveRule
from alicloud_ingress.rules.rule import IngressRule


@dataclass(frozen=True, slots=True)
class RuleLifecycle(RuleContext):
    """
    What can be done with the rules of one group.
    """

    def account_id(self, rule: IngressRule) -> str:
        """
        As `RuleContext.account_for_state`, for the state of this rule.
        """
        with self._error_context(rule):
            return self.account_for_state()

    def create(self, rule: IngressRule, *, adopt: bool = False) -> LiveRule:
        """
        Make the rule, and return it with its ID ("" if it did not show in time).

        Raises:
            RuleExistsError: the very rule was there before, and not adopted.
            RuleNotConfirmedError: no answer came and the rule never showed.
        """
        with self._error_context(rule):
            return create.create(self, rule, adopt=adopt)

    def read(
        self, rule: IngressRule, rule_id: str, account_id: str, *, adopt: bool = False
    ) -> LiveRule | None:
        """
        The rule as it stands, or None if it is gone.
        """
        with self._error_context(rule):
            try:
                group = self.group.read_after_writes()
            except GroupNotFoundError as error:
                self.believe_group_gone(error, account_id, ask_again=True)
                return None
        live = group.by_id(rule_id) if rule_id else None
        if live is None and (adopt or not rule_id):
            live = group.matching(rule)
        return live and group.in_terms_of(rule, live)

    def update(self, old: IngressRule, new: IngressRule, rule_id: str) -> LiveRule:
        """
        Change the rule in place by ID.

        Without an ID it is found by its old identity. A field that somebody else has
        changed and that is set back is named in a warning.

        Raises:
            RuleExistsError: another rule is the same already, and stays.
            RuleNotConfirmedError: the rule is gone.
        """
        with self._error_context(new):
            return modify.update(self, old, new, rule_id)

    def delete(self, rule: IngressRule, rule_id: str, account_id: str) -> None:
        """
        Remove the rule: by ID if known, else by its whole quintuple, proven.

        Raises:
            RuleNotConfirmedError: the rule is still there.
        """
        with self._error_context(rule):
            delete.delete(self, rule, rule_id, account_id)

    def _error_context(self, rule: IngressRule) -> AbstractContextManager[None]:
        return error_context(f"{rule.as_text} of {self.where}")
