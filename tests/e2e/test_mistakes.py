"""
What a user sees after a mistake: one line for each, before any call.
"""

from __future__ import annotations

import pytest

from e2e.project import Project

MISTAKES = [
    (
        'rule("web", "443/80", "10.0.0.1/33", priority=0, description="x" * 513)',
        {
            "port_range": "'443/80' ends before it begins; did you mean '80/443'?",
            "source_cidr_ip": "'10.0.0.1/33' is not an IPv4 address or block",
            "priority": "'0' is not a whole number from 1 to 100",
            "description": "has 513 characters, including the expiry; the limit is 512",
        },
    ),
    (
        'rule("web", "-1/-1", None)',
        {
            "port_range": "'-1/-1' is not within 1 to 65535",
            "source_cidr_ip": "the rule has no source, and there is no default",
        },
    ),
    (
        'rule("web", None, source_group_id="sg-9", ip_protocol="tpc")',
        {
            "ip_protocol": "'tpc' is not a protocol",
            "source_group_id": "a rule has one source; set only one",
        },
    ),
]


@pytest.mark.parametrize(("program", "told"), MISTAKES, ids=["four", "two", "words"])
def test_preview_reports_each_mistake_in_one_line(
    project: Project, program: str, told: dict[str, str]
) -> None:
    """The line names the argument, its value, and a valid one."""
    project.program(program)

    done = project.run("preview")

    assert not done.ok
    diagnostics = done.text.split("Diagnostics:", 1)[1].splitlines()
    lines = [line for line in diagnostics if " has a problem: " in line]
    assert len(lines) == len(told), done.text
    for argument, reason in told.items():
        (line,) = [line for line in lines if f"property {argument} " in line]
        assert f"has a problem: {argument}: " in line
        assert reason in line
    assert "Traceback" not in done.text
    assert project.calls() == []


def test_option_import_is_refused_with_what_works_in_its_place(
    project: Project,
) -> None:
    """The engine would end with a traceback of what serves the provider."""
    project.program("rule('web', 443, opts=pulumi.ResourceOptions(import_='sgr-1'))\n")

    done = project.run("preview")

    assert not done.ok
    assert "web: import_ does not work for these resources" in done.text
    assert "adopt=True" in done.text
    assert "Traceback" not in done.text
    assert project.calls() == []


def test_errors_show_secret_in_place_of_a_secret_value(project: Project) -> None:
    """The message has [secret] where it would quote the value."""
    project.program(
        """
        rule("web", 443, description=pulumi.Output.secret("hidden " * 100))
        """
    )

    done = project.run("preview")

    assert not done.ok
    assert "description: [secret] has 699 characters" in done.text
    assert "hidden" not in done.text
