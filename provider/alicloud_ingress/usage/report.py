"""
The usage of rules for people: rows, cells of a table, days.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from alicloud_ingress.rules.spelling import PROTOCOL_NUMBERS, WITH_PORTS
from alicloud_ingress.usage.coverage import JudgedPeriod
from alicloud_ingress.usage.judging import GroupUsage
from alicloud_ingress.usage.period import DAY_S
from alicloud_ingress.usage.proposals import (
    Proposal,
    few_ranges,
    fewer,
    network_of,
    proposal,
)
from alicloud_ingress.usage.table import time_text
from alicloud_ingress.usage.traffic import Block, PortRange, Tally, Traffic
from alicloud_ingress.usage.verdicts import VERDICTS, Judged

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
        networks = {b: network_of(b) for b in blocks if b.family == family}
        few = fewer(networks.values(), SHOWN_SOURCES)
        for block, network in networks.items():
            around = next(
                each
                for each in few
                if each.prefixlen <= network.prefixlen
                and network.supernet(new_prefix=each.prefixlen) == each
            )
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
        _some([source.cidr for source in row.sources]),
        _some(row.ports),
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


def _some(texts: Sequence[str]) -> str:
    shown = ", ".join(texts[:CELL_ENTRIES])
    more = len(texts) - CELL_ENTRIES
    return f"{shown} and {more} more" if more > 0 else shown
