"""
The action that changes a rule.
"""

from __future__ import annotations

from alicloud_ingress.testing.call import Call
from alicloud_ingress.testing.direction import facing
from alicloud_ingress.testing.entries import COMMON, FIELDS, RULE_ID, Entry
from alicloud_ingress.testing.errors import (
    FakeError,
    error_of,
    rule_id_not_valid,
)
from alicloud_ingress.testing.references import settled
from alicloud_ingress.testing.spelling import (
    SOURCES,
    Rule,
    identity,
)
from alicloud_ingress.testing.state import FakeGroup
from alicloud_ingress.testing.writes import (
    Answer,
    duplicates_in,
    require_quota,
    require_rule_id,
)

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
