"""
What all steps share: the group, the owner of its rules, and how messages name them.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, field
from typing import ClassVar, Protocol

from alicloud_ingress.ecs.batching import Outcome
from alicloud_ingress.errors import (
    SECRET,
    EcsError,
    GroupNotFoundError,
    RuleNotConfirmedError,
    WrongAccountError,
    as_sentence,
    hides_rule,
)
from alicloud_ingress.reconcile.ownership import Owner, Ownership, Release, new_mark
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


class Group(Protocol):
    """
    The security group of the rules.

    A call with one entry leaves in a batch with what other threads send.
    """

    @property
    def group_id(self) -> str:
        """`sg-...`."""
        ...

    def read_cached(self) -> LiveGroup:
        """The rules as they were a moment ago, without recent writes of others."""
        ...

    def read_after_writes(self) -> LiveGroup:
        """The rules as they were a moment ago, after all own writes."""
        ...

    def read_now(self) -> LiveGroup:
        """The rules as they are, read after this call began."""
        ...

    def authorize_all(self, rules: Sequence[IngressRule]) -> list[Outcome[IngressRule]]:
        """Add rules; the outcome of each that was sent."""
        ...

    def revoke_all_by_id(self, rule_ids: Sequence[str]) -> list[Outcome[str]]:
        """Remove rules by ID; the outcome of each that was sent."""
        ...

    def revoke_all_by_attributes(
        self, rules: Sequence[IngressRule]
    ) -> list[Outcome[IngressRule]]:
        """Remove rules by all attributes; the outcome of each that was sent."""
        ...

    def modify(self, rule_id: str, rule: IngressRule) -> None:
        """Change a rule by ID."""
        ...


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


@dataclass(frozen=True, slots=True)
class Wording:
    """
    How messages name what is worked on. The steps are the same for one rule and a set.

    Args:
        of: names rules as a whole, given the words of each, such as `a set of 3 rules`.
        import_hint: how to take over rules that exist, besides `adopt`.
    """

    of: Callable[[Sequence[str]], str]
    import_hint: str


ONE_RULE = Wording(
    lambda words: words[0], " To manage it from here, import it by its ID."
)
RULE_SET = Wording(lambda words: f"a set of {len(words)} rules", "")


def named(words: Iterable[str]) -> str:
    """
    The words as a list, of which only the first `MAX_NAMED` are shown.
    """
    every = list(words)
    more = len(every) - MAX_NAMED
    return ", ".join(every[:MAX_NAMED]) + (f" and {more} more" if more > 0 else "")


@dataclass(frozen=True, slots=True)
class RuleContext:
    """
    A group, and all that its rules are judged by.

    Args:
        region: of the group, for messages.
        warn: gets one sentence about a success that a person should know of.
        owner: the resource that is worked for, among the others of this process.
        timeout_s: seconds for each step that is repeated; each of its calls has a
            limit of its own.
        secret: paths of the arguments whose values are not shown.
    """

    wording: ClassVar[Wording] = ONE_RULE

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

    def words(self, rule: IngressRule) -> str:
        """
        A rule for messages; `[secret]` if an argument of the resource is secret.

        All rules of the resource are hidden then, its old and its live ones, too: which
        of them has the secret is not known.
        """
        return SECRET if hides_rule(self.secret) else rule.as_text

    def words_of_all(self, rules: Iterable[IngressRule]) -> str:
        """
        Rules for messages, as far as `named` shows them.
        """
        return named(map(self.words, rules))

    def live_words(self, rules: Iterable[LiveRule]) -> str:
        """
        Rules with their IDs, for messages.
        """
        return named(f"{live.rule_id} ({self.words(live.rule)})" for live in rules)

    def account_for_state(self) -> str:
        """
        The account of the credentials; "" where STS refuses or cannot be reached.

        Rules can be created without it. A later "group not found" can then not be
        compared with the account that the group was in.
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
        group = self.without_revoked(self.group.read_after_writes())
        lasting = {*own_ids, *self.owner.replaces}
        while moving := set(duplicates_in(group)) - lasting:
            kept = {
                rule_id
                for rule_id in moving
                if not ownership.wait_for_change(rule_id, own_ids)
            }
            if kept == moving and not any(map(ownership.knows, kept)):
                break
            group = self.without_revoked(self.group.read_now())
            lasting |= {id_ for id_ in kept if not ownership.is_leaving(id_)}
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
        self, error: GroupNotFoundError, account_id: str, *, ask_again: bool
    ) -> None:
        """
        Accept "group not found" only in the account of the state.

        Args:
            error: the answer of ECS.
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
        self.warn(
            f"{self.group.group_id} does not exist in {self.region}. It is treated as"
            " deleted, though its account could not be compared with the credentials'"
        )
