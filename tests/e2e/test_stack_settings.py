"""
The command line uses the region and the endpoint of the stack.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from e2e.project import Project
from e2e.shell import Said, alicloud_ingress

ELSEWHERE = "ap-southeast-1"
NOBODY = "127.0.0.1:9"


@pytest.fixture
def there(project: Project) -> Project:
    """A project whose group is not in the region of the environment."""
    group = project.fake.new_group(ELSEWHERE)
    environment = {**project.environment, "ALIBABA_CLOUD_REGION": "cn-beijing"}
    project.settings["alicloud:region"] = ELSEWHERE
    project.write_settings()
    return replace(project, group=group, environment=environment)


def shown(project: Project, *arguments: str) -> Said:
    """Run `show` on the project's group."""
    return alicloud_ingress(project, "show", "--group", project.group, *arguments)


def test_the_selected_stack_sets_the_region(there: Project) -> None:
    """It wins over the environment, as in the stack itself; --region wins over it."""
    assert (shown(there).code, shown(there).err) == (0, "")
    assert shown(there, "--region", "cn-beijing").code == 3


def test_a_stack_given_as_option_sets_the_region(there: Project) -> None:
    there.pulumi("stack", "init", "other")
    there.pulumi("config", "set", "alicloud:region", "cn-beijing")

    assert shown(there).code == 3
    assert shown(there, "--stack", "test").code == 0
    both = shown(there, "--stack", "test", "--stack", "other")

    assert both.code == 3
    assert "the stacks differ in alicloud:region" in both.err


def test_the_stack_sets_the_endpoint(there: Project) -> None:
    url = there.environment["ALIBABA_CLOUD_ENDPOINT_ECS"].removeprefix("http://")
    astray = {**there.environment, "ALIBABA_CLOUD_ENDPOINT_ECS": f"http://{NOBODY}"}
    project = replace(there, environment=astray)
    project.pulumi("config", "set", "--path", "alicloud:endpoints[0].ecs", url)
    project.pulumi("config", "set", "alicloud:protocol", "HTTP")

    assert shown(project).code == 0


def test_a_key_whose_secret_is_encrypted_is_not_used(there: Project) -> None:
    """A key without its secret is an error; so the pair in the environment is used."""
    there.pulumi("config", "set", "alicloud:accessKey", "LTAIother")
    there.pulumi("config", "set", "--secret", "alicloud:secretKey", "other")

    assert shown(there).code == 0


def test_the_environment_is_used_outside_a_project(
    there: Project, tmp_path: Path
) -> None:
    """Also where no stack is selected; neither is reported."""
    folder = tmp_path / "elsewhere"
    folder.mkdir()
    environment = {**there.environment, "ALIBABA_CLOUD_REGION": ELSEWHERE}
    outside = replace(there, folder=folder, environment=environment)
    for text in ("", "name: none\nruntime: python\n"):
        if text:
            (folder / "Pulumi.yaml").write_text(text)

        assert (shown(outside).code, shown(outside).err) == (0, "")


def test_an_unreadable_configuration_is_reported_as_unused(
    there: Project,
) -> None:
    environment = {**there.environment, "ALIBABA_CLOUD_REGION": ELSEWHERE}
    project = replace(there, environment=environment)
    (project.folder / "Pulumi.test.yaml").write_text("config: [")

    said = shown(project)

    assert said.code == 0
    assert "the configuration of the stack of this folder is not used: " in said.err
