"""
What the user sees of a failure, and what the state holds after it.
"""

from __future__ import annotations

from dataclasses import replace

from alicloud_ingress.reconcile.context import MAX_NAMED
from alicloud_ingress.testing import Fault
from e2e.project import Project
from e2e.test_rule_set import declare

AUTHORIZE, DESCRIBE, REVOKE = (
    "AuthorizeSecurityGroup",
    "DescribeSecurityGroupAttribute",
    "RevokeSecurityGroup",
)
RUN_PROGRAM = ("refresh", "--run-program", "--yes", "--skip-preview")


def live_ports(project: Project) -> set[int]:
    """The first port of each live rule."""
    rules = project.rules().values()
    return {int(str(rule["PortRange"]).split("/")[0]) for rule in rules}


def test_a_refusal_is_one_message_that_names_the_credentials_source(
    project: Project,
) -> None:
    """There is no traceback, for one rule and for a set."""
    refused = Fault.refused("AuthorizeSecurityGroup", 403, "NoPermission")
    project.fake.inject(replace(refused, times=2))
    project.program('rule("web", 443)')
    one = project.run("up", "--yes", "--skip-preview")
    declare(project, 443)
    many = project.run("up", "--yes", "--skip-preview")

    for done in (one, many):
        assert not done.ok
        assert "Traceback" not in done.text
        assert "tcp 443/443 from 10.0.0.0/8" in done.text
        assert "(credentials: ALIBABA_CLOUD_ACCESS_KEY_ID" in done.text
        assert "NoPermission" in done.text
    assert project.rules() == {}


def test_a_failed_check_is_one_message(project: Project) -> None:
    """The region is missing, and the configuration that should name it is not valid."""
    del project.settings["alicloud:region"]
    (project.folder / "Pulumi.test.yaml").unlink()
    project.settings["alicloud:assumeRole"] = "not JSON"
    project.program('rule("web", 443)')

    done = project.run("preview")

    assert not done.ok
    assert "Traceback" not in done.text
    assert "alicloud:region" in done.text


def test_the_next_up_completes_a_set_update_that_failed(
    project: Project,
) -> None:
    """
    The update fails after a revoke. The state holds the added and the remaining
    rules, so the next `up` needs no manual step.
    """
    old, new = range(1000, 1300), range(2000, 2300)
    declare(project, *old)
    project.up()
    declare(project, *new)
    refused = Fault.refused(REVOKE, 403, "NoPermission")
    project.fake.inject(replace(refused, skip=1, times=10))

    done = project.run("up", "--yes", "--skip-preview")

    assert not done.ok
    assert "100 are gone" in done.text
    assert set(new) <= live_ports(project)
    assert len(project.rules()) == 500
    (entry,) = project.resources()
    assert set(entry["outputs"]["rule_ids"].values()) == set(project.rules())
    project.fake.forget_faults()
    project.up()
    assert live_ports(project) == set(new)
    project.destroy("--refresh")
    assert project.rules() == {}


def test_destroy_after_a_failed_set_update_leaves_no_rule(
    project: Project,
) -> None:
    """No `up` is needed in between: the state holds all rules."""
    declare(project, *range(1000, 1250))
    project.up()
    declare(project, *range(2000, 2250))
    refused = Fault.refused(REVOKE, 403, "NoPermission")
    project.fake.inject(replace(refused, skip=1, times=10))
    assert not project.run("up", "--yes", "--skip-preview").ok
    project.fake.forget_faults()

    project.destroy()

    assert project.rules() == {}


def fail_to_create(project: Project, wanted: range) -> str:
    """
    The second call of a new set is refused, and so are the revokes of the first; what
    the engine prints.
    """
    declare(project, *wanted)
    quota = Fault.refused(AUTHORIZE, 403, "AuthorizationLimitExceed")
    refused = Fault.refused(REVOKE, 403, "NoPermission")
    project.fake.inject(replace(quota, skip=1, times=10), replace(refused, times=10))

    done = project.run("up", "--yes", "--skip-preview")

    project.fake.forget_faults()
    assert not done.ok
    return done.text


def test_the_next_up_completes_a_set_create_that_failed(project: Project) -> None:
    """The state holds what the failed create has left, and no more."""
    wanted = range(1000, 1101)

    text = fail_to_create(project, wanted)

    assert "Traceback" not in text
    for words in ("AuthorizationLimitExceed", "NoPermission", "`pulumi up` again"):
        assert words in text
    left = set(project.rules())
    assert left
    assert sum(rule_id in text for rule_id in left) >= MAX_NAMED
    (entry,) = project.resources()
    assert set(entry["outputs"]["rule_ids"].values()) == left
    project.up()
    assert live_ports(project) == set(wanted)
    assert left <= set(project.rules())
    project.pulumi("up", "--yes", "--skip-preview", "--expect-no-changes")
    project.destroy()
    assert project.rules() == {}


def test_destroy_after_a_failed_set_create_leaves_no_rule(project: Project) -> None:
    """No `up` is needed in between."""
    fail_to_create(project, range(1000, 1101))
    assert project.rules() != {}

    project.destroy()

    assert project.rules() == {}
    assert project.resources() == []


def test_a_failed_create_of_one_rule_is_finished_or_destroyed(
    project: Project,
) -> None:
    """ECS has made the rule, its answer is lost, and no read shows it."""
    project.settings["alicloud-ingress:timeout"] = "2"
    project.program(
        'rule("web", 443, description=pulumi.Output.secret("internal"),'
        ' opts=pulumi.ResourceOptions(additional_secret_outputs=["create_time"]))'
    )
    lost = replace(Fault.dropped(AUTHORIZE, takes_effect=True), times=1_000)
    unread = Fault.refused(DESCRIBE, 403, "Forbidden.RAM")
    refused = Fault.refused(REVOKE, 403, "NoPermission")
    for command in ("up", "destroy"):
        project.fake.inject(
            lost, replace(unread, skip=1, times=10), replace(refused, times=10)
        )

        done = project.run("up", "--yes", "--skip-preview")

        assert not done.ok
        assert "internal" not in done.text
        (entry,) = project.resources()
        assert entry["outputs"]["security_group_rule_id"] == ""
        assert len(project.rules()) == 1
        assert '"internal"' not in project.pulumi("stack", "export")
        project.fake.forget_faults()
        if command == "up":
            project.up()
            (entry,) = project.resources()
            assert entry["outputs"]["security_group_rule_id"] in project.rules()
        project.destroy()
        assert project.rules() == {}


def test_refresh_with_run_program_shows_no_difference(
    project: Project,
) -> None:
    """For unchanged resources, one rule or a set."""
    project.program('rule("web", 443)')
    project.up()
    assert "[diff" not in project.pulumi(*RUN_PROGRAM)
    declare(project, 80, 81)
    project.up()
    assert "[diff" not in project.pulumi(*RUN_PROGRAM)
