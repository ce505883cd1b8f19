"""
Make a rule: look first, authorize, and look until it shows.

Authorizing a rule that exists is a silent success, so only a look tells whose it is;
and only a look tells its ID, or what came of a call without an answer.
"""

from __future__ import annotations

from dataclasses import replace

from alicloud_ingress.ecs.reactions import MAY_HAVE_ACTED
from alicloud_ingress.errors import EcsError, RuleExistsError, RuleNotConfirmedError
from alicloud_ingress.reconcile.context import ANOTHER_RESOURCE, Site
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


def create(site: Site, rule: IngressRule, *, adopt: bool) -> LiveRule:
    """
    Make the rule, and return it with its ID; see `RuleLifecycle.create`.
    """
    # A resource that has written since the glance holds what came of it.
    twin = site.glance().matching(rule)
    while twin and (twin := site.twin_that_stays(rule)):
        if not adopt or not site.owner.ownership.is_leaving(twin.rule_id):
            return _taken_over(site, twin, rule, adopt=adopt)
    return _made(site, rule, adopt=adopt)


def _taken_over(
    site: Site, twin: LiveRule, rule: IngressRule, *, adopt: bool
) -> LiveRule:
    """
    Adopt a rule that existed before, or say how.
    """
    if not adopt:
        raise RuleExistsError(_how_to_take_over(site, twin))
    if not site.owner.adopt(twin.rule_id):
        raise RuleExistsError(_held_by_another(site, twin))
    if twin.rule.difference(rule):
        send_change(site, twin, rule)
    site.warn(f"{twin.rule_id} ({rule.in_words}) was there before and is adopted")
    return replace(twin, rule=rule, as_spelled=None)


def _how_to_take_over(site: Site, twin: LiveRule) -> str:
    exists = (
        f"AuthorizeSecurityGroup added nothing: {site.where} holds this rule already,"
        f" as {twin.rule_id} ({twin.rule.in_words})."
    )
    if twin.rule_id in site.owner.replaces:
        return f"{exists} {FORCED_REPLACEMENT}"
    if site.owner.ownership.knows(twin.rule_id):
        return _held_by_another(site, twin)
    return (
        f"{exists} {PERHAPS_REPLACED} If it was renamed, give it an alias"
        " (ResourceOptions(aliases=[...])). If the rule is to be managed from here,"
        f" import it by {twin.rule_id}; if a run that was interrupted made it, or it"
        " is to be taken over as it is, set adopt=True."
    )


def _held_by_another(site: Site, twin: LiveRule) -> str:
    return (
        f"AuthorizeSecurityGroup added nothing: {site.where} holds this rule"
        f" already, as {twin.rule_id} ({twin.rule.in_words}), for {ANOTHER_RESOURCE}."
        " One rule is one resource: remove one of the two, or let them differ in"
        " priority; if it is moving from the other, run `pulumi up` again."
    )


def _made(site: Site, rule: IngressRule, *, adopt: bool) -> LiveRule:
    silences: list[EcsError] = []
    moment = Moment()
    try:
        answered = until_answered(site.timeout_s)
        group = answered(_authorized, site, rule, silences) or _shown(site, rule)
    except EcsError as error:
        if not silences:
            raise
        raise _taken_back(site, rule, error) from error
    live = group.matching(rule) if group else None
    if group is None or live is None:
        return LiveRule(rule, rule_id="", create_time="")
    if moment.is_after(live, group):
        return _taken_over(site, live, rule, adopt=adopt)
    if live.rule_id and not site.owner.record_created(live.rule_id):
        raise RuleExistsError(_held_by_another(site, live))
    return live


def _authorized(
    site: Site, rule: IngressRule, silences: list[EcsError]
) -> LiveGroup | None:
    """
    Send Authorize; where no answer comes, look.

    Args:
        site: of the group.
        rule: to add.
        silences: filled with what left open whether ECS acted: a refusal that
            follows is no proof that it did not.

    Returns:
        the group, if the rule was seen in it on the way.

    Raises:
        NoAnswerError: none came, and the rule does not show.
    """
    try:
        site.group.authorize(rule)
    except MAY_HAVE_ACTED as error:
        silences.append(error)
        group = site.seen_after_silence()
        if group is None or group.matching(rule) is None:
            raise
        return group
    return None


def _taken_back(
    site: Site, rule: IngressRule, error: EcsError
) -> RuleNotConfirmedError:
    """
    Revoke once what may still come, and say what is known of it.
    """
    try:
        site.group.revoke_by_attributes(rule)
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
        f"AuthorizeSecurityGroup of {rule.in_words} in {site.where} got no answer"
        f" that tells what came of it (last: {error.quoted}), and the"
        f" rule did not show. {outcome}."
    )


def _shown(site: Site, rule: IngressRule) -> LiveGroup | None:
    """
    The group as soon as it shows the rule; None where it does not in time.
    """
    try:
        return until_shown(site.timeout_s)(_read_with, site, rule)
    except NotShownError:
        site.warn(
            f"{rule.in_words} was made in {site.where} and does not show yet;"
            " `pulumi refresh` fills in its ID"
        )
    except EcsError as error:
        site.warn(
            f"{rule.in_words} was made in {site.where}, and its ID could not be"
            f" read ({error.code}); `pulumi refresh` fills it in"
        )
    return None


def _read_with(site: Site, rule: IngressRule) -> LiveGroup:
    group = site.prove()
    if group.matching(rule) is None:
        raise NotShownError
    return group
