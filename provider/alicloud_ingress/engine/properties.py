"""
The inputs and outputs of a rule resource, as dicts of the engine.

Inputs keep the user's spelling. Outputs are all inputs and what ECS returned. No value
is None, because the engine does not keep None in the state.
"""

from __future__ import annotations

from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from typing import TYPE_CHECKING, Any

from alicloud_ingress.rules.rule import IngressRule
from alicloud_ingress.rules.spelling import WITH_PORTS
from alicloud_ingress.rules.validation import RULE_ARGUMENTS, SOURCES

if TYPE_CHECKING:
    from alicloud_ingress.rules.live import LiveRule

ARGUMENTS = (*RULE_ARGUMENTS, "security_group_id", "region", "profile", "adopt")
PLACE = ("security_group_id", "region")
OWNER_MARK = "owner_mark"
"""
The output that identifies a resource, also if two resources have the same rule ID.
"""


def inputs_of(properties: Mapping[str, Any]) -> dict[str, Any]:
    """
    The arguments among the properties. The engine sends 1 as 1.0; it becomes 1 again.
    """
    return {
        name: _whole(properties[name])
        for name in ARGUMENTS
        if properties.get(name) is not None
    }


def rule_of(properties: Mapping[str, Any]) -> IngressRule:
    """
    The rule of properties that check has accepted.
    """
    return IngressRule.unchecked(properties)


def rule_id_of(properties: Mapping[str, Any]) -> str:
    """
    The rule's ID; "" while unknown.
    """
    return str(properties.get("security_group_rule_id") or "")


def account_id_of(properties: Mapping[str, Any]) -> str:
    """
    The account that owns the group; "" while unknown.
    """
    return str(properties.get("account_id") or "")


def mark_of(properties: Mapping[str, Any]) -> str:
    """
    The owner's mark of the resource; "" in a state that an older release wrote.
    """
    return str(properties.get(OWNER_MARK) or "")


def update_time_of(properties: Mapping[str, Any]) -> str:
    """
    When an update has changed the rule last, as in `LiveRule`; "" if none has.
    """
    return str(properties.get("update_time") or "")


def is_same(olds: Mapping[str, Any], news: Mapping[str, Any]) -> bool:
    """
    Whether both mean the same rule and description, in the same group, region and
    profile.
    """
    if any((olds.get(n) or "") != (news.get(n) or "") for n in (*PLACE, "profile")):
        return False
    is_spelled_alike = all(olds.get(n) == news.get(n) for n in RULE_ARGUMENTS)
    return is_spelled_alike or not rule_of(olds).difference(rule_of(news))


def replaced(
    olds: Mapping[str, Any], news: Mapping[str, Any], unknown: AbstractSet[str]
) -> list[str]:
    """
    The arguments whose change needs a replacement of the rule.

    ModifySecurityGroupRule cannot change the group, region, NIC type or kind of source,
    cannot change a port range into a port list, and more in
    `IngressRule.unchangeable`.

    Args:
        olds: outputs of the state.
        news: the inputs that check returned.
        unknown: arguments whose new value is not known; an unknown group, region or NIC
            type counts as changed.
    """
    known = {name: value for name, value in news.items() if name not in unknown}
    old, new = rule_of(olds), rule_of(known)

    def is_set(name: str) -> bool:
        return name in unknown or bool(getattr(new, name))

    moved = [name for name in PLACE if olds.get(name) != known.get(name)]
    if "nic_type" in unknown or old.nic_type != new.nic_type:
        moved.append("nic_type")
    swapped = [
        name
        for name in (*SOURCES, "port_range_list_id")
        if bool(getattr(old, name)) != is_set(name)
    ]
    refused = [name for name in old.unchangeable(new) if name not in unknown]
    if "ip_protocol" in unknown and old.ip_protocol not in WITH_PORTS:
        refused.append("ip_protocol")
    return moved + swapped + refused


def outputs_of(
    inputs: Mapping[str, Any],
    live: LiveRule,
    account_id: str,
    mark: str,
    update_time: str = "",
) -> dict[str, Any]:
    """
    All inputs, what ECS returned, and the owner's mark; "" for what is unknown. A rule
    that has never been changed has no update time.
    """
    update_time = live.update_time or update_time
    return {
        **inputs_of(inputs),
        "account_id": account_id,
        "security_group_rule_id": live.rule_id,
        "create_time": live.create_time,
        OWNER_MARK: mark,
        **({"update_time": update_time} if update_time else {}),
    }


def inputs_as_read(properties: Mapping[str, Any], live: IngressRule) -> dict[str, Any]:
    """
    The inputs for the rule as it is now, with the user's spelling of what is unchanged.
    """
    inputs = inputs_of(properties)
    for name in rule_of(properties).difference(live):
        value = getattr(live, name)
        if value == "" and name != "description":
            inputs.pop(name, None)
        else:
            inputs[name] = value
    return inputs


def _whole(value: Any) -> Any:
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return value
