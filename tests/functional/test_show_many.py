"""
What `show` does with many groups: all of them, the open ones, and unreadable ones.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator
from typing import Any

import pytest
from click.testing import Result

from alicloud_ingress.testing import FakeEcs
from alicloud_ingress.testing.faults import Fault
from functional.accounts import account, run, tcp

DESCRIBE = "DescribeSecurityGroupAttribute"


@pytest.fixture
def fake() -> Iterator[FakeEcs]:
    """An account in process."""
    with account() as fake:
        yield fake


def groups_of(done: Result) -> dict[str, dict[str, Any]]:
    """The groups of a JSON answer, by ID."""
    return {group["group_id"]: group for group in json.loads(done.stdout)["groups"]}


def test_all_groups_of_the_given_regions_are_shown(fake: FakeEcs) -> None:
    """More than a page of them, in two regions, and none of another account."""
    mine = [fake.new_group(name=f"web-{n}") for n in range(120)]
    there = fake.new_group("ap-southeast-1", name="far")
    fake.new_group(account="2")
    regions = ("--region", "cn-hangzhou", "--region", "ap-southeast-1")

    done = run("show", "--all-groups", "--format", "json", *regions)

    assert done.exit_code == 0
    groups = groups_of(done)
    assert list(groups) == [*mine, there]
    assert groups[mine[7]]["name"] == "web-7"
    assert groups[there]["region"] == "ap-southeast-1"
    assert f"{mine[7]} (web-7) in cn-hangzhou: 0 inbound rules" in (
        run("show", "--group", mine[7]).stdout
    )


def test_a_region_that_is_named_twice_is_shown_once(fake: FakeEcs) -> None:
    group = fake.new_group()
    fake.add_rule(group, **tcp(80))
    here = ("--region", "cn-hangzhou")

    done = run("show", "--all-groups", "--format", "csv", *here, *here)

    assert done.stdout.count(group) == 1


def test_show_can_be_limited_to_internet_exposure(fake: FakeEcs) -> None:
    """Groups that are closed are left out."""
    open_, closed = fake.new_group(), fake.new_group()
    wide = fake.add_rule(open_, **tcp(22, "0.0.0.0/0"))
    fake.add_rule(open_, **tcp(80))
    fake.add_rule(closed, **tcp(80))

    done = run("show", "--all-groups", "--open-to-world", "--format", "json")

    assert done.exit_code == 0
    groups = groups_of(done)
    assert list(groups) == [open_]
    assert [rule["rule_id"] for rule in groups[open_]["rules"]] == [wide]


def test_without_internet_exposure_the_answer_is_empty(fake: FakeEcs) -> None:
    fake.add_rule(fake.new_group(), **tcp(80))

    done = run("show", "--all-groups", "--open-to-world", "--format", "json")

    assert json.loads(done.stdout) == {"groups": [], "not_judged": []}


@pytest.mark.parametrize("form", ["table", "json", "markdown", "csv"])
def test_an_unreadable_group_hides_no_other(fake: FakeEcs, form: str) -> None:
    """It is named, and the exit code says that the answer is incomplete."""
    group = fake.new_group()
    rule_id = fake.add_rule(group, **tcp(80))

    done = run("show", "--group", "sg-nowhere", "--group", group, "--format", form)

    assert done.exit_code == 3
    assert rule_id in done.stdout
    assert "sg-nowhere" in done.stderr
    if form == "json":
        (told,) = json.loads(done.stdout)["not_judged"]
        assert "sg-nowhere" in told


def test_a_region_that_cannot_be_listed_is_named(fake: FakeEcs) -> None:
    """The other region's groups are shown."""
    there = fake.new_group("ap-southeast-1")
    fake.inject(Fault.refused("DescribeSecurityGroups", 403, "Forbidden.RAM"))
    regions = ("--region", "cn-hangzhou", "--region", "ap-southeast-1")

    done = run("show", "--all-groups", "--format", "json", *regions)

    assert done.exit_code == 3
    assert list(groups_of(done)) == [there]
    assert "DescribeSecurityGroups" in done.stderr


def test_refused_keys_are_not_tried_on_each_group(fake: FakeEcs) -> None:
    """All groups would fail alike."""
    fake.add_key("another", "key")
    named = [word for n in range(60) for word in ("--group", f"sg-{n}")]

    done = run("show", *named)

    assert (done.exit_code, done.stdout) == (3, "")
    assert "sg-59 was not read either" in done.stderr
    assert len(fake.calls) < 40


def test_csv_has_a_row_for_each_rule_and_no_formula(fake: FakeEcs) -> None:
    """A spreadsheet takes a cell that begins with = for a formula."""
    group = fake.new_group(name="web")
    rule_id = fake.add_rule(group, **tcp(80, Description="=HYPERLINK(1)"))
    other = fake.add_rule(group, **tcp(81, Description='a "b", c'))

    done = run("show", "--group", group, "--format", "csv")

    rows = {row["ID"]: row for row in csv.DictReader(io.StringIO(done.stdout))}
    assert list(rows) == [rule_id, other]
    assert rows[rule_id]["description"] == "'=HYPERLINK(1)"
    assert rows[other]["description"] == 'a "b", c'
    assert (rows[other]["group"], rows[other]["name"]) == (group, "web")


@pytest.mark.parametrize("wrong", [(), ("--group", "sg-1", "--all-groups")])
def test_groups_and_the_all_option_exclude_each_other(
    fake: FakeEcs, wrong: tuple[str, ...]
) -> None:
    assert run("show", *wrong).exit_code == 2
    assert fake.calls == []
