"""
The report of a destruction: no deleted rule is missing from it, whatever goes wrong.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from alicloud_ingress.testing import FakeEcs
from alicloud_ingress.testing.faults import Fault
from alicloud_ingress.testing.state import Lag
from functional.accounts import EXPIRED, account, owning, run, state, tcp

REVOKE = "RevokeSecurityGroup"
DESCRIBE = "DescribeSecurityGroupAttribute"
DROP = {"Policy": "drop", "Description": EXPIRED}
DESTROY = ("stale", "destroy", "plan.json", "--report", "report.json", "--yes")


@pytest.fixture
def fake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeEcs]:
    """An account in process; the files are in a folder of their own."""
    monkeypatch.chdir(tmp_path)
    with account() as fake:
        yield fake


@pytest.fixture
def group(fake: FakeEcs) -> str:
    """A group without rules."""
    return fake.new_group()


def planned(*groups: str) -> None:
    """Plan for these groups."""
    named = [word for group in groups for word in ("--group", group)]
    assert run("stale", "plan", "--out", "plan.json", *named).exit_code == 1


def expired(fake: FakeEcs, group: str, port: int, **more: str) -> str:
    """Add a rule that is stale."""
    return fake.add_rule(group, **tcp(port, Description=EXPIRED, **more))


def report() -> list[dict[str, Any]]:
    """The entries of the report."""
    rules: list[dict[str, Any]] = json.loads(Path("report.json").read_text())["rules"]
    return rules


def statuses() -> list[str]:
    """The status of each rule of the report."""
    return [entry["status"] for entry in report()]


def test_a_refused_read_after_a_delete_loses_no_rule(fake: FakeEcs, group: str) -> None:
    """The rule is deleted, and the read is refused: the next run and restore know."""
    expired(fake, group, 80)
    planned(group)
    fake.inject(
        Fault(action=DESCRIBE, skip=1, status=403, code="Forbidden.RAM", times=1)
    )

    assert run(*DESTROY).exit_code == 3

    assert fake.rules(group) == {}
    assert statuses() == ["destroying"]
    assert run(*DESTROY).exit_code == 0
    assert statuses() == ["destroyed"]
    assert run("stale", "restore", "report.json").exit_code == 0
    assert len(fake.rules(group)) == 1


def test_a_batch_that_is_refused_half_way_loses_no_rule(
    fake: FakeEcs, group: str
) -> None:
    """No page says that a call is carried out whole or not at all."""
    first, second = (expired(fake, group, port) for port in (80, 81))
    planned(group)

    def half(fake: FakeEcs) -> None:
        del fake.groups[group].rules[first]

    fake.inject(
        Fault(action=REVOKE, edit=half, status=400, code="OperationDenied", times=1)
    )

    run(*DESTROY)
    assert run(*DESTROY).exit_code == 0

    assert [(e["rule_id"], e["status"]) for e in report()] == [
        (first, "destroyed"),
        (second, "destroyed"),
    ]


def test_a_rule_still_shown_after_a_kill_is_recorded(fake: FakeEcs, group: str) -> None:
    """The run before was killed after its call, and ECS shows the rule once more."""
    rule_id = expired(fake, group, 80)
    planned(group)
    fake.inject(Fault(action=REVOKE, drop=True, takes_effect=True, times=20, lag=1))
    assert run(*DESTROY).exit_code == 3
    fake.forget_faults()
    assert statuses() == ["destroying"]
    assert run(*DESTROY).exit_code == 0
    assert [(e["rule_id"], e["status"]) for e in report()] == [(rule_id, "destroyed")]


@pytest.mark.parametrize("refused", [False, True])
def test_a_rule_that_one_read_lacks_is_destroyed(
    fake: FakeEcs, group: str, *, refused: bool
) -> None:
    """It is open: neither the first read nor the one after a refusal proves it gone."""
    rule_id = expired(fake, group, 80)
    planned(group)
    rules = fake.groups[group].rules
    hidden = {rule_id: rules[rule_id]}
    if refused:
        fake.inject(Fault(action=REVOKE, status=400, code="OperationDenied"))
    at = int(refused)
    fake.inject(Fault(action=DESCRIBE, skip=at, edit=lambda _: rules.pop(rule_id)))
    fake.inject(Fault(action=DESCRIBE, skip=at, edit=lambda _: rules.update(hidden)))

    codes = [run(*DESTROY).exit_code for _ in range(1 + refused)]

    assert codes == [3, 0][-len(codes) :]
    assert fake.rules(group) == {}
    assert statuses() == ["destroyed"]


@pytest.mark.parametrize(
    "code", ["InvalidSecurityGroupRuleId.NotFound", "Forbidden.RAM"]
)
def test_a_deleted_rule_that_late_reads_show_is_recorded(
    fake: FakeEcs, group: str, code: str
) -> None:
    """
    An earlier run deleted it without an answer. A second call is refused, and the read
    after that still shows the rule: `stale restore` must know it all the same.
    """
    expired(fake, group, 80)
    planned(group)
    fake.inject(Fault(action=REVOKE, drop=True, takes_effect=True, times=20, lag=5))
    assert run(*DESTROY).exit_code == 3
    fake.forget_faults()
    if code == "Forbidden.RAM":
        fake.inject(Fault.refused(REVOKE, 403, code))

    done = run(*DESTROY)

    assert done.exit_code == 3
    assert "pulumi refresh" not in done.stderr
    assert statuses() == ["destroying"]
    fake.groups[group].lags.clear()
    assert run(*DESTROY).exit_code == 0
    assert statuses() == ["destroyed"]
    assert run("stale", "restore", "report.json").exit_code == 0
    assert len(fake.rules(group)) == 1


def test_a_new_rule_that_two_reads_lack_is_destroyed(fake: FakeEcs, group: str) -> None:
    """Reads may lag behind a rule that was created just before."""
    rule_id = expired(fake, group, 80)
    planned(group)
    fake.groups[group].lags[rule_id] = Lag(None, describes=3)

    assert run(*DESTROY).exit_code == 0

    assert fake.rules(group) == {}
    assert statuses() == ["destroyed"]


@pytest.mark.parametrize("others", [1, 100])
def test_each_call_is_judged_by_the_rules_before_it(
    fake: FakeEcs, group: str, others: int
) -> None:
    """Someone deletes the wider rule while the first call is sent, or makes it fail."""
    wider = fake.add_rule(group, **tcp("1/1000"))
    ids = [expired(fake, group, 2000 + n) for n in range(others)]
    needless = fake.add_rule(group, **tcp(80))
    planned(group)
    gone = [wider, *ids[: 1 if others == 1 else 0]]
    rules = fake.groups[group].rules
    fake.inject(
        Fault(action=REVOKE, edit=lambda _: [rules.pop(rule_id) for rule_id in gone])
    )

    assert run(*DESTROY, "--max", "200").exit_code == 1

    assert list(fake.rules(group)) == [needless]


def test_an_identical_rule_with_another_id_is_named(fake: FakeEcs, group: str) -> None:
    """It was made again since the plan: the access exists, so the run is not done."""
    rule_id = expired(fake, group, 80)
    planned(group)
    del fake.groups[group].rules[rule_id]
    again = fake.add_rule(group, **tcp(80))

    done = run(*DESTROY)

    assert done.exit_code == 1
    assert again in report()[0]["why"]
    assert list(fake.rules(group)) == [again]


def test_a_report_that_names_other_rules_is_refused(fake: FakeEcs, group: str) -> None:
    """Only what the plan names is destroyed, whatever the report says."""
    expired(fake, group, 80)
    planned(group)
    assert run(*DESTROY, "--region", "cn-hangzhou").exit_code == 0
    needed = expired(fake, group, 443)
    found = json.loads(Path("report.json").read_text())
    (entry,) = found["rules"]
    live = fake.rules(group)[needed]
    other = {
        **entry,
        "rule_id": needed,
        "status": "planned",
        "create_time": live["CreateTime"],
        "permission": {**entry["permission"], "PortRange": "443/443"},
    }
    Path("report.json").write_text(json.dumps({**found, "rules": [entry, other]}))

    done = run(*DESTROY)

    assert done.exit_code == 2
    assert list(fake.rules(group)) == [needed]


@pytest.mark.parametrize("command", ["destroy", "restore"])
def test_a_region_without_a_planned_rule_is_an_error(
    fake: FakeEcs, group: str, command: str
) -> None:
    """A misspelled region does nothing, and so must not end with 0."""
    expired(fake, group, 80)
    planned(group)
    if command == "restore":
        assert run(*DESTROY).exit_code == 0
    command_line = {
        "destroy": DESTROY,
        "restore": ("stale", "restore", "report.json"),
    }[command]

    done = run(*command_line, "--region", "cn-hangzou")

    assert done.exit_code == 2
    assert "cn-hangzou" in done.stderr
    assert "cn-hangzhou" in done.stderr


@pytest.mark.parametrize("name", ["plan.json", "report.json"])
def test_a_key_that_stands_twice_is_refused(
    fake: FakeEcs, group: str, name: str
) -> None:
    """A reader sees the first, a program takes the last."""
    expired(fake, group, 80)
    planned(group)
    if name == "report.json":
        fake.inject(Fault(action=REVOKE, status=403, code="Forbidden.RAM"))
        assert run(*DESTROY).exit_code == 3
    text = Path(name).read_text()
    Path(name).write_text(text.replace('"version": 1', '"version": 2, "version": 1'))

    done = run(*DESTROY)

    assert done.exit_code == 3
    assert "version" in done.stderr
    assert len(fake.rules(group)) == 1


def test_a_missing_group_of_an_unknown_account_is_not_done(
    fake: FakeEcs, group: str
) -> None:
    """The credentials may be those of another account, which has no such group."""
    expired(fake, group, 80)
    fake.inject(
        Fault(action="GetCallerIdentity", status=403, code="NoPermission", times=9)
    )
    planned(group)
    kept = fake.groups.pop(group)

    done = run(*DESTROY, "--yes-unknown-account")

    assert done.exit_code == 3
    assert statuses() == ["failed"]
    fake.groups[group] = kept
    assert run(*DESTROY, "--yes-unknown-account").exit_code == 0
    assert fake.rules(group) == {}


def test_two_runs_with_one_report_do_not_mix(fake: FakeEcs, group: str) -> None:
    """The second would write that something else deleted what the first deleted."""
    expired(fake, group, 80)
    planned(group)
    second: list[Any] = []

    def at_once(_: FakeEcs) -> None:
        second.extend([run(*DESTROY), run("stale", "restore", "report.json")])

    fake.inject(Fault(action=REVOKE, edit=at_once))

    assert run(*DESTROY).exit_code == 0

    assert [done.exit_code for done in second] == [3, 3]
    assert "another run" in second[0].stderr
    assert statuses() == ["destroyed"]
    assert {path.name for path in Path().iterdir()} == {"plan.json", "report.json"}


def test_a_run_is_not_stopped_by_a_killed_one(fake: FakeEcs, group: str) -> None:
    """What a killed run leaves of its lock holds nothing."""
    expired(fake, group, 80)
    planned(group)
    Path(".report.json.lock").touch()

    assert run(*DESTROY).exit_code == 0


def test_a_link_in_place_of_a_lock_is_not_followed(fake: FakeEcs, group: str) -> None:
    """Its target is not emptied, and nothing is destroyed."""
    expired(fake, group, 80)
    planned(group)
    Path("other").write_text("content")
    Path(".report.json.lock").symlink_to("other")

    assert run(*DESTROY).exit_code == 3

    assert Path("other").read_text() == "content"
    assert len(fake.rules(group)) == 1


class TestNothingIsOpened:
    """A rule that drops packets goes only after what it stops."""

    def test_the_last_way_in_never_outlives_its_drop(
        self, fake: FakeEcs, group: str
    ) -> None:
        """The rule behind the drop gives no access, so it is not the last access."""
        fake.add_rule(group, **tcp("1/100", "0.0.0.0/0", Description=EXPIRED))
        fake.add_rule(group, **tcp(22, "0.0.0.0/0", **DROP))
        planned(group)

        assert run(*DESTROY).exit_code == 0

        assert fake.rules(group) == {}

    @pytest.mark.parametrize("how", ["changed", "made again", "new"])
    def test_a_drop_stays_while_a_rule_behind_it_stays(
        self, fake: FakeEcs, group: str, how: str
    ) -> None:
        """The plan deletes both, or does not know the rule that stays."""
        drop = fake.add_rule(group, **tcp(22, "0.0.0.0/0", **DROP))
        fields = tcp("20/25", "0.0.0.0/0", Description=EXPIRED)
        behind = fake.add_rule(group, **fields)
        planned(group)
        rules = fake.groups[group].rules
        if how == "changed":
            rules[behind]["Description"] = "changed"
        elif how == "made again":
            del rules[behind]
            behind = fake.add_rule(group, **tcp("20/25", "0.0.0.0/0"))
        else:
            behind = fake.add_rule(
                group, **tcp(22, "10.0.0.0/8", CreateTime="2999-01-01T00:00:00Z")
            )

        assert run(*DESTROY).exit_code == 1

        assert set(fake.rules(group)) == {drop, behind}

    @pytest.mark.parametrize("limit", [("--max", "1"), ("--reason", "expired")])
    def test_a_limited_run_deletes_a_drop_last(
        self, fake: FakeEcs, group: str, limit: tuple[str, str]
    ) -> None:
        """The next run deletes it."""
        drop = fake.add_rule(group, **tcp(22, "0.0.0.0/0", **DROP))
        if limit[0] == "--max":
            fake.add_rule(group, **tcp(22, "0.0.0.0/0", Description=EXPIRED))
        else:
            fake.add_rule(group, **tcp(22, "pl-gone"))
        planned(group)

        assert run(*DESTROY, *limit).exit_code == 1

        assert drop in fake.rules(group)
        assert run(*DESTROY).exit_code == 0
        assert fake.rules(group) == {}

    def test_a_drop_stays_where_a_rule_behind_it_was_widened(
        self, fake: FakeEcs, group: str
    ) -> None:
        """It was changed in place, so it is not new; the plan does not delete it."""
        drop = fake.add_rule(group, **tcp(22, "0.0.0.0/0", **DROP))
        behind = fake.add_rule(group, **tcp(22, "10.1.0.0/16"))
        planned(group)
        fake.change_rule(group, behind, SourceCidrIp="0.0.0.0/0")

        done = run(*DESTROY)

        assert done.exit_code == 1
        assert set(fake.rules(group)) == {drop, behind}
        assert "0.0.0.0/0 may reach tcp 22; make a new plan" in done.output
        planned(group)
        assert run(*DESTROY[:4], "other.json", "--yes").exit_code == 0

    def test_a_drop_goes_where_the_rule_behind_it_is_gone(
        self, fake: FakeEcs, group: str
    ) -> None:
        """Its deletion opens less than the plan says."""
        fake.add_rule(group, **tcp(22, "0.0.0.0/0", **DROP))
        behind = fake.add_rule(group, **tcp(22, "10.1.0.0/16"))
        planned(group)
        fake.remove_rule(group, behind)

        assert run(*DESTROY).exit_code == 0

        assert fake.rules(group) == {}

    def test_the_plan_says_what_deleting_a_drop_opens(
        self, fake: FakeEcs, group: str
    ) -> None:
        """A rule that is kept accepts what it drops."""
        fake.add_rule(group, **tcp("20/25", "0.0.0.0/0"))
        fake.add_rule(group, **tcp(22, "0.0.0.0/0", **DROP))
        fake.add_rule(group, **tcp(80, "0.0.0.0/0", **DROP))

        done = run("stale", "plan", "--out", "plan.json", "--group", group)

        (line,) = [each for each in done.stdout.splitlines() if "22/22" in each]
        assert "deleting it opens: 0.0.0.0/0 may reach tcp 22" in line
        assert done.stdout.count("opens") == 1


def test_an_old_plan_gives_a_warning(fake: FakeEcs, group: str) -> None:
    """What it found may no longer be so, and not all of it is checked again."""
    expired(fake, group, 80)
    planned(group)
    plan = json.loads(Path("plan.json").read_text())
    Path("plan.json").write_text(
        json.dumps({**plan, "made_at": "2020-01-01T00:00:00Z"})
    )

    assert "days old" in run(*DESTROY).stderr


def test_a_rule_taken_over_since_the_plan_needs_a_state(
    fake: FakeEcs, group: str
) -> None:
    """Nothing in ECS says that a stack has imported it: a warning says what does."""
    owned, taken = (fake.add_rule(group, **tcp(port)) for port in (80, 81))
    Path("state.json").write_text(state(owning(group, owned)))
    found = run(
        *("stale", "plan", "--out", "plan.json", "--group", group),
        *("--state", "state.json"),
    )
    assert found.exit_code == 1
    Path("state.json").write_text(state(owning(group, owned), owning(group, taken)))

    done = run(*DESTROY, "--state", "state.json")

    assert done.exit_code == 1
    assert "pass --state" not in done.stderr
    assert set(fake.rules(group)) == {owned, taken}
    other = state(owning("sg-other", "sgr-other")).replace("pulumi:dev::", "pulumi:b::")
    Path("other.json").write_text(other)
    done = run(*DESTROY, "--max", "1", "--state", "other.json")
    assert "warning: the state of dev is not passed" in done.stderr
    assert set(fake.rules(group)) == {owned}


def test_without_states_unmanaged_rules_are_deleted_with_a_warning(
    fake: FakeEcs, group: str
) -> None:
    """It names the stacks whose states the plan was made with."""
    owned, _ = (fake.add_rule(group, **tcp(port)) for port in (80, 81))
    Path("state.json").write_text(state(owning(group, owned)))
    named = ("--group", group, "--state", "state.json")
    assert run("stale", "plan", "--out", "plan.json", *named).exit_code == 1

    done = run(*DESTROY)

    assert "warning: the state of dev is not passed" in done.stderr
    assert "pass --state or --stack again" in done.stderr
    assert set(fake.rules(group)) == {owned}


def test_rules_with_another_reason_are_counted(fake: FakeEcs, group: str) -> None:
    """The run does nothing, and says why."""
    expired(fake, group, 80)
    planned(group)

    done = run(*DESTROY, "--reason", "dangling")

    assert (done.exit_code, len(fake.rules(group))) == (0, 1)
    assert "1 rule of the plan not tried" in done.stderr
