"""
Cases from the use of plan, destroy and restore: caps, accounts, secrets.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from alicloud_ingress.cli.main import main
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
    run,
    state,
    tcp,
)

DESTROY = ("stale", "destroy", "plan.json", "--report", "report.json", "--yes")
IDENTITY = "GetCallerIdentity"


@pytest.fixture
def fake() -> Iterator[FakeEcs]:
    """An account in process."""
    with account() as fake:
        yield fake


def plan(*arguments: str) -> Result:
    """Plan all groups, unless others are named."""
    where = () if "--group" in arguments else ("--all-groups",)
    return run("stale", "plan", "--out", "plan.json", *where, *arguments)


def planned_ids() -> set[str]:
    """The rules that the plan would destroy."""
    groups: list[dict[str, Any]] = json.loads(Path("plan.json").read_text())["groups"]
    return {rule["rule_id"] for group in groups for rule in group["stale"]}


def refuse_identity(fake: FakeEcs) -> None:
    """Let STS refuse to return the account, from now on."""
    refusal = Fault.refused(IDENTITY, 403, "NoPermission")
    fake.inject(dataclasses.replace(refusal, times=100))


class TestCap:
    """Only rules that will be deleted count towards --max."""

    def test_kept_rules_do_not_count_towards_the_cap(self, fake: FakeEcs) -> None:
        """The last access comes first in the plan, and is kept."""
        group = fake.new_group()
        way_in = fake.add_rule(group, **tcp(22, Description=EXPIRED))
        others = [fake.add_rule(group, **tcp(n, Description=EXPIRED)) for n in (80, 81)]
        plan()

        assert run(*DESTROY, "--max", "1").exit_code == 1
        assert list(fake.rules(group)) == [way_in, others[1]]
        assert run(*DESTROY, "--max", "1").exit_code == 1
        assert list(fake.rules(group)) == [way_in]

    def test_kept_rules_leave_the_cap_to_other_groups(self, fake: FakeEcs) -> None:
        kept, goes = fake.new_group(), fake.new_group()
        fake.add_rule(kept, **tcp(22, Description=EXPIRED))
        fake.add_rule(goes, **tcp(80, Description=EXPIRED))
        plan()

        run(*DESTROY, "--max", "1")

        assert len(fake.rules(kept)) == 1
        assert fake.rules(goes) == {}

    def test_rules_beyond_the_cap_are_one_line(self, fake: FakeEcs) -> None:
        group = fake.new_group()
        for port in range(1000, 1030):
            fake.add_rule(group, **tcp(port, Description=EXPIRED))
        plan()

        done = run(*DESTROY, "--max", "10")

        assert done.exit_code == 1
        (line,) = [line for line in done.stderr.splitlines() if " left" in line]
        assert line.startswith("20 rules left: one run destroys at most 10; ")
        assert len(fake.rules(group)) == 20


class TestSecretsInStates:
    """An entry whose rule ID can be read is judged by it."""

    @pytest.mark.parametrize("kind", ["ours", "set", "pulumi-alicloud"])
    def test_a_secret_source_with_a_known_id_is_judged(
        self, fake: FakeEcs, kind: str
    ) -> None:
        group = fake.new_group()
        mine = fake.add_rule(group, **tcp(80, Description=EXPIRED))
        other = fake.add_rule(group, **tcp(81, Description=EXPIRED))
        rule: dict[str, Any] = {
            "ip_protocol": "tcp",
            "port_range": "80/80",
            "source_cidr_ip": SECRET,
        }
        owner = {
            "ours": entry(
                "web", identity=mine, security_group_id=group,
                security_group_rule_id=mine, **rule,
            ),
            "set": entry(
                "web", SET_TYPE, f"{group}/set/1", security_group_id=group,
                rules={"web": rule}, rule_ids={"web": mine},
            ),
            "pulumi-alicloud": entry(
                "web", PEER_TYPE,
                f"{group}:ingress:tcp:80/80:intranet:10.0.0.0/8:accept:1",
                securityGroupId=group, type="ingress", cidrIp=SECRET,
            ),
        }[kind]  # fmt: skip
        Path("state.json").write_text(state(owner))

        done = plan("--state", "state.json")

        assert done.exit_code == 1, done.stderr
        assert "not judged" not in done.stderr
        assert planned_ids() == {other}

    @pytest.mark.parametrize("resources", ["x", [5], [None], [{"type": 3}]])
    def test_a_damaged_state_never_makes_rules_unmanaged(
        self, fake: FakeEcs, resources: object
    ) -> None:
        """Which rules it owns is not known."""
        group = fake.new_group()
        fake.add_rule(group, **tcp(80))
        damaged = {"version": 3, "deployment": {"resources": resources}}
        Path("state.json").write_text(json.dumps(damaged))

        done = plan("--state", "state.json", "--states-are-complete")

        assert done.exit_code == 3
        assert "it is damaged" in done.stderr
        assert not Path("plan.json").exists()

    def test_without_an_id_the_advice_writes_no_secret(self, fake: FakeEcs) -> None:
        group = fake.new_group()
        fake.add_rule(group, **tcp(80, Description=EXPIRED))
        hidden = entry(
            "web", identity=f"{group}/pending/1", security_group_id=group,
            ip_protocol="tcp", port_range="80/80", source_cidr_ip=SECRET,
        )  # fmt: skip
        Path("state.json").write_text(state(hidden))

        done = plan("--state", "state.json")

        assert (done.exit_code, planned_ids()) == (3, set())
        assert "source_cidr_ip is secret" in done.stderr
        assert "pulumi stack export --show-secrets |" in done.stderr
        assert "--state -" in done.stderr


class TestAccount:
    """A plan is destroyed in its own account, or with --account."""

    def test_an_unknown_account_is_reported_and_required_for_destroy(
        self, fake: FakeEcs
    ) -> None:
        group = fake.new_group()
        rule_id = fake.add_rule(group, **tcp(80, Description=EXPIRED))
        refuse_identity(fake)

        assert "account unknown" in plan().stderr
        done = run(*DESTROY)

        assert done.exit_code == 2
        assert "--account" in done.stderr
        assert "--yes-unknown-account" in done.stderr
        assert list(fake.rules(group)) == [rule_id]
        assert not Path("report.json").exists()

    @pytest.mark.parametrize(
        "word", [("--yes-unknown-account",), ("--account", "1000000000000001")]
    )
    def test_the_account_option_replaces_the_check(
        self, fake: FakeEcs, word: tuple[str, ...]
    ) -> None:
        group = fake.new_group()
        fake.add_rule(group, **tcp(80, Description=EXPIRED))
        refuse_identity(fake)
        plan()

        assert run(*DESTROY, *word).exit_code == 0
        assert fake.rules(group) == {}
        assert run("stale", "restore", "report.json").exit_code == 2
        assert run("stale", "restore", "report.json", *word).exit_code == 0
        assert len(fake.rules(group)) == 1

    def test_another_account_than_the_one_given_is_refused(self, fake: FakeEcs) -> None:
        """The option never overrules what STS returns."""
        group = fake.new_group()
        fake.add_rule(group, **tcp(80, Description=EXPIRED))
        plan()

        done = run(*DESTROY, "--account", "1000000000000009", "--yes-unknown-account")

        assert done.exit_code == 3
        assert "1000000000000009" in done.stderr
        assert len(fake.rules(group)) == 1


def test_restored_rules_are_not_reported_as_deleted(fake: FakeEcs) -> None:
    group = fake.new_group()
    for port in (80, 81):
        fake.add_rule(group, **tcp(port, Description=EXPIRED))
    plan()
    assert run(*DESTROY).exit_code == 0
    assert run("stale", "restore", "report.json").exit_code == 0

    again = run(*DESTROY)

    assert again.exit_code == 1
    assert "restored with new IDs: 2 rules; make a new plan" in again.stderr
    assert len(fake.rules(group)) == 2


def test_a_rule_that_cannot_be_restored_is_marked(
    fake: FakeEcs,
) -> None:
    """Its source is deleted, so no call could make it again."""
    group, gone = fake.new_group(), fake.new_group()
    fake.add_rule(group, **tcp(80, gone))
    fake.add_rule(group, **tcp(81, Description=EXPIRED))
    del fake.groups[gone]

    shown = plan("--format", "csv").stdout.splitlines()

    (dangling,) = [line for line in shown if gone in line]
    (expired,) = [line for line in shown if "81/81" in line]
    assert "restore cannot create this rule again" in dangling
    assert "restore cannot" not in expired


class TestKeepList:
    """Rules to keep, by ID, address block, tag of the group, and description."""

    @pytest.mark.parametrize(
        "line",
        [
            *("203.0.113.0/24", "203.0.113.0/25", "vis*", "ID"),
            *("tag:team=web", "tag:team", "tag: team = web"),
        ],
    )
    def test_each_kind_of_keep_line_keeps_its_rules(
        self, fake: FakeEcs, line: str
    ) -> None:
        tagged = fake.new_group(tags={"team": "web"})
        other = fake.new_group(tags={"teams": "web"})
        kept = fake.add_rule(tagged, **tcp(80, "203.0.113.0/25", Description=EXPIRED))
        goes = fake.add_rule(
            other, **tcp(80, "198.51.100.0/25", Description="[expires 2020-01-31]")
        )
        Path("keep.txt").write_text(f"# ours\n\n{line.replace('ID', kept)}\n")

        plan("--keep", "keep.txt")

        assert planned_ids() == {goes}

    @pytest.mark.parametrize(
        "line", ["ID # the office", "203.0.113.0/24\t# office", "tag:team=web  # web"]
    )
    def test_a_remark_after_an_entry_is_ignored(self, fake: FakeEcs, line: str) -> None:
        """With it, the entry would match nothing, and its rules would be deleted."""
        tagged = fake.new_group(tags={"team": "web"})
        kept = fake.add_rule(tagged, **tcp(80, "203.0.113.0/25", Description=EXPIRED))
        Path("keep.txt").write_text(line.replace("ID", kept))

        assert plan("--keep", "keep.txt").exit_code == 0

    @pytest.mark.parametrize(
        "line", [EXPIRED, "db [prod]", "db [prod] [expires 2020-01-31]"]
    )
    def test_a_description_in_full_keeps_its_rule(
        self, fake: FakeEcs, line: str
    ) -> None:
        """As a glob, its brackets would match another text."""
        group = fake.new_group()
        for description in (EXPIRED, "db [prod] [expires 2020-01-31]"):
            fake.add_rule(group, **tcp(len(description), Description=description))
        Path("keep.txt").write_text(line)

        plan("--keep", "keep.txt")

        assert len(planned_ids()) == 1

    @pytest.mark.parametrize(
        "line", ["sgr-1, sgr-2", "10.0.0.0/8, 10.1.0.0/16", "10.0.0.0/8 office", "sgr-"]
    )
    def test_a_line_with_more_than_one_entry_is_an_error(
        self, fake: FakeEcs, line: str
    ) -> None:
        """It would keep nothing, unnoticed."""
        assert line in self.refusal_of(line)
        assert fake.calls == []

    @pytest.mark.parametrize(
        "line", ["10.0.0.0/33", "10.0.0/8", "2001:db8::/129", "tag:", "tag:=web"]
    )
    def test_an_invalid_block_or_tag_is_an_error(
        self, fake: FakeEcs, line: str
    ) -> None:
        """As a glob it would keep nothing, unnoticed."""
        assert line in self.refusal_of(line)
        assert fake.calls == []

    @pytest.mark.parametrize("text", ['{"groups": []}', '["sgr-1"]', "vis\0tors"])
    def test_another_file_than_a_keep_list_is_an_error(
        self, fake: FakeEcs, text: str
    ) -> None:
        """Each of its lines would be a glob that keeps nothing."""
        assert "a keep list has one entry a line" in self.refusal_of(text)
        assert fake.calls == []

    @staticmethod
    def refusal_of(keep_list: str) -> str:
        """What a plan with this keep list reports when it exits with 3."""
        Path("keep.txt").write_text(keep_list)
        done = plan("--keep", "keep.txt")
        assert done.exit_code == 3
        return done.stderr


def test_counts_of_one_are_singular(fake: FakeEcs) -> None:
    fake.add_rule(fake.new_group(), **tcp(80, Description=EXPIRED))

    assert "1 stale rule (1 expired) in 1 group\n" in plan().stdout


def test_a_state_on_standard_input_is_read(fake: FakeEcs) -> None:
    group = fake.new_group()
    mine = fake.add_rule(group, **tcp(80))

    arguments = ["show", "--group", group, "--state", "-", "--format", "json"]
    done = CliRunner().invoke(main, arguments, input=state(owning(group, mine)))

    (told,) = json.loads(done.stdout)["groups"]
    assert told["rules"][0]["owner"] == f"r-{mine} of stack dev"
