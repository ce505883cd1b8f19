"""
Simulated worlds, judged by the commands: what was used is never called unused.

`WORLDS` sets how many worlds are drawn; `SEED` is that of the first.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import duckdb
import pytest

from functional.accounts import account, run
from usage.reference_table import write_table
from usage.simulator import Simulation, simulate
from usage.topology import iso

FIRST = int(os.environ.get("SEED", "0"))
WORLDS = range(FIRST, FIRST + int(os.environ.get("WORLDS", "100")))
ACCEPTED = """
SELECT interface_id, vpc_id, account_id, opened = 'out' AS own, source, destination,
    protocol, port, min(first_seen), max(last_seen), sum(flows), sum(packets),
    sum(bytes)
FROM read_parquet($1) WHERE action = 'ACCEPT' GROUP BY ALL ORDER BY ALL
"""
WATCHED = "SELECT * FROM read_parquet($1) ORDER BY ALL"
OWN = "REPLACE (if(opened = 'unknown', 'out', opened) AS opened)"
METADATA = "alicloud_ingress.usage"
VERDICTS = {"used", "possibly used", "unused", "not judged"}


@pytest.mark.parametrize("seed", WORLDS)
def test_no_used_rule_is_called_unused(seed: int, tmp_path: Path) -> None:
    """And where the logs leave no doubt, each rule without traffic is."""
    simulation = simulate(seed)
    table = tmp_path / "usage.parquet"

    if simulation.records:
        collect(simulation, tmp_path / "logs", table)

    if table.exists():
        hold_to_the_truth(simulation, judgement(simulation, table))
    else:
        assert simulation.spoilt & {"unreadable", "not logged"}


@pytest.mark.parametrize("seed", WORLDS)
def test_a_list_that_was_changed_leaves_its_rule_in_doubt(
    seed: int, tmp_path: Path
) -> None:
    """If nothing but the rule explains a flow."""
    simulation = replace(simulate(seed), spoilt=frozenset())
    explaining = simulation.change_lists("192.0.2.128/25")
    if not explaining:
        return
    table = tmp_path / "usage.parquet"
    write_table(simulation, table)

    judged = judgement(simulation, table)

    assert not [
        number
        for number in explaining & judged.keys()
        if judged[number]["verdict"] == "unused"
    ]


@pytest.mark.parametrize("seed", WORLDS)
def test_a_log_of_ipv4_alone_hides_no_use(seed: int, tmp_path: Path) -> None:
    """It is the default of a flow log, and does not say so."""
    simulation = simulate(seed)
    if not simulation.has.ipv6:
        return
    table = tmp_path / "usage.parquet"
    of_ipv4 = simulation.with_ipv4_alone()

    collect(of_ipv4, tmp_path / "logs", table)

    hold_to_the_truth(of_ipv4, judgement(of_ipv4, table))


@pytest.mark.parametrize("seed", WORLDS[:20])
def test_a_table_made_record_by_record_is_judged_alike(
    seed: int, tmp_path: Path
) -> None:
    """What judges is held against the truth without what collects."""
    simulation = simulate(seed)
    table = tmp_path / "usage.parquet"

    write_table(simulation, table)

    hold_to_the_truth(simulation, judgement(simulation, table))


@pytest.mark.parametrize("seed", WORLDS[:20])
def test_sql_and_plain_code_make_the_same_table(seed: int, tmp_path: Path) -> None:
    """Of what was accepted; whose opener is unknown may differ from whose is known."""
    simulation = replace(simulate(seed), spoilt=frozenset())
    tables = [tmp_path / "sql.parquet", tmp_path / "plain.parquet"]

    collect(simulation, tmp_path / "logs", tables[0])
    write_table(simulation, tables[1])

    by_sql, by_code = [duckdb.execute(ACCEPTED, [str(t)]).fetchall() for t in tables]
    assert by_sql == by_code
    watched = [str(each.with_suffix(".watched.parquet")) for each in tables]
    seen = [duckdb.execute(WATCHED, [each]).fetchall() for each in watched]
    assert seen[0] == seen[1]
    assert seen[0]


@pytest.mark.parametrize("seed", [24, 26])
def test_a_table_that_proves_too_much_is_found_out(seed: int, tmp_path: Path) -> None:
    """The property can fail: here each opener that is unknown is said to be known."""
    simulation = simulate(seed)
    honest, wrong = tmp_path / "honest.parquet", tmp_path / "usage.parquet"
    write_table(simulation, honest)
    for each in (honest, honest.with_suffix(".watched.parquet")):
        name = each.name.replace("honest", "usage")
        with duckdb.connect() as database:
            keys = "SELECT decode(value) FROM parquet_kv_metadata($1)"
            (text,) = database.execute(keys, [str(each)]).fetchall()[0]
            opened = OWN if each == honest else ""
            database.execute(
                f"COPY (SELECT * {opened} FROM '{each}') TO '{tmp_path / name}'"
                f" (FORMAT parquet, KV_METADATA {{'{METADATA}': '{text}'}})"
            )

    hold_to_the_truth(simulation, judgement(simulation, honest))
    with pytest.raises(AssertionError, match="used, and called unused"):
        hold_to_the_truth(simulation, judgement(simulation, wrong))


def hold_to_the_truth(
    simulation: Simulation, judged: Mapping[int, Mapping[str, Any]]
) -> None:
    """Compare the verdicts with what decided packets."""
    assert {each["verdict"] for each in judged.values()} <= VERDICTS
    wrong = {
        "used, and called unused": [
            number
            for number in simulation.never_unused() & judged.keys()
            if judged[number]["verdict"] == "unused"
        ],
        "surely unused, and not called so": [
            number
            for number in simulation.surely_unused()
            if judged[number]["verdict"] != "unused"
        ],
        "surely used, and not called so": [
            number
            for number in simulation.surely_used()
            if judged[number]["verdict"] != "used"
        ],
    }
    assert not any(wrong.values()), explained(simulation, wrong, judged)


def collect(simulation: Simulation, logs: Path, table: Path) -> None:
    """Write the logs of a simulation, and collect them into a table."""
    world = simulation.world
    done = run(
        "usage",
        "collect",
        "--files",
        simulation.write(logs),
        *("--since", "1d"),
        *("--until", iso(world.end)),
        *(["--all-paths"] if simulation.all_paths else []),
        *("--out", str(table)),
    )
    assert done.exit_code in allowed(simulation, "unreadable"), done.output


def judgement(simulation: Simulation, table: Path) -> dict[int, Mapping[str, Any]]:
    """What `usage show` says of each rule that exists, by its number in the world."""
    with account() as fake:
        ids = simulation.seed_fake(fake)
        groups = [word for group in fake.groups for word in ("--group", group)]
        shown = run("usage", "show", *groups, "--usage", str(table), "--format", "json")
    unresolved = any(not rule.resolvable for rule in simulation.world.rules)
    assert shown.exit_code in ((0, 3) if unresolved else (0,)), shown.output
    report = json.loads(shown.stdout)
    assert report["schema"] == "usage-report-1"
    rules = [rule for group in report["groups"] for rule in group["rules"]]
    by_id = {rule["rule_id"]: rule for rule in rules}
    assert len(by_id) == len(rules)
    assert by_id.keys() == {*ids.values()}
    return {number: by_id[rule_id] for number, rule_id in ids.items()}


def allowed(simulation: Simulation, fault: str) -> tuple[int, ...]:
    """
    The exit codes of `collect`: 3 is right where a file is damaged, and a file may be
    cut where one record ends and the next begins.
    """
    return (0, 3) if fault in simulation.spoilt else (0,)


def explained(
    simulation: Simulation,
    wrong: Mapping[str, list[int]],
    judged: Mapping[int, Mapping[str, Any]],
) -> str:
    """The rules that are wrong, with what was said of them."""
    spoilt = sorted(simulation.spoilt)
    lines = [f"seed {simulation.seed}: {simulation.has}, {simulation.style}, {spoilt}"]
    for what, numbers in wrong.items():
        for number in numbers:
            rule = simulation.world.rules[number]
            said = judged[number]
            times = simulation.truth.accepted_by.get(number, [])[:3]
            lines.append(
                f"{what}: {rule.fields} of {simulation.world.groups[rule.group]}"
                f" decided at {times}: {said['verdict']}, {said.get('reasons')}"
            )
    return "\n".join(lines)
