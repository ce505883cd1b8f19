"""
Make a rule: look first, authorize, and look until it shows.

Authorizing a rule that exists is a silent success, so only a look tells whose it is;
and only a look tells its ID, or what came of a call without an answer.
"""

from __future__ import annotations

from dataclasses import replace

from alicloud_ingress.errors import EcsError, RuleExistsError, RuleNotConfirmedError
from alicloud_ingress.live import LiveRule
from alicloud_ingress.reactions import MAY_HAVE_ACTED
from alicloud_ingress.rule import IngressRule
from alicloud_ingress.rules.change import send_change
from alicloud_ingress.rules.repetition import (
    NotShownError,
    until_answered,
    until_shown,
)
from alicloud_ingress.rules.site import ANOTHER_RESOURCE, Site

FORCED_REPLACEMENT = (
    "A replacement by the very same rule needs delete_before_replace=True in its"
    " ResourceOptions, or adopt=True; `pulumi state untaint` takes a taint back."
)
"""
What helps where the engine replaces a rule that means the same as before.
"""


def create(site: Site, rule: IngressRule, *, adopt: bool) -> LiveRule:
    """
    Make the rule, and return it with its ID; see `RuleLifecycle.create`.
    """
    # A resource that has written since the glance holds what came of it.
    twin = site.glance().matching(rule)
    while twin and (twin := site.twin_that_stays(rule)):
        if not adopt:
            raise RuleExistsError(_how_to_take_over(site, twin))
        if site.owner.adopt(twin.rule_id):
            return _adopted(site, twin, rule)
        if not site.owner.ownership.is_leaving(twin.rule_id):
            raise RuleExistsError(_held_by_another(site, twin))
    return _made(site, rule)


def _how_to_take_over(site: Site, twin: LiveRule) -> str:
    exists = (
        f"AuthorizeSecurityGroup was not sent: {site.where} holds this rule already, as"
        f" {twin.rule_id} ({twin.rule.in_words})."
    )
    if twin.rule_id in site.owner.replaces:
        return f"{exists} {FORCED_REPLACEMENT}"
    if site.owner.ownership.knows(twin.rule_id):
        return _held_by_another(site, twin)
    return (
        f"{exists} If this resource is being replaced (`--replace`, `pulumi state"
        f" taint`): {FORCED_REPLACEMENT} If it was renamed, give it an alias"
        " (ResourceOptions(aliases=[...])). If the rule is to be managed from here,"
        f" import it by {twin.rule_id}; if a run that was interrupted made it, or it"
        " is to be taken over as it is, set adopt=True."
    )


def _held_by_another(site: Site, twin: LiveRule) -> str:
    return (
        f"AuthorizeSecurityGroup made nothing: {site.where} holds this rule"
        f" already, as {twin.rule_id} ({twin.rule.in_words}), for {ANOTHER_RESOURCE}."
        " One rule is one resource: remove one of the two, or let them differ in"
        " priority; if it is moving from the other, run `pulumi up` again."
    )


def _adopted(site: Site, twin: LiveRule, rule: IngressRule) -> LiveRule:
    if twin.rule.difference(rule):
        send_change(site, twin, rule)
    site.warn(f"{twin.rule_id} ({rule.in_words}) was there before and is adopted")
    return replace(twin, rule=rule, as_spelled=None)


def _made(site: Site, rule: IngressRule) -> LiveRule:
    silences: list[EcsError] = []
    try:
        live = until_answered(site.timeout_s)(_authorized, site, rule, silences)
        live = live or _shown(site, rule)
    except EcsError as error:
        if not silences:
            raise
        raise _taken_back(site, rule, error) from error
    if live.rule_id and not site.owner.record_created(live.rule_id):
        raise RuleExistsError(_held_by_another(site, live))
    return live


def _authorized(
    site: Site, rule: IngressRule, silences: list[EcsError]
) -> LiveRule | None:
    """
    Send Authorize; where no answer comes, look.

    Args:
        site: of the group.
        rule: to add.
        silences: filled with what left open whether ECS acted: a refusal that
            follows is no proof that it did not.

    Returns:
        the rule, if it was seen on the way.

    Raises:
        NoAnswerError: none came, and the rule does not show.
    """
    try:
        site.group.authorize(rule)
    except MAY_HAVE_ACTED as error:
        silences.append(error)
        group = site.seen_after_silence()
        live = None if group is None else group.matching(rule)
        if live is None:
            raise
        return live
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


def _shown(site: Site, rule: IngressRule) -> LiveRule:
    try:
        return until_shown(site.timeout_s)(_look_for, site, rule)
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
    return LiveRule(rule, rule_id="", create_time="")


def _look_for(site: Site, rule: IngressRule) -> LiveRule:
    live = site.prove().matching(rule)
    if live is None:
        raise NotShownError
    return live
