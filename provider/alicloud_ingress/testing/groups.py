"""
The actions that list groups, and the references between groups.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from alicloud_ingress.testing.call import Call
from alicloud_ingress.testing.errors import error_of, not_valid
from alicloud_ingress.testing.interfaces import members_of
from alicloud_ingress.testing.paging import page_of
from alicloud_ingress.testing.state import FakeGroup, State
from alicloud_ingress.testing.wire import from_json, is_list
from alicloud_ingress.testing.writes import Answer, names_a_group


def groups(call: Call) -> Answer:
    """
    The groups of a region, by filters and in pages. An unknown ID is ignored.
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
        and call.has_tags(group.tags)
    ]
    if call["DryRun"].lower() == "true":
        raise error_of("DryRunOperation")
    answer: Answer = {"RegionId": region}
    if "NextToken" in call.parameters or "MaxResults" in call.parameters:
        size = call.number("MaxResults", 10, 1, 100)
        page, answer["NextToken"] = page_of(found, call["NextToken"], size)
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
    The groups with a rule that has one of the given groups as source.
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
                    "ReferencingSecurityGroups": {"ReferencingSecurityGroup": found},
                }
                for group_id in wanted
                if (found := _naming(group_id, region, call.state))
            ]
        }
    }


def _wanted_ids(group: FakeGroup, call: Call) -> bool:
    try:
        read = from_json(call["SecurityGroupIds"])
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
    "ResourceGroupId": lambda group, call: (
        call["ResourceGroupId"] in ("", group.resource_group_id)
    ),
}


def _summary(group: FakeGroup, call: Call) -> Answer:
    by_group = sum(map(names_a_group, group.rules.values()))
    members = list(members_of(group.group_id, call.state))
    return {
        "SecurityGroupId": group.group_id,
        "SecurityGroupName": group.name,
        "SecurityGroupType": group.kind,
        "VpcId": group.vpc_id,
        "Description": group.description,
        "CreationTime": group.create_time,
        "ResourceGroupId": group.resource_group_id,
        "RuleCount": len(group.rules),
        "GroupToGroupRuleCount": by_group,
        "EcsCount": len({each.instance_id for each in members} - {""}),
        "AvailableInstanceAmount": (6000 if group.kind == "normal" else 65536)
        - sum(len(each.private_ips) for each in members),
        "ServiceManaged": group.service_managed,
        "ServiceID": int(call.account) if group.service_managed else 0,
        "Tags": {
            "Tag": [{"TagKey": k, "TagValue": v} for k, v in group.tags.items()],
        },
    }


def _naming(group_id: str, region: str, state: State) -> list[Answer]:
    return [
        {"AliUid": group.account, "SecurityGroupId": group.group_id}
        for group in naming(group_id, state)
        if group.region == region
    ]


def naming(group_id: str, state: State) -> Iterator[FakeGroup]:
    """
    The groups with a rule, inbound or outbound, that names a group.
    """
    for group in state.groups.values():
        if any(
            group_id in (rule["SourceGroupId"], rule.get("DestGroupId"))
            for rule in group.rules.values()
        ):
            yield group
