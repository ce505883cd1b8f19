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


class NotTakenBackError(RuleNotConfirmedError):
    """
    A run failed before it had revoked a rule, and may have left rules that it added, or
    rules of the state that it changed.

    Attributes:
        added: each rule that it added as it is, without an ID where no read has shown
            it, and each that it changed as it is to be. The state has to name them.
    """

    def __init__(self, message: str, added: Mapping[IngressRule, LiveRule]) -> None:
        super().__init__(message)
        self.added = added

    @property
    def ids(self) -> dict[IngressRule, str]:
        """
        The ID of each of these rules; "" while unknown.
        """
        return {rule: live.rule_id for rule, live in self.added.items()}


class UnfinishedUpdateError(NotTakenBackError):
    """
    An update failed when some rules were gone, or may have been: nothing is taken back.

    Attributes:
        added: each wanted rule as it is, also those that were there before.
        to_revoke: rules that the next update has to revoke.
    """

    def __init__(
        self,
        message: str,
        added: Mapping[IngressRule, LiveRule],
        to_revoke: Sequence[Member],
    ) -> None:
        super().__init__(message, added)
        self.to_revoke = to_revoke


def not_taken_back(
    error: Exception, words: str, added: Mapping[IngressRule, LiveRule]
) -> NotTakenBackError:
    """
    The error of a run that *error* has ended, and all that it has left.

    Args:
        error: which may itself bring rules into the state.
        words: a sentence that follows it.
        added: further rules for the state.
    """
    if isinstance(error, NotTakenBackError):
        added = {**added, **error.added}
    return NotTakenBackError(f"{as_sentence(error)} {words}", added)
