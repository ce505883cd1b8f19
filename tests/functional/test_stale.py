"""
Stale rules: what a plan holds, what a destruction keeps, what a restore brings back.
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from alicloud_ingress import stale
from alicloud_ingress.errors import WrongAccountError
from alicloud_ingress.testing import FakeEcs
from alicloud_ingress.testing.faults import Fault
from functional.accounts import (
    EXPIRED,
    PEER_TYPE,
    SECRET,
    SET_TYPE,
    account,
    entry,
    owning,
    state,
    tcp,
)

REVOKE = "RevokeSecurityGroup"


@pytest.fixture
def fake() -> Iterator[FakeEcs]:
    """An account in process."""
    with account() as fake:
        yield fake


@pytest.fixture
def group(fake: FakeEcs) -> str:
    """A group without rules."""
    return fake.new_group()


@pytest.fixture
def report(tmp_path: Path) -> Path:
    """Where the report is written."""
    return tmp_path / "report.json"


def planned(*groups: str, **more: Any) -> stale.Plan:
    """A plan for these groups."""
    return stale.plan(stale.Connections(), groups=groups, **more)


def kinds(plan: stale.Plan) -> dict[str, list[str]]:
    """The reasons by rule ID."""
    return {f.rule_id: [r.kind for r in f.reasons] for _, f in plan.stale}


def destroyed(plan: stale.Plan, path: Path, **limits: Any) -> dict[str, str]:
    """The outcome for each rule."""
    limits.setdefault("reasons", frozenset(stale.KINDS))
    done = stale.destroy(stale.Connections(), plan, path, stale.Limits(**limits))
    return {entry.rule_id: entry.status for entry in done.entries}


class TestUnmanaged:
    """Rules that no state owns, where states are given."""

    def test_nothing_is_unmanaged_without_a_state(
        self, fake: FakeEcs, group: str
    ) -> None:
        """Without a state the owners are unknown."""
        fake.add_rule(group, **tcp(22))

        assert kinds(planned(group)) == {}

    def test_a_group_unknown_to_the_states_is_not_judged(
        self, fake: FakeEcs, group: str
    ) -> None:
        """Unless the states are declared complete."""
        other = fake.new_group()
        mine, theirs = fake.add_rule(group, **tcp(22)), fake.add_rule(other, **tcp(22))
        owners = stale.Owners.read([state(owning(group, mine))])

        assert kinds(planned(group, other, owners=owners)) == {}
        complete = planned(group, other, owners=owners, states_are_complete=True)
        assert kinds(complete) == {theirs: ["unmanaged"]}

    def test_an_owned_rule_is_shown_and_never_planned(
        self, fake: FakeEcs, group: str
    ) -> None:
        """However stale it is otherwise."""
        mine = fake.add_rule(group, **tcp(22, Description=EXPIRED))
        owners = stale.Owners.read([state(owning(group, mine))])

        plan = planned(group, owners=owners)

        assert plan.stale == ()
        ((kept,),) = [g.kept for g in plan.groups]
        assert (kept.rule_id, kept.reasons[0].kind) == (mine, "expired")
        assert kept.kept == f"owned by r-{mine} of stack dev"

    def test_a_pulumi_alicloud_id_decides_what_is_managed(
        self, fake: FakeEcs, group: str
    ) -> None:
        """
        It does not have source ports, so it owns all rules that differ only in
        those.
        """
        seen = fake.add_rule(group, **tcp(80, SourcePortRange="1/1023"))
        other = fake.add_rule(group, **tcp(80, Priority="2"))
        identity = f"{group}:ingress:tcp:80/80:intranet:10.0.0.0/8:accept:1"
        text = state(entry("web", PEER_TYPE, identity, securityGroupId=group))

        found = kinds(planned(group, owners=stale.Owners.read([text])))

        assert seen not in found
        assert found == {other: ["unmanaged"]}

    @pytest.mark.parametrize("kind", ["group", "prefix list", "ipv6"])
    def test_a_pulumi_alicloud_rule_is_managed_with_any_source(
        self, fake: FakeEcs, group: str, kind: str
    ) -> None:
        """An ID of a group, of a prefix list, or an address with its colons escaped."""
        source, written = {
            "group": (fake.new_group(),) * 2,
            "prefix list": (fake.new_prefix_list("10.0.0.0/8"),) * 2,
            "ipv6": ("2001:db8::/32", "2001_db8__/32"),
        }[kind]
        mine = fake.add_rule(group, **tcp(80, source))
        other = fake.add_rule(group, **tcp(81, source))
        identity = f"{group}:ingress:tcp:80/80:intranet:{written}:accept:1"
        text = state(entry("web", PEER_TYPE, identity, securityGroupId=group))

        found = kinds(planned(group, owners=stale.Owners.read([text])))

        assert (mine in found, found) == (False, {other: ["unmanaged"]})

    def test_a_rule_set_owns_rules_by_id_and_content(
        self, fake: FakeEcs, group: str
    ) -> None:
        """By content while it does not know an ID."""
        by_id = fake.add_rule(group, **tcp(80))
        by_content = fake.add_rule(group, **tcp(81))
        by_hand = fake.add_rule(group, **tcp(82))
        rules = {
            f"tcp {port}/{port} from 10.0.0.0/8": {
                "ip_protocol": "tcp",
                "port_range": f"{port}/{port}",
                "source_cidr_ip": "10.0.0.0/8",
            }
            for port in (80, 81)
        }
        ids = dict(zip(rules, (by_id, ""), strict=True))
        text = state(
            entry("all", SET_TYPE, security_group_id=group, rules=rules, rule_ids=ids)
        )

        found = kinds(planned(group, owners=stale.Owners.read([text])))

        assert found == {by_hand: ["unmanaged"]}
        assert by_content not in found

    def test_in_a_classic_group_ownership_is_per_interface(self, fake: FakeEcs) -> None:
        """The same rule on the other one is another rule."""
        group = fake.new_group(vpc_id="")
        mine = fake.add_rule(group, **tcp(80, NicType="internet"))
        other = fake.add_rule(group, **tcp(80, NicType="intranet"))
        made = entry(
            "mine", identity=f"{group}/pending/1", security_group_id=group,
            ip_protocol="tcp", port_range="80/80", source_cidr_ip="10.0.0.0/8",
            nic_type="internet",
        )  # fmt: skip

        found = kinds(planned(group, owners=stale.Owners.read([state(made)])))

        assert (mine in found, found) == (False, {other: ["unmanaged"]})

    def test_a_rule_read_with_get_is_not_owned(self, fake: FakeEcs, group: str) -> None:
        """The engine calls it external."""
        mine, read = fake.add_rule(group, **tcp(1)), fake.add_rule(group, **tcp(2))
        text = state(owning(group, mine), {**owning(group, read), "external": True})

        assert kinds(planned(group, owners=stale.Owners.read([text]))) == {
            read: ["unmanaged"]
        }

    def test_a_rule_of_a_pending_create_is_owned(
        self, fake: FakeEcs, group: str
    ) -> None:
        """It was being made when the engine was killed, so its ID is not known."""
        mine, made = fake.add_rule(group, **tcp(1)), fake.add_rule(group, **tcp(2))
        making = entry(
            "new", identity="", security_group_id=group, ip_protocol="tcp",
            port_range=2, source_cidr_ip="10.0.0.0/8",
        )  # fmt: skip
        text = state(
            owning(group, mine),
            pending_operations=[{"type": "creating", "resource": making}],
        )

        assert kinds(planned(group, owners=stale.Owners.read([text]))) == {}
        assert made in fake.rules(group)

    def test_an_updated_rule_without_an_id_is_owned(
        self, fake: FakeEcs, group: str
    ) -> None:
        """The resource ID is that of the rule before, which another resource has."""
        fake.add_rule(group, **tcp(1))
        before = fake.add_rule(group, **tcp(2))
        hidden = entry(
            "mine", identity=before, security_group_id=group, ip_protocol="tcp",
            port_range=1, source_cidr_ip="10.0.0.0/8", security_group_rule_id="",
        )  # fmt: skip

        found = kinds(planned(group, owners=stale.Owners.read([state(hidden)])))

        assert found == {before: ["unmanaged"]}

    def test_rules_an_encrypted_entry_may_own_are_kept(
        self, fake: FakeEcs, group: str
    ) -> None:
        """The entry is reported, and the plan is incomplete."""
        mine = fake.add_rule(group, **tcp(1))
        fake.add_rule(group, **tcp(2, Description=EXPIRED))
        hidden = entry(
            "hidden", identity=f"{group}/pending/0123456789ab",
            security_group_id=group, ip_protocol="tcp", port_range=SECRET,
            source_cidr_ip="10.0.0.0/8", security_group_rule_id="",
        )  # fmt: skip

        plan = planned(
            group, owners=stale.Owners.read([state(owning(group, mine), hidden)])
        )

        assert kinds(plan) == {}
        assert not plan.is_whole
        assert "port_range is secret" in plan.not_judged[0]

    def test_an_export_with_plain_secrets_is_judged(
        self, fake: FakeEcs, group: str
    ) -> None:
        """The engine writes a shown secret as JSON in its envelope."""
        mine, other = fake.add_rule(group, **tcp(1)), fake.add_rule(group, **tcp(2))
        shown = {
            next(iter(SECRET)): "1b47061264138c4ac30d75fd1eb44270",
            "plaintext": '"1/1"',
        }
        text = state(
            entry(
                "hidden", identity=f"{group}/pending/0123456789ab",
                security_group_id=group, ip_protocol="tcp", port_range=shown,
                source_cidr_ip="10.0.0.0/8",
            )
        )  # fmt: skip

        plan = planned(group, owners=stale.Owners.read([text]))

        assert (kinds(plan), plan.is_whole) == ({other: ["unmanaged"]}, True)
        assert mine in fake.rules(group)


class TestDangling:
    """Sources that are deleted."""

    def test_a_source_group_of_another_account_is_not_judged(
        self, fake: FakeEcs, group: str
    ) -> None:
        """These credentials cannot see it, whether it exists or not."""
        theirs = fake.new_group(account="1000000000000002")
        fake.add_rule(
            group, **tcp(22, theirs, SourceGroupOwnerAccount="1000000000000002")
        )
        del fake.groups[theirs]

        plan = planned(group)

        assert (kinds(plan), plan.is_whole) == ({}, True)

    def test_a_source_that_cannot_be_read_is_not_judged(
        self, fake: FakeEcs, group: str
    ) -> None:
        """A refusal proves nothing."""
        fake.add_rule(group, **tcp(22, fake.new_prefix_list("10.0.0.0/8")))
        fake.inject(Fault.refused("DescribePrefixLists", 403, "Forbidden.RAM"))

        plan = planned(group)

        assert (kinds(plan), plan.is_whole) == ({}, False)

    def test_a_list_that_is_not_listed_may_exist(
        self, fake: FakeEcs, group: str
    ) -> None:
        """A policy may hide it from the listing: it is read, too, before it is gone."""
        fake.add_rule(group, **tcp(22, fake.new_prefix_list("10.0.0.0/8")))
        gone = fake.add_rule(group, **tcp(23, "pl-gone"))
        hidden = '{"RequestId": "R", "PrefixLists": {"PrefixList": []}}'
        fake.inject(Fault.shaped("DescribePrefixLists", hidden))

        plan = planned(group)

        assert (kinds(plan), plan.is_whole) == ({gone: ["dangling"]}, True)


class TestNeedless:
    """Rules that others cover."""

    def test_of_equal_rules_the_oldest_is_kept(self, fake: FakeEcs, group: str) -> None:
        """In whatever order they are listed."""
        new = fake.add_rule(group, **tcp(22, CreateTime="2024-01-01T00:00:00Z"))
        fake.add_rule(
            group, **tcp("20/30", "10.1.0.0/16", CreateTime="2023-01-01T00:00:00Z")
        )
        old = fake.add_rule(
            group, **tcp("22/22", CreateTime="2020-01-01T00:00:00Z", Priority="1")
        )

        assert kinds(planned(group)) == {new: ["duplicate"]}
        assert old in fake.rules(group)

    def test_a_rule_that_is_deleted_covers_nothing(
        self, fake: FakeEcs, group: str
    ) -> None:
        """The wide rule has expired; the narrow one is needed from then on."""
        wide = fake.add_rule(group, **tcp("1/100", Description=EXPIRED))
        fake.add_rule(group, **tcp(22))

        assert kinds(planned(group)) == {wide: ["expired"]}

    def test_a_rule_whose_cover_was_deleted_is_kept(
        self, fake: FakeEcs, group: str, report: Path
    ) -> None:
        """The plan was correct, and is no longer."""
        wide = fake.add_rule(group, **tcp("1/100", "0.0.0.0/0"))
        narrow = fake.add_rule(group, **tcp(22))
        plan = planned(group)
        assert kinds(plan) == {narrow: ["duplicate"]}
        del fake.groups[group].rules[wide]

        assert destroyed(plan, report) == {narrow: "left"}
        assert list(fake.rules(group)) == [narrow]


class TestNarrowing:
    """Filters that make a plan smaller."""

    @pytest.mark.parametrize(
        ("narrowing", "left"),
        [
            ({"cidrs": ("10.0.0.0/8",)}, {1, 2}),
            ({"ports": (22,)}, {1, 3}),
            ({"descriptions": ("door*",)}, {2}),
            ({"cidrs": ("10.0.0.0/8", "2001:db8::/16"), "ports": (22,)}, {1, 3}),
        ],
    )
    def test_filters_make_a_plan_smaller(
        self, fake: FakeEcs, group: str, narrowing: dict[str, Any], left: set[int]
    ) -> None:
        """They are not a reason by themselves."""
        ids = {
            fake.add_rule(group, **tcp("20/25", "10.1.0.0/16", Description=EXPIRED)): 1,
            fake.add_rule(group, **tcp(80, "10.2.0.0/16", Description=f"door {EXPIRED}")): 2,  # noqa: E501 - a row
            fake.add_rule(group, **tcp(22, "2001:db8::1", Description=EXPIRED)): 3,
        }  # fmt: skip
        fake.add_rule(group, **tcp(22, "10.3.0.0/16", Description="door"))

        found = kinds(planned(group, narrowing=stale.Narrowing(**narrowing)))

        assert {ids[rule_id] for rule_id in found} == left

    @pytest.mark.parametrize(
        ("narrowing", "left"),
        [
            ({"ports": (22,)}, {"all"}),
            ({"cidrs": ("0.0.0.0/0",)}, {"all", "icmp"}),
            ({"older_than": dt.timedelta(days=30)}, {"icmp"}),
        ],
    )
    def test_a_filter_selects_only_certain_matches(
        self, fake: FakeEcs, group: str, narrowing: dict[str, Any], left: set[str]
    ) -> None:
        """A group is not an address, icmp has no port, and an age may be unknown."""
        rules = {
            "all": {"IpProtocol": "all", "PortRange": "-1/-1", "SourceCidrIp": "10.0.0.0/8", "CreateTime": "soon"},  # noqa: E501 - a row
            "icmp": {"IpProtocol": "icmp", "PortRange": "-1/-1", "SourceCidrIp": "10.9.0.0/16", "CreateTime": "2020-01-01T00:00Z"},  # noqa: E501
            "group": {**tcp("30/40", fake.new_group()), "CreateTime": ""},
        }  # fmt: skip
        ids = {
            fake.add_rule(group, **rule, Description=EXPIRED): name
            for name, rule in rules.items()
        }

        found = kinds(planned(group, narrowing=stale.Narrowing(**narrowing)))

        assert {ids[rule_id] for rule_id in found} == left

    def test_the_old_system_rules_are_kept(self, fake: FakeEcs, group: str) -> None:
        """No call could restore them."""
        fake.add_rule(group, **tcp(22, Priority="110", Description=EXPIRED))

        plan = planned(group)

        assert plan.stale == ()
        assert "110" in plan.groups[0].kept[0].kept


class TestDestroy:
    """Only rules that are still as planned, and never the last access."""

    def test_the_last_access_is_kept(
        self, fake: FakeEcs, group: str, report: Path
    ) -> None:
        """
        Of several rules to delete only the last is kept; --allow-lockout
        deletes it.
        """
        rules = [
            fake.add_rule(group, **tcp(22, f"10.{n}.0.0/16", Description=EXPIRED))
            for n in range(3)
        ]
        blocked = fake.add_rule(
            group, **tcp(3389, "10.9.0.0/16", Priority="9", Description=EXPIRED)
        )
        fake.add_rule(group, **tcp(3389, "10.9.0.0/16", Policy="drop", Priority="2"))
        plan = planned(group)

        done = destroyed(plan, report)

        assert done == {
            rules[0]: "destroyed", rules[1]: "destroyed", rules[2]: "left",
            blocked: "destroyed",
        }  # fmt: skip
        assert destroyed(plan, report, allow_lockout=True)[rules[2]] == "destroyed"

    def test_access_from_a_deleted_group_does_not_count(
        self, fake: FakeEcs, group: str, report: Path
    ) -> None:
        """Its last rule may be deleted, and does not make another one dispensable."""
        gone = fake.new_group()
        dead = fake.add_rule(group, **tcp(22, gone))
        last = fake.add_rule(group, **tcp(22, Description=EXPIRED))
        del fake.groups[gone]

        assert destroyed(planned(group), report) == {dead: "destroyed", last: "left"}

    def test_one_run_deletes_at_most_the_cap(
        self, fake: FakeEcs, group: str, report: Path
    ) -> None:
        """A second run continues; a batch holds 100."""
        fake.groups[group].most_rules = 1_000
        for port in range(1000, 1230):
            fake.add_rule(group, **tcp(port, Description=EXPIRED))
        plan = planned(group)

        first = destroyed(plan, report, most=120)
        assert list(first.values()).count("destroyed") == 120
        assert len(fake.rules(group)) == 110
        assert set(destroyed(plan, report, most=500).values()) == {"destroyed"}
        revokes = [c for c in fake.calls if c.action == REVOKE]
        sizes = [sum("RuleId" in name for name in c.parameters) for c in revokes]
        assert sizes == [100, 20, 100, 10]

    def test_the_reasons_to_destroy_can_be_chosen(
        self, fake: FakeEcs, group: str, report: Path
    ) -> None:
        """Other rules of the plan stay planned."""
        expired = fake.add_rule(group, **tcp(80, Description=EXPIRED))
        fake.add_rule(group, **tcp("1/70"))
        duplicate = fake.add_rule(group, **tcp(60))

        done = destroyed(planned(group), report, reasons=frozenset({"duplicate"}))

        assert done == {expired: "planned", duplicate: "destroyed"}

    @pytest.mark.parametrize("answer", ["not found", "not valid"])
    def test_a_batch_with_a_missing_rule_is_sent_again(
        self, fake: FakeEcs, group: str, report: Path, answer: Any
    ) -> None:
        """The other rules are deleted; one that changes at that moment is kept."""
        object.__setattr__(fake.behaviour, "unknown_rule_id", answer)
        ids = [
            fake.add_rule(group, **tcp(port, Description=EXPIRED))
            for port in range(80, 84)
        ]
        plan = planned(group)

        def another_hand(fake: FakeEcs) -> None:
            del fake.groups[group].rules[ids[1]]
            fake.groups[group].rules[ids[2]]["Description"] = "changed"

        fake.inject(Fault(action=REVOKE, edit=another_hand))

        done = destroyed(plan, report)

        assert list(done.values()) == ["destroyed", "gone", "left", "destroyed"]
        assert list(fake.rules(group)) == [ids[2]]

    def test_an_unanswered_delete_is_verified_by_a_read(
        self, fake: FakeEcs, group: str, report: Path
    ) -> None:
        """
        All its attempts get no answer; the report stays open, and the next run
        reads.
        """
        rule_id = fake.add_rule(group, **tcp(80, Description=EXPIRED))
        plan = planned(group)
        fake.inject(Fault(action=REVOKE, drop=True, takes_effect=True, times=20))

        assert destroyed(plan, report) == {rule_id: "destroying"}
        fake.forget_faults()
        assert destroyed(plan, report) == {rule_id: "destroyed"}
        assert stale.restore(stale.Connections(), report) == []
        assert len(fake.rules(group)) == 1

    def test_a_delete_without_effect_is_reported(
        self, fake: FakeEcs, group: str, report: Path
    ) -> None:
        """The answer is wrong; the rule is reported as still existing."""
        rule_id = fake.add_rule(group, **tcp(80, Description=EXPIRED))
        plan = planned(group)
        fake.inject(Fault(action=REVOKE, body='{"RequestId": "R"}'))

        assert destroyed(plan, report) == {rule_id: "destroying"}
        assert "still exist" in stale.read_report(report).entries[0].why

    def test_destroy_waits_for_a_lagging_read(
        self, fake: FakeEcs, group: str, report: Path
    ) -> None:
        """A deleted rule may be shown a little longer."""
        rule_id = fake.add_rule(group, **tcp(80, Description=EXPIRED))
        plan = planned(group)
        fake.inject(Fault(action=REVOKE, lag=2))

        assert destroyed(plan, report) == {rule_id: "destroyed"}

    def test_another_account_is_refused_before_any_write(
        self, fake: FakeEcs, group: str, report: Path
    ) -> None:
        """IDs of one account mean nothing in another."""
        fake.add_rule(group, **tcp(80, Description=EXPIRED))
        plan = planned(group)
        fake.accounts["AK"] = "1000000000000002"

        with pytest.raises(WrongAccountError, match="1000000000000002"):
            destroyed(plan, report)
        assert not report.exists()

    def test_a_group_managed_by_a_service_is_never_changed(
        self, fake: FakeEcs, report: Path
    ) -> None:
        """Not planned; and not destroyed where the service came later."""
        group = fake.new_group(service_managed=True)
        rule_id = fake.add_rule(group, **tcp(80, Description=EXPIRED))
        plan = planned(group)
        assert (plan.stale, plan.left_alone) == ((), (group,))
        fake.groups[group].service_managed = False
        plan = planned(group)
        fake.groups[group].service_managed = True

        assert destroyed(plan, report) == {rule_id: "left"}
        assert REVOKE not in [call.action for call in fake.calls]

    def test_a_rule_owned_since_the_plan_is_kept(
        self, fake: FakeEcs, group: str, report: Path
    ) -> None:
        """A stack has imported the rule since; an encrypted entry may own it."""
        ours = fake.add_rule(group, **tcp(80, Description=EXPIRED))
        other = fake.add_rule(group, **tcp(81, Description=EXPIRED))
        plan = planned(group)
        hidden = entry("hidden", identity="x/pending/1", security_group_id=SECRET)
        results: list[list[str]] = []
        for entries in ([owning(group, ours), hidden], [owning(group, ours)]):
            owners = stale.Owners.read([state(*entries)])
            done = stale.destroy(stale.Connections(), plan, report, owners=owners)
            results.append([rule.status for rule in done.entries])

        assert results == [["left", "failed"], ["left", "destroyed"]]
        assert list(fake.rules(group)) == [ours]
        assert other not in fake.rules(group)

    def test_destroy_can_be_limited_to_regions(
        self, fake: FakeEcs, group: str, report: Path
    ) -> None:
        """The others stay planned; a restore can be limited likewise."""
        far = fake.new_group("ap-southeast-1")
        near_rule = fake.add_rule(group, **tcp(80, Description=EXPIRED))
        far_rule = fake.add_rule(far, **tcp(80, Description=EXPIRED))
        regions = ("cn-hangzhou", "ap-southeast-1")
        plan = stale.plan(stale.Connections(), groups=[group, far], regions=regions)

        done = destroyed(plan, report, regions=frozenset({"ap-southeast-1"}))

        assert done == {near_rule: "planned", far_rule: "destroyed"}
        near = stale.restore(stale.Connections(), report, regions=["cn-hangzhou"])
        assert (near, fake.rules(far)) == ([], {})

    def test_a_report_of_another_plan_is_not_continued(
        self, fake: FakeEcs, group: str, report: Path
    ) -> None:
        """Its results are those of another plan."""
        fake.add_rule(group, **tcp(80, Description=EXPIRED))
        destroyed(planned(group), report)
        fake.add_rule(group, **tcp(81, Description=EXPIRED))

        with pytest.raises(stale.OtherPlanError):
            destroyed(planned(group), report)


class TestRestore:
    """What was destroyed is restored, once."""

    def test_a_second_restore_changes_nothing(
        self, fake: FakeEcs, group: str, report: Path
    ) -> None:
        """With other IDs, with all fields, and no duplicate is made."""
        object.__setattr__(fake.behaviour, "port_range_of_a_list", "-1/-1")
        ports = fake.new_port_range_list("80/80")
        fields = tcp(80, Description=EXPIRED)
        for rule in (
            {**fields, "DestCidrIp": "10.9.0.0/16", "SourcePortRange": "1/1023"},
            {**fields, "PortRange": "", "PortRangeListId": ports},
            {**fields, "IpProtocol": "udp", "Policy": "drop", "Priority": "77"},
            {"IpProtocol": "icmpv6", "PortRange": "-1/-1", "Ipv6SourceCidrIp": "::/0", "Description": EXPIRED},  # noqa: E501 - a row
        ):  # fmt: skip
            fake.add_rule(group, **{k: v for k, v in rule.items() if v})
        before = [
            {k: v for k, v in rule.items() if k not in ("SecurityGroupRuleId", "CreateTime")}  # noqa: E501
            for rule in fake.rules(group).values()
        ]  # fmt: skip
        done = destroyed(planned(group), report, allow_lockout=True)
        assert set(done.values()) == {"destroyed"}
        assert fake.rules(group) == {}

        assert stale.restore(stale.Connections(), report) == []
        first = fake.rules(group)
        assert stale.restore(stale.Connections(), report) == []

        assert fake.rules(group) == first
        after = [
            {k: v for k, v in rule.items() if k not in ("SecurityGroupRuleId", "CreateTime")}  # noqa: E501
            for rule in first.values()
        ]  # fmt: skip
        assert sorted(map(repr, after)) == sorted(map(repr, before))

    def test_a_description_is_restored_exactly(
        self, fake: FakeEcs, group: str, report: Path
    ) -> None:
        """With the spaces at its ends."""
        spaced = f"  {EXPIRED} "
        fake.add_rule(group, **tcp(80, Description=spaced))

        assert set(destroyed(planned(group), report).values()) == {"destroyed"}
        assert stale.restore(stale.Connections(), report) == []

        (rule,) = fake.rules(group).values()
        assert rule["Description"] == spaced
        assert [entry.why for entry in stale.read_report(report).entries] == [""]


def test_plan_and_report_are_valid_by_their_schemas(
    fake: FakeEcs, group: str, tmp_path: Path
) -> None:
    """Also where something was kept, skipped, or could not be judged."""
    mine = fake.add_rule(group, **tcp(22, Description=EXPIRED))
    fake.add_rule(group, **tcp(80, "2001:db8::/32"))
    owners = stale.Owners.read([state(owning(group, mine))])
    plan = planned(group, "sg-gone", owners=owners)
    stale.write_plan(tmp_path / "plan.json", plan)
    destroyed(plan, tmp_path / "report.json")

    for name in ("plan", "report"):
        document = json.loads((tmp_path / f"{name}.json").read_text())
        jsonschema.validate(document, stale.schema(f"stale-{name}"))
    again = stale.read_plan(tmp_path / "plan.json")
    assert (again, again.digest) == (plan, plan.digest)
    assert (tmp_path / "report.json").stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("value", [stale.Finding, stale.Entry])
def test_a_rule_for_people_has_the_name_of_its_document(value: type[Any]) -> None:
    """Scripts read `in_words` of values and of plans and reports."""
    assert "in_words" in value.__struct_fields__
    assert '"in_words"' in json.dumps(stale.schema("stale-plan"))
    assert '"in_words"' in json.dumps(stale.schema("stale-report"))
