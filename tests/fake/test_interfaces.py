"""
Network interfaces of the fake, and the lists that rules name.
"""

from __future__ import annotations

import json
from datetime import datetime, timezone
from typing import Any

import pytest
import requests
from alibabacloud_ecs20140526 import models
from alibabacloud_ecs20140526.client import Client
from alibabacloud_tea_openapi.models import Config

from alicloud_ingress.testing import Behaviour, FakeEcs
from fake.front import REGION, Front

DESCRIBE = "DescribeNetworkInterfaces"
PREFIXES = "DescribePrefixListAttributes"
PORTS = "DescribePortRangeListEntries"


def found(front: Front, **filters: str) -> list[str]:
    """The IDs of the interfaces that fit, of the first page."""
    answer = front.call(DESCRIBE, **filters).json()
    return [each["NetworkInterfaceId"] for each in sets(answer)]


def sets(answer: dict[str, Any]) -> list[dict[str, Any]]:
    """The interfaces of an answer."""
    return list(answer["NetworkInterfaceSets"]["NetworkInterfaceSet"])


def test_an_interface_shows_its_groups_and_addresses(front: Front) -> None:
    front.fake.now = lambda: datetime(2031, 5, 6, 12, tzinfo=timezone.utc)
    web, base = front.fake.new_group(), front.fake.new_group()
    made = front.fake.new_interface(
        web,
        base,
        private_ips=["10.1.0.4", "10.1.0.5"],
        ipv6_ips=["2001:0DB8::0001"],
        public_ip="203.0.113.9",
        name="first",
        tags={"team": "shop"},
    )

    (shown,) = sets(front.call(DESCRIBE, VpcId="vpc-1").json())

    assert shown["NetworkInterfaceId"] == made
    assert shown["SecurityGroupIds"] == {"SecurityGroupId": [web, base]}
    assert shown["PrivateIpAddress"] == "10.1.0.4"
    assert shown["PrivateIpSets"]["PrivateIpSet"] == [
        {
            "PrivateIpAddress": "10.1.0.4",
            "Primary": True,
            "AssociatedPublicIp": {"PublicIpAddress": "203.0.113.9"},
        },
        {"PrivateIpAddress": "10.1.0.5", "Primary": False},
    ]
    assert shown["Ipv6Sets"] == {"Ipv6Set": [{"Ipv6Address": "2001:db8::1"}]}
    assert (shown["VpcId"], shown["VSwitchId"]) == ("vpc-1", "vsw-1")
    assert (shown["Type"], shown["Status"]) == ("Primary", "InUse")
    assert shown["CreationTime"] == "2031-05-06T12:00:00Z"
    assert shown["InstanceId"].startswith("i-")
    assert shown["Tags"] == {"Tag": [{"TagKey": "team", "TagValue": "shop"}]}


def test_interfaces_are_found_by_what_they_are(front: Front) -> None:
    """Each filter alone; an unknown ID is ignored."""
    fake = front.fake
    group, other = fake.new_group(), fake.new_group(vpc_id="vpc-2")
    one = fake.new_interface(group, private_ips=["10.0.0.1", "10.0.0.2"], name="a")
    two = fake.new_interface(
        other,
        kind="Secondary",
        status="Available",
        vswitch_id="vsw-b",
        ipv6_ips=["2001:db8::2"],
        tags={"team": "b"},
    )
    elsewhere = fake.new_group(region="cn-beijing")
    fake.new_interface(elsewhere)
    fake.new_interface(fake.new_group(account="1000000000000002"))
    fake.interfaces[two].service_managed = True
    fake.interfaces[two].resource_group_id = "rg-1"

    assert found(front) == [one, two]
    assert found(front, VpcId="vpc-2") == [two]
    assert found(front, VSwitchId="vsw-b") == [two]
    assert found(front, **{"NetworkInterfaceId.1": one}) == [one]
    assert found(front, **{"NetworkInterfaceId.1": "eni-none"}) == []
    assert found(front, InstanceId=fake.interfaces[one].instance_id) == [one]
    assert found(front, NetworkInterfaceName="a") == [one]
    assert found(front, PrimaryIpAddress="10.0.0.1") == [one]
    assert found(front, PrimaryIpAddress="10.0.0.2") == []
    assert found(front, **{"PrivateIpAddress.1": "10.0.0.2"}) == [one]
    assert found(front, **{"Ipv6Address.1": "2001:db8::2"}) == [two]
    assert found(front, Type="Secondary") == [two]
    assert found(front, Status="Available") == [two]
    assert found(front, ServiceManaged="true") == [two]
    assert found(front, ResourceGroupId="rg-1") == [two]
    assert found(front, **{"Tag.1.Key": "team", "Tag.1.Value": "b"}) == [two]
    assert found(front, **{"Tag.1.Key": "team", "Tag.1.Value": "c"}) == []
    assert found(front, VpcId="vpc-2", Type="Primary") == []


def test_the_filter_by_group_misses_primary_interfaces(front: Front) -> None:
    """So a reader lists by VPC, and sorts by the groups that each one names."""
    group, other = front.fake.new_group(), front.fake.new_group()
    primary = front.fake.new_interface(group)
    secondary = front.fake.new_interface(other, group, kind="Secondary")

    by_page = found(front, SecurityGroupId=group)
    front.fake.behaviour = Behaviour(group_filter_misses_primary_interfaces=False)

    assert by_page == [secondary]
    assert found(front, SecurityGroupId=group) == [primary, secondary]


def test_interfaces_come_in_pages_by_token(front: Front) -> None:
    """Each once, in order; the last page has no token, and none has a count."""
    group = front.fake.new_group()
    made = [front.fake.new_interface(group) for _ in range(25)]
    seen: list[str] = []
    sizes: list[int] = []
    more = {"MaxResults": "12"}
    while True:
        page = front.call(DESCRIBE, **more).json()
        sizes.append(len(sets(page)))
        seen += [each["NetworkInterfaceId"] for each in sets(page)]
        assert page["TotalCount"] == 0
        if not page["NextToken"]:
            break
        more = {"MaxResults": "12", "NextToken": page["NextToken"]}

    assert sizes == [12, 12, 1]
    assert seen == made


@pytest.mark.parametrize(
    ("parameters", "size"),
    [
        ({}, 10),
        ({"MaxResults": "1"}, 10),
        ({"MaxResults": "11"}, 11),
        ({"MaxResults": "9999"}, 500),
        ({"NextToken": "AAAAA00000000001"}, 10),
        ({"PageSize": "100"}, 100),
        ({"PageNumber": "51"}, 2),
    ],
)
def test_a_page_holds_what_its_size_says(
    front: Front, parameters: dict[str, str], size: int
) -> None:
    """A MaxResults out of bounds is taken for the nearer bound."""
    group = front.fake.new_group()
    for _ in range(502):
        front.fake.new_interface(group)

    assert len(found(front, **parameters)) == size


def test_pages_by_number_are_counted(front: Front) -> None:
    group = front.fake.new_group()
    made = [front.fake.new_interface(group) for _ in range(12)]

    page = front.call(DESCRIBE, PageNumber="2", PageSize="5").json()

    assert [each["NetworkInterfaceId"] for each in sets(page)] == made[5:10]
    assert (page["TotalCount"], page["PageNumber"], page["PageSize"]) == (12, 2, 5)


@pytest.mark.parametrize(
    ("parameters", "refusal"),
    [
        ({"RegionId": ""}, (400, "MissingRegionId")),
        ({"RegionId": "Nowhere"}, (404, "InvalidRegionId.NotFound")),
        ({"MaxResults": "many"}, (400, "InvalidParameter")),
        ({"NextToken": "x"}, (400, "InvalidParameter")),
        ({"PageNumber": "0"}, (400, "InvalidParameter")),
        ({"PageSize": "101"}, (400, "InvalidParameter")),
        ({"Type": "primary"}, (400, "InvalidParameter")),
        ({"Status": "Free"}, (400, "InvalidParameter")),
        ({"ServiceManaged": "maybe"}, (400, "InvalidParameter")),
        (
            {f"NetworkInterfaceId.{n}": f"eni-{n}" for n in range(1, 102)},
            (400, "InvalidParameter"),
        ),
        ({"SecurityGroupIds.1": "sg-1"}, (400, "InvalidParameter")),
    ],
)
def test_refusals_of_describe_interfaces(
    front: Front, parameters: dict[str, str], refusal: tuple[int, str]
) -> None:
    assert front.code(DESCRIBE, **parameters) == refusal


@pytest.mark.parametrize(
    ("action", "parameters", "refusal"),
    [
        (PREFIXES, {}, (400, "MissingPrefixListId")),
        (PREFIXES, {"PrefixListId": "pl-0"}, (404, "InvalidPrefixListId.NotFound")),
        (PREFIXES, {"MaxResults": "10"}, (400, "InvalidParameter")),
        (PORTS, {}, (400, "MissingPortRangeListId")),
        (PORTS, {"PortRangeListId": "prl-0"}, (404, "InvalidPortRangeListId.NotFound")),
        (PORTS, {"RegionId": ""}, (400, "MissingRegionId")),
    ],
)
def test_refusals_of_the_calls_for_one_list(
    front: Front, action: str, parameters: dict[str, str], refusal: tuple[int, str]
) -> None:
    assert front.code(action, **parameters) == refusal


@pytest.mark.parametrize(
    ("action", "model"),
    [
        (DESCRIBE, models.DescribeNetworkInterfacesResponseBody),
        (PREFIXES, models.DescribePrefixListAttributesResponseBody),
        (PORTS, models.DescribePortRangeListEntriesResponseBody),
        ("DescribePrefixLists", models.DescribePrefixListsResponseBody),
        ("DescribePortRangeLists", models.DescribePortRangeListsResponseBody),
    ],
)
def test_the_models_of_the_sdk_know_each_field(
    front: Front, action: str, model: type[Any]
) -> None:
    """Read by its model and written again, an answer is the same."""
    fake = front.fake
    fake.new_interface(
        fake.new_group(),
        public_ip="203.0.113.9",
        ipv6_ips=["2001:db8::1"],
        tags={"a": "b"},
    )
    named = {
        PREFIXES: {"PrefixListId": fake.new_prefix_list("10.0.0.0/8")},
        PORTS: {"PortRangeListId": fake.new_port_range_list("80/80")},
    }

    answer = front.call(action, **named.get(action, {})).json()

    assert model().from_map(answer).to_map() == answer


def test_the_sdk_reads_interfaces_and_lists() -> None:
    fake = FakeEcs()
    group = fake.new_group()
    made = [fake.new_interface(group) for _ in range(12)]
    prefixes = fake.new_prefix_list("10.0.0.0/8")
    ports = fake.new_port_range_list("80/80")
    with fake.serve() as url:
        client: Any = Client(
            Config(
                access_key_id="AK",
                access_key_secret="secret",
                region_id=REGION,
                endpoint=url.removeprefix("http://"),
                protocol="http",
            )
        )
        pages = [client.describe_network_interfaces(request()).body]
        pages.append(
            client.describe_network_interfaces(request(pages[0].next_token)).body
        )
        blocks = client.describe_prefix_list_attributes(
            models.DescribePrefixListAttributesRequest(
                region_id=REGION, prefix_list_id=prefixes
            )
        ).body
        ranges = client.describe_port_range_list_entries(
            models.DescribePortRangeListEntriesRequest(
                region_id=REGION, port_range_list_id=ports
            )
        ).body

    read = [
        i for page in pages for i in page.network_interface_sets.network_interface_set
    ]
    assert [each.network_interface_id for each in read] == made
    assert read[0].security_group_ids.security_group_id == [group]
    assert [each.cidr for each in blocks.entries.entry] == ["10.0.0.0/8"]
    assert [each.port_range for each in ranges.entries] == ["80/80"]


def request(token: Any = None) -> Any:
    """A page of ten interfaces of a VPC."""
    return models.DescribeNetworkInterfacesRequest(
        region_id=REGION, vpc_id="vpc-1", max_results=10, next_token=token
    )


def test_a_group_with_an_interface_is_not_deleted(front: Front) -> None:
    group = front.fake.new_group()
    made = front.fake.new_interface(group)

    refused = front.code("DeleteSecurityGroup", group)
    front.fake.remove_interface(made)
    front.fake.remove_interface(made)

    assert refused == (403, "DependencyViolation")
    assert front.code("DeleteSecurityGroup", group) == (200, "")


def test_a_summary_of_a_group_counts_its_instances(front: Front) -> None:
    group = front.fake.new_group()
    front.fake.new_interface(group, instance_id="i-1")
    front.fake.new_interface(group, instance_id="i-1", kind="Secondary")
    front.fake.new_interface(group, status="Available", kind="Secondary")

    answer = front.call("DescribeSecurityGroups", group).json()

    (summary,) = answer["SecurityGroups"]["SecurityGroup"]
    assert (summary["EcsCount"], summary["AvailableInstanceAmount"]) == (1, 5997)


def test_interfaces_outlive_the_fake_in_its_state(front: Front) -> None:
    """A state of before there were interfaces is read as well."""
    group = front.fake.new_group()
    made = front.fake.new_interface(group, ipv6_ips=["2001:db8::1"])
    before = front.fake.dump()
    older = json.loads(before)
    del older["interfaces"]

    front.fake.load(json.dumps(older))
    assert found(front) == []
    front.fake.load(before)

    assert found(front) == [made]
    assert json.loads(front.fake.dump()) == json.loads(before)
    assert front.fake.new_interface(group) != made


def test_interfaces_are_put_in_by_the_admin_path() -> None:
    fake, other = FakeEcs(), FakeEcs()
    made = fake.new_interface(fake.new_group())
    with other.serve(admin=True) as url:
        put = requests.put(f"{url}/_fake/state", data=fake.dump(), timeout=10)

    assert put.status_code == 200
    assert list(other.interfaces) == [made]


def test_addresses_are_made_where_none_is_given() -> None:
    fake = FakeEcs()
    group = fake.new_group()
    made = [fake.new_interface(group) for _ in range(50)]

    addresses = {fake.interfaces[each].private_ips[0] for each in made}

    assert len(addresses) == 50


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        ({"id": "web"}, "is not an interface ID"),
        ({"id": "eni-1"}, "already"),
        ({"private_ips": ["10.0.0.1"]}, "is taken"),
        ({"private_ips": ["10.0.0.2", "10.0.0.2"]}, "is taken"),
        ({"private_ips": ["300.0.0.1"]}, "is not an IPv4 address"),
        ({"ipv6_ips": ["10.0.0.9"]}, "is not an IPv6 address"),
        ({"create_time": "yesterday"}, "is not a time"),
    ],
)
def test_an_interface_that_cannot_be(given: dict[str, Any], reason: str) -> None:
    fake = FakeEcs()
    group = fake.new_group()
    fake.new_interface(group, id="eni-1", private_ips=["10.0.0.1"])
    before = fake.dump()

    with pytest.raises(ValueError, match=reason):
        fake.new_interface(group, **given)

    assert fake.dump() == before


def test_the_groups_of_an_interface_go_together() -> None:
    fake = FakeEcs()
    basic, advanced = fake.new_group(), fake.new_group(kind="enterprise")
    other, classic = fake.new_group(vpc_id="vpc-2"), fake.new_group(vpc_id="")

    for groups in ((), (basic, advanced), (basic, other), (classic,), ("sg-none",)):
        with pytest.raises(ValueError, match="group"):
            fake.new_interface(*groups)

    assert fake.interfaces == {}
