"""
The actions that read the rules of a group, the regions, the account of the caller, and
prefix lists and port lists.
"""

from __future__ import annotations

from collections.abc import Mapping

from alicloud_ingress.testing.behaviour import Behaviour
from alicloud_ingress.testing.call import Call, page_of
from alicloud_ingress.testing.errors import FakeError, missing, not_valid
from alicloud_ingress.testing.spelling import NIC_TYPES, Rule
from alicloud_ingress.testing.state import FakeList, State
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
    of_groups = {each.region: each.region for each in call.state.groups.values()}
    return {
        "Regions": {
            "Region": [
                {
                    "RegionId": region,
                    "LocalName": name,
                    "RegionEndpoint": f"ecs.{region}.aliyuncs.com",
                    "Status": "available",
                }
                for region, name in {**of_groups, **REGIONS}.items()
            ]
        }
    }


_OF_A_LISTING = ("AssociationCount", "ResourceGroupId", "Tags")
"""
Fields of a list that only the action for many lists shows.
"""


def prefix_lists(call: Call) -> Answer:
    """
    The prefix lists of a region.
    """
    call.know_only(
        "RegionId",
        "AddressFamily",
        "PrefixListId",
        "PrefixListName",
        "MaxResults",
        "NextToken",
    )
    found = [
        each
        for each in _lists_of(call.state.prefix_lists, "PrefixList", call)
        if call["AddressFamily"] in ("", each.family)
    ]
    page, token = page_of(found, call["NextToken"], _list_size(call))
    summaries = [_list_summary(each, "PrefixList", call) for each in page]
    return {"PrefixLists": {"PrefixList": summaries}, "NextToken": token}


def prefix_list(call: Call) -> Answer:
    """
    One prefix list with its entries.
    """
    call.know_only("RegionId", "PrefixListId")
    found = _one_list(call.state.prefix_lists, "PrefixList", call)
    summary = _list_summary(found, "PrefixList", call)
    entries = [
        {"Cidr": cidr, "Description": text} for cidr, text in found.entries.items()
    ]
    return {
        **{name: value for name, value in summary.items() if name not in _OF_A_LISTING},
        "Entries": {"Entry": entries},
    }


def port_range_lists(call: Call) -> Answer:
    """
    The port lists of a region. The API returns them as a plain list.
    """
    call.know_only(
        "RegionId", "PortRangeListId", "PortRangeListName", "MaxResults", "NextToken"
    )
    found = _lists_of(call.state.port_range_lists, "PortRangeList", call)
    page, token = page_of(found, call["NextToken"], _list_size(call))
    summaries = [_list_summary(each, "PortRangeList", call) for each in page]
    return {"PortRangeLists": summaries, "NextToken": token}


def port_range_list_entries(call: Call) -> Answer:
    """
    The port ranges of one list.
    """
    call.know_only("RegionId", "PortRangeListId")
    found = _one_list(call.state.port_range_lists, "PortRangeList", call)
    return {
        "Entries": [
            {"PortRange": ports, "Description": text}
            for ports, text in found.entries.items()
        ]
    }


def _lists_of(lists: Mapping[str, FakeList], kind: str, call: Call) -> list[FakeList]:
    region, wanted = call.region, call.members(f"{kind}Id")
    return [
        each
        for each in lists.values()
        if (each.region, each.account) == (region, call.account)
        and (not wanted or each.list_id in wanted)
        and call[f"{kind}Name"] in ("", each.name)
    ]


def _one_list(lists: Mapping[str, FakeList], kind: str, call: Call) -> FakeList:
    found = _lists_of(lists, kind, call)
    if not call[f"{kind}Id"]:
        raise missing(f"{kind}Id")
    if found:
        return found[0]
    names = {"PrefixList": "prefix list", "PortRangeList": "port range list"}
    raise FakeError(
        404, f"Invalid{kind}Id.NotFound", f"The specified {names[kind]} was not found."
    )


def _list_size(call: Call) -> int:
    return call.number("MaxResults", 10, 1, 100)


def _list_summary(each: FakeList, kind: str, call: Call) -> Answer:
    names = [f"{end}{kind}Id" for end in ("Source", "Dest", "")]
    used = sum(
        any(
            rule.get(name) == each.list_id
            for rule in group.rules.values()
            for name in names
        )
        for group in call.state.groups.values()
    )
    family: Answer = {"AddressFamily": each.family} if each.family else {}
    return {
        f"{kind}Id": each.list_id,
        f"{kind}Name": each.name,
        **family,
        "MaxEntries": each.most_entries,
        "AssociationCount": used,
        "CreationTime": each.create_time,
        "Description": each.description,
        "ResourceGroupId": "",
        "Tags": {"Tag": []} if kind == "PrefixList" else [],
    }
