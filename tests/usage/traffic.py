"""
Traffic of a world, packet by packet, with the truth of who decided what.

A conversation is packets at times between two ends. Each end is an interface of the
world or somewhere else. A packet is seen going out of the interface that sends it, and
coming into the interface that gets it, whose security groups decide it unless it
belongs to a session. What is rejected is not delivered.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from typing import Literal

from usage.policy import (
    GRE,
    ICMP,
    ICMPV6,
    SCTP,
    TCP,
    UDP,
    Packet,
    SimulatedRule,
    address,
)
from usage.topology import SimulatedInterface, World

FIN, SYN, RST, PSH, ACK = 1, 2, 4, 8, 16
SESSION_S = 910
"""
How long a session lives without a packet.
"""
OUTSIDE4 = [
    "198.51.100.7",
    "198.51.100.80",
    "203.0.113.9",
    "203.0.113.200",
    "192.0.2.1",
]
OUTSIDE6 = ["2001:db8:f::1", "2001:db8:e::7"]
NAT = "10.{vpc}.255.4"
"""
The address of a NAT gateway: of the VPC, and no interface's of the account.
"""


@dataclass(frozen=True)
class Seen:
    """
    A packet at one interface.
    """

    time: int
    interface: int
    direction: Literal["in", "out"]
    packet: Packet
    accepted: bool


@dataclass
class Truth:
    """
    What decided packets, and what was seen.

    Args:
        accepted_by: number of a rule -> times at which it decided that a packet may
            pass.
        dropped_by: the same of packets that it stopped.
        opened: inbound flows, with their interface, whose first packet rules or the
            inner access of a group let pass within the period.
    """

    seen: list[Seen] = field(default_factory=list[Seen])
    accepted_by: dict[int, list[int]] = field(default_factory=dict[int, list[int]])
    dropped_by: dict[int, list[int]] = field(default_factory=dict[int, list[int]])
    opened: set[tuple[object, ...]] = field(default_factory=set[tuple[object, ...]])


@dataclass
class Traffic:
    """
    Sends packets through a world, in the order of time.
    """

    rng: random.Random
    world: World
    truth: Truth = field(default_factory=Truth)
    _plans: list[tuple[int, int, int, Packet, int | None, int | None, str]] = field(
        default_factory=list[tuple[int, int, int, Packet, int | None, int | None, str]]
    )
    expiring: bool = False
    _sessions: dict[tuple[int, object], int] = field(
        default_factory=dict[tuple[int, object], int]
    )
    _broken: set[int] = field(default_factory=set[int])
    _conversations: int = 0

    def run(self) -> Truth:
        """
        Draw all traffic, send it, and return what came of it.
        """
        for interface in self.world.interfaces:
            if interface.idle:
                continue
            for _ in range(self.rng.randint(0, 8)):
                self._draw_inbound(interface)
            for _ in range(self.rng.randint(0, 4)):
                self._draw_outbound(interface)
            if interface.forwards:
                self._draw_forwarded(interface)
            if self.rng.random() < 0.2:
                self._draw_reused(interface)
        self._send_all()
        return self.truth

    def _send_all(self) -> None:
        for time, _, conversation, packet, sender, getter, fate in sorted(
            self._plans, key=lambda plan: plan[:2]
        ):
            if conversation in self._broken and fate != "again":
                continue
            if not self.send(time, packet, sender, getter, fate):
                self._broken.add(conversation)

    def send(
        self,
        time: int,
        packet: Packet,
        sender: int | None,
        getter: int | None,
        fate: str = "",
    ) -> bool:
        """
        Send one packet now; whether it was delivered.

        Args:
            time: not before that of the last packet.
            packet: as it leaves.
            sender: number of the interface that sends it; None for elsewhere.
            getter: number of the interface that gets it.
            fate: `egress` and `acl` are rejections by no inbound rule.
        """
        interfaces = self.world.interfaces
        if sender is not None and interfaces[sender].exists(time):
            key = sender, packet.session
            if fate == "egress":
                self._see(time, sender, "out", packet, accepted=False)
                return False
            self._sessions[key] = time
            self._see(time, sender, "out", packet, accepted=True)
        if getter is None or not interfaces[getter].exists(time):
            return True
        if fate == "acl":
            self._see(time, getter, "in", packet, accepted=False)
            return False
        accepted = self._decide(time, interfaces[getter], packet)
        self._see(time, getter, "in", packet, accepted=accepted)
        return accepted

    def _decide(self, time: int, interface: SimulatedInterface, packet: Packet) -> bool:
        key = interface.number, packet.session
        if self._is_open(key, time):
            self._sessions[key] = time
            return True
        verdict = self.world.decide(interface, packet, time)
        if self.world.start <= time < self.world.end:
            kept = self.truth.accepted_by if verdict.accepted else self.truth.dropped_by
            for rule in verdict.deciders:
                kept.setdefault(rule.number, []).append(time)
            if verdict.accepted:
                self.truth.opened.add((interface.number, *packet.flow))
        if verdict.accepted:
            self._sessions[key] = time
        return verdict.accepted

    def _is_open(self, key: tuple[int, object], time: int) -> bool:
        last = self._sessions.get(key)
        if last is None:
            return False
        return not self.expiring or time - last <= SESSION_S

    def _see(
        self,
        time: int,
        interface: int,
        direction: Literal["in", "out"],
        packet: Packet,
        *,
        accepted: bool,
    ) -> None:
        if self.world.start <= time < self.world.end:
            self.truth.seen.append(
                Seen(time, interface, direction, packet, accepted=accepted)
            )

    def _plan(
        self,
        time: int,
        packet: Packet,
        sender: int | None,
        getter: int | None,
        fate: str = "",
    ) -> None:
        """
        Plan a packet of the newest conversation.
        """
        number = self._conversations
        self._plans.append(
            (time, len(self._plans), number, packet, sender, getter, fate)
        )

    def _time_within(self, interface: SimulatedInterface) -> int:
        first = max(interface.created, self.world.start)
        last = min(interface.gone or self.world.end, self.world.end)
        return self.rng.randrange(first, last)

    def _own_address(self, interface: SimulatedInterface, *, six: bool) -> str:
        return self.rng.choice(interface.ipv6 if six else interface.ipv4)

    def _draw_inbound(self, interface: SimulatedInterface) -> None:
        """
        Somebody opens a connection: often one that a rule is about.
        """
        rng, rules = self.rng, self.world.rules_of(interface)
        packet = self._any_packet(interface)
        if rules and rng.random() < 0.75:
            packet = self._packet_for(rng.choice(rules), interface) or packet
        time = self._time_within(interface)
        if rng.random() < 0.05:
            time = self.world.start - rng.randint(1, 600)
        client = self.world.interface_with(interface.vpc, packet.source, time)
        if client == interface.number:
            return
        fate = "acl" if rng.random() < 0.04 else ""
        self._converse(time, packet, client, interface.number, fate)

    def _draw_outbound(self, interface: SimulatedInterface) -> None:
        """
        The interface opens a connection itself.
        """
        rng = self.rng
        time = self._time_within(interface)
        six = bool(interface.ipv6) and rng.random() < 0.3
        others = [
            text
            for each in self.world.interfaces
            if each.vpc == interface.vpc and each.number != interface.number
            for text in (each.ipv6 if six else each.ipv4)
        ]
        outside = OUTSIDE6 if six else OUTSIDE4
        protocol = rng.choice([TCP, TCP, TCP, UDP, ICMPV6 if six else ICMP])
        packet = self._ported(
            protocol,
            self._own_address(interface, six=six),
            rng.choice([*outside, *(others if rng.random() < 0.5 else [])]),
            rng.choice([443, 80, 53, 3306]),
        )
        if self.expiring and rng.random() < 0.5:
            packet = self._answered_through_a_rule(interface) or packet
        if rng.random() < 0.05:
            time = self.world.start - rng.randint(1, 600)
        server = self.world.interface_with(interface.vpc, packet.destination, time)
        fate = rng.choice(["", "", "", "", "", "acl-answer", "egress"])
        self._converse(time, packet, interface.number, server, fate)

    def _answered_through_a_rule(self, interface: SimulatedInterface) -> Packet | None:
        """
        A packet of TCP whose answers a rule would accept if there were no session.
        """
        rules = [r for r in self.world.rules_of(interface) if r.networks and r.accepts]
        if not rules:
            return None
        answer = self._packet_for(self.rng.choice(rules), interface)
        if answer is None or answer.protocol != TCP:
            return None
        return answer.reversed()

    def _draw_forwarded(self, router: SimulatedInterface) -> None:
        """
        A packet that is neither from nor to the interface: it routes it on.
        """
        rng = self.rng
        time = self._time_within(router)
        packet = self._ported(
            TCP, f"10.{router.vpc}.8.{rng.randint(1, 9)}", rng.choice(OUTSIDE4), 443
        )
        self._conversations += 1
        answer = packet.reversed(SYN | ACK)
        flagged = self._flagged(packet, SYN)
        for second, each in (
            (0, flagged),
            (0, answer),
            (1, self._flagged(packet, ACK)),
        ):
            self._plan(time + second, each, None, router.number)
            self._plan(time + second, each, router.number, None)

    def _draw_reused(self, interface: SimulatedInterface) -> None:
        """
        A SYN without an answer; two windows later the interface itself opens a
        connection between the same two ports, which is answered.
        """
        rules = [rule for rule in self.world.rules_of(interface) if rule.networks]
        if not rules:
            return
        packet = self._packet_for(self.rng.choice(rules), interface)
        time = self._time_within(interface)
        later = time + 2 * self.world.window_s
        if packet is None or packet.protocol != TCP or later >= self.world.end:
            return
        if self.world.interface_with(interface.vpc, packet.source, later) is not None:
            return
        self._conversations += 1
        self._plan(time, self._flagged(packet, SYN), None, interface.number)
        self._conversations += 1
        own = packet.reversed()
        self._plan(later, self._flagged(own, SYN), interface.number, None)
        self._plan(later, own.reversed(SYN | ACK), None, interface.number)
        self._plan(later + 1, self._flagged(own, FIN | ACK), interface.number, None)

    def _any_packet(self, interface: SimulatedInterface) -> Packet:
        rng = self.rng
        six = bool(interface.ipv6) and rng.random() < 0.3
        protocol = rng.choice([TCP] * 5 + [UDP, ICMPV6 if six else ICMP, GRE, SCTP])
        nat = NAT.format(vpc=interface.vpc)
        return self._ported(
            protocol,
            rng.choice(OUTSIDE6 if six else [*OUTSIDE4, nat, "10.77.0.5"]),
            self._own_address(interface, six=six),
            rng.choice([22, 80, 443, 8080, 5432, 179, 12345]),
        )

    def _packet_for(
        self, rule: SimulatedRule, interface: SimulatedInterface
    ) -> Packet | None:
        """
        A packet that a rule matches but perhaps for its destination; None where its
        source cannot be had here.
        """
        rng = self.rng
        source = self._source_of(rule, interface)
        if source is None:
            return None
        six = ":" in source
        if six and not interface.ipv6:
            return None
        protocol = rule.protocol
        if protocol is None:
            protocol = rng.choice([TCP, TCP, UDP, ICMPV6 if six else ICMP, GRE])
        if protocol == (ICMP if six else ICMPV6):
            return None
        first, last = rng.choice(rule.ports or ((1, 65535),))
        return self._ported(
            protocol,
            source,
            self._own_address(interface, six=six),
            rng.choice([first, last, rng.randint(first, last)]),
        )

    def _source_of(
        self, rule: SimulatedRule, interface: SimulatedInterface
    ) -> str | None:
        rng = self.rng
        if rule.source_group is not None:
            found = sorted(
                text
                for each in self.world.interfaces
                if rule.source_group in each.groups and each.number != interface.number
                for text in each.addresses
            )
            return rng.choice(found) if found else None
        if rule.foreign:
            return rng.choice(sorted(rule.foreign))
        network = rng.choice(rule.networks)
        outside = OUTSIDE6 if network.version == 6 else OUTSIDE4
        inside = [text for text in outside if address(text) in network]
        if inside:
            return rng.choice(inside)
        return str(network[min(rng.randint(1, 200), network.num_addresses - 1)])

    def _ported(
        self, protocol: int, source: str, destination: str, port: int
    ) -> Packet:
        """
        A packet with ports where its protocol has them; an echo has an identifier in
        their place, which tells sessions apart and stands in no log.
        """
        if protocol in (ICMP, ICMPV6):
            identifier = self.rng.randint(1, 65535)
            return Packet(protocol, source, identifier, destination, identifier)
        if protocol not in (TCP, UDP, SCTP):
            return Packet(protocol, source, 0, destination, 0)
        from_port = self.rng.randint(1024, 65535)
        return Packet(protocol, source, from_port, destination, port)

    def _flagged(self, packet: Packet, flags: int) -> Packet:
        size = self.rng.choice([40, 60, 1500])
        return Packet(
            packet.protocol,
            packet.source,
            packet.source_port,
            packet.destination,
            packet.destination_port,
            flags,
            size,
        )

    def _converse(
        self,
        time: int,
        packet: Packet,
        client: int | None,
        server: int | None,
        fate: str,
    ) -> None:
        self._conversations += 1
        if packet.protocol == TCP:
            self._tcp(time, packet, client, server, fate)
            return
        rng = self.rng
        answers = rng.random() < 0.5
        for _ in range(rng.randint(1, 3)):
            self._plan(time, packet, client, server, fate)
            if answers:
                self._plan(time, packet.reversed(), server, client)
            time += rng.choice([0, 1, 30, 400])

    def _tcp(
        self,
        time: int,
        packet: Packet,
        client: int | None,
        server: int | None,
        fate: str,
    ) -> None:
        """
        A handshake that works or does not, some data, and an end or none.
        """
        rng = self.rng
        first = "" if fate == "acl-answer" else fate
        self._plan(time, self._flagged(packet, SYN), client, server, first)
        outcome = rng.choice(["served"] * 7 + ["reset", "silent", "again"])
        if outcome in ("silent", "again"):
            if outcome == "again":
                for wait in (1, 3, 7):
                    syn = self._flagged(packet, SYN)
                    self._plan(time + wait, syn, client, server, "again")
            return
        later = "acl" if fate == "acl-answer" else ""
        if outcome == "reset":
            self._plan(time, packet.reversed(RST | ACK), server, client, later)
            return
        time += rng.choice([0, 0, 0, 1, 2])
        self._plan(time, packet.reversed(SYN | ACK), server, client, later)
        self._plan(time, self._flagged(packet, ACK), client, server)
        for _ in range(rng.randint(0, 4)):
            waits = [0, 0, 1, 20, 100, 500, *([1500] * 3 if self.expiring else [])]
            wait = rng.choice(waits)
            time += wait
            answer = packet.reversed(PSH | ACK, 1500)
            if wait > SESSION_S:
                self._plan(time, answer, server, client)
                if rng.random() < 0.3:
                    time += 2 * self.world.window_s
                    self._reopen(time, packet, client, server)
            self._plan(time, self._flagged(packet, PSH | ACK), client, server)
            self._plan(time, answer, server, client)
        end = rng.choice([FIN | ACK, FIN | ACK, RST, 0])
        if end:
            self._plan(time + 1, self._flagged(packet, end), client, server)
        if end & FIN:
            self._plan(time + 1, packet.reversed(FIN | ACK), server, client)

    def _reopen(
        self, time: int, packet: Packet, client: int | None, server: int | None
    ) -> None:
        """
        The client opens it again, from the same port.
        """
        self._conversations += 1
        self._plan(time, self._flagged(packet, SYN), client, server)
        self._plan(time, packet.reversed(SYN | ACK), server, client)
