"""
The last access to a port, by exposure and by brute force.
"""

from __future__ import annotations

from dataclasses import replace
from itertools import chain, combinations

from hypothesis import given, settings
from hypothesis import strategies as st

from alicloud_ingress.cleanup.effects import WAYS_IN, locks_out
from alicloud_ingress.rules.rule import IngressRule
from packet_model import PACKETS, gets_in, in_some_of, rules

TCP = 6
PACKETS_IN = tuple(
    replace(packet, port=port)
    for packet in PACKETS
    if packet.protocol == TCP and packet.port == 1
    for port in WAYS_IN
)
LISTS = ("prl-a",)
GROUPS = ("sg-a", "sg-b", "pl-a")


def rule(port: str, source: str = "10.0.0.0/8", **more: object) -> IngressRule:
    """A tcp rule."""
    return IngressRule.parse(
        {"ip_protocol": "tcp", "port_range": port, "source_cidr_ip": source, **more}
    )


def some_get_in(rules: list[IngressRule], port: int, lists: frozenset[str]) -> bool:
    """Whether any packet in any source set is accepted, with lists of these entries."""
    return any(
        gets_in(rules, replace(each, sets=each.sets | lists))
        for packet in PACKETS_IN
        if packet.port == port
        for each in in_some_of(packet, GROUPS)
    )


@settings(max_examples=60, deadline=None)
@given(before=st.lists(rules(), min_size=1, max_size=5), data=st.data())
def test_lockout_agrees_with_brute_force(
    before: list[IngressRule], data: st.DataObject
) -> None:
    """Whatever the lists of ports hold."""
    kept = data.draw(st.lists(st.booleans(), min_size=5, max_size=5))
    after = [rule for rule, stays in zip(before, kept, strict=False) if stays]
    choices = chain.from_iterable(combinations(LISTS, n) for n in range(2))

    locked = any(
        some_get_in(before, port, frozenset(lists))
        and not some_get_in(after, port, frozenset(lists))
        for lists in choices
        for port in WAYS_IN
    )

    assert bool(locks_out(before, after)) is locked


def test_a_rule_hidden_by_a_drop_gives_no_access() -> None:
    """Deleting it locks no one out; deleting a visible one does."""
    hidden, drop = rule("22", priority=5), rule("20/30", policy="drop", priority=2)
    other = rule("3389", "192.0.2.0/24")

    assert locks_out([hidden, drop], [drop]) == ""
    assert locks_out([hidden, drop, other], [hidden, drop]) == "3389"
