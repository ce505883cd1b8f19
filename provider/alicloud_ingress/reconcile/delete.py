"""
Remove a rule: by ID if known, else by its whole quintuple, proven by a look.

A revoke by attributes answers 200 where nothing matched, and cannot tell twins
apart; a revoke by ID is proof, and never falls back to the attributes.
"""

from __future__ import annotations

from collections.abc import Mapping

from alicloud_ingress.ecs.reactions import MAY_HAVE_ACTED, Call, Reaction, reaction
from alicloud_ingress.errors import (
    EcsError,
    GroupNotFoundError,
    RuleNotConfirmedError,
)
from alicloud_ingress.reconcile.context import Site
from alicloud_ingress.reconcile.polling import (
    StillShownError,
    until_answered,
    until_gone,
)
from alicloud_ingress.rules.live import LiveRule
from alicloud_ingress.rules.rule import IngressRule


def delete(site: Site, rule: IngressRule, rule_id: str, account_id: str) -> None:
    """
    Remove the rule, unless another resource holds it; see `RuleLifecycle.delete`.
    """
    try:
        if not rule_id:
            _revoke_by_attributes(site, rule)
            return
        with site.releasing(rule_id) as is_ours:
            if is_ours:
                _revoke_by_id(site, rule, rule_id)
    except GroupNotFoundError as error:
        site.believe_group_gone(error, account_id, ask_again=False)


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
    if twin and not site.owner.ownership.knows(twin.rule_id):
        site.warn(
            f"{rule_id} is gone already; {twin.rule_id} is an identical rule of"
            f" {site.where}, was not made by this resource, and is left alone"
        )


def _revoke_by_attributes(site: Site, rule: IngressRule) -> None:
    shown = site.look().identical_to(rule) if site.owner.ownership.holds_any else None
    if shown is None or not shown.rule_id:
        _revoke_until_gone(site, rule)
        return
    with site.releasing(shown.rule_id) as is_ours:
        if is_ours:
            _revoke_until_gone(site, rule)


def _revoke_until_gone(site: Site, rule: IngressRule) -> None:
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
    """
    Revoke what the attributes did not match, and verify it.

    A read has just shown the rule after a success: no further success is believed.
    """
    if live.rule_id:
        _revoke_by_id(site, rule, live.rule_id)
        require_gone(site, {live.rule_id: rule})
        return
    site.group.revoke_by_attributes(live.as_spelled or live.rule)
    if site.group.prove().identical_to(rule):
        raise RuleNotConfirmedError(
            f"RevokeSecurityGroup said yes, and {rule.in_words} is still in"
            f" {site.where}, without an ID; remove it in the console, then run"
            " `pulumi refresh`."
        )


def require_gone(site: Site, rules: Mapping[str, IngressRule]) -> None:
    """
    Read until none of these rules shows.

    Args:
        site: of the group.
        rules: by ID.

    Raises:
        RuleNotConfirmedError: some show after all the time that a read may lag.
    """
    left = dict(rules)

    def read() -> None:
        group = site.group.prove()
        for rule_id in [id_ for id_ in left if group.by_id(id_) is None]:
            del left[rule_id]
        if left:
            raise StillShownError

    try:
        until_gone(site.timeout_s)(read)
    except StillShownError:
        named = ", ".join(f"{id_} ({rule.in_words})" for id_, rule in left.items())
        raise RuleNotConfirmedError(
            f"RevokeSecurityGroup succeeded, and {named} still exists in {site.where};"
            " run `pulumi refresh`, then the same command again."
        ) from None
