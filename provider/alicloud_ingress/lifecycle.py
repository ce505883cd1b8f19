"""
Create, read, update and delete one rule, and believe no unproven yes.

ECS answers 200 to an Authorize of a rule that exists and to a Revoke by
attributes that match nothing, and it never tells the ID of a rule that it made.
So whatever is not addressed by ID is followed by a look at the group.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from typing import Protocol

import stamina

from alicloud_ingress.claims import Claims
from alicloud_ingress.errors import (
    DuplicateRuleError,
    EcsError,
    GroupNotFoundError,
    NoAnswerError,
    RuleExistsError,
    RuleNotConfirmedError,
    ServiceFaultError,
    WrongAccountError,
)
from alicloud_ingress.live import LiveGroup, LiveRule
from alicloud_ingress.reactions import Call, Reaction, reaction
from alicloud_ingress.rule import IngressRule
from alicloud_ingress.spelling import EMPTIED_DESCRIPTION

SHOWN_WITHIN_S = 30.0
"""
Seconds in which a new rule is expected to show. Describe has been seen to lag
behind Authorize; no page of ECS states how long.
"""
MAY_HAVE_ACTED = (NoAnswerError, ServiceFaultError)
"""
Errors after which it is open whether ECS did what it was asked.
"""
MOST_TWINS = 10
"""
How often a change gives way to twins that move on before it is given up.
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


class _NotShownError(Exception):
    """
    The rule does not show yet.
    """


@dataclass(frozen=True, slots=True)
class RuleLifecycle:
    """
    What can be done with the rules of one group.

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

    def account_id(self, rule: IngressRule) -> str:
        """
        The account of the credentials that reach the rule; "" where STS refuses.
        """
        with self._speaking_of(rule):
            return self.account.account_id()

    def create(self, rule: IngressRule, *, adopt: bool = False) -> LiveRule:
        """
        Make the rule, and return it with its ID ("" if it did not show in time).

        Raises:
            RuleExistsError: the very rule was there before, and not adopted.
            RuleNotConfirmedError: no answer came and the rule never showed.
        """
        with self._speaking_of(rule):
            twin = self._twin_that_stays(rule)
            if twin is None:
                return self._made(rule)
            if not adopt:
                raise RuleExistsError(self._how_to_take_over(twin))
            return self._adopted(twin, rule)

    def read(
        self, rule: IngressRule, rule_id: str, account_id: str, *, adopt: bool = False
    ) -> LiveRule | None:
        """
        The rule as it stands, or None if it is gone.
        """
        with self._speaking_of(rule):
            try:
                group = self.group.look()
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

        Without an ID it is found by its old identity.
        """
        with self._speaking_of(new):
            live = self._found(old, new, rule_id)
            if live.rule.difference(new):
                self._modify(live, new)
            return replace(live, rule=new, as_spelled=None)

    def delete(self, rule: IngressRule, rule_id: str, account_id: str) -> None:
        """
        Remove the rule: by ID if known, else by its whole quintuple, proven.

        Raises:
            RuleNotConfirmedError: the rule is still there.
        """
        if self.claims.holds(rule_id):
            self._leave_to_its_holder(rule_id)
            return
        with self._speaking_of(rule):
            try:
                if rule_id:
                    self._revoke_by_id(rule, rule_id)
                else:
                    self._revoke_by_attributes(rule)
            except GroupNotFoundError as error:
                self.believe_group_gone(error, account_id, ask_again=False)
        self.claims.release(rule_id)

    @property
    def where(self) -> str:
        """
        Group and region, for messages.
        """
        return f"{self.group.group_id} ({self.region})"

    @contextmanager
    def _speaking_of(self, rule: IngressRule) -> Generator[None, None, None]:
        """
        Let an error of ECS say which rule it is about.
        """
        try:
            yield
        except EcsError as error:
            raise error.about(f"{rule.in_words} of {self.where}") from error

    def _twin_that_stays(self, rule: IngressRule, own_id: str = "") -> LiveRule | None:
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

    def _how_to_take_over(self, twin: LiveRule) -> str:
        if self.claims.has(twin.rule_id):
            return self._held_by_another(twin)
        return (
            f"AuthorizeSecurityGroup was not sent: {self.where} holds this rule"
            f" already, as {twin.rule_id} ({twin.rule.in_words}). If the resource was"
            " renamed, give it an alias (ResourceOptions(aliases=[...])); if the rule"
            f" is to be managed from here, import it by {twin.rule_id}; if it was made"
            " by a run that was interrupted, or is to be taken over as it is, set"
            " adopt=True."
        )

    def _held_by_another(self, twin: LiveRule) -> str:
        return (
            f"AuthorizeSecurityGroup made nothing: {self.where} holds this rule"
            f" already, as {twin.rule_id} ({twin.rule.in_words}), for another resource"
            " of this stack. One rule is one resource: remove one of the two, or let"
            " them differ in priority."
        )

    def _adopted(self, twin: LiveRule, rule: IngressRule) -> LiveRule:
        if not self.claims.take(twin.rule_id):
            raise RuleExistsError(self._held_by_another(twin))
        try:
            if twin.rule.difference(rule):
                self.send_change(twin, rule)
        except BaseException:
            self.claims.release(twin.rule_id)
            raise
        self.warn(f"{twin.rule_id} ({rule.in_words}) was there before and is adopted")
        return replace(twin, rule=rule, as_spelled=None)

    def _made(self, rule: IngressRule) -> LiveRule:
        silences: list[EcsError] = []
        try:
            live = self._authorized(rule, silences) or self._shown(rule)
        except EcsError as error:
            if not silences:
                raise
            raise self._taken_back(rule, error) from error
        if live.rule_id and not self.claims.make(live.rule_id):
            raise RuleExistsError(self._held_by_another(live))
        return live

    def _authorized(
        self, rule: IngressRule, silences: list[EcsError]
    ) -> LiveRule | None:
        """
        Send Authorize; where no answer comes, look, and send what does not show.

        Args:
            rule: to add.
            silences: filled with what left open whether ECS acted: a refusal that
                follows is no proof that it did not.

        Returns:
            the rule, if it was seen on the way.
        """
        for attempt in stamina.retry_context(
            on=NoAnswerError, attempts=None, timeout=self.timeout_s, wait_max=10.0
        ):
            with attempt:
                try:
                    self.group.authorize(rule)
                except MAY_HAVE_ACTED as error:
                    silences.append(error)
                    live = self._seen_after_silence(rule)
                    if live is None:
                        raise
                    return live
        return None

    def _seen_after_silence(self, rule: IngressRule) -> LiveRule | None:
        try:
            return self.group.prove().matching(rule)
        except EcsError:
            return None

    def _taken_back(self, rule: IngressRule, error: EcsError) -> RuleNotConfirmedError:
        """
        Revoke once what may still come, and say what is known of it.
        """
        try:
            self.group.revoke_by_attributes(rule)
        except EcsError as refusal:
            outcome = (
                f"It could not be revoked either ({refusal.code}), so it may exist:"
                " look with `alicloud-ingress show`; if it is there, `pulumi up` with"
                " adopt=True takes it over"
            )
        else:
            outcome = (
                "It was revoked in case it came late. Run `pulumi up` again once ECS"
                " answers"
            )
        return RuleNotConfirmedError(
            f"AuthorizeSecurityGroup of {rule.in_words} in {self.where} got no answer"
            f" that tells what came of it (last: {_answer(error)}), and the"
            f" rule did not show. {outcome}."
        )

    def _shown(self, rule: IngressRule) -> LiveRule:
        try:
            return self._look_for(rule)
        except _NotShownError:
            self.warn(
                f"{rule.in_words} was made in {self.where} and does not show yet;"
                " `pulumi refresh` fills in its ID"
            )
        except EcsError as error:
            self.warn(
                f"{rule.in_words} was made in {self.where}, and its ID could not be"
                f" read ({error.code}); `pulumi refresh` fills it in"
            )
        return LiveRule(rule, rule_id="", create_time="")

    def _look_for(self, rule: IngressRule) -> LiveRule:
        for attempt in stamina.retry_context(
            on=_NotShownError,
            attempts=None,
            timeout=min(SHOWN_WITHIN_S, self.timeout_s),
            wait_initial=0.1,
            wait_max=4.0,
            wait_jitter=0.1,
        ):
            with attempt:
                live = self.group.prove().matching(rule)
                if live is None:
                    raise _NotShownError
                return live
        raise AssertionError("stamina either returns or raises")

    def _found(self, old: IngressRule, new: IngressRule, rule_id: str) -> LiveRule:
        def among(group: LiveGroup) -> LiveRule | None:
            live = group.by_id(rule_id) if rule_id else group.matching(old)
            return live and group.in_terms_of(new, live)

        group = self.group.look()
        live = among(group)
        if live is None:
            group = self.group.prove()
            live = among(group)
        if live is None or not live.rule_id:
            twin = None if rule_id else group.matching(new)
            changed = twin and (
                f" {twin.rule_id} ({twin.rule.in_words}) is: an earlier change may have"
                " made it of this rule; adopt=True takes it over after the refresh."
            )
            raise RuleNotConfirmedError(
                f"ModifySecurityGroupRule was not sent: {rule_id or 'the rule'}"
                f" ({old.in_words}) is not in {self.where}.{changed or ''}"
                " Run `pulumi refresh`, then `pulumi up`."
            )
        return live

    def _modify(self, live: LiveRule, new: IngressRule) -> None:
        """
        Modify; where another rule is the same already, wait until it is not.
        """
        given_way = 0
        while True:
            try:
                return self.send_change(live, new)
            except DuplicateRuleError as error:
                twin = self._twin_that_stays(new, live.rule_id)
                given_way += 1
                if twin is None and given_way < MOST_TWINS:
                    continue
                raise RuleExistsError(
                    f"ModifySecurityGroupRule: {live.rule_id} of {self.where} was not"
                    f" changed: {twin.rule_id if twin else 'a rule'} is {new.in_words}"
                    f" already ({_answer(error)}). If resources are"
                    " named by their place in a list, name them by what they say (port"
                    " and source), so that none becomes another's twin."
                ) from error

    def send_change(self, live: LiveRule, new: IngressRule) -> None:
        """
        Modify the rule, its source group's owner and an emptied remark minded.

        Raises:
            RuleNotConfirmedError: the rule is gone.
        """
        sent = _with_owner_of(live.rule, new)
        if live.rule.remark and not new.remark:
            sent = replace(sent, description=EMPTIED_DESCRIPTION)
        try:
            self.group.modify(live.rule_id, sent)
        except MAY_HAVE_ACTED:
            if not self._shows(live.rule_id, new):
                raise
        except EcsError as error:
            asked = reaction(Call.MODIFY, error)
            looked = asked is Reaction.LOOK and not self._is_there(live.rule_id)
            if not looked and asked is not Reaction.REFRESH:
                raise
            raise RuleNotConfirmedError(
                f"ModifySecurityGroupRule changed nothing: {live.rule_id}"
                f" ({live.rule.in_words}) is no longer in {self.where}"
                f" ({_answer(error)})."
                " Run `pulumi refresh`, then `pulumi up`."
            ) from error

    def _shows(self, rule_id: str, rule: IngressRule) -> bool:
        """
        Whether a look, if there can be one, shows the rule under this ID.
        """
        with suppress(EcsError):
            group = self.group.prove()
            live = group.by_id(rule_id)
            return live is not None and not group.in_terms_of(
                rule, live
            ).rule.difference(rule)
        return False

    def _is_there(self, rule_id: str) -> bool:
        return self.group.prove().by_id(rule_id) is not None

    def _leave_to_its_holder(self, rule_id: str) -> None:
        self.warn(
            f"{rule_id} now belongs to another resource of this stack"
            " and is not revoked"
        )

    def _revoke_by_id(self, rule: IngressRule, rule_id: str) -> None:
        """
        A 200 by ID is proof; an ID that is gone never falls back to attributes.
        """
        try:
            self.group.revoke_by_id(rule_id)
        except EcsError as error:
            asked = reaction(Call.REVOKE_BY_ID, error)
            if asked not in (Reaction.DONE, Reaction.LOOK):
                raise
            if asked is Reaction.LOOK and self._is_there(rule_id):
                raise RuleNotConfirmedError(
                    f"RevokeSecurityGroup was refused ({_answer(error)}), and {rule_id}"
                    f" ({rule.in_words}) is still in {self.where}; run"
                    " `pulumi destroy` again."
                ) from error
            self._name_the_twin_of_what_is_gone(rule, rule_id)

    def _name_the_twin_of_what_is_gone(self, rule: IngressRule, rule_id: str) -> None:
        try:
            twin = self.group.look().identical_to(rule)
        except EcsError:
            return
        if twin and not self.claims.has(twin.rule_id):
            self.warn(
                f"{rule_id} is gone already; {twin.rule_id} is an identical rule of"
                f" {self.where}, was not made by this resource, and is left alone"
            )

    def _revoke_by_attributes(self, rule: IngressRule) -> None:
        if self.claims.any_held:
            twin = self.group.look().identical_to(rule)
            if twin and self.claims.holds(twin.rule_id):
                self._leave_to_its_holder(twin.rule_id)
                return
        live: LiveRule | None = None
        for attempt in stamina.retry_context(
            on=NoAnswerError, attempts=None, timeout=self.timeout_s, wait_max=10.0
        ):
            with attempt:
                live = self._left_by_revoke(rule)
        if live:
            self._revoke_what_was_found(rule, live)

    def _left_by_revoke(self, rule: IngressRule) -> LiveRule | None:
        """
        Send one Revoke by attributes, and return what a look still shows.

        Raises:
            NoAnswerError: none came, and the rule is still there.
        """
        silence: EcsError | None = None
        try:
            self.group.revoke_by_attributes(rule)
        except MAY_HAVE_ACTED as error:
            silence = error
        except EcsError as error:
            if reaction(Call.REVOKE_BY_ATTRIBUTES, error) is not Reaction.LOOK:
                raise
        left = self.group.prove()
        live = left.identical_to(rule)
        if live and silence:
            raise silence
        if live is None and (masked := left.masked_form_of(rule)):
            raise RuleNotConfirmedError(
                f"RevokeSecurityGroup of {rule.in_words} in {self.where} was answered,"
                f" and {masked.rule_id} ({masked.rule.in_words}) is there, which is the"
                " same network without host bits. If that is this rule, remove it in"
                " the console; then run `pulumi refresh`."
            )
        return live

    def _revoke_what_was_found(self, rule: IngressRule, live: LiveRule) -> None:
        if live.rule_id:
            self._revoke_by_id(rule, live.rule_id)
            return
        self.group.revoke_by_attributes(live.as_spelled or live.rule)
        if self.group.prove().identical_to(rule):
            raise RuleNotConfirmedError(
                f"RevokeSecurityGroup said yes, and {rule.in_words} is still in"
                f" {self.where}, without an ID; remove it in the console, then run"
                " `pulumi refresh`."
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


def _answer(error: EcsError) -> str:
    """
    What to quote of it.
    """
    request = f", RequestId {error.request_id}" if error.request_id else ""
    return f"{error.code}{request}"


def _with_owner_of(live: IngressRule, new: IngressRule) -> IngressRule:
    """
    Keep the source group's owner that ECS filled in, where none is asked for.
    """
    owned = new.source_group_owner_id or new.source_group_owner_account
    if owned or new.source_group_id != live.source_group_id:
        return new
    return replace(
        new,
        source_group_owner_id=live.source_group_owner_id,
        source_group_owner_account=live.source_group_owner_account,
    )
