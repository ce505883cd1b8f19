"""
A narrower rule, where a wide one is used in part.

A proposal holds everything that used the rule, surely or possibly, and lies within
the rule. It is made only where the logs cover the whole period: what was not watched
may need the rest.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise
from typing import cast

from alicloud_ingress.exposure.packets import Interval, joined
from alicloud_ingress.rules.rule import IngressRule
from alicloud_ingress.rules.spelling import ALL_PORTS, WITH_PORTS, port_pair
from alicloud_ingress.usage.coverage import Coverage
from alicloud_ingress.usage.traffic import Block, PortRange, Traffic
from alicloud_ingress.usage.verdicts import Judged

MAX_SOURCES = 8
MAX_PORTS = 5
"""
How many blocks and ranges a proposal names at most: each would be a rule.
"""

WIDEST = {4: 16, 6: 32}
"""
The shortest prefix that is proposed, by family. A wider block says where the sources
happen to lie, and not who they are.
"""

Network = ipaddress.IPv4Network | ipaddress.IPv6Network


@dataclass(frozen=True, slots=True)
class Proposal:
    """
    What a rule could be narrowed to; an empty part is not narrowed.

    Args:
        sources: address blocks.
        ports: ranges as `first/last`.
    """

    sources: tuple[str, ...]
    ports: tuple[str, ...]


def proposal(rule: Judged, coverage: Coverage) -> Proposal | None:
    """
    The proposal for a rule; None for none.
    """
    if rule.verdict != "used" or rule.is_drop or coverage.problems:
        return None
    traffic = (*rule.traffic, *rule.doubtful)
    sources = narrower_sources(rule.live.rule, traffic)
    ports = narrower_ports(rule.live.rule, traffic)
    return Proposal(sources, ports) if sources or ports else None


def narrower_sources(rule: IngressRule, traffic: Iterable[Traffic]) -> tuple[str, ...]:
    """
    Blocks within a rule's source that hold every source that was seen; none where
    they would be half of it or more.
    """
    text = rule.source_cidr_ip or rule.ipv6_source_cidr_ip
    if not text:
        return ()
    whole = ipaddress.ip_network(text, strict=False)
    blocks = [block for each in traffic for block in each.blocks]
    if any(block.family != whole.version for block in blocks):
        return ()
    few = fewer(map(network_of, blocks), MAX_SOURCES)
    if not all(_is_within(each, whole) for each in few):
        return ()
    if any(each.prefixlen < WIDEST[each.version] for each in few):
        return ()
    size = sum(each.num_addresses for each in few)
    return tuple(map(str, few)) if 2 * size <= whole.num_addresses else ()


def network_of(block: Block) -> Network:
    """
    A block as a network of its family.
    """
    if block.family == 4:  # noqa: PLR2004 - the family's name
        return ipaddress.IPv4Network((block.first, block.length))
    return ipaddress.IPv6Network((block.first, block.length))


def fewer(networks: Iterable[Network], most: int) -> list[Network]:
    """
    At most so many networks that hold all of the given ones, which are of one family.

    Where there are more, those stay apart that have the least in common.
    """
    outermost = _outermost(networks)
    if not outermost:
        return []
    # The bits that two neighbours differ in; each of them is a fork of their tree, and
    # what lies between two forks that are kept becomes one network.
    forks = sorted(
        range(1, len(outermost)),
        key=lambda n: -(_number(outermost[n]) ^ _number(outermost[n - 1])).bit_length(),
    )
    starts = sorted([0, *forks[: most - 1]])
    ends = [*starts[1:], len(outermost)]
    found = [
        _common(outermost[start], outermost[end - 1])
        for start, end in zip(starts, ends, strict=True)
    ]
    # Two halves of a network become the network.
    return [*ipaddress.collapse_addresses(cast("list[ipaddress.IPv4Network]", found))]


def _outermost(networks: Iterable[Network]) -> list[Network]:
    """
    The networks in order, less those that lie within another.
    """
    found: list[Network] = []
    for each in sorted({*networks}, key=lambda each: (_number(each), each.prefixlen)):
        if not found or not _is_within(each, found[-1]):
            found.append(each)
    return found


def _common(one: Network, other: Network) -> Network:
    """
    The narrowest network around two.
    """
    differing = (_number(one) ^ _number(other)).bit_length()
    length = min(one.prefixlen, other.prefixlen, one.max_prefixlen - differing)
    return one.supernet(new_prefix=length)


def _number(network: Network) -> int:
    return int(network.network_address)


def _is_within(one: Network, other: Network) -> bool:
    return (
        one.version == other.version
        and other.prefixlen <= one.prefixlen
        and int(one.network_address) >> (one.max_prefixlen - other.prefixlen)
        == int(other.network_address) >> (other.max_prefixlen - other.prefixlen)
    )


def narrower_ports(rule: IngressRule, traffic: Iterable[Traffic]) -> tuple[str, ...]:
    """
    Port ranges within a rule's that hold every port that was seen; none where they
    would be half of it or more.
    """
    if rule.ip_protocol not in WITH_PORTS or not rule.port_range:
        return ()
    pair = port_pair(rule.port_range)
    whole = (1, 65535) if rule.port_range == ALL_PORTS or pair is None else pair
    seen = [ports for each in traffic for ports in each.ports]
    ranges = few_ranges(seen, MAX_PORTS)
    if not ranges or ranges[0][0] < whole[0] or ranges[-1][1] > whole[1]:
        return ()
    size = sum(last - first + 1 for first, last in ranges)
    if 2 * size > whole[1] - whole[0] + 1:
        return ()
    return tuple(f"{first}/{last}" for first, last in ranges)


def few_ranges(ports: Iterable[PortRange], most: int) -> list[Interval]:
    """
    At most so many ranges that hold all of the given ones: where there are more, the
    smallest gaps are closed.
    """
    ranges = joined((each.first, each.last) for each in ports)
    if not ranges:
        return []
    gaps = [before[1] - after[0] for before, after in pairwise(ranges)]
    widest = sorted(range(1, len(ranges)), key=lambda n: gaps[n - 1])
    starts = sorted([0, *widest[: most - 1]])
    ends = [*starts[1:], len(ranges)]
    return [
        (ranges[start][0], ranges[end - 1][1])
        for start, end in zip(starts, ends, strict=True)
    ]
