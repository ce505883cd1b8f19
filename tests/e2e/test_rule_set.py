"""
A set of rules from creation to deletion, on the real engine.
"""

from __future__ import annotations

import json
from typing import Any

from e2e.killing import Kill, killed
from e2e.project import Project

AUTHORIZE, MODIFY, REVOKE = (
    "AuthorizeSecurityGroup",
    "ModifySecurityGroupRule",
    "RevokeSecurityGroup",
)
OPEN = {"IpProtocol": "tcp", "PortRange": "22/22", "SourceCidrIp": "0.0.0.0/0"}


def a_set(*ports: object, more: str = "") -> str:
    """A program with one set, named `web`."""
    return f"""
        from alicloud_ingress import IngressRuleArgs, SecurityGroupIngressRuleSet
        SecurityGroupIngressRuleSet(
            "web",
            security_group_id="GROUP",
            rules=[
                IngressRuleArgs(
                    ip_protocol="tcp", port_range=port, source_cidr_ip="10.0.0.0/8"
                )
                for port in {list(ports)}
            ],
            {more}
        )
    """


def declare(project: Project, *ports: object, more: str = "") -> None:
    """Write the program for the project's group."""
    project.program(a_set(*ports, more=more).replace("GROUP", project.group))


def ports(project: Project) -> list[str]:
    """The live ports."""
    return sorted(str(rule["PortRange"]) for rule in project.rules().values())


def difference(project: Project) -> dict[str, str]:
    """The engine's preview of the set, key by key."""
    shown: dict[str, list[dict[str, Any]]] = json.loads(
        project.pulumi("preview", "--json")
    )
    (step,) = [s for s in shown["steps"] if s["urn"].endswith("::web")]
    detailed: dict[str, dict[str, str]] = step["detailedDiff"]
    return {path: entry["kind"] for path, entry in detailed.items()}


def test_a_set_is_created_changed_repaired_and_destroyed(project: Project) -> None:
    """Created, unchanged, extended at the front, drifted, repaired, destroyed."""
    foreign = project.fake.add_rule(project.group, **OPEN)
    declare(project, 443, 80)
    project.up()
    assert project.actions() == [AUTHORIZE]
    project.pulumi("up", "--yes", "--skip-preview", "--expect-no-changes")
    assert project.actions() == []

    declare(project, 22, 443, 80)
    assert difference(project) == {'rules["tcp 22/22 from 10.0.0.0/8"]': "add"}
    project.up()
    assert project.actions() == [AUTHORIZE]
    assert ports(project) == ["22/22", "22/22", "443/443", "80/80"]

    rule_id = next(i for i, r in project.rules().items() if r["PortRange"] == "80/80")
    live = project.fake.groups[project.group].rules
    live[rule_id]["Description"] = "changed by hand"
    shown = project.refresh("--diff")
    assert "changed by hand" in shown, shown
    assert difference(project) == {
        'rules["tcp 80/80 from 10.0.0.0/8"].description': "delete"
    }
    project.up()
    assert project.actions() == [MODIFY]

    project.destroy()
    (call,) = project.calls()
    assert call.action == REVOKE
    assert list(project.rules()) == [foreign]


def test_an_exclusive_set_previews_each_deletion(
    project: Project,
) -> None:
    """
    Only what a preview after a refresh has listed is deleted, without the rules to
    keep.
    """
    project.fake.add_rule(project.group, **OPEN)
    kept = project.fake.add_rule(
        project.group, **{**OPEN, "PortRange": "25/25"}, Description="managed by mail"
    )
    more = 'exclusive=True, keep_descriptions=["managed by *"],'
    declare(project, 443, more=more)
    up = project.up()
    assert "left alone" in up, up
    assert ports(project) == ["22/22", "25/25", "443/443"]

    project.refresh()
    assert difference(project) == {'rules["tcp 22/22 from 0.0.0.0/0"]': "delete"}
    late = project.fake.add_rule(project.group, **{**OPEN, "PortRange": "23/23"})
    project.up()
    assert ports(project) == ["23/23", "25/25", "443/443"]

    project.refresh()
    project.destroy()
    assert set(project.rules()) == {kept, late}


def test_duplicates_are_reported_and_need_adopt(project: Project) -> None:
    """As after a run that was killed before it could write its state."""
    there = project.fake.add_rule(
        project.group, **{**OPEN, "SourceCidrIp": "10.0.0.0/8"}
    )
    declare(project, 22, 443)
    done = project.run("up", "--yes", "--skip-preview")
    assert not done.ok
    assert there in done.text
    assert "adopt=True" in done.text
    assert project.actions() == []

    declare(project, 22, 443, more="adopt=True,")
    project.up()
    assert project.actions() == [AUTHORIZE]
    assert len(project.rules()) == 2
    project.destroy()
    assert project.rules() == {}


def test_after_a_kill_up_names_the_rules_and_adopt_converges(
    project: Project,
) -> None:
    """ECS has made the rules, and the state does not hold them."""
    declare(project, 22, 443)
    killed(project, Kill("up", "engine", AUTHORIZE, call=1, acted=True))
    project.pulumi("cancel", "--yes")

    done = project.run("up", "--yes", "--skip-preview")
    assert not done.ok
    assert all(rule_id in done.text for rule_id in project.rules()), done.text
    declare(project, 22, 443, more="adopt=True,")
    project.up()
    assert len(project.rules()) == 2
    project.destroy()
    assert project.rules() == {}


def test_unknown_values_are_accepted_during_preview(project: Project) -> None:
    """In one field, as one rule, and as the whole list."""
    project.program(
        f"""
        import datetime as dt
        from alicloud_ingress import IngressRuleArgs, SecurityGroupIngressRuleSet

        first = rule("first", 22)
        late = first.security_group_rule_id
        SecurityGroupIngressRuleSet(
            "field",
            security_group_id="{project.group}",
            rules=[
                IngressRuleArgs(
                    ip_protocol="tcp", port_range=443, source_cidr_ip="10.0.0.0/8"
                ),
                IngressRuleArgs(
                    ip_protocol="tcp", port_range=late.apply(lambda _: 80),
                    source_cidr_ip="10.0.0.0/8", expires_on=dt.date(2999, 12, 31),
                    description=pulumi.Output.secret("internal"),
                ),
                late.apply(lambda _: IngressRuleArgs(
                    ip_protocol="tcp", port_range=81, source_cidr_ip="10.0.0.0/8"
                )),
            ],
        )
        SecurityGroupIngressRuleSet(
            "whole",
            security_group_id="{project.group}",
            rules=late.apply(lambda _: [IngressRuleArgs(
                ip_protocol="tcp", port_range=82, source_cidr_ip="10.0.0.0/8",
                expires_on=dt.date(2999, 12, 31),
            )]),
        )
        """
    )
    assert "4 to create" in project.pulumi("preview")
    assert project.calls() == []
    project.up()
    assert ports(project) == ["22/22", "443/443", "80/80", "81/81", "82/82"]
    (described,) = [r for r in project.rules().values() if r["PortRange"] == "80/80"]
    assert described["Description"] == "internal [expires 2999-12-31]"
    assert "internal" not in project.pulumi("stack", "export")
    project.pulumi("up", "--yes", "--skip-preview", "--expect-no-changes")


def test_another_resource_in_an_exclusive_sets_group_is_refused(
    project: Project,
) -> None:
    """The check refuses it before any call."""
    declare(project, 443, more="exclusive=True,")
    main = project.folder / "program" / "__main__.py"
    main.write_text(main.read_text() + '\nrule("lone", 22)\n')
    done = project.run("preview")
    assert not done.ok
    assert "'web'" in done.text
    assert "'lone'" in done.text
    assert project.calls() == []


def test_rules_named_by_content_leave_their_neighbours_unchanged(
    project: Project,
) -> None:
    """One more source at the front is one more rule; IPv6 included."""
    program = """
        from alicloud_ingress import SecurityGroupIngressRule, expand_rules

        for name, args in expand_rules(sources=SOURCES, ports=[443]).items():
            SecurityGroupIngressRule(name, security_group_id="GROUP", **args)
    """.replace("GROUP", project.group)
    sources = ["10.0.0.0/8", "2001:db8::/32"]
    project.program(program.replace("SOURCES", str(sources)))
    project.up()
    project.calls()

    project.program(program.replace("SOURCES", str(["192.0.2.1", *sources])))
    project.up()
    assert project.actions() == [AUTHORIZE]
    assert {entry["urn"].split("::", 3)[3] for entry in project.resources()} == {
        "tcp 443/443 from 192.0.2.1",
        "tcp 443/443 from 10.0.0.0/8",
        "tcp 443/443 from 2001:db8::/32",
    }
    project.destroy()
    assert project.rules() == {}


def test_state_move_gives_the_rules_to_another_stack(project: Project) -> None:
    """The old stack no longer touches them, and the other one destroys them."""
    declare(project, 80, 443)
    project.up()
    rules = project.rules()
    (a_set,) = project.resources()
    project.pulumi("stack", "init", "other")
    project.pulumi("config", "set", "alicloud:region", "cn-hangzhou")
    stacks = ("--source", "test", "--dest", "other")
    project.pulumi("state", "move", "--yes", *stacks, a_set["urn"])
    project.calls()
    project.up("--refresh", "--expect-no-changes")
    project.program("")
    project.up("--refresh", "--stack", "test")
    assert project.actions() == []
    assert project.rules() == rules
    project.destroy("--refresh")
    assert project.rules() == {}
