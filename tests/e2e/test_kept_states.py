"""
Stacks that earlier releases made.

`states/` keeps a stack export of each release and the fake's content. What is in users'
state is frozen: where such a test fails, change the code, never the state.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from e2e.project import Project

STATES = sorted(path for path in (Path(__file__).parent / "states").iterdir())


@pytest.mark.parametrize("kept", STATES, ids=lambda path: path.name)
def test_a_stack_of_an_earlier_release_still_works(
    project: Project, kept: Path
) -> None:
    """It is refreshed, previewed without a change, and destroyed by ID."""
    project.fake.load((kept / "ecs.json").read_text())
    (group,) = [g for g in project.fake.groups if project.fake.rules(g)]
    (balancers,) = [g for g in project.fake.groups if not project.fake.rules(g)]
    rule_ids = set(project.fake.rules(group))
    project.sample()
    project.settings["sample:securityGroupId"] = group
    project.settings["sample:balancerGroupId"] = balancers
    project.put_file(kept / "stack.json")

    project.refresh("--expect-no-changes")
    project.pulumi("preview", "--expect-no-changes")
    assert project.actions() == []
    project.destroy()

    calls = project.writes()
    assert {call.action for call in calls} == {"RevokeSecurityGroup"}
    assert {
        value
        for call in calls
        for name, value in call.parameters.items()
        if name.startswith("SecurityGroupRuleId.")
    } == rule_ids
    assert project.fake.rules(group) == {}
    assert project.resources() == []


def test_at_least_one_release_has_a_kept_state() -> None:
    assert "0.1.0" in [path.name for path in STATES]
