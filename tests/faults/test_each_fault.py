"""
Each kind of fault, at each call of create, read, update and delete.

A neighbour that differs in one field stands beside every rule, and a foreign rule
that is the same one in another group. Nobody asserts how many calls were made: what
counts is what is left in ECS, in the state, and in the words of the error.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from dataclasses import dataclass, replace

import pytest

from alicloud_ingress.testing import FakeEcs
from alicloud_ingress.testing.faults import Fault
from faults.invariants import Watch, rule_as_shown
from engine.host import Properties
from faults.stack import Stack
from functional.conftest import Front, opened

AUTHORIZE, DESCRIBE, MODIFY, REVOKE, WHO = (
    "AuthorizeSecurityGroup",
    "DescribeSecurityGroupAttribute",
    "ModifySecurityGroupRule",
    "RevokeSecurityGroup",
    "GetCallerIdentity",
)
STORM = 1_000
Kind = Callable[[str], Fault]


def storm(kind: Kind) -> Kind:
    """The same fault, and no end of it."""
    return lambda action: replace(kind(action), times=STORM)


def internal_error(action: str) -> Fault:
    """5xx with a code, before the action."""
    return Fault.refused(action, 500, "InternalError")


def internal_error_after(action: str) -> Fault:
    """5xx with a code, though the action took effect."""
    return replace(internal_error(action), takes_effect=True)


KINDS: dict[str, Kind] = {
    "throttled": Fault.throttled,
    "throttled storm": storm(Fault.throttled),
    "5xx": internal_error,
    "5xx after the effect": internal_error_after,
    "5xx storm": storm(internal_error),
    "5xx storm after the effect": storm(internal_error_after),
    "unavailable": lambda a: Fault.refused(a, 503, "ServiceUnavailable"),
    "html": Fault.html,
    "html after the effect": lambda a: replace(Fault.html(a), takes_effect=True),
    "html storm": storm(Fault.html),
    "empty": Fault.empty,
    "empty before the effect": lambda a: Fault.empty(a, takes_effect=False),
    "truncated": Fault.truncated,
    "truncated storm": storm(Fault.truncated),
    "null": lambda a: Fault.shaped(a, "null"),
    "an object without a RequestId": lambda a: Fault.shaped(a, "{}"),
    "a list": lambda a: Fault.shaped(a, "[]"),
    "a 200 with a code": lambda a: Fault.shaped(
        a, '{"RequestId": "R", "Code": "InternalError", "Message": "no"}'
    ),
    "dropped before": lambda a: Fault.dropped(a, takes_effect=False),
    "dropped after": lambda a: Fault.dropped(a, takes_effect=True),
    "dropped before, storm": storm(lambda a: Fault.dropped(a, takes_effect=False)),
    "dropped after, storm": storm(lambda a: Fault.dropped(a, takes_effect=True)),
    "shows late": Fault.late,
    "shows very late": lambda a: Fault.late(a, describes=STORM),
    "forbidden": lambda a: Fault.refused(a, 403, "Forbidden.RAM"),
    "quota": lambda a: Fault.refused(a, 403, "AuthorizationLimitExceed"),
    "unheard of": lambda a: Fault.refused(a, 400, "Unheard.Of"),
}
WITH_ONE_NEIGHBOUR_EACH = (
    {"Priority": "2"},
    {"Policy": "drop"},
    {"SourcePortRange": "1024/65535"},
    {"DestCidrIp": "10.9.0.0/16"},
    {"IpProtocol": "udp"},
    {"SourceCidrIp": "10.0.0.0/9"},
)
SSH = {"IpProtocol": "tcp", "PortRange": "22/22", "SourceCidrIp": "10.0.0.0/8"}


@dataclass(frozen=True)
class Scene:
    """A stack, its group, and what the program declares."""

    fake: FakeEcs
    stack: Stack
    watch: Watch
    program: dict[str, Properties]

    def change(self, **change: object) -> dict[str, Properties]:
        """The program with a field of each rule changed."""
        return {name: {**args, **change} for name, args in self.program.items()}

    def settle(self) -> None:
        """What is made before any fault strikes."""
        assert self.stack.up(self.program) == []
        self.watch.assert_kept(self.stack, [], len(self.program))


def scene_of(front: Front, rules: int) -> Scene:
    """A group with neighbours, and a program of so many rules."""
    fake = front.fake
    group = fake.new_group()
    watch = Watch(fake, group)
    for neighbour in WITH_ONE_NEIGHBOUR_EACH:
        watch.add_foreign(**{**SSH, **neighbour})
    fake.add_rule(fake.new_group(), **SSH)
    program: dict[str, Properties] = {
        f"rule-{port}": {
            "security_group_id": group,
            "ip_protocol": "tcp",
            "port_range": port,
            "source_cidr_ip": "10.0.0.0/8",
        }
        for port in range(22, 22 + rules)
    }
    return Scene(fake, Stack(front.settings), watch, program)


@pytest.fixture(
    params=[("in process", 1), ("served", 1), ("served", 3)],
    ids=["in process", "served", "served, three at once"],
)
def scene(request: pytest.FixtureRequest) -> Generator[Scene]:
    """One rule over both fronts, and several that leave together."""
    kind, rules = request.param
    with opened(kind) as front:
        yield scene_of(front, rules)


def converge(scene: Scene, program: dict[str, Properties]) -> None:
    """
    Once ECS answers, the same `up` brings about what was wanted; with `adopt` where
    an error has said so, after a refresh where one has said that.
    """
    scene.fake.forget_faults()
    scene.fake.groups[scene.watch.group].lags.clear()
    rules = len(program)
    errors = scene.stack.up(program)
    scene.watch.assert_kept(scene.stack, errors, rules)
    if any("pulumi refresh" in str(error) for error in errors):
        scene.watch.assert_kept(scene.stack, scene.stack.refresh(), rules)
        errors = scene.stack.up(program)
        scene.watch.assert_kept(scene.stack, errors, rules)
    if errors:
        assert all("adopt=True" in str(error) for error in errors), errors
        adopting = {name: {**args, "adopt": True} for name, args in program.items()}
        assert scene.stack.up(adopting) == []
    assert_is(scene, program)


def assert_is(scene: Scene, program: dict[str, Properties]) -> None:
    """The live rules are just those of the program, and a refresh finds them."""
    wanted = {named(arguments) for arguments in program.values()}
    assert {rule_as_shown(r).in_words for r in scene.watch.ours().values()} == wanted
    assert scene.stack.refresh() == []
    assert scene.stack.state.keys() == program.keys()
    known = {entry.rule_id for entry in scene.stack.state.values()}
    assert known == set(scene.watch.ours())


def named(arguments: Properties) -> str:
    """The rule that a resource declares, in words."""
    words = f"tcp {arguments['port_range']}/{arguments['port_range']} from"
    more = f" priority {arguments['priority']}" if "priority" in arguments else ""
    return f"{words} {arguments['source_cidr_ip']}{more}"


def destroyed(scene: Scene) -> None:
    """A destroy at the end leaves what was there before."""
    errors = scene.stack.destroy()
    scene.watch.assert_kept(scene.stack, errors, len(scene.program))
    assert errors == []
    assert scene.watch.ours() == {}


def strike(scene: Scene, kind: str, action: str, passed: int) -> None:
    """Order a fault for the call of the action after so many that pass."""
    scene.fake.inject(replace(KINDS[kind](action), skip=passed))


def cases(*at: tuple[str, int]) -> pytest.MarkDecorator:
    """Each kind of fault at each of these calls."""
    return pytest.mark.parametrize(
        ("kind", "action", "passed"),
        [
            pytest.param(kind, action, passed, id=f"{kind}, {action} {passed + 1}")
            for action, passed in at
            for kind in KINDS
        ],
    )


@cases((DESCRIBE, 0), (DESCRIBE, 1), (AUTHORIZE, 0), (AUTHORIZE, 1), (WHO, 0))
def test_create(scene: Scene, kind: str, action: str, passed: int) -> None:
    """What was made is in the state, or was taken back, or is named."""
    strike(scene, kind, action, passed)

    errors = scene.stack.up(scene.program)

    scene.watch.assert_kept(scene.stack, errors, len(scene.program))
    converge(scene, scene.program)
    destroyed(scene)


@cases((DESCRIBE, 0), (DESCRIBE, 1))
def test_read(scene: Scene, kind: str, action: str, passed: int) -> None:
    """A broken answer is an error and never "no rules"."""
    scene.settle()
    known = dict(scene.stack.state)
    strike(scene, kind, action, passed)

    errors = scene.stack.refresh()

    scene.watch.assert_kept(scene.stack, errors, len(scene.program))
    assert scene.stack.state == known
    converge(scene, scene.program)
    destroyed(scene)


@cases((DESCRIBE, 0), (DESCRIBE, 1), (MODIFY, 0), (MODIFY, 1))
def test_update(scene: Scene, kind: str, action: str, passed: int) -> None:
    """The rule keeps its ID, and is the old one or the new one: no gap, no twin."""
    scene.settle()
    before = set(scene.watch.ours())
    program = scene.change(priority=7)
    strike(scene, kind, action, passed)

    errors = scene.stack.up(program)

    scene.watch.assert_kept(scene.stack, errors, len(program))
    converge(scene, program)
    assert set(scene.watch.ours()) == before
    destroyed(scene)


@cases((DESCRIBE, 0), (DESCRIBE, 1), (AUTHORIZE, 0), (REVOKE, 0), (REVOKE, 1))
def test_replace(scene: Scene, kind: str, action: str, passed: int) -> None:
    """Another kind of source is a new rule first, and then one less."""
    scene.settle()
    program = {
        name: {
            **{n: v for n, v in args.items() if n != "source_cidr_ip"},
            "source_group_id": scene.fake.new_group(),
        }
        for name, args in scene.program.items()
    }
    strike(scene, kind, action, passed)

    errors = scene.stack.up(program)

    scene.watch.assert_kept(scene.stack, errors, 2 * len(program))
    for args in program.values():
        args["source_cidr_ip"] = args.pop("source_group_id")
    converged = dict(program)
    for name, args in program.items():
        group = args["source_cidr_ip"]
        without = {n: v for n, v in args.items() if n != "source_cidr_ip"}
        program[name] = {**without, "source_group_id": group}
    converge_replaced(scene, program, converged)
    destroyed(scene)


def converge_replaced(
    scene: Scene, program: dict[str, Properties], wanted: dict[str, Properties]
) -> None:
    """As `converge`, for rules whose source is a group."""
    scene.fake.forget_faults()
    scene.fake.groups[scene.watch.group].lags.clear()
    errors = scene.stack.up(program)
    scene.watch.assert_kept(scene.stack, errors, 2 * len(program))
    if errors:
        assert all("adopt=True" in str(error) for error in errors), errors
        adopting = {name: {**args, "adopt": True} for name, args in program.items()}
        assert scene.stack.up(adopting) == []
    assert_is(scene, wanted)
    assert scene.stack.doomed == []


@cases((REVOKE, 0), (REVOKE, 1), (DESCRIBE, 0))
def test_delete_by_id(scene: Scene, kind: str, action: str, passed: int) -> None:
    """Gone, or still in the state; a second destroy ends it."""
    scene.settle()
    strike(scene, kind, action, passed)

    errors = scene.stack.destroy()

    scene.watch.assert_kept(scene.stack, errors, len(scene.program))
    scene.fake.forget_faults()
    scene.fake.groups[scene.watch.group].lags.clear()
    destroyed(scene)
    assert scene.stack.state == {}


@cases((REVOKE, 0), (REVOKE, 1), (DESCRIBE, 0), (DESCRIBE, 1))
def test_delete_without_an_id(
    scene: Scene, kind: str, action: str, passed: int
) -> None:
    """By the whole quintuple, and proven: the neighbours stay."""
    scene.settle()
    scene.stack.forget_ids()
    strike(scene, kind, action, passed)

    errors = scene.stack.destroy()

    scene.watch.assert_kept(scene.stack, errors, len(scene.program))
    scene.fake.forget_faults()
    scene.fake.groups[scene.watch.group].lags.clear()
    destroyed(scene)
    assert scene.stack.state == {}


@cases((MODIFY, 0), (DESCRIBE, 0), (DESCRIBE, 1))
def test_update_without_an_id(
    scene: Scene, kind: str, action: str, passed: int
) -> None:
    """Found by the old identity; what cannot be found again is named."""
    scene.settle()
    scene.stack.forget_ids()
    strike(scene, kind, action, passed)
    program = scene.change(priority=7)

    errors = scene.stack.up(program)

    scene.watch.assert_kept(scene.stack, errors, len(program))
    converge(scene, program)
    destroyed(scene)
