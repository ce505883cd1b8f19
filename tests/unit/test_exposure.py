"""
What a group accepts, compared with one packet and one rule after the other.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alicloud_ingress.exposure.comparison import Entry, entries_of
from alicloud_ingress.exposure.diagram import Diagram, TooComplexError
from alicloud_ingress.exposure.group_exposure import Policy, difference
from alicloud_ingress.exposure.internet import internet_cases, internet_openings
from alicloud_ingress.exposure.packets import IPV6, addresses, matched
from alicloud_ingress.exposure.reach import Reach
from alicloud_ingress.rules.rule import IngressRule
from packet_model import PACKETS, Packet, gets_in, in_some_of, matches, rules

FEW = st.lists(rules(), max_size=5)
SOME_PACKETS = st.integers(0, 8).map(lambda start: PACKETS[start::9])


def rule(
    ports: object = "443/443",
    source: str = "10.0.0.0/8",
    protocol: str = "tcp",
    **more: object,
) -> IngressRule:
    kinds = {"s": "source_group_id", "p": "source_prefix_list_id"}
    kind = "ipv6_source_cidr_ip" if ":" in source else kinds.get(source[0])
    return IngressRule.parse(
        {
            "ip_protocol": protocol,
            "port_range": ports,
            kind or "source_cidr_ip": source,
            **more,
        }
    )


def told(reaches: Iterable[Reach], packet: Packet) -> bool:
    """Whether the reported exposure holds the packet."""
    return any(
        {name for _, name in reach.members} <= packet.sets
        and reach.nic[0] <= ["intranet", "internet"].index(packet.nic) <= reach.nic[1]
        and reach.source_ports[0] <= packet.source_port <= reach.source_ports[1]
        and any(a <= addresses(packet.source)[0] <= b for a, b in reach.sources)
        and any(a <= addresses(packet.dest)[0] <= b for a, b in reach.dests)
        and any(
            part.protocols[0] <= packet.protocol <= part.protocols[1]
            and any(a <= packet.port <= b for a, b in part.ports)
            for part in reach.traffic
        )
        for reach in reaches
    )


def sets_of(each: IngressRule) -> frozenset[str]:
    names = (
        each.source_group_id,
        each.source_prefix_list_id,
        each.port_range_list_id,
    )
    return frozenset(names) - {""}


@settings(deadline=None, max_examples=60)
@given(FEW, SOME_PACKETS)
def test_reported_exposure_equals_accepted_packets(
    group: list[IngressRule], packets: Sequence[Packet]
) -> None:
    """For every packet, in whatever unknown sets it is."""
    reach = Policy(group).reach
    sets = frozenset[str]().union(*map(sets_of, group))

    for packet in packets:
        choices = in_some_of(packet, sets)
        by_sets = {choice.sets: gets_in(group, choice) for choice in choices}
        for choice in choices:
            may = any(ok for some, ok in by_sets.items() if some <= choice.sets)
            assert told(reach, choice) == may, choice


@settings(deadline=None, max_examples=60)
@given(FEW, FEW, FEW, SOME_PACKETS)
def test_a_difference_reports_exactly_what_changes(
    kept: list[IngressRule],
    old: list[IngressRule],
    new: list[IngressRule],
    packets: Sequence[Packet],
) -> None:
    """
    What is accepted only before or only after, by the sets of each rule that
    matches.
    """
    before, after = kept + old, kept + new
    change = difference(entries(before, after))
    everything = frozenset[str]().union(*map(sets_of, before + after))

    for packet in packets:
        for choice in in_some_of(packet, everything):
            named = {sets_of(r) for r in before + after if matches(r, choice)}
            some = [replace(choice, sets=n) for n in {*named, frozenset[str]()}]
            was = [gets_in(before, each) for each in some]
            is_ = [gets_in(after, each) for each in some]
            both = list(zip(was, is_, strict=True))
            assert told(change.opened, choice) == ((False, True) in both)
            assert told(change.closed, choice) == ((True, False) in both)


@given(st.lists(rules(unknown=False), max_size=8), st.data())
@settings(deadline=None, max_examples=60)
def test_packets_of_random_addresses_agree(
    group: list[IngressRule], data: st.DataObject
) -> None:
    """Not only those that the rules were made for."""
    reach = Policy(group).reach
    six = data.draw(st.booleans())
    ends = st.ip_addresses(v=6 if six else 4).map(str)
    for _ in range(10):
        packet = Packet(
            data.draw(st.sampled_from([6, 17])),
            data.draw(ends),
            data.draw(ends),
            data.draw(st.integers(0, 65535)),
            data.draw(st.integers(1, 65535)),
        )
        assert told(reach, packet) == gets_in(group, packet)


@pytest.mark.parametrize(
    ("group", "expected"),
    [
        ([rule()], ["10.0.0.0/8 may reach tcp 443"]),
        ([rule(policy="drop")], []),
        (
            [rule(22, "10.1.0.0/16"), rule("20-25", "10.1.2.0/24", policy="drop")],
            ["10.1.0.0/16 except 10.1.2.0/24 may reach tcp 22"],
        ),
        (
            [
                rule(22, "10.1.0.0/16"),
                rule(22, "10.1.2.0/24", policy="drop", priority=2),
            ],
            ["10.1.0.0/16 may reach tcp 22"],
        ),
        (
            [rule(22, "0.0.0.0/1"), rule(22, "128.0.0.0/1")],
            ["0.0.0.0/0 may reach tcp 22"],
        ),
        (
            [rule(None, "::/0", "all")],
            ["::/0 may reach all protocols and ports"],
        ),
        (
            [rule(None, "::/0", "all"), rule(22, "::/0", policy="drop")],
            ["::/0 may reach tcp 1-21, 23-65535, every protocol except tcp"],
        ),
        ([rule(80, "sg-1")], ["members of sg-1 may reach tcp 80"]),
        ([rule(80, "pl-1")], ["prefix list pl-1 may reach tcp 80"]),
        ([rule(80, "sg-1"), rule(80, "0.0.0.0/0"), rule(80, "::/0")], None),
        (
            [rule(None, port_range_list_id="prl-1")],
            ["10.0.0.0/8 may reach all tcp ports of port list prl-1"],
        ),
        (
            [rule(53, dest_cidr_ip="10.9.0.5", source_port_range=53, protocol="udp")],
            ["10.0.0.0/8 may reach udp 53 from source ports 53 at 10.9.0.5"],
        ),
        ([rule(None, protocol="gre")], ["10.0.0.0/8 may reach gre"]),
        ([rule("-1/-1", protocol="50")], ["10.0.0.0/8 may reach protocol 50"]),
        (
            [rule(22, nic_type="internet")],
            ["10.0.0.0/8 may reach tcp 22 on the internet interface"],
        ),
        (
            [rule(n, "::/0") for n in range(10, 35, 2)],
            ["::/0 may reach tcp 10, 12, 14, 16, 18, 20, 22, 24, 26, 28 and 3 more"],
        ),
    ],
)
def test_exposure_is_described_as_text(
    group: list[IngressRule], expected: list[str] | None
) -> None:
    """One line for sources that may reach the same."""
    if expected is None:
        expected = ["0.0.0.0/0 may reach tcp 80", "::/0 may reach tcp 80"]

    assert [reach.as_text for reach in Policy(group).reach] == expected


def test_known_lists_are_replaced_by_their_entries() -> None:
    """They are then addresses and ports like any other."""
    lists = {"pl-1": ["10.0.0.0/8", "2001:db8::/32"], "prl-1": ["22/22", "80/90"]}
    policy = Policy([rule(None, "pl-1", port_range_list_id="prl-1")], lists)

    assert [reach.as_text for reach in policy.reach] == [
        "10.0.0.0/8 may reach tcp 22, 80-90",
        "2001:db8::/32 may reach tcp 22, 80-90",
    ]


def test_an_unreadable_rule_is_reported_as_its_widest() -> None:
    """A field value that ECS adds one day is not ignored."""
    odd = IngressRule(ip_protocol="esp", port_range="?", source_cidr_ip="10.0.0.0/8")

    (reach,) = Policy([odd]).reach

    assert reach.what.startswith("all protocols and ports of ip_protocol esp")


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"nic_type": "dmz"}, "tcp 22 of nic_type dmz"),
        ({"port_range": ""}, "all tcp ports of port_range"),
        ({"dest_cidr_ip": "here"}, "tcp 22 of dest_cidr_ip here"),
    ],
)
def test_unreadable_fields_are_named_beside_the_exposure(
    change: dict[str, Any], told: str
) -> None:
    """The rule is not certain to open the port to the internet."""
    odd = replace(rule(22, "0.0.0.0/0"), **change)

    (reach,) = Policy([odd]).reach
    opening, *_ = Policy([odd]).world_open()

    assert reach.what.startswith(told)
    assert not opening.certain


def entries(before: list[IngressRule], after: list[IngressRule]) -> list[Entry]:
    return entries_of(Policy(before).judged, Policy(after).judged)


WORLD = "0.0.0.0/0"


@pytest.mark.parametrize(
    ("group", "expected"),
    [
        ([rule(22, WORLD)], ["0.0.0.0/0 may reach tcp 22"]),
        ([rule("1/65535", "::/0")], ["::/0 may reach tcp 22, 3389"]),
        (
            [rule(None, WORLD, "all")],
            ["0.0.0.0/0 may reach tcp 22, 3389, udp 22, 3389"],
        ),
        ([rule(23, WORLD)], []),
        ([rule(22, "10.0.0.0/8")], []),
        ([rule(22, "sg-1")], []),
        ([rule(22, WORLD, policy="drop")], []),
        ([rule(22, WORLD), rule("20/30", WORLD, policy="drop")], []),
        (
            [rule(22, WORLD), rule(22, WORLD, policy="drop", priority=2)],
            ["0.0.0.0/0 may reach tcp 22"],
        ),
        ([rule(22, WORLD, priority=2), rule(None, WORLD, "all", policy="drop")], []),
        (
            [rule(22, "0.0.0.0/1"), rule(22, "128.0.0.0/1")],
            ["0.0.0.0/0 may reach tcp 22"],
        ),
        ([rule(22, "0.0.0.0/2")], []),
        (
            [rule(22, WORLD), rule(22, "10.0.0.0/8", policy="drop")],
            ["0.0.0.0/0 may reach tcp 22"],
        ),
        ([rule(22, WORLD, source_port_range=53)], ["0.0.0.0/0 may reach tcp 22"]),
        ([rule(22, "2000::/3")], ["::/0 may reach tcp 22"]),
        ([rule(22, "pl-1")], ["0.0.0.0/0 might reach", "::/0 might reach"]),
        ([rule(22, "pl-1"), rule(22, WORLD, policy="drop")], ["::/0 might reach"]),
        ([rule(None, WORLD, port_range_list_id="prl-1")], ["0.0.0.0/0 might reach"]),
        ([rule(443, "pl-1")], []),
        ([rule(22, WORLD), rule(22, "pl-1", policy="drop")], ["0.0.0.0/0 may reach"]),
    ],
)
def test_internet_exposure_is_found_in_every_form(
    group: list[IngressRule], expected: list[str]
) -> None:
    """All addresses, ranges, halves; a drop that wins counts; a list is not judged."""
    found = Policy(group).world_open([22, 3389])

    assert len(found) == len(expected)
    for opening, words in zip(found, expected, strict=True):
        assert opening.as_text.startswith(words)
        assert opening.rules


@pytest.mark.parametrize(
    ("before", "after", "ports"),
    [
        ([rule(22, WORLD)], [rule(22, WORLD)], []),
        ([rule(22, WORLD)], [rule(22, WORLD, description="x")], []),
        ([rule(22, WORLD)], [rule("20/30", WORLD)], []),
        (
            [rule(22, "0.0.0.0/2")],
            [rule(22, "0.0.0.0/2"), rule(22, "64.0.0.0/2")],
            [22],
        ),
        ([rule(22, WORLD, dest_cidr_ip="10.0.0.1")], [rule(22, WORLD)], [22]),
        ([rule(22, WORLD), rule(22, WORLD, policy="drop")], [rule(22, WORLD)], [22]),
        ([rule(22, "pl-1")], [rule(22, "pl-1"), rule(22, WORLD)], [22]),
        ([rule(22, WORLD)], [], []),
    ],
)
def test_only_new_internet_exposure_counts(
    before: list[IngressRule], after: list[IngressRule], ports: list[int]
) -> None:
    """What was open before is not new; deleting a drop opens."""
    found = internet_openings(internet_cases(entries(before, after), [22, 3389]))

    assert [p for o in found for t in o.traffic for p, _ in t.ports] == ports
    assert all(opening.certain for opening in found)


@pytest.mark.parametrize(
    ("ports", "last", "expected"),
    [
        ((22, 22, 22), "96.0.0.0/4", ["0.0.0.0/0 may reach tcp 22"]),
        ((22, 22, 22), "96.0.0.0/5", []),
        ((22, 22, 22), "224.0.0.0/4", []),
        ((22, 22, 3389), "96.0.0.0/4", []),
    ],
)
def test_exactly_half_of_the_addresses_in_use_is_the_internet(
    ports: tuple[int, int, int], last: str, expected: list[str]
) -> None:
    """224 blocks of length 8 are in use; three rules add up to 112 of them."""
    blocks = ("0.0.0.0/2", "64.0.0.0/3", last)

    found = Policy(list(map(rule, ports, blocks))).world_open([22, 3389])

    assert [opening.as_text for opening in found] == expected


def test_two_unknown_lists_are_different() -> None:
    """One that existed before says nothing about a new one."""
    before, after = [rule(22, "pl-1")], [rule(22, "pl-1"), rule(22, "pl-2")]

    found = internet_openings(internet_cases(entries(before, after), [22]))

    assert {(o.world, o.certain, o.rules) for o in found} == {
        (world, False, (rule(22, "pl-2"),)) for world in ("0.0.0.0/0", "::/0")
    }


def test_an_equivalent_replacement_opens_and_closes_nothing() -> None:
    """Another priority decides the same packets."""
    change = difference(entries([rule(22)], [rule(22, priority=2)]))

    assert (change.opened, change.closed) == ((), ())


def test_the_order_of_rules_does_not_matter() -> None:
    """The bytes of the report depend on it."""
    group = [
        rule(22, WORLD),
        rule(80, "sg-1"),
        rule(443, "::/0", policy="drop"),
        rule(),
    ]

    assert Policy(group).reach == Policy(group[::-1]).reach


def test_a_thousand_rules_need_some_thousand_steps() -> None:
    """Counted, not timed: rules without overlap cost nothing."""
    group = [rule(n, f"10.{n % 250}.0.0/16") for n in range(1, 1001)]
    boxes = [box for each in group for box in matched(each).boxes]

    assert Diagram(boxes).steps < 10_000


def test_hostile_rules_give_an_error_without_hanging() -> None:
    """They overlap in part in every dimension."""
    group = [
        rule(
            f"{n}/{n + 30000}",
            f"{n % 200}.0.0.0/{n % 7 + 1}",
            source_port_range=f"{n}/{n + 20000}",
            dest_cidr_ip=f"10.{n % 250}.0.0/{n % 14 + 2}",
        )
        for n in range(1, 1001)
    ]

    with pytest.raises(TooComplexError, match="overlap in too many ways"):
        _ = Policy(group).reach


def test_address_families_are_kept_separate() -> None:
    """
    On the line of addresses the last IPv4 and the first IPv6 address are
    neighbours.
    """
    ends = Policy([rule(22, "255.255.255.255"), rule(22, "::")]).reach

    assert [reach.who for reach in ends] == ["255.255.255.255", "::"]
    assert addresses("::")[0] == IPV6[0]
