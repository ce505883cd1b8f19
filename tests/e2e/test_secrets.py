"""
Keys, secrets and tokens stay where they were given.
"""

from __future__ import annotations

from e2e.project import SECRET, Project

KEY, TOKEN = "LTAI-an-access-key", "a-token-that-is-never-shown"
SECRETS = (SECRET, TOKEN)


def configured_with_secrets(project: Project) -> None:
    """The stack's own keys, encrypted, as pulumi-alicloud's users have them."""
    for key, value in {
        "alicloud:accessKey": KEY,
        "alicloud:secretKey": SECRET,
        "alicloud:securityToken": TOKEN,
    }.items():
        project.pulumi("config", "set", "--secret", key, value)


def test_no_secret_is_in_the_state_or_in_what_is_printed(project: Project) -> None:
    """Neither in a run that goes well, at the verbosity of a bug report."""
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


def test_no_secret_is_in_an_error(project: Project) -> None:
    """Nor in a run that fails."""
    configured_with_secrets(project)
    project.program('rule("web", 443)')
    project.fake.fail_next("AuthorizeSecurityGroup", 403, "Forbidden.RAM")

    done = project.run("up", "--yes", "--skip-preview", DEBUG="sdk")

    assert not done.ok
    assert "Forbidden.RAM" in done.text
    for secret in SECRETS:
        assert secret not in done.text
