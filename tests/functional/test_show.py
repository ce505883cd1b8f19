"""
What `show`, `import` and `stale` report where something is open, hidden or too complex.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
from click.testing import CliRunner, Result

from alicloud_ingress.cleanup.effects import MAX_LISTS
from alicloud_ingress.cli.failure import Commands
from alicloud_ingress.testing import FakeEcs
from functional.accounts import (
    EXPIRED,
    SECRET,
    TYPE,
    account,
    entry,
    run,
    state,
    tcp,
)


@pytest.fixture
def fake() -> Iterator[FakeEcs]:
    """An account in process."""
    with account() as fake:
        yield fake


def shown(group: str, *arguments: str) -> Result:
    """Show the rules of a group."""
    return run("show", "--group", group, *arguments)


def add_what_overlaps_in_too_many_ways(fake: FakeEcs, group: str) -> None:
    """Add rules that overlap in part, in each respect at once."""
    fake.groups[group].most_rules = 2_000
    for n in range(1, 1001):
        fake.add_rule(
            group,
            **tcp(
                f"{n}/{n + 30000}",
                f"{n % 200}.0.0.0/{n % 7 + 1}",
                SourcePortRange=f"{n}/{n + 20000}",
                DestCidrIp=f"10.{n % 250}.0.0/{n % 14 + 2}",
            ),
        )


@pytest.mark.parametrize(
    ("form", "told"),
    [
        ("table", "open to the world: 0.0.0.0/0 may reach tcp 22"),
        ("markdown", "- open to the world: `0.0.0.0/0 may reach tcp 22`"),
    ],
)
def test_exposure_to_the_internet_is_shown_below_the_rules(
    fake: FakeEcs, form: str, told: str
) -> None:
    """For a group without it there is no such line."""
    open_, closed = fake.new_group(), fake.new_group()
    fake.add_rule(open_, **tcp(22, "0.0.0.0/0"))
    fake.add_rule(closed, **tcp(22))

    assert shown(open_, "--format", form).stdout.splitlines()[-1] == told
    assert "open to the world" not in shown(closed, "--format", form).stdout


def from_list(fake: FakeEcs, group: str, *blocks: str) -> str:
    """A rule for port 22 from a prefix list with some blocks; the list's ID."""
    list_id = fake.new_prefix_list(*blocks)
    rule = {"IpProtocol": "tcp", "PortRange": "22/22", "SourcePrefixListId": list_id}
    fake.add_rule(group, **rule)
    return list_id


@pytest.mark.parametrize(
    ("blocks", "is_open"),
    [(["10.0.0.0/8"], False), (["0.0.0.0/1", "128.0.0.0/1"], True)],
)
def test_a_rule_exposes_its_prefix_lists_entries(
    fake: FakeEcs, blocks: list[str], *, is_open: bool
) -> None:
    """A list of offices is not the internet."""
    group = fake.new_group()
    from_list(fake, group, *blocks)

    done = shown(group, "--format", "json")

    (told,) = json.loads(done.stdout)["groups"]
    assert done.exit_code == 0
    assert told["rules"][0]["world_open"] is is_open
    assert bool(told["world_open"]) is is_open


def test_an_unreadable_list_is_not_judged_and_exits_with_3(fake: FakeEcs) -> None:
    """It is not taken for the internet."""
    group = fake.new_group()
    list_id = from_list(fake, group, "10.0.0.0/8")
    fake.fail_next("DescribePrefixListAttributes", 403, "Forbidden.RAM")

    done = shown(group)

    assert done.exit_code == 3
    assert f"the entries of {list_id} could not be read" in done.stderr
    assert "THE WORLD" not in done.stdout


@pytest.mark.parametrize("is_gone", [True, False], ids=["gone", "empty"])
def test_a_rule_from_an_empty_list_exposes_nothing(
    fake: FakeEcs, *, is_gone: bool
) -> None:
    """The group is judged, and `stale` finds the rule."""
    group = fake.new_group()
    list_id = from_list(fake, group)
    if is_gone:
        del fake.state.prefix_lists[list_id]

    done = shown(group, "--format", "json")

    (told,) = json.loads(done.stdout)["groups"]
    assert (done.exit_code, done.stderr) == (0, "")
    exposes = told["rules"][0]["exposes"]
    assert exposes == f"nothing: {list_id} does not exist or is empty"
    assert told["world_open"] == []


@pytest.mark.parametrize("form", ["table", "markdown", "json"])
def test_rules_that_cannot_be_judged_exit_with_3(fake: FakeEcs, form: str) -> None:
    """
    They are shown in bounded time, and the answer does not say that nothing is
    open.
    """
    group = fake.new_group()
    add_what_overlaps_in_too_many_ways(fake, group)
    kept = next(iter(fake.rules(group)))

    done = shown(group, "--format", form)

    assert done.exit_code == 3
    assert kept in done.stdout
    assert "what the group allows cannot be judged" in done.stderr
    if form == "json":
        (told,) = json.loads(done.stdout)["groups"]
        assert (told["world_open"], len(told["not_judged"])) == ([], 1)


def test_a_plan_without_redundancy_analysis_is_incomplete(
    fake: FakeEcs,
) -> None:
    """Expired rules are found all the same."""
    group = fake.new_group()
    add_what_overlaps_in_too_many_ways(fake, group)
    ended = fake.add_rule(group, **tcp(22, Description=EXPIRED))

    done = run("stale", "plan", "--group", group, "--out", "plan.json")

    assert done.exit_code == 3
    assert "which rules are shadowed cannot be judged" in done.stderr
    (written,) = json.loads(Path("plan.json").read_text())["groups"]
    assert [rule["rule_id"] for rule in written["stale"]] == [ended]


def test_a_rule_is_deleted_only_if_lockout_is_known(
    fake: FakeEcs,
) -> None:
    """
    Each list of ports may hold port 22 or not: with too many of them the rule is
    kept.
    """
    group = fake.new_group()
    lists = [fake.new_port_range_list("1/65535") for _ in range(MAX_LISTS + 1)]
    for number, each in enumerate(lists):
        opened = tcp("", f"10.{number}.0.0/16", PortRangeListId=each)
        fake.add_rule(group, **{k: v for k, v in opened.items() if v})
    ended = fake.add_rule(group, **tcp(22, Description=EXPIRED))
    run("stale", "plan", "--group", group, "--out", "plan.json")
    destroy = ("stale", "destroy", "plan.json", "--report", "report.json", "--yes")

    assert run(*destroy).exit_code == 1

    assert ended in fake.rules(group)
    (told,) = json.loads(Path("report.json").read_text())["rules"]
    assert (told["rule_id"], told["status"]) == (ended, "left")
    assert "the effect of deleting it is not known" in told["why"]
    assert run(*destroy, "--allow-lockout").exit_code == 0
    assert ended not in fake.rules(group)


def test_a_state_with_hidden_owners_exits_with_3(fake: FakeEcs) -> None:
    """The rules are shown; none of them is imported, so no file is written."""
    group = fake.new_group()
    rule_id = fake.add_rule(group, **tcp(80))
    hidden = entry(
        "hidden", TYPE, f"{group}/pending/1", security_group_id=group,
        ip_protocol="tcp", port_range=SECRET, source_cidr_ip="10.0.0.0/8",
    )  # fmt: skip
    Path("state.json").write_text(state(hidden))

    told = shown(group, "--state", "state.json")
    taken = run("import", "--group", group, "--state", "state.json", "--out", "out")

    assert (told.exit_code, taken.exit_code) == (3, 3)
    assert rule_id in told.stdout
    assert "port_range is secret" in told.stderr
    assert "port_range is secret" in taken.stderr
    assert not Path("out").exists()
    assert "it may have an owner" in taken.stderr


@pytest.mark.parametrize(
    ("text", "told"),
    [(b"\xff\xfe", "it is not UTF-8 text"), (b"{}", "pulumi stack export")],
    ids=["no text", "no state"],
)
def test_an_unreadable_state_exits_with_3(
    fake: FakeEcs, text: bytes, told: str
) -> None:
    """With the file's name and what to pass, before any call."""
    group = fake.new_group()
    Path("state.json").write_bytes(text)

    done = shown(group, "--state", "state.json")

    assert done.exit_code == 3
    assert "state.json" in done.stderr
    assert told in done.stderr
    assert fake.calls == []


def test_a_failed_stack_export_exits_with_3(
    fake: FakeEcs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The engine's own message says what is wrong."""
    engine = tmp_path / "bin" / "pulumi"
    engine.parent.mkdir()
    engine.write_text("#!/bin/sh\necho 'error: no stack named dev' >&2\nexit 255\n")
    engine.chmod(0o755)
    monkeypatch.setenv("PATH", str(engine.parent), prepend=":")

    done = shown(fake.new_group(), "--stack", "dev")

    assert done.exit_code == 3
    assert "the stack dev cannot be exported: error: no stack named" in done.stderr
    assert fake.calls == []


def test_a_group_managed_by_a_service_is_reported(
    fake: FakeEcs,
) -> None:
    """Beside the groups that were judged."""
    theirs = fake.new_group(service_managed=True)
    fake.add_rule(theirs, **tcp(80, Description=EXPIRED))

    done = run("stale", "plan", "--all-groups", "--out", "plan.json")

    assert done.exit_code == 0
    assert f"skipped: {theirs} is managed by a cloud service" in done.stderr


def test_an_unwritable_file_exits_with_3(fake: FakeEcs) -> None:
    """1 would say that stale rules were found."""
    group = fake.new_group()

    done = run("stale", "plan", "--group", group, "--out", "nowhere/plan.json")

    assert done.exit_code == 3
    assert "nowhere/" in done.stderr
    assert ": No such file or directory; check that its folder exists" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_bug_shows_its_traceback_and_exits_with_3() -> None:
    """Python would exit with 1, too."""

    @click.group(cls=Commands)
    def broken() -> None:
        """Commands one of which has a bug."""

    @broken.command()
    def fail() -> None:
        raise LookupError("a mistake")

    done = CliRunner().invoke(broken, ["fail"])

    assert fail.name == "fail"
    assert done.exit_code == 3
    assert "Traceback" in done.stderr
    assert "LookupError: a mistake" in done.stderr
