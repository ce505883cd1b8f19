"""
The actions that read prefix lists and port lists.
"""

from __future__ import annotations

from collections.abc import Mapping

from alicloud_ingress.testing.call import Call, page_of
from alicloud_ingress.testing.errors import FakeError, missing
from alicloud_ingress.testing.state import FakeList
from alicloud_ingress.testing.writes import Answer

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
