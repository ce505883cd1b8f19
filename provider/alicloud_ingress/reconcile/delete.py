"""
Remove a rule: by ID if known, else by its whole quintuple, proven by a look.

A revoke by attributes answers 200 where nothing matched, and cannot tell duplicates
apart; a revoke by ID is proof, and never falls back to the attributes.
"""

from __future__ import annotations

from collections.abc import Mapping

from alicloud_ingress.ecs.reactions import OUTCOME_UNKNOWN, Call, Reaction, reaction
from alicloud_ingress.errors import (
    EcsError,
    GroupNotFoundError,
    RuleNotConfirmedError,
)
from alicloud_ingress.reconcile.context import RuleContext
from alicloud_ingress.reconcile.polling import (
    StillShownError,
    until_answered,
    until_gone,
)
from alicloud_ingress.rules.live import LiveRule
from alicloud_ingress.rules.rule import IngressRule


def delete(
    context: RuleContext, rule: IngressRule, rule_id: str, account_id: str
) -> None:
    """
    Remove the rule, unless another resource holds it; see `RuleLifecycle.delete`.
    """
    try:
        if not rule_id:
            _revoke_by_attributes(context, rule)
            return
        with context.releasing(rule_id) as is_ours:
            if is_ours:
                _revoke_by_id(context, rule, rule_id)
    except GroupNotFoundError as error:
        context.believe_group_gone(error, account_id, ask_again=False)


def _revoke_by_id(context: RuleContext, rule: IngressRule, rule_id: str) -> None:
    """
    A 200 by ID is proof; an ID that is gone never falls back to attributes.
    """
    try:
        context.group.revoke_by_id(rule_id)
    except EcsError as error:
        asked = reaction(Call.REVOKE_BY_ID, error)
        if asked not in (Reaction.ALREADY_DONE, Reaction.READ_GROUP):
            raise
        if asked is Reaction.READ_GROUP and context.is_there(rule_id):
            raise RuleNotConfirmedError(
                f"RevokeSecurityGroup was refused ({error.quoted}), and {rule_id}"
                f" ({rule.as_text}) is still in {context.where}; run"
                " `pulumi refresh`, then the same command again."
            ) from error
        _name_the_duplicate_of_what_is_gone(context, rule, rule_id)


def _name_the_duplicate_of_what_is_gone(
    context: RuleContext, rule: IngressRule, rule_id: str
) -> None:
    try:
        duplicate = context.group.read_after_writes().identical_to(rule)
    except EcsError:
        return
    if duplicate and not context.owner.ownership.knows(duplicate.rule_id):
        context.warn(
            f"{rule_id} is gone already; {duplicate.rule_id} is an identical rule of"
            f" {context.where}, was not made by this resource, and is left alone"
        )


def _revoke_by_attributes(context: RuleContext, rule: IngressRule) -> None:
    shown = (
        context.read_after_writes().identical_to(rule)
        if context.owner.ownership.holds_any
        else None
    )
    if shown is None or not shown.rule_id:
        _revoke_until_gone(context, rule)
        return
    with context.releasing(shown.rule_id) as is_ours:
        if is_ours:
            _revoke_until_gone(context, rule)


def _revoke_until_gone(context: RuleContext, rule: IngressRule) -> None:
    live = until_answered(context.timeout_s)(_left_by_revoke, context, rule)
    if live:
        _revoke_what_was_found(context, rule, live)


def _left_by_revoke(context: RuleContext, rule: IngressRule) -> LiveRule | None:
    """
    Send one Revoke by attributes, and return what a look still shows.

    Raises:
        NoAnswerError: none came, and the rule is still there.
    """
    unknown_outcome: EcsError | None = None
    try:
        context.group.revoke_by_attributes(rule)
    except OUTCOME_UNKNOWN as error:
        unknown_outcome = error
    except EcsError as error:
        if reaction(Call.REVOKE_BY_ATTRIBUTES, error) is not Reaction.READ_GROUP:
            raise
    left = context.group.read_now()
    live = left.identical_to(rule)
    if live and unknown_outcome:
        raise unknown_outcome
    if live is None and (masked := left.masked_form_of(rule)):
        raise RuleNotConfirmedError(
            f"RevokeSecurityGroup of {rule.as_text} in {context.where} was answered,"
            f" and {masked.rule_id} ({masked.rule.as_text}) is there, which is the"
            " same network without host bits. If that is this rule, remove it in"
            " the console; then run `pulumi refresh`."
        )
    return live


def _revoke_what_was_found(
    context: RuleContext, rule: IngressRule, live: LiveRule
) -> None:
    """
    Revoke what the attributes did not match, and verify it.

    A read has just shown the rule after a success: no further success is believed.
    """
    if live.rule_id:
        _revoke_by_id(context, rule, live.rule_id)
        require_gone(context, {live.rule_id: rule})
        return
    context.group.revoke_by_attributes(live.as_spelled or live.rule)
    if context.group.read_now().identical_to(rule):
        raise RuleNotConfirmedError(
            f"RevokeSecurityGroup said yes, and {rule.as_text} is still in"
            f" {context.where}, without an ID; remove it in the console, then run"
            " `pulumi refresh`."
        )


def require_gone(context: RuleContext, rules: Mapping[str, IngressRule]) -> None:
    """
    Read until none of these rules shows.

    Args:
        context: of the group.
        rules: by ID.

    Raises:
        RuleNotConfirmedError: some show after all the time that a read may lag.
    """
    left = dict(rules)

    def read() -> None:
        group = context.group.read_now()
        for rule_id in [id_ for id_ in left if group.by_id(id_) is None]:
            del left[rule_id]
        if left:
            raise StillShownError

    try:
        until_gone(context.timeout_s)(read)
    except StillShownError:
        named = ", ".join(f"{id_} ({rule.as_text})" for id_, rule in left.items())
        raise RuleNotConfirmedError(
            f"RevokeSecurityGroup succeeded, and {named} still exists in"
            f" {context.where}; run `pulumi refresh`, then the same command again."
        ) from None
