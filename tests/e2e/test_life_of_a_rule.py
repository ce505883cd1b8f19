"""
One rule from creation to deletion, with assertions on the calls made.
"""

from __future__ import annotations

from e2e.project import Project

AUTHORIZE, MODIFY, REVOKE = (
    "AuthorizeSecurityGroup",
    "ModifySecurityGroupRule",
    "RevokeSecurityGroup",
)


def test_a_preview_makes_no_call(project: Project) -> None:
    """A preview of a new rule needs nothing from the API."""
    project.program('rule("web", 443)')
    assert "2 to create" in project.pulumi("preview")
    assert project.calls() == []


def test_a_description_is_changed_in_place(project: Project) -> None:
    """A new description is one Modify, and the ID is kept."""
    project.program('rule("web", 443, description="old")')
    project.up()
    (rule_id,) = project.rules()
    project.calls()

    project.program('rule("web", 443, description="new")')
    project.up()
    assert project.actions() == [MODIFY]
    assert project.rules()[rule_id]["Description"] == "new"


def test_the_state_names_the_program_and_not_this_package(project: Project) -> None:
    """Pulumi shows the line that declares a resource, where a step fails."""
    project.program('rule("web", 443)')
    project.up()
    (rule,) = project.resources()
    file, _, line = rule["sourcePosition"].partition("#")
    assert file.endswith("/__main__.py"), file
    assert line.isdigit()
    assert "alicloud_ingress" not in str(rule["stackTrace"])


def test_another_kind_of_source_replaces_the_rule_without_a_gap(
    project: Project,
) -> None:
    """The new rule is made first, then the old one is revoked by its ID."""
    project.program('rule("web", 443)')
    project.up()
    (old,) = project.rules()
    project.calls()

    project.program('rule("web", 443, None, ipv6_source_cidr_ip="2001:db8::/32")')
    project.up()
    made, removed = project.writes()
    assert (made.action, removed.action) == (AUTHORIZE, REVOKE)
    assert removed.parameters["SecurityGroupRuleId.1"] == old
    (live,) = project.rules().values()
    assert live["Ipv6SourceCidrIp"] == "2001:db8::/32"


def test_drift_is_shown_by_field_and_repaired_in_place(
    project: Project,
) -> None:
    """Refresh names what was changed by hand; `up` reverts it by one Modify."""
    project.program('rule("ssh", 22, "192.0.2.0/24", priority=5)')
    project.up()
    (rule_id,) = project.rules()
    project.fake.groups[project.group].rules[rule_id]["SourceCidrIp"] = "0.0.0.0/0"
    project.calls()

    shown = project.refresh("--diff")
    assert '"192.0.2.0/24" => "0.0.0.0/0"' in shown, shown
    assert project.actions() == []
    project.up()
    assert project.actions() == [MODIFY]
    assert project.rules()[rule_id]["SourceCidrIp"] == "192.0.2.0/24"


def test_a_rule_with_an_id_is_deleted_by_one_call(project: Project) -> None:
    """Destroy sends the ID, no Permissions, and no read."""
    project.program('rule("web", 443)')
    project.up()
    (rule_id,) = project.rules()
    project.calls()

    project.destroy()
    (call,) = project.calls()
    assert call.action == REVOKE
    assert call.parameters["SecurityGroupRuleId.1"] == rule_id
    assert not [name for name in call.parameters if name.startswith("Permissions")]
    assert project.rules() == {}


def test_without_an_id_all_attributes_are_revoked_and_verified(
    project: Project,
) -> None:
    """The state has no ID. Neighbours that differ in one field survive."""
    whole = {
        "IpProtocol": "tcp",
        "PortRange": "443/443",
        "SourceCidrIp": "10.0.0.0/8",
        "DestCidrIp": "10.1.0.0/16",
        "SourcePortRange": "1024/65535",
        "Policy": "accept",
        "Priority": "7",
    }
    for other in (
        {"Priority": "8"},
        {"Policy": "drop"},
        {"SourcePortRange": "1024/65534"},
        {"DestCidrIp": "10.1.0.0/17"},
    ):
        project.fake.add_rule(project.group, **{**whole, **other})
    neighbours = project.rules()
    project.program(
        'rule("web", 443, dest_cidr_ip="10.1.0.0/16",'
        ' source_port_range="1024/65535", priority=7)'
    )
    project.up()
    state = project.state()
    for entry in state["deployment"]["resources"]:
        if "security_group_rule_id" in entry.get("outputs", {}):
            entry["outputs"]["security_group_rule_id"] = ""
            entry["id"] = f"{project.group}/pending/000000000000"
    project.put(state)
    project.calls()

    project.destroy()
    (call,) = project.writes()
    sent = {
        name.removeprefix("Permissions.1."): value
        for name, value in call.parameters.items()
        if name.startswith("Permissions.1.")
    }
    assert sent == {**whole, "NicType": "intranet"}
    assert project.rules() == neighbours


def test_destroy_succeeds_when_the_rule_is_already_deleted(
    project: Project,
) -> None:
    project.program('rule("web", 443)')
    project.up()
    project.fake.groups[project.group].rules.clear()
    project.destroy()
    assert project.resources() == []


def test_a_deleted_rule_is_dropped_by_refresh_and_created_again(
    project: Project,
) -> None:
    """The next `up` makes a rule that was deleted by hand."""
    project.program('rule("web", 443)')
    project.up()
    project.fake.groups[project.group].rules.clear()
    project.refresh()
    assert project.resources() == []
    project.up()
    assert len(project.rules()) == 1


def test_another_accounts_credentials_change_neither_rules_nor_state(
    project: Project,
) -> None:
    """A group that these credentials cannot see is not taken for deleted."""
    project.fake.accounts["OTHER"] = "2000000000000002"
    project.program('rule("web", 443)')
    project.up()
    rules, before = project.rules(), project.resources()

    for command in ("refresh", "destroy"):
        done = project.run(
            command, "--yes", "--skip-preview", ALIBABA_CLOUD_ACCESS_KEY_ID="OTHER"
        )
        assert not done.ok
        assert "1000000000000001" in done.text
        assert "2000000000000002" in done.text
    assert project.rules() == rules
    assert [entry["id"] for entry in project.resources()] == [
        entry["id"] for entry in before
    ]


def test_another_configured_region_does_not_affect_existing_rules(
    project: Project,
) -> None:
    """Refresh and destroy use the region in the state."""
    project.program('rule("web", 443)')
    project.up()
    project.settings["alicloud:region"] = "cn-beijing"
    project.refresh()
    assert len(project.resources()) == 1
    project.calls()
    project.destroy()
    (call,) = project.writes()
    assert call.parameters["RegionId"] == "cn-hangzhou"
    assert project.rules() == {}


def test_values_unknown_during_preview_are_accepted(project: Project) -> None:
    """
    The arguments are outputs of other resources; once known, they change in place.
    """
    project.program(
        """
        first = rule("first", 443)
        rule("second", 80, description=first.security_group_rule_id)
        rule("third", first.port_range.apply(lambda ports: int(ports) + 1))
        """
    )
    project.pulumi("preview")
    assert project.calls() == []

    project.up()
    rules = {rule["PortRange"]: rule for rule in project.rules().values()}
    assert set(rules) == {"443/443", "80/80", "444/444"}
    first = next(i for i, r in project.rules().items() if r["PortRange"] == "443/443")
    assert rules["80/80"]["Description"] == first

    project.pulumi("up", "--yes", "--skip-preview", "--expect-no-changes")
