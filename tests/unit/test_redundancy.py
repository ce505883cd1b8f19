"""
A rule reported as redundant can be deleted, and no packet's result changes.
"""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alicloud_ingress.exposure.redundancy import CoveredRule, alone, together
from alicloud_ingress.rules.rule import IngressRule
from packet_model import PACKETS, Packet, gets_in, in_some_of, matches, rules

LISTS = ("pl-a", "prl-a")
GROUPS = ("sg-a", "sg-b")
SOME_PACKETS = st.integers(0, 8).map(lambda start: PACKETS[start::9])


def rule(
    ports: object = 443, source: str = "10.0.0.0/8", **more: object
) -> IngressRule:
    kinds = {"s": "source_group_id", "p": "source_prefix_list_id"}
    kind = "ipv6_source_cidr_ip" if ":" in source else kinds.get(source[0])
    return IngressRule.parse(
        {
            "ip_protocol": "tcp",
            "port_range": ports,
            kind or "source_cidr_ip": source,
            **more,
        }
    )


def needless(group: Sequence[IngressRule]) -> tuple[CoveredRule, ...]:
    return tuple(alone(group).values())


def removable(group: Sequence[IngressRule]) -> tuple[CoveredRule, ...]:
    return tuple(together(group, going=(), free=range(len(group))).values())


def without(group: list[IngressRule], places: set[int]) -> list[IngressRule]:
    return [each for place, each in enumerate(group) if place not in places]


def assert_nothing_changes(
    group: list[IngressRule],
    left: list[IngressRule],
    others: list[IngressRule],
    packets: Sequence[Packet],
) -> None:
    for packet in packets:
        for choice in in_some_of(packet, [*LISTS, *GROUPS]):
            assert gets_in(group + others, choice) == gets_in(left + others, choice)


@settings(deadline=None, max_examples=40)
@given(st.lists(rules(), max_size=7), st.lists(rules(), max_size=3), SOME_PACKETS)
def test_deleting_one_redundant_rule_changes_nothing(
    group: list[IngressRule], others: list[IngressRule], packets: Sequence[Packet]
) -> None:
    """Whatever other groups the interface is in."""
    for found in needless(group):
        assert_nothing_changes(group, without(group, {found.rule}), others, packets)


@settings(deadline=None, max_examples=60)
@given(st.lists(rules(), max_size=9), st.lists(rules(), max_size=3), SOME_PACKETS)
def test_deleting_all_removable_rules_changes_nothing(
    group: list[IngressRule], others: list[IngressRule], packets: Sequence[Packet]
) -> None:
    """Of two duplicates one is kept."""
    gone = {found.rule for found in removable(group)}

    assert_nothing_changes(group, without(group, gone), others, packets)
    assert needless(without(group, gone)) == ()


@settings(deadline=None, max_examples=60)
@given(st.lists(rules(unknown=False), max_size=6))
def test_no_redundant_rule_is_missed(group: list[IngressRule]) -> None:
    """A rule that is not reported is the only one that matches some packet first."""
    named = {found.rule for found in needless(group)}

    for place, each in enumerate(group):
        before = [
            other
            for other in without(group, {place})
            if (other.priority, other.policy == "accept")
            <= (each.priority, each.policy == "accept")
        ]
        decides = any(
            matches(each, packet) and not any(matches(o, packet) for o in before)
            for packet in PACKETS
        )
        assert decides == (place not in named)


@settings(deadline=None, max_examples=60)
@given(st.lists(rules(), max_size=7))
def test_the_reported_covering_rules_cover(group: list[IngressRule]) -> None:
    """With them alone the rule is redundant, and `removable` keeps all of them."""
    gone = {found.rule for found in removable(group)}
    for found in (*needless(group), *removable(group)):
        by_these = [*(group[place] for place in found.by), group[found.rule]]
        (again,) = [f for f in needless(by_these) if f.rule == len(found.by)]
        assert again.kind == found.kind
    for found in removable(group):
        assert not gone & set(found.by)


@pytest.mark.parametrize(
    ("group", "expected"),
    [
        ([rule(), rule()], [(0, "redundant", (1,)), (1, "redundant", (0,))]),
        ([rule(), rule(source="10.1.0.0/16")], [(1, "redundant", (0,))]),
        ([rule(), rule(priority=2)], [(1, "shadowed", (0,))]),
        ([rule(), rule(policy="drop")], [(0, "shadowed", (1,))]),
        (
            [rule("1/400"), rule("401/800"), rule("300/500", priority=2)],
            [(2, "shadowed", (0, 1))],
        ),
        (
            [rule(22, "0.0.0.0/1"), rule(22, "128.0.0.0/1"), rule(22, "0.0.0.0/0")],
            [(0, "redundant", (2,)), (1, "redundant", (2,)), (2, "redundant", (0, 1))],
        ),
        (
            [rule(), rule(source="10.1.0.0/16", policy="drop", priority=2)],
            [(1, "shadowed", (0,))],
        ),
        ([rule(source="sg-1"), rule("1/500", "sg-1")], [(0, "redundant", (1,))]),
        (
            [
                rule(source="sg-1", priority=2),
                rule("1/500", "0.0.0.0/0"),
                rule("1/500", "::/0"),
            ],
            [(0, "shadowed", (1, 2))],
        ),
        # What looks alike, and differs for some packet.
        ([rule(priority=2), rule(priority=3, source="0.0.0.0/0")], []),
        ([rule(policy="drop", priority=100)], []),
        ([rule(source_port_range="1/65535"), rule()], [(0, "redundant", (1,))]),
        ([rule(dest_cidr_ip="10.9.0.5"), rule(dest_cidr_ip="10.9.0.6")], []),
        ([rule(nic_type="internet"), rule()], []),
        ([rule(source="sg-1"), rule(source="sg-2")], []),
        ([rule(source="sg-1"), rule(source="0.0.0.0/0")], []),
        ([rule(source="sg-1", priority=2), rule(source="0.0.0.0/0")], []),
        ([rule(source="::/0"), rule(source="0.0.0.0/0")], []),
        # Unknown sets are never judged, not even beside equal ones.
        ([rule(source="pl-1"), rule(source="pl-1")], []),
        ([rule(source="pl-1", priority=2), rule(source="0.0.0.0/0")], []),
        (
            [rule(None, port_range_list_id="prl-1"), rule("1/65535")],
            [],
        ),
        ([IngressRule(ip_protocol="tcp", port_range="x", source_cidr_ip="y")] * 2, []),
        ([], []),
    ],
)
def test_redundant_rules_are_reported_with_their_cover(
    group: list[IngressRule], expected: list[tuple[int, str, tuple[int, ...]]]
) -> None:
    """Shadowed by those that win, redundant among those that do the same."""
    assert [(f.rule, f.kind, f.by) for f in needless(group)] == expected


def test_of_equal_rules_the_first_is_kept() -> None:
    """The oldest, where the caller sorts by time."""
    assert [found.rule for found in removable([rule()] * 3)] == [1, 2]


def test_the_widest_rule_is_kept() -> None:
    """Even if it came last, and two halves would be enough."""
    halves = [rule(22, "0.0.0.0/1"), rule(22, "128.0.0.0/1"), rule(22, "0.0.0.0/0")]

    assert [(found.rule, found.by) for found in removable(halves)] == [
        (0, (2,)),
        (1, (2,)),
    ]
