"""
What the user sees of a failure, and what the state holds after it.
"""

from __future__ import annotations

from dataclasses import replace

from alicloud_ingress.testing import Fault
from e2e.project import Project
from e2e.test_rule_set import declare

REVOKE = "RevokeSecurityGroup"
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
    old, new = range(1000, 1250), range(2000, 2250)
    declare(project, *old)
    project.up()
    declare(project, *new)
    refused = Fault.refused(REVOKE, 403, "NoPermission")
    project.fake.inject(replace(refused, skip=1, times=10))

    done = project.run("up", "--yes", "--skip-preview")

    assert not done.ok
    assert "100 are gone" in done.text
    assert set(new) <= live_ports(project)
    assert len(project.rules()) == 400
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
