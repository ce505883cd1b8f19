"""
Answers of DescribeNetworkInterfaces: an incomplete one is an error.
"""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest

from alicloud_ingress.ecs import responses
from alicloud_ingress.ecs.responses import NetworkInterface
from alicloud_ingress.errors import NoAnswerError

ACTION = "DescribeNetworkInterfaces"
WHOLE: dict[str, Any] = {
    "NetworkInterfaceId": "eni-1",
    "VpcId": "vpc-1",
    "CreationTime": "2026-01-02T03:04:05Z",
    "PrivateIpAddress": "10.0.0.1",
    "PrivateIpSets": {
        "PrivateIpSet": [
            {"PrivateIpAddress": "10.0.0.1", "Primary": True},
            {"PrivateIpAddress": "10.0.0.2", "Primary": False},
        ]
    },
    "Ipv6Sets": {"Ipv6Set": [{"Ipv6Address": "2001:db8::1"}]},
    "Ipv4PrefixSets": {"Ipv4PrefixSet": [{"Ipv4Prefix": "10.0.1.0/28"}]},
    "Ipv6PrefixSets": {},
    "SecurityGroupIds": {"SecurityGroupId": ["sg-1", "sg-2"]},
}


def read(*entries: object, **more: Any) -> list[NetworkInterface]:
    """The interfaces of a page that holds these entries."""
    page = {"NetworkInterfaceSets": {"NetworkInterfaceSet": list(entries)}, **more}
    return responses.network_interfaces(ACTION, page, "vpc-1")


def test_addresses_and_groups_are_read_wherever_they_stand() -> None:
    """Primary and secondary, both families, and prefixes."""
    (found,) = read(WHOLE)
    assert found == NetworkInterface(
        interface_id="eni-1",
        vpc_id="vpc-1",
        group_ids=("sg-1", "sg-2"),
        addresses=("10.0.0.1", "10.0.0.2", "2001:db8::1", "10.0.1.0/28"),
        created=dt.datetime(2026, 1, 2, 3, 4, 5, tzinfo=dt.timezone.utc),
    )


@pytest.mark.parametrize("text", ["", "2026-01-02", "yesterday"])
def test_a_creation_time_that_cannot_be_read_is_not_known(text: str) -> None:
    (found,) = read({**WHOLE, "CreationTime": text})
    assert found.created is None


@pytest.mark.parametrize("absent", ["PrivateIpSets", "Ipv6Sets", "Ipv4PrefixSets"])
def test_a_set_that_is_left_out_is_empty(absent: str) -> None:
    entries: list[dict[str, Any]] = [
        {**WHOLE, absent: {}},
        {k: v for k, v in WHOLE.items() if k != absent},
    ]
    for entry in entries:
        (found,) = read(entry)
        assert found.addresses


@pytest.mark.parametrize(
    "broken",
    [
        {"NetworkInterfaceId": ""},
        {"NetworkInterfaceId": None},
        {"VpcId": "vpc-2"},
        {"VpcId": ""},
        {"SecurityGroupIds": None},
        {"SecurityGroupIds": []},
        {"SecurityGroupIds": {}},
        {"SecurityGroupIds": {"SecurityGroupId": "sg-1"}},
        {"SecurityGroupIds": {"SecurityGroupId": [None]}},
        {"SecurityGroupIds": {"SecurityGroupId": [""]}},
        {"PrivateIpSets": [{"PrivateIpAddress": "10.0.0.2"}]},
        {"PrivateIpSets": {"PrivateIpSet": "10.0.0.2"}},
        {"PrivateIpSets": {"PrivateIpSet": [{"PrivateIpAddress": ""}]}},
        {"Ipv6Sets": {"Ipv6Set": [{"Ipv6Address": "10.0.0"}]}},
        {"Ipv6Sets": {"Ipv6Set": ["2001:db8::1"]}},
        {"PrivateIpAddress": "here"},
    ],
    ids=str,
)
def test_an_entry_that_is_not_whole_is_no_answer(broken: dict[str, Any]) -> None:
    """Never an interface without groups or addresses."""
    with pytest.raises(NoAnswerError):
        read({**WHOLE, **broken})


@pytest.mark.parametrize(
    "page",
    [
        {},
        {"NetworkInterfaceSets": None},
        {"NetworkInterfaceSets": []},
        {"NetworkInterfaceSets": {}},
        {"NetworkInterfaceSets": {"NetworkInterfaceSet": {}}},
        {"NetworkInterfaceSets": {"NetworkInterfaceSet": [None]}},
    ],
    ids=str,
)
def test_a_page_that_is_not_whole_is_no_answer(page: dict[str, Any]) -> None:
    """Never "no interfaces"."""
    with pytest.raises(NoAnswerError):
        responses.network_interfaces(ACTION, page, "vpc-1")
