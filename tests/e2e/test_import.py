"""
Existing rules of every kind are imported into a stack without a change.
"""

from __future__ import annotations

import json
import shutil

import pytest

from alicloud_ingress import resource
from alicloud_ingress.testing.state import ACCOUNT
from e2e.project import Project
from e2e.shell import alicloud_ingress

HOSTILE = 'it\'s "quoted" \\ {{ x }}\n"""\nimport os | `code` \x1b[31m \u202e'
ASKED = ["DescribeSecurityGroups"]
"""
The calls of `import` beside those for rules: whether a cloud service manages the group.
"""
TCP = {"IpProtocol": "tcp", "PortRange": "443/443", "SourceCidrIp": "10.0.0.0/8"}


def add_every_kind(project: Project) -> None:
    """Add a rule of each kind to the group."""
    fake, group = project.fake, project.group
    source = fake.new_group(name="balancers")
    other = fake.new_group(account="1000000000000002")
    prefixes = fake.new_prefix_list("10.0.0.0/8", "172.16.0.0/12")
    ports = fake.new_port_range_list("80/80", "443/443")
    everywhere = {"SourceCidrIp": "0.0.0.0/0"}
    for rule in (
        TCP,
        {**TCP, "Policy": "drop"},
        {**TCP, "Priority": "100"},
        {**TCP, "Priority": "110"},
        {**TCP, "PortRange": "8000/8010", "Description": HOSTILE},
        {**TCP, "PortRange": "81/81", "Description": "a day [expires 2099-12-31]"},
        {**TCP, "PortRange": "82/82", "Description": "[expires 2001-12-31]"},
        {**TCP, "SourcePortRange": "1/1023", "DestCidrIp": "10.9.0.0/16"},
        {"IpProtocol": "udp", "PortRange": "1/65535", "Ipv6SourceCidrIp": "2001::/16"},
        {"IpProtocol": "icmpv6", "PortRange": "-1/-1", "Ipv6SourceCidrIp": "::/0"},
        {"IpProtocol": "icmp", "PortRange": "-1/-1", **everywhere},
        {"IpProtocol": "gre", "PortRange": "-1/-1", "SourceCidrIp": "192.0.2.7"},
        {"IpProtocol": "all", "PortRange": "-1/-1", "SourceCidrIp": "10.1.0.0/16"},
        {"IpProtocol": "tcp", "PortRange": "22/22", "SourceGroupId": source},
        {
            "IpProtocol": "tcp",
            "PortRange": "22/22",
            "SourceGroupId": other,
            "SourceGroupOwnerAccount": "1000000000000002",
        },
        {
            "IpProtocol": "tcp",
            "PortRange": "23/23",
            "SourceGroupId": source,
            "SourceGroupOwnerAccount": ACCOUNT,
        },
        {"IpProtocol": "tcp", "PortRange": "22/22", "SourcePrefixListId": prefixes},
        {"IpProtocol": "tcp", "PortRangeListId": ports, **everywhere},
    ):  # fmt: skip
        fake.add_rule(group, **rule)


def imported(project: Project, *more: str) -> str:
    """
    Import all rules of the group with the command that is shown, and use the
    generated program.
    """
    said = alicloud_ingress(
        project, "import", "--group", project.group, "--out", "rules", *more
    )
    assert said.code == 0, said.err
    command = "import --file rules/import.json --generate-code=false"
    assert f"then: pulumi {command}\n" in said.out
    project.pulumi(*command.split(), "--yes", "--skip-preview")
    main = project.folder / "program" / "__main__.py"
    shutil.copyfile(project.folder / "rules" / "__main__.py", main)
    lines = said.err.splitlines()
    return "\n".join(line for line in lines if not line.startswith("waiting for "))


def test_rules_of_every_kind_are_imported_without_a_change(project: Project) -> None:
    """
    The preview is empty, a refresh finds no drift, and destroy deletes by ID. Without
    its program, `up` deletes nothing.
    """
    add_every_kind(project)
    rules = project.rules()

    assert imported(project) == ""

    program = project.folder / "program" / "__main__.py"
    text = program.read_text()
    program.write_text("")
    assert "is protected" in project.run("up", "--yes", "--skip-preview").text
    program.write_text(text)
    project.pulumi("preview", "--expect-no-changes", "--diff")
    project.up("--expect-no-changes")
    project.refresh("--expect-no-changes")
    assert project.actions() == ASKED
    assert project.rules() == rules
    kept = {entry["id"] for entry in project.resources()}
    assert kept == set(rules)
    project.destroy()
    assert project.rules() == {}


@pytest.mark.long
def test_three_hundred_rules_are_imported_without_a_change(project: Project) -> None:
    """A second import skips the rules that the stack's state already holds."""
    project.fake.groups[project.group].most_rules = 1_000
    for port in range(1, 301):
        project.fake.add_rule(project.group, **{**TCP, "PortRange": f"{port}/{port}"})

    imported(project)

    project.pulumi("preview", "--expect-no-changes")
    assert project.actions() == ASKED
    hand = project.fake.add_rule(project.group, **{**TCP, "PortRange": "500/500"})
    again = alicloud_ingress(
        project, "import", "--group", project.group, "--out", "more", "--stack", "test"
    )
    assert again.code == 0
    assert again.err.count("is skipped: owned by") == 300
    file = json.loads((project.folder / "more" / "import.json").read_text())
    assert [entry["id"] for entry in file["resources"]] == [hand]


@pytest.mark.skipif(
    not hasattr(resource, "IngressRuleSetProvider"), reason="comes with rule sets"
)
def test_a_rule_set_imports_all_rules_without_a_change(project: Project) -> None:
    """Its state holds each rule's ID."""
    add_every_kind(project)
    rules = project.rules()

    imported(project, "--set")

    project.pulumi("preview", "--expect-no-changes", "--diff")
    project.up("--expect-no-changes")
    project.refresh("--expect-no-changes")
    assert project.actions() == ASKED
    assert project.rules() == rules
    said = alicloud_ingress(
        project, "show", "--group", project.group, "--stack", "test", "--format", "json"
    )
    (group,) = json.loads(said.out)["groups"]
    assert all("of stack test" in rule["owner"] for rule in group["rules"])
    project.destroy()
    assert project.rules() == {}
