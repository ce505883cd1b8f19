"""
Make a rule: look first, authorize, and look until it shows.

Authorizing a rule that exists is a silent success, so only a look tells whose it is;
and only a look tells its ID, or what came of a call without an answer.
"""

from __future__ import annotations

from dataclasses import replace

from alicloud_ingress.ecs.reactions import OUTCOME_UNKNOWN
from alicloud_ingress.errors import EcsError, RuleExistsError, RuleNotConfirmedError
from alicloud_ingress.reconcile.context import ANOTHER_RESOURCE, RuleContext
from alicloud_ingress.reconcile.modify import send_change
from alicloud_ingress.reconcile.polling import (
    Moment,
    NotShownError,
    until_answered,
    until_shown,
)
from alicloud_ingress.rules.live import LiveGroup, LiveRule
from alicloud_ingress.rules.rule import IngressRule

WAYS_TO_REPLACE = (
    "set delete_before_replace=True in its ResourceOptions, or adopt=True, or take a"
    " taint back by `pulumi state untaint`."
)
FORCED_REPLACEMENT = f"To replace this resource by the very same, {WAYS_TO_REPLACE}"
PERHAPS_REPLACED = (
    "If the engine is replacing this resource (`--replace`, `pulumi state taint`),"
    f" {WAYS_TO_REPLACE}"
)
"""
What helps where a rule that is to be created exists, and may be that of the resource
itself: the engine does not tell a replacement from a new resource.
"""


def create(context: RuleContext, rule: IngressRule, *, adopt: bool) -> LiveRule:
    """
    Make the rule, and return it with its ID; see `RuleLifecycle.create`.
    """
    # A resource that has written since the glance holds what came of it.
    duplicate = context.read_cached().matching(rule)
    while duplicate and (duplicate := context.lasting_duplicate(rule)):
        if not adopt or not context.owner.ownership.is_leaving(duplicate.rule_id):
            return _taken_over(context, duplicate, rule, adopt=adopt)
    return _made(context, rule, adopt=adopt)


def _taken_over(
    context: RuleContext, duplicate: LiveRule, rule: IngressRule, *, adopt: bool
) -> LiveRule:
    """
    Adopt a rule that existed before, or say how.
    """
    if not adopt:
        raise RuleExistsError(_how_to_take_over(context, duplicate))
    if not context.owner.adopt(duplicate.rule_id):
        raise RuleExistsError(_held_by_another(context, duplicate))
    if duplicate.rule.difference(rule):
        send_change(context, duplicate, rule)
    context.warn(
        f"{duplicate.rule_id} ({rule.as_text}) was there before and is adopted"
    )
    return replace(duplicate, rule=rule, as_spelled=None)


def _how_to_take_over(context: RuleContext, duplicate: LiveRule) -> str:
    exists = (
        f"AuthorizeSecurityGroup added nothing: {context.where} holds this rule"
        f" already, as {duplicate.rule_id} ({duplicate.rule.as_text})."
    )
    if duplicate.rule_id in context.owner.replaces:
        return f"{exists} {FORCED_REPLACEMENT}"
    if context.owner.ownership.knows(duplicate.rule_id):
        return _held_by_another(context, duplicate)
    return (
        f"{exists} {PERHAPS_REPLACED} If it was renamed, give it an alias"
        " (ResourceOptions(aliases=[...])). If the rule is to be managed from here,"
        f" import it by {duplicate.rule_id}; if a run that was interrupted made it, or"
        " it is to be taken over as it is, set adopt=True."
    )


def _held_by_another(context: RuleContext, duplicate: LiveRule) -> str:
    return (
        f"AuthorizeSecurityGroup added nothing: {context.where} holds this rule"
        f" already, as {duplicate.rule_id} ({duplicate.rule.as_text}), for"
        f" {ANOTHER_RESOURCE}. One rule is one resource: remove one of the two, or let"
        " them differ in priority; if it is moving from the other, run `pulumi up`"
        " again."
    )


def _made(context: RuleContext, rule: IngressRule, *, adopt: bool) -> LiveRule:
    unknown_outcomes: list[EcsError] = []
    moment = Moment()
    try:
        answered = until_answered(context.timeout_s)
        group = answered(_authorized, context, rule, unknown_outcomes) or _shown(
            context, rule
        )
    except EcsError as error:
        if not unknown_outcomes:
            raise
        raise _taken_back(context, rule, error) from error
    live = group.matching(rule) if group else None
    if group is None or live is None:
        return LiveRule(rule, rule_id="", create_time="")
    if moment.is_after(live, group):
        return _taken_over(context, live, rule, adopt=adopt)
    if live.rule_id and not context.owner.record_created(live.rule_id):
        raise RuleExistsError(_held_by_another(context, live))
    return live


def _authorized(
    context: RuleContext, rule: IngressRule, unknown_outcomes: list[EcsError]
) -> LiveGroup | None:
    """
    Send Authorize; where no answer comes, look.

    Args:
        context: of the group.
        rule: to add.
        unknown_outcomes: filled with what left open whether ECS acted: a refusal that
            follows is no proof that it did not.

    Returns:
        the group, if the rule was seen in it on the way.

    Raises:
        NoAnswerError: none came, and the rule does not show.
    """
    try:
        context.group.authorize(rule)
    except OUTCOME_UNKNOWN as error:
        unknown_outcomes.append(error)
        group = context.read_after_unknown_outcome()
        if group is None or group.matching(rule) is None:
            raise
        return group
    return None


def _taken_back(
    context: RuleContext, rule: IngressRule, error: EcsError
) -> RuleNotConfirmedError:
    """
    Revoke once what may still come, and say what is known of it.
    """
    try:
        context.group.revoke_by_attributes(rule)
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
        f"AuthorizeSecurityGroup of {rule.as_text} in {context.where} got no answer"
        f" that tells what came of it (last: {error.quoted}), and the"
        f" rule did not show. {outcome}."
    )


def _shown(context: RuleContext, rule: IngressRule) -> LiveGroup | None:
    """
    The group as soon as it shows the rule; None where it does not in time.
    """
    try:
        return until_shown(context.timeout_s)(_read_with, context, rule)
    except NotShownError:
        context.warn(
            f"{rule.as_text} was made in {context.where} and does not show yet;"
            " `pulumi refresh` fills in its ID"
        )
    except EcsError as error:
        context.warn(
            f"{rule.as_text} was made in {context.where}, and its ID could not be"
            f" read ({error.code}); `pulumi refresh` fills it in"
        )
    return None


def _read_with(context: RuleContext, rule: IngressRule) -> LiveGroup:
    group = context.read_now()
    if group.matching(rule) is None:
        raise NotShownError
    return group
