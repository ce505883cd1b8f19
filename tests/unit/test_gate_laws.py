"""
The gate against one packet and one rule after the other.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from alicloud_ingress.exposure.internet import InternetOpening
from alicloud_ingress.exposure.packets import matched
from alicloud_ingress.previews.gate import GroupChange, OwnedRule, Waived, openings
from alicloud_ingress.previews.outcome import flat
from alicloud_ingress.rules.rule import IngressRule
from packet_model import Cell, newly_open

SOURCES = (
    "0.0.0.0/0",
    "0.0.0.0/1",
    "128.0.0.0/1",
    "10.0.0.0/8",
    "::/0",
    "2400::/6",
    "2800::/5",
    "2a00::/12",
)
OWNERS = ("urn:a", "urn:b", "")
PORTS = (22, 23)


@st.composite
def standings(draw: st.DrawFn) -> OwnedRule:
    source = draw(st.sampled_from(SOURCES))
    kind = "ipv6_source_cidr_ip" if ":" in source else "source_cidr_ip"
    protocol, ports = draw(
        st.sampled_from(
            [("tcp", "22/22"), ("tcp", "22/22"), ("tcp", "20/30"), ("all", "-1/-1")]
        )
    )
    rule = IngressRule.parse(
        {
            "ip_protocol": protocol,
            "port_range": ports,
            kind: source,
            "policy": draw(st.sampled_from(["accept", "accept", "drop"])),
            "priority": draw(st.integers(1, 3)),
            "nic_type": draw(st.sampled_from(["intranet", "internet"])),
            **(
                {"source_port_range": "53/53"}
                if protocol == "tcp" and draw(st.integers(0, 5)) == 0
                else {}
            ),
        }
    )
    owner = draw(st.sampled_from(OWNERS))
    return OwnedRule(rule=flat(rule, None), owners=(owner,) if owner else ())


FEW = st.lists(standings(), max_size=4)


def rules(side: Iterable[OwnedRule]) -> list[IngressRule]:
    return [owned.rule for owned in side]


def cells(found: Iterable[InternetOpening], ports: Sequence[int]) -> set[Cell]:
    return {
        (opening.world, protocol, port)
        for opening in found
        for part in opening.traffic
        for protocol in (6, 17)
        if part.protocols[0] <= protocol <= part.protocols[1]
        for port in ports
        if any(first <= port <= last for first, last in part.ports)
    }


def is_for(rule: IngressRule, protocol: int, port: int) -> bool:
    """Whether a rule accepts traffic to a port."""
    packets = matched(rule)
    return rule.policy == "accept" and any(
        a <= protocol <= b and first <= port <= last
        for box in packets.boxes
        for (a, b), (first, last) in [(box.protocols, box.ports)]
    )


@settings(deadline=None, max_examples=100)
@given(FEW, FEW, FEW, st.sampled_from([None, PORTS]))
def test_what_is_newly_open_is_so_packet_by_packet(
    kept: list[OwnedRule],
    old: list[OwnedRule],
    new: list[OwnedRule],
    ports: tuple[int, ...] | None,
) -> None:
    """Some packet gets in newly, and half of the addresses in use do afterwards."""
    before, after = (*kept, *old), (*kept, *new)
    change = GroupChange(before=before, after=after, is_whole=True)

    found = openings(change, ports)

    assert all(opening.certain for opening in found)
    assert cells(found, PORTS) == newly_open(rules(before), rules(after), PORTS)
    for opening in found:
        assert opening.rules
        for _, protocol, port in cells([opening], PORTS):
            assert all(is_for(rule, protocol, port) for rule in opening.rules)


@settings(deadline=None, max_examples=100)
@given(FEW, FEW, FEW, st.sampled_from([None, ((22, 22),), ((1, 21), (23, 65535))]))
def test_a_waiver_covers_only_what_its_resource_lets_in(
    kept: list[OwnedRule],
    old: list[OwnedRule],
    new: list[OwnedRule],
    ports: tuple[tuple[int, int], ...] | None,
) -> None:
    """Before and after, at its ports. What other rules also open is still found."""
    before, after = (*kept, *old), (*kept, *new)
    waived: Waived = {"urn:a": ports}
    change = GroupChange(before=before, after=after, is_whole=True)
    found = openings(change, PORTS, waived)

    for port in PORTS:
        covered = ports is None or any(a <= port <= b for a, b in ports)
        left = [
            [
                owned.rule
                for owned in side
                if not (
                    covered
                    and owned.owners == ("urn:a",)
                    and owned.rule.policy == "accept"
                )
            ]
            for side in (before, after)
        ]
        assert cells(found, [port]) == newly_open(left[0], left[1], [port])


@settings(deadline=None, max_examples=100)
@given(FEW, FEW, FEW, standings())
def test_changed_drops_beside_an_unknown_rule_count_as_openings(
    kept: list[OwnedRule], old: list[OwnedRule], new: list[OwnedRule], hidden: OwnedRule
) -> None:
    """Whatever the unknown rule accepts, and with any priority, nothing is missed."""
    before, after = (
        (*kept, *(replace(s, rule=replace(s.rule, policy="drop")) for s in drops))
        for drops in (old, new)
    )
    rule = replace(hidden.rule, policy="accept")
    change = GroupChange(before=before, after=after, is_whole=False)

    found = cells(openings(change, PORTS), PORTS)

    assert newly_open([*rules(before), rule], [*rules(after), rule], PORTS) <= found


@settings(deadline=None, max_examples=100)
@given(FEW, FEW, FEW, FEW)
def test_the_worst_that_may_come_is_found_beside_what_will(
    before: list[OwnedRule],
    after: list[OwnedRule],
    least: list[OwnedRule],
    most: list[OwnedRule],
) -> None:
    """Apart from it: it may be so."""
    change = GroupChange(
        before=tuple(before),
        after=tuple(after),
        least_before=tuple(least),
        most_after=tuple(most),
        is_whole=True,
    )
    found = openings(change, PORTS)
    sure = [opening for opening in found if opening.certain]
    perhaps = [opening for opening in found if not opening.certain]

    will = newly_open(rules(before), rules(after), PORTS)
    assert cells(sure, PORTS) == will
    assert cells(perhaps, PORTS) == newly_open(rules(least), rules(most), PORTS) - will


def hidden(some: list[OwnedRule], fields: list[str], side: str) -> list[OwnedRule]:
    """The rules with one field of each unknown, as a preview shows them."""
    return [
        replace(owned, rule=replace(owned.rule, **unknown(field, f"{side} {number}")))
        if field
        else owned
        for number, (owned, field) in enumerate(zip(some, fields, strict=False))
    ]


def unknown(field: str, name: str) -> dict[str, Any]:
    """A rule whose priority is unknown counts as one whose policy is, and as first."""
    if field == "priority":
        return {"policy": f"({field} {name})", "priority": 1}
    return {field: f"({field} {name})"}


HIDDEN = st.lists(
    st.sampled_from(["", "port_range", "policy", "priority"]), min_size=4, max_size=4
)


@settings(deadline=None, max_examples=200)
@given(FEW, FEW, FEW, HIDDEN, HIDDEN, HIDDEN)
def test_what_unknown_values_may_open_is_found(  # noqa: PLR0913, PLR0917
    kept: list[OwnedRule],
    old: list[OwnedRule],
    new: list[OwnedRule],
    in_kept: list[str],
    in_old: list[str],
    in_new: list[str],
) -> None:
    """Several values together too, and with what is open already."""
    same = hidden(kept, in_kept, "kept")
    change = GroupChange(
        before=(*same, *hidden(old, in_old, "old")),
        after=(*same, *hidden(new, in_new, "new")),
        is_whole=True,
    )

    found = cells(openings(change, PORTS), PORTS)

    assert newly_open(rules([*kept, *old]), rules([*kept, *new]), PORTS) <= found
