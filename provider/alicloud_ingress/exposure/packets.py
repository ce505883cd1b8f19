"""
Which packets a rule matches, exactly.

A rule is one or more boxes. A box is a product of intervals in six dimensions. What is
not known (members of a source group, entries of an unresolved list) is an interval of
all values, together with an `OpaqueSet` that names it.
"""

from __future__ import annotations

import contextlib
import functools
import ipaddress
import math
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

from alicloud_ingress.rules.rule import IngressRule
from alicloud_ingress.rules.spelling import (
    ALL_PORTS,
    KNOWN_NETWORKS,
    PROTOCOL_NUMBERS,
    WITH_PORTS,
    interface_of,
)

Interval = tuple[int, int]
"""
First and last number, both included.
"""

PROTOCOLS: Interval = (0, 255)
PORTS: Interval = (0, 65535)
IPV4: Interval = (0, 2**32 - 1)
IPV6: Interval = (2**32, 2**32 + 2**128 - 1)
"""
Addresses are numbers: all of IPv4, followed by all of IPv6.
"""

KNOWN_RULES = 4096
"""
How many rules are cached: each is asked for several times.
"""

_NUMBERS = {name: int(number) for number, name in PROTOCOL_NUMBERS.items()}
_NIC_TYPES = ("intranet", "internet")
_RANGE = re.compile(r"(\d{1,5})/(\d{1,5})", re.ASCII)


class OpaqueSet(NamedTuple):
    """
    A set whose members are not known from the rule.

    Args:
        kind: `group`, `prefix list`, `port list`; or the name of an argument whose
            value cannot be parsed.
        name: the ID, or that value.
    """

    kind: str
    name: str


def overlap(one: Interval, other: Interval) -> bool:
    """
    Whether two intervals have a member in common.
    """
    return one[0] <= other[1] and other[0] <= one[1]


def contains(outer: Interval, inner: Interval) -> bool:
    """
    Whether one interval holds all members of another.
    """
    return outer[0] <= inner[0] and inner[1] <= outer[1]


class Box(NamedTuple):
    """
    A product of intervals, in the order in which `diagram` sweeps them.

    Few rules limit source ports and destinations. These come last, so that a rule that
    does limit them adds steps only for its own ports and sources.
    """

    nic: Interval
    protocols: Interval
    ports: Interval
    sources: Interval
    source_ports: Interval
    dest: Interval

    def meets(self, other: Box) -> bool:
        """
        Whether a packet can be in both.
        """
        # Ports differ most often, so they are compared first.
        return overlap(self.ports, other.ports) and all(map(overlap, self, other))

    def has_traffic_of(self, other: Box) -> bool:
        """
        Whether both match a protocol and port, from whatever source.
        """
        return overlap(self.ports, other.ports) and overlap(
            self.protocols, other.protocols
        )

    def narrowed(self, protocol: int, port: int) -> Box | None:
        """
        The part of the box that is traffic to one port of one protocol, if any.
        """
        own, asked = (protocol, protocol), (port, port)
        if not (contains(self.protocols, own) and contains(self.ports, asked)):
            return None
        return self._replace(protocols=own, ports=asked)

    @property
    def size(self) -> int:
        """
        The number of packets.
        """
        return math.prod(last - first + 1 for first, last in self)


class Matched(NamedTuple):
    """
    The packets that a rule matches: those in one of its boxes and in all of its unknown
    sets.
    """

    boxes: tuple[Box, ...]
    unknown: frozenset[OpaqueSet]


def matched(
    rule: IngressRule, resolved: Mapping[str, Sequence[str]] | None = None
) -> Matched:
    """
    Find which packets a rule matches.

    Args:
        rule: what cannot be parsed becomes an unknown set.
        resolved: entries of lists by the list's ID: address blocks of prefix
            lists, and ranges as `first/last` of port lists.
    """
    has_list = rule.source_prefix_list_id or rule.port_range_list_id
    return _matched(rule) if not has_list else _Reader(rule, resolved or {}).matched()


@functools.lru_cache(maxsize=KNOWN_RULES)
def _matched(rule: IngressRule) -> Matched:
    return _Reader(rule, {}).matched()


@functools.lru_cache(maxsize=KNOWN_NETWORKS)
def addresses(text: str) -> Interval:
    """
    An address or a block as an interval of all addresses.

    Raises:
        ValueError: the text is neither an address nor a block.
    """
    network = interface_of(text).network
    offset = IPV6[0] if isinstance(network, ipaddress.IPv6Network) else IPV4[0]
    return (
        int(network.network_address) + offset,
        int(network.broadcast_address) + offset,
    )


@functools.lru_cache(maxsize=KNOWN_NETWORKS)
def blocks(interval: Interval) -> tuple[str, ...]:
    """
    The blocks of an interval of one address family. A single address has no prefix
    length.
    """
    first, last = interval
    if first < IPV6[0]:
        return tuple(_blocks(first, last, 32, ipaddress.IPv4Address))
    start = IPV6[0]
    return tuple(_blocks(first - start, last - start, 128, ipaddress.IPv6Address))


def _blocks(
    first: int, last: int, length: int, address: Callable[[int], object]
) -> Iterator[str]:
    """
    The blocks in order, as `ipaddress.summarize_address_range` finds them, but faster.
    """
    while first <= last:
        aligned = (first & -first).bit_length() - 1 if first else length
        bits = min(aligned, (last - first + 1).bit_length() - 1)
        yield f"{address(first)}/{length - bits}" if bits else str(address(first))
        first += 1 << bits


def joined(intervals: Iterable[Interval]) -> tuple[Interval, ...]:
    """
    Sort intervals, and join those that overlap or touch. The address families are not
    joined.
    """
    result: list[Interval] = []
    for first, last in sorted(intervals):
        if result and first <= result[-1][1] + 1 and first != IPV6[0]:
            result[-1] = (result[-1][0], max(result[-1][1], last))
        else:
            result.append((first, last))
    return tuple(result)


def gaps(around: Interval, parts: Iterable[Interval]) -> list[Interval]:
    """
    What an interval has beside others, which are in order.
    """
    here, end = around
    found: list[Interval] = []
    for first, last in parts:
        if here < first and here <= end:
            found.append((here, min(first - 1, end)))
        here = max(here, last + 1)
    return [*found, (here, end)] if here <= end else found


class _Reader:
    """
    Parses each dimension of a rule, and collects what it cannot parse as unknown.
    """

    def __init__(
        self, rule: IngressRule, resolved: Mapping[str, Sequence[str]]
    ) -> None:
        self.rule = rule
        self.resolved = resolved
        self.unknown: set[OpaqueSet] = set()

    def matched(self) -> Matched:
        return Matched(self._boxes(), frozenset(self.unknown))

    def _boxes(self) -> tuple[Box, ...]:
        nic = self._nic()
        protocols = self._protocols()
        source_ports = self._source_ports()
        dest = self._dest()
        if self.rule.policy not in ("accept", "drop"):
            self.unknown.add(OpaqueSet("policy", self.rule.policy))
        ports = self._ports()
        return tuple(
            Box(nic, protocols, range_, sources, source_ports, within)
            for sources in self._sources()
            for family in (IPV6 if sources[0] >= IPV6[0] else IPV4,)
            for within in (dest or family,)
            if family[0] <= within[0] <= family[1]
            for range_ in ports
        )

    def _nic(self) -> Interval:
        if self.rule.nic_type in _NIC_TYPES:
            number = _NIC_TYPES.index(self.rule.nic_type)
            return number, number
        self.unknown.add(OpaqueSet("nic_type", self.rule.nic_type))
        return 0, len(_NIC_TYPES) - 1

    def _protocols(self) -> Interval:
        text = self.rule.ip_protocol
        if text == "all":
            return PROTOCOLS
        if text in _NUMBERS:
            return _NUMBERS[text], _NUMBERS[text]
        if text.isascii() and text.isdigit():
            number = int(text.lstrip("0")[:4] or 0)
            if number <= PROTOCOLS[1]:
                return number, number
        self.unknown.add(OpaqueSet("ip_protocol", text))
        return PROTOCOLS

    def _ports(self) -> tuple[Interval, ...]:
        rule = self.rule
        if rule.port_range == ALL_PORTS:
            return (PORTS,)
        if rule.port_range:
            return (self._range("port_range", rule.port_range),)
        name = rule.port_range_list_id
        if not name:
            if rule.ip_protocol in WITH_PORTS:
                self.unknown.add(OpaqueSet("port_range", ""))
            return (PORTS,)
        known = self._entries("port list", name, _range)
        return (PORTS,) if known is None else known

    def _source_ports(self) -> Interval:
        text = self.rule.source_port_range
        if text in ("", ALL_PORTS):
            return PORTS
        return self._range("source_port_range", text)

    def _range(self, argument: str, text: str) -> Interval:
        if self.rule.ip_protocol in WITH_PORTS:
            with contextlib.suppress(ValueError):
                return _range(text)
        self.unknown.add(OpaqueSet(argument, text))
        return PORTS

    def _dest(self) -> Interval | None:
        text = self.rule.dest_cidr_ip or self.rule.ipv6_dest_cidr_ip
        return self._block("dest_cidr_ip", text) if text else None

    def _block(self, argument: str, text: str) -> Interval | None:
        try:
            return addresses(text)
        except ValueError:
            self.unknown.add(OpaqueSet(argument, text))
            return None

    def _sources(self) -> tuple[Interval, ...]:
        rule = self.rule
        if text := rule.source_cidr_ip or rule.ipv6_source_cidr_ip:
            family = IPV4 if rule.source_cidr_ip else IPV6
            return (self._block("source_cidr_ip", text) or family,)
        if rule.source_group_id:
            self.unknown.add(OpaqueSet("group", rule.source_group_id))
        elif rule.source_prefix_list_id:
            known = self._entries("prefix list", rule.source_prefix_list_id, addresses)
            if known is not None:
                return known
        else:
            self.unknown.add(OpaqueSet("source_cidr_ip", ""))
        return IPV4, IPV6

    def _entries(
        self, kind: str, name: str, read: Callable[[str], Interval]
    ) -> tuple[Interval, ...] | None:
        """
        The entries of a list; None if they are not known.

        A list whose entries cannot be parsed is another unknown set than one without.
        """
        entries = self.resolved.get(name)
        if entries is not None:
            with contextlib.suppress(ValueError):
                return joined(map(read, entries))
        self.unknown.add(OpaqueSet(kind, " ".join((name, *(entries or ())))))
        return None


def _range(text: str) -> Interval:
    match = _RANGE.fullmatch(text)
    if match is None or not int(match[1]) <= int(match[2]) <= PORTS[1]:
        raise ValueError(text)
    return int(match[1]), int(match[2])
