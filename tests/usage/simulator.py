"""
A simulator that knows the truth: from a seed a world, its traffic, and its flow logs.

It says of each rule what `usage show` has to say and must not say, by its own plain
implementation of the policy (`policy.py`), and puts the world into the fake and into
files. Nothing of the product is used.

Run `python -m usage.simulator SEED FOLDER` in `tests/` to write the logs of a world.
"""

from __future__ import annotations

import random
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path

from alicloud_ingress.testing import FakeEcs
from usage.flow_log import (
    LogFiles,
    LogStyle,
    empty_record,
    records_of,
    windows_of,
)
from usage.policy import TCP, Packet, SimulatedRule, address
from usage.topology import (
    Ingredients,
    SimulatedInterface,
    World,
    draw_world,
    seed_fake,
)
from usage.traffic import ACK, SESSION_S, SYN, Seen, Traffic, Truth

SPOILS = ("skipped", "gap", "not logged", "late", "some paths", "unreadable")


@dataclass
class Simulation:
    """
    A world with its traffic and its logs.

    Args:
        spoilt: what is wrong with the logs, of `SPOILS`; nothing in a world that is
            fully watched.
    """

    seed: int
    has: Ingredients
    world: World
    truth: Truth
    style: LogStyle
    spoilt: frozenset[str] = frozenset()
    records: list[dict[str, object]] = field(default_factory=list[dict[str, object]])

    @property
    def all_paths(self) -> bool:
        """
        Whether the logs take all paths, so that `--all-paths` is said of them.
        """
        return "some paths" not in self.spoilt

    def write(self, folder: Path) -> str:
        """
        Write the logs, and return the glob that names them.

        Records are spread over files by their delivery, which is late by chance; some
        are delivered twice.
        """
        rng = random.Random(self.seed + 1)  # noqa: S311
        files = LogFiles(folder, self.style, rng)
        count = rng.randint(1, 4)
        parts: list[list[dict[str, object]]] = [[] for _ in range(count)]
        last = self._lost_by_damage(rng)
        lost = {id(each) for each in last}
        for record in self.records:
            if id(record) in lost:
                continue
            parts[rng.randrange(count)].append(record)
            if rng.random() < 0.05:
                parts[rng.randrange(count)].append(record)
        parts[0] += last
        written = [files.write(part, rng.randrange(24)) for part in parts if part]
        if "unreadable" in self.spoilt:
            damage(written[0], rng)
        return files.glob

    def evidence(self, number: int) -> list[dict[str, object]]:
        """
        The records that show packets which a rule may have let in.
        """
        rule = self.world.rules[number]
        return [
            each
            for each in self.records
            if each["log-status"] == "OK"
            and each["direction"] == "in"
            and each["action"] == "ACCEPT"
            and self._may_match(rule, packet_of(each))
        ]

    def change_lists(self, entry: str) -> set[int]:
        """
        Change what all prefix lists hold since, to one entry.

        Returns:
            The rules from such a list that alone explain a packet: they must not be
            called `unused`.
        """
        listed = {r.number for r in self.world.rules if "_prefixes" in r.fields}
        for number in listed:
            self.world.rules[number].fields["_prefixes"] = entry
        return {n for n in listed & self.truth.accepted_by.keys() if self._explains(n)}

    def _explains(self, number: int) -> bool:
        vpc = self.world.groups[self.world.rules[number].group].vpc
        others = [
            rule
            for rule in self.world.rules
            if rule.number != number
            and rule.accepts
            and self.world.groups[rule.group].vpc == vpc
        ]
        return any(
            not any(
                self._may_match(rule, packet)
                or rule.fits_but_for_lists_and_groups(packet)
                for rule in others
            )
            for packet in map(packet_of, self.evidence(number))
        )

    def _lost_by_damage(self, rng: random.Random) -> list[dict[str, object]]:
        """
        What is at the end of the file that is damaged: all that shows one rule.
        """
        decided = sorted(self.truth.accepted_by)
        if "unreadable" not in self.spoilt or not decided:
            return []
        return self.evidence(rng.choice(decided))

    def seed_fake(self, fake: FakeEcs) -> dict[int, str]:
        """
        Put the world into a fake; the IDs of the rules that exist, by number.
        """
        return seed_fake(self.world, fake)

    def never_unused(self) -> set[int]:
        """
        Rules that must not be called `unused`, whatever the logs lack.

        Those that decided a packet of the period, those that drop, those that are
        younger than the period, and those of a classic group.
        """
        return {
            rule.number
            for rule in self.world.rules
            if rule.number in self.truth.accepted_by
            or not rule.accepts
            or rule.created >= self.world.start
            or self.world.groups[rule.group].vpc < 0
        }

    def surely_unused(self) -> set[int]:
        """
        Rules that must be called `unused`: in a fully watched world, those that
        decided no packet and that no doubtful record could have needed. A VPC that
        shows rejected flows alone may have a log of nothing else, and one that shows
        IPv4 alone too.
        """
        if self.spoilt:
            return set()
        doubtful = self._in_doubt()
        rejecting = self._rejecting()
        return {
            rule.number
            for rule in self.world.rules
            if rule.deleted is None
            and rule.resolvable
            and rule.number not in self.never_unused()
            and rule.number not in doubtful
            and self.world.groups[rule.group].vpc not in rejecting
            and not self._may_be_hidden_by_ipv4(rule)
        }

    def with_ipv4_alone(self) -> Simulation:
        """
        The same world, with a flow log that takes IPv4 alone.
        """
        seen = [each for each in self.truth.seen if ":" not in each.packet.source]
        rng = random.Random(self.seed)  # noqa: S311
        records = records_of(self.world, seen, self.style, rng)
        return replace(self, spoilt=frozenset({"IPv4 alone"}), records=records)

    def _may_be_hidden_by_ipv4(self, rule: SimulatedRule) -> bool:
        """
        Whether a rule lets IPv6 in, of a VPC with IPv6 and without an IPv6 flow.
        """
        vpc = self.world.groups[rule.group].vpc
        existing = [i for i in self.world.interfaces if i.gone is None and i.vpc == vpc]
        is_empty = not any(rule.group in each.groups for each in existing)
        if not is_empty and not any(each.ipv6 for each in existing):
            return False
        return "SourceCidrIp" not in rule.fields and not any(
            ":" in each.packet.source
            and each.direction == "in"
            and self.world.interfaces[each.interface].vpc == vpc
            for each in self.truth.seen
        )

    def _rejecting(self) -> set[int]:
        """
        The VPCs of which all that came in was rejected.
        """
        came_in = [each for each in self.truth.seen if each.direction == "in"]
        interfaces = self.world.interfaces
        return {interfaces[each.interface].vpc for each in came_in} - {
            interfaces[each.interface].vpc for each in came_in if each.accepted
        }

    def surely_used(self) -> set[int]:
        """
        Rules that must be called `used`: in a world without any doubt, those that
        decided a connection of TCP whose handshake the logs show.
        """
        if self.spoilt or self.has not in (Ingredients(), Ingredients(ipv6=False)):
            return set()
        if self.style.flags in ("all", "none"):
            return set()
        found: set[int] = set()
        for each in self.truth.seen:
            interface = self.world.interfaces[each.interface]
            answered = (each.interface, *each.packet.reversed().flow)
            if (
                each.direction == "in"
                and each.accepted
                and each.packet.flags == SYN
                and (each.interface, *each.packet.flow) in self.truth.opened
                and answered in self._flows_out(SYN | ACK)
            ):
                verdict = self.world.decide(interface, each.packet, each.time)
                found |= {rule.number for rule in verdict.deciders if rule.accepts}
        return found

    def _flows_out(self, flags: int) -> set[tuple[object, ...]]:
        return {
            (each.interface, *each.packet.flow)
            for each in self.truth.seen
            if each.direction == "out"
            and each.accepted
            and each.packet.flags & (SYN | ACK) == flags
        }

    def _in_doubt(self) -> set[int]:
        """
        The rules that a doubtful record could have needed.

        It is generous: a doubtful record puts each rule of its VPC in doubt that it
        may match, whatever decides before, and whatever lists and groups hold today.
        """
        proven = self._proven_own()
        doubtful: set[int] = set()
        for each in self.truth.seen:
            if each.direction == "out" or not each.accepted:
                continue
            interface = self.world.interfaces[each.interface]
            if not self._is_doubtful(each, interface, proven):
                continue
            doubtful |= {
                rule.number
                for rule in self.world.rules
                if self.world.groups[rule.group].vpc == interface.vpc
                and (
                    self._may_match(rule, each.packet)
                    or rule.fits_but_for_lists_and_groups(each.packet)
                )
            }
        return doubtful

    def _is_doubtful(
        self,
        each: Seen,
        interface: SimulatedInterface,
        proven: set[tuple[object, ...]],
    ) -> bool:
        flow = (each.interface, *each.packet.flow)
        if flow not in self.truth.opened:
            return interface.gone is not None or flow not in proven
        return (
            interface.gone is not None
            or self.world.is_inner(interface, each.packet, each.time)
            or any(
                self._may_match(rule, each.packet)
                and self._is_vague(rule, each.packet, interface)
                for rule in self.world.rules_of(interface)
            )
        )

    def _is_vague(
        self, rule: SimulatedRule, packet: Packet, interface: SimulatedInterface
    ) -> bool:
        """
        Whether it cannot be known today what the rule did to the packet.
        """
        by_group = rule.source_group is not None or bool(rule.foreign)
        return (
            rule.deleted is not None
            or rule.created >= self.world.start
            or rule.source_ports is not None
            or not rule.resolvable
            or (by_group and not self._is_current(packet.source, interface.vpc))
        )

    def _is_current(self, text: str, vpc: int) -> bool:
        """
        Whether an address is that of an interface that exists today.
        """
        return self.world.interface_with(vpc, text, self.world.end) is not None

    def _may_match(self, rule: SimulatedRule, packet: Packet) -> bool:
        if not rule.fits_but_for_its_source(packet):
            return False
        if rule.foreign or not rule.resolvable:
            return True
        if rule.source_group is None:
            return rule.has_source(packet, frozenset())
        vpc = self.world.groups[rule.group].vpc
        ever = {
            text
            for each in self.world.interfaces
            if rule.source_group in each.groups
            for text in each.addresses
        }
        return packet.source in ever or not self._is_current(packet.source, vpc)

    def _proven_own(self) -> set[tuple[object, ...]]:
        """
        Inbound flows of TCP that the flags of their pair prove to be answers. A flow
        that lasts longer than the idle timeout of a session may hold more than one.
        """
        if self.style.flags in ("all", "none"):
            return set()
        opening = self._flows_out(SYN)
        answering = self._flows_out(SYN | ACK)
        proven: set[tuple[object, ...]] = set()
        opened_by_peer: set[tuple[object, ...]] = set()
        for each in self.truth.seen:
            if each.direction == "out" or each.packet.protocol != TCP:
                continue
            flow = (each.interface, *each.packet.flow)
            pair = (each.interface, *each.packet.reversed().flow)
            handshake = each.packet.flags & (SYN | ACK)
            if handshake == SYN:
                opened_by_peer.add(flow)
            if (
                handshake == SYN | ACK
                and each.accepted
                and pair in opening
                and pair not in answering
            ):
                proven.add(flow)
        return {
            flow for flow in proven - opened_by_peer if self._span(flow) <= SESSION_S
        }

    def _span(self, flow: tuple[object, ...]) -> int:
        """
        From the first to the last second that the records of a connection tell of.
        """
        times = self._times[flow]
        if not self.style.start_is_window:
            return max(times) - min(times)
        window_s = self.world.window_s
        return (max(times) // window_s + 1 - min(times) // window_s) * window_s

    @cached_property
    def _times(self) -> dict[tuple[object, ...], list[int]]:
        """
        When the packets of a connection were seen, by its inbound flow.
        """
        times: dict[tuple[object, ...], list[int]] = {}
        for each in self.truth.seen:
            inward = each.direction == "in"
            packet = each.packet if inward else each.packet.reversed()
            times.setdefault((each.interface, *packet.flow), []).append(each.time)
        return times


def simulate(seed: int) -> Simulation:
    """
    The world of a seed: always the same.
    """
    rng = random.Random(seed)  # noqa: S311 - it is to be the same each time
    has = Ingredients.drawn(rng)
    world = draw_world(rng, has)
    truth = Traffic(rng, world, expiring=has.expiring_sessions).run()
    plain = has in (Ingredients(), Ingredients(ipv6=False))
    style = LogStyle.drawn(rng, plain=plain)
    spoilt: frozenset[str] = frozenset()
    if not plain and rng.random() < 0.5:
        spoilt = frozenset(rng.sample(SPOILS, rng.randint(1, 2)))
    records = records_of(world, truth.seen, style, rng)
    simulation = Simulation(seed, has, world, truth, style, spoilt, records)
    for spoil in sorted(spoilt):
        simulation.records = _spoil(simulation, spoil, rng)
    return simulation


def _spoil(
    simulation: Simulation, spoil: str, rng: random.Random
) -> list[dict[str, object]]:
    """
    The records without what a fault of the logs takes away.

    The fault strikes where it does harm: a rule that decided packets loses, as often
    as not, all that shows it.
    """
    world, records = simulation.world, simulation.records
    if spoil == "unreadable":
        return records
    decided = sorted(simulation.truth.accepted_by)
    evidence = simulation.evidence(rng.choice(decided)) if decided else []
    if spoil == "some paths":
        lost = [id(each) for each in evidence]
        return [each for each in records if id(each) not in lost]
    struck = _struck_windows(world, spoil, evidence, rng)
    kept = [
        each
        for each in records
        if (each["eni-id"], _window(world, each)) not in struck
        or (spoil == "skipped" and id(each) not in map(id, evidence))
    ]
    if spoil == "skipped":
        kept += [
            empty_record(world, interface, window, "SKIPDATA", simulation.style)
            for interface in world.interfaces
            for window in windows_of(world, interface)
            if (interface.interface_id, window) in struck
        ]
    return kept


def _struck_windows(
    world: World,
    spoil: str,
    evidence: list[dict[str, object]],
    rng: random.Random,
) -> set[tuple[object, int]]:
    """
    The windows of interfaces whose records are lost.

    Where the log of an interface that is gone ends too early, nothing shows it.
    """
    found: set[tuple[object, int]] = {
        (each["eni-id"], _window(world, each)) for each in evidence
    }
    if not found:
        interface = rng.choice(world.interfaces)
        found = {(interface.interface_id, rng.choice(windows_of(world, interface)))}
    first: dict[object, int] = {}
    for name, window in found:
        first[name] = min(window, first.get(name, window))
    if spoil == "not logged":
        first = dict.fromkeys(first, 0)
    if spoil in ("late", "not logged"):
        return {
            (each.interface_id, window)
            for each in world.interfaces
            if each.gone is None
            for window in windows_of(world, each)
            if window >= first.get(each.interface_id, window + 1)
        }
    return found


def _window(world: World, record: Mapping[str, object]) -> int:
    return int(str(record["start"])) // world.window_s


def packet_of(record: Mapping[str, object]) -> Packet:
    """
    The packets of a record.
    """
    return Packet(
        int(str(record["protocol"])),
        str(address(str(record["srcaddr"]).lower())),
        int(str(record["srcport"])),
        str(address(str(record["dstaddr"]).lower())),
        int(str(record["dstport"])),
    )


def damage(path: Path, rng: random.Random) -> None:
    """
    Cut the end of a file off, or write over its middle.
    """
    content = path.read_bytes()
    if rng.random() < 0.7:
        path.write_bytes(content[: len(content) // 2 - 1])
    else:
        middle = len(content) // 2
        path.write_bytes(
            content[:middle] + b"\xff\x00{[,\n" * 9 + content[middle + 54 :]
        )


def main() -> None:
    """
    Write the logs of a world, and say what is in it.
    """
    seed, folder = int(sys.argv[1]), Path(sys.argv[2])
    simulation = simulate(seed)
    world = simulation.world
    print(simulation.write(folder))  # noqa: T201
    print(  # noqa: T201
        f"{simulation.has} {simulation.style} spoilt: {sorted(simulation.spoilt)}"
        f" {len(simulation.records)} records, {len(world.rules)} rules,"
        f" {len(simulation.truth.accepted_by)} decided, surely unused:"
        f" {sorted(simulation.surely_unused())}"
    )


if __name__ == "__main__":
    main()
