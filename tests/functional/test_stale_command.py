"""
The commands for existing rules, run as a user would run them.
"""

from __future__ import annotations

import datetime as dt
import json
import os
import signal
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result

from alicloud_ingress.testing import FakeCall, FakeEcs
from alicloud_ingress.testing.faults import Fault
from alicloud_ingress.times import now, time_text
from functional.accounts import (
    EXPIRED,
    SECRET,
    TYPE,
    account,
    entry,
    owning,
    run,
    started,
    state,
    tcp,
)

HOSTILE = (
    "\x1b[2J\x1b]0;x\x07 [red]a[/red] | `b` <img src=x> @all\n# c\u202e [d](http://e)"
)
DESCRIBE = "DescribeSecurityGroupAttribute"


@pytest.fixture
def fake() -> Iterator[FakeEcs]:
    """An account in process."""
    with account() as fake:
        yield fake


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the commands run."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def plan(*arguments: str) -> Result:
    """Make a plan."""
    return run("stale", "plan", "--out", "plan.json", *arguments)


def stale_ids(folder: Path) -> set[str]:
    """The rules that the plan would destroy."""
    written: dict[str, Any] = json.loads((folder / "plan.json").read_text())
    return {rule["rule_id"] for group in written["groups"] for rule in group["stale"]}


def interrupt_a_plan(fake: FakeEcs) -> None:
    """Interrupt a plan of all groups at the fiftieth read."""

    def interrupt(call: FakeCall) -> None:
        looks = [each for each in fake.calls if each.action == DESCRIBE]
        if len(looks) == 50:
            raise KeyboardInterrupt
        assert call.action

    fake.listeners.append(interrupt)
    assert plan("--all-groups").exit_code == 130
    fake.listeners.clear()


class TestPlan:
    """The output of `stale plan`, and its exit codes."""

    def test_a_plan_exits_with_0_or_1_by_findings(
        self, fake: FakeEcs, folder: Path
    ) -> None:
        """So that a script can use it."""
        group = fake.new_group()
        fake.add_rule(group, **tcp(22))
        assert plan("--group", group).exit_code == 0
        rule_id = fake.add_rule(group, **tcp(80, Description=EXPIRED))
        assert plan("--group", group).exit_code == 1
        assert stale_ids(folder) == {rule_id}
        assert all(c.action.startswith(("Describe", "Get")) for c in fake.calls)

    def test_an_unreadable_group_is_reported_and_exits_with_3(
        self, fake: FakeEcs, folder: Path
    ) -> None:
        """The other group's finding is reported all the same."""
        one, other = fake.new_group(), fake.new_group()
        found = fake.add_rule(other, **tcp(80, Description=EXPIRED))
        fake.inject(Fault.refused(DESCRIBE, 403, "Forbidden.RAM"))

        done = plan("--group", one, "--group", other)

        assert done.exit_code == 3
        assert "not judged" in done.stderr
        written = json.loads((folder / "plan.json").read_text())
        unread = [g["group_id"] for g in written["groups"] if g["not_judged"]]
        assert len(unread) == 1
        assert stale_ids(folder) <= {found}

    def test_an_unknown_group_and_a_refused_list_are_not_judged(
        self, fake: FakeEcs, folder: Path
    ) -> None:
        """The answer is never "no stale rules"."""
        assert plan("--group", "sg-nowhere").exit_code == 3
        fake.inject(Fault.refused("DescribeSecurityGroups", 403, "Forbidden.RAM"))
        assert plan("--all-groups").exit_code == 3
        assert folder.exists()

    def test_a_plan_covers_all_groups_of_several_regions(
        self, fake: FakeEcs, folder: Path
    ) -> None:
        """More than a page of groups, and none of another account."""
        found: set[str] = set()
        for region in ("cn-hangzhou", "ap-southeast-1"):
            for _ in range(120):
                group = fake.new_group(region)
                found.add(fake.add_rule(group, **tcp(80, Description=EXPIRED)))
        fake.add_rule(fake.new_group(account="2"), **tcp(80, Description=EXPIRED))

        regions = ("--region", "cn-hangzhou", "--region", "ap-southeast-1")
        done = plan("--all-groups", *regions)

        assert done.exit_code == 1
        assert stale_ids(folder) == found
        assert "240 stale rules (240 expired) in 240 groups" in done.stdout

    def test_an_interrupted_plan_is_continued(
        self, fake: FakeEcs, folder: Path
    ) -> None:
        """What was judged is not read again; other criteria start a new plan."""
        groups = [fake.new_group() for _ in range(60)]
        found = {
            fake.add_rule(group, **tcp(80, Description=EXPIRED)) for group in groups
        }

        interrupt_a_plan(fake)
        assert not (folder / "plan.json").exists()
        partial = folder / "plan.json.partial"
        kept = partial.read_text()
        judged = {json.loads(line)["group_id"] for line in kept.splitlines()[1:]}
        assert judged
        partial.write_text(kept + '{"group_id": "sg-cut')
        fake.calls.clear()

        done = plan("--all-groups")

        assert done.exit_code == 1
        assert "continuing after" in done.stderr
        looks = [call for call in fake.calls if call.action == DESCRIBE]
        asked = {look.parameters["SecurityGroupId"] for look in looks}
        assert asked == set(groups) - judged
        assert stale_ids(folder) == found
        assert not partial.exists()
        partial.write_text(kept)
        assert plan("--all-groups", "--older-than", "30d").exit_code == 0
        assert stale_ids(folder) == set()

    def test_an_old_interrupted_plan_is_not_continued(
        self, fake: FakeEcs, folder: Path
    ) -> None:
        """Its findings hide what is stale since."""
        groups = [fake.new_group() for _ in range(60)]
        interrupt_a_plan(fake)
        partial = folder / "plan.json.partial"
        head, *judged = partial.read_text().splitlines()
        begun = time_text(now() - dt.timedelta(days=1))
        old = json.dumps({**json.loads(head), "made_at": begun})
        partial.write_text("\n".join([old, *judged, ""]))
        found = {
            fake.add_rule(group, **tcp(80, Description=EXPIRED)) for group in groups
        }

        done = plan("--all-groups")

        assert done.exit_code == 1
        assert "continuing" not in done.stderr
        assert stale_ids(folder) == found
        assert json.loads((folder / "plan.json").read_text())["made_at"] > begun

    def test_a_region_that_is_named_twice_is_read_once(
        self, fake: FakeEcs, folder: Path
    ) -> None:
        rule_id = fake.add_rule(fake.new_group(), **tcp(80, Description=EXPIRED))
        here = ("--region", "cn-hangzhou")

        done = plan("--all-groups", *here, *here)

        assert "1 stale rule (1 expired) in 1 group" in done.stdout
        assert [call.action for call in fake.calls].count(DESCRIBE) == 1
        assert stale_ids(folder) == {rule_id}

    def test_a_damaged_line_hides_no_group_after_it(
        self, fake: FakeEcs, folder: Path
    ) -> None:
        """What is judged again comes after it in the file of an interrupted plan."""
        found = {
            fake.add_rule(fake.new_group(), **tcp(80, Description=EXPIRED))
            for _ in range(60)
        }
        interrupt_a_plan(fake)
        partial = folder / "plan.json.partial"
        head, first, *others = partial.read_text().splitlines()
        for damaged in (first[:40], "{}", "\0" * 40):
            partial.write_text("\n".join([head, damaged, *others, ""]))
            assert plan("--all-groups").exit_code == 1
            assert stale_ids(folder) == found

    @pytest.mark.parametrize("name", ["report.json", "state.json"])
    def test_a_file_other_than_a_plan_is_not_replaced(
        self, fake: FakeEcs, folder: Path, name: str
    ) -> None:
        """A report is all that restores the deleted rules."""
        group = fake.new_group()
        fake.add_rule(group, **tcp(80, Description=EXPIRED))
        (folder / "plan.json").touch()
        assert [plan("--group", group).exit_code for _ in range(2)] == [1, 1]
        run("stale", "destroy", "plan.json", "--report", "report.json", "--yes")
        (folder / "state.json").write_text(state())
        before = (folder / name).read_text()

        done = run("stale", "plan", "--group", group, "--out", name)

        assert done.exit_code == 2
        assert f"{name} exists and is not a plan" in done.stderr
        assert (folder / name).read_text() == before

    def test_a_link_in_place_of_an_unfinished_plan_is_replaced(
        self, fake: FakeEcs, folder: Path
    ) -> None:
        """Its target stays as it is."""
        (folder / "other").write_text("content")
        (folder / "plan.json.partial").symlink_to("other")

        assert plan("--group", fake.new_group()).exit_code == 0

        assert (folder / "other").read_text() == "content"

    def test_an_interrupted_plan_ends_without_waiting_for_answers(
        self, folder: Path
    ) -> None:
        """A call with its retries may take two minutes."""
        fake = FakeEcs()
        for _ in range(3):
            fake.new_group()
        fake.inject(Fault(action=DESCRIBE, drop=True, times=999))
        asked = threading.Event()
        fake.listeners.append(
            lambda call: asked.set() if call.action == DESCRIBE else None
        )
        with fake.serve() as url:
            running = started(url, "plan", "--all-groups", "--out", "plan.json")
            assert asked.wait(60)
            running.send_signal(signal.SIGINT)
            assert running.wait(timeout=8) == 130
        assert [file.name for file in folder.iterdir()] == ["plan.json.partial"]

    def test_two_runs_do_not_write_one_plan(self, fake: FakeEcs, folder: Path) -> None:
        """Each would remove or continue the findings of the other."""
        group = fake.new_group()
        rule_id = fake.add_rule(group, **tcp(80, Description=EXPIRED))
        second: list[Result] = []
        fake.inject(
            Fault(action=DESCRIBE, edit=lambda _: second.append(plan("--group", group)))
        )

        assert plan("--group", group).exit_code == 1

        assert second[0].exit_code == 3
        assert "another run" in second[0].stderr
        assert stale_ids(folder) == {rule_id}

    def test_another_region_starts_a_new_plan(
        self, fake: FakeEcs, folder: Path
    ) -> None:
        """Even if it is configured and not passed."""
        for _ in range(60):
            fake.add_rule(fake.new_group(), **tcp(80, Description=EXPIRED))
        elsewhere = fake.new_group("ap-southeast-1")
        there = fake.add_rule(elsewhere, **tcp(80, Description=EXPIRED))

        interrupt_a_plan(fake)
        assert len((folder / "plan.json.partial").read_text().splitlines()) > 1
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("ALIBABA_CLOUD_REGION", "ap-southeast-1")
            assert plan("--all-groups").exit_code == 1
        assert stale_ids(folder) == {there}

    def test_an_encrypted_entry_exits_with_3(self, fake: FakeEcs, folder: Path) -> None:
        """It may own any rule."""
        group = fake.new_group()
        fake.add_rule(group, **tcp(80, Description=EXPIRED))
        hidden = entry("hidden", TYPE, f"{group}/pending/1", security_group_id=SECRET)
        (folder / "state.json").write_text(state(hidden))

        done = plan("--group", group, "--state", "state.json")

        assert (done.exit_code, stale_ids(folder)) == (3, set())
        assert "security_group_id" in done.stderr or "group is secret" in done.stderr

    @pytest.mark.parametrize(
        "wrong",
        [
            [],
            ["--group", "sg-1", "--all-groups"],
            ["--group", "sg-1", "--older-than", "soon"],
            ["--group", "sg-1", "--cidr", "everywhere"],
            ["--group", "sg-1", "--states-are-complete"],
        ],
    )
    def test_a_usage_error_exits_with_2(self, fake: FakeEcs, wrong: list[str]) -> None:
        """Before any call."""
        assert plan(*wrong).exit_code == 2
        assert fake.calls == []

    def test_an_invalid_state_exits_with_3(self, fake: FakeEcs, folder: Path) -> None:
        """Nothing can be judged without it."""
        (folder / "state.json").write_text('{"version": 3')
        done = plan("--group", fake.new_group(), "--state", "state.json")
        assert done.exit_code == 3
        assert "state.json" in done.stderr


@pytest.mark.parametrize("form", ["table", "markdown", "json"])
def test_text_from_others_is_escaped_everywhere(
    fake: FakeEcs, folder: Path, form: str
) -> None:
    """For the terminal and in Markdown, in `show` and in a plan."""
    group = fake.new_group()
    hostile = f"{HOSTILE} [expires 2020-01-01]"
    mine = fake.add_rule(group, **tcp(80, Description=hostile))
    resource = {**owning(group, mine), "urn": f"urn:pulumi:d::p::{TYPE}::{HOSTILE}"}
    (folder / "state.json").write_text(state(resource))
    for done in (
        run("show", "--group", group, "--state", "state.json", "--format", form),
        plan("--group", group, "--state", "state.json", "--format", form),
        run(
            "import", "--group", group, "--state", "state.json", "--out", f"out-{form}"
        ),
    ):
        assert done.exit_code == 0, done.output
        for text in (done.stdout, done.stderr):
            assert not {"\x1b", "\x07", "\u202e"} & set(text)
            assert "\n# c" not in text
        if form == "markdown" and "|" in done.stdout:
            rows = [line for line in done.stdout.splitlines() if "img" in line]
            assert all("``" in row and "| `b`" not in row for row in rows)


class TestShow:
    """What `show` prints of each rule."""

    def test_show_prints_the_owner_and_exposure_of_rules(
        self, fake: FakeEcs, folder: Path
    ) -> None:
        """By the group's effective policy."""
        group = fake.new_group()
        mine = fake.add_rule(group, **tcp(22, "0.0.0.0/0", Description="ssh"))
        idle = fake.add_rule(group, **tcp(22, CreateTime="2020-01-01T00:00:00Z"))
        fake.add_rule(group, **tcp(23, Policy="drop"))
        (folder / "state.json").write_text(state(owning(group, mine)))

        done = run(
            "show", "--group", group, "--state", "state.json", "--format", "json"
        )

        assert done.exit_code == 0
        (told,) = json.loads(done.stdout)["groups"]
        rules = {rule["rule_id"]: rule for rule in told["rules"]}
        assert rules[mine]["owner"] == f"r-{mine} of stack dev"
        assert (rules[mine]["world_open"], rules[idle]["world_open"]) == (True, False)
        assert rules[idle]["exposes"].startswith("nothing: the same is done by")
        assert rules[idle]["age_days"] > 2000
        assert told["world_open"] == ["0.0.0.0/0 may reach tcp 22"]

    def test_a_missing_group_exits_with_3(self, fake: FakeEcs) -> None:
        """In one region and in several."""
        regions = ("--region", "cn-hangzhou", "--region", "ap-southeast-1")
        for where in ((), regions):
            done = run("show", "--group", "sg-nowhere", *where)
            assert (done.exit_code, done.stdout) == (3, "")
            assert "sg-nowhere" in done.stderr
        assert len(fake.calls) == 3

    def test_a_failed_stack_export_exits_with_3(
        self, fake: FakeEcs, folder: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Here the engine is not installed."""
        monkeypatch.setenv("PATH", str(folder))
        done = run("show", "--group", fake.new_group(), "--stack", "dev")
        assert done.exit_code == 3
        assert "--state" in done.stderr


class TestImport:
    """What `import` writes; the tests of the engine show that it works."""

    def test_names_are_readable_unique_and_stable(
        self, fake: FakeEcs, folder: Path
    ) -> None:
        """They depend on the rules' content, not on their order."""
        group = fake.new_group()
        first = [
            tcp(22),
            tcp(22, "2001:db8::/32"),
            tcp(22, "2001:db8::", DestCidrIp=""),
        ]
        for rule in first:
            fake.add_rule(group, **{k: v for k, v in rule.items() if v})
        assert run("import", "--group", group, "--out", "one").exit_code == 0
        fake.groups[group].rules = dict(reversed(fake.groups[group].rules.items()))
        assert run("import", "--group", group, "--out", "two").exit_code == 0

        one, two = (
            json.loads((folder / out / "import.json").read_text())["resources"]
            for out in ("one", "two")
        )
        names = {entry["name"]: entry["id"] for entry in one}
        assert len(names) == 3
        assert f"{group}-tcp-22-from-10.0.0.0-8" in names
        assert names == {entry["name"]: entry["id"] for entry in two}

    def test_import_overwrites_no_file(self, fake: FakeEcs, folder: Path) -> None:
        """The user may have edited the program."""
        group = fake.new_group()
        (folder / "out").mkdir()
        (folder / "out" / "__main__.py").write_text("mine")
        assert run("import", "--group", group, "--out", "out").exit_code == 2
        assert (folder / "out" / "__main__.py").read_text() == "mine"


class TestDestroy:
    """What `stale destroy` leaves, whatever happens to it."""

    def test_a_killed_destroy_is_continued_by_its_report(self, folder: Path) -> None:
        """ECS has executed the call, and the answer has not arrived: kill -9."""
        fake = FakeEcs()
        group = fake.new_group()
        rule_id = fake.add_rule(group, **tcp(80, Description=EXPIRED))
        running: list[subprocess.Popen[bytes]] = []

        def kill(call: FakeCall) -> None:
            if call.action == "RevokeSecurityGroup":
                os.kill(running[0].pid, signal.SIGKILL)

        with fake.serve() as url:

            def start(*arguments: str) -> int:
                running[:] = [started(url, *arguments)]
                return running[0].wait(timeout=120)

            assert start("plan", "--group", group, "--out", "plan.json") == 1
            fake.listeners.append(kill)
            destroy = ("destroy", "plan.json", "--report", "report.json", "--yes")
            assert start(*destroy) == -signal.SIGKILL
            assert fake.rules(group) == {}
            (rule,) = json.loads((folder / "report.json").read_text())["rules"]
            assert (rule["rule_id"], rule["status"]) == (rule_id, "destroying")
            fake.listeners.clear()
            assert start(*destroy) == 0
            (rule,) = json.loads((folder / "report.json").read_text())["rules"]
            assert rule["status"] == "destroyed"
            assert start("restore", "report.json") == 0
            (back,) = fake.rules(group).values()
            assert back["Description"] == EXPIRED

    def test_messages_that_nobody_reads_exit_with_141(self, folder: Path) -> None:
        """Not with 1, which means that rules were kept on purpose."""
        fake = FakeEcs()
        group = fake.new_group()
        fake.add_rule(group, **tcp(80, Description=EXPIRED))
        reader, writer = os.pipe()
        os.close(reader)
        destroy = ("destroy", "plan.json", "--report", "report.json", "--yes")
        with fake.serve() as url:
            plan = started(url, "plan", "--group", group, "--out", "plan.json")
            assert plan.wait(timeout=120) == 1
            assert started(url, *destroy, err=writer).wait(timeout=120) == 141
            os.close(writer)
            assert started(url, *destroy).wait(timeout=120) == 0
        (rule,) = json.loads((folder / "report.json").read_text())["rules"]
        assert rule["status"] == "destroyed"

    def test_without_a_terminal_destroy_needs_yes(
        self, fake: FakeEcs, folder: Path
    ) -> None:
        """There is no terminal to confirm on."""
        group = fake.new_group()
        fake.add_rule(group, **tcp(80, Description=EXPIRED))
        plan("--group", group)
        done = run("stale", "destroy", "plan.json", "--report", "report.json")
        assert done.exit_code == 2
        assert len(fake.rules(group)) == 1
        assert not (folder / "report.json").exists()

    def test_a_failure_exits_with_3_despite_skipped_rules(
        self, fake: FakeEcs, folder: Path
    ) -> None:
        """One group refuses, in the other a rule has changed."""
        one, other = fake.new_group(), fake.new_group()
        fake.add_rule(one, **tcp(80, Description=EXPIRED))
        changed = fake.add_rule(other, **tcp(80, Description=EXPIRED))
        plan("--group", one, "--group", other)
        fake.groups[other].rules[changed]["Description"] = "new"
        fake.inject(Fault.refused("RevokeSecurityGroup", 403, "Forbidden.RAM"))
        destroy = ("stale", "destroy", "plan.json", "--report", "report.json", "--yes")
        assert run(*destroy).exit_code == 3
        assert run(*destroy).exit_code == 1
        assert list(fake.rules(one)) == []
        assert folder.exists()

    @pytest.mark.parametrize(
        "spoil",
        [
            ("}", ""),
            ('"version": 1', '"version": 2'),
            ('"IpProtocol"', '"Protocol"'),
            ('"expired"', '"old"'),
            ("[", "{"),
            ('"vpc_id": "vpc-1"', '"vpc_id": "\\ud800"'),
        ],
    )
    def test_an_invalid_plan_destroys_nothing(
        self, fake: FakeEcs, folder: Path, spoil: tuple[str, str]
    ) -> None:
        """It is reported in one sentence."""
        group = fake.new_group()
        fake.add_rule(group, **tcp(80, Description=EXPIRED))
        plan("--group", group)
        file = folder / "plan.json"
        file.write_text(file.read_text().replace(*spoil))
        done = run("stale", "destroy", "plan.json", "--report", "report.json", "--yes")
        assert done.exit_code == 3
        assert done.stderr.startswith("Error: plan.json ")
        assert len(fake.rules(group)) == 1


def test_a_binary_keep_file_is_named(fake: FakeEcs, folder: Path) -> None:
    """With exit code 3, and no traceback; nothing is asked of ECS."""
    (folder / "keep.txt").write_bytes(b"\xff\xfe")
    done = run("stale", "plan", "--all-groups", "--keep", "keep.txt", "--out", "p.json")

    assert done.exit_code == 3
    assert "keep.txt: it is not UTF-8 text" in done.stderr
    assert "Traceback" not in done.stderr
    assert not fake.calls


@pytest.mark.parametrize(
    "command",
    [
        ("show", "--all-groups"),
        ("stale", "plan", "--all-groups", "--out", "plan.json"),
        ("import", "--group", "sg-1", "--out", "rules"),
        ("doctor",),
    ],
    ids=" ".join,
)
@pytest.mark.parametrize("region", ["a b", "", "cn-hangzhou/"])
def test_an_impossible_region_is_a_usage_error(
    fake: FakeEcs, folder: Path, command: tuple[str, ...], region: str
) -> None:
    """Nothing is asked of a host of that name, and nothing of another region."""
    done = run(*command, "--region", region)

    assert done.exit_code == 2
    assert "is not a region" in done.stderr
    assert (fake.calls, [*folder.iterdir()]) == ([], [])


@pytest.mark.parametrize(
    "command",
    [
        ("stale", "plan", "--all-groups", "--out", "-"),
        ("stale", "destroy", "plan.json", "--yes", "--report", "-"),
        ("import", "--group", "sg-1", "--out", "-"),
    ],
    ids=" ".join,
)
def test_a_dash_is_not_a_file_to_write(
    fake: FakeEcs, folder: Path, command: tuple[str, ...]
) -> None:
    """The output has another form, and a file of this name is hard to delete."""
    group = fake.new_group()
    fake.add_rule(group, **tcp(80, Description=EXPIRED))
    plan("--all-groups")

    done = run(*command)

    assert done.exit_code == 2
    assert "'-' is not a path" in done.stderr
    assert len(fake.rules(group)) == 1
    assert not (folder / "-").exists()


def test_a_region_without_groups_is_named(fake: FakeEcs) -> None:
    """It may be the wrong region."""
    done = run("show", "--all-groups", "--region", "eu-central-1")

    assert done.exit_code == 0
    assert done.stderr == "eu-central-1 has no security group of this account\n"
    assert fake.groups == {}
