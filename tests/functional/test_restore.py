"""
What a restore brings back where ECS refuses, answers wrongly or has lost the group.
"""

from __future__ import annotations

import json
import resource
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result

from alicloud_ingress.testing import FakeCall, FakeEcs
from alicloud_ingress.testing.faults import Fault
from alicloud_ingress.testing.state import Lag
from functional.accounts import EXPIRED, account, run, tcp

AUTHORIZE = "AuthorizeSecurityGroup"
DESCRIBE = "DescribeSecurityGroupAttribute"


@pytest.fixture
def fake() -> Iterator[FakeEcs]:
    """An account in process."""
    with account() as fake:
        yield fake


def expired(fake: FakeEcs, group: str, *ports: int) -> list[str]:
    """Add rules that are stale."""
    return [fake.add_rule(group, **tcp(n, Description=EXPIRED)) for n in ports]


def destroyed(*groups: str, code: int = 0) -> None:
    """Plan for these groups, and destroy what is planned."""
    named = [word for group in groups for word in ("--group", group)]
    assert run("stale", "plan", "--out", "plan.json", *named).exit_code == 1
    done = run("stale", "destroy", "plan.json", "--report", "report.json", "--yes")
    assert done.exit_code == code, done.output


def restored() -> Result:
    """Restore what the report says was destroyed."""
    return run("stale", "restore", "report.json", "--format", "json")


def entries() -> dict[str, dict[str, Any]]:
    """The report's entry for each rule."""
    written = json.loads(Path("report.json").read_text())["rules"]
    return {entry["rule_id"]: entry for entry in written}


def ports(fake: FakeEcs, group: str) -> set[object]:
    """The ports of the live rules."""
    return {rule["PortRange"] for rule in fake.rules(group).values()}


def test_a_refused_rule_does_not_stop_restoring_others(fake: FakeEcs) -> None:
    """The call with all of them is refused; one by one shows which is refused."""
    group = fake.new_group()
    ids = expired(fake, group, 80, 81, 82)
    destroyed(group)
    fake.groups[group].most_rules = 2

    done = restored()

    assert done.exit_code == 3
    assert ports(fake, group) == {"80/80", "81/81"}
    statuses = [entries()[rule_id]["status"] for rule_id in ids]
    assert statuses == ["restored", "restored", "destroyed"]
    assert entries()[ids[2]]["why"].startswith("not restored: AuthorizeSecurityGroup")
    assert ids[2] in done.stderr
    assert json.loads(done.stdout)["rules"] == list(entries().values())


def test_a_missing_group_does_not_stop_restoring_others(fake: FakeEcs) -> None:
    """Its rules are reported, and not restored."""
    one, other = fake.new_group(), fake.new_group()
    (lost,), (back,) = expired(fake, one, 80), expired(fake, other, 80)
    destroyed(one, other)
    del fake.groups[one]

    assert restored().exit_code == 3

    assert ports(fake, other) == {"80/80"}
    assert entries()[back]["status"] == "restored"
    assert entries()[lost]["status"] == "destroyed"
    assert one in entries()[lost]["why"]


def test_a_restored_rule_must_be_visible(fake: FakeEcs) -> None:
    """The success has no effect; a second restore makes the rule."""
    group = fake.new_group()
    (rule_id,) = expired(fake, group, 80)
    destroyed(group)
    fake.inject(Fault.shaped(AUTHORIZE, '{"RequestId": "R"}', takes_effect=False))

    assert restored().exit_code == 3
    assert entries()[rule_id]["status"] == "destroyed"
    assert "no read shows it" in entries()[rule_id]["why"]
    assert restored().exit_code == 0
    assert ports(fake, group) == {"80/80"}


def test_a_rule_that_was_never_deleted_is_planned_again(fake: FakeEcs) -> None:
    """The destruction got no answer, and had no effect; nothing is made twice."""
    group = fake.new_group()
    (rule_id,) = expired(fake, group, 80)
    fake.inject(Fault(action="RevokeSecurityGroup", drop=True, times=20))
    destroyed(group, code=3)
    assert entries()[rule_id]["status"] == "destroying"
    fake.calls.clear()

    assert restored().exit_code == 0

    assert entries()[rule_id]["status"] == "planned"
    assert list(fake.rules(group)) == [rule_id]
    assert AUTHORIZE not in [call.action for call in fake.calls]


def test_destroying_rules_of_a_missing_group_succeeds(fake: FakeEcs) -> None:
    """They are deleted with the group."""
    group = fake.new_group()
    (rule_id,) = expired(fake, group, 80)
    assert run("stale", "plan", "--out", "plan.json", "--group", group).exit_code == 1
    del fake.groups[group]

    done = run("stale", "destroy", "plan.json", "--report", "report.json", "--yes")

    assert done.exit_code == 0
    assert entries()[rule_id]["status"] == "gone"
    assert entries()[rule_id]["why"] == "the group no longer exists"


def test_a_report_of_another_plan_is_a_usage_error(fake: FakeEcs) -> None:
    """Nothing is destroyed, and the report does not change."""
    group = fake.new_group()
    expired(fake, group, 80)
    destroyed(group)
    before = Path("report.json").read_text()
    (later,) = expired(fake, group, 81)
    assert run("stale", "plan", "--out", "plan.json", "--group", group).exit_code == 1

    done = run("stale", "destroy", "plan.json", "--report", "report.json", "--yes")

    assert done.exit_code == 2
    assert list(fake.rules(group)) == [later]
    assert Path("report.json").read_text() == before


@pytest.mark.parametrize("form", ["table", "markdown"])
def test_a_report_shows_the_outcome_of_each_rule(fake: FakeEcs, form: str) -> None:
    """On stdout, one row for each."""
    group = fake.new_group()
    (rule_id,) = expired(fake, group, 80)
    destroyed(group)

    done = run("stale", "restore", "report.json", "--format", form)

    (now,) = fake.rules(group)
    (row,) = [line for line in done.stdout.splitlines() if rule_id in line]
    assert "restored" in row
    assert now in row
    assert row.startswith("|") is (form == "markdown")


def test_a_drop_is_restored_before_what_it_stops(fake: FakeEcs) -> None:
    """Between the two, the port would be open, as it was not before."""
    group = fake.new_group()
    open_ = fake.add_rule(group, **tcp("1/100", "0.0.0.0/0", Description=EXPIRED))
    drop = fake.add_rule(
        group, **tcp(22, "0.0.0.0/0", Description=EXPIRED, Policy="drop")
    )
    destroyed(group)
    at_authorize: list[set[str]] = []
    fake.inject(
        Fault(
            action=AUTHORIZE,
            times=2,
            edit=lambda fake: at_authorize.append(
                {str(rule["Policy"]).lower() for rule in fake.rules(group).values()}
            ),
        )
    )

    assert restored().exit_code == 0

    assert at_authorize == [set(), {"drop"}]
    assert {entries()[each]["status"] for each in (open_, drop)} == {"restored"}


@pytest.mark.parametrize("reads", [1, 3])
def test_late_reads_show_no_destroyed_drop_as_existing(
    fake: FakeEcs, reads: int
) -> None:
    """Without it, the rule behind it would open the port to the internet."""
    group = fake.new_group()
    fake.add_rule(group, **tcp(22, "0.0.0.0/0", Description=EXPIRED))
    drop = fake.add_rule(
        group, **tcp(22, "0.0.0.0/0", Description=EXPIRED, Policy="drop")
    )
    was = fake.groups[group].rules[drop]
    destroyed(group)
    fake.groups[group].lags[drop] = Lag(was, reads)

    assert restored().exit_code == 0

    policies = {rule["Policy"] for rule in fake.rules(group).values()}
    assert policies == {"Accept", "Drop"}
    assert {each["status"] for each in entries().values()} == {"restored"}


def test_nothing_is_opened_if_its_drop_is_refused(fake: FakeEcs) -> None:
    """A rule that comes before the drop is restored all the same."""
    group = fake.new_group()
    behind = fake.add_rule(
        group, **tcp(22, "0.0.0.0/0", Description=EXPIRED, Priority="5")
    )
    before = fake.add_rule(group, **tcp(80, Description=EXPIRED, Priority="4"))
    drop = fake.add_rule(
        group,
        **tcp(22, "0.0.0.0/0", Description=EXPIRED, Policy="drop", Priority="5"),
    )
    destroyed(group)
    fake.inject(Fault.refused(AUTHORIZE, 403, "Forbidden.RAM"))

    assert restored().exit_code == 3

    statuses = {each: entries()[each]["status"] for each in (behind, before, drop)}
    assert statuses == {behind: "destroyed", before: "restored", drop: "destroyed"}
    assert "drops packets" in entries()[behind]["why"]
    assert restored().exit_code == 0
    assert len(fake.rules(group)) == 3


def test_an_unanswered_restore_is_verified_by_a_read(fake: FakeEcs) -> None:
    """The rule exists, though no call was answered: it must not be called missing."""
    group = fake.new_group()
    (rule_id,) = expired(fake, group, 80)
    destroyed(group)
    fake.inject(Fault(action=AUTHORIZE, drop=True, takes_effect=True, times=99))

    assert restored().exit_code == 0

    assert entries()[rule_id]["status"] == "restored"


def test_a_report_that_cannot_be_written_restores_nothing(fake: FakeEcs) -> None:
    """A rule that is open must be in the record."""
    group = fake.new_group()
    expired(fake, group, 80)
    destroyed(group)
    _, most = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, most))
    try:
        done = restored()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (most, most))

    assert done.exit_code == 3
    assert "report.json cannot be written" in done.stderr
    assert "free space on its disk" in done.stderr
    assert fake.rules(group) == {}


def test_a_rule_made_again_by_others_is_not_changed(fake: FakeEcs) -> None:
    """What differs from the deleted rule is named, and no second one is made."""
    group = fake.new_group()
    (rule_id,) = expired(fake, group, 80)
    destroyed(group)
    other = fake.add_rule(group, **tcp(80, "10.0.0.0/8", Description="other"))

    assert restored().exit_code == 0

    assert list(fake.rules(group)) == [other]
    assert entries()[rule_id]["restored_as"] == other
    assert entries()[rule_id]["why"].endswith("deleted rule: Description")


def test_a_restored_rule_that_was_narrowed_stays_so(fake: FakeEcs) -> None:
    """A second restore, after a failure say, does not open again what was closed."""
    group = fake.new_group()
    (rule_id,) = expired(fake, group, 80)
    destroyed(group)
    assert restored().exit_code == 0
    (back,) = fake.rules(group)
    fake.change_rule(group, back, SourceCidrIp="10.1.0.0/16")

    assert restored().exit_code == 0

    assert list(fake.rules(group)) == [back]
    assert entries()[rule_id]["restored_as"] == back
    assert entries()[rule_id]["why"].endswith("deleted rule: SourceCidrIp")


def test_a_late_read_keeps_no_deleted_rule_from_being_restored(fake: FakeEcs) -> None:
    """A read that shows the rule once more does not prove that it exists."""
    group = fake.new_group()
    (rule_id,) = expired(fake, group, 80)
    before = dict(fake.groups[group].rules[rule_id])
    destroyed(group)
    fake.groups[group].lags[rule_id] = Lag(before, describes=2)

    assert restored().exit_code == 0

    assert ports(fake, group) == {"80/80"}
    assert entries()[rule_id]["status"] == "restored"


def test_a_restored_rule_that_was_deleted_stays_closed(fake: FakeEcs) -> None:
    """Every later restore says so, and opens nothing."""
    group = fake.new_group()
    (rule_id,) = expired(fake, group, 80)
    destroyed(group)
    assert restored().exit_code == 0
    (back,) = fake.rules(group)
    fake.remove_rule(group, back)

    for done in (restored(), restored()):
        assert done.exit_code == 3
        assert f"{rule_id} (tcp 80/80 from 10.0.0.0/8) not restored" in done.stderr

    assert fake.rules(group) == {}
    assert entries()[rule_id]["status"] == "gone"


def test_a_restored_rule_that_one_read_lacks_is_not_deleted(fake: FakeEcs) -> None:
    group = fake.new_group()
    (rule_id,) = expired(fake, group, 80)
    destroyed(group)
    assert restored().exit_code == 0
    (back,) = fake.rules(group)
    fake.groups[group].lags[back] = Lag(None, describes=2)

    assert restored().exit_code == 0

    assert list(fake.rules(group)) == [back]
    assert entries()[rule_id]["status"] == "restored"


@pytest.mark.parametrize("change", ["narrowed", "deleted"])
def test_nothing_is_opened_behind_a_drop_that_changed(
    fake: FakeEcs, change: str
) -> None:
    """The first run restored only the drop, which someone has changed since."""
    group = fake.new_group()
    behind, drop = (
        fake.add_rule(group, **tcp(22, "0.0.0.0/0", Description=EXPIRED, Policy=policy))
        for policy in ("accept", "drop")
    )
    destroyed(group)
    fake.inject(Fault(action=AUTHORIZE, skip=1, status=403, code="Forbidden.RAM"))
    assert restored().exit_code == 3
    (back,) = fake.rules(group)
    if change == "deleted":
        fake.remove_rule(group, back)
    else:
        fake.change_rule(group, back, SourceCidrIp="10.0.0.0/8")

    assert restored().exit_code == 3

    accepted = [r for r in fake.rules(group).values() if r["Policy"] == "Accept"]
    assert accepted == []
    assert "drops packets" in entries()[behind]["why"]
    assert entries()[drop]["status"] == ("gone" if change == "deleted" else "restored")


def test_credentials_of_another_account_are_compared_with_the_report(
    fake: FakeEcs,
) -> None:
    """No plan was passed, so the message speaks of none."""
    group = fake.new_group()
    expired(fake, group, 80)
    destroyed(group)
    fake.accounts["AK"] = "1000000000000002"

    done = restored()

    assert done.exit_code == 3
    assert "the report is of account" in done.stderr
    assert "plan" not in done.stderr


def test_an_unknown_account_of_a_restore_needs_no_new_plan(fake: FakeEcs) -> None:
    """A new plan has none of the deleted rules."""
    group = fake.new_group()
    expired(fake, group, 80)
    destroyed(group)
    fake.inject(Fault.refused("GetCallerIdentity", 403, "NoPermission"))

    done = restored()

    assert done.exit_code == 2
    assert "whether the report and the credentials" in done.stderr
    assert "plan" not in done.stderr


def test_a_restore_that_a_fault_of_ecs_ends_is_verified(fake: FakeEcs) -> None:
    """The rule exists: the report must not call it deleted."""
    group = fake.new_group()
    (rule_id,) = expired(fake, group, 80)
    destroyed(group)
    fake.inject(
        Fault(
            action=AUTHORIZE, status=500, code="X.Y", takes_effect=True, times=99, lag=1
        )
    )

    done = run("stale", "restore", "report.json", "--timeout", "1")

    assert ports(fake, group) == {"80/80"}
    assert entries()[rule_id]["status"] == "restored"
    assert done.exit_code == 0, done.output


@pytest.mark.parametrize("code", ["Throttling.User", "NoPermission"])
def test_a_refusal_of_all_rules_is_not_tried_for_each(fake: FakeEcs, code: str) -> None:
    """A hundred rules would wait for a hundred time limits."""
    group = fake.new_group()
    expired(fake, group, *range(80, 90))
    destroyed(group)
    fake.inject(Fault(action=AUTHORIZE, status=403, code=code, times=9999))
    fake.calls.clear()

    done = run("stale", "restore", "report.json", "--timeout", "1")

    assert done.exit_code == 3
    sent = [call.parameters for call in fake.calls if call.action == AUTHORIZE]
    assert all("Permissions.10.Policy" in parameters for parameters in sent)
    assert {entry["status"] for entry in entries().values()} == {"destroyed"}


def test_nothing_is_opened_behind_a_drop_that_another_run_deleted(
    fake: FakeEcs,
) -> None:
    """This report has the drop as left, and the rule behind it as destroyed."""
    group = fake.new_group()
    behind, drop = (
        fake.add_rule(group, **tcp(22, "0.0.0.0/0", Description=EXPIRED, Policy=policy))
        for policy in ("accept", "drop")
    )
    plan = ("stale", "plan", "--out", "plan.json", "--group", group)
    destroy = ("stale", "destroy", "plan.json", "--yes", "--max", "1", "--report")
    assert run(*plan).exit_code == 1
    assert run(*destroy, "report.json").exit_code == 1
    assert list(fake.rules(group)) == [drop]
    assert run(*plan).exit_code == 1
    assert run(*destroy, "later.json").exit_code == 0

    assert restored().exit_code == 3

    assert fake.rules(group) == {}
    assert "drops packets" in entries()[behind]["why"]
    assert run("stale", "restore", "later.json").exit_code == 0
    assert restored().exit_code == 0
    assert len(fake.rules(group)) == 2


def test_an_interrupted_run_says_how_it_goes_on(fake: FakeEcs) -> None:
    """Whether the last call took effect is found out by the next run."""
    group = fake.new_group()
    expired(fake, group, 80)
    run("stale", "plan", "--out", "plan.json", "--group", group)
    commands = {
        "RevokeSecurityGroup": ("destroy", "plan.json", "--yes", "--report"),
        AUTHORIZE: ("restore",),
    }
    for action, command in commands.items():

        def interrupt(call: FakeCall, action: str = action) -> None:
            if call.action == action:
                raise KeyboardInterrupt

        fake.listeners[:] = [interrupt]
        done = run("stale", *command, "report.json")
        assert done.exit_code == 130
        assert "report.json records what was done; run the same" in done.stderr
        fake.listeners.clear()
        assert run("stale", *command, "report.json").exit_code == 0
    assert ports(fake, group) == {"80/80"}


def test_what_fails_for_every_group_is_tried_once(fake: FakeEcs) -> None:
    """Without a network, each group would wait for two minutes."""
    groups = [fake.new_group() for _ in range(40)]
    for group in groups:
        expired(fake, group, 80)
    everywhere = Fault(status=404, code="InvalidAccessKeyId.NotFound", times=999)
    destroyed(*groups[20:])
    named = [word for group in groups for word in ("--group", group)]
    assert run("stale", "plan", "--out", "new.json", *named).exit_code == 1
    commands = {
        ("plan", "--out", "other.json", "--all-groups"): DESCRIBE,
        ("destroy", "new.json", "--yes", "--report", "new-report.json"): (
            "DescribeSecurityGroups"
        ),
        ("restore", "report.json"): DESCRIBE,
    }
    for command, action in commands.items():
        fake.inject(replace(everywhere, action=action))
        fake.calls.clear()

        assert run("stale", *command).exit_code == 3

        tried = [call for call in fake.calls if call.code == everywhere.code]
        assert 0 < len(tried) < 20, command
        fake.forget_faults()
    written = json.loads(Path("new-report.json").read_text())["rules"]
    assert {entry["status"] for entry in written} == {"failed"}
    assert len([group for group in groups if fake.rules(group)]) == 20
