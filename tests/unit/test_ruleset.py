"""
The plan of a set, and the keys of its rules.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alicloud_ingress.engine.set_properties import key_of
from alicloud_ingress.reconcile.plan import Keep, Member, planned, refreshed
from alicloud_ingress.rules.live import LiveGroup, LiveRule
from alicloud_ingress.rules.rule import IngressRule

SSH = IngressRule.parse(
    {"ip_protocol": "tcp", "port_range": 22, "source_cidr_ip": "10.0.0.0/8"}
)
WEB = replace(SSH, port_range="443/443")
DNS = replace(SSH, ip_protocol="udp", port_range="53/53")


_SHAPES = st.sampled_from(
    [
        replace(SSH, source_cidr_ip=network, priority=priority)
        for network in ("10.0.0.0/8", "10.1.2.3/8", "10.9.9.9/8", "10.0.0.1")
        for priority in (1, 2)
    ]
)


def group(*live: LiveRule, vpc_id: str = "vpc-1") -> LiveGroup:
    """A snapshot of a group."""
    return LiveGroup("sg-1", "cn-hangzhou", vpc_id, live)


def shown(rule: IngressRule, rule_id: str) -> LiveRule:
    """A live rule."""
    return LiveRule(rule, rule_id, "")


GOLDEN: list[tuple[dict[str, object], str]] = [
    ({"source_cidr_ip": "10.0.0.0/8"}, "tcp 443/443 from 10.0.0.0/8"),
    ({"source_cidr_ip": "10.0.0.1/32"}, "tcp 443/443 from 10.0.0.1"),
    ({"ipv6_source_cidr_ip": "2001:DB8::/32"}, "tcp 443/443 from 2001:db8::/32"),
    ({"source_group_id": "sg-9"}, "tcp 443/443 from sg-9"),
    (
        {"source_group_id": "sg-9", "source_group_owner_id": 1234567890123456},
        "tcp 443/443 from sg-9",
    ),
    ({"source_prefix_list_id": "pl-9"}, "tcp 443/443 from pl-9"),
    (
        {
            "port_range": None,
            "port_range_list_id": "prl-9",
            "source_cidr_ip": "10.0.0.0/8",
        },
        "tcp prl-9 from 10.0.0.0/8",
    ),
    (
        {"ip_protocol": "ICMP", "port_range": None, "source_cidr_ip": "10.0.0.0/8"},
        "icmp -1/-1 from 10.0.0.0/8",
    ),
    (
        {"ip_protocol": 6, "source_cidr_ip": "10.0.0.0/8"},
        "tcp 443/443 from 10.0.0.0/8",
    ),
    (
        {
            "source_cidr_ip": "10.0.0.0/8",
            "source_port_range": "1024-65535",
            "dest_cidr_ip": "172.16.0.1",
            "policy": "Drop",
            "priority": 7,
            "nic_type": "internet",
            "description": "a remark",
            "expires_on": "2999-12-31",
        },
        (
            "tcp 443/443 from 10.0.0.0/8 source-ports 1024/65535 to 172.16.0.1 drop"
            " priority 7 internet"
        ),
    ),
]


@pytest.mark.parametrize(("arguments", "key"), GOLDEN, ids=[key for _, key in GOLDEN])
def test_the_format_of_keys_is_fixed(arguments: dict[str, object], key: str) -> None:
    """It is in users' state: it may never change."""
    whole = {"ip_protocol": "tcp", "port_range": "443/443", **arguments}

    assert key_of(IngressRule.parse(whole)) == key


_NETWORKS = ("10.0.0.0/8", "10.0.0.1", "10.1.2.3/8")


@st.composite
def rules(draw: st.DrawFn) -> IngressRule:
    """Any rule in normal form, from values that are easily confused."""
    ports = draw(
        st.sampled_from(
            [
                {"port_range": "1/1"},
                {"port_range": "443/443"},
                {"port_range_list_id": "prl-1"},
            ]
        )
    )
    source = draw(
        st.sampled_from(
            [
                *({"source_cidr_ip": network} for network in _NETWORKS),
                {"ipv6_source_cidr_ip": "2001:db8::/32"},
                {"source_group_id": "sg-1"},
                {"source_prefix_list_id": "pl-1"},
            ]
        )
    )
    return IngressRule(
        ip_protocol=draw(st.sampled_from(["tcp", "udp"])),
        source_port_range=draw(st.sampled_from(["", "1/1", "443/443"])),
        dest_cidr_ip=draw(st.sampled_from(["", *_NETWORKS])),
        policy=draw(st.sampled_from(["accept", "drop"])),
        priority=draw(st.sampled_from([1, 2, 100])),
        nic_type=draw(st.sampled_from(["intranet", "internet"])),
        description=draw(st.sampled_from(["", "drop", "priority 2"])),
        **ports,
        **source,
    )


@given(rules(), rules())
def test_each_key_is_one_identity(one: IngressRule, other: IngressRule) -> None:
    """No rule shares a key with another one, or has two keys."""
    assert (key_of(one) == key_of(other)) == (one == other)


def _distinct(shapes: st.SearchStrategy[IngressRule]) -> st.SearchStrategy[Any]:
    """Rules as check accepts them: no two are equal without host bits."""
    return st.lists(shapes, unique_by=lambda rule: rule.masked, max_size=6)


@given(
    _distinct(rules() | _SHAPES),
    _distinct(rules() | _SHAPES),
    st.lists(rules() | _SHAPES, unique=True, max_size=6),
    st.booleans(),
)
def test_a_plan_leads_to_the_wanted_rules(
    wanted: Sequence[IngressRule],
    owned: Sequence[IngressRule],
    foreign: Sequence[IngressRule],
    exclusive: bool,  # noqa: FBT001  drawn
) -> None:
    """It deletes no wanted rule, and none that does not belong to the set."""
    classic = dict.fromkeys([*owned, *foreign])
    live = [shown(rule, f"sgr-{n}") for n, rule in enumerate(classic)]
    ids = {entry.rule: entry.rule_id for entry in live}
    members = [Member(rule, ids[rule]) for rule in owned]

    keep = Keep() if exclusive else None
    plan = planned(wanted, members, group(*live, vpc_id=""), keep)

    own = {change.live.rule_id for change in plan.own}
    duplicates = {change.live.rule_id for change in plan.duplicates}
    revoked = {member.rule_id for member in plan.revoke}
    assert own <= {ids[rule] for rule in owned}
    assert not duplicates & {ids[rule] for rule in owned}
    assert not revoked & (own | duplicates)
    assert revoked == {ids[r] for r in set(owned) - set(wanted)} - own
    standing = [change.wanted for change in (*plan.own, *plan.duplicates)]
    assert sorted([*plan.authorize, *standing], key=key_of) == sorted(
        wanted, key=key_of
    )
    unseen = {entry.rule for entry in plan.not_previewed}
    assert not unseen & (set(wanted) | set(owned))
    assert bool(unseen) <= exclusive


class TestPlan:
    def test_a_rule_masked_by_ecs_belongs_to_the_set(self) -> None:
        """10.1.2.3/8 became 10.0.0.0/8; 10.9.9.9/8 is the same rule, and is kept."""
        old = replace(SSH, source_cidr_ip="10.1.2.3/8")
        new = replace(SSH, source_cidr_ip="10.9.9.9/8")

        plan = planned([new], [Member(old, "sgr-1")], group(shown(SSH, "sgr-1")))

        assert [change.live.rule_id for change in plan.own] == ["sgr-1"]
        assert (plan.duplicates, plan.revoke, plan.authorize) == ((), (), ())

    def test_a_manual_change_of_a_member_is_reverted(self) -> None:
        """By its ID, whatever its fields are now."""
        live = shown(replace(SSH, port_range="23/23"), "sgr-1")

        plan = planned([SSH], [Member(SSH, "sgr-1")], group(live))

        (change,) = plan.own
        assert (change.live, change.wanted) == (live, SSH)
        assert change.is_needed

    def test_a_deleted_member_is_created_again(self) -> None:
        """It is wanted, and does not exist."""
        plan = planned([SSH], [Member(SSH, "sgr-1")], group())

        assert plan.authorize == (SSH,)

    def test_an_identical_rule_under_another_id_is_a_duplicate(self) -> None:
        """The ID in the state no longer exists; this rule belongs to someone else."""
        duplicate = shown(SSH, "sgr-2")

        plan = planned([SSH], [Member(SSH, "sgr-1")], group(duplicate))

        assert [change.live for change in plan.duplicates] == [duplicate]

    def test_without_an_id_a_member_is_found_by_identity(self) -> None:
        """It was not visible in time when it was made."""
        plan = planned([SSH], [Member(SSH, "")], group(shown(SSH, "sgr-1")))

        assert [change.live.rule_id for change in plan.own] == ["sgr-1"]

    def test_one_live_rule_is_not_used_for_two(self) -> None:
        """By hand, one rule was deleted, and another one became what it was."""
        members = [Member(SSH, "sgr-1"), Member(WEB, "sgr-2")]

        plan = planned([SSH, WEB], members, group(shown(SSH, "sgr-2")))

        (change,) = plan.own
        assert (change.live.rule_id, change.wanted) == ("sgr-2", SSH)
        assert (plan.authorize, plan.revoke) == ((WEB,), ())

    def test_rules_swapped_by_hand_are_kept(self) -> None:
        """Each is wanted, under whichever ID; what is not wanted is revoked."""
        members = [Member(SSH, "sgr-1"), Member(WEB, "sgr-2")]
        swapped = group(shown(WEB, "sgr-1"), shown(SSH, "sgr-2"))

        both = planned([SSH, WEB], members, swapped)
        one = planned([SSH], members, swapped)

        assert {c.live.rule_id: c.wanted for c in both.own} == {
            "sgr-1": WEB,
            "sgr-2": SSH,
        }
        assert [(c.live.rule_id, c.wanted) for c in one.own] == [("sgr-2", SSH)]
        assert both.revoke == ()
        assert one.revoke == (Member(WEB, "sgr-1"),)

    def test_each_rule_without_a_use_is_revoked(self) -> None:
        """One is now what another was, which is something else now."""
        members = [Member(SSH, "sgr-1"), Member(WEB, "sgr-2"), Member(DNS, "sgr-3")]
        other = replace(WEB, port_range="8443/8443")
        live = group(shown(WEB, "sgr-1"), shown(other, "sgr-2"), shown(SSH, "sgr-3"))

        plan = planned([SSH], members, live)

        assert [c.live.rule_id for c in plan.own] == ["sgr-3"]
        assert plan.revoke == (Member(WEB, "sgr-1"), Member(other, "sgr-2"))

    def test_a_rule_that_another_resource_holds_is_not_changed(self) -> None:
        """The set gets a rule of its own, and leaves the other one to its owner."""
        member = Member(SSH, "sgr-1", held=True)

        plan = planned([WEB], [member], group(shown(SSH, "sgr-1")))

        assert (plan.authorize, plan.own) == ((WEB,), ())
        assert plan.revoke == (member,)

    def test_rules_to_keep_are_not_revoked(self) -> None:
        """By ID or by a glob over the description."""
        members = [
            Member(rule, f"sgr-{n}", declared=False)
            for n, rule in enumerate((SSH, WEB, DNS), 1)
        ]
        live = group(
            shown(SSH, "sgr-1"),
            shown(replace(WEB, description="managed by mail"), "sgr-2"),
            shown(DNS, "sgr-3"),
        )
        keep = Keep(frozenset({"sgr-1"}), ("managed by *",))

        plan = planned([], members, live, keep)

        assert [member.rule_id for member in plan.kept] == ["sgr-1", "sgr-2"]
        assert [member.rule_id for member in plan.revoke] == ["sgr-3"]

    @pytest.mark.parametrize("exclusive", [False, True])
    def test_its_own_rules_are_never_kept(self, *, exclusive: bool) -> None:
        """Removed from the program, one would stay open with no state that names it."""
        own = Member(SSH, "sgr-1")
        keep = Keep(frozenset({"sgr-1"}), ("*",))
        live = group(shown(SSH, "sgr-1"))

        plan = planned([], [own], live, keep if exclusive else None)

        assert (plan.kept, plan.revoke) == ((), (own,))

    def test_a_set_no_longer_exclusive_keeps_foreign_rules(self) -> None:
        """A refresh added them to the state; they leave the state, not the group."""
        foreign = Member(WEB, "sgr-2", declared=False)

        plan = planned([], [foreign], group(shown(WEB, "sgr-2")))

        assert plan.revoke == ()

    def test_in_a_vpc_the_nic_type_is_always_intranet(self) -> None:
        """Whatever was declared."""
        asked = replace(SSH, nic_type="internet")

        plan = planned([asked], [], group(shown(SSH, "sgr-1")))

        assert [change.live.rule_id for change in plan.duplicates] == ["sgr-1"]


class TestRefresh:
    def test_only_an_exclusive_set_includes_foreign_rules(self) -> None:
        """Without those that it is to keep."""
        live = group(shown(SSH, "sgr-1"), shown(WEB, "sgr-2"), shown(DNS, "sgr-3"))
        members = [Member(SSH, "sgr-1")]
        keep = Keep(frozenset({"sgr-3"}))

        alone = refreshed(members, live)
        exclusive = refreshed(members, live, keep)

        assert [seen.live.rule_id for seen in alone] == ["sgr-1"]
        assert [(s.live.rule_id, s.member) for s in exclusive] == [
            ("sgr-1", members[0]),
            ("sgr-2", None),
        ]

    @pytest.mark.parametrize("adopt", [False, True])
    def test_only_adopt_accepts_an_identical_rule(self, *, adopt: bool) -> None:
        """Otherwise a missing ID is a deleted rule."""
        seen = refreshed(
            [Member(SSH, "sgr-1")], group(shown(SSH, "sgr-2")), adopt=adopt
        )

        assert [s.live.rule_id for s in seen] == (["sgr-2"] if adopt else [])
