"""
The actions that change rules: authorize, revoke and modify.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager

from alicloud_ingress.testing.call import Call
from alicloud_ingress.testing.direction import Direction, facing, rules_of
from alicloud_ingress.testing.entries import COMMON, FIELDS, RULE_ID, Entry, named_rules
from alicloud_ingress.testing.errors import (
    FakeError,
    error_of,
    rule_id_not_valid,
)
from alicloud_ingress.testing.references import settled, weight
from alicloud_ingress.testing.spelling import (
    IDENTITY,
    REVOKE,
    SOURCES,
    Rule,
    identity,
)
from alicloud_ingress.testing.state import NUMBERS, FakeGroup

Answer = dict[str, object]


def authorize(call: Call) -> Answer:
    """
    Add rules. A rule that already exists is not changed, without an error.
    """
    group = call.group_to_change()
    _, entries = named_rules(call.parameters, by_id=False)
    with _all_or_none(group, call):
        duplicates = duplicates_in(group, call.direction)
        for entry, rule in _distinct(entries, group, call):
            _require_two_ends(rule)
            duplicate = duplicates.get(identity(rule))
            if duplicate is None:
                require_quota(rule, group.rules, group, call)
                add(rule, group, call.now, call.direction)
            elif (
                call.behaviour.authorize_takes_over_description and entry["Description"]
            ):
                changed = {"Description": entry["Description"]}
                group.rules[duplicate] = {**group.rules[duplicate], **changed}
    return {}


def add(
    rule: Rule, group: FakeGroup, now: str, direction: Direction = "ingress"
) -> str:
    """
    Add a rule, which has the fields of an inbound one, and return its ID.
    """
    rule_id = f"sgr-{NUMBERS.take():08d}"
    group.rules[rule_id] = {
        "Direction": direction,
        "CreateTime": now,
        **facing(rule, direction),
    }
    return rule_id


def duplicates_in(
    group: FakeGroup, direction: Direction, but: str = ""
) -> dict[tuple[object, ...], str]:
    """
    The IDs of the rules of one direction, by their identity.
    """
    return {
        identity(rule): rule_id
        for rule_id, rule in rules_of(group, direction)
        if rule_id != but
    }


def names_a_group(rule: Rule) -> bool:
    """
    Whether the other end of a rule, inbound or outbound, is a group.
    """
    return bool(rule["SourceGroupId"] or rule.get("DestGroupId"))


def require_quota(
    rule: Rule,
    others: Mapping[str, Rule],
    group: FakeGroup,
    call: Call,
    status: int = 403,
) -> None:
    """
    Refuse a rule that exceeds a quota of the group.
    """
    with_lists = call.state.prefix_lists or call.state.port_range_lists
    taken = (
        sum(weight(there, call) for there in others.values())
        if with_lists
        else len(others)
    )
    if taken + weight(rule, call) > group.most_rules:
        raise FakeError(
            status,
            "AuthorizationLimitExceed",
            "The limit of authorization records in the security group reaches.",
        )
    if not rule["SourceGroupId"]:
        return
    by_group = sum(names_a_group(there) for there in others.values())
    if by_group >= group.most_group_sources:
        raise error_of("AuthorizedGroupRule.LimitExceed")


def revoke(call: Call) -> Answer:
    """
    Remove rules, by ID or by their fields.
    """
    group = call.group_to_change()
    rule_ids, entries = named_rules(call.parameters, by_id=True)
    with _all_or_none(group, call):
        for rule_id in rule_ids:
            require_rule_id(rule_id, group, call)
            del group.rules[rule_id]
        for entry, rule in _distinct(entries, group, call):
            _revoke_one(rule, entry, group, call)
    return {}


def require_rule_id(rule_id: str, group: FakeGroup, call: Call) -> None:
    """
    Refuse an ID that no rule of this direction in the group has.
    """
    rule = group.rules.get(rule_id)
    if rule is None or rule["Direction"] != call.direction:
        if call.direction == "egress" and call.action == REVOKE:
            raise error_of("InvalidSecurityGroupRule.RuleNotExist")
        if call.behaviour.unknown_rule_id == "not found":
            raise error_of("InvalidSecurityGroupRuleId.NotFound")
        raise rule_id_not_valid()


def _revoke_one(rule: Rule, entry: Entry, group: FakeGroup, call: Call) -> None:
    compared = {*IDENTITY}
    if call.behaviour.omitted_matches_any:
        compared -= {"Policy", "Priority"} - entry.fields.keys()
    if call.behaviour.revoke_compares_description and entry["Description"]:
        compared.add("Description")
    matching = _matching(rule, compared, group, call)
    if not matching and _matching(rule, compared - {"NicType"}, group, call):
        raise error_of("InvalidNicType.Mismatch")
    if not matching and call.behaviour.revoke_without_match_is_refused:
        raise error_of("InvalidSecurityGroupRule.RuleNotExist")
    for rule_id in matching:
        del group.rules[rule_id]


def _matching(
    rule: Rule, compared: set[str], group: FakeGroup, call: Call
) -> list[str]:
    return [
        rule_id
        for rule_id, there in rules_of(group, call.direction)
        if all(rule[name] == there[name] for name in compared)
    ]


def _distinct(
    entries: Sequence[Entry], group: FakeGroup, call: Call
) -> Iterator[tuple[Entry, Rule]]:
    """
    Each entry with its rule. Two entries of the same rule are refused.
    """
    seen: set[tuple[object, ...]] = set()
    for entry in entries:
        rule = settled(entry, group, call)
        if identity(rule) in seen:
            raise error_of("InvalidParam.DuplicatePermissions")
        seen.add(identity(rule))
        yield entry, rule


def _require_two_ends(rule: Rule) -> None:
    if rule["SourceCidrIp"] and rule["SourceCidrIp"] == rule["DestCidrIp"]:
        raise FakeError(
            400,
            "InvalidParamter.Conflict",
            "The specified SourceCidrIp should be different from the DestCidrIp.",
        )


@contextmanager
def _all_or_none(group: FakeGroup, call: Call) -> Generator[None]:
    """
    If an entry is refused and batches are atomic, undo the entries before it.
    """
    before = dict(group.rules)
    try:
        yield
    except FakeError:
        if call.behaviour.batches_are_atomic:
            group.rules.clear()
            group.rules.update(before)
        raise


_RESET = ("DestCidrIp", "Ipv6DestCidrIp", "SourcePortRange", "Policy", "Priority")
"""
Fields that may be reset to their default if a request omits them.
"""


def modify(call: Call) -> Answer:
    """
    Change a rule by ID; without an ID, change the description of the identical rule.
    """
    call.know_only(*COMMON, "SecurityGroupRuleId", *FIELDS)
    group = call.group_to_change()
    given = {name: call.parameters[name] for name in FIELDS if name in call.parameters}
    rule_id = call["SecurityGroupRuleId"]
    if not rule_id:
        return _describe_anew(given, group, call)
    if not RULE_ID.fullmatch(rule_id):
        raise rule_id_not_valid()
    require_rule_id(rule_id, group, call)
    old = facing(group.rules[rule_id], call.direction)
    _require_same_kind(given, old)
    kept = as_given(old, reset=call.behaviour.omitted_fields_are_reset)
    entry = Entry(fields={**kept, **given})
    rule = settled(entry, group, call, numbers=str(old["IpProtocol"]).isdigit())
    if identity(rule) in duplicates_in(group, call.direction, but=rule_id):
        raise error_of("InvalidOperation.RuleDuplicate")
    others = {i: there for i, there in group.rules.items() if i != rule_id}
    require_quota(rule, others, group, call, status=400)
    group.rules[rule_id] = facing({**old, **rule}, call.direction)
    return {}


def _describe_anew(given: dict[str, str], group: FakeGroup, call: Call) -> Answer:
    rule = settled(Entry(fields=given), group, call)
    rule_id = duplicates_in(group, call.direction).get(identity(rule))
    if rule_id is None:
        raise error_of("SecurityGroupRule.NotFound")
    description = rule["Description"]
    group.rules[rule_id] = {**group.rules[rule_id], "Description": description}
    return {}


def _require_same_kind(given: dict[str, str], old: Rule) -> None:
    for name, value in given.items():
        before = old.get(name, "")
        if not value and before:
            raise FakeError(
                400,
                "InvalidParam.InvalidModifyRuleRequest",
                f"The parameter {name} cannot be changed from a value to none.",
            )
    kind = next((name for name in SOURCES if given.get(name)), None)
    if kind and not old[kind]:
        raise error_of("InvalidOperation.ModifySgRuleEntityType")
    by_list = bool(old["PortRangeListId"])
    becomes_list = given.get("PortRangeListId") and not given.get("PortRange")
    if given.get("PortRange") if by_list else becomes_list:
        raise error_of("InvalidOperation.ModifyPortRangeType")
    if given.get("NicType", old["NicType"]) != old["NicType"]:
        raise error_of("InvalidOperation.ModifyNicType")


def as_given(old: Rule, *, reset: bool = False) -> dict[str, str]:
    """
    The fields of a rule in the spelling of a request.
    """
    return {
        name: str(value)
        for name, value in old.items()
        if name in FIELDS and value and not (reset and name in _RESET)
    }
