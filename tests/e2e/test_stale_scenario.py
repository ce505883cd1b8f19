"""
The second job from the shell: find stale rules, destroy them, put them back.
"""

from __future__ import annotations

import json
from typing import Any

from e2e.project import Project
from e2e.shell import Said, alicloud_ingress

STACK = """
rule("https", 443)
rule("ssh", 22)
rule("app", "8000-8010")
rule("no-telnet", 23, "0.0.0.0/0", policy="drop")
rule("metrics", 9100, "10.5.0.0/16", expires_on="2099-12-31")
"""
PEER_TYPE = "alicloud:ecs/securityGroupRule:SecurityGroupRule"


def tcp(port: int, source: str, **more: str) -> dict[str, str]:
    """A rule as made by hand in the console."""
    ports = {"PortRange": f"{port}/{port}"}
    kind = {"sg": "SourceGroupId", "pl": "SourcePrefixListId"}.get(
        source[:2], "Ipv6SourceCidrIp" if ":" in source else "SourceCidrIp"
    )
    return {"IpProtocol": "tcp", **ports, kind: source, **more}


def peers_state(group: str, identity: str) -> dict[str, Any]:
    """What a stack with pulumi-alicloud exports: one with a rule ID, one without."""
    entries: list[dict[str, Any]] = [
        {
            "type": PEER_TYPE,
            "id": f"{group}:ingress:tcp:3306/3306:intranet:10.0.0.0/8:accept:1",
            "urn": f"urn:pulumi:legacy::db::{PEER_TYPE}::mysql",
            "custom": True,
            "inputs": {"securityGroupId": group},
            "outputs": {"securityGroupId": group, "securityGroupRuleId": identity},
        },
        {
            "type": PEER_TYPE,
            "id": f"{group}:ingress:tcp:5432/5432:<nil>:2001_db8__/32:accept:2",
            "urn": f"urn:pulumi:legacy::db::{PEER_TYPE}::postgres",
            "custom": True,
            "inputs": {"securityGroupId": group},
            "outputs": {"securityGroupId": group},
        },
    ]
    return {"version": 3, "deployment": {"resources": entries}}


def shown(project: Project) -> list[Any]:
    """All that `show` tells of the group but IDs and ages."""
    said = alicloud_ingress(
        project, "show", "--group", project.group, "--format", "json"
    )
    assert said.code == 0, said.err
    (group,) = json.loads(said.out)["groups"]
    told = [(r["in_words"], sorted(r["permission"].items())) for r in group["rules"]]
    return sorted(told)


def plan_of(project: Project) -> dict[str, Any]:
    """The plan that was written."""
    written: dict[str, Any] = json.loads((project.folder / "plan.json").read_text())
    return written


def test_stale_rules_are_found_destroyed_and_put_back(project: Project) -> None:
    """Exactly the right ones, one that changes survives, and all is as before."""
    fake, group = project.fake, project.group
    project.program(STACK)
    project.up()
    stacks = set(project.rules())
    assert len(stacks) == 5
    mysql = fake.add_rule(group, **tcp(3306, "10.0.0.0/8"))
    postgres = fake.add_rule(group, **tcp(5432, "2001:db8::/32", Priority="2"))
    state = project.folder / "legacy.json"
    state.write_text(json.dumps(peers_state(group, mysql)))
    gone, alive = fake.new_group(), fake.new_group()
    gone_list = fake.new_prefix_list("10.0.0.0/8")
    by_hand = {
        name: fake.add_rule(group, **rule)
        for name, rule in {
            "plain": tcp(8080, "192.0.2.0/24"),
            "other priority": tcp(3306, "10.0.0.0/8", Priority="7"),
            "expired": tcp(22, "198.51.100.7", Description="[expires 2020-01-31]"),
            "not expired": tcp(22, "198.51.100.8", Description="[expires 2099-01-31]"),
            "dangling": tcp(80, gone),
            "source there": tcp(80, alive),
            "dangling list": tcp(81, gone_list),
            "shadowed": tcp(23, "10.0.0.0/8", Priority="50"),
            "duplicate": tcp(443, "10.1.0.0/16"),
            "changes": tcp(8443, "192.0.2.1", Description="as planned"),
            "kept by ID": tcp(9000, "192.0.2.2"),
            "kept by description": tcp(9001, "192.0.2.3", Description="break-glass: 7"),
        }.items()
    }  # fmt: skip
    removed = fake.groups.pop(gone), fake.state.prefix_lists.pop(gone_list)
    (project.folder / "keep.txt").write_text(
        f"# never these\n{by_hand['kept by ID']}\nbreak-glass*\n"
    )
    before, start = project.rules(), shown(project)

    def plan() -> Said:
        return alicloud_ingress(
            project, "stale", "plan", "--group", group, "--out", "plan.json",
            "--stack", "test", "--state", "legacy.json", "--keep", "keep.txt",
        )  # fmt: skip

    said = plan()

    assert (said.code, said.err) == (1, "")
    (found,) = plan_of(project)["groups"]
    reasons = {
        rule["rule_id"]: [reason["kind"] for reason in rule["reasons"]]
        for rule in found["stale"]
    }
    assert reasons == {
        by_hand["plain"]: ["unmanaged"],
        by_hand["other priority"]: ["unmanaged", "shadowed"],
        by_hand["expired"]: ["unmanaged", "expired"],
        by_hand["not expired"]: ["unmanaged"],
        by_hand["dangling"]: ["unmanaged", "dangling"],
        by_hand["source there"]: ["unmanaged"],
        by_hand["dangling list"]: ["unmanaged", "dangling"],
        by_hand["shadowed"]: ["unmanaged", "shadowed"],
        by_hand["duplicate"]: ["unmanaged", "duplicate"],
        by_hand["changes"]: ["unmanaged"],
    }
    kept = {rule["rule_id"]: rule["kept"] for rule in found["kept"]}
    assert set(kept) == {by_hand["kept by ID"], by_hand["kept by description"]}
    assert project.rules() == before

    changed = by_hand["changes"]
    fake.groups[group].rules[changed]["Description"] = "changed by hand"

    def destroy(*more: str) -> Said:
        return alicloud_ingress(
            project, "stale", "destroy", "plan.json", "--report", "report.json", *more
        )

    assert destroy().code == 2  # no terminal to confirm on, and --yes was not given
    assert set(project.rules()) == set(before)
    said = destroy("--yes")
    assert said.code == 1
    assert "it has changed since the plan: Description" in said.err
    left = {changed, by_hand["kept by ID"], by_hand["kept by description"]}
    assert set(project.rules()) == stacks | {mysql, postgres} | left
    assert destroy("--yes").code == 1

    def restore() -> Said:
        return alicloud_ingress(project, "stale", "restore", "report.json")

    said = restore()
    assert said.code == 3  # ECS takes no rule from a group that is gone
    assert said.err.count("not restored") == 2
    fake.groups[gone], fake.state.prefix_lists[gone_list] = removed
    assert restore().code == 0
    again = project.rules()
    assert restore().code == 0
    assert project.rules() == again
    fake.groups[group].rules[changed]["Description"] = "as planned"
    assert shown(project) == start
    project.pulumi("preview", "--expect-no-changes")
