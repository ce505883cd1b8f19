"""
Create, read, update and delete one rule, and believe no unproven yes.

ECS answers 200 to an Authorize of a rule that exists and to a Revoke by
attributes that match nothing, and it never tells the ID of a rule that it made.
So whatever is not addressed by ID is followed by a look at the group.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import Protocol

from alicloud_ingress.claims import Claims
from alicloud_ingress.errors import (
    DuplicateRuleError,
    EcsError,
    GroupNotFoundError,
    NoAnswerError,
    RefusedForEnterpriseError,
    RuleExistsError,
    RuleIdNotValidError,
    RuleNotConfirmedError,
    RuleNotFoundError,
    WrongAccountError,
)
from alicloud_ingress.live import LiveGroup, LiveRule
from alicloud_ingress.rule import EMPTIED_DESCRIPTION, IngressRule

LOOK_DELAYS = (0.0, 0.2, 0.5, 1.0, 2.0, 4.0, 8.0)
"""
Seconds to wait before each look for a new rule: 15.7 s in all. Describe has been
seen to lag behind Authorize; no page of ECS states how long.
"""


class Group(Protocol):
    """
    The security group of the rule.
    """

    @property
    def group_id(self) -> str:
        """`sg-...`."""
        ...

    def look(self) -> LiveGroup:
        """Tell the rules as they were a moment ago."""
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
class RuleLifecycle:
    """
    What can be done with the rules of one group.

    Args:
        region: where the group is, for messages.
        warn: told, in one sentence, what a person should know of a success.
        sleep: waits for that many seconds between two looks.
        claims: what the other resources of this process hold.
    """

    group: Group
    account: Account
    region: str
    warn: Callable[[str], None]
    sleep: Callable[[float], None] = time.sleep
    claims: Claims = field(default_factory=Claims)

    def create(self, rule: IngressRule, *, adopt: bool = False) -> LiveRule:
        """
        Make the rule, and return it with its ID ("" if it did not show in time).

        Raises:
            RuleExistsError: the very rule was there before, and not adopted.
            RuleNotConfirmedError: no answer came and the rule never showed.
        """
        twin = self._twin_that_stays(rule)
        if twin is not None and (not adopt or self.claims.holds(twin.rule_id)):
            raise RuleExistsError(self._how_to_take_over(twin))
        if twin is not None:
            return self._adopted(twin, rule)
        if not self._authorized(rule):
            return self._after_silence(rule)
        return self._shown(rule)

    def read(
        self, rule: IngressRule, rule_id: str, account_id: str, *, adopt: bool = False
    ) -> LiveRule | None:
        """
        The rule as it stands, or None if it is gone.
        """
        try:
            now = self.group.prove()
        except GroupNotFoundError as error:
            self._believe_group_gone(error, account_id, ask_again=True)
            return None
        if not rule_id:
            return now.identical_to(rule)
        return now.by_id(rule_id) or (now.identical_to(rule) if adopt else None)

    def update(self, old: IngressRule, new: IngressRule, rule_id: str) -> str:
        """
        Change the rule in place by ID; return that ID.

        Without an ID it is found by its old identity.
        """
        now = self.group.prove()
        live = now.by_id(rule_id) if rule_id else now.identical_to(old)
        if live is None or not live.rule_id:
            raise RuleNotConfirmedError(
                f"ModifySecurityGroupRule was not sent: {rule_id or 'the rule'}"
                f" ({old.in_words}) is not in {self.group.group_id} of {self.region}."
                " Run `pulumi refresh`, then `pulumi up`."
            )
        self._modify(live, new)
        return live.rule_id

    def delete(self, rule: IngressRule, rule_id: str, account_id: str) -> None:
        """
        Remove the rule: by ID if known, else by its whole quintuple, proven.

        Raises:
            RuleNotConfirmedError: the rule is still there.
        """
        try:
            if rule_id:
                self._revoke_by_id(rule, rule_id)
            else:
                self._revoke_by_attributes(rule)
        except GroupNotFoundError as error:
            self._believe_group_gone(error, account_id, ask_again=False)

    def _twin_that_stays(self, rule: IngressRule) -> LiveRule | None:
        """
        The very rule, unless another resource is about to make it another one.
        """
        while twin := self.group.prove().identical_to(rule):
            if not self.claims.wait_for(twin.rule_id):
                return twin
        return None

    def _how_to_take_over(self, twin: LiveRule) -> str:
        found = (
            f"AuthorizeSecurityGroup was not sent: {self.group.group_id} of {self.region}"
            f" holds this rule already, as {twin.rule_id} ({twin.rule.in_words})."
        )
        if self.claims.holds(twin.rule_id):
            return (
                f"{found} Another resource of this stack has it. One rule is one"
                " resource: remove one of the two, or let them differ in priority."
            )
        return (
            f"{found} If the resource was renamed, give it an alias"
            " (ResourceOptions(aliases=[...])); if the rule is to be managed from here,"
            f" import it by {twin.rule_id}, or set adopt=True."
        )

    def _adopted(self, twin: LiveRule, rule: IngressRule) -> LiveRule:
        if twin.rule.remark != rule.remark:
            self._modify_once(twin, rule)
        self.warn(f"{twin.rule_id} ({rule.in_words}) was there before and is adopted")
        return replace(twin, rule=rule)

    def _modify(self, live: LiveRule, new: IngressRule) -> None:
        """
        Modify; where another rule is the same already, wait until it is not.
        """
        while True:
            try:
                return self._modify_once(live, new)
            except DuplicateRuleError as error:
                twin = self.group.prove().identical_to(new)
                if twin is None or not self.claims.wait_for(twin.rule_id, live.rule_id):
                    raise RuleExistsError(
                        f"{error}. {live.rule_id} was not changed:"
                        f" {twin.rule_id if twin else 'a rule'} of {self.group.group_id} in"
                        f" {self.region} is {new.in_words} already. If resources are"
                        " named by their place in a list, name them by what they say"
                        " (port and source), so that none becomes another's twin."
                    ) from error

    def _modify_once(self, live: LiveRule, new: IngressRule) -> None:
        if live.rule.remark and not new.remark:
            new = replace(new, description=EMPTIED_DESCRIPTION)
        try:
            self.group.modify(live.rule_id, new)
        except (RuleNotFoundError, RuleIdNotValidError) as error:
            raise RuleNotConfirmedError(
                f"{error}. {live.rule_id} is no longer in {self.group.group_id} of"
                f" {self.region}. Run `pulumi refresh`, then `pulumi up`."
            ) from error

    def _authorized(self, rule: IngressRule) -> bool:
        """
        Send Authorize, again with the same token where no answer came.

        Returns:
            whether ECS said yes; False where it stayed silent twice.
        """
        for _ in range(2):
            try:
                self.group.authorize(rule)
            except NoAnswerError:
                if self.group.prove().identical_to(rule):
                    return True
            else:
                return True
        return False

    def _after_silence(self, rule: IngressRule) -> LiveRule:
        if live := self._look_for(rule):
            return live
        self.group.revoke_by_attributes(rule)
        raise RuleNotConfirmedError(
            f"AuthorizeSecurityGroup got no answer, and {rule.in_words} does not show"
            f" in {self.group.group_id} of {self.region}. It was revoked in case it came"
            " late; look with `alicloud-ingress show`, then run `pulumi up` again."
        )

    def _shown(self, rule: IngressRule) -> LiveRule:
        unknown = LiveRule(rule, rule_id="", create_time="")
        try:
            live = self._look_for(rule)
        except EcsError as error:
            self.warn(f"{rule.in_words} was made, its ID could not be read: {error}")
            return unknown
        if live is None:
            self.warn(
                f"{rule.in_words} was made in {self.group.group_id} and does not show yet;"
                " `pulumi refresh` fills in its ID"
            )
        return live or unknown

    def _look_for(self, rule: IngressRule) -> LiveRule | None:
        for group in self._looks():
            if live := group.identical_to(rule):
                return live
        return None

    def _looks(self) -> Iterator[LiveGroup]:
        for delay in LOOK_DELAYS:
            self.sleep(delay)
            yield self.group.prove()

    def _revoke_by_id(self, rule: IngressRule, rule_id: str) -> None:
        """
        A 200 by ID is proof; an ID that is gone never falls back to attributes.
        """
        try:
            self.group.revoke_by_id(rule_id)
        except (RuleNotFoundError, RuleIdNotValidError) as error:
            now = self.group.prove()
            if now.by_id(rule_id):
                raise RuleNotConfirmedError(
                    f"{error}. {rule_id} ({rule.in_words}) is still in"
                    f" {self.group.group_id} of {self.region}; run `pulumi destroy` again."
                ) from error
            if twin := now.identical_to(rule):
                self.warn(
                    f"{rule_id} is gone already; {twin.rule_id} is an identical rule,"
                    " was not made by this resource, and is left alone"
                )

    def _revoke_by_attributes(self, rule: IngressRule) -> None:
        live: LiveRule | None = None
        for _ in range(2):
            silent = self._revoke_is_silent(rule)
            live = self.group.prove().identical_to(rule)
            if live is None:
                return
            if not silent:
                break
        if live and live.rule_id:
            self._revoke_by_id(rule, live.rule_id)
            live = self.group.prove().identical_to(rule)
        if live:
            raise RuleNotConfirmedError(
                f"RevokeSecurityGroup said yes, and {rule.in_words} is still in"
                f" {self.group.group_id} of {self.region} as {live.rule_id or 'no ID'};"
                " remove it in the console, then run `pulumi refresh`."
            )

    def _revoke_is_silent(self, rule: IngressRule) -> bool:
        try:
            self.group.revoke_by_attributes(rule)
        except NoAnswerError:
            return True
        except (RuleNotFoundError, RefusedForEnterpriseError):
            return False
        return False

    def _believe_group_gone(
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
                f"{self.group.group_id} of {self.region} belongs to account {account_id},"
                f" and the credentials in use are of account {asking}: nothing was"
                " changed. Use credentials of the former."
            ) from error
        if account_id and asking:
            return
        if ask_again and self.account.group_exists(self.group.group_id):
            raise error
        self.warn(
            f"{self.group.group_id} is not in {self.region}; the account could not be"
            " compared, so it is taken for gone"
        )
