"""
`kill -9` during `up` and `destroy`, and what the user does next.

After the engine is killed the stack is locked: `pulumi cancel` unlocks it. Then, or at
once where the host was killed, the same command is run again. It converges, or names
each rule that the state does not hold, and `adopt=True` takes those over. The warning
about pending operations ends with `pulumi refresh --clear-pending-creates`.
"""

from __future__ import annotations

import json
import os
from typing import Any

import pytest

from e2e.killing import Kill, killed
from e2e.project import Project

AUTHORIZE, DESCRIBE, REVOKE, WHO = (
    "AuthorizeSecurityGroup",
    "DescribeSecurityGroupAttribute",
    "RevokeSecurityGroup",
    "GetCallerIdentity",
)
KILLS = int(os.environ.get("KILLS", "3"))
"""How many kills of each kind are tried; `make soak` tries all."""
NEIGHBOUR = {
    "IpProtocol": "tcp",
    "PortRange": "80/80",
    "SourceCidrIp": "10.0.0.0/8",
    "Priority": "2",
}
RULES = "for port in (80, 81, 82, 83):\n    rule(f'rule-{port}', port"
PROGRAM, ADOPTING = f"{RULES})", f"{RULES}, adopt=True)"

DURING_UP = [
    (AUTHORIZE, 2, True, 1),
    (AUTHORIZE, 1, True, 0),
    (DESCRIBE, 3, False, 1),
    (AUTHORIZE, 1, False, 1),
    (AUTHORIZE, 1, True, 1),
    (AUTHORIZE, 2, False, 1),
    (AUTHORIZE, 3, False, 1),
    (AUTHORIZE, 3, True, 1),
    (AUTHORIZE, 4, False, 1),
    (AUTHORIZE, 4, True, 1),
    (AUTHORIZE, 1, False, 0),
    (DESCRIBE, 1, False, 1),
    (DESCRIBE, 2, False, 1),
    (DESCRIBE, 2, True, 1),
    (DESCRIBE, 4, False, 1),
    (DESCRIBE, 5, False, 1),
    (DESCRIBE, 5, True, 1),
    (DESCRIBE, 1, False, 0),
    (DESCRIBE, 2, True, 0),
    (WHO, 1, False, 0),
]
DURING_DESTROY = [
    (REVOKE, 2, True, 1, True),
    (REVOKE, 1, True, 0, True),
    (REVOKE, 2, True, 1, False),
    (REVOKE, 1, False, 1, True),
    (REVOKE, 1, True, 1, True),
    (REVOKE, 2, False, 1, True),
    (REVOKE, 3, False, 1, True),
    (REVOKE, 3, True, 1, True),
    (REVOKE, 4, False, 1, True),
    (REVOKE, 4, True, 1, True),
    (REVOKE, 1, False, 0, True),
    (REVOKE, 1, False, 1, False),
    (REVOKE, 1, True, 1, False),
    (REVOKE, 2, False, 1, False),
    (REVOKE, 4, False, 1, False),
    (REVOKE, 4, True, 1, False),
    (REVOKE, 1, True, 0, False),
    (DESCRIBE, 1, False, 1, False),
    (DESCRIBE, 2, False, 1, False),
    (DESCRIBE, 4, False, 1, False),
]
"""
Action, which call of it, whether ECS executes it, `--parallel` (0: the engine's
default), and for a destroy whether the state holds the rules' IDs.
"""


def free(project: Project, kill: Kill) -> None:
    """Remove the killed engine's lock, by the command that the engine advises."""
    if kill.victim == "engine":
        refused = project.run(kill.command, "--yes", "--skip-preview")
        assert not refused.ok
        assert "pulumi cancel" in refused.text
        project.pulumi("cancel", "--yes")


def unknown_rules(project: Project) -> set[str]:
    """The live rules that the state does not hold, without the neighbour."""
    known = {entry["id"] for entry in project.resources()}
    return {
        rule_id
        for rule_id, rule in project.rules().items()
        if rule_id not in known and rule["Priority"] != 2
    }


@pytest.mark.long
@pytest.mark.parametrize("victim", ["engine", "host"])
def test_up_after_a_kill_converges_or_names_the_rules(
    project: Project, victim: str
) -> None:
    """It names each rule that was made and is not in the state."""
    neighbour = project.fake.add_rule(project.group, **NEIGHBOUR)
    empty, nothing = project.state(), project.fake.dump()
    named = 0
    for action, call, acted, parallel in DURING_UP[:KILLS]:
        kill = Kill("up", victim, action, call, acted, parallel)
        project.put(empty)
        project.fake.load(nothing)
        project.program(PROGRAM)

        killed(project, kill)
        free(project, kill)
        lost = unknown_rules(project)
        again = project.run("up", "--yes", "--skip-preview")

        assert again.ok != bool(lost), f"{kill}: {again.text}"
        if lost:
            assert all(rule_id in again.text for rule_id in lost), str(kill)
            assert "If an interrupted run created it" in again.text
            project.program(ADOPTING)
            project.up()
            named += len(lost)
        rules = set(project.rules())
        assert {entry["id"] for entry in project.resources()} == rules - {neighbour}
        assert len(rules) == len("4444") + 1, str(kill)
    assert named > 0
    project.pulumi("refresh", "--yes", "--skip-preview", "--clear-pending-creates")
    assert not project.state()["deployment"].get("pending_operations")
    project.destroy()
    assert list(project.rules()) == [neighbour]


def test_a_host_without_its_engine_finishes_what_it_began(
    project: Project,
) -> None:
    """It repeats the call that got no answer, and starts no other rule."""
    project.program(PROGRAM)

    kill = Kill("up", "engine", AUTHORIZE, call=1, acted=False)
    killed(project, kill, seen=lambda: bool(project.rules()))

    (rule_id,) = project.rules()
    project.pulumi("cancel", "--yes")
    assert rule_id in project.run("up", "--yes", "--skip-preview").text


def without_ids(project: Project, state: dict[str, Any]) -> dict[str, Any]:
    """The state as it is when no rule was visible in time."""
    copy: dict[str, Any] = json.loads(json.dumps(state))
    for number, entry in enumerate(copy["deployment"]["resources"]):
        if "security_group_rule_id" in entry.get("outputs", {}):
            entry["outputs"]["security_group_rule_id"] = ""
            entry["id"] = f"{project.group}/pending/{number:012x}"
    return copy


@pytest.mark.long
@pytest.mark.parametrize("victim", ["engine", "host"])
def test_destroy_after_a_kill_completes(project: Project, victim: str) -> None:
    """The remaining rules are deleted, and the neighbour is kept."""
    neighbour = project.fake.add_rule(project.group, **NEIGHBOUR)
    project.program(PROGRAM)
    project.up()
    with_ids, all_rules = project.state(), project.fake.dump()
    for action, call, acted, parallel, known in DURING_DESTROY[:KILLS]:
        kill = Kill("destroy", victim, action, call, acted, parallel)
        project.put(with_ids if known else without_ids(project, with_ids))
        project.fake.load(all_rules)

        killed(project, kill)
        free(project, kill)
        project.destroy()

        assert list(project.rules()) == [neighbour], str(kill)
        assert project.resources() == []
