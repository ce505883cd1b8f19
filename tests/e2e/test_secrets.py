"""
Keys, secrets and tokens are written nowhere.
"""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from alicloud_ingress.testing.faults import Fault
from e2e import policy_plugin
from e2e.project import SECRET, Project
from e2e.shell import alicloud_ingress

KEY, TOKEN = "LTAI-an-access-key", "a-token-that-is-never-shown"
SECRETS = (SECRET, TOKEN)


def configured_with_secrets(project: Project) -> None:
    """
    Put encrypted keys into the stack's configuration, as users of pulumi-alicloud
    have them.
    """
    for key, value in {
        "alicloud:accessKey": KEY,
        "alicloud:secretKey": SECRET,
        "alicloud:securityToken": TOKEN,
    }.items():
        project.pulumi("config", "set", "--secret", key, value)


def test_neither_state_nor_output_holds_a_secret(project: Project) -> None:
    """In a run that succeeds, at the verbosity of a bug report."""
    configured_with_secrets(project)
    project.program('rule("web", 443)')

    told = project.pulumi(
        "up", "--yes", "--skip-preview", "--logtostderr", "-v=7", "--logflow", "--debug"
    )
    state = project.pulumi("stack", "export")

    assert project.calls()[-1].status == 200
    for secret in SECRETS:
        assert secret not in told
        assert secret not in state


def test_no_error_holds_a_secret(project: Project) -> None:
    """In a run that fails."""
    configured_with_secrets(project)
    project.program('rule("web", 443)')
    project.fake.fail_next("AuthorizeSecurityGroup", 403, "Forbidden.RAM")

    done = project.run("up", "--yes", "--skip-preview", DEBUG="sdk")

    assert not done.ok
    assert "Forbidden.RAM" in done.text
    for secret in SECRETS:
        assert secret not in done.text


ADDRESS = "203.0.113.7"
SETS = """
    from alicloud_ingress import IngressRuleArgs, SecurityGroupIngressRuleSet

    def a_set(name, source, *ports):
        return SecurityGroupIngressRuleSet(
            name,
            security_group_id="GROUP",
            rules=[
                IngressRuleArgs(
                    ip_protocol="tcp", port_range=port, source_cidr_ip=source
                )
                for port in ports
            ],
        )

    plain = a_set("plain", pulumi.Output.from_input("10.0.0.0/8"), 80)
    secret = a_set("secret", pulumi.Output.secret("203.0.113.7/32"), PORTS)
    pulumi.export("ids", secret.rule_ids)
"""


def declare_sets(project: Project, ports: str) -> None:
    """Two sets, one of which has a secret source."""
    project.program(SETS.replace("GROUP", project.group).replace("PORTS", ports))


def keys_of_ids(project: Project) -> dict[str, list[str]]:
    """What the state shows of `rule_ids` without the passphrase, by set."""
    state = json.loads(project.pulumi("stack", "export"))
    return {
        entry["urn"].split("::")[-1]: list(entry["outputs"]["rule_ids"])
        for entry in state["deployment"]["resources"]
        if entry["type"].endswith("RuleSet")
    }


def test_a_sets_secret_source_is_never_in_plain_text(project: Project) -> None:
    """Neither in the state nor in a preview; the other rules are readable."""
    for ports, act in (
        ("443", project.up),
        ("443", project.refresh),
        ("81", project.up),
    ):
        declare_sets(project, ports)
        for shown in (
            project.pulumi("preview", "--diff"),
            project.pulumi("preview", "--json"),
            act(),
            project.pulumi("stack", "export"),
        ):
            assert ADDRESS not in shown
        keys = keys_of_ids(project)
        assert keys["plain"] == ["tcp 80/80 from 10.0.0.0/8"]
        assert "ciphertext" in keys["secret"]
    assert len(project.rules()) == 2


def test_rules_of_a_set_with_secrets_are_never_stale(project: Project) -> None:
    """Rules that the state hides are not judged, and are kept."""
    declare_sets(project, "443")
    project.up()
    export = project.pulumi("stack", "export")
    (project.folder / "state.json").write_text(export)

    said = alicloud_ingress(
        project,
        *("stale", "plan", "--group", project.group, "--out", "plan.json"),
        *("--state", "state.json"),
    )

    assert said.code == 3
    assert "pulumi stack export --show-secrets |" in said.out + said.err
    assert "0 stale rules" in said.out


BY_POLICY = {name: {"description": "by a policy"} for name in ("one", "several")}
FAILING = """
    from alicloud_ingress import IngressRuleArgs, SecurityGroupIngressRuleSet

    source = pulumi.Output.secret("203.0.113.7/32")
    rule("one", PORT, source)
    SecurityGroupIngressRuleSet(
        "several",
        security_group_id="GROUP",
        rules=[
            IngressRuleArgs(
                ip_protocol="tcp", port_range=port, source_cidr_ip=source
            )
            for port in (1080, OTHER)
        ],
    )
"""


@pytest.mark.parametrize("remedies", [{}, BY_POLICY], ids=["", "under a policy"])
def test_no_error_of_a_deployment_shows_a_secret_source(
    project: Project, tmp_path: Path, remedies: dict[str, dict[str, str]]
) -> None:
    """ECS refuses a rule and a set."""
    policy_plugin.write_pack(project.folder, remedies)
    plugin = policy_plugin.installed(tmp_path / "plugin")
    text = FAILING.replace("GROUP", project.group).replace("PORT", "80")
    project.program(text.replace("OTHER", "1081"))
    refused = Fault.refused("AuthorizeSecurityGroup", 403, "Forbidden.RAM")
    project.fake.inject(replace(refused, times=100))

    command = ("up", "--yes", "--skip-preview", "--continue-on-error")
    path = f"{plugin}:{project.environment['PATH']}"
    done = project.run(*command, policy_plugin.FOLDER, PATH=path)

    assert "3 errored" in done.text
    assert "[secret]" in done.text
    assert ADDRESS not in done.text
