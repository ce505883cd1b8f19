"""
Create, read, update and delete one rule, and believe no unproven yes.

ECS answers 200 to an Authorize of a rule that exists and to a Revoke by
attributes that match nothing, and it never tells the ID of a rule that it made.
So whatever is not addressed by ID is followed by a look at the group.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from alicloud_ingress.errors import (
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


class RuleApi(Protocol):
    """
    The calls of ECS that one rule needs.
    """

    def describe(self, group_id: str) -> LiveGroup: ...

    def authorize(
        self, group_id: str, rules: Sequence[IngressRule], *, token: str | None = None
    ) -> None: ...

    def revoke_by_id(self, group_id: str, rule_ids: Sequence[str]) -> None: ...

    def revoke_by_attributes(
        self, group_id: str, rules: Sequence[IngressRule], *, token: str | None = None
    ) -> None: ...

    def modify(self, group_id: str, rule_id: str, rule: IngressRule) -> None: ...

    def account_id(self) -> str: ...

    def group_exists(self, group_id: str) -> bool: ...


@dataclass(frozen=True, slots=True)
class RuleLifecycle:
    """
    What can be done with the rules of one group.

    Args:
        region: where the group is, for messages.
        warn: told, in one sentence, what a person should know of a success.
        sleep: waits for that many seconds between two looks.
    """

    api: RuleApi
    group_id: str
    region: str
    warn: Callable[[str], None]
    sleep: Callable[[float], None] = time.sleep

    def create(self, rule: IngressRule, *, adopt: bool = False) -> LiveRule:
        """
        Make the rule, and return it with its ID ("" if it did not show in time).

        Raises:
            RuleExistsError: the very rule was there before, and not adopted.
            RuleNotConfirmedError: no answer came and the rule never showed.
        """
        twin = self.api.describe(self.group_id).identical_to(rule)
        if twin is not None and not adopt:
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
            group = self.api.describe(self.group_id)
        except GroupNotFoundError as error:
            self._believe_group_gone(error, account_id, ask_again=True)
            return None
        if not rule_id:
            return group.identical_to(rule)
        return group.by_id(rule_id) or (group.identical_to(rule) if adopt else None)

    def update(self, old: IngressRule, new: IngressRule, rule_id: str) -> str:
        """
        Change the rule in place by ID; return that ID.

        Without an ID it is found by its old identity.
        """
        group = self.api.describe(self.group_id)
        live = group.by_id(rule_id) if rule_id else group.identical_to(old)
        if live is None or not live.rule_id:
            raise RuleNotConfirmedError(
                f"ModifySecurityGroupRule was not sent: {rule_id or 'the rule'}"
                f" ({old.in_words}) is not in {self.group_id} of {self.region}."
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

    def _how_to_take_over(self, twin: LiveRule) -> str:
        return (
            f"AuthorizeSecurityGroup was not sent: {self.group_id} of {self.region}"
            f" holds this rule already, as {twin.rule_id} ({twin.rule.in_words})."
            " If the resource was renamed, give it an alias"
            " (ResourceOptions(aliases=[...])); if the rule is to be managed from here,"
            f" import it by {twin.rule_id}, or set adopt=True."
        )

    def _adopted(self, twin: LiveRule, rule: IngressRule) -> LiveRule:
        if twin.rule.remark != rule.remark:
            self._modify(twin, rule)
        self.warn(f"{twin.rule_id} ({rule.in_words}) was there before and is adopted")
        return replace(twin, rule=rule)

    def _modify(self, live: LiveRule, new: IngressRule) -> None:
        if live.rule.remark and not new.remark:
            new = replace(new, description=EMPTIED_DESCRIPTION)
        try:
            self.api.modify(self.group_id, live.rule_id, new)
        except (RuleNotFoundError, RuleIdNotValidError) as error:
            raise RuleNotConfirmedError(
                f"{error}. {live.rule_id} is no longer in {self.group_id} of"
                f" {self.region}. Run `pulumi refresh`, then `pulumi up`."
            ) from error

    def _authorized(self, rule: IngressRule) -> bool:
        """
        Send Authorize, again with the same token where no answer came.

        Returns:
            whether ECS said yes; False where it stayed silent twice.
        """
        token = str(uuid.uuid4())
        for _ in range(2):
            try:
                self.api.authorize(self.group_id, [rule], token=token)
            except NoAnswerError:
                if self.api.describe(self.group_id).identical_to(rule):
                    return True
            else:
                return True
        return False

    def _after_silence(self, rule: IngressRule) -> LiveRule:
        if live := self._look_for(rule):
            return live
        self.api.revoke_by_attributes(self.group_id, [rule])
        raise RuleNotConfirmedError(
            f"AuthorizeSecurityGroup got no answer, and {rule.in_words} does not show"
            f" in {self.group_id} of {self.region}. It was revoked in case it came"
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
                f"{rule.in_words} was made in {self.group_id} and does not show yet;"
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
            yield self.api.describe(self.group_id)

    def _revoke_by_id(self, rule: IngressRule, rule_id: str) -> None:
        """
        A 200 by ID is proof; an ID that is gone never falls back to attributes.
        """
        try:
            self.api.revoke_by_id(self.group_id, [rule_id])
        except (RuleNotFoundError, RuleIdNotValidError) as error:
            group = self.api.describe(self.group_id)
            if group.by_id(rule_id):
                raise RuleNotConfirmedError(
                    f"{error}. {rule_id} ({rule.in_words}) is still in"
                    f" {self.group_id} of {self.region}; run `pulumi destroy` again."
                ) from error
            if twin := group.identical_to(rule):
                self.warn(
                    f"{rule_id} is gone already; {twin.rule_id} is an identical rule,"
                    " was not made by this resource, and is left alone"
                )

    def _revoke_by_attributes(self, rule: IngressRule) -> None:
        token = str(uuid.uuid4())
        live: LiveRule | None = None
        for _ in range(2):
            silent = self._revoke_is_silent(rule, token)
            live = self.api.describe(self.group_id).identical_to(rule)
            if live is None:
                return
            if not silent:
                break
        if live and live.rule_id:
            self._revoke_by_id(rule, live.rule_id)
            live = self.api.describe(self.group_id).identical_to(rule)
        if live:
            raise RuleNotConfirmedError(
                f"RevokeSecurityGroup said yes, and {rule.in_words} is still in"
                f" {self.group_id} of {self.region} as {live.rule_id or 'no ID'};"
                " remove it in the console, then run `pulumi refresh`."
            )

    def _revoke_is_silent(self, rule: IngressRule, token: str) -> bool:
        try:
            self.api.revoke_by_attributes(self.group_id, [rule], token=token)
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
        asking = self.api.account_id()
        if account_id and asking and asking != account_id:
            raise WrongAccountError(
                f"{self.group_id} of {self.region} belongs to account {account_id},"
                f" and the credentials in use are of account {asking}: nothing was"
                " changed. Use credentials of the former."
            ) from error
        if account_id and asking:
            return
        if ask_again and self.api.group_exists(self.group_id):
            raise error
        self.warn(
            f"{self.group_id} is not in {self.region}; the account could not be"
            " compared, so it is taken for gone"
        )
