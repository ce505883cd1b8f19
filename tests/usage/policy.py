"""
The truth about a packet: what the security groups do with it, and by which rules.

Written for the simulator alone, after the documentation of ECS, and plainly: one
packet, one rule at a time. It shares nothing with the product.

- The smallest priority number that matches decides; at one priority drop beats accept.
- The rules of all groups of an interface count together.
- Members of a basic group with the inner access policy Accept reach each other before
  any rule is looked at.
- What belongs to a session that was let through passes in both directions.
"""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass, field, replace
from functools import lru_cache

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network
TCP, UDP, ICMP, ICMPV6, GRE, SCTP = 6, 17, 1, 58, 47, 132
NUMBERS = {"TCP": TCP, "UDP": UDP, "ICMP": ICMP, "ICMPV6": ICMPV6, "GRE": GRE}


@lru_cache(maxsize=100_000)
def address(text: str) -> Address:
    """
    An address of either family.
    """
    return ipaddress.ip_address(text)


@dataclass(frozen=True)
class Packet:
    """
    A packet as an interface sees it.

    Args:
        flags: of TCP, all that are set; 0 for other protocols.
    """

    protocol: int
    source: str
    source_port: int
    destination: str
    destination_port: int
    flags: int = 0
    size: int = 60

    def reversed(self, flags: int = 0, size: int = 60) -> Packet:
        """
        A packet the other way round.
        """
        return Packet(
            self.protocol,
            self.destination,
            self.destination_port,
            self.source,
            self.source_port,
            flags,
            size,
        )

    @property
    def flow(self) -> tuple[object, ...]:
        """
        What it has in common with the packets of its connection in its direction.
        """
        return (
            self.protocol,
            self.source,
            self.source_port,
            self.destination,
            self.destination_port,
        )

    @property
    def session(self) -> tuple[int, frozenset[tuple[str, int]]]:
        """
        What it has in common with all packets of its connection.
        """
        return self.protocol, frozenset(
            {
                (self.source, self.source_port),
                (self.destination, self.destination_port),
            }
        )


@dataclass(frozen=True)
class SimulatedRule:
    """
    An inbound rule, with what its lists hold and when it existed.

    Args:
        number: in the world, from 0.
        group: index of its group.
        protocol: IANA number; None for all.
        ports: ranges of destination ports; None for all.
        source_ports: a range; None for all.
        networks: source blocks, own or of a prefix list.
        source_group: index of a group whose members are the source; else None.
        foreign: addresses of the members of a group of another account.
        destination: None for all.
        created: in Unix seconds.
        deleted: when it went; None for a rule that exists.
        resolvable: whether its lists and groups can be read today.
        fields: as the API names them, for the fake.
    """

    number: int
    group: int
    accepts: bool
    priority: int
    protocol: int | None
    ports: tuple[tuple[int, int], ...] | None
    source_ports: tuple[int, int] | None = None
    networks: tuple[Network, ...] = ()
    source_group: int | None = None
    foreign: frozenset[str] = frozenset()
    destination: Network | None = None
    created: int = 0
    deleted: int | None = None
    resolvable: bool = True
    fields: dict[str, str] = field(default_factory=dict[str, str], compare=False)

    def exists(self, time: int) -> bool:
        """
        Whether it was a rule of its group at a time.
        """
        return self.created <= time and (self.deleted is None or time < self.deleted)

    def fits_but_for_its_source(self, packet: Packet) -> bool:
        """
        Whether all but the source and the source port match.
        """
        if self.protocol is not None and packet.protocol != self.protocol:
            return False
        if self.ports is not None and not any(
            first <= packet.destination_port <= last for first, last in self.ports
        ):
            return False
        return self.destination is None or _within(packet.destination, self.destination)

    def fits_but_for_lists_and_groups(self, packet: Packet) -> bool:
        """
        Whether it names a list or a group, and all else matches.
        """
        by_source = self.source_group is not None or "_prefixes" in self.fields
        by_ports = "_ports" in self.fields
        if not (by_source or by_ports):
            return False
        rest = replace(self, ports=None) if by_ports else self
        return rest.fits_but_for_its_source(packet) and (
            by_source or rest.has_source(packet, frozenset())
        )

    def has_source(self, packet: Packet, members: frozenset[str]) -> bool:
        """
        Whether the source is its own; `members` are those of its source group.
        """
        if self.source_group is not None:
            return packet.source in members
        if self.foreign:
            return packet.source in self.foreign
        return any(_within(packet.source, each) for each in self.networks)

    def matches(self, packet: Packet, members: frozenset[str]) -> bool:
        """
        Whether it matches the packet.
        """
        if not self.fits_but_for_its_source(packet):
            return False
        if self.source_ports is not None:
            first, last = self.source_ports
            if not first <= packet.source_port <= last:
                return False
        return self.has_source(packet, members)


def _within(text: str, network: Network) -> bool:
    found = address(text)
    return found.version == network.version and found in network


@dataclass(frozen=True)
class Verdict:
    """
    What became of a packet, and the rules that decided it.
    """

    accepted: bool
    deciders: tuple[SimulatedRule, ...]


def decided(matching: list[SimulatedRule]) -> Verdict:
    """
    Decide a packet by the rules that match it.
    """
    if not matching:
        return Verdict(accepted=False, deciders=())
    rank = min(rule.priority for rule in matching)
    first = [rule for rule in matching if rule.priority == rank]
    drops = tuple(rule for rule in first if not rule.accepts)
    if drops:
        return Verdict(accepted=False, deciders=drops)
    return Verdict(accepted=True, deciders=tuple(first))
