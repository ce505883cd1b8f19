"""
The inputs and outputs of a set of rules, as dicts of the engine.

The program declares a list. Check turns it into an object whose keys are the canonical
texts of the rules. So a rule inserted at the front is one addition, and does not change
all rules after it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, cast

from alicloud_ingress.engine.properties import (
    OWNER_MARK,
    PLACE,
    inputs_as_read,
    mark_of,
    rule_of,
)
from alicloud_ingress.errors import InvalidRuleError, Problem
from alicloud_ingress.rules.rule import IngressRule

if TYPE_CHECKING:
    from alicloud_ingress.reconcile.plan import Keep, Member, Seen

SET_ARGUMENTS = (
    "security_group_id",
    "region",
    "profile",
    "rules",
    "exclusive",
    "adopt",
    "keep_rule_ids",
    "keep_descriptions",
)


def key_of(rule: IngressRule) -> str:
    """
    The key of a rule in state: `tcp 443/443 from 10.0.0.0/8`.

    Two rules have the same key if and only if ECS treats them as the same rule. The
    owner of a source group is not part of the key: ECS fills it in if it is not set.
    """
    return rule.as_text


def set_inputs_of(properties: Mapping[str, Any]) -> dict[str, Any]:
    """
    The arguments among the properties; `rules` unchanged.
    """
    return {
        name: properties[name]
        for name in SET_ARGUMENTS
        if properties.get(name) is not None
    }


def rules_of(properties: Mapping[str, Any]) -> dict[str, IngressRule]:
    """
    The rules by key, of properties that check has accepted.
    """
    return {key: rule_of(entry) for key, entry in _entries_of(properties).items()}


def members_of(properties: Mapping[str, Any]) -> list[Member]:
    """
    The rules that the state has for the set.
    """
    from alicloud_ingress.reconcile.plan import Member

    ids: Mapping[str, Any] = properties.get("rule_ids") or {}
    # Older releases wrote "" for a foreign rule without an ID.
    foreign = frozenset(map(str, properties.get("foreign_rule_ids") or ())) - {""}
    return [
        Member(
            rule,
            rule_id := str(ids.get(key) or ""),
            declared := rule_id not in foreign,
            # The state of an import has no IDs: nothing was created.
            pending=declared and not rule_id and key in ids,
        )
        for key, rule in rules_of(properties).items()
    ]


def foreign_ids(
    members: Iterable[Member], wanted: Iterable[IngressRule]
) -> frozenset[str]:
    """
    IDs of the wanted rules that the set holds and did not declare.
    """
    rules = set(wanted)
    return frozenset(m.rule_id for m in members if m.rule in rules and not m.declared)


def keep_of(properties: Mapping[str, Any]) -> Keep | None:
    """
    Which rules an exclusive set leaves alone; None for a set that is not exclusive.
    """
    return _keep_of(properties) if properties.get("exclusive") else None


def _keep_of(properties: Mapping[str, Any]) -> Keep:
    from alicloud_ingress.reconcile.plan import Keep

    return Keep(
        frozenset(map(str, properties.get("keep_rule_ids") or ())),
        tuple(map(str, properties.get("keep_descriptions") or ())),
    )


def set_outputs_of(
    inputs: Mapping[str, Any],
    ids: Mapping[IngressRule, str],
    account_id: str,
    mark: str,
    foreign: Iterable[str] = (),
) -> dict[str, Any]:
    """
    All inputs and what ECS returned; "" for what is unknown.

    Args:
        inputs: that check returned.
        ids: `sgr-...` by rule.
        account_id: of the account that owns the group.
        mark: the owner's mark of the set.
        foreign: IDs of rules that a refresh added to an exclusive set and that the
            program does not declare; deleting the set leaves them alone.
    """
    return {
        **set_inputs_of(inputs),
        "account_id": account_id,
        "rule_ids": {key: ids.get(rule, "") for key, rule in rules_of(inputs).items()},
        "foreign_rule_ids": sorted(foreign),
        OWNER_MARK: mark,
    }


def set_as_read(
    properties: Mapping[str, Any], seen: Sequence[Seen], account_id: str
) -> tuple[dict[str, Any], dict[str, Any]]:
    """
    Inputs and outputs for the rules that a refresh has read.
    """
    spelled = {rule_of(entry): entry for entry in _entries_of(properties).values()}
    rules: dict[str, dict[str, Any]] = {}
    ids: dict[IngressRule, str] = {}
    for found in seen:
        arguments = (
            inputs_as_read(spelled[found.member.rule], found.live.rule)
            if found.member
            else found.live.rule.arguments
        )
        rule = rule_of(arguments)
        rules[key_of(rule)] = arguments
        ids[rule] = found.live.rule_id
    inputs = {**set_inputs_of(properties), "rules": rules}
    foreign = [
        found.live.rule_id
        for found in seen
        if not (found.member and found.member.declared)
    ]
    mark = mark_of(properties)
    return inputs, set_outputs_of(inputs, ids, account_id, mark, foreign)


def outputs_with(
    outputs: Mapping[str, Any],
    news: Mapping[str, Any],
    ids: Mapping[IngressRule, str],
) -> dict[str, Any]:
    """
    The outputs of a state, and the rules that a failed run has left.

    Args:
        outputs: of the state, with or without rules.
        news: inputs that check returned.
        ids: the ID of each of these rules; "" while unknown.
    """
    entries = _entries_of(news)
    left = {key: ids[rule] for key, rule in rules_of(news).items() if rule in ids}
    return {
        **outputs,
        "rules": {**_entries_of(outputs), **{key: entries[key] for key in left}},
        "rule_ids": {**(outputs.get("rule_ids") or {}), **left},
    }


def unfinished_outputs_of(
    olds: Mapping[str, Any], outputs: Mapping[str, Any], to_revoke: Sequence[Member]
) -> dict[str, Any]:
    """
    The outputs after an update that failed in part: the wanted rules, and those that
    should have been revoked and still exist, each as it is now.

    Args:
        olds: outputs of the state.
        outputs: as if the update had succeeded.
        to_revoke: those that still exist.
    """
    spelled = {rule_of(entry): entry for entry in _entries_of(olds).values()}
    still = {key_of(m.rule): spelled.get(m.rule) or m.rule.arguments for m in to_revoke}
    ids = {key_of(member.rule): member.rule_id for member in to_revoke}
    foreign = {member.rule_id for member in to_revoke if not member.declared}
    return {
        **outputs,
        "rules": {**_entries_of(outputs), **still},
        "rule_ids": {**outputs["rule_ids"], **ids},
        "foreign_rule_ids": sorted(foreign.union(outputs["foreign_rule_ids"])),
    }


def is_same_set(
    olds: Mapping[str, Any], news: Mapping[str, Any], *, ignores_rules: bool
) -> bool:
    """
    Whether both mean the same rules, all declared, and have the same other settings.

    Args:
        olds: outputs of the state.
        news: inputs that check returned; nothing unknown.
        ignores_rules: whether the rules of *news* are those of the state.
    """
    if any(
        (olds.get(name) or "") != (news.get(name) or "") for name in (*PLACE, "profile")
    ):
        return False
    if bool(olds.get("exclusive")) != bool(news.get("exclusive")):
        return False
    if _keep_of(olds) != _keep_of(news):
        return False
    members = {member.rule: member for member in members_of(olds)}
    wanted = rules_of(news).values()
    return len(members) == len(wanted) and all(
        (member := members.get(rule))
        and (member.declared or ignores_rules)
        and not member.rule.difference(rule)
        for rule in wanted
    )


def _entries_of(properties: Mapping[str, Any]) -> Mapping[str, Mapping[str, Any]]:
    rules: object = properties.get("rules") or {}
    if not isinstance(rules, Mapping):
        kind = type(rules).__name__
        reason = (
            f"a policy has made it a {kind}; it must stay an object of rules by key"
        )
        raise InvalidRuleError(Problem("rules", reason))
    return cast("Mapping[str, Mapping[str, Any]]", rules)
