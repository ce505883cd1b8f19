"""
The actions that only look: at rules, groups, lists, and at who is asking.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, TypeVar

from alicloud_ingress.testing.call import Call
from alicloud_ingress.testing.errors import FakeError, not_valid
from alicloud_ingress.testing.spelling import NIC_TYPES, Rule
from alicloud_ingress.testing.state import FakeGroup, FakeList, State
from alicloud_ingress.testing.wire import is_list
from alicloud_ingress.testing.writes import Answer

_Member = TypeVar("_Member")
_TOKEN = re.compile(r"AAAAA(\d{11})", re.ASCII)
_BLANK: Rule = dict.fromkeys(
    (
        "SourceGroupName",
        "SourcePrefixListName",
        "DestGroupId",
        "DestGroupName",
        "DestGroupOwnerAccount",
        "DestPrefixListId",
        "DestPrefixListName",
        "PortRangeListName",
    ),
    "",
)


def shown(rule_id: str, rule: Rule, call: Call) -> Rule:
    """
    A rule as Describe spells it.
    """
    behaviour = call.behaviour
    protocol, priority = rule["IpProtocol"], rule["Priority"]
    source = call.state.groups.get(str(rule["SourceGroupId"]))
    prefixes = call.state.prefix_lists.get(str(rule["SourcePrefixListId"]))
    ports = call.state.port_range_lists.get(str(rule["PortRangeListId"]))
    return {
        **_BLANK,
        **rule,
        "SecurityGroupRuleId": rule_id,
        "IpProtocol": (
            behaviour.icmpv6_is_shown_as if protocol == "ICMPV6" else protocol
        ),
        "PortRange": rule["PortRange"] or behaviour.port_range_of_a_list,
        "Priority": str(priority) if behaviour.priority_is_shown_as_text else priority,
        "SourceGroupName": source.name if source else "",
        "SourcePrefixListName": prefixes.name if prefixes else "",
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
    nic_type = call.parameters.get("NicType", "internet")
    if nic_type not in NIC_TYPES:
        raise not_valid("InvalidNicType.ValueNotSupported", "NicType")
    if call.parameters.get("Attribute", "snapshotPolicyIds") != "snapshotPolicyIds":
        raise not_valid("InvalidParameter.AttributeNotSupported", "Attribute")
    # bounds are looked at before a lagging rule comes nearer to being shown
    size = call.number("MaxResults", 500, 10, 1000)
    rules = [
        (rule_id, rule)
        for rule_id, rule in group.shown_rules(counts=not call["NextToken"]).items()
        if direction in ("all", rule["Direction"])
        and (not group.is_classic or rule["NicType"] == nic_type)
    ]
    page, token = _page(rules, call["NextToken"], size)
    return {
        "SecurityGroupId": group.group_id,
        "SecurityGroupName": group.name,
        "Description": group.description,
        "RegionId": group.region,
        "VpcId": group.vpc_id,
        "InnerAccessPolicy": group.inner_access,
        "SnapshotPolicyIds": {"SnapshotPolicyId": []},
        "Permissions": {"Permission": [shown(*each, call) for each in page]},
        "NextToken": token,
    }


def groups(call: Call) -> Answer:
    """
    The groups of a region, by filters and in pages; an unknown ID is no error.
    """
    call.know_only(
        "RegionId",
        *_GROUP_FILTERS,
        "Tag.Key",
        "Tag.Value",
        "DryRun",
        "FuzzyQuery",
        "IsQueryEcsCount",
        "MaxResults",
        "NextToken",
        "PageNumber",
        "PageSize",
    )
    region = call.region
    found = [
        group
        for group in call.state.groups.values()
        if (group.region, group.account) == (region, call.account)
        and all(
            name not in call.parameters or fits(group, call)
            for name, fits in _GROUP_FILTERS.items()
        )
        and _has_tags(group, call)
    ]
    if call["DryRun"].lower() == "true":
        raise FakeError(
            400,
            "DryRunOperation",
            "Request validation has been passed with DryRun flag set.",
        )
    answer: Answer = {"RegionId": region}
    if "NextToken" in call.parameters or "MaxResults" in call.parameters:
        size = call.number("MaxResults", 10, 1, 100)
        page, answer["NextToken"] = _page(found, call["NextToken"], size)
    else:
        number = call.number("PageNumber", 1, 1, 100_000)
        size = call.number("PageSize", 10, 1, 100)
        page = found[(number - 1) * size : number * size]
        answer |= {
            "PageNumber": number,
            "PageSize": size,
            "TotalCount": len(found),
            "NextToken": "",
        }
    return answer | {
        "SecurityGroups": {"SecurityGroup": [_summary(each, call) for each in page]}
    }


def references(call: Call) -> Answer:
    """
    Which groups have a rule with one of the given groups as source.
    """
    call.know_only("RegionId", "SecurityGroupId")
    region, wanted = call.region, call.members("SecurityGroupId")
    if not 1 <= len(wanted) <= 10:  # noqa: PLR2004
        raise not_valid("InvalidSecurityGroupId.Malformed", "SecurityGroupId")
    return {
        "SecurityGroupReferences": {
            "SecurityGroupReference": [
                {
                    "SecurityGroupId": group_id,
                    "ReferencingSecurityGroups": {"ReferencingSecurityGroup": naming},
                }
                for group_id in wanted
                if (naming := _naming(group_id, region, call.state))
            ]
        }
    }


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
    page, token = _page(found, call["NextToken"], _list_size(call))
    summaries = [_list_summary(each, "PrefixList", call) for each in page]
    return {"PrefixLists": {"PrefixList": summaries}, "NextToken": token}


def prefix_list(call: Call) -> Answer:
    """
    One prefix list with its entries.
    """
    call.know_only("RegionId", "PrefixListId")
    found = _one_list(call.state.prefix_lists, "PrefixList", call)
    entries = [
        {"Cidr": cidr, "Description": text} for cidr, text in found.entries.items()
    ]
    return {
        **_list_summary(found, "PrefixList", call),
        "Entries": {"Entry": entries},
    }


def port_range_lists(call: Call) -> Answer:
    """
    The port lists of a region: here the API has a plain list.
    """
    call.know_only(
        "RegionId", "PortRangeListId", "PortRangeListName", "MaxResults", "NextToken"
    )
    found = _lists_of(call.state.port_range_lists, "PortRangeList", call)
    page, token = _page(found, call["NextToken"], _list_size(call))
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


def caller_identity(call: Call) -> Answer:
    """
    Who is asking: the account of the key.
    """
    call.know_only()
    return {
        "IdentityType": "Account",
        "AccountId": call.account,
        "PrincipalId": call.account,
        "UserId": call.account,
        "Arn": f"acs:ram::{call.account}:root",
    }


def _wanted_ids(group: FakeGroup, call: Call) -> bool:
    try:
        read: Any = json.loads(call["SecurityGroupIds"])
    except ValueError:
        read = None
    ids = read if is_list(read) else []
    if not 1 <= len(ids) <= 100:  # noqa: PLR2004
        raise not_valid("InvalidSecurityGroupIds.Malformed", "SecurityGroupIds")
    return group.group_id in ids


_GROUP_FILTERS: dict[str, Callable[[FakeGroup, Call], bool]] = {
    "SecurityGroupId": lambda group, call: group.group_id == call["SecurityGroupId"],
    "SecurityGroupIds": _wanted_ids,
    "SecurityGroupName": lambda group, call: group.name == call["SecurityGroupName"],
    "SecurityGroupType": lambda group, call: group.kind == call["SecurityGroupType"],
    "VpcId": lambda group, call: group.vpc_id == call["VpcId"],
    "NetworkType": lambda group, call: (
        group.is_classic == (call["NetworkType"] == "classic")
    ),
    "ServiceManaged": lambda group, call: (
        group.service_managed == (call["ServiceManaged"].lower() == "true")
    ),
    "ResourceGroupId": lambda _, call: not call["ResourceGroupId"],
}


def _has_tags(group: FakeGroup, call: Call) -> bool:
    for name, key in call.parameters.items():
        match = re.fullmatch(r"Tag\.(\d{1,9})\.Key", name)
        if not match:
            continue
        value = call.parameters.get(f"Tag.{match[1]}.Value")
        if key not in group.tags or value not in (None, group.tags[key]):
            return False
    return True


def _summary(group: FakeGroup, call: Call) -> Answer:
    by_group = sum(bool(rule["SourceGroupId"]) for rule in group.rules.values())
    return {
        "SecurityGroupId": group.group_id,
        "SecurityGroupName": group.name,
        "SecurityGroupType": group.kind,
        "VpcId": group.vpc_id,
        "Description": group.description,
        "CreationTime": group.create_time,
        "ResourceGroupId": "",
        "RuleCount": len(group.rules),
        "GroupToGroupRuleCount": by_group,
        "EcsCount": 0,
        "AvailableInstanceAmount": 6000 if group.kind == "normal" else 65536,
        "ServiceManaged": group.service_managed,
        "ServiceID": int(call.account) if group.service_managed else 0,
        "Tags": {
            "Tag": [{"TagKey": k, "TagValue": v} for k, v in group.tags.items()],
        },
    }


def _naming(group_id: str, region: str, state: State) -> list[Answer]:
    return [
        {"AliUid": group.account, "SecurityGroupId": group.group_id}
        for group in state.groups.values()
        if group.region == region
        and any(rule["SourceGroupId"] == group_id for rule in group.rules.values())
    ]


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
    if call[f"{kind}Id"] and found:
        return found[0]
    names = {"PrefixList": "prefix list", "PortRangeList": "port range list"}
    raise FakeError(
        404, f"Invalid{kind}Id.NotFound", f"The specified {names[kind]} was not found."
    )


def _list_size(call: Call) -> int:
    return call.number("MaxResults", 10, 1, 100)


def _list_summary(each: FakeList, kind: str, call: Call) -> Answer:
    name = f"{'Source' if kind == 'PrefixList' else ''}{kind}Id"
    used = sum(
        any(rule[name] == each.list_id for rule in group.rules.values())
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
        "Tags": {"Tag": []},
    }


def _page(
    found: Sequence[_Member], token: str, size: int
) -> tuple[Iterable[_Member], str]:
    """
    One page, and the token of the next: "" after the last.
    """
    start = 0
    if token:
        match = _TOKEN.fullmatch(token)
        if match is None:
            raise not_valid("InvalidParamter", "NextToken")
        start = int(match[1])
    end = start + size
    return found[start:end], f"AAAAA{end:011d}" if end < len(found) else ""
