"""
Change rules in place, by ID, so that there is no moment without them.
"""

from __future__ import annotations

from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace

from alicloud_ingress.ecs.reactions import (
    OUTCOME_UNKNOWN,
    Reaction,
    Write,
    is_outcome_unknown,
    reaction,
)
from alicloud_ingress.errors import (
    SECRET,
    DuplicateRuleError,
    EcsError,
    RuleExistsError,
    RuleNotConfirmedError,
    as_sentence,
    error_context,
)
from alicloud_ingress.reconcile.context import EXCHANGE, RuleContext, named
from alicloud_ingress.reconcile.plan import Change, Member
from alicloud_ingress.reconcile.polling import (
    SHOWN_AGAIN_WITHIN_S,
    read_until,
)
from alicloud_ingress.reconcile.unfinished import not_taken_back
from alicloud_ingress.rules.live import LiveGroup
from alicloud_ingress.rules.rule import IngressRule, secret_arguments
from alicloud_ingress.rules.spelling import EMPTIED_DESCRIPTION

CHANGES_AT_ONCE = 8
"""
ModifySecurityGroupRule takes one rule a call.
"""
MAX_DUPLICATES = 10
"""
How often a change is sent again, each time after another rule that was in the way has
changed.
"""


@dataclass(frozen=True, slots=True)
class Changes:
    """
    What one run changes in place.

    Args:
        context: of the group.
        made: filled with the changes that have been made, or perhaps have.
    """

    context: RuleContext
    made: list[Change] = field(default_factory=list[Change])

    def make(self, changes: Iterable[Change]) -> None:
        """
        Make each live rule what is wanted, and warn of what somebody else had changed.

        Raises:
            RuleExistsError: another rule is the same already, and is kept.
            RuleNotConfirmedError: a rule no longer exists, or was changed by hand so
                that it cannot be set back in place; then nothing is changed.
        """
        needed = [change for change in changes if change.is_needed]
        if not needed:
            return
        for change in needed:
            _require_changeable(self.context, change)
        for change in needed:
            _warn_of_set_back(self.context, change)
        with ThreadPoolExecutor(min(CHANGES_AT_ONCE, len(needed))) as pool:
            list(pool.map(self._make, needed))

    def as_unfinished(self, error: Exception) -> Exception:
        """
        The error of a failed run, which brings what has changed into the state. The
        next update sets that right, also if the program is then the old one. Rules that
        were to be adopted are named only.
        """
        owner, words = self.context.owner, self.context.live_words
        changed = f"have changed in {self.context.where}, or may have"
        if adopted := [each.result for each in self.made if each.state is None]:
            text = f"These {changed}, and are not in the state: {words(adopted)}."
            cause = error
            error = RuleNotConfirmedError(f"{as_sentence(cause)} {text}")
            error.__cause__ = cause
        own = {each.wanted: each.result for each in self.made if each.state is not None}
        if not own:
            return error
        owner.ownership.leave_behind(own, owner.mark)
        return not_taken_back(error, f"These {changed}: {words(own.values())}.", own)

    def _make(self, change: Change) -> None:
        try:
            _change(self.context, change)
        except Exception as error:
            if is_outcome_unknown(error):
                self.made.append(change)
            raise
        self.made.append(change)


def not_found_error(context: RuleContext, member: Member) -> RuleNotConfirmedError:
    """
    The error for a rule that is to be changed and does not exist, or has no ID.
    """
    return RuleNotConfirmedError(
        f"ModifySecurityGroupRule was not sent: {member.rule_id or 'a rule with an ID'}"
        f" ({context.words(member.rule)}) does not exist in {context.where}."
        " Run `pulumi refresh`, then `pulumi up`."
    )


def _require_changeable(context: RuleContext, change: Change) -> None:
    live = change.live
    if not live.rule_id:
        raise not_found_error(context, Member(live.rule, ""))
    if names := live.rule.unchangeable(change.wanted):
        raise RuleNotConfirmedError(
            f"ModifySecurityGroupRule was not sent: {live.rule_id}"
            f" ({context.words(live.rule)}) in {context.where} was changed outside of"
            f" this stack, and ECS cannot set {named(names)} back. Run"
            " `pulumi refresh`, then `pulumi up`, which replaces the rule."
        )


def _warn_of_set_back(context: RuleContext, change: Change) -> None:
    old, new = change.state, change.wanted
    if old is None:
        return
    found = change.live.rule.with_host_bits_of(old)
    drifted, secret = set(found.difference(old)), secret_arguments(context.secret)

    def shown(rule: IngressRule, name: str) -> str:
        return SECRET if name in secret else repr(getattr(rule, name))

    words = [
        f"{name} was {shown(old, name)}, is {shown(found, name)} now, and becomes"
        f" {shown(new, name)}"
        for name in change.live.rule.difference(new)
        if name in drifted
    ]
    if words:
        context.warn(
            f"{change.live.rule_id} in {context.where} was changed outside of this"
            f" stack or by a run that failed, and is set back: {'; '.join(words)}"
        )


def _change(context: RuleContext, change: Change) -> None:
    """
    Modify the rule. If another rule is identical to what is wanted, wait until that
    one has changed, and try again.
    """
    rule_id, wanted = change.live.rule_id, change.wanted
    duplicate = ""

    def duplicates_in(group: LiveGroup) -> list[str]:
        found = group.without([rule_id]).matching(wanted)
        return [found.rule_id] if found else []

    with error_context(f"{rule_id} ({context.words(wanted)}) in {context.where}"):
        sent = 0
        while True:
            try:
                _send(context, change)
            except DuplicateRuleError as error:
                refused = error
            else:
                return
            sent += 1
            group = context.read_settled(duplicates_in, [rule_id])
            duplicate = next(iter(duplicates_in(group)), "")
            if not duplicate and _stays(context, rule_id, wanted):
                return  # ECS may call a rule that does not change its own duplicate.
            if duplicate or sent == MAX_DUPLICATES:
                break
    raise RuleExistsError(
        f"ModifySecurityGroupRule: {rule_id} of {context.where} was not changed:"
        f" {duplicate or 'a rule'} is {context.words(wanted)} already"
        f" ({refused.quoted}). If resources are named by their place in a list, name"
        " them by what they say"
        f" (port and source), so that none becomes another's duplicate. {EXCHANGE}"
    ) from refused


def _send(context: RuleContext, change: Change) -> None:
    live, wanted = change.live, change.wanted
    sent = _with_owner_of(live.rule, wanted)
    remark = live.rule.remark or (change.state and change.state.remark)
    if remark and not wanted.remark:
        sent = replace(sent, description=EMPTIED_DESCRIPTION)
    try:
        context.group.modify(live.rule_id, sent)
    except OUTCOME_UNKNOWN:
        # A read that showed what is wanted before the call may still be late after it.
        showed_before = not live.rule.difference(wanted)
        if showed_before or not _stays(context, live.rule_id, wanted):
            raise
    except EcsError as error:
        asked = reaction(Write.MODIFY, error)
        is_gone = asked is Reaction.REFRESH or (
            asked is Reaction.READ_GROUP
            and context.group.read_now().by_id(live.rule_id) is None
        )
        if not is_gone:
            raise
        raise RuleNotConfirmedError(
            f"ModifySecurityGroupRule changed nothing: {live.rule_id}"
            f" ({context.words(live.rule)}) no longer exists in {context.where}"
            f" ({error.quoted}). Run `pulumi refresh`, then `pulumi up`."
        ) from error


def _stays(context: RuleContext, rule_id: str, rule: IngressRule) -> bool:
    """
    Whether a rule shows as it is to be, and without a duplicate, for as long as a read
    may be late and show what the rule was, or lack the rule in its way.
    """

    def is_otherwise() -> bool:
        return not _shows(context, rule_id, rule)

    return not read_until(is_otherwise, context.timeout_s, SHOWN_AGAIN_WITHIN_S)


def _shows(context: RuleContext, rule_id: str, rule: IngressRule) -> bool:
    try:
        group = context.without_revoked(context.group.read_now())
    except EcsError:
        return False
    live = group.by_id(rule_id)
    if live is None or group.without([rule_id]).matching(rule):
        return False
    return not group.in_terms_of(rule, live).rule.difference(rule)


def _with_owner_of(live: IngressRule, new: IngressRule) -> IngressRule:
    """
    Keep the source group's owner that ECS filled in, where the program sets none.
    """
    owned = new.source_group_owner_id or new.source_group_owner_account
    if owned or new.source_group_id != live.source_group_id:
        return new
    return replace(
        new,
        source_group_owner_id=live.source_group_owner_id,
        source_group_owner_account=live.source_group_owner_account,
    )
