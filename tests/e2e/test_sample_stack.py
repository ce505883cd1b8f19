"""
The sample stack on the real Pulumi engine, against the served fake.
"""

from __future__ import annotations

import json

from e2e.project import SECRET, Project


def test_the_sample_stack_deploys_repairs_drift_and_is_destroyed(
    project: Project,
) -> None:
    """`up`, `up` again, drift and repair, destroy; asserts the calls of each."""
    project.sample()
    balancers = project.fake.new_group()
    project.settings["sample:securityGroupId"] = project.group
    project.settings["sample:balancerGroupId"] = balancers

    project.up()
    assert set(project.actions()) == {"AuthorizeSecurityGroup"}
    rules = project.rules()
    assert len(rules) == 6

    project.pulumi("up", "--yes", "--expect-no-changes")
    assert project.actions() == []

    ssh = next(i for i, rule in rules.items() if rule["Priority"] == 10)
    project.fake.groups[project.group].rules[ssh]["Description"] = "changed by hand"
    project.up("--refresh")
    assert project.actions() == ["ModifySecurityGroupRule"]
    assert project.rules() == rules

    assert SECRET not in json.dumps(project.state())

    project.destroy()
    calls = project.writes()
    assert {c.action for c in calls} == {"RevokeSecurityGroup"}
    named = [
        value
        for call in calls
        for name, value in call.parameters.items()
        if name.startswith("SecurityGroupRuleId.")
    ]
    assert sorted(named) == sorted(rules)
    assert not [p for c in calls for p in c.parameters if p.startswith("Permissions")]
    assert project.rules() == {}
