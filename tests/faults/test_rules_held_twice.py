"""
Two resources of a program whose states name the same rule: each ends with its own.

A refresh with `adopt` can make such states after manual changes, an adoption can do so
before the resource that had the rule is compared, and so can `pulumi import`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from itertools import pairwise

import pytest

from alicloud_ingress.testing import FakeEcs, Fault
from engine.host import Properties
from engine.state import Options
from engine.ways import UP
from faults.stack import NO_MORE, Program, Stack
from functional.conftest import Front

UP_REFRESH = f"{UP} --refresh"
FLAGS = ("", " --refresh", " --refresh --run-program")


@dataclass(frozen=True)
class Scene:
    """A stack with rules of one group."""

    stack: Stack
    fake: FakeEcs
    group: str

    def rule(self, port: int, **more: object) -> Properties:
        """The arguments of a rule."""
        return {
            "security_group_id": self.group,
            "ip_protocol": "tcp",
            "port_range": port,
            "source_cidr_ip": "10.0.0.0/8",
            **more,
        }

    def rules(self, *ports: int, **more: object) -> Properties:
        """The arguments of a set of rules."""
        each = [self.rule(port) for port in ports]
        for rule in each:
            del rule["security_group_id"]
        return {"security_group_id": self.group, "rules": each, **more}

    def up(
        self, program: Program, command: str = UP, options: Iterable[str] = ()
    ) -> None:
        """Deploy; in *options*, each name depends on the one before it."""
        names = list(options)
        depends = {
            name: Options(depends_on=(before,)) for before, name in pairwise(names)
        }
        assert self.stack.run(command, program, depends or NO_MORE) == []

    def change(self, rule_id: str, port: int) -> None:
        """Change the port of a rule by hand."""
        self.fake.change_rule(self.group, rule_id, PortRange=f"{port}/{port}")

    def assert_each_has_its_own(self, *ports: int) -> None:
        """The live rules are these ports, and the state names each once."""
        live = self.fake.rules(self.group)
        assert sorted(
            int(str(r["PortRange"]).split("/")[0]) for r in live.values()
        ) == [*sorted(ports)]
        held = [i for entry in self.stack.entries for i in sorted(entry.rule_ids)]
        assert sorted(held) == sorted(live)


@pytest.fixture
def scene(front: Front) -> Scene:
    """An empty stack and group."""
    return Scene(Stack(front.settings), front.fake, front.fake.new_group())


@pytest.mark.parametrize("flags", FLAGS)
def test_a_resource_keeps_what_it_adopted_from_one_that_changes(
    scene: Scene, flags: str
) -> None:
    """The new one comes first, since the old one depends on it."""
    scene.up({"b": scene.rule(80)})
    program = {"n": scene.rule(80, adopt=True), "b": scene.rule(81)}
    scene.up(program, UP + flags, ("n", "b"))
    scene.assert_each_has_its_own(80, 81)


@pytest.mark.parametrize("adopts", [("a",), ("a", "b")])
def test_a_refresh_adopts_what_is_another_resources(
    scene: Scene, adopts: tuple[str, ...]
) -> None:
    """One rule was deleted by hand, and the other became what it was."""
    program = {
        name: scene.rule(port, adopt=name in adopts)
        for name, port in (("a", 1), ("b", 2))
    }
    scene.up(program)
    ids = {name: entry.rule_id for name, entry in scene.stack.state.items()}
    scene.fake.remove_rule(scene.group, ids["a"])
    scene.change(ids["b"], 1)
    scene.up(program, UP_REFRESH)
    scene.assert_each_has_its_own(1, 2)
    scene.up(program, UP_REFRESH)
    scene.assert_each_has_its_own(1, 2)


@pytest.mark.parametrize("flags", ["", " --refresh"])
def test_a_set_adopts_what_is_another_resources(scene: Scene, flags: str) -> None:
    """The same, where the one that adopts is a set."""
    program = {"s": scene.rules(1, 3, adopt=True), "b": scene.rule(2)}
    scene.up(program)
    live = scene.fake.rules(scene.group)
    ids = {str(rule["PortRange"]): rule_id for rule_id, rule in live.items()}
    scene.fake.remove_rule(scene.group, ids["1/1"])
    scene.change(ids["2/2"], 1)
    assert scene.stack.refresh() == []
    scene.up(program, UP + flags)
    scene.assert_each_has_its_own(1, 2, 3)


@pytest.mark.parametrize("flags", FLAGS)
@pytest.mark.parametrize("order", ["b first", "z first"])
@pytest.mark.parametrize("kind", ["rule", "rules"])
def test_one_of_two_resources_of_a_rule_changes(
    scene: Scene, flags: str, order: str, kind: str
) -> None:
    """The state was made by hand, or by an import of a rule that it had."""
    make = getattr(scene, kind)
    scene.up({"b": make(80)})
    (entry,) = scene.stack.engine.entries
    marked = {**entry.outputs, "owner_mark": "another"}
    double = replace(entry, key=replace(entry.key, name="z"), outputs=marked)
    scene.stack.engine.entries.append(double)
    program = {"b": make(80), "z": make(81)}
    names = sorted(program, reverse=order == "z first")
    scene.up({name: program[name] for name in names}, UP + flags, names)
    scene.assert_each_has_its_own(80, 81)


@pytest.mark.parametrize("command", ["refresh", UP_REFRESH, "destroy --refresh"])
def test_a_hidden_new_rule_is_not_read_as_the_old(scene: Scene, command: str) -> None:
    """The ID of its resource is still that of the rule that another resource has."""
    options = {"z": Options(depends_on=("b",))}
    scene.up({"b": scene.rule(80)})
    (entry,) = scene.stack.engine.entries
    marked = {**entry.outputs, "owner_mark": "another"}
    double = replace(entry, key=replace(entry.key, name="z"), outputs=marked)
    scene.stack.engine.entries.append(double)
    program = {"b": scene.rule(80), "z": scene.rule(81)}
    scene.fake.inject(Fault.late("AuthorizeSecurityGroup", describes=1_000))
    assert scene.stack.run(UP, program, options) == []
    scene.fake.groups[scene.group].lags.clear()

    assert scene.stack.run(f"{command} --skip-preview", program, options) == []

    scene.assert_each_has_its_own(*([] if "destroy" in command else [80, 81]))
