"""
Where rules are worked on: a group, whose it is, and what else its resources hold.

One rule and a set of rules are made, changed and removed at the same kind of place,
and ask it the same things.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

from alicloud_ingress.claims import Claims
from alicloud_ingress.errors import EcsError, GroupNotFoundError, WrongAccountError
from alicloud_ingress.live import LiveGroup, LiveRule
from alicloud_ingress.rule import IngressRule

ANOTHER_RESOURCE = "another resource of this stack"
"""
Who holds a rule that is claimed, in all messages.
"""


class Group(Protocol):
    """
    The security group of the rules.
    """

    @property
    def group_id(self) -> str:
        """`sg-...`."""
        ...

    def glance(self) -> LiveGroup:
        """Tell the rules as they were a moment ago, other threads aside."""
        ...

    def look(self) -> LiveGroup:
        """Tell the rules as they were a moment ago, after all own writes."""
        ...

    def prove(self) -> LiveGroup:
        """Tell the rules as they are, read after this call began."""
        ...

    def authorize(self, rule: IngressRule) -> None:
        """Add a rule."""
        ...

    def revoke_by_id(self, rule_id: str) -> None:
        """Remove a rule by ID."""
        ...

    def revoke_by_attributes(self, rule: IngressRule) -> None:
        """Remove a rule by all that names it."""
        ...

    def modify(self, rule_id: str, rule: IngressRule) -> None:
        """Change a rule by ID."""
        ...


class Account(Protocol):
    """
    Whose group it is, as far as the credentials can tell.
    """

    def account_id(self) -> str:
        """Tell the account of the credentials, or ""."""
        ...

    def group_exists(self, group_id: str) -> bool:
        """Ask DescribeSecurityGroups."""
        ...


@dataclass(frozen=True, slots=True)
class Site:
    """
    A group, and all that its rules are judged by.

    Args:
        region: where the group is, for messages.
        warn: told, in one sentence, what a person should know of a success.
        claims: what the other resources of this process hold.
        timeout_s: seconds for one operation with all that it repeats.
    """

    group: Group
    account: Account
    region: str
    warn: Callable[[str], None]
    claims: Claims = field(default_factory=Claims)
    timeout_s: float = 120.0

    @property
    def where(self) -> str:
        """
        Group and region, for messages.
        """
        return f"{self.group.group_id} ({self.region})"

    def is_there(self, rule_id: str) -> bool:
        """
        Whether a look proves that a rule has this ID.
        """
        return self.group.prove().by_id(rule_id) is not None

    def seen_after_silence(self) -> LiveGroup | None:
        """
        The group as it is; None where this look fails, too, and so tells nothing.
        """
        try:
            return self.group.prove()
        except EcsError:
            return None

    def twin_that_stays(self, rule: IngressRule, own_id: str = "") -> LiveRule | None:
        """
        The very rule, unless another resource is about to make it another one.
        """
        twin = self.group.look().matching(rule)
        while twin and twin.rule_id != own_id:
            hoped = self.claims.wait_for(twin.rule_id, own_id)
            if not self.claims.has(twin.rule_id):
                return twin
            still = self.group.prove().matching(rule)
            if still is None or (still.rule_id == twin.rule_id and not hoped):
                return still
            twin = still
        return None

    def leave_to_its_holder(self, rule_id: str) -> None:
        """
        Say of a rule that it is not removed, since it has been taken over.
        """
        self.warn(f"{rule_id} now belongs to {ANOTHER_RESOURCE} and is not revoked")

    def believe_group_gone(
        self, error: GroupNotFoundError, account_id: str, *, ask_again: bool
    ) -> None:
        """
        Let "the group is gone" pass only where it can be believed.

        Raises:
            WrongAccountError: the credentials are not those of the state.
            GroupNotFoundError: nobody can tell.
        """
        asking = self.account.account_id()
        if account_id and asking and asking != account_id:
            raise WrongAccountError(
                f"{self.where} belongs to account {account_id}, and the credentials in"
                f" use are of account {asking}: nothing was changed. Use credentials of"
                f" account {account_id}."
            ) from error
        if account_id and asking:
            return
        if ask_again and self.account.group_exists(self.group.group_id):
            raise error
        self.warn(
            f"{self.group.group_id} is not in {self.region}; the account could not be"
            " compared, so it is taken for gone"
        )
