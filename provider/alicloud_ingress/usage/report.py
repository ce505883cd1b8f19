"""
The usage of rules for people: rows, cells of a table, days, and what a rule could be
narrowed to.

A proposal holds everything that used the rule, surely or possibly, and lies within
the rule. It is made only where the logs cover the whole period: what was not watched
may need the rest.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TypeVar, cast

from alicloud_ingress.errors import some_of
from alicloud_ingress.exposure.packets import Interval, joined
from alicloud_ingress.rules.rule import IngressRule
from alicloud_ingress.rules.spelling import (
    ALL_PORTS,
    PROTOCOL_NUMBERS,
    WITH_PORTS,
    port_pair,
)
from alicloud_ingress.usage.facts import Coverage, JudgedPeriod
from alicloud_ingress.usage.judging import (
    VERDICTS,
    GroupUsage,
    Judged,
    lets_ipv6_in,
)
from alicloud_ingress.usage.table import DAY_S, time_text
from alicloud_ingress.usage.traffic import Block, PortRange, Tally, Traffic

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
_Member = TypeVar("_Member")


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
    if coverage.ipv6_problem and lets_ipv6_in(rule.live.rule):
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
    few = fewer(map(_network, blocks), MAX_SOURCES)
    if not all(_is_within(each, whole) for each in few):
        return ()
    if any(each.prefixlen < WIDEST[each.version] for each in few):
        return ()
    size = sum(each.num_addresses for each in few)
    return tuple(map(str, few)) if 2 * size <= whole.num_addresses else ()


def _network(block: Block) -> Network:
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
    found = [_common(first, last) for first, last in _parts(outermost, forks, most)]
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
    return [(first[0], last[1]) for first, last in _parts(ranges, widest, most)]


def _parts(
    members: Sequence[_Member], cuts: Sequence[int], most: int
) -> Iterator[tuple[_Member, _Member]]:
    """
    First and last member of each part, after at most *most* - 1 cuts, the best first.
    """
    starts = sorted([0, *cuts[: most - 1]])
    for start, end in zip(starts, [*starts[1:], len(members)], strict=True):
        yield members[start], members[end - 1]


COLUMNS = (
    *("rule", "ID", "verdict", "last used", "flows", "bytes"),
    *("sources", "ports", "narrower", "why"),
)
SHOWN_SOURCES = 16
SHOWN_PORTS = 16
CELL_ENTRIES = 4
"""
How many sources or ports a cell of a table names.
"""


@dataclass(frozen=True, slots=True)
class Source:
    """
    Traffic from one block.

    Args:
        cidr: the block, or `unknown` where the log held no address.
    """

    cidr: str
    tally: Tally


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """
    One rule with all that is shown of it.

    Args:
        sources: at most `SHOWN_SOURCES` blocks that hold every source that was seen.
        ports: that were used, such as `443/443`, or `tcp 443/443` where the rule is
            not of one protocol with ports.
        seen_on: days, counted since 1970-01-01 UTC, on which a flow was first or last
            seen.
        within: days between the two of some flow, on which it may have been seen.
    """

    judged: Judged
    sources: tuple[Source, ...]
    ports: tuple[str, ...]
    proposal: Proposal | None
    seen_on: frozenset[int]
    within: frozenset[int]

    @property
    def last_used(self) -> str | None:
        """
        ISO 8601 in UTC; None where no flow was seen.
        """
        tally = self.judged.tally
        return time_text(tally.last_seen) if tally else None


def rows_of(usage: GroupUsage) -> tuple[Row, ...]:
    """
    The rules of a group in the order in which ECS takes them.
    """
    in_order = sorted(usage.rules, key=lambda judged: judged.live.place)
    return tuple(_row(judged, usage) for judged in in_order)


def _row(judged: Judged, usage: GroupUsage) -> Row:
    days = [each for traffic in judged.traffic for each in traffic.days]
    return Row(
        judged=judged,
        sources=tuple(_sources(judged.traffic)),
        ports=tuple(_ports(judged)),
        proposal=proposal(judged, usage.coverage),
        seen_on=frozenset(day for each in days for day in (each.first, each.last)),
        within=frozenset(
            day for each in days for day in range(each.first, each.last + 1)
        ),
    )


def _sources(traffic: Sequence[Traffic]) -> list[Source]:
    blocks = [block for each in traffic for block in each.blocks]
    found: dict[str, Tally] = {}

    def count(cidr: str, block: Block) -> None:
        found[cidr] = found[cidr] + block.tally if cidr in found else block.tally

    for family in (4, 6):
        networks = {b: _network(b) for b in blocks if b.family == family}
        few = fewer(networks.values(), SHOWN_SOURCES)
        for block, network in networks.items():
            around = next(each for each in few if _is_within(network, each))
            cidr = str(around)
            if around.prefixlen == around.max_prefixlen:
                cidr = str(around.network_address)
            count(cidr, block)
    for block in blocks:
        if not block.family:
            count("unknown", block)
    sources = [Source(cidr, tally) for cidr, tally in found.items()]
    return sorted(sources, key=lambda each: (-each.tally.flows, each.cidr))


def _ports(judged: Judged) -> Iterable[str]:
    named = judged.live.rule.ip_protocol in WITH_PORTS
    by_protocol: dict[int, list[PortRange]] = {}
    for traffic in judged.traffic:
        for protocol in traffic.protocols:
            by_protocol.setdefault(protocol, [])
        for ports in traffic.ports:
            by_protocol.setdefault(ports.protocol, []).append(ports)
    for protocol, ranges in sorted(by_protocol.items()):
        name = PROTOCOL_NUMBERS.get(str(protocol), f"protocol {protocol}")
        known = [each for each in ranges if each.first >= 0]
        if not ranges and not named:
            yield name
        for first, last in few_ranges(known, SHOWN_PORTS):
            yield f"{first}/{last}" if named else f"{name} {first}/{last}"
        if len(known) < len(ranges):
            yield "unknown" if named else f"{name} unknown"


def cells(row: Row) -> tuple[str, ...]:
    """
    The texts of a row, in the order of `COLUMNS`; not made safe.
    """
    judged, tally = row.judged, row.judged.tally
    return (
        judged.live.rule.as_text,
        judged.live.rule_id,
        verdict_of(judged),
        row.last_used or "",
        str(tally.flows) if tally else "0",
        bytes_in_words(tally.bytes if tally else 0),
        some_of((source.cidr for source in row.sources), CELL_ENTRIES),
        some_of(row.ports, CELL_ENTRIES),
        narrower_in_words(row.proposal),
        "; ".join(judged.reasons),
    )


def verdict_of(judged: Judged) -> str:
    """
    The verdict in words: of a drop, whether it stopped something.
    """
    if not judged.is_drop or judged.verdict == "not judged":
        return judged.verdict
    return "stopped traffic" if judged.verdict == "used" else "possibly stopped traffic"


def narrower_in_words(narrower: Proposal | None) -> str:
    """
    Such as `sources 10.1.2.0/24; ports 443/443`; "" for none.
    """
    if narrower is None:
        return ""
    parts = [("sources", narrower.sources), ("ports", narrower.ports)]
    return "; ".join(f"{name} {', '.join(texts)}" for name, texts in parts if texts)


def coverage_in_words(usage: GroupUsage) -> str:
    """
    What was watched of a group.
    """
    covered = usage.coverage
    return f"{covered.as_text}, {covered.skipped_windows} windows skipped or missing"


def counts_in_words(usage: GroupUsage) -> str:
    """
    How many rules have which verdict.
    """
    counts = dict.fromkeys(VERDICTS, 0)
    for judged in usage.rules:
        counts[judged.verdict] += 1
    return ", ".join(f"{number} {name}" for name, number in counts.items() if number)


def bytes_in_words(count: int) -> str:
    """
    Such as `3.2 MB`; units of 1,000.
    """
    size = float(count)
    for unit in ("B", "kB", "MB", "GB", "TB"):
        if size < 1_000:  # noqa: PLR2004 - the step between units
            return f"{size:.3g} {unit}"
        size /= 1_000
    return f"{size:.3g} PB"


def days_of(period: JudgedPeriod) -> range:
    """
    The days of a period, counted since 1970-01-01 UTC.
    """
    return range(period.start // DAY_S, (period.end - 1) // DAY_S + 1)
