"""
What all steps share: the group, the owner of its rules, and how messages name them.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, field
from typing import ClassVar, Protocol

from alicloud_ingress.ecs.security_group import SecurityGroup
from alicloud_ingress.errors import (
    GroupNotFoundError,
    RuleNotConfirmedError,
    WrongAccountError,
    some_of,
)
from alicloud_ingress.reconcile.ownership import Owner, Ownership, Release, new_mark
from alicloud_ingress.reconcile.plan import Member
from alicloud_ingress.rules.live import LiveGroup, LiveRule
from alicloud_ingress.rules.rule import IngressRule

ANOTHER_RESOURCE = "another resource of this stack"
"""
The owner of a rule that is not this resource's, in all messages.
"""
EXCHANGE = (
    "If two resources exchange rules, use two runs of `pulumi up`: the first removes"
    " one of these rules from the program and changes nothing else."
)
"""
What helps where each of two resources waits for the rule of the other.
"""
MAX_NAMED = 20
"""
Rules that a message names one by one.
"""


class Account(Protocol):
    """
    What the credentials show of the group's account.
    """

    def account_id(self) -> str:
        """The account of the credentials, or ""."""
        ...

    def group_exists(self, group_id: str) -> bool:
        """Ask DescribeSecurityGroups."""
        ...


def named(words: Iterable[str]) -> str:
    """
    The words as a list, of which only the first `MAX_NAMED` are shown.
    """
    return some_of(words, MAX_NAMED)


@dataclass(frozen=True, slots=True)
class RuleContext:
    """
    A group, and all that its rules are judged by.

    Args:
        group: of the rules.
        account: of the credentials.
        region: of the group, for messages.
        warn: gets one sentence about a success that a person should know of.
        owner: the resource that is worked for, among the others of this process.
        timeout_s: seconds for each step that is repeated; each of its calls has a
            limit of its own.
        secret: paths of the arguments whose values are not shown.
    """

    is_set: ClassVar[bool] = False

    group: SecurityGroup
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

    def words(self, rule: IngressRule) -> str:
        """
        A rule for messages; `[secret]` if an argument of the resource is secret.

        All rules of the resource are hidden then, its old and its live ones, too: which
        of them has the secret is not known.
        """
        return rule.words(self.secret)

    def words_of_all(self, rules: Iterable[IngressRule]) -> str:
        """
        Rules for messages, as far as `named` shows them.
        """
        return named(map(self.words, rules))

    def live_words(self, rules: Iterable[LiveRule]) -> str:
        """
        Rules with their IDs, for messages.
        """
        return self.words_with_ids((live.rule, live.rule_id) for live in rules)

    def words_with_ids(self, rules: Iterable[tuple[IngressRule, str]]) -> str:
        """
        Rules with their IDs, "" while unknown, for messages.
        """
        return named(
            f"{rule_id or 'ID unknown'} ({self.words(rule)})" for rule, rule_id in rules
        )

    def without_revoked(self, group: LiveGroup) -> LiveGroup:
        """
        The group without the rules that this run has revoked, which a read may still
        show. What verifies a revoke has to see those.
        """
        return group.without(self.owner.ownership.revoked)

    def read_settled(
        self,
        duplicates_in: Callable[[LiveGroup], Iterable[str]],
        own_ids: Collection[str] = (),
    ) -> LiveGroup:
        """
        The group, once no other resource is about to change or revoke a duplicate.

        Args:
            duplicates_in: IDs of the rules of a group that are in the way.
            own_ids: of the rules of the resource that waits.
        """
        ownership = self.owner.ownership
        group = self.without_revoked(self.group.read_now())
        lasting = {*own_ids, *self.owner.replaces}
        while moving := set(duplicates_in(group)) - lasting:
            kept = {
                rule_id
                for rule_id in moving
                if not ownership.wait_for_change(rule_id, own_ids)
            }
            if kept == moving and not any(map(ownership.knows, kept)):
                break
            ownership.wait_until_released(kept)
            group = self.without_revoked(self.group.read_now())
            lasting |= {id_ for id_ in kept if not ownership.is_being_revoked(id_)}
        return group

    def report_release(self, rule_id: str, release: Release) -> None:
        """
        Report a rule that is not revoked, because another resource has it.

        Raises:
            RuleNotConfirmedError: another resource has begun to take the rule over,
                and has not finished.
        """
        if release is Release.HELD:
            self.warn(f"{rule_id} now belongs to {ANOTHER_RESOURCE} and is not revoked")
        elif release is Release.UNDECIDED:
            raise RuleNotConfirmedError(
                f"RevokeSecurityGroup of {rule_id} in {self.where} was not sent:"
                f" {ANOTHER_RESOURCE} has begun to take it over and has not finished."
                " Run the same command again."
            )

    def believe_group_gone(
        self,
        error: GroupNotFoundError,
        members: Sequence[Member],
        account_id: str,
        *,
        ask_again: bool,
    ) -> None:
        """
        Accept "group not found" only in the account of the state.

        Args:
            error: the answer of ECS.
            members: the rules of the state, which drops them then.
            account_id: of the state; "" where it is not known.
            ask_again: whether DescribeSecurityGroups has to agree where the accounts
                cannot be compared.

        Raises:
            WrongAccountError: the credentials are of another account.
            GroupNotFoundError: DescribeSecurityGroups shows the group.
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
        dropped = self.words_with_ids((m.rule, m.rule_id) for m in members)
        self.warn(
            f"{self.group.group_id} does not exist in {self.region}. It is treated as"
            " deleted, though its account could not be compared with the credentials'."
            " If the group is in another account, these rules of it may exist, and the"
            f" state no longer has them: {dropped}"
        )
