"""
The action that lists network interfaces.

Parameters and fields are from the models of the SDK, whose comments document valid
values. Error codes are those common to the pages of all interface actions:
`MissingParameter`, `UnsupportedParameter`, `InvalidParameter`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import get_args

from alicloud_ingress.testing.call import Call, numbered_page_of, page_of
from alicloud_ingress.testing.errors import not_valid
from alicloud_ingress.testing.state import FakeInterface, InterfaceStatus, State
from alicloud_ingress.testing.writes import Answer

_CODE = "InvalidParameter"
"""
The code for each parameter that is not valid.
"""
MAX_NUMBER = 999_999_999
KINDS = ("Primary", "Secondary")
MAX_LIST = 100
"""
The maximum number of members of a list in a request.
"""
PAGE_SIZES = (10, 500)
"""
The minimum and maximum size of a page by token; other sizes become the nearer one.
"""


def interfaces(call: Call) -> Answer:
    """
    The network interfaces of a region, by filters and in pages.

    An unknown ID is ignored. In pages by token, TotalCount has no meaning. Pages by
    number hold 10 without PageSize (older documentation says 10, newer 50).
    """
    call.know_only(
        "RegionId",
        *_FILTERS,
        "Tag.Key",
        "Tag.Value",
        "MaxResults",
        "NextToken",
        "PageNumber",
        "PageSize",
    )
    region = call.region
    _check_filters(call)
    wanted = [fits for name, fits in _FILTERS.items() if call.members(name) != []]
    found = [
        each
        for each in call.state.interfaces.values()
        if (each.region, each.account) == (region, call.account)
        and all(fits(each, call) for fits in wanted)
        and call.has_tags(each.tags)
    ]
    page, paging = _paged(found, call)
    return {
        **paging,
        "NetworkInterfaceSets": {
            "NetworkInterfaceSet": [_shown(each) for each in page]
        },
    }


def members_of(group_id: str, state: State) -> Iterator[FakeInterface]:
    """
    The interfaces that are in a group.
    """
    for each in state.interfaces.values():
        if group_id in each.group_ids:
            yield each


def _paged(
    found: Sequence[FakeInterface], call: Call
) -> tuple[Sequence[FakeInterface], Answer]:
    if "MaxResults" in call.parameters or "NextToken" in call.parameters:
        least, most = PAGE_SIZES
        asked = call.number("MaxResults", least, 0, MAX_NUMBER, _CODE)
        size = min(max(asked, least), most)
        page, token = page_of(found, call["NextToken"], size, _CODE)
        counts = {"PageNumber": 1, "PageSize": size, "TotalCount": 0}
        return page, {**counts, "NextToken": token}
    return numbered_page_of(found, call, MAX_NUMBER, _CODE)


def _check_filters(call: Call) -> None:
    """
    Refuse a list that is too long, and a value that is not allowed.
    """
    for name in _LISTS:
        if len(call.members(name)) > MAX_LIST:
            raise not_valid(_CODE, name)
    for name, words in (("Type", KINDS), ("Status", get_args(InterfaceStatus))):
        if call[name] not in ("", *words):
            raise not_valid(_CODE, name)
    if call["ServiceManaged"].lower() not in ("", "true", "false"):
        raise not_valid(_CODE, "ServiceManaged")


def _in_group(each: FakeInterface, call: Call) -> bool:
    """
    Whether an interface fits the filter by group. Its page says that it finds secondary
    interfaces, and refers to DescribeInstances for primary ones.
    """
    misses = call.behaviour.group_filter_misses_primary_interfaces
    return call["SecurityGroupId"] in each.group_ids and not (
        misses and each.kind == "Primary"
    )


_LISTS = ("NetworkInterfaceId", "PrivateIpAddress", "Ipv6Address")
_FILTERS: dict[str, Callable[[FakeInterface, Call], bool]] = {
    "NetworkInterfaceId": lambda each, call: (
        each.interface_id in call.members("NetworkInterfaceId")
    ),
    "PrivateIpAddress": lambda each, call: (
        not {*each.private_ips}.isdisjoint(call.members("PrivateIpAddress"))
    ),
    "Ipv6Address": lambda each, call: (
        not {*each.ipv6_ips}.isdisjoint(call.members("Ipv6Address"))
    ),
    "PrimaryIpAddress": lambda each, call: (
        each.private_ips[:1] == [call["PrimaryIpAddress"]]
    ),
    "SecurityGroupId": _in_group,
    "VpcId": lambda each, call: each.vpc_id == call["VpcId"],
    "VSwitchId": lambda each, call: each.vswitch_id == call["VSwitchId"],
    "InstanceId": lambda each, call: each.instance_id == call["InstanceId"],
    "NetworkInterfaceName": lambda each, call: (
        each.name == call["NetworkInterfaceName"]
    ),
    "Type": lambda each, call: call["Type"] in ("", each.kind),
    "Status": lambda each, call: call["Status"] in ("", each.status),
    "ServiceManaged": lambda each, call: (
        each.service_managed == (call["ServiceManaged"].lower() == "true")
    ),
    "ResourceGroupId": lambda each, call: (
        call["ResourceGroupId"] in ("", each.resource_group_id)
    ),
}


def _shown(each: FakeInterface) -> Answer:
    """
    An interface in the form of the API, where each list is within an object.
    """
    public = {"PublicIpAddress": each.public_ip} if each.public_ip else {}
    primary = each.private_ips[0] if each.private_ips else ""
    return {
        "NetworkInterfaceId": each.interface_id,
        "NetworkInterfaceName": each.name,
        "Type": each.kind,
        "Status": each.status,
        "VpcId": each.vpc_id,
        "VSwitchId": each.vswitch_id,
        "ZoneId": f"{each.region}-a",
        "InstanceId": each.instance_id,
        "Attachment": {"InstanceId": each.instance_id} if each.instance_id else {},
        "MacAddress": _mac_address(each.interface_id),
        "PrivateIpAddress": primary,
        "PrivateIpSets": {
            "PrivateIpSet": [
                {
                    "PrivateIpAddress": address,
                    "Primary": address == primary,
                    **({"AssociatedPublicIp": public} if address == primary else {}),
                }
                for address in each.private_ips
            ]
        },
        "Ipv6Sets": {
            "Ipv6Set": [{"Ipv6Address": address} for address in each.ipv6_ips]
        },
        "Ipv4PrefixSets": {"Ipv4PrefixSet": []},
        "Ipv6PrefixSets": {"Ipv6PrefixSet": []},
        "AssociatedPublicIp": public,
        "SecurityGroupIds": {"SecurityGroupId": list(each.group_ids)},
        "OwnerId": each.account,
        "CreationTime": each.create_time,
        "Description": each.description,
        "DeleteOnRelease": each.kind == "Primary",
        "ResourceGroupId": each.resource_group_id,
        "ServiceManaged": each.service_managed,
        "ServiceID": int(each.account) if each.service_managed else 0,
        "QueueNumber": 1,
        "Tags": {"Tag": [{"TagKey": k, "TagValue": v} for k, v in each.tags.items()]},
    }


def _mac_address(interface_id: str) -> str:
    digits = f"{int.from_bytes(interface_id.encode()[-5:], 'big'):010x}"
    pairs = [digits[n : n + 2] for n in range(0, 10, 2)]
    return ":".join(["00", *pairs])
