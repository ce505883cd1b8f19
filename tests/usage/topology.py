"""
A world drawn from a seed: VPCs, groups, interfaces, rules and lists.
"""

from __future__ import annotations

import ipaddress
import random
from dataclasses import dataclass, field
from datetime import datetime, timezone

from alicloud_ingress.testing import FakeEcs
from usage.policy import (
    NUMBERS,
    Network,
    Packet,
    SimulatedRule,
    Verdict,
    decided,
)

REGION = "cn-hangzhou"
ACCOUNT = "1000000000000001"
EPOCH = 1_767_571_200
"""
2026-01-05T00:00:00Z.
"""
DAY = 86_400


@dataclass(frozen=True)
class SimulatedGroup:
    """
    A security group; `vpc` is -1 in the classic network.
    """

    number: int
    vpc: int
    basic: bool
    inner_access: bool

    @property
    def group_id(self) -> str:
        """
        Its ID in the fake.
        """
        return f"sg-world{self.number:04d}"


@dataclass(frozen=True)
class SimulatedInterface:
    """
    A network interface, from when to when it was there.

    Args:
        gone: None for one that exists.
    """

    number: int
    vpc: int
    groups: tuple[int, ...]
    ipv4: tuple[str, ...]
    ipv6: tuple[str, ...]
    created: int
    gone: int | None = None
    idle: bool = False
    forwards: bool = False
    secondary: bool = False

    @property
    def interface_id(self) -> str:
        """
        Its ID in the fake and in the logs.
        """
        return f"eni-world{self.number:04d}"

    @property
    def addresses(self) -> tuple[str, ...]:
        """
        All of its addresses.
        """
        return (*self.ipv4, *self.ipv6)

    def exists(self, time: int) -> bool:
        """
        Whether it was there at a time.
        """
        return self.created <= time and (self.gone is None or time < self.gone)


@dataclass
class World:
    """
    Everything that decides packets, and the period that the logs are about.
    """

    start: int
    end: int
    window_s: int
    groups: list[SimulatedGroup] = field(default_factory=list[SimulatedGroup])
    interfaces: list[SimulatedInterface] = field(
        default_factory=list[SimulatedInterface]
    )
    rules: list[SimulatedRule] = field(default_factory=list[SimulatedRule])

    def members(self, group: int, time: int) -> frozenset[str]:
        """
        The addresses of a group's members at a time.
        """
        return frozenset(
            each
            for interface in self.interfaces
            if group in interface.groups and interface.exists(time)
            for each in interface.addresses
        )

    def rules_of(self, interface: SimulatedInterface) -> list[SimulatedRule]:
        """
        The rules of all groups of an interface, those that are gone too.
        """
        return [rule for rule in self.rules if rule.group in interface.groups]

    def matches(self, rule: SimulatedRule, packet: Packet, time: int) -> bool:
        """
        Whether a rule that existed at a time matches a packet.
        """
        if not rule.exists(time):
            return False
        members: frozenset[str] = frozenset()
        if rule.source_group is not None:
            members = self.members(rule.source_group, time)
        return rule.matches(packet, members)

    def is_inner(
        self, interface: SimulatedInterface, packet: Packet, time: int
    ) -> bool:
        """
        Whether a packet is between members of a basic group that lets them talk.
        """
        return any(
            self.groups[each].basic
            and self.groups[each].inner_access
            and packet.source in self.members(each, time)
            for each in interface.groups
        )

    def decide(
        self, interface: SimulatedInterface, packet: Packet, time: int
    ) -> Verdict:
        """
        Decide an inbound packet that belongs to no session.
        """
        if self.is_inner(interface, packet, time):
            return Verdict(accepted=True, deciders=())
        return decided(
            [
                rule
                for rule in self.rules_of(interface)
                if self.matches(rule, packet, time)
            ]
        )

    def interface_with(self, vpc: int, text: str, time: int) -> int | None:
        """
        The number of the interface that had an address in a VPC.
        """
        for each in self.interfaces:
            if each.vpc == vpc and text in each.addresses and each.exists(time):
                return each.number
        return None


@dataclass(frozen=True)
class Ingredients:
    """
    What of the doubtful things a world has.
    """

    source_groups: bool = False
    inner_access: bool = False
    source_ports: bool = False
    unresolvable: bool = False
    young_rules: bool = False
    deleted_rules: bool = False
    gone_interfaces: bool = False
    forwarders: bool = False
    classic: bool = False
    expiring_sessions: bool = False
    ipv6: bool = True

    @staticmethod
    def drawn(rng: random.Random) -> Ingredients:
        """
        Each with a probability of its own; a third of the worlds has none.
        """
        if rng.random() < 1 / 3:
            return Ingredients(ipv6=rng.random() < 0.5)
        return Ingredients(
            source_groups=rng.random() < 0.5,
            inner_access=rng.random() < 0.4,
            source_ports=rng.random() < 0.15,
            unresolvable=rng.random() < 0.2,
            young_rules=rng.random() < 0.3,
            deleted_rules=rng.random() < 0.3,
            gone_interfaces=rng.random() < 0.3,
            forwarders=rng.random() < 0.3,
            classic=rng.random() < 0.1,
            expiring_sessions=rng.random() < 0.7,
            ipv6=rng.random() < 0.6,
        )


def draw_world(rng: random.Random, has: Ingredients) -> World:
    """
    Draw a world.
    """
    window_s = rng.choice([600] * 6 + [300, 300, 60])
    start = EPOCH + 3600 * rng.randrange(24 * 30)
    world = World(start, start + DAY, window_s)
    for vpc in range(rng.choice([1, 1, 1, 1, 1, 2])):
        _draw_vpc(rng, has, world, vpc)
    if has.classic:
        number = len(world.groups)
        world.groups.append(SimulatedGroup(number, -1, basic=True, inner_access=True))
        _draw_rules(rng, has, world, number)
    return world


def _draw_vpc(rng: random.Random, has: Ingredients, world: World, vpc: int) -> None:
    first = len(world.groups)
    for _ in range(rng.randint(1, 3)):
        world.groups.append(
            SimulatedGroup(
                len(world.groups),
                vpc,
                basic=True,
                inner_access=has.inner_access and rng.random() < 0.6,
            )
        )
    if rng.random() < 0.3:
        world.groups.append(
            SimulatedGroup(len(world.groups), vpc, basic=False, inner_access=False)
        )
    kinds = [
        [g.number for g in world.groups[first:] if g.basic is basic]
        for basic in (True, False)
    ]
    count = rng.randint(2, 5)
    for position in range(count):
        world.interfaces.append(
            _draw_interface(rng, has, world, vpc, kinds, idle=position == 0)
        )
    for number in range(first, len(world.groups)):
        _draw_rules(rng, has, world, number)


def _draw_interface(
    rng: random.Random,
    has: Ingredients,
    world: World,
    vpc: int,
    kinds: list[list[int]],
    *,
    idle: bool,
) -> SimulatedInterface:
    number = len(world.interfaces)
    groups = rng.choice([kind for kind in kinds if kind])
    created = world.start - rng.randint(1, 90) * DAY
    gone = None
    inside = (world.start + 60, world.end - 60)
    if not idle and rng.random() < 0.2:
        created = rng.randint(*inside)
    elif not idle and has.gone_interfaces and rng.random() < 0.4:
        gone = rng.randint(*inside)
    host = 10 * number + 10
    return SimulatedInterface(
        number,
        vpc,
        tuple(rng.sample(groups, rng.randint(1, min(3, len(groups))))),
        tuple(f"10.{vpc}.0.{host + n}" for n in range(rng.choice([1, 1, 2, 3]))),
        tuple(
            f"2001:db8:{vpc:x}::{host + n:x}"
            for n in range(rng.choice([0, 1, 1, 2]) if has.ipv6 else 0)
        ),
        created,
        gone,
        idle=idle,
        forwards=has.forwarders and not idle and rng.random() < 0.4,
        secondary=rng.random() < 0.3,
    )


def _draw_rules(rng: random.Random, has: Ingredients, world: World, group: int) -> None:
    """
    Rules of which no two are the same to ECS.
    """
    remarks = {"Description", "CreateTime"}
    seen: set[frozenset[tuple[str, str]]] = set()
    for _ in range(rng.randint(1, 6)):
        rule = _draw_rule(rng, has, world, group)
        identity = frozenset(
            (name, value) for name, value in rule.fields.items() if name not in remarks
        )
        if identity not in seen:
            seen.add(identity)
            world.rules.append(rule)


PROTOCOLS = ["tcp"] * 8 + ["udp"] * 2 + ["icmp", "icmpv6", "gre", "all", "all", "132"]
PORTS = [22, 80, 443, 3306, 5432, 6379, 8000, 8080, 8443, 53, 179]
BLOCKS4 = ["0.0.0.0/0", "10.0.0.0/8", "198.51.100.0/24", "203.0.113.0/25"]
HOSTS4 = ["198.51.100.7", "203.0.113.9", "10.9.0.4"]
BLOCKS6 = ["::/0", "2001:db8:f::/48", "2001:db8::/32"]


def _draw_rule(
    rng: random.Random, has: Ingredients, world: World, group: int
) -> SimulatedRule:
    number = len(world.rules)
    protocol = rng.choice(PROTOCOLS)
    ported = protocol in ("tcp", "udp")
    fields = {
        "IpProtocol": protocol,
        "Policy": rng.choice(["accept"] * 4 + ["drop"]),
        "Priority": str(rng.choice([1, 1, 1, 2, 5, 10, 50, 100])),
        "Description": f"rule {number}",
    }
    six = has.ipv6 and (
        protocol == "icmpv6" or (protocol != "icmp" and rng.random() < 0.25)
    )
    if protocol == "icmpv6" and not six:
        fields["IpProtocol"] = protocol = "icmp"
    ports = _draw_ports(rng, fields) if ported else None
    if not ported:
        fields["PortRange"] = "-1/-1"
    source_ports = None
    if has.source_ports and ported and rng.random() < 0.3:
        first = rng.choice([1024, 40_000])
        source_ports = (first, first + 10_000)
        fields["SourcePortRange"] = f"{first}/{first + 10_000}"
    source = _draw_source(rng, has, world, group, fields, six=six)
    destination = None
    if rng.random() < 0.12 and (source.networks and not six):
        destination = _network(f"10.{max(world.groups[group].vpc, 0)}.0.0/26")
        fields["DestCidrIp"] = destination.with_prefixlen
    created, deleted = _draw_life(rng, has, world)
    fields["CreateTime"] = iso(created)
    return SimulatedRule(
        number,
        group,
        accepts=fields["Policy"] == "accept",
        priority=int(fields["Priority"]),
        protocol=_number_of(protocol),
        ports=ports,
        source_ports=source_ports,
        networks=source.networks,
        source_group=source.group,
        foreign=source.foreign,
        destination=destination,
        created=created,
        deleted=deleted,
        resolvable=source.resolvable,
        fields=fields,
    )


def _number_of(protocol: str) -> int | None:
    if protocol == "all":
        return None
    return int(protocol) if protocol.isdecimal() else NUMBERS[protocol.upper()]


def _draw_ports(
    rng: random.Random, fields: dict[str, str]
) -> tuple[tuple[int, int], ...]:
    if rng.random() < 0.15:
        ranges = sorted({_draw_range(rng) for _ in range(rng.randint(1, 3))})
        fields["_ports"] = ",".join(f"{a}/{b}" for a, b in ranges)
        return tuple(ranges)
    first, last = _draw_range(rng)
    fields["PortRange"] = f"{first}/{last}"
    return ((first, last),)


def _draw_range(rng: random.Random) -> tuple[int, int]:
    kind = rng.random()
    if kind < 0.1:
        return 1, 65535
    first = rng.choice(PORTS)
    return (first, first) if kind < 0.7 else (first, min(first + 100, 65535))


@dataclass(frozen=True)
class _Source:
    """
    The source of a rule, as the truth knows it.
    """

    networks: tuple[Network, ...] = ()
    group: int | None = None
    foreign: frozenset[str] = frozenset()
    resolvable: bool = True


def _draw_source(
    rng: random.Random,
    has: Ingredients,
    world: World,
    group: int,
    fields: dict[str, str],
    *,
    six: bool,
) -> _Source:
    others = [
        g.number
        for g in world.groups
        if g.vpc == world.groups[group].vpc and g.number != group and g.basic
    ]
    plain = fields["IpProtocol"] != "icmpv6"
    basic = world.groups[group].basic and world.groups[group].vpc >= 0
    if has.unresolvable and basic and plain and rng.random() < 0.15:
        fields["SourceGroupId"] = f"sg-foreign{rng.randint(1, 3)}"
        fields["SourceGroupOwnerId"] = "1000000000000009"
        return _Source(foreign=frozenset({"10.77.0.5", "10.77.0.6"}), resolvable=False)
    if has.source_groups and others and basic and plain and rng.random() < 0.35:
        chosen = rng.choice(others)
        fields["SourceGroupId"] = world.groups[chosen].group_id
        return _Source(group=chosen)
    blocks = BLOCKS6 if six else BLOCKS4
    if rng.random() < 0.15 and world.groups[group].vpc >= 0:
        chosen_blocks = sorted(set(rng.sample(blocks[1:], rng.randint(1, 2))))
        gone = has.unresolvable and rng.random() < 0.4
        fields["_prefixes"] = ",".join(chosen_blocks)
        if gone:
            fields["_prefixes_gone"] = "yes"
        return _Source(
            networks=tuple(_network(each) for each in chosen_blocks),
            resolvable=not gone,
        )
    name = "Ipv6SourceCidrIp" if six else "SourceCidrIp"
    hosts = [] if six else HOSTS4
    fields[name] = rng.choice([*blocks, *hosts])
    return _Source(networks=(_network(fields[name]),))


def _draw_life(
    rng: random.Random, has: Ingredients, world: World
) -> tuple[int, int | None]:
    created, deleted = world.start - rng.randint(1, 400) * DAY, None
    inside = (world.start + 60, world.end - 60)
    if has.young_rules and rng.random() < 0.25:
        created = rng.randint(*inside)
    elif has.deleted_rules and rng.random() < 0.25:
        deleted = rng.randint(*inside)
    return created, deleted


def _network(text: str) -> Network:
    return ipaddress.ip_network(text)


def iso(time: int) -> str:
    """
    A time as ECS writes it.
    """
    return datetime.fromtimestamp(time, timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


def seed_fake(world: World, fake: FakeEcs) -> dict[int, str]:
    """
    Put what exists at the end of the period into a fake.

    Returns:
        number of a rule -> its ID, for the rules that exist.
    """
    for group in world.groups:
        fake.new_group(
            REGION,
            vpc_id="" if group.vpc < 0 else f"vpc-world{group.vpc}",
            kind="normal" if group.basic else "enterprise",
            id=group.group_id,
        )
        policy = "Accept" if group.inner_access else "Drop"
        fake.groups[group.group_id].inner_access = policy
    for each in world.interfaces:
        if each.gone is None:
            fake.new_interface(
                *(world.groups[number].group_id for number in each.groups),
                private_ips=each.ipv4,
                ipv6_ips=each.ipv6,
                kind="Secondary" if each.secondary else "Primary",
                create_time=iso(each.created),
                id=each.interface_id,
            )
    return {
        rule.number: _seed_rule(world, rule, fake)
        for rule in world.rules
        if rule.deleted is None
    }


def _seed_rule(world: World, rule: SimulatedRule, fake: FakeEcs) -> str:
    fields = {n: v for n, v in rule.fields.items() if not n.startswith("_")}
    if ports := rule.fields.get("_ports"):
        fields["PortRangeListId"] = fake.new_port_range_list(*ports.split(","))
    if blocks := rule.fields.get("_prefixes"):
        fields["SourcePrefixListId"] = fake.new_prefix_list(*blocks.split(","))
    rule_id = fake.add_rule(world.groups[rule.group].group_id, **fields)
    if "_prefixes_gone" in rule.fields:
        del fake.state.prefix_lists[fields["SourcePrefixListId"]]
    return rule_id
