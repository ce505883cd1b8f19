"""
The actions that read the rules of a group, the regions, and the account of the caller.
"""

from __future__ import annotations

from alicloud_ingress.testing.behaviour import Behaviour
from alicloud_ingress.testing.call import Call, page_of
from alicloud_ingress.testing.errors import not_valid
from alicloud_ingress.testing.spelling import NIC_TYPES, Rule
from alicloud_ingress.testing.state import State
from alicloud_ingress.testing.writes import Answer

NIL = "<nil>"
_BLANK: Rule = dict.fromkeys(
    (
        "SourceGroupName",
        "SourcePrefixListName",
        "DestGroupId",
        "DestGroupName",
        "DestGroupOwnerAccount",
        "DestPrefixListId",
        "DestPrefixListName",
    ),
    "",
)


def shown(rule_id: str, rule: Rule, state: State, behaviour: Behaviour) -> Rule:
    """
    A rule in the spelling of a Describe.
    """
    protocol, priority = rule["IpProtocol"], rule["Priority"]
    ports = state.port_range_lists.get(str(rule["PortRangeListId"]))
    end = "Dest" if rule["Direction"] == "egress" else "Source"
    group = state.groups.get(str(rule.get(f"{end}GroupId")))
    prefixes = state.prefix_lists.get(str(rule.get(f"{end}PrefixListId")))
    return {
        **_BLANK,
        **rule,
        "SecurityGroupRuleId": rule_id,
        "IpProtocol": (
            behaviour.icmpv6_is_shown_as if protocol == "ICMPV6" else protocol
        ),
        "PortRange": rule["PortRange"] or behaviour.port_range_of_a_list,
        "Priority": str(priority) if behaviour.priority_is_shown_as_text else priority,
        f"{end}GroupName": group.name if group else "",
        f"{end}PrefixListName": prefixes.name if prefixes else "",
        "PortRangeListName": ports.name if ports else "",
    }


def describe(call: Call) -> Answer:
    """
    A page of the rules of one group.
    """
    call.know_only(
        "RegionId",
        "SecurityGroupId",
        "Direction",
        "NicType",
        "MaxResults",
        "NextToken",
        "Attribute",
    )
    group = call.group()
    direction = call.parameters.get("Direction", "all")
    if direction not in ("ingress", "egress", "all"):
        raise not_valid("InvalidParamter", "Direction")
    nic_type = _nic_type(call)
    if call.parameters.get("Attribute", "snapshotPolicyIds") != "snapshotPolicyIds":
        raise not_valid("InvalidParameter.AttributeNotSupported", "Attribute")
    # Check the size first: a refused call does not count as a Describe for `lag`.
    size = call.number("MaxResults", 500, 10, 1000)
    rules = [
        (rule_id, rule)
        for rule_id, rule in group.shown_rules(counts=not call["NextToken"]).items()
        if direction in ("all", rule["Direction"])
        and (not group.is_classic or rule["NicType"] == nic_type)
    ]
    page, token = page_of(rules, call["NextToken"], size)
    state, behaviour = call.state, call.behaviour
    rules_shown = [shown(*each, state, behaviour) for each in page]
    return {
        "SecurityGroupId": group.group_id,
        "SecurityGroupName": group.name,
        "Description": group.description,
        "RegionId": group.region,
        "VpcId": group.vpc_id,
        "InnerAccessPolicy": group.inner_access,
        "SnapshotPolicyIds": {"SnapshotPolicyId": []},
        "Permissions": {"Permission": rules_shown},
        "NextToken": token,
    }


def _nic_type(call: Call) -> str:
    default = "internet"
    nic_type = call.parameters.get("NicType", default)
    if nic_type in NIC_TYPES:
        return nic_type
    if nic_type != NIL and call.behaviour.unknown_nic_type_is_refused:
        raise not_valid("InvalidNicType.ValueNotSupported", "NicType")
    return default


def caller_identity(call: Call) -> Answer:
    """
    The account of the access key.
    """
    call.know_only()
    return {
        "IdentityType": "Account",
        "AccountId": call.account,
        "PrincipalId": call.account,
        "UserId": call.account,
        "Arn": f"acs:ram::{call.account}:root",
    }


REGIONS = {
    "cn-qingdao": "China (Qingdao)",
    "cn-beijing": "China (Beijing)",
    "cn-zhangjiakou": "China (Zhangjiakou)",
    "cn-huhehaote": "China (Hohhot)",
    "cn-wulanchabu": "China (Ulanqab)",
    "cn-hangzhou": "China (Hangzhou)",
    "cn-shanghai": "China (Shanghai)",
    "cn-nanjing": "China (Nanjing - Local Region)",
    "cn-fuzhou": "China (Fuzhou - Local Region)",
    "cn-wuhan-lr": "China (Wuhan - Local Region)",
    "cn-shenzhen": "China (Shenzhen)",
    "cn-heyuan": "China (Heyuan)",
    "cn-guangzhou": "China (Guangzhou)",
    "cn-chengdu": "China (Chengdu)",
    "cn-hongkong": "China (Hong Kong)",
    "ap-northeast-1": "Japan (Tokyo)",
    "ap-northeast-2": "South Korea (Seoul)",
    "ap-southeast-1": "Singapore",
    "ap-southeast-3": "Malaysia (Kuala Lumpur)",
    "ap-southeast-5": "Indonesia (Jakarta)",
    "ap-southeast-6": "Philippines (Manila)",
    "ap-southeast-7": "Thailand (Bangkok)",
    "us-east-1": "US (Virginia)",
    "us-west-1": "US (Silicon Valley)",
    "eu-west-1": "UK (London)",
    "eu-central-1": "Germany (Frankfurt)",
    "me-east-1": "UAE (Dubai)",
    "me-central-1": "SAU (Riyadh)",
}
"""
English names. Different real accounts get different names.
"""


def regions(call: Call) -> Answer:
    """
    The regions, with English names for any language.
    """
    call.know_only("RegionId", "AcceptLanguage", "InstanceChargeType", "ResourceType")
    names = {**dict.fromkeys(_of_groups(call), ""), **REGIONS}
    return {
        "Regions": {
            "Region": [
                {
                    "RegionId": region,
                    "LocalName": name or region,
                    "RegionEndpoint": f"ecs.{region}.aliyuncs.com",
                    "Status": "available",
                }
                for region, name in names.items()
            ]
        }
    }


def _of_groups(call: Call) -> list[str]:
    return [group.region for group in call.state.groups.values()]
