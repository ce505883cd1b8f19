"""
The four verdicts, and the safe side: each sentence of it, with a test of its own.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import pytest

from alicloud_ingress.rules.live import LiveRule
from alicloud_ingress.rules.rule import IngressRule
from alicloud_ingress.usage.facts import VpcFacts, read_watched
from alicloud_ingress.usage.judging import GroupUsage, Judged, UsageJudge
from alicloud_ingress.usage.table import Metadata, UsageTable
from usage_tables import (
    DAY,
    FROM,
    PERIOD,
    TO,
    VPC,
    WINDOW,
    Flow,
    Watched,
    unwatched_from,
    written,
)
from usage_world import OLD, facts, group, interface, rule

UNUSED = rule(port_range="8080")


def at(second: int) -> dt.datetime:
    """A moment of the period."""
    return dt.datetime.fromtimestamp(second, tz=dt.timezone.utc)


class World:
    """A table and a VPC, in which the rule of port 8080 is unused at first."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / "usage.parquet"
        self.flows: list[Flow] = [Flow()]
        self.watched: Iterable[Watched] | None = [Watched()]
        self.metadata: Metadata = PERIOD
        self.rules: list[IngressRule | LiveRule] = [UNUSED, rule()]
        self.facts: VpcFacts | None = None
        self.unused_for: dt.timedelta | None = None
        self.min_coverage = 1.0

    def table(self) -> UsageTable:
        """The table as it is now."""
        return written(self._path, self.flows, self.watched, self.metadata)

    def judged(self, group_id: str = "sg-1") -> GroupUsage:
        """The group, judged."""
        known = self.facts or facts([group("sg-1", *self.rules)])
        judge = UsageJudge(self.table(), self.unused_for, self.min_coverage)
        return judge.vpc(known, [group_id]).groups[group_id]

    def rule(self, place: int = 0, group_id: str = "sg-1") -> Judged:
        """One rule, judged."""
        return self.judged(group_id).rules[place]

    def verdict(self, place: int = 0, group_id: str = "sg-1") -> str:
        """What is said about one rule."""
        return self.rule(place, group_id).verdict

    def why(self, place: int = 0, group_id: str = "sg-1") -> str:
        """Why it is said."""
        judged = self.rule(place, group_id)
        assert judged.verdict == "not judged"
        return "; ".join(judged.reasons)


@pytest.fixture
def world(tmp_path: Path) -> World:
    """A world of one interface that was watched throughout."""
    return World(tmp_path)


class TestAFullyWatchedWorld:
    """Where nothing is in doubt."""

    def test_a_rule_without_a_flow_is_unused(self, world: World) -> None:
        judged = world.rule()
        assert judged.verdict == "unused"
        assert (
            "2026-09-21T14:20:00Z to 2026-11-02T14:20:00Z (42 days)"
            in judged.reasons[0]
        )

    def test_a_rule_that_decided_a_flow_is_used(self, world: World) -> None:
        judged = world.rule(1)
        assert judged.verdict == "used"
        assert judged.tally is not None
        assert (judged.tally.flows, judged.tally.last_seen) == (1, FROM + 2 * DAY)

    def test_a_doubt_about_a_flow_is_possible_use(self, world: World) -> None:
        world.flows = [Flow(port=8080, opened="unknown")]
        judged = world.rule()
        assert judged.verdict == "possibly used"
        assert "an answer to a connection" in judged.reasons[0]

    def test_an_answer_that_is_proven_is_no_use(self, world: World) -> None:
        world.flows = [Flow(port=None, opened="out")]
        world.rules = [rule(ip_protocol="all", port_range="-1/-1")]
        assert world.verdict() == "unused"

    def test_a_flow_of_a_deleted_interface_is_possible_use(self, world: World) -> None:
        world.flows = [Flow(interface_id="eni-gone", port=8080)]
        judged = world.rule()
        assert judged.verdict == "possibly used"
        assert "no longer exists" in judged.reasons[0]


class TestDrops:
    """Removing one opens."""

    def test_a_drop_without_hits_is_never_unused(self, world: World) -> None:
        world.rules = [rule(policy="drop", port_range="8080")]
        assert "stopped nothing" in world.why()

    def test_a_drop_with_hits_is_reported_with_them(self, world: World) -> None:
        world.rules = [rule(policy="drop")]
        world.flows = [Flow(action="REJECT", flows=7)]
        judged = world.rule()
        assert judged.verdict == "used"
        assert judged.tally is not None
        assert judged.tally.flows == 7


class TestTheTable:
    """What the table does not cover."""

    def test_without_a_file_of_watched_windows_nothing_is_judged(
        self, world: World
    ) -> None:
        world.watched = None
        assert "what was watched is not known" in world.why()

    def test_without_all_paths_nothing_is_judged(self, world: World) -> None:
        world.metadata = replace(PERIOD, all_paths=False)
        assert "--all-paths" in world.why()

    @pytest.mark.parametrize("vpc_id", [VPC, ""])
    def test_a_log_of_rejected_flows_alone_shows_no_use(
        self, world: World, vpc_id: str
    ) -> None:
        """Its traffic type is Drop; the flows of another VPC do not make up for it."""
        rejected = Flow(vpc_id=vpc_id, action="REJECT", port=22)
        world.flows = [rejected, Flow(interface_id="eni-2", vpc_id="vpc-2")]
        assert "traffic type Drop" in world.why()
        world.flows += [Flow(opened="out", port=None)]
        assert world.verdict() == "unused"

    @pytest.mark.parametrize(
        "source",
        [
            {"ipv6_source_cidr_ip": "::/0"},
            {"source_group_id": "sg-1"},
            {"source_prefix_list_id": "pl-1"},
        ],
        ids=["block", "group", "list"],
    )
    @pytest.mark.parametrize("vpc_id", [VPC, ""])
    def test_a_log_of_ipv4_alone_shows_no_use_over_ipv6(
        self, world: World, source: dict[str, str], vpc_id: str
    ) -> None:
        """IPv4 is the default of a flow log; another VPC does not make up for it."""
        world.rules = [rule(port_range="8080", **source), rule(port_range="8081")]
        both = interface("eni-1", ["sg-1"], "192.168.0.1", "2001:db8::1")
        lists = {"pl-1": ("2001:db8:1::/48",)}
        world.facts = facts([group("sg-1", *world.rules)], [both], lists)
        world.flows += [
            Flow(interface_id="eni-2", vpc_id="vpc-2", source="2001:db8::9")
        ]

        assert "IP version IPv4" in world.why()
        assert world.verdict(1) == "unused"
        world.flows += [Flow(vpc_id=vpc_id, source="2001:db8::9")]
        assert world.verdict() == "unused"

    def test_a_vpc_without_ipv6_addresses_needs_no_ipv6_flow(
        self, world: World
    ) -> None:
        """What the interfaces of an empty group had is not known."""
        six = rule(port_range="8080", ipv6_source_cidr_ip="::/0")
        mine = interface("eni-1", ["sg-1"], "192.168.0.1")
        world.facts = facts([group("sg-1", six), group("sg-2", six)], [mine])

        assert world.verdict() == "unused"
        assert world.verdict(group_id="sg-2") == "not judged"

    def test_an_unreadable_file_hides_flows_of_all_vpcs(self, world: World) -> None:
        world.metadata = replace(PERIOD, files_unreadable=1)
        assert "1 log files could not be read" in world.why()

    def test_records_that_name_no_interface_hide_flows_of_all_vpcs(
        self, world: World
    ) -> None:
        world.metadata = replace(PERIOD, records_unreadable=3)
        assert "3 records could not be read" in world.why()

    @pytest.mark.parametrize("vpc_id", [VPC, "", "vpc-2"])
    def test_unreadable_records_hide_flows_of_all_vpcs(
        self, world: World, vpc_id: str
    ) -> None:
        """What such a record names is not believed: an open quote takes in others."""
        world.metadata = replace(PERIOD, records_unreadable=3)
        damaged = Watched(
            interface_id="eni-2",
            vpc_id=vpc_id,
            unreadable=3,
            first_window=None,
            last_window=None,
            windows_ok=0,
            windows_nodata=0,
        )
        world.watched = [Watched(), damaged]
        assert "3 records of eni-2 could not be read" in world.why()

    def test_a_table_shorter_than_the_period_makes_nothing_unused(
        self, world: World
    ) -> None:
        world.unused_for = dt.timedelta(days=43)
        assert "the table covers 42 days" in world.why()

    def test_the_period_reaches_back_from_the_end_of_the_table(
        self, world: World
    ) -> None:
        """A flow before it does not count as use."""
        world.unused_for = dt.timedelta(days=7)
        assert world.verdict(1) == "unused"
        world.flows = [Flow(first_seen=FROM, last_seen=TO - 7 * DAY)]
        assert world.verdict(1) == "used"


class TestCoverage:
    """Every window of every interface of the group."""

    def test_a_missing_window_at_the_end_is_too_few(self, world: World) -> None:
        world.watched = [unwatched_from(TO - WINDOW)]
        assert "eni-1 was watched for 99.98 % of the period" in world.why()

    def test_a_missing_window_at_the_start_is_too_few(self, world: World) -> None:
        late = Watched(windows_nodata=6_047 - 48, first_window=FROM + WINDOW)
        world.watched = [late]
        assert "was watched for" in world.why()

    def test_a_window_outside_the_period_makes_up_for_none(self, world: World) -> None:
        world.watched = [
            Watched(first_window=FROM - WINDOW, last_window=TO - 2 * WINDOW)
        ]
        assert "was watched for" in world.why()

    def test_an_unwatched_interface_beside_a_watched_one_is_too_few(
        self, world: World
    ) -> None:
        world.facts = facts(
            [group("sg-1", UNUSED)],
            [interface("eni-1", ["sg-1"]), interface("eni-2", ["sg-1"])],
        )
        assert "eni-2 was watched for 0 %" in world.why()
        assert world.judged().coverage.watched_share == 0.0

    def test_an_interface_of_another_group_need_not_be_watched(
        self, world: World
    ) -> None:
        world.facts = facts(
            [group("sg-1", UNUSED), group("sg-2")],
            [interface("eni-1", ["sg-1"]), interface("eni-2", ["sg-2"])],
        )
        assert world.verdict() == "unused"

    def test_a_lower_least_coverage_is_named(self, world: World) -> None:
        world.watched = [unwatched_from(TO - DAY)]
        world.min_coverage = 0.95
        judged = world.rule()
        assert judged.verdict == "unused"
        assert "97.61 % of the period (--min-coverage 0.95)" in judged.reasons[0]
        world.watched = [unwatched_from(TO - 3 * DAY)]
        assert "95 % are needed" in world.why()

    @pytest.mark.parametrize("vpc_id", [VPC, ""])
    def test_a_skipped_window_anywhere_in_the_vpc_is_in_doubt(
        self, world: World, vpc_id: str
    ) -> None:
        """Also of a deleted interface, and whatever the minimum coverage is."""
        skipped = Watched(
            interface_id="eni-gone", vpc_id=vpc_id, windows_ok=47, windows_skipped=1
        )
        world.watched = [Watched(), skipped]
        world.min_coverage = 0.5
        assert "1 windows of eni-gone" in world.why()

    def test_a_skipped_window_of_another_vpc_is_ignored(self, world: World) -> None:
        other = Watched(interface_id="eni-2", vpc_id="vpc-2", windows_skipped=1)
        world.watched = [Watched(), other]
        assert world.verdict() == "unused"

    def test_an_interface_made_in_the_period_counts_from_then_on(
        self, world: World
    ) -> None:
        made = FROM + 10 * DAY
        world.facts = facts(
            [group("sg-1", UNUSED)],
            [interface("eni-1", ["sg-1"], created=at(made + 5))],
        )
        count = 32 * DAY // WINDOW - 1
        young = Watched(windows_ok=0, windows_nodata=count, first_window=made + WINDOW)
        world.watched = [young]
        assert world.verdict() == "unused"
        world.watched = [replace(young, first_window=made + 2 * WINDOW)]
        assert "was watched for" in world.why()

    def test_an_interface_made_in_the_last_window_needs_that_window(
        self, world: World
    ) -> None:
        last = TO - WINDOW
        world.facts = facts(
            [group("sg-1", UNUSED)],
            [interface("eni-1", ["sg-1"], created=at(last + 370))],
        )
        one = Watched(windows_ok=0, windows_nodata=1, first_window=last)
        world.watched = [one]
        assert world.verdict() == "unused"
        world.watched = [replace(one, first_window=TO)]
        assert "watched for 0 % of the period" in world.why()

    def test_an_interface_of_unknown_age_counts_from_the_start(
        self, world: World
    ) -> None:
        world.facts = facts(
            [group("sg-1", UNUSED)], [interface("eni-1", ["sg-1"], created=None)]
        )
        world.watched = [Watched(first_window=FROM + DAY, windows_nodata=41 * 144 - 48)]
        assert "was watched for" in world.why()

    def test_an_interface_made_after_the_logs_end_is_not_judged(
        self, world: World
    ) -> None:
        world.facts = facts(
            [group("sg-1", UNUSED)],
            [
                interface("eni-1", ["sg-1"]),
                interface("eni-2", ["sg-1"], created=at(TO + 60)),
            ],
        )
        assert "eni-2 was created after the logs end" in world.why()

    def test_all_skipped_windows_may_lie_in_a_shorter_period(
        self, world: World
    ) -> None:
        world.watched = [Watched(windows_nodata=6_000 - 48, windows_skipped=48)]
        world.unused_for = dt.timedelta(days=1)
        assert world.judged().coverage.watched_share == pytest.approx(96 / 144)


class TestAGroupWithoutInterfaces:
    """It is judged by the log of its VPC."""

    @pytest.fixture
    def world(self, tmp_path: Path) -> World:
        world = World(tmp_path)
        world.facts = facts(
            [group("sg-2", UNUSED), group("sg-1", rule())],
            [interface("eni-1", ["sg-1"])],
        )
        return world

    def test_is_unused_where_the_vpc_is_covered(self, world: World) -> None:
        assert world.verdict(group_id="sg-2") == "unused"

    def test_is_not_judged_where_the_vpc_is_not(self, world: World) -> None:
        world.watched = [unwatched_from(TO - DAY)]
        assert "was watched for" in world.why(group_id="sg-2")

    def test_is_not_judged_in_a_vpc_that_shows_nothing(self, world: World) -> None:
        world.facts = replace(facts([group("sg-2", UNUSED)]), interfaces=())
        world.watched = []
        assert "no interface of vpc-1 shows" in world.why(group_id="sg-2")

    def test_is_not_judged_by_an_interface_made_in_the_period(
        self, world: World
    ) -> None:
        made = FROM + 10 * DAY
        world.facts = facts(
            [group("sg-2", UNUSED), group("sg-1", rule())],
            [interface("eni-1", ["sg-1"], created=at(made))],
        )
        world.watched = [Watched(first_window=made, windows_nodata=32 * 144 - 48)]
        assert "no interface of vpc-1 shows" in world.why(group_id="sg-2")

    def test_is_possibly_used_by_an_interface_that_is_gone(self, world: World) -> None:
        world.flows = [Flow(interface_id="eni-gone", port=8080)]
        assert world.verdict(group_id="sg-2") == "possibly used"


class TestTheRule:
    """What has to be known of the rule itself."""

    @pytest.mark.parametrize("created", [FROM + DAY, FROM - 1])
    def test_one_younger_than_the_period_is_not_judged(
        self, world: World, created: int
    ) -> None:
        text = at(created).strftime("%Y-%m-%dT%H:%M:%SZ")
        world.rules = [LiveRule(UNUSED, "sgr-1", text)]
        assert "within the period" in world.why()

    def test_one_just_older_than_the_period_is_judged(self, world: World) -> None:
        text = at(FROM - 3).strftime("%Y-%m-%dT%H:%M:%SZ")
        world.rules = [LiveRule(UNUSED, "sgr-1", text)]
        assert world.verdict() == "unused"

    def test_one_of_unknown_age_is_not_judged(self, world: World) -> None:
        world.rules = [LiveRule(UNUSED, "sgr-1", "")]
        assert "when it was created is not known" in world.why()

    @pytest.mark.parametrize(
        ("arguments", "named"),
        [
            (
                {"source_prefix_list_id": "pl-9", "port_range": "8080"},
                "prefix list pl-9",
            ),
            ({"port_range": "", "port_range_list_id": "prl-9"}, "port list prl-9"),
            ({"source_group_id": "sg-9", "port_range": "8080"}, "source group sg-9"),
        ],
    )
    def test_one_whose_sources_cannot_be_resolved_is_not_judged(
        self, world: World, arguments: dict[str, str], named: str
    ) -> None:
        world.rules = [rule(**arguments)]
        world.flows = []
        assert f"the {named} could not be resolved" in world.why()

    def test_one_from_a_known_group_without_members_is_judged(
        self, world: World
    ) -> None:
        known = facts([group("sg-1", rule(source_group_id="sg-2", port_range="8080"))])
        world.facts = replace(known, listed=frozenset({"sg-1", "sg-2"}))
        assert world.verdict() == "unused"

    def test_one_that_was_used_is_used_whatever_is_missing(self, world: World) -> None:
        world.watched = None
        world.metadata = replace(PERIOD, all_paths=False, files_unreadable=1)
        assert world.verdict(1) == "used"


def test_the_age_of_an_interface_is_that_of_its_addresses(tmp_path: Path) -> None:
    """The fixtures of these tests are older than any flow."""
    assert World(tmp_path).table().metadata.period_from > OLD.timestamp()


def test_a_path_with_brackets_names_one_table_only(tmp_path: Path) -> None:
    """DuckDB takes it for a pattern, and `usage1` would match."""
    written(tmp_path / "usage1.parquet", watched=[Watched(interface_id="eni-3")])
    rows = [Watched(interface_id=name) for name in ("eni-2", "eni-1")]

    found = read_watched(written(tmp_path / "usage[1].parquet", watched=rows))

    assert [each.interface_id for each in found or ()] == ["eni-1", "eni-2"]
