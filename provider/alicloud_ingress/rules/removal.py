"""
Remove a rule: by ID if known, else by its whole quintuple, proven by a look.

A revoke by attributes answers 200 where nothing matched, and cannot tell twins
apart; a revoke by ID is proof, and never falls back to the attributes.
"""

from __future__ import annotations

from alicloud_ingress.errors import (
    EcsError,
    GroupNotFoundError,
    RuleNotConfirmedError,
)
from alicloud_ingress.live import LiveRule
from alicloud_ingress.reactions import MAY_HAVE_ACTED, Call, Reaction, reaction
from alicloud_ingress.rule import IngressRule
from alicloud_ingress.rules.repetition import until_answered
from alicloud_ingress.rules.site import Site


def delete(site: Site, rule: IngressRule, rule_id: str, account_id: str) -> None:
    """
    Remove the rule, unless another resource holds it; see `RuleLifecycle.delete`.
    """
    if site.claims.holds(rule_id):
        site.leave_to_its_holder(rule_id)
        return
    try:
        if rule_id:
            _revoke_by_id(site, rule, rule_id)
        else:
            _revoke_by_attributes(site, rule)
    except GroupNotFoundError as error:
        site.believe_group_gone(error, account_id, ask_again=False)
    site.claims.release(rule_id)


def _revoke_by_id(site: Site, rule: IngressRule, rule_id: str) -> None:
    """
    A 200 by ID is proof; an ID that is gone never falls back to attributes.
    """
    try:
        site.group.revoke_by_id(rule_id)
    except EcsError as error:
        asked = reaction(Call.REVOKE_BY_ID, error)
        if asked not in (Reaction.DONE, Reaction.LOOK):
            raise
        if asked is Reaction.LOOK and site.is_there(rule_id):
            raise RuleNotConfirmedError(
                f"RevokeSecurityGroup was refused ({error.quoted}), and {rule_id}"
                f" ({rule.in_words}) is still in {site.where}; run"
                " `pulumi refresh`, then the same command again."
            ) from error
        _name_the_twin_of_what_is_gone(site, rule, rule_id)


def _name_the_twin_of_what_is_gone(site: Site, rule: IngressRule, rule_id: str) -> None:
    try:
        twin = site.group.look().identical_to(rule)
    except EcsError:
        return
    if twin and not site.claims.has(twin.rule_id):
        site.warn(
            f"{rule_id} is gone already; {twin.rule_id} is an identical rule of"
            f" {site.where}, was not made by this resource, and is left alone"
        )


def _revoke_by_attributes(site: Site, rule: IngressRule) -> None:
    if site.claims.any_held:
        twin = site.group.look().identical_to(rule)
        if twin and site.claims.holds(twin.rule_id):
            site.leave_to_its_holder(twin.rule_id)
            return
    live = until_answered(site.timeout_s)(_left_by_revoke, site, rule)
    if live:
        _revoke_what_was_found(site, rule, live)


def _left_by_revoke(site: Site, rule: IngressRule) -> LiveRule | None:
    """
    Send one Revoke by attributes, and return what a look still shows.

    Raises:
        NoAnswerError: none came, and the rule is still there.
    """
    silence: EcsError | None = None
    try:
        site.group.revoke_by_attributes(rule)
    except MAY_HAVE_ACTED as error:
        silence = error
    except EcsError as error:
        if reaction(Call.REVOKE_BY_ATTRIBUTES, error) is not Reaction.LOOK:
            raise
    left = site.group.prove()
    live = left.identical_to(rule)
    if live and silence:
        raise silence
    if live is None and (masked := left.masked_form_of(rule)):
        raise RuleNotConfirmedError(
            f"RevokeSecurityGroup of {rule.in_words} in {site.where} was answered,"
            f" and {masked.rule_id} ({masked.rule.in_words}) is there, which is the"
            " same network without host bits. If that is this rule, remove it in"
            " the console; then run `pulumi refresh`."
        )
    return live


def _revoke_what_was_found(site: Site, rule: IngressRule, live: LiveRule) -> None:
    if live.rule_id:
        _revoke_by_id(site, rule, live.rule_id)
        return
    site.group.revoke_by_attributes(live.as_spelled or live.rule)
    if site.group.prove().identical_to(rule):
        raise RuleNotConfirmedError(
            f"RevokeSecurityGroup said yes, and {rule.in_words} is still in"
            f" {site.where}, without an ID; remove it in the console, then run"
            " `pulumi refresh`."
        )
