"""
Commands that once succeeded and left ports open which no state named.

They run as a user runs them: the engine starts the program. The table has the same
ways, and many more.
"""

from __future__ import annotations

import pytest

from e2e.project import Project

SET = """
from alicloud_ingress import IngressRuleArgs, SecurityGroupIngressRuleSet

def rules(name, *ports, group="GROUP", opts=None):
    SecurityGroupIngressRuleSet(
        name, security_group_id=group, opts=opts, rules=[
            IngressRuleArgs(ip_protocol="tcp", port_range=port,
                            source_cidr_ip="10.0.0.0/8")
            for port in ports
        ]
    )
"""
NEIGHBOUR = {"IpProtocol": "udp", "PortRange": "443/443", "SourceCidrIp": "10.0.0.0/8"}


def declare(project: Project, *lines: str) -> None:
    """Write a program of `rule` and `rules`."""
    project.program("\n".join([SET.replace("GROUP", project.group), *lines]))


def ports(project: Project, group: str = "") -> list[int]:
    """The live TCP ports of a group; the neighbour is restored as well."""
    rules = project.fake.rules(group or project.group).values()
    tcp = [rule for rule in rules if rule["IpProtocol"] == "TCP"]
    return sorted(int(str(rule["PortRange"]).split("/")[0]) for rule in tcp)


def ids_in_state(project: Project) -> set[str]:
    """The rule IDs that the state names."""
    return {
        rule_id
        for entry in project.resources()
        for outputs in (entry["outputs"],)
        for rule_id in (
            outputs["rule_ids"].values()
            if "rule_ids" in outputs
            else [outputs["security_group_rule_id"]]
        )
    }


@pytest.fixture
def neighbour(project: Project) -> str:
    """A rule of someone else, which must not change."""
    return project.fake.add_rule(project.group, **NEIGHBOUR)


@pytest.mark.parametrize("flags", [(), ("--run-program",)], ids=["", "run-program"])
def test_destroy_with_a_refresh_closes_every_port(
    project: Project, neighbour: str, flags: tuple[str, ...]
) -> None:
    """For single rules and for a set."""
    declare(project, 'rule("a", 443)', 'rule("b", 80)', 'rules("s", 1, 2)')
    project.up()
    project.destroy("--refresh", *flags)
    assert list(project.rules()) == [neighbour]
    assert project.resources() == []


def test_up_with_a_refresh_closes_what_was_removed(
    project: Project, neighbour: str
) -> None:
    """The program no longer has a rule, a rule of a set, and a set."""
    declare(
        project, 'rule("a", 443)', 'rule("b", 80)', 'rules("s", 1, 2)', 'rules("t", 3)'
    )
    project.up()
    kept = ids_in_state(project)
    declare(project, 'rule("a", 443)', 'rules("s", 1)')
    project.up("--refresh")
    assert ports(project) == [1, 443]
    assert ids_in_state(project) == set(project.rules()) - {neighbour}
    assert ids_in_state(project) < kept


def test_up_with_a_refresh_closes_what_was_replaced(
    project: Project, neighbour: str
) -> None:
    """Another kind of source, and a set in another group."""
    other = project.fake.new_group()
    declare(project, 'rule("a", 443)', 'rules("s", 1, 2)')
    project.up()
    declare(
        project,
        'rule("a", 443, source=None, ipv6_source_cidr_ip="2001:db8::/32")',
        f'rules("s", 1, 2, group="{other}")',
    )
    project.up("--refresh")
    assert ports(project) == [443]
    assert ports(project, other) == [1, 2]
    live = {*project.rules(), *project.fake.rules(other)} - {neighbour}
    assert ids_in_state(project) == live


@pytest.mark.parametrize("first", [False, True], ids=["create first", "delete first"])
def test_up_closes_the_old_port_of_a_replacement(
    project: Project, neighbour: str, *, first: bool
) -> None:
    """An option asks for the replacement, with or without `delete_before_replace`."""
    opts = (
        'opts=pulumi.ResourceOptions(replace_on_changes=["FIELD"],'
        f" delete_before_replace={first})"
    )
    of_rule, of_set = (opts.replace("FIELD", name) for name in ("port_range", "rules"))
    declare(project, f'rule("a", 443, {of_rule})', f'rules("s", 1, 2, {of_set})')
    project.up()
    before = ids_in_state(project)
    declare(project, f'rule("a", 444, {of_rule})', f'rules("s", 3, 4, {of_set})')
    project.up()
    assert ports(project) == [3, 4, 444]
    assert ids_in_state(project) == set(project.rules()) - {neighbour}
    assert not ids_in_state(project) & before


def test_up_with_a_refresh_closes_what_was_unprotected(
    project: Project, neighbour: str
) -> None:
    """The protection is removed in the state, and the rule in the program."""
    protected = 'rule("b", 80, opts=pulumi.ResourceOptions(protect=True))'
    declare(project, 'rule("a", 443)', protected)
    project.up()
    project.pulumi("state", "unprotect", "--all", "--yes")
    declare(project, 'rule("a", 443)')
    project.up("--refresh")
    assert ports(project) == [443]
    assert ids_in_state(project) == set(project.rules()) - {neighbour}
