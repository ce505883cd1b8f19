"""
The join inside the engine, compared with one packet and one rule after the other.
"""

from __future__ import annotations

import ipaddress
import tempfile
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timezone
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import packet_model as model
from alicloud_ingress.ecs.responses import NetworkInterface
from alicloud_ingress.exposure.packets import addresses, matched
from alicloud_ingress.rules.live import LiveRule
from alicloud_ingress.rules.rule import IngressRule
from alicloud_ingress.usage.attribution import attribute
from alicloud_ingress.usage.encoding import RuleKey
from alicloud_ingress.usage.facts import VpcFacts
from alicloud_ingress.usage.traffic import Use
from packet_model import Packet
from usage_tables import DAY, FROM, Flow, written
from usage_world import OLD, facts, group, interface, rule


@dataclass(frozen=True)
class Found:
    """
    Which flows used a rule: bits, as each flow counts as another power of two.
    """

    certain: int
    possible: int


NOTHING = Found(0, 0)


def found(
    flows: Sequence[Flow],
    known: VpcFacts,
    asked: Collection[str] | None = None,
    since: int = 0,
) -> dict[RuleKey, Found]:
    """Attribute up to 60 flows."""
    numbered = [replace(flow, flows=1 << n) for n, flow in enumerate(flows)]
    with tempfile.TemporaryDirectory() as folder:
        table = written(Path(folder) / "usage.parquet", numbered)
        uses = attribute(table, known, asked or known.groups.keys(), since)
    return {
        key: Found(_flows(use, True), _flows(use, False)) for key, use in uses.items()
    }


def _flows(use: Use, certain: bool) -> int:  # noqa: FBT001
    traffic = use.certain if certain else use.possible_traffic
    return sum(each.tally.flows for each in traffic)


def of(uses: Mapping[RuleKey, Found], place: int, group_id: str = "sg-1") -> Found:
    """The use of one rule."""
    return uses.get(RuleKey(group_id, place), NOTHING)


LISTS = {"pl-a": ("10.0.0.0/8", "2001:db8::/32"), "prl-a": ("20/25", "443/443")}
MEMBERS = {
    "sg-a": ("10.1.2.3", "200.0.0.1", "2001:db8::2"),
    "sg-b": ("10.2.0.1", "2400::1"),
}


def _memberships(packet: Packet) -> frozenset[str]:
    """The sets of the model that a packet is in, worked out by hand."""
    blocks = [addresses(block) for block in LISTS["pl-a"]]
    number = addresses(packet.source)[0]
    named = {name for name, inside in MEMBERS.items() if packet.source in inside}
    if any(first <= number <= last for first, last in blocks):
        named.add("pl-a")
    if packet.port in (*range(20, 26), 443):
        named.add("prl-a")
    return frozenset(named)


KNOWN = [replace(p, sets=_memberships(p)) for p in model.PACKETS]
WORLD_GROUPS = [group("sg-a"), group("sg-b")]


def _flow(packet: Packet, action: str) -> Flow:
    return Flow(
        source=packet.source,
        destination=packet.dest,
        protocol=packet.protocol,
        port=packet.port if packet.protocol in (6, 17) else None,
        action=action,
    )


def _holders() -> list[NetworkInterface]:
    everybody = {*model.SOURCES_4, *model.SOURCES_6}
    members = {each for inside in MEMBERS.values() for each in inside}
    return [
        interface("eni-1", ["sg-1", "sg-2"], "192.168.0.1"),
        *(
            interface(f"eni-{name}", [name], *inside)
            for name, inside in MEMBERS.items()
        ),
        interface("eni-others", ["sg-c"], *sorted(everybody - members)),
    ]


def _at_deciding_rank(rules: Sequence[IngressRule], packet: Packet) -> set[int]:
    ranks = {
        n: (each.priority, each.policy == "accept")
        for n, each in enumerate(rules)
        if model.matches(each, packet)
    }
    return {n for n, place in ranks.items() if place == min(ranks.values())}


@settings(max_examples=25, deadline=None)
@given(
    st.lists(model.rules(), min_size=1, max_size=8),
    st.lists(st.sampled_from(KNOWN), min_size=1, max_size=58, unique=True),
    st.integers(0, 8),
    st.booleans(),
)
def test_the_join_agrees_with_the_model_packet_by_packet(
    rules: list[IngressRule],
    packets: list[Packet],
    cut: int,
    resolved: bool,  # noqa: FBT001
) -> None:
    """
    Where nothing is in doubt, the certain uses are exactly those of the model. Where
    something is, what is certain holds in every case, and no case is left out.
    """
    first, second = rules[:cut], rules[cut:]
    ordered = [*first, *second]
    known = facts(
        [group("sg-1", *first), group("sg-2", *second), *WORLD_GROUPS, group("sg-c")],
        _holders(),
        LISTS if resolved else {},
    )
    packets = [replace(p, source_port=0) for p in packets]
    worlds = [_cases(p, resolved=resolved) for p in packets]
    gets_in = [any(model.gets_in(ordered, case) for case in cases) for cases in worlds]
    flows = [
        _flow(p, "ACCEPT" if accepted else "REJECT")
        for p, accepted in zip(packets, gets_in, strict=True)
    ]
    uses = found(flows, known, ["sg-1", "sg-2"])
    doubtful = [
        each.source_port_range != ""
        or (bool(matched(each, known.lists).unknown) and not each.source_group_id)
        for each in ordered
    ]
    for n, each in enumerate(ordered):
        use = of(uses, n if n < cut else n - cut, "sg-1" if n < cut else "sg-2")
        for bit, (cases, accepted) in enumerate(zip(worlds, gets_in, strict=True)):
            if (each.policy == "accept") is not accepted:
                assert not (use.certain | use.possible) >> bit & 1
                continue
            deciding = [n in _at_deciding_rank(ordered, case) for case in cases]
            certain = bool(use.certain >> bit & 1)
            possible = bool(use.possible >> bit & 1)
            assert not (certain and possible)
            assert all(deciding) or not certain
            assert certain or possible or not any(deciding)
            if not any(doubtful):
                assert (certain, possible) == (any(deciding), False)


def _cases(packet: Packet, *, resolved: bool) -> list[Packet]:
    """
    Every packet that the row of a table may stand for.
    """
    ports = model.SOURCE_PORTS if packet.protocol in (6, 17) else (0,)
    lists = {"pl-a", "prl-a"}
    known = packet.sets if resolved else packet.sets - lists
    alternatives = (
        [replace(packet, sets=known)]
        if resolved
        else [
            replace(packet, sets=known | case.sets)
            for case in model.in_some_of(packet, lists)
        ]
    )
    return [replace(p, source_port=port) for p in alternatives for port in ports]


class TestWhatDecides:
    """An accepted flow, and the rules of its interface."""

    def test_the_lowest_priority_number_is_used_alone(self) -> None:
        known = facts([group("sg-1", rule(priority=2), rule(priority=1))])
        uses = found([Flow()], known)
        assert (of(uses, 0), of(uses, 1)) == (NOTHING, Found(1, 0))

    def test_every_accept_at_the_deciding_rank_is_used(self) -> None:
        known = facts([group("sg-1", rule(), rule(source_cidr_ip="10.0.0.0/8"))])
        uses = found([Flow()], known)
        assert (of(uses, 0), of(uses, 1)) == (Found(1, 0), Found(1, 0))

    def test_rules_of_all_groups_of_the_interface_decide(self) -> None:
        known = facts(
            [group("sg-1", rule(priority=2)), group("sg-2", rule(priority=1))],
            [interface("eni-1", ["sg-1", "sg-2"], "192.168.0.1")],
        )
        uses = found([Flow()], known)
        assert of(uses, 0) == NOTHING
        assert of(uses, 0, "sg-2") == Found(1, 0)

    def test_a_group_that_is_not_the_interfaces_does_not_decide(self) -> None:
        known = facts([group("sg-1", rule()), group("sg-2", rule())])
        assert of(found([Flow()], known), 0, "sg-2") == NOTHING

    def test_a_rejected_flow_hits_the_drop_that_decides(self) -> None:
        known = facts([group("sg-1", rule(policy="drop"), rule())])
        uses = found([Flow(action="REJECT")], known)
        assert (of(uses, 0), of(uses, 1)) == (Found(1, 0), NOTHING)

    def test_a_rejected_flow_that_rules_accept_uses_nothing(self) -> None:
        """A network ACL may have rejected it."""
        known = facts([group("sg-1", rule(), rule(policy="drop", priority=2))])
        assert found([Flow(action="REJECT")], known) == {}

    def test_an_answer_to_an_own_connection_uses_nothing(self) -> None:
        known = facts([group("sg-1", rule(port_range="-1/-1", ip_protocol="all"))])
        assert found([Flow(opened="out", port=None)], known) == {}

    def test_a_flow_last_seen_before_the_period_does_not_count(self) -> None:
        known = facts([group("sg-1", rule())])
        seen = Flow(first_seen=FROM, last_seen=FROM + DAY)
        assert found([seen], known, since=FROM + DAY + 1) == {}
        assert of(found([seen], known, since=FROM + DAY), 0) == Found(1, 0)

    def test_a_flow_of_another_vpc_does_not_count(self) -> None:
        known = facts([group("sg-1", rule())])
        assert found([Flow(vpc_id="vpc-2", interface_id="eni-9")], known) == {}


class TestDoubt:
    """A flow that may have used a rule."""

    def test_an_unknown_opener_uses_possibly(self) -> None:
        known = facts([group("sg-1", rule(), rule(priority=2))])
        uses = found([Flow(opened="unknown")], known)
        assert (of(uses, 0), of(uses, 1)) == (Found(0, 1), NOTHING)

    def test_an_unknown_opener_that_is_not_accepted_is_possible_everywhere(
        self,
    ) -> None:
        known = facts([group("sg-1"), group("sg-2", rule())])
        uses = found([Flow(opened="unknown")], known)
        assert of(uses, 0, "sg-2") == Found(0, 1)

    @pytest.mark.parametrize("policy", ["accept", "drop"])
    def test_a_rule_with_source_ports_matches_in_doubt(self, policy: str) -> None:
        """So the rules below it are used possibly."""
        above = rule(source_port_range="1/1023", policy=policy)
        uses = found([Flow()], facts([group("sg-1", above, rule(priority=2))]))
        assert of(uses, 0) == (Found(0, 1) if policy == "accept" else NOTHING)
        assert of(uses, 1) == Found(0, 1)

    def test_a_doubt_below_the_deciding_rank_changes_nothing(self) -> None:
        below = rule(source_port_range="1/1023", priority=2)
        uses = found([Flow()], facts([group("sg-1", rule(), below)]))
        assert (of(uses, 0), of(uses, 1)) == (Found(1, 0), NOTHING)

    def test_an_unresolved_list_matches_in_doubt(self) -> None:
        """And so do the rules below it, but not those beside it."""
        listed = rule(source_prefix_list_id="pl-9")
        known = facts([group("sg-1", listed, rule(), rule(priority=2))])
        uses = found([Flow()], known)
        assert of(uses, 0) == Found(0, 1)
        assert of(uses, 1) == Found(1, 0)
        below = facts([group("sg-1", listed, rule(priority=2))])
        assert of(found([Flow()], below), 1) == Found(0, 1)

    def test_a_flow_of_a_deleted_interface_is_possible_everywhere(self) -> None:
        known = facts([group("sg-1", rule(), rule(priority=2)), group("sg-2", rule())])
        uses = found([Flow(interface_id="eni-gone")], known)
        assert of(uses, 0) == of(uses, 1) == of(uses, 0, "sg-2") == Found(0, 1)

    def test_a_gone_interface_without_a_vpc_counts_in_each(self) -> None:
        known = facts([group("sg-1", rule())])
        uses = found([Flow(interface_id="eni-gone", vpc_id="")], known)
        assert of(uses, 0) == Found(0, 1)

    @pytest.mark.parametrize("above", [(), (rule(policy="drop"),)])
    def test_a_flow_that_todays_rules_refuse_is_possible_everywhere(
        self, above: tuple[IngressRule, ...]
    ) -> None:
        hidden = rule(priority=2) if above else rule(port_range="80")
        known = facts([group("sg-1", *above, hidden), group("sg-2", rule())])
        uses = found([Flow()], known)
        assert of(uses, 0, "sg-2") == Found(0, 1)
        assert of(uses, len(above)) == (Found(0, 1) if above else NOTHING)

    @pytest.mark.parametrize(
        ("listed", "lists"),
        [
            ({"source_prefix_list_id": "pl-1"}, {"pl-1": ("172.16.0.0/12",)}),
            (
                {"port_range": None, "port_range_list_id": "prl-1"},
                {"prl-1": ("80/80",)},
            ),
        ],
    )
    @pytest.mark.parametrize("interface_id", ["eni-1", "eni-gone"])
    def test_a_list_may_have_held_what_explains_a_flow(
        self,
        listed: dict[str, object],
        lists: dict[str, tuple[str, ...]],
        interface_id: str,
    ) -> None:
        """A list that was changed in the period: nothing else accepts the flow."""
        known = facts([group("sg-1", rule(**listed))], lists=lists)
        udp = Flow(interface_id=interface_id, protocol=17)
        uses = found([Flow(interface_id=interface_id), udp], known)
        assert of(uses, 0) == Found(0, 1)

    @pytest.mark.parametrize("interface_id", ["eni-1", "eni-gone"])
    def test_a_list_explains_no_flow_that_another_rule_accepts(
        self, interface_id: str
    ) -> None:
        listed = rule(source_prefix_list_id="pl-1")
        lists = {"pl-1": ("172.16.0.0/12",)}
        known = facts([group("sg-1", listed, rule(priority=2))], lists=lists)
        assert of(found([Flow(interface_id=interface_id)], known), 0) == NOTHING

    def test_rules_that_could_not_be_read_make_every_use_possible(self) -> None:
        known = facts(
            [group("sg-1", rule()), group("sg-3", rule())],
            [interface("eni-1", ["sg-1", "sg-2"], "192.168.0.1")],
            unread=["sg-2"],
        )
        uses = found([Flow()], known)
        assert of(uses, 0) == of(uses, 0, "sg-3") == Found(0, 1)

    def test_a_source_that_is_not_an_address_matches_in_doubt(self) -> None:
        known = facts([group("sg-1", rule(source_cidr_ip="10.0.0.0/8"))])
        assert of(found([Flow(source="-")], known), 0) == Found(0, 1)

    @pytest.mark.parametrize("source", ["::ffff:10.1.2.3", "::ffff:a01:203"])
    def test_an_ipv4_address_as_one_of_ipv6_matches_in_doubt(self, source: str) -> None:
        known = facts([group("sg-1", rule(source_cidr_ip="10.0.0.0/8"))])
        assert of(found([Flow(source=source)], known), 0) == Found(0, 1)

    def test_all_ports_may_hold_port_0(self) -> None:
        known = facts(
            [group("sg-1", rule(port_range="1/65535"), rule(port_range="1/65534"))]
        )
        uses = found([Flow(port=0), Flow(port=1)], known)
        assert of(uses, 0) == Found(0b10, 0b1)
        assert of(uses, 1) == Found(0b10, 0)

    def test_a_port_that_is_missing_matches_in_doubt(self) -> None:
        assert of(found([Flow(port=None)], facts([group("sg-1", rule())])), 0) == Found(
            0, 1
        )


class TestSourceGroups:
    """A rule from a group, and the addresses of its members."""

    def known(
        self, *rules: IngressRule, created: datetime | None = OLD, inner: str = "Drop"
    ) -> VpcFacts:
        return facts(
            [group("sg-1", *rules, inner=inner), group("sg-2"), group("sg-3")],
            [
                interface("eni-1", ["sg-1"], "192.168.0.1"),
                interface(
                    "eni-2", ["sg-2"], "10.1.2.3", "2001:db8::1", created=created
                ),
                interface("eni-3", ["sg-3"], "10.1.2.4"),
            ],
        )

    def test_a_member_uses_it(self) -> None:
        known = self.known(rule(source_group_id="sg-2"))
        six = Flow(source="2001:db8:0:0::1", destination="2001:db8::99")
        assert of(found([Flow(), six], known), 0) == Found(3, 0)

    def test_an_address_of_another_interface_does_not(self) -> None:
        known = self.known(rule(source_group_id="sg-2"), rule(priority=2))
        uses = found([Flow(source="10.1.2.4")], known)
        assert (of(uses, 0), of(uses, 1)) == (NOTHING, Found(1, 0))

    def test_an_address_nothing_else_accepts_may_have_been_a_members(
        self,
    ) -> None:
        """Its interface was moved to another group."""
        known = self.known(rule(source_group_id="sg-2"), rule(port_range="80"))
        uses = found([Flow(source="10.1.2.4")], known)
        assert (of(uses, 0), of(uses, 1)) == (Found(0, 1), NOTHING)

    def test_an_address_of_no_interface_may_have_been_a_members(self) -> None:
        """The rules below are used possibly, too."""
        known = self.known(rule(source_group_id="sg-2"), rule(priority=2))
        uses = found([Flow(source="10.9.9.9")], known)
        assert (of(uses, 0), of(uses, 1)) == (Found(0, 1), Found(0, 1))

    @pytest.mark.parametrize(
        "created", [datetime.fromtimestamp(FROM + DAY + 60, tz=timezone.utc), None]
    )
    def test_an_interface_made_since_may_have_taken_over_the_address(
        self, created: datetime | None
    ) -> None:
        known = self.known(rule(source_group_id="sg-2"), created=created)
        assert of(found([Flow()], known), 0) == Found(0, 1)

    def test_a_group_of_another_account_matches_in_doubt(self) -> None:
        known = self.known(rule(source_group_id="sg-elsewhere"), rule(priority=2))
        uses = found([Flow()], known)
        assert (of(uses, 0), of(uses, 1)) == (Found(0, 1), Found(0, 1))

    def test_an_address_that_two_interfaces_claim_is_in_doubt(self) -> None:
        known = facts(
            [group("sg-1", rule(source_group_id="sg-2")), group("sg-2")],
            [
                interface("eni-1", ["sg-1"], "192.168.0.1"),
                interface("eni-2", ["sg-2"], "10.1.2.3"),
                interface("eni-3", ["sg-1"], "10.1.2.0/28"),
            ],
        )
        assert of(found([Flow()], known), 0) == Found(0, 1)


class TestInnerAccess:
    """Traffic between members of one group."""

    def uses(self, kind: str, inner: str) -> dict[RuleKey, Found]:
        known = facts(
            [
                group("sg-1", rule(), rule(priority=2), kind=kind, inner=inner),
                group("sg-2", rule()),
            ],
            [
                interface("eni-1", ["sg-1"], "192.168.0.1"),
                interface("eni-2", ["sg-1"], "10.1.2.3"),
            ],
        )
        return found([Flow()], known)

    def test_of_a_basic_group_is_no_certain_use(self) -> None:
        """It is possible use of each rule of the interface that it matches."""
        uses = self.uses("normal", "Accept")
        assert (of(uses, 0), of(uses, 1)) == (Found(0, 1), Found(0, 1))
        assert of(uses, 0, "sg-2") == NOTHING

    @pytest.mark.parametrize(
        ("kind", "inner"), [("normal", "Drop"), ("enterprise", "Accept")]
    )
    def test_rules_decide_what_the_group_does_not_let_in(
        self, kind: str, inner: str
    ) -> None:
        uses = self.uses(kind, inner)
        assert (of(uses, 0), of(uses, 1)) == (Found(1, 0), NOTHING)

    @pytest.mark.parametrize(("kind", "inner"), [("", "Accept"), ("normal", "")])
    def test_of_a_group_of_unknown_kind_is_possible_use(
        self, kind: str, inner: str
    ) -> None:
        assert of(self.uses(kind, inner), 0) == Found(0, 1)

    def test_rejected_traffic_is_no_certain_hit(self) -> None:
        known = facts(
            [group("sg-1", rule(policy="drop"))],
            [
                interface("eni-1", ["sg-1"], "192.168.0.1"),
                interface("eni-2", ["sg-1"], "10.1.2.3"),
            ],
        )
        assert of(found([Flow(action="REJECT")], known), 0) == Found(0, 1)


class TestTimes:
    """The rules that existed when a flow was seen."""

    FIRST = FROM + 10 * DAY
    LAST = FROM + 20 * DAY

    def uses(self, created: str, other: int = 2) -> dict[RuleKey, Found]:
        young = LiveRule(rule(), "sgr-young", created)
        known = facts([group("sg-1", young, rule(priority=other))])
        flow = Flow(first_seen=self.FIRST, last_seen=self.LAST)
        return found([flow], known)

    def at(self, second: int) -> str:
        moment = datetime.fromtimestamp(second, tz=timezone.utc)
        return moment.strftime("%Y-%m-%dT%H:%M:%SZ")

    def test_a_rule_made_before_the_flow_is_used(self) -> None:
        uses = self.uses(self.at(self.FIRST - DAY))
        assert (of(uses, 0), of(uses, 1)) == (Found(1, 0), NOTHING)

    def test_a_rule_made_after_the_flow_did_not_decide_it(self) -> None:
        uses = self.uses(self.at(self.LAST + DAY))
        assert (of(uses, 0), of(uses, 1)) == (NOTHING, Found(1, 0))

    def test_a_rule_made_in_between_counts_with_and_without(self) -> None:
        uses = self.uses(self.at(self.FIRST + DAY))
        assert (of(uses, 0), of(uses, 1)) == (Found(0, 1), Found(0, 1))

    @pytest.mark.parametrize("created", ["", "yesterday"])
    def test_a_rule_of_unknown_age_counts_with_and_without(self, created: str) -> None:
        uses = self.uses(created)
        assert (of(uses, 0), of(uses, 1)) == (Found(0, 1), Found(0, 1))

    @pytest.mark.parametrize("skew", [-1, 0, 1])
    def test_clocks_that_differ_by_a_second_leave_it_in_doubt(self, skew: int) -> None:
        for edge in (self.FIRST, self.LAST):
            uses = self.uses(self.at(edge + skew))
            assert of(uses, 0) == Found(0, 1)

    def test_a_minute_without_seconds_is_in_doubt_throughout(self) -> None:
        """The answers of some calls have no seconds."""
        minute = self.FIRST - self.FIRST % 60
        text = self.at(minute).removesuffix(":00Z") + "Z"
        assert of(self.uses(text), 0) == Found(0, 1)


OWN_IPV6 = st.ip_addresses(v=6).filter(
    lambda number: number not in ipaddress.ip_network("::ffff:0:0/96")
)
"""Addresses that do not stand for one of IPv4."""


def six(source: str) -> Flow:
    """A flow to an IPv6 address."""
    return Flow(source=source, destination="2001:db8::99")


@settings(max_examples=15, deadline=None)
@given(st.lists(OWN_IPV6, min_size=1, max_size=40, unique=True), st.data())
def test_every_spelling_of_an_ipv6_address_is_read(
    numbers: list[object], data: st.DataObject
) -> None:
    """As the library of Python reads it."""
    texts = [
        data.draw(st.sampled_from([str(n), getattr(n, "exploded")]))  # noqa: B009
        for n in numbers
    ]
    rules = [rule(ipv6_source_cidr_ip=f"{n}/128") for n in numbers]
    uses = found([six(text) for text in texts], facts([group("sg-1", *rules)]))
    assert [of(uses, n).certain for n in range(len(rules))] == [
        1 << n for n in range(len(rules))
    ]


@pytest.mark.parametrize(
    "text",
    [
        *("1:2", "::1::", "1:2:3:4:5:6:7:8:9", "12345::", ":::", "fe80::1%eth0"),
        *("::ffff:10.1.2.3", "::ffff:0a01:203", "0:0:0:0:0:ffff:a01:203"),
    ],
)
def test_what_is_no_ipv6_address_is_in_doubt(text: str) -> None:
    """It is not taken for another address."""
    known = facts([group("sg-1", rule(ipv6_source_cidr_ip="::/0"))])
    assert of(found([six(text)], known), 0) == Found(0, 1)
