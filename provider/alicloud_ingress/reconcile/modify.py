"""
Change a rule in place, by ID, so that there is no gap in which it does not hold.
"""

from __future__ import annotations

from dataclasses import replace

from alicloud_ingress.ecs.reactions import OUTCOME_UNKNOWN, Call, Reaction, reaction
from alicloud_ingress.errors import (
    DuplicateRuleError,
    EcsError,
    RuleExistsError,
    RuleNotConfirmedError,
)
from alicloud_ingress.reconcile.context import RuleContext
from alicloud_ingress.rules.live import LiveGroup, LiveRule
from alicloud_ingress.rules.rule import IngressRule
from alicloud_ingress.rules.spelling import EMPTIED_DESCRIPTION

MAX_DUPLICATES = 10
"""
How often a change gives way to duplicates that move on before it is given up.
"""


def update(
    context: RuleContext, old: IngressRule, new: IngressRule, rule_id: str
) -> LiveRule:
    """
    Make the old rule the new one; see `RuleLifecycle.update`.
    """
    group, found = _found(context, old, new, rule_id)
    live = group.in_terms_of(new, found)
    if live.rule.difference(new):
        report_set_back(context, group.in_terms_of(old, found), old, new)
        _modify(context, live, new)
    return replace(live, rule=new, as_spelled=None)


def report_set_back(
    context: RuleContext,
    live: LiveRule,
    old: IngressRule,
    new: IngressRule,
) -> None:
    """
    Warn of each field that somebody else has changed and that an update sets back.

    Args:
        context: of the group.
        live: as found, in the spelling of *old*.
        old: as the state has it.
        new: as it is going to be.
    """

    def shown(rule: IngressRule, name: str) -> str:
        is_secret = any(path.endswith((name, "]", "rules")) for path in context.secret)
        return "[secret]" if is_secret else repr(getattr(rule, name))

    theirs = set(live.rule.difference(old))
    words = [
        f"{name} was {shown(old, name)}, is {shown(live.rule, name)} now, and becomes"
        f" {shown(new, name)}"
        for name in live.rule.difference(new)
        if name in theirs
    ]
    if words:
        context.warn(
            f"{live.rule_id} in {context.where} was changed outside of this stack, and"
            f" this update sets it back: {'; '.join(words)}"
        )


def _found(
    context: RuleContext, old: IngressRule, new: IngressRule, rule_id: str
) -> tuple[LiveGroup, LiveRule]:
    """
    The rule as it is, and the group that it was found in.
    """

    def among(group: LiveGroup) -> LiveRule | None:
        return group.by_id(rule_id) if rule_id else group.matching(old)

    group = context.read_after_writes()
    live = among(group)
    if live is None:
        group = context.read_now()
        live = among(group)
    if live is None or not live.rule_id:
        duplicate = None if rule_id else group.matching(new)
        changed = duplicate and (
            f" {duplicate.rule_id} ({duplicate.rule.as_text}) is: an earlier change may"
            " have made it of this rule; adopt=True takes it over after the refresh."
        )
        raise RuleNotConfirmedError(
            f"ModifySecurityGroupRule was not sent: {rule_id or 'the rule'}"
            f" ({old.as_text}) is not in {context.where}.{changed or ''}"
            " Run `pulumi refresh`, then `pulumi up`."
        )
    return group, live


def _modify(context: RuleContext, live: LiveRule, new: IngressRule) -> None:
    """
    Modify; where another rule is the same already, wait until it is not.
    """
    given_way = 0
    while True:
        try:
            return send_change(context, live, new)
        except DuplicateRuleError as error:
            duplicate = context.lasting_duplicate(new, [live.rule_id])
            given_way += 1
            if duplicate is None and given_way < MAX_DUPLICATES:
                continue
            raise RuleExistsError(
                f"ModifySecurityGroupRule: {live.rule_id} of {context.where} was not"
                f" changed: {duplicate.rule_id if duplicate else 'a rule'} is"
                f" {new.as_text} already ({error.quoted}). If resources are named by"
                " their place in a list, name them by what they say (port and source),"
                " so that none becomes another's duplicate."
            ) from error


def send_change(context: RuleContext, live: LiveRule, new: IngressRule) -> None:
    """
    Modify the rule, its source group's owner and an emptied remark minded.

    Raises:
        RuleNotConfirmedError: the rule is gone.
    """
    sent = _with_owner_of(live.rule, new)
    if live.rule.remark and not new.remark:
        sent = replace(sent, description=EMPTIED_DESCRIPTION)
    try:
        context.group.modify(live.rule_id, sent)
    except OUTCOME_UNKNOWN:
        if not _shows(context, live.rule_id, new):
            raise
    except EcsError as error:
        asked = reaction(Call.MODIFY, error)
        looked = asked is Reaction.READ_GROUP and not context.is_there(live.rule_id)
        if not looked and asked is not Reaction.REFRESH:
            raise
        raise RuleNotConfirmedError(
            f"ModifySecurityGroupRule changed nothing: {live.rule_id}"
            f" ({live.rule.as_text}) is no longer in {context.where}"
            f" ({error.quoted})."
            " Run `pulumi refresh`, then `pulumi up`."
        ) from error


def _shows(context: RuleContext, rule_id: str, rule: IngressRule) -> bool:
    """
    Whether a look, if there can be one, shows the rule under this ID.
    """
    group = context.read_after_unknown_outcome()
    if group is None or (live := group.by_id(rule_id)) is None:
        return False
    return not group.in_terms_of(rule, live).rule.difference(rule)


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
