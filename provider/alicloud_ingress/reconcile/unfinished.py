"""
The errors of a create or an update that leaves rules which its state has to name.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from alicloud_ingress.errors import RuleNotConfirmedError, as_sentence
from alicloud_ingress.rules.rule import IngressRule

if TYPE_CHECKING:
    from alicloud_ingress.reconcile.plan import Member
    from alicloud_ingress.rules.live import LiveRule


class UnfinishedError(RuleNotConfirmedError):
    """
    A create or an update failed, and its state has to name rules all the same.

    Args:
        for_state: these rules, each as it is; without an ID where no read has shown it.
    """

    def __init__(self, message: str, for_state: Mapping[IngressRule, LiveRule]) -> None:
        super().__init__(message)
        self.for_state = for_state

    @property
    def ids(self) -> dict[IngressRule, str]:
        """
        The ID of each of these rules; "" while unknown.
        """
        return {rule: live.rule_id for rule, live in self.for_state.items()}


class NotTakenBackError(UnfinishedError):
    """
    It failed before it had revoked a rule. The state gets what it may have added, as it
    is, and what it has changed, as that is to be, besides what the state has.
    """


class UnfinishedUpdateError(UnfinishedError):
    """
    An update failed when some rules were gone, or may have been: nothing is taken back.
    The state gets each wanted rule, also those that were there before.

    Args:
        for_state: the wanted rules.
        to_revoke: rules that the next update has to revoke.
    """

    def __init__(
        self,
        message: str,
        for_state: Mapping[IngressRule, LiveRule],
        to_revoke: Sequence[Member],
    ) -> None:
        super().__init__(message, for_state)
        self.to_revoke = to_revoke


def not_taken_back(
    error: Exception, words: str, for_state: Mapping[IngressRule, LiveRule]
) -> NotTakenBackError:
    """
    The error of a run that *error* has ended, and all that it has left.

    Args:
        error: which may itself bring rules into the state.
        words: a sentence that follows it.
        for_state: further rules for the state.
    """
    if isinstance(error, UnfinishedError):
        for_state = {**for_state, **error.for_state}
    return NotTakenBackError(f"{as_sentence(error)} {words}", for_state)
