"""
Where rules are worked on: a group, whose it is, and what else its resources hold.

One rule and a set of rules are made, changed and removed at the same kind of place,
and ask it the same things.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Protocol

from alicloud_ingress.errors import (
    EcsError,
    GroupNotFoundError,
    RuleNotConfirmedError,
    WrongAccountError,
    as_sentence,
)
from alicloud_ingress.reconcile.ownership import Owner, Ownership, Release, new_mark
from alicloud_ingress.rules.live import LiveGroup, LiveRule
from alicloud_ingress.rules.rule import IngressRule

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

    def read_cached(self) -> LiveGroup:
        """Tell the rules as they were a moment ago, other threads aside."""
        ...

    def read_after_writes(self) -> LiveGroup:
        """Tell the rules as they were a moment ago, after all own writes."""
        ...

    def read_now(self) -> LiveGroup:
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
class RuleContext:
    """
    A group, and all that its rules are judged by.

    Args:
        region: where the group is, for messages.
        warn: told, in one sentence, what a person should know of a success.
        owner: the resource that is worked for, among the others of this process.
        timeout_s: seconds for one operation with all that it repeats.
        secret: paths of the arguments whose values are not shown.
    """

    group: Group
    account: Account
    region: str
    warn: Callable[[str], None]
    owner: Owner = field(default_factory=lambda: Owner(Ownership(), new_mark()))
    timeout_s: float = 120.0
    secret: frozenset[str] = frozenset()

    @property
    def where(self) -> str:
        """
        Group and region, for messages.
        """
        return f"{self.group.group_id} ({self.region})"

    def account_for_state(self) -> str:
        """
        The account of the credentials; "" where STS refuses or cannot be asked.

        The rule does not depend on it: without it, nobody can tell later in whose
        account a group is gone.
        """
        try:
            return self.account.account_id()
        except EcsError as error:
            if not error.retryable:
                raise
            self.warn(
                f"the account that owns {self.where} is not known: {as_sentence(error)}"
                " The state is written without it"
            )
            return ""

    def read_cached(self) -> LiveGroup:
        """
        As `Group.read_cached`, without what this run has revoked: a read may lag.
        """
        return self.group.read_cached().without(self.owner.ownership.revoked)

    def read_after_writes(self) -> LiveGroup:
        """
        As `Group.read_after_writes`, without what this run has revoked.
        """
        return self.group.read_after_writes().without(self.owner.ownership.revoked)

    def read_now(self) -> LiveGroup:
        """
        As `Group.read_now`, without what this run has revoked.
        """
        return self.group.read_now().without(self.owner.ownership.revoked)

    def is_there(self, rule_id: str) -> bool:
        """
        Whether a fresh read shows a rule with this ID.
        """
        return self.group.read_now().by_id(rule_id) is not None

    def read_after_unknown_outcome(self) -> LiveGroup | None:
        """
        The group as it is; None where this read fails, too, and so shows nothing.
        """
        try:
            return self.read_now()
        except EcsError:
            return None

    def lasting_duplicate(
        self, rule: IngressRule, own_ids: Collection[str] = ()
    ) -> LiveRule | None:
        """
        The very rule, unless another resource is about to change or revoke it.

        Args:
            rule: wanted.
            own_ids: of the rules of the resource that wants it.
        """
        duplicate = self.read_after_writes().matching(rule)
        while duplicate and duplicate.rule_id not in {*own_ids, *self.owner.replaces}:
            changed = self.owner.ownership.wait_for_change(duplicate.rule_id, own_ids)
            if not changed and not self.owner.ownership.knows(duplicate.rule_id):
                return duplicate
            still = self.read_now().matching(rule)
            if still is None or (still.rule_id == duplicate.rule_id and not changed):
                return still
            duplicate = still
        return (
            duplicate
            if duplicate and duplicate.rule_id in self.owner.replaces
            else None
        )

    @contextmanager
    def releasing(self, rule_id: str) -> Generator[bool, None, None]:
        """
        Give a rule up, and revoke it meanwhile where the value is True.

        Raises:
            RuleNotConfirmedError: another resource is taking it over, and that does
                not end.
        """
        with self.owner.releasing(rule_id) as release:
            self.report_release(rule_id, release)
            yield release is Release.REVOKE

    def report_release(self, rule_id: str, release: Release) -> None:
        """
        Say what a person should know of a rule that is not revoked.
        """
        if release is Release.HELD:
            self.warn(f"{rule_id} now belongs to {ANOTHER_RESOURCE} and is not revoked")
        elif release is Release.UNDECIDED:
            raise RuleNotConfirmedError(
                f"RevokeSecurityGroup of {rule_id} in {self.where} was not sent:"
                f" {ANOTHER_RESOURCE} is taking it over, and that has not ended. Run"
                " the same command again."
            )

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
