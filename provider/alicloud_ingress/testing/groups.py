"""
The actions on groups: list, create, change and delete, and references between them.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

from alicloud_ingress.testing.call import Call, numbered_page_of, page_of
from alicloud_ingress.testing.entries import COMMON
from alicloud_ingress.testing.errors import FakeError, error_of, not_valid
from alicloud_ingress.testing.gateway import from_json, is_list
from alicloud_ingress.testing.interfaces import members_of
from alicloud_ingress.testing.state import FakeGroup, State
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
        page, counts = numbered_page_of(found, call, 100_000)
        answer |= counts
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


MAX_GROUPS = 100
"""
The maximum number of groups of an account in a region.
"""
MAX_TAGS = 20
_VPC_ID = re.compile(r"vpc-[\w*-]+", re.ASCII)
_URL = ("http://", "https://")


def create(call: Call) -> Answer:
    """
    Create a group without rules.
    """
    call.know_only(
        *COMMON - {"SecurityGroupId"},
        "SecurityGroupName",
        "Description",
        "VpcId",
        "SecurityGroupType",
        "ServiceManaged",
        "ResourceGroupId",
        "Tag.Key",
        "Tag.Value",
    )
    region, name, description = call.region, _name(call), call["Description"]
    if description and not _is_description(description):
        raise not_valid("InvalidDescription.Malformed", '"Description"')
    _require_vpc(call["VpcId"])
    kind = call["SecurityGroupType"] or "normal"
    if kind not in ("normal", "enterprise"):
        raise error_of("InvalidParams.GroupType")
    tags = _tags(call)
    taken = sum(
        (group.region, group.account) == (region, call.account)
        for group in call.state.groups.values()
    )
    if taken >= MAX_GROUPS:
        raise error_of("QuotaExceed.SecurityGroup")
    group_id = call.state.new_group_id()
    call.state.groups[group_id] = FakeGroup(
        group_id,
        region,
        call.account,
        call["VpcId"],
        kind="enterprise" if kind == "enterprise" else "normal",
        service_managed=call["ServiceManaged"].lower() == "true",
        name=name,
        description=description,
        create_time=call.now,
        inner_access="Drop" if kind == "enterprise" else "Accept",
        tags=tags,
        resource_group_id=call["ResourceGroupId"],
    )
    return {"SecurityGroupId": group_id}


def delete(call: Call) -> Answer:
    """
    Delete a group and its rules, unless a rule of another group names it or a network
    interface is in it.
    """
    call.know_only("RegionId", "SecurityGroupId")
    try:
        group = call.group_to_change()
    except FakeError as error:
        if error.code != "InvalidSecurityGroupId.NotFound":
            raise
        raise error_of("InvalidSecurityGroup.NotFound") from None
    if any(each is not group for each in naming(group.group_id, call.state)):
        raise FakeError(
            403,
            "DependencyViolation",
            "The specified security group has been authorized in another one.",
        )
    if any(members_of(group.group_id, call.state)):
        raise FakeError(
            403,
            "DependencyViolation",
            "There is still instance(s) in the specified security group.",
        )
    del call.state.groups[group.group_id]
    return {}


def modify(call: Call) -> Answer:
    """
    Change the name or the description of a group; an empty value changes nothing.
    """
    call.know_only("RegionId", "SecurityGroupId", "SecurityGroupName", "Description")
    group, name = call.group_to_change(), _name(call)
    description = call["Description"]
    if description and not _is_description(description):
        raise FakeError(
            400,
            "InvalidSecurityGroupDiscription.Malformed",
            "Specified security group description is not valid.",
        )
    group.name = name or group.name
    group.description = description or group.description
    return {}


def modify_policy(call: Call) -> Answer:
    """
    Allow or deny traffic between the members of a basic group.
    """
    call.know_only(*COMMON, "InnerAccessPolicy")
    group = call.group_to_change()
    policy = call["InnerAccessPolicy"].capitalize()
    if policy not in ("Accept", "Drop") or group.kind == "enterprise":
        raise error_of("InvalidParameter.InnerAccessPolicy")
    group.inner_access = policy
    return {}


def _name(call: Call) -> str:
    name = call["SecurityGroupName"]
    good = name[:1].isalpha() and all(
        each.isalpha() or each.isdigit() or each in ":_.-" for each in name
    )
    if name and not (good and 2 <= len(name) <= 128):  # noqa: PLR2004
        raise not_valid("InvalidSecurityGroupName.Malformed", "SecurityGroupName")
    return name


def _is_description(text: str) -> bool:
    return 2 <= len(text) <= 256 and not text.startswith(_URL)  # noqa: PLR2004


def _require_vpc(vpc_id: str) -> None:
    """
    Refuse a group without a VPC: the classic network is retired. Any VPC ID exists.
    """
    if not vpc_id:
        raise FakeError(
            403,
            "InvalidVpcId.NotFound",
            "The VpcId must not empty when only support vpc vm.",
        )
    if not _VPC_ID.fullmatch(vpc_id):
        raise FakeError(404, "InvalidVpcId.NotFound", "Specified VPC does not exist.")


def _tags(call: Call) -> dict[str, str]:
    keys = {
        name.split(".")[1]: value
        for name, value in call.parameters.items()
        if re.fullmatch(r"Tag\.\d{1,9}\.Key", name)
    }
    if len(keys) > MAX_TAGS:
        raise error_of("QuotaExceed.Tags")
    if len({*keys.values()}) < len(keys):
        raise error_of("Duplicate.TagKey")
    tags = {key: call[f"Tag.{number}.Value"] for number, key in keys.items()}
    for key, value in tags.items():
        if not _is_tag(key) or key.startswith(("aliyun", "acs:")) or not key:
            raise error_of("InvalidTagKey.Malformed")
        if not _is_tag(value):
            raise error_of("InvalidTagValue.Malformed")
    return tags


def _is_tag(text: str) -> bool:
    return len(text) <= 128 and not any(each in text for each in _URL)  # noqa: PLR2004
