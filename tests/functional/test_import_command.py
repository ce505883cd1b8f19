"""
The output of `import`: readable programs for what was asked for, with the next steps.
"""

from __future__ import annotations

import ast
import json
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result

from alicloud_ingress.testing import FakeEcs
from alicloud_ingress.testing.faults import Fault
from functional.accounts import PEER_TYPE, account, entry, owning, run, state, tcp


@pytest.fixture
def fake() -> Iterator[FakeEcs]:
    """An account in process."""
    with account() as fake:
        yield fake


def imported(*arguments: str) -> Result:
    """Import into `out`."""
    return run("import", "--out", "out", *arguments)


def resources() -> list[dict[str, Any]]:
    """The entries of the import file."""
    entries: list[dict[str, Any]] = json.loads(Path("out/import.json").read_text())[
        "resources"
    ]
    return entries


def declared() -> list[dict[str, Any]]:
    """The arguments of each resource of the program, with constants resolved."""
    tree = ast.parse(Path("out/__main__.py").read_text())
    constants: dict[str, object] = {}
    found: list[dict[str, Any]] = []
    for node in tree.body:
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            constants[node.targets[0].id] = ast.literal_eval(node.value)
        elif isinstance(node, ast.Expr) and isinstance(node.value, ast.Call):
            found.append(
                {
                    str(each.arg): (
                        constants[each.value.id]
                        if isinstance(each.value, ast.Name)
                        else ast.literal_eval(each.value)
                    )
                    for each in node.value.keywords
                }
            )
    return found


@pytest.mark.parametrize(
    ("description", "written"),
    [
        ("办公室 - 上海", '"办公室 - 上海"'),
        ('"quoted" \\', '"\\"quoted\\" \\\\"'),
        ("to the \u202eleft\x7f", '"to the \\u202eleft\\x7f"'),
        ("\U000e0041", '"\\U000e0041"'),
    ],
)
def test_an_imported_description_is_readable_and_equal(
    fake: FakeEcs, description: str, written: str
) -> None:
    """Invisible characters and those that change the text's direction are escaped."""
    group = fake.new_group()
    fake.add_rule(group, **tcp(80, Description=description))

    assert imported("--group", group).exit_code == 0

    assert f"description={written}," in Path("out/__main__.py").read_text()
    ((told),) = declared()
    assert told["description"] == description
    assert resources()[0]["inputs"]["description"] == description


@pytest.mark.parametrize(
    ("source", "name"),
    [
        ("::/0", "tcp-80-from-all-ipv6"),
        ("::1", "tcp-80-from-ipv6-1"),
        ("2001:db8::/32", "tcp-80-from-2001-db8-32"),
        ("0.0.0.0/0", "tcp-80-from-0.0.0.0-0"),
    ],
)
def test_a_resource_name_contains_the_source(
    fake: FakeEcs, source: str, name: str
) -> None:
    group = fake.new_group()
    fake.add_rule(group, **tcp(80, source))

    imported("--group", group)

    assert resources()[0]["name"] == f"{group}-{name}"


def test_a_group_managed_by_a_service_gives_a_warning(fake: FakeEcs) -> None:
    group = fake.new_group(service_managed=True)
    fake.add_rule(group, **tcp(80))

    done = imported("--group", group)

    assert done.exit_code == 0
    assert f"warning: {group} is managed by a cloud service" in done.stderr
    assert len(resources()) == 1


def test_import_works_without_permission_to_read_group_management(
    fake: FakeEcs,
) -> None:
    group = fake.new_group()
    fake.add_rule(group, **tcp(80))
    fake.inject(Fault.refused("DescribeSecurityGroups", 403, "Forbidden.RAM"))

    done = imported("--group", group)

    assert done.exit_code == 0
    assert f"cannot check whether a service manages {group}" in done.stderr


def test_an_empty_import_prints_no_next_step(fake: FakeEcs) -> None:
    done = imported("--group", fake.new_group())

    assert done.exit_code == 0
    assert done.stdout == "no rule to import, 0 skipped; no file was written\n"
    assert not Path("out").exists()


def test_filters_select_the_rules_to_import(fake: FakeEcs) -> None:
    group = fake.new_group()
    wanted = fake.add_rule(group, **tcp(80, "10.1.0.0/16", Description="web"))
    fake.add_rule(group, **tcp(80, "10.1.0.0/16", Description="other", Priority="2"))
    fake.add_rule(group, **tcp(81, "10.1.0.0/16", Description="web"))
    fake.add_rule(group, **tcp(80, "10.2.0.0/16", Description="web"))

    filters = ("--port", "80", "--cidr", "10.1.0.0/16", "--description", "w*")
    assert imported("--group", group, *filters).exit_code == 0

    assert [each["id"] for each in resources()] == [wanted]


@pytest.mark.parametrize("form", [(), ("--set",)])
def test_several_groups_are_one_program(fake: FakeEcs, form: tuple[str, ...]) -> None:
    groups = [fake.new_group(), fake.new_group("ap-southeast-1")]
    for group in groups:
        fake.add_rule(group, **tcp(80))
    regions = ("--region", "cn-hangzhou", "--region", "ap-southeast-1")
    named = [word for group in groups for word in ("--group", group)]

    assert imported(*named, *regions, *form).exit_code == 0

    places = [(each["security_group_id"], each["region"]) for each in _places()]
    assert places == [(groups[0], "cn-hangzhou"), (groups[1], "ap-southeast-1")]
    inputs = [each["inputs"] for each in resources()]
    assert [(i["security_group_id"], i["region"]) for i in inputs] == places


def _places() -> list[dict[str, Any]]:
    tree = ast.parse(Path("out/__main__.py").read_text())
    if "IngressRuleArgs(" not in Path("out/__main__.py").read_text():
        return declared()
    calls = [node.value for node in tree.body if isinstance(node, ast.Expr)]
    return [
        {
            str(each.arg): each.value.value
            for each in call.keywords
            if isinstance(each.value, ast.Constant)
        }
        for call in calls
        if isinstance(call, ast.Call)
    ]


def test_an_unreadable_group_is_named_and_others_are_imported(
    fake: FakeEcs,
) -> None:
    group = fake.new_group()
    fake.add_rule(group, **tcp(80))

    done = imported("--group", "sg-nowhere", "--group", group)

    assert done.exit_code == 3
    assert "sg-nowhere" in done.stderr
    assert len(resources()) == 1


def test_rules_of_pulumi_alicloud_are_imported_after_leaving_its_state(
    fake: FakeEcs,
) -> None:
    """The commands are a script in which no resource name is executed."""
    group = fake.new_group()
    theirs = fake.add_rule(group, **tcp(80))
    ours = fake.add_rule(group, **tcp(81))
    free = fake.add_rule(group, **tcp(82))
    peer = entry(
        "it's; rm -rf /", PEER_TYPE,
        f"{group}:ingress:tcp:80/80:intranet:10.0.0.0/8:accept:1",
        securityGroupId=group, type="ingress",
    )  # fmt: skip
    Path("state.json").write_text(state(peer, owning(group, ours)))

    done = imported("--group", group, "--state", "state.json")

    assert done.exit_code == 0, done.stderr
    assert [each["id"] for each in resources()] == [theirs, free]
    script = Path("out/state-delete.sh").read_text().splitlines()
    commands = [shlex.split(line) for line in script if line.startswith("pulumi")]
    delete = ["pulumi", "state", "delete", "--yes", "--stack", "dev"]
    assert commands == [[*delete, peer["urn"]]]
    said = done.stdout.splitlines()
    assert said[1] == "first: sh out/state-delete.sh"
    assert said[3].startswith("then: pulumi import")


def test_a_full_disk_is_reported_and_leaves_no_file(fake: FakeEcs) -> None:
    """Here a folder in which nothing can be written."""
    group = fake.new_group()
    fake.add_rule(group, **tcp(80))
    Path("file").write_text("")

    done = run("import", "--group", group, "--out", "file/out")

    assert done.exit_code == 3
    assert "file/out" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("form", [(), ("--set",)])
def test_names_of_the_state_are_not_used_again(
    fake: FakeEcs, form: tuple[str, ...]
) -> None:
    """`pulumi import` refuses them: here the rule of the first import has changed."""
    group = fake.new_group()
    first = fake.add_rule(group, **tcp(80))
    imported("--group", group, *form)
    (old,) = resources()
    kept = {**old, "urn": f"urn:pulumi:dev::shop::{old['type']}::{old['name']}"}
    Path("state.json").write_text(state(kept))
    fake.change_rule(group, first, PortRange="81/81")
    again = fake.add_rule(group, **tcp(80))
    for file in Path("out").iterdir():
        file.unlink()

    imported("--group", group, "--state", "state.json", *form)

    (new,) = resources()
    assert again in json.dumps(new)
    assert new["name"] == f"{old['name']}-2"
    assert f'"{new["name"]}",' in Path("out/__main__.py").read_text()


def test_a_link_to_nothing_is_not_followed(fake: FakeEcs) -> None:
    """No file is written outside of the folder."""
    group = fake.new_group()
    fake.add_rule(group, **tcp(80))
    Path("out").mkdir()
    Path("out/__main__.py").symlink_to(Path("elsewhere").absolute())

    done = imported("--group", group)

    assert done.exit_code == 2
    assert "out/__main__.py exists already" in done.stderr
    assert not Path("elsewhere").exists()
    assert not Path("out/import.json").exists()


def test_paths_with_spaces_are_quoted_in_next_steps(fake: FakeEcs) -> None:
    """So that the line can be copied to a shell."""
    group = fake.new_group()
    fake.add_rule(group, **tcp(80))

    done = run("import", "--group", group, "--out", "an old group")

    assert "--file 'an old group/import.json' --generate-code" in done.stdout


@pytest.mark.parametrize("form", [(), ("--set",)])
def test_a_rule_that_exists_twice_is_imported_once(
    fake: FakeEcs, form: tuple[str, ...]
) -> None:
    """No program can declare both; the other one is named, since it stays live."""
    group = fake.new_group()
    pairs = [
        (
            fake.add_rule(group, **tcp(80, "1.2.3.4")),
            fake.add_rule(group, **tcp(80, "1.2.3.4/32")),
        ),
        (
            fake.add_rule(group, **tcp(81, "10.1.2.3/8")),
            fake.add_rule(group, **tcp(81, "10.0.0.0/8")),
        ),
    ]

    done = imported("--group", group, *form)

    assert done.exit_code == 0
    text = Path("out/import.json").read_text()
    for first, second in pairs:
        assert (first in text, second in text) == (True, False)
        assert f"{second} (tcp" in done.stderr
        assert f"the same rule as {first}" in done.stderr
    assert "2 rules in" in done.stdout
    assert len({each["name"] for each in resources()}) == len(resources())


def test_a_description_that_the_engine_refuses_skips_its_rule(fake: FakeEcs) -> None:
    """`pulumi import` would refuse the whole file."""
    group = fake.new_group()
    mark = "04da6b54-80e4-46f7-96ec-b56ff0331ba9"
    marked = fake.add_rule(group, **tcp(80, Description=mark))
    fake.add_rule(group, **tcp(81))

    done = run("import", "--group", group, "--out", "out")

    assert done.exit_code == 0
    assert f"{marked} (tcp 80/80 from 10.0.0.0/8) is skipped: its desc" in done.stderr
    assert mark not in Path("out/import.json").read_text()
