"""
`stale plan --usage`: unused rules, planned, destroyed and restored.
"""

from __future__ import annotations

import json
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from click.testing import Result

from alicloud_ingress import stale
from alicloud_ingress.testing import FakeEcs
from functional.accounts import EXPIRED, account, owning, run, started, state, tcp
from functional.watched_groups import add, table, watched_group
from usage_tables import DAY, FROM, TO, Flow, unwatched_from


@pytest.fixture
def fake() -> Iterator[FakeEcs]:
    """An account in process."""
    with account() as fake:
        yield fake


@pytest.fixture
def group(fake: FakeEcs) -> str:
    """A group with one interface, older than the period."""
    return watched_group(fake)


def plan(group: str, *arguments: str) -> Result:
    """Plan by the table."""
    where = ("--group", group) if group else ("--all-groups",)
    return run(
        *("stale", "plan", "--out", "plan.json", "--usage", "usage.parquet"),
        *where,
        *arguments,
    )


def planned() -> dict[str, list[dict[str, str]]]:
    """The reasons of each rule that the plan would destroy."""
    document = json.loads(Path("plan.json").read_text())
    jsonschema.validate(document, stale.schema("stale-plan"))
    return {
        rule["rule_id"]: rule["reasons"]
        for group in document["groups"]
        for rule in group["stale"]
    }


def test_only_an_unused_rule_is_planned(fake: FakeEcs, group: str) -> None:
    """Not what was used, possibly used, or not judged; and no drop."""
    add(fake, group, tcp(443))
    unused = add(fake, group, tcp(8080))
    add(fake, group, tcp(53))
    fake.add_rule(group, **tcp(9000))
    add(fake, group, tcp(23, Policy="drop"))
    table(fake, group, Flow(), Flow(port=53, opened="unknown"))

    done = plan(group)

    assert done.exit_code == 1
    ((rule_id, (reason,)),) = planned().items()
    assert (rule_id, reason["kind"]) == (unused, "unused")
    assert "2026-09-21T14:20:00Z to 2026-11-02T14:20:00Z (42 days)" in reason["text"]
    assert "the use of 1 rule is not judged" in done.stderr


def test_without_a_table_nothing_is_unused(fake: FakeEcs, group: str) -> None:
    add(fake, group, tcp(8080))
    done = run("stale", "plan", "--group", group, "--out", "plan.json")
    assert done.exit_code == 0
    assert planned() == {}


def test_what_logs_do_not_prove_is_reported_with_exit_0(
    fake: FakeEcs, group: str
) -> None:
    add(fake, group, tcp(8080))
    table(fake, group, all_paths=False)

    done = plan(group)

    assert (done.exit_code, planned()) == (0, {})
    assert "--all-paths" in done.stderr


def test_a_refused_call_leaves_rules_unjudged_with_exit_3(
    fake: FakeEcs, group: str
) -> None:
    """The other reasons are found all the same."""
    add(fake, group, tcp(8080))
    expired = add(fake, group, tcp(80, Description=EXPIRED))
    table(fake, group)
    fake.fail_next("DescribeNetworkInterfaces", 403, "Forbidden.RAM")

    done = plan(group)

    assert done.exit_code == 3
    assert [*planned()] == [expired]
    assert "which rules are unused" in done.stderr


def test_an_owned_rule_is_reported_and_never_planned(fake: FakeEcs, group: str) -> None:
    owned = add(fake, group, tcp(8080))
    table(fake, group)
    Path("state.json").write_text(state(owning(group, owned)))

    done = plan(group, "--state", "state.json")

    assert (done.exit_code, planned()) == (0, {})
    (found,) = json.loads(Path("plan.json").read_text())["groups"]
    assert found["kept"][0]["reasons"][0]["kind"] == "unused"


def test_unused_for_reaches_back_from_the_end_of_the_table(
    fake: FakeEcs, group: str
) -> None:
    late = add(fake, group, tcp(443))
    table(fake, group, Flow(last_seen=FROM + 20 * DAY))

    assert plan(group).exit_code == 0
    assert plan(group, "--unused-for", "7d").exit_code == 1
    assert [*planned()] == [late]
    add(fake, group, tcp(8080))
    done = plan(group, "--unused-for", "60d")
    assert (done.exit_code, planned()) == (0, {})
    assert "the table covers 42 days" in done.stderr


def test_a_lower_least_coverage_stands_in_the_plan(fake: FakeEcs, group: str) -> None:
    add(fake, group, tcp(8080))
    table(fake, group, watched=unwatched_from(TO - DAY))

    assert plan(group).exit_code == 0
    assert plan(group, "--min-coverage", "0.95").exit_code == 1
    (((reason,)),) = planned().values()
    assert "--min-coverage 0.95" in reason["text"]


@pytest.mark.parametrize("option", [("--unused-for", "7d"), ("--min-coverage", "0.9")])
def test_options_of_usage_need_a_table(
    fake: FakeEcs, group: str, option: tuple[str, str]
) -> None:
    done = run("stale", "plan", "--group", group, "--out", "plan.json", *option)
    assert done.exit_code == 2
    assert fake.calls == []


def test_an_unused_rule_is_destroyed_and_comes_back(fake: FakeEcs, group: str) -> None:
    used = add(fake, group, tcp(443))
    unused = add(fake, group, tcp(8080, Description="old app"))
    before = dict(fake.rules(group)[unused])
    table(fake, group, Flow())
    assert plan(group).exit_code == 1

    done = run(
        *("stale", "destroy", "plan.json", "--reason", "unused", "--yes"),
        *("--report", "report.json"),
    )

    assert done.exit_code == 0, done.output
    assert [*fake.rules(group)] == [used]
    report = json.loads(Path("report.json").read_text())
    jsonschema.validate(report, stale.schema("stale-report"))
    assert report["rules"][0]["reasons"][0]["kind"] == "unused"

    assert run("stale", "restore", "report.json").exit_code == 0
    (back,) = [r for i, r in fake.rules(group).items() if i != used]
    for volatile in ("SecurityGroupRuleId", "CreateTime"):
        del before[volatile], back[volatile]
    assert back == before


def test_a_rule_that_changed_since_the_plan_is_left(fake: FakeEcs, group: str) -> None:
    unused = add(fake, group, tcp(8080))
    table(fake, group)
    assert plan(group).exit_code == 1
    fake.change_rule(group, unused, PortRange="8081/8081")

    done = run("stale", "destroy", "plan.json", "--yes", "--report", "report.json")

    assert done.exit_code == 1
    assert [*fake.rules(group)] == [unused]


def test_the_last_way_in_is_left_though_unused(fake: FakeEcs, group: str) -> None:
    unused = add(fake, group, tcp(22))
    table(fake, group)
    assert plan(group).exit_code == 1

    done = run("stale", "destroy", "plan.json", "--yes", "--report", "report.json")

    assert done.exit_code == 1
    assert [*fake.rules(group)] == [unused]


def test_a_used_rule_is_kept_beside_an_unused_copy(fake: FakeEcs, group: str) -> None:
    """The rule that decides is kept; the one below it decides nothing."""
    decides = add(fake, group, tcp(443, "10.0.0.0/8", Priority="1"))
    below = add(fake, group, tcp(443, "10.0.0.0/8", Priority="2"))
    table(fake, group, Flow())

    plan(group)

    assert decides not in planned()
    assert {r["kind"] for r in planned()[below]} >= {"unused"}


def test_all_groups_of_a_vpc_are_judged_by_one_reading(
    fake: FakeEcs, group: str
) -> None:
    vpc = fake.groups[group].vpc_id
    groups = [group, *(fake.new_group(vpc_id=vpc) for _ in range(5))]
    unused = {add(fake, each, tcp(8080)) for each in groups}
    table(fake, group)

    assert plan("").exit_code == 1

    assert planned().keys() == unused
    calls = [c for c in fake.calls if c.action == "DescribeNetworkInterfaces"]
    assert len(calls) == 1


def test_an_interrupted_plan_does_not_abort_among_queries() -> None:
    """A query of a thread that ends while Python ends aborts the process."""
    fake = FakeEcs()
    table(fake, watched_group(fake))
    for number in range(60):
        add(fake, fake.new_group(vpc_id=f"vpc-of-{number}"), tcp(8080))
    with fake.serve() as url:
        running = started(
            url,
            *("plan", "--all-groups", "--out", "plan.json", "--usage", "usage.parquet"),
            err=subprocess.PIPE,
        )
        partial = Path("plan.json.partial")
        while not partial.exists() or len(partial.read_text().splitlines()) <= 2:
            time.sleep(0.05)
        running.send_signal(signal.SIGINT)
        _, said = running.communicate(timeout=60)

    assert running.returncode == 130
    assert said.decode().splitlines() == ["interrupted"]


def test_a_run_with_another_table_does_not_resume(fake: FakeEcs, group: str) -> None:
    unused = add(fake, group, tcp(8080))
    table(fake, group, Flow(port=8080))
    first = plan(group)
    assert first.exit_code == 0
    kept = Path("plan.json.partial")

    def interrupt(call: Any) -> None:
        if call.action == "DescribeNetworkInterfaces":
            fake.listeners.clear()
            raise KeyboardInterrupt

    fake.listeners.append(interrupt)
    assert plan(group).exit_code == 130
    assert kept.exists()
    table(fake, group)
    done = plan(group)
    assert "going on after" not in done.stderr
    assert [*planned()] == [unused]
