"""
Faults of ECS as a user of the engine sees them.
"""

from __future__ import annotations

from dataclasses import replace

import pytest

from alicloud_ingress.testing.faults import Fault
from e2e.project import Project

AUTHORIZE, DESCRIBE, MODIFY, REVOKE = (
    "AuthorizeSecurityGroup",
    "DescribeSecurityGroupAttribute",
    "ModifySecurityGroupRule",
    "RevokeSecurityGroup",
)
STORM = 10_000
NEIGHBOUR = {
    "IpProtocol": "tcp",
    "PortRange": "443/443",
    "SourceCidrIp": "10.0.0.0/8",
    "Priority": "2",
}


@pytest.fixture
def hurried(project: Project) -> Project:
    """One rule beside a neighbour, and a provider whose timeout is a few seconds."""
    project.fake.add_rule(project.group, **NEIGHBOUR)
    project.settings["alicloud-ingress:timeout"] = "2"
    project.program('rule("web", 443)')
    return project


def last_line(text: str) -> str:
    """The last line of the rule's diagnostics; those of the stack may follow."""
    errors = [
        line
        for line in text.splitlines()
        if line.startswith("    error: ") and "error: update failed" not in line
    ]
    return errors[-1]


def test_a_connection_dropped_after_authorize_makes_one_rule(hurried: Project) -> None:
    """A read finds the rule, and the state gets its ID."""
    hurried.fake.inject(Fault.dropped(AUTHORIZE, takes_effect=True))

    hurried.up()

    (entry,) = hurried.resources()
    assert entry["id"] in hurried.rules()
    assert len(hurried.rules()) == 2


def test_up_ends_in_time_under_faults_and_succeeds_later(hurried: Project) -> None:
    """The first `up` fails with an error message, and the second one makes the rule."""
    hurried.fake.inject(
        replace(Fault.refused(AUTHORIZE, 503, "ServiceUnavailable"), times=STORM)
    )

    done = hurried.run("up", "--yes", "--skip-preview")

    assert not done.ok
    line = last_line(done.text)
    for words in (AUTHORIZE, hurried.group, "tcp 443/443 from 10.0.0.0/8", "pulumi up"):
        assert words in line
    assert len(hurried.rules()) == 1
    hurried.fake.forget_faults()
    hurried.up()
    assert len(hurried.rules()) == 2


def test_html_instead_of_answers_leaves_the_state_unchanged(hurried: Project) -> None:
    """A refresh that gets HTML in place of each answer keeps the state."""
    hurried.up()
    before = hurried.resources()
    hurried.fake.inject(replace(Fault.html(DESCRIBE), times=STORM))

    done = hurried.run("refresh", "--yes", "--skip-preview")

    assert not done.ok
    assert DESCRIBE in last_line(done.text)
    assert [entry["id"] for entry in hurried.resources()] == [
        entry["id"] for entry in before
    ]


def test_refresh_fills_in_the_id_of_a_late_rule(hurried: Project) -> None:
    """Create ends with a warning, a refresh learns the ID, and destroy uses it."""
    hurried.fake.inject(Fault.late(AUTHORIZE, describes=STORM))

    told = hurried.up()

    (entry,) = hurried.resources()
    assert "does not show yet" in told
    assert entry["outputs"]["security_group_rule_id"] == ""
    hurried.fake.groups[hurried.group].lags.clear()
    hurried.refresh()
    (entry,) = hurried.resources()
    assert entry["id"] in hurried.rules()


def test_a_revoke_without_effect_is_noticed_and_repeated_by_id(
    hurried: Project,
) -> None:
    """
    A rule without an ID is read again after the revoke, and revoked by the ID that
    the read shows.
    """
    hurried.fake.inject(Fault.late(AUTHORIZE, describes=STORM))
    hurried.up()
    hurried.fake.groups[hurried.group].lags.clear()
    hurried.calls()
    hurried.fake.inject(
        Fault.shaped(REVOKE, '{"RequestId": "R-1"}', takes_effect=False)
    )

    hurried.destroy()

    by_attributes, by_id = hurried.writes()
    assert "Permissions.1.IpProtocol" in by_attributes.parameters
    assert "SecurityGroupRuleId.1" in by_id.parameters
    (left,) = hurried.rules().values()
    assert left["Priority"] == 2


def test_the_old_program_closes_what_a_failed_update_opened(hurried: Project) -> None:
    """The network is cut after the change, and the author goes back."""
    hurried.up()
    was = hurried.rules()
    hurried.program('rule("web", 443, "0.0.0.0/0")')
    cut = replace(Fault.dropped(MODIFY, takes_effect=True), times=STORM)
    hurried.fake.inject(cut)
    unread = Fault.dropped(DESCRIBE, takes_effect=False)
    hurried.fake.inject(replace(unread, skip=1, times=STORM))
    done = hurried.run("up", "--yes", "--skip-preview")
    hurried.fake.forget_faults()
    assert hurried.rules() != was
    assert not done.ok, done.text
    assert "have changed in" in done.text
    hurried.program('rule("web", 443)')

    hurried.up()

    assert hurried.rules() == was
