"""
`import --from-pulumi-alicloud` takes over what one state owns there, and nothing else.

The states are of the real pulumi-alicloud (`tests/peer_states`).
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
from functional.accounts import (
    PEER_TYPE,
    TYPE,
    account,
    entry,
    owning,
    run,
    state,
    tcp,
)
from peer_states.kept import GROUP, existing, peer_rules


@pytest.fixture
def fake() -> Iterator[FakeEcs]:
    """An account in process."""
    with account() as fake:
        yield fake


def before(fake: FakeEcs, name: str) -> dict[str, Any]:
    """Make the rules of a kept state, and write the state into a file."""
    fake.new_group(id=GROUP)
    fake.new_group(id="sg-00000002")
    text = existing(fake, name)
    Path("before.json").write_text(text, encoding="utf-8")
    export: dict[str, Any] = json.loads(text)
    return export


def moved(*arguments: str) -> Result:
    """Move what the state owns, into `out`."""
    given = ("--out", "out", "--group", GROUP, "--state", "before.json")
    return run("import", "--from-pulumi-alicloud", *given, *arguments)


def imported() -> dict[str, str]:
    """The rule IDs in the import file, by name."""
    written = json.loads(Path("out/import.json").read_text())
    return {each["name"]: each["id"] for each in written["resources"]}


def commands() -> list[list[str]]:
    """The commands of the script."""
    lines = Path("out/state-delete.sh").read_text().splitlines()
    return [shlex.split(line) for line in lines if line.startswith("pulumi")]


def declared() -> list[str]:
    """The names of the resources in the part for the program."""
    tree = ast.parse(Path("out/ingress_rules.py").read_text())
    calls = [n.value for n in tree.body if isinstance(n, ast.Expr)]
    return [ast.literal_eval(c.args[0]) for c in calls if isinstance(c, ast.Call)]


@pytest.mark.parametrize(
    ("name", "number"),
    [("stack-13-rules", 13), ("stack-group-protected-dependent", 5)],
)
def test_all_rules_of_a_real_state_keep_their_names(
    fake: FakeEcs, name: str, number: int
) -> None:
    peers = peer_rules(before(fake, name))

    done = moved()

    assert (done.exit_code, done.stderr) == (0, "")
    names = {
        each["urn"].split("::")[-1]: each["outputs"]["securityGroupRuleId"]
        for each in peers
    }
    assert len(names) == number
    assert imported() == names
    assert sorted(declared()) == sorted(names)
    assert not Path("out/__main__.py").exists()


def test_rules_of_other_owners_are_skipped_and_named(fake: FakeEcs) -> None:
    """Made by hand, by this provider, and similar to one in the state."""
    export = before(fake, "stack-13-rules")
    by_hand = fake.add_rule(GROUP, **tcp(8080))
    ours = fake.add_rule(GROUP, **tcp(8081))
    alike = fake.add_rule(GROUP, **tcp(80, "0.0.0.0/0"), SourcePortRange="53/53")
    export["deployment"]["resources"].append(owning(GROUP, ours))
    Path("before.json").write_text(json.dumps(export))

    done = moved()

    assert done.exit_code == 0
    assert not {by_hand, ours, alike} & set(imported().values())
    said = {line.split(" ")[0]: line for line in done.stderr.splitlines()}
    assert set(said) == {by_hand, ours, alike}
    assert "no resource of pulumi-alicloud owns it" in said[by_hand]
    assert f"owned by r-{ours} of stack dev" in said[ours]
    assert "it may be the rule of http, which owns sgr-" in said[alike]


def test_the_script_forces_protected_resources_and_orders_dependents(
    fake: FakeEcs,
) -> None:
    before(fake, "stack-group-protected-dependent")

    moved()

    names = [command[-1].split("::")[-1] for command in commands()]
    assert names.index("after") < names.index("ssh")
    forced = [c[-1].split("::")[-1] for c in commands() if "--force" in c]
    assert forced == ["prot"]
    assert {c[c.index("--stack") + 1] for c in commands()} == {"dev"}


def test_a_referenced_rule_and_its_dependencies_are_skipped(
    fake: FakeEcs,
) -> None:
    """The engine would refuse to remove it from the state."""
    export = before(fake, "stack-group-protected-dependent")
    after = next(e for e in peer_rules(export) if e["urn"].endswith("::after"))
    instance = entry("vm", "alicloud:ecs/instance:Instance", "i-1")
    instance["dependencies"] = [after["urn"]]
    export["deployment"]["resources"].append(instance)
    Path("before.json").write_text(json.dumps(export))

    done = moved()

    assert done.exit_code == 0
    assert set(imported()) == {"http", "prot", "a/b c:d"}
    assert "vm (alicloud:ecs/instance:Instance) refers to after" in done.stderr
    assert "refers to ssh, so the engine keeps it in the state" in done.stderr
    assert {c[-1].split("::")[-1] for c in commands()} == set(imported())


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"type": "egress"}, "its rule is for outbound traffic"),
        ({"securityGroupId": "sg-00000002"}, "its group is sg-00000002"),
        ({}, "none of the imported rules is certainly its rule"),
    ],
    ids=["outbound", "another group", "deleted by hand"],
)
def test_a_resource_without_a_rule_to_move_is_named(
    fake: FakeEcs, change: dict[str, str], reason: str
) -> None:
    fake.new_group(id=GROUP)
    fake.new_group(id="sg-00000002")
    fake.add_rule(GROUP, **tcp(80))
    about = {"securityGroupId": GROUP, "type": "ingress", **change}
    about["securityGroupRuleId"] = "sgr-gone"
    Path("before.json").write_text(state(entry("away", PEER_TYPE, "?", **about)))

    done = moved()

    assert f"away is kept in pulumi-alicloud: {reason}" in done.stderr
    assert not Path("out").exists()


def test_rules_ambiguous_without_ids_are_both_skipped(
    fake: FakeEcs,
) -> None:
    fake.new_group(id=GROUP)
    plain = fake.add_rule(GROUP, **tcp(80))
    other = fake.add_rule(GROUP, **tcp(80), SourcePortRange="53/53")
    identity = f"{GROUP}:ingress:tcp:80/80:intranet:10.0.0.0/8:accept:1"
    about = {"securityGroupId": GROUP, "type": "ingress"}
    Path("before.json").write_text(state(entry("web", PEER_TYPE, identity, **about)))

    done = moved()

    for rule_id in (plain, other):
        assert f"{rule_id} (" in done.stderr
    assert "it may be the rule of web" in done.stderr
    assert not Path("out").exists()


def test_two_resources_of_one_name_get_different_names(fake: FakeEcs) -> None:
    """As in two components; those of the import are in none."""
    fake.new_group(id=GROUP)
    rules = [fake.add_rule(GROUP, **tcp(port)) for port in (80, 81)]
    entries = [
        entry("http", PEER_TYPE, securityGroupId=GROUP, securityGroupRuleId=rule_id)
        for rule_id in rules
    ]
    for number, each in enumerate(entries):
        each["urn"] = f"urn:pulumi:dev::shop::my:Web{number}${PEER_TYPE}::http"
    Path("before.json").write_text(state(*entries))

    moved()

    assert imported() == {"http": rules[0], "http-2": rules[1]}


def test_a_name_that_this_provider_uses_gets_a_number(fake: FakeEcs) -> None:
    """The import would fail, after the old resource has left the state."""
    fake.new_group(id=GROUP)
    rule_id, other = (fake.add_rule(GROUP, **tcp(port)) for port in (80, 81))
    about = {"securityGroupId": GROUP, "securityGroupRuleId": rule_id}
    ours = {**owning(GROUP, other), "urn": f"urn:pulumi:dev::shop::{TYPE}::web"}
    Path("before.json").write_text(state(ours, entry("web", PEER_TYPE, **about)))

    moved()

    assert imported() == {"web-2": rule_id}


def test_a_resource_twice_in_the_state_is_skipped(fake: FakeEcs) -> None:
    """The engine cannot know which of the two is meant."""
    fake.new_group(id=GROUP)
    rule_id = fake.add_rule(GROUP, **tcp(80))
    about = {"securityGroupId": GROUP, "securityGroupRuleId": rule_id}
    twice = [entry("web", PEER_TYPE, **about), entry("web", PEER_TYPE, **about)]
    Path("before.json").write_text(state(*twice))

    done = moved()

    assert "the state has web twice" in done.stderr
    assert not Path("out").exists()


def test_the_generated_code_says_what_it_replaces(fake: FakeEcs) -> None:
    """It names the old resources, and the group's own resource."""
    before(fake, "stack-group-protected-dependent")

    done = moved()

    text = Path("out/ingress_rules.py").read_text()
    assert "Replace the following resources of pulumi-alicloud" in text
    for name in declared():
        assert f"#   {json.dumps(name)}\n" in text
    assert 'The group is the resource "web" of this stack' in text
    steps = [line for line in done.stdout.splitlines() if line[:1].isdigit()][1:]
    assert [step.split(" ")[1] for step in steps] == ["sh", "pulumi", "put", "pulumi"]


def test_with_sets_each_group_becomes_one_resource(fake: FakeEcs) -> None:
    peers = peer_rules(before(fake, "stack-13-rules"))
    fake.add_rule(GROUP, **tcp(8080))

    assert moved("--set").exit_code == 0

    (resource,) = json.loads(Path("out/import.json").read_text())["resources"]
    ids = {each["outputs"]["securityGroupRuleId"] for each in peers}
    assert set(resource["outputs"]["rule_ids"].values()) == ids
    assert len(commands()) == 13


@pytest.mark.parametrize("states", [(), ("before.json", "before.json")])
def test_the_import_accepts_one_stack_only(
    fake: FakeEcs, states: tuple[str, ...]
) -> None:
    """The rules go into the stack that they leave."""
    before(fake, "stack-13-rules")
    given = [word for each in states for word in ("--state", each)]

    done = run(
        "import", "--from-pulumi-alicloud", "--group", GROUP, "--out", "o", *given
    )

    assert done.exit_code == 2
    assert "needs exactly one --state or --stack" in done.stderr
