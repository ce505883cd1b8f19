"""
The actions that change rules: authorize, revoke and modify.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager

from alicloud_ingress.testing.call import Call
from alicloud_ingress.testing.entries import COMMON, FIELDS, RULE_ID, Entry, named_rules
from alicloud_ingress.testing.errors import (
    FakeError,
    error_of,
    rule_id_not_valid,
)
from alicloud_ingress.testing.spelling import (
    AUTHORIZE,
    IDENTITY,
    NUMBERED_REGIONS,
    PROTOCOL_NAMES,
    REVOKE,
    SOURCES,
    Direction,
    Rule,
    facing,
    identity,
    spelled,
)
from alicloud_ingress.testing.state import NUMBERS, FakeGroup

DEFAULTS = {"Policy": "accept", "Priority": "1"}


def settled(
    entry: Entry, group: FakeGroup, call: Call, *, numbers: bool = False
) -> Rule:
    """
    Check an entry against its group and all that it names; return the stored rule.

    Args:
        entry: the fields in the spelling of the request.
        group: the group of the rule.
        call: with what the entry may name.
        numbers: whether protocol numbers are allowed in every region.

    Raises:
        FakeError: with the code that ECS documents for the error.
    """
    rule = spelled(
        entry,
        call.behaviour,
        call.action,
        numbers=numbers or group.region in NUMBERED_REGIONS,
    )
    _settle_nic_type(rule, entry, group, call)
    _require_kind_of_group(entry, group, call)
    _settle_source_group(rule, entry, group, call)
    _require_prefix_list(rule, group, call)
    _require_port_range_list(rule, group, call)
    return rule


def weight(rule: Rule, call: Call) -> int:
    """
    How much of the quota a rule uses. A list counts as its maximum number of entries.
    """
    for name, lists in (
        ("SourcePrefixListId", call.state.prefix_lists),
        ("DestPrefixListId", call.state.prefix_lists),
        ("PortRangeListId", call.state.port_range_lists),
    ):
        found = lists.get(str(rule.get(name)))
        if found:
            return found.most_entries
    return 1


def _settle_nic_type(rule: Rule, entry: Entry, group: FakeGroup, call: Call) -> None:
    if not group.is_classic:
        rule["NicType"] = "intranet"
    elif (
        call.action == AUTHORIZE
        and rule["SourceGroupId"]
        and entry["NicType"] != "intranet"
    ):
        raise FakeError(
            403,
            "InvalidSourceGroupId.Mismatch",
            "NicType is required or NicType expects intranet.",
        )


def _require_kind_of_group(entry: Entry, group: FakeGroup, call: Call) -> None:
    refused = call.behaviour.enterprise_refuses
    given = set(entry.fields)
    if call.behaviour.enterprise_allows_defaults:
        given -= {n for n in DEFAULTS if entry[n].lower() == DEFAULTS[n]}
    if group.kind != "enterprise" or not refused & given:
        return
    raise FakeError(
        400,
        "InvalidGroupParameter.OperationDenied",
        "The Priority, Policy, SourceGroupId, DestGroupId attributes of enterprise"
        " level security group can not be set or modified."
        if "Priority" in refused
        else "The attributes Policy, SourceGroupId, DestGroupId of enterprise level"
        " security groups are not allowed to be set or modified.",
    )


def _settle_source_group(
    rule: Rule, entry: Entry, group: FakeGroup, call: Call
) -> None:
    source_id = str(rule["SourceGroupId"])
    if not source_id:
        return
    if source_id == group.group_id:
        raise FakeError(
            403 if call.action == AUTHORIZE else 400,
            "InvalidParamter.Conflict",
            "The specified SecurityGroupId should be different from the SourceGroupId.",
        )
    owner = str(rule["SourceGroupOwnerAccount"])
    owner = rule["SourceGroupOwnerAccount"] = call.logins.get(owner, owner)
    source = call.state.groups.get(source_id)
    if source is None or source.account != (owner or group.account):
        raise _no_source_group(rule, entry, group, call)
    if source.kind == "enterprise":
        raise error_of("InvalidGroupAuthParameter.OperationDenied")
    if source.vpc_id != group.vpc_id:
        raise FakeError(
            400,
            "InvalidSourceGroupId.Mismatch",
            "Specified security group and source group are not in the same VPC.",
        )


def _no_source_group(
    rule: Rule, entry: Entry, group: FakeGroup, call: Call
) -> FakeError:
    if call.action == AUTHORIZE and rule["SourceGroupOwnerAccount"]:
        return error_of("InvalidSourceGroup.NotFound")
    dangling = any(
        there["SourceGroupId"] == entry["SourceGroupId"]
        for _, there in group.rules_of(call.direction)
    )
    if dangling:
        return error_of("InvalidGroupAuthItem.NotFound")
    return error_of("InvalidSourceGroupId.NotFound")


def _require_prefix_list(rule: Rule, group: FakeGroup, call: Call) -> None:
    list_id = str(rule["SourcePrefixListId"])
    if not list_id:
        return
    if group.is_classic:
        raise error_of("NotSupported.ClassicNetworkPrefixList")
    found = call.state.prefix_lists.get(list_id)
    if found is None or found.region != group.region:
        raise error_of("InvalidPrefixListId.NotFound")
    protocol = PROTOCOL_NAMES.get(str(rule["IpProtocol"]), rule["IpProtocol"])
    other = (
        protocol == "ICMPV6" or rule["Ipv6DestCidrIp"]
        if found.family == "IPv4"
        else protocol == "ICMP" or rule["DestCidrIp"]
    )
    if other:
        raise error_of("InvalidParam.PrefixListAddressFamilyMismatch")


def _require_port_range_list(rule: Rule, group: FakeGroup, call: Call) -> None:
    list_id = str(rule["PortRangeListId"])
    if not list_id:
        return
    found = call.state.port_range_lists.get(list_id)
    if found is None or found.region != group.region:
        raise error_of("InvalidPortRangeListId.NotFound")


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
                _require_quota(rule, group.rules, group, call)
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
        for rule_id, rule in group.rules_of(direction)
        if rule_id != but
    }


def names_a_group(rule: Rule) -> bool:
    """
    Whether the other end of a rule, inbound or outbound, is a group.
    """
    return bool(rule["SourceGroupId"] or rule.get("DestGroupId"))


def _require_quota(
    rule: Rule,
    others: Mapping[str, Rule],
    group: FakeGroup,
    call: Call,
    status: int = 403,
) -> None:
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
            _require_rule_id(rule_id, group, call)
            del group.rules[rule_id]
        for entry, rule in _distinct(entries, group, call):
            _revoke_one(rule, entry, group, call)
    return {}


def _require_rule_id(rule_id: str, group: FakeGroup, call: Call) -> None:
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
        for rule_id, there in group.rules_of(call.direction)
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
    _require_rule_id(rule_id, group, call)
    old = facing(group.rules[rule_id], call.direction)
    _require_same_kind(given, old)
    kept = as_given(old, reset=call.behaviour.omitted_fields_are_reset)
    entry = Entry(fields={**kept, **given})
    rule = settled(entry, group, call, numbers=str(old["IpProtocol"]).isdigit())
    others = duplicates_in(group, call.direction, but=rule_id)
    is_refused = call.behaviour.modify_without_change_is_refused
    if identity(rule) in others or (is_refused and rule.items() <= old.items()):
        raise error_of("InvalidOperation.RuleDuplicate")
    rest = {i: there for i, there in group.rules.items() if i != rule_id}
    _require_quota(rule, rest, group, call, status=400)
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
