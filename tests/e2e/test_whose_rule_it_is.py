"""
Rules that already exist, move between resources, or belong to someone else.
"""

from __future__ import annotations

import json
import shutil

from pulumi.dynamic.dynamic import (
    serialize_provider,  # pyright: ignore[reportUnknownVariableType]
)

from alicloud_ingress.resource import IngressRuleProvider
from e2e.project import Project

AUTHORIZE, MODIFY, REVOKE = (
    "AuthorizeSecurityGroup",
    "ModifySecurityGroupRule",
    "RevokeSecurityGroup",
)
TYPE = "pulumi-python:dynamic/alicloud-ingress:SecurityGroupIngressRule"
HTTPS = {
    "IpProtocol": "tcp",
    "PortRange": "443/443",
    "SourceCidrIp": "10.0.0.0/8",
    "Policy": "accept",
    "Priority": "1",
}


def test_an_existing_rule_is_not_taken_for_a_created_one(project: Project) -> None:
    """The error has the rule ID and the ways to take the rule over."""
    rule_id = project.fake.add_rule(project.group, **HTTPS)
    project.program('rule("web", 443)')
    done = project.run("up", "--yes", "--skip-preview")
    assert not done.ok
    for part in (rule_id, "alias", "import", "adopt=True", "10.0.0.0/8"):
        assert part in done.text
    assert project.actions() == []


def test_an_import_file_imports_a_rule_without_a_change(
    project: Project,
) -> None:
    """The next preview of the same rule shows no change."""
    rule_id = project.fake.add_rule(project.group, **HTTPS)
    properties = {
        "security_group_id": project.group,
        "region": "cn-hangzhou",
        "ip_protocol": "tcp",
        "port_range": 443,
        "source_cidr_ip": "10.0.0.0/8",
        "__provider": serialize_provider(IngressRuleProvider()),
    }
    file = project.folder / "import.json"
    file.write_text(
        json.dumps(
            {
                "resources": [
                    {
                        "type": TYPE,
                        "name": "web",
                        "id": rule_id,
                        "inputs": properties,
                        "outputs": {**properties, "security_group_rule_id": rule_id},
                    }
                ]
            }
        )
    )
    project.pulumi(
        "import", "--yes", "--file", str(file), "--generate-code=false",
        "--protect=false",
    )  # fmt: skip
    project.program('rule("web", 443)')
    project.pulumi("up", "--yes", "--skip-preview", "--expect-no-changes")
    assert project.actions() == []
    project.destroy()
    (call,) = project.writes()
    assert call.parameters["SecurityGroupRuleId.1"] == rule_id


def test_get_reads_a_rule_and_never_deletes_it(project: Project) -> None:
    """A rule that was read is shown, and is kept when the stack is destroyed."""
    rule_id = project.fake.add_rule(project.group, **HTTPS)
    project.program(
        f"""
        found = Rule.get("found", "{rule_id}", security_group_id="{project.group}")
        pulumi.export("source", found.source_cidr_ip)
        """
    )
    project.up()
    assert project.pulumi("stack", "output", "source").strip() == "10.0.0.0/8"
    project.destroy()
    assert project.actions() == []
    assert list(project.rules()) == [rule_id]


def test_a_rename_with_an_alias_changes_nothing(project: Project) -> None:
    """The rule keeps its ID under its new name."""
    project.program('rule("old", 443)')
    project.up()
    rules = project.rules()
    project.calls()
    project.program(
        """
        alias = pulumi.ResourceOptions(aliases=[pulumi.Alias(name="old")])
        rule("new", 443, opts=alias)
        """
    )
    project.up()
    assert project.actions() == []
    assert project.rules() == rules


def test_a_rename_without_an_alias_fails_and_keeps_the_rule(project: Project) -> None:
    """It is neither made twice nor deleted."""
    project.program('rule("old", 443)')
    project.up()
    rules = project.rules()
    project.calls()
    project.program('rule("new", 443)')
    done = project.run("up", "--yes", "--skip-preview")
    assert not done.ok
    assert "alias" in done.text
    assert project.actions() == []
    assert project.rules() == rules


def test_state_move_gives_a_rule_to_another_stack(project: Project) -> None:
    """Nothing is sent, and the destroy of one stack keeps the rule of the other."""
    project.program('rule("web", 443)\nrule("ssh", 22)')
    project.up()
    ids = {entry["urn"]: entry["id"] for entry in project.resources()}
    web, ssh = (urn for name in ("web", "ssh") for urn in ids if urn.endswith(name))
    project.calls()
    project.pulumi("stack", "init", "other", "--no-select")
    shutil.copy(
        project.folder / "Pulumi.test.yaml", project.folder / "Pulumi.other.yaml"
    )

    project.pulumi("state", "move", "--source", "test", "--dest", "other", "--yes", ssh)
    project.program('rule("web", 443)')
    project.up("--refresh")
    project.program('rule("ssh", 22)')
    project.up("--refresh", "--stack", "other")

    assert project.actions() == []
    project.destroy("--refresh", "--stack", "other", "--remove")
    assert set(project.rules()) == {ids[web]}
    project.destroy("--refresh")
    assert not project.rules()


def test_a_rename_with_adopt_moves_the_rule(project: Project) -> None:
    """The new resource takes the ID; deleting the old one does not revoke the rule."""
    project.program('rule("old", 443)')
    project.up()
    rules = project.rules()
    project.calls()
    project.program('rule("new", 443, adopt=True)')
    project.up()
    assert project.actions() == []
    assert project.rules() == rules
    (entry,) = project.resources()
    assert (entry["urn"].endswith("::new"), [entry["id"]]) == (True, list(rules))


def test_one_rule_in_two_resources_is_refused_before_any_call(
    project: Project,
) -> None:
    """In any spelling; the error names both resources."""
    project.program('rule("first", 443)\nrule("second", "443/443", "10.9.9.9/8")')
    done = project.run("preview")
    assert not done.ok
    assert "first" in done.text
    assert "second" in done.text
    assert project.calls() == []


def listed(*ports: int) -> str:
    """A program that names its rules by their position in a list."""
    return (
        f"for place, port in enumerate({list(ports)}):\n"
        "    rule(f'rule-{place}', port)"
    )


def ports(project: Project) -> list[str]:
    """The live ports."""
    return sorted(str(rule["PortRange"]) for rule in project.rules().values())


def test_an_insertion_at_the_front_of_a_list_converges(project: Project) -> None:
    """Each rule waits until its neighbour has moved on."""
    project.program(listed(80, 443, 8080))
    project.up()
    project.calls()
    project.program(listed(22, 80, 443, 8080))
    project.up()
    assert ports(project) == ["22/22", "443/443", "80/80", "8080/8080"]
    assert REVOKE not in project.actions()
    project.pulumi("up", "--yes", "--skip-preview", "--expect-no-changes")


def test_swapped_rules_fail_with_nothing_changed(project: Project) -> None:
    """Neither can go first; the error says how to name them."""
    project.program(listed(80, 443))
    project.up()
    rules = project.rules()
    project.program(listed(443, 80))
    done = project.run("up", "--yes", "--skip-preview")
    assert not done.ok
    assert "name them by what they say" in done.text
    assert project.rules() == rules


def test_a_rule_deleted_with_its_group_is_not_revoked(project: Project) -> None:
    """With `deleted_with` the engine drops it together with the group."""
    project.program(
        'group = rule("group", 22)\n'
        'rule("web", 443, opts=pulumi.ResourceOptions(deleted_with=group))'
    )
    project.up()
    project.calls()
    project.destroy()
    (call,) = project.writes()
    assert call.action == REVOKE
    assert ports(project) == ["443/443"]


def test_another_stacks_rules_in_the_group_are_kept(
    project: Project,
) -> None:
    """Two stacks share a group; each destroys its own rules."""
    project.program('rule("web", 443)')
    project.up()
    ours = project.rules()
    project.pulumi("stack", "init", "second")
    project.pulumi("config", "set", "alicloud:region", "cn-hangzhou")
    project.program('rule("web", 80)')
    project.up()
    project.destroy()
    assert project.rules() == ours
