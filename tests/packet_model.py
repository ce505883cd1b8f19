"""
The policy of a group by brute force: one packet, one rule after the other.

It shares nothing with the package but the rule. `PACKETS` holds a packet for every
combination that rules drawn by `rules()` can distinguish.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from functools import cache, lru_cache
from itertools import chain, combinations, pairwise, product

from hypothesis import strategies as st

from alicloud_ingress.rules.rule import IngressRule

NUMBERS = {"tcp": 6, "udp": 17, "icmp": 1, "icmpv6": 58, "gre": 47}
SOURCES = (
    "0.0.0.0/0",
    "0.0.0.0/1",
    "128.0.0.0/1",
    "10.0.0.0/8",
    "10.1.0.0/16",
    "10.1.2.3",
    "::/0",
    "2001:db8::/32",
    "2001:db8::1",
)
SOURCES_4 = ("9.0.0.1", "10.2.0.1", "10.1.0.1", "10.1.2.3", "200.0.0.1")
SOURCES_6 = ("2001:db8::1", "2001:db8::2", "2400::1")
DESTS_4 = ("10.8.0.1", "10.9.0.5", "10.9.1.1")
DESTS_6 = ("2001:db9::1", "2001:dba::1")
PORTS = (1, 20, 22, 23, 100, 443, 500)
SOURCE_PORTS = (0, 53, 80, 2000)


@dataclass(frozen=True)
class Packet:
    """One packet, and the unknown sets that contain it."""

    protocol: int
    source: str
    dest: str
    source_port: int = 0
    port: int = 0
    nic: str = "intranet"
    sets: frozenset[str] = frozenset()


def _packets() -> Iterator[Packet]:
    ends = [*product(SOURCES_4, DESTS_4), *product(SOURCES_6, DESTS_6)]
    for source, dest in ends:
        for protocol in (1, 50, 58, 99):
            yield Packet(protocol, source, dest)
        for protocol, source_port, port in product((6, 17), SOURCE_PORTS, PORTS):
            yield Packet(protocol, source, dest, source_port, port)


PACKETS = tuple(_packets())


@cache
def _inside(address: str, block: str) -> bool:
    if not block:
        return True
    here, network = ipaddress.ip_address(address), ipaddress.ip_network(block, False)
    return here.version == network.version and here in network


def _in_range(port: int, text: str) -> bool:
    if text in ("", "-1/-1"):
        return True
    first, last = text.split("/")
    return int(first) <= port <= int(last)


@lru_cache(maxsize=1 << 20)
def matches(rule: IngressRule, packet: Packet) -> bool:
    """Whether the rule matches the packet."""
    number = NUMBERS.get(rule.ip_protocol, rule.ip_protocol)
    named = {
        rule.source_group_id,
        rule.source_prefix_list_id,
        rule.port_range_list_id,
    } - {""}
    return (
        rule.nic_type == packet.nic
        and number in ("all", packet.protocol, str(packet.protocol))
        and _in_range(packet.port, rule.port_range)
        and _in_range(packet.source_port, rule.source_port_range)
        and _inside(packet.source, rule.source_cidr_ip or rule.ipv6_source_cidr_ip)
        and _inside(packet.dest, rule.dest_cidr_ip or rule.ipv6_dest_cidr_ip)
        and named <= packet.sets
    )


def decider(rules: Iterable[IngressRule], packet: Packet) -> IngressRule | None:
    """The rule that decides: the smallest priority, and of those a drop."""
    return min(
        (rule for rule in rules if matches(rule, packet)),
        key=lambda rule: (rule.priority, rule.policy == "accept"),
        default=None,
    )


def gets_in(rules: Iterable[IngressRule], packet: Packet) -> bool:
    """Whether a packet is accepted; without a rule it is dropped."""
    rule = decider(rules, packet)
    return rule is not None and rule.policy == "accept"


def in_some_of(packet: Packet, sets: Iterable[str]) -> list[Packet]:
    """The packet in each choice of the sets, none and all included."""
    known = sorted(sets)
    choices = chain.from_iterable(
        combinations(known, count) for count in range(len(known) + 1)
    )
    return [replace(packet, sets=frozenset(choice)) for choice in choices]


@st.composite
def rules(draw: st.DrawFn, *, unknown: bool = True) -> IngressRule:
    """Rules such that some packet of `PACKETS` shows every difference."""
    source = draw(st.sampled_from(SOURCES))
    six = ":" in source
    fields: dict[str, object] = {}
    kind = draw(st.sampled_from(["block"] * 4 + ["group", "list"] * unknown))
    if kind == "block":
        fields["ipv6_source_cidr_ip" if six else "source_cidr_ip"] = source
    elif kind == "group":
        fields["source_group_id"] = draw(st.sampled_from(["sg-a", "sg-b"]))
    else:
        fields["source_prefix_list_id"] = "pl-a"
    dest = draw(
        st.sampled_from(
            ["", "", "2001:db9::/32"] if six else ["", "", "10.9.0.0/16", "10.9.0.5"]
        )
    )
    if dest:
        fields["ipv6_dest_cidr_ip" if six else "dest_cidr_ip"] = dest
    protocol = draw(
        st.sampled_from(["tcp", "tcp", "udp", "all", "50", "icmpv6" if six else "icmp"])
    )
    if protocol in ("tcp", "udp"):
        ports = draw(
            st.sampled_from(
                ["22/22", "1/65535", "20/25", "443/443", "22/443"] + [""] * unknown
            )
        )
        fields["port_range_list_id" if not ports else "port_range"] = ports or "prl-a"
        fields["source_port_range"] = draw(
            st.sampled_from(["", "", "53/53", "1/1023", "1/65535"])
        )
    return IngressRule.parse(
        {
            "ip_protocol": protocol,
            "policy": draw(st.sampled_from(["accept", "accept", "drop"])),
            "priority": draw(st.integers(1, 3)),
            **fields,
        }
    )


USED_4 = ("0.0.0.0/1", "128.0.0.0/2", "192.0.0.0/3")
USED_6 = (
    *(f"2001:{n:x}00::/23" for n in (0, 2, 4, 6, 0xC, 0xE, 0x12, 0x18, 0x1A)),
    *(f"2001:{n:x}00::/23" for n in (0x40, 0x42, 0x44, 0x46, 0x48, 0x4A, 0x4C)),
    *(f"2001:{n:x}00::/22" for n in (8, 0x14, 0x1C)),
    *(f"2001:{n}000::/{size}" for n, size in (("2", 19), ("5", 20), ("8", 19))),
    *(f"2001:{n}000::/20" for n in "ab"),
    *("2002::/16", "2003::/18", "2610::/23", "2620::/23"),
    *(f"2{n}0::/12" for n in ("40", "41", "60", "63", "80", "a0", "a1", "c0")),
)
"""Addresses in use; of IPv6 the blocks that IANA has assigned to the registries."""

Cell = tuple[str, int, int]
"""An address family of the internet, a protocol and a port."""


@cache
def _span(block: str) -> tuple[int, int]:
    network = ipaddress.ip_network(block, strict=False)
    return int(network.network_address), int(network.broadcast_address)


def _sources(rules: Iterable[IngressRule], *, six: bool) -> list[tuple[str, int]]:
    """
    One address of each set of sources that the rules do not distinguish, and how
    many addresses of it are in use.
    """
    named = (r.ipv6_source_cidr_ip if six else r.source_cidr_ip for r in rules)
    blocks = [_span(block) for block in dict.fromkeys(named) if block]
    used = [_span(block) for block in (USED_6 if six else USED_4)]
    cuts = {end for first, last in (*blocks, *used) for end in (first, last + 1)}
    ends = sorted({0, *cuts, 1 << (128 if six else 32)})
    kind = ipaddress.IPv6Address if six else ipaddress.IPv4Address
    found: dict[tuple[bool, ...], tuple[str, int]] = {}
    for first, end in pairwise(ends):
        inside = tuple(a <= first <= b for a, b in blocks)
        address, count = found.get(inside, (str(kind(first)), 0))
        is_used = any(a <= first <= b for a, b in used)
        found[inside] = (address, count + (end - first) * is_used)
    return list(found.values())


def newly_open(
    before: list[IngressRule], after: list[IngressRule], ports: Iterable[int]
) -> set[Cell]:
    """
    What is newly open to the internet, packet by packet: some packet is newly
    accepted, and half of the addresses in use are accepted afterwards.
    """
    found: set[Cell] = set()
    for six, world in ((False, "0.0.0.0/0"), (True, "::/0")):
        segments = _sources((*before, *after), six=six)
        whole = sum(count for _, count in segments)
        for protocol, port in product((6, 17), ports):
            packets = {
                source: [
                    Packet(protocol, source, dest, source_port, port)
                    for dest in (DESTS_6 if six else DESTS_4)
                    for source_port in SOURCE_PORTS
                ]
                for source, _ in segments
            }
            new = any(
                gets_in(after, packet) and not gets_in(before, packet)
                for some in packets.values()
                for packet in some
            )
            share = sum(
                count
                for source, count in segments
                if any(gets_in(after, packet) for packet in packets[source])
            )
            if new and 2 * share >= whole:
                found.add((world, protocol, port))
    return found
