"""
The simulator itself: its policy by hand-made cases, its logs by what the format says.
"""

from __future__ import annotations

import ipaddress
import json
import random
from collections import Counter
from dataclasses import replace
from pathlib import Path

import duckdb
import pytest

from alicloud_ingress.testing import FakeEcs
from usage.flow_log import FORMATS, LogStyle, windows_of
from usage.policy import TCP, Packet, SimulatedRule
from usage.simulator import SPOILS, Simulation, simulate
from usage.topology import SimulatedGroup, SimulatedInterface, World
from usage.traffic import ACK, SYN, Traffic

SEEDS = range(60)
START = 1_767_571_200


@pytest.fixture(scope="module")
def simulations() -> list[Simulation]:
    """Some worlds."""
    return [simulate(seed) for seed in SEEDS]


def rule(
    number: int,
    source: str = "0.0.0.0/0",
    port: int = 443,
    *,
    group: int = 0,
    priority: int = 1,
    accepts: bool = True,
    source_group: int | None = None,
) -> SimulatedRule:
    """A rule of TCP."""
    return SimulatedRule(
        number,
        group,
        accepts=accepts,
        priority=priority,
        protocol=TCP,
        ports=((port, port),),
        networks=() if source_group is not None else (ipaddress.ip_network(source),),
        source_group=source_group,
    )


def world(*rules: SimulatedRule, inner_access: bool = False) -> World:
    """Two groups; interface 0 is in both, interface 1 in the second."""
    groups = [
        SimulatedGroup(number, 0, basic=True, inner_access=inner_access)
        for number in range(2)
    ]
    interfaces = [
        SimulatedInterface(0, 0, (0, 1), ("10.0.0.10",), (), 0),
        SimulatedInterface(1, 0, (1,), ("10.0.0.20",), (), 0, gone=START + 100),
    ]
    return World(START, START + 3600, 60, groups, interfaces, list(rules))


def deciders(made: World, source: str, time: int = START) -> tuple[bool, list[int]]:
    """Whether a packet to interface 0 passes, and the numbers of who decided."""
    packet = Packet(TCP, source, 40_000, "10.0.0.10", 443)
    verdict = made.decide(made.interfaces[0], packet, time)
    return verdict.accepted, [each.number for each in verdict.deciders]


CASES: list[tuple[list[SimulatedRule], str, tuple[bool, list[int]]]] = [
    ([], "192.0.2.1", (False, [])),
    ([rule(0)], "192.0.2.1", (True, [0])),
    ([rule(0), rule(1, group=1)], "192.0.2.1", (True, [0, 1])),
    ([rule(0), rule(1, priority=2)], "192.0.2.1", (True, [0])),
    ([rule(0), rule(1, group=1, accepts=False)], "192.0.2.1", (False, [1])),
    ([rule(0), rule(1, accepts=False, priority=2)], "192.0.2.1", (True, [0])),
    ([rule(0, "10.0.0.0/8")], "192.0.2.1", (False, [])),
    ([rule(0, port=80)], "192.0.2.1", (False, [])),
    ([rule(0, "::/0")], "192.0.2.1", (False, [])),
    ([rule(0, source_group=1)], "10.0.0.20", (True, [0])),
    ([rule(0, source_group=1)], "10.0.0.21", (False, [])),
]


@pytest.mark.parametrize(("rules", "source", "expected"), CASES)
def test_the_policy_decides_as_documented(
    rules: list[SimulatedRule], source: str, expected: tuple[bool, list[int]]
) -> None:
    assert deciders(world(*rules), source) == expected


def test_members_of_a_basic_group_need_no_rule_between_them() -> None:
    assert deciders(world(inner_access=True), "10.0.0.20") == (True, [])
    assert deciders(world(inner_access=False), "10.0.0.20") == (False, [])


def test_a_rule_decides_only_while_it_exists() -> None:
    made = world(replace(rule(0), created=START + 10, deleted=START + 20))

    found = [deciders(made, "192.0.2.1", START + n) for n in (9, 10, 19, 20)]

    assert [accepted for accepted, _ in found] == [False, True, True, False]


@pytest.mark.parametrize(("silence", "decided"), [(910, 0), (911, 1)])
def test_a_session_ends_after_a_long_silence(silence: int, decided: int) -> None:
    """What comes then is decided by the rules, though the interface opened it."""
    made = world(rule(0, port=40_000))
    traffic = Traffic(random.Random(1), made, expiring=True)  # noqa: S311
    own = Packet(TCP, "10.0.0.10", 40_000, "192.0.2.1", 443, SYN)

    traffic.send(START, own, 0, None)
    traffic.send(START, own.reversed(SYN | ACK), None, 0)
    traffic.send(START + silence, own.reversed(ACK), None, 0)

    assert len(traffic.truth.accepted_by.get(0, [])) == decided


def test_an_interface_that_is_gone_is_no_member() -> None:
    made = world(rule(0, source_group=1))

    assert deciders(made, "10.0.0.20", START + 99) == (True, [0])
    assert deciders(made, "10.0.0.20", START + 100) == (False, [])


def test_a_seed_is_always_the_same_world(tmp_path: Path) -> None:
    written: list[list[bytes]] = []
    for name in ("one", "two"):
        simulate(7).write(tmp_path / name)
        files = sorted((tmp_path / name).rglob("part-*"))
        written.append([file.read_bytes() for file in files])

    assert written[0] == written[1]
    assert written[0]


def test_the_worlds_hold_every_ingredient(simulations: list[Simulation]) -> None:
    found = Counter[str]()
    for each in simulations:
        found.update(name for name, is_in in vars(each.has).items() if is_in)
        found.update(each.spoilt)
        found.update([each.style.format, each.style.flags])
    flags = ("only handshakes", "with PSH", "all", "none")
    wanted = {*vars(simulations[0].has), *SPOILS, *FORMATS, *flags}

    assert wanted - found.keys() == set()


def test_there_are_rules_of_each_kind_to_judge(simulations: list[Simulation]) -> None:
    """A property that holds for want of rules would say nothing."""
    used = sum(len(each.truth.accepted_by) for each in simulations)
    unused = sum(len(each.surely_unused()) for each in simulations)
    provable = sum(len(each.surely_used()) for each in simulations)

    assert min(used, unused, provable) > 20
    for each in simulations:
        assert each.surely_unused().isdisjoint(each.never_unused())
        assert each.surely_used() <= each.truth.accepted_by.keys()


def test_each_window_of_a_watched_interface_has_a_record(
    simulations: list[Simulation],
) -> None:
    for each in simulations:
        if each.spoilt:
            continue
        seen = {
            (r["eni-id"], int(str(r["start"])) // each.world.window_s)
            for r in each.records
        }
        wanted = {
            (interface.interface_id, window)
            for interface in each.world.interfaces
            for window in windows_of(each.world, interface)
        }
        assert seen == wanted


def test_the_packets_of_the_log_are_those_of_the_truth(
    simulations: list[Simulation],
) -> None:
    for each in simulations:
        if each.spoilt:
            continue
        flows = [r for r in each.records if r["log-status"] == "OK"]
        assert sum(int(str(r["packets"])) for r in flows) == len(each.truth.seen)


@pytest.mark.parametrize("form", FORMATS)
def test_the_files_of_each_format_hold_the_same(form: str, tmp_path: Path) -> None:
    """Duplicates of delivery aside."""
    made = simulate(3)
    style = replace(LogStyle(), format=form)
    made = replace(made, style=style, spoilt=frozenset())

    glob = made.write(tmp_path)

    reader = "read_parquet" if form == "parquet" else "read_csv"
    reader = "read_json" if "json" in form else reader
    rows = duckdb.execute(
        f'SELECT DISTINCT "eni-id", "srcport"::VARCHAR, "start"::BIGINT'
        f" FROM {reader}('{glob}', union_by_name = true)"
    ).fetchall()
    assert len(rows) == len(
        {(r["eni-id"], str(r["srcport"]), int(str(r["start"]))) for r in made.records}
    )


def test_the_fake_shows_what_exists_at_the_end() -> None:
    made = next(
        each
        for each in map(simulate, range(200))
        if each.has.gone_interfaces and each.has.deleted_rules
        if any(r.deleted for r in each.world.rules)
        and any(i.gone for i in each.world.interfaces)
    )
    fake = FakeEcs()

    ids = made.seed_fake(fake)

    assert ids.keys() == {r.number for r in made.world.rules if not r.deleted}
    assert len({*ids.values()}) == len(ids)
    assert {*fake.interfaces} == {
        i.interface_id for i in made.world.interfaces if not i.gone
    }
    times = {
        rule["CreateTime"]
        for group in fake.groups
        for rule in fake.rules(group).values()
    }
    assert times == {r.fields["CreateTime"] for r in made.world.rules if not r.deleted}
    assert json.loads(fake.dump())["interfaces"].keys() == {*fake.interfaces}
