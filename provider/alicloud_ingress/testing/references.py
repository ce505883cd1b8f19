"""
Checks of a rule against its group, and against the groups and lists that it names.
"""

from __future__ import annotations

from alicloud_ingress.testing.call import Call
from alicloud_ingress.testing.direction import rules_of
from alicloud_ingress.testing.entries import Entry
from alicloud_ingress.testing.errors import FakeError, error_of
from alicloud_ingress.testing.spelling import (
    AUTHORIZE,
    NUMBERED_REGIONS,
    NUMBERS,
    Rule,
    spelled,
)
from alicloud_ingress.testing.state import FakeGroup

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
        for _, there in rules_of(group, call.direction)
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
    protocol = NUMBERS.get(str(rule["IpProtocol"]), rule["IpProtocol"])
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
