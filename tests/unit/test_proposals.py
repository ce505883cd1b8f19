"""
Narrower rules: they hold everything that was seen, and lie within the rule.
"""

from __future__ import annotations

import ipaddress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alicloud_ingress.rules.live import LiveRule
from alicloud_ingress.usage.facts import Coverage
from alicloud_ingress.usage.judging import Judged, Verdict
from alicloud_ingress.usage.report import (
    MAX_PORTS,
    MAX_SOURCES,
    Network,
    Proposal,
    few_ranges,
    fewer,
    narrower_ports,
    narrower_sources,
    proposal,
)
from alicloud_ingress.usage.traffic import Block, PortRange, Tally, Traffic
from usage_world import rule

TALLY = Tally(1, 1, 1, 1)
COVERED = Coverage(interfaces=1, watched_share=1.0, skipped_windows=0)


def traffic(*sources: str, ports: tuple[tuple[int, int], ...] = ()) -> Traffic:
    """Traffic from some addresses to some ports."""
    blocks = [ipaddress.ip_network(each) for each in sources]
    return Traffic(
        tally=TALLY,
        blocks=tuple(
            Block(each.version, int(each.network_address), each.prefixlen, TALLY)
            for each in blocks
        ),
        ports=tuple(PortRange(6, first, last) for first, last in ports),
        protocols=frozenset({6}),
        days=(),
    )


def holds(networks: list[Network], address: Network) -> bool:
    """Whether an address lies in one of the networks."""
    return any(
        address.network_address in each
        for each in networks
        if each.version == address.version
    )


@settings(deadline=None)
@given(
    st.lists(st.ip_addresses(v=4).map(ipaddress.ip_network), min_size=1, max_size=40),
    st.integers(1, 10),
)
def test_fewer_networks_hold_all_that_many_did(
    networks: list[Network], most: int
) -> None:
    found = fewer(networks, most)
    assert len(found) <= most
    assert all(holds(found, each) for each in networks)
    assert not any(
        one != other and one.overlaps(other) for one in found for other in found
    )


@settings(deadline=None)
@given(
    st.lists(st.integers(0, 65_535).map(lambda n: PortRange(6, n, n)), min_size=1),
    st.integers(1, 6),
)
def test_fewer_port_ranges_hold_all_that_many_did(
    ports: list[PortRange], most: int
) -> None:
    found = few_ranges(ports, most)
    assert len(found) <= most
    assert all(any(a <= p.first <= b for a, b in found) for p in ports)


def test_neighbours_become_one_network() -> None:
    near = [f"10.1.2.{n}" for n in range(1, 20)]
    found = narrower_sources(rule(), [traffic(*near, "198.51.100.7")])
    assert found[-1] == "198.51.100.7/32"
    assert len(found) <= MAX_SOURCES


@pytest.mark.parametrize("source", ["10.0.0.0/8", "10.1.2.3", "2001:db8::/32"])
def test_a_source_outside_the_rule_makes_no_proposal(source: str) -> None:
    within = rule(source_cidr_ip="192.168.0.0/16")
    assert narrower_sources(within, [traffic(source)]) == ()


def test_a_source_that_is_not_known_makes_no_proposal() -> None:
    unknown = Traffic(TALLY, (Block(0, 0, 0, TALLY),), (), frozenset({6}), ())
    assert narrower_sources(rule(), [unknown]) == ()


def test_sources_that_fill_half_the_rule_make_no_proposal() -> None:
    small = rule(source_cidr_ip="10.1.2.0/30")
    assert narrower_sources(small, [traffic("10.1.2.0", "10.1.2.1", "10.1.2.3")]) == ()
    assert narrower_sources(small, [traffic("10.1.2.0")]) == ("10.1.2.0/32",)


def test_sources_all_over_the_world_make_no_proposal() -> None:
    """Their blocks would be where they happen to lie."""
    visitors = [f"{n}.20.30.40" for n in range(1, 200, 9)]
    assert narrower_sources(rule(), [traffic(*visitors)]) == ()


def test_a_rule_from_a_group_keeps_its_source() -> None:
    assert narrower_sources(rule(source_group_id="sg-2"), [traffic("10.0.0.1")]) == ()


def test_ports_that_were_used_are_proposed() -> None:
    wide = rule(port_range="1/65535")
    seen = traffic(ports=((22, 22), (443, 443), (8000, 8010)))
    assert narrower_ports(wide, [seen]) == ("22/22", "443/443", "8000/8010")
    assert narrower_ports(rule(), [traffic(ports=((443, 443),))]) == ()


def test_many_ports_are_proposed_in_few_ranges() -> None:
    wide = rule(port_range="1/65535")
    seen = traffic(ports=tuple((n, n) for n in range(100, 200, 2)))
    assert len(narrower_ports(wide, [seen])) <= MAX_PORTS


def test_a_port_that_was_not_logged_makes_no_proposal() -> None:
    wide = rule(port_range="1/65535")
    assert narrower_ports(wide, [traffic(ports=((-1, -1), (22, 22)))]) == ()


def used(verdict: Verdict = "used", doubtful: tuple[Traffic, ...] = ()) -> Judged:
    """A rule from everywhere that one address used."""
    return Judged(
        live=LiveRule(rule(), "sgr-1", ""),
        verdict=verdict,
        reasons=(),
        traffic=(traffic("10.0.0.1", ports=((443, 443),)),),
        doubtful=doubtful,
    )


def test_a_proposal_holds_what_is_possible_too() -> None:
    assert proposal(used(), COVERED) == Proposal(("10.0.0.1/32",), ())
    found = proposal(used(doubtful=(traffic("172.16.0.1"),)), COVERED)
    assert found == Proposal(("10.0.0.1/32", "172.16.0.1/32"), ())


def test_only_a_used_rule_in_covered_logs_gets_a_proposal() -> None:
    assert proposal(used("possibly used"), COVERED) is None
    missing = Coverage(
        interfaces=1, watched_share=0.5, skipped_windows=0, problems=("x",)
    )
    assert proposal(used(), missing) is None
