"""
Each kind of fault, at each call of create, read, update and delete.

A neighbour that differs in one field exists beside every rule, and an identical foreign
rule in another group. No test asserts how many calls were made, only what is left in
ECS, in the state, and in the text of the error.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass, replace

import pytest

from alicloud_ingress.rules.rule import IngressRule
from alicloud_ingress.testing import FakeEcs
from alicloud_ingress.testing.faults import Fault
from engine.host import Properties
from engine.state import NO_OPTIONS, Options
from engine.ways import DESTROY, REFRESH, UP
from faults.invariants import Watch, assert_same_rules
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
    """The same fault without end."""
    return lambda action: replace(kind(action), times=STORM)


def internal_error(action: str) -> Fault:
    """5xx with a code, and without effect."""
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


SAME = ("up --skip-preview", "up --skip-preview --refresh")
DEPLOYING = (
    *SAME,
    "up",
    "up --skip-preview --refresh --run-program",
    "up --skip-preview --continue-on-error",
)
REFRESHING = (
    "refresh --skip-preview",
    "refresh",
    "refresh --skip-preview --run-program",
)
REMOVING = (
    "destroy --skip-preview",
    "destroy --skip-preview --refresh",
    "destroy",
    "destroy --skip-preview --run-program",
    "up --skip-preview, without the rules",
    "up --skip-preview --refresh, without the rules",
)
"""Ways to deploy a program, to read it, and to delete all."""
FIRST = Options(delete_before_replace=True)


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

    def lead(
        self,
        command: str,
        program: Mapping[str, Properties] | None = None,
        options: Options = NO_OPTIONS,
    ) -> list[Exception]:
        """
        Run a command: the state holds what it leaves, and exactly what is
        wanted if it succeeded.
        """
        if program is None:
            program = self.program
        command, _, without = command.partition(",")
        if without:
            program = {}
        errors = self.stack.run(command, program, dict.fromkeys(program, options))
        self.watch.assert_kept(self.stack, errors, 2 * len(self.program))
        if not errors and command.startswith(("up", "destroy")):
            wanted = {} if command.startswith("destroy") else program
            self.watch.assert_exact(
                self.stack, [IngressRule.parse(args) for args in wanted.values()]
            )
        return errors

    def settle(self) -> None:
        """Deploy before any fault strikes."""
        assert self.lead(UP) == []

    def calm(self) -> None:
        """End all faults."""
        self.fake.forget_faults()
        self.fake.groups[self.watch.group].lags.clear()


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


SCENES = (
    ("in process", "in process", 1),
    ("served", "served", 1),
    ("served, three at once", "served", 3),
)


@pytest.fixture(params=[one[1:] for one in SCENES], ids=[one[0] for one in SCENES])
def scene(request: pytest.FixtureRequest) -> Generator[Scene]:
    """One rule over both fronts, and several that are sent together."""
    kind, rules = request.param
    with opened(kind) as front:
        yield scene_of(front, rules)


def converge(
    scene: Scene,
    program: dict[str, Properties],
    command: str = UP,
    options: Options = NO_OPTIONS,
) -> None:
    """
    Once ECS answers, the same command deploys what is wanted: with `adopt` where an
    error advised it, after a refresh where one advised that.
    """
    scene.calm()
    errors = scene.lead(command, program, options)
    if any("pulumi refresh" in str(error) for error in errors):
        scene.lead(REFRESH)
        errors = scene.lead(command, program, options)
    if errors:
        assert all("adopt=True" in str(error) for error in errors), errors
        adopting = {name: {**args, "adopt": True} for name, args in program.items()}
        assert scene.lead(command, adopting, options) == []
    assert_is(scene, program)


def assert_is(scene: Scene, program: dict[str, Properties]) -> None:
    """A refresh finds what the program declares, and no change is pending."""
    assert scene.lead(REFRESH) == []
    assert scene.stack.state.keys() == program.keys()
    assert scene.stack.doomed == []
    assert_same_rules(scene.watch.ours(), scene.stack)


def destroyed(scene: Scene, command: str = DESTROY) -> None:
    """A destroy at the end leaves the rules that existed before."""
    assert scene.lead(command) == []
    assert scene.watch.ours() == {}
    assert scene.stack.state == {}


def strike(scene: Scene, kind: str, action: str, passed: int) -> None:
    """Order a fault for the call of the action after so many that pass."""
    scene.fake.inject(replace(KINDS[kind](action), skip=passed))


def cases(*at: tuple[str, int], ways: Sequence[str] = (UP,)) -> pytest.MarkDecorator:
    """Each kind of fault at each of these calls, by one way after the other."""
    calls = itertools.product(SCENES, at, KINDS)
    drawn = [
        (scene, kind, action, passed, way)
        for (scene, (action, passed), kind), way in zip(calls, itertools.cycle(ways))
    ]
    return pytest.mark.parametrize(
        ("scene", "kind", "action", "passed", "way"),
        [
            pytest.param(
                scene[1:],
                kind,
                action,
                passed,
                way,
                id=f"{scene[0]}: {way}: {kind}, {action} {passed + 1}",
            )
            for scene, kind, action, passed, way in drawn
        ],
        indirect=["scene"],
    )


@cases(
    (DESCRIBE, 0),
    (DESCRIBE, 1),
    (AUTHORIZE, 0),
    (AUTHORIZE, 1),
    (WHO, 0),
    ways=DEPLOYING,
)
def test_create_under_each_fault_loses_no_rule(
    scene: Scene, kind: str, action: str, passed: int, way: str
) -> None:
    """What was made is in the state, was revoked again, or is named in the error."""
    strike(scene, kind, action, passed)

    scene.lead(way)

    converge(scene, scene.program)
    destroyed(scene)


@cases((DESCRIBE, 0), (DESCRIBE, 1), ways=REFRESHING)
def test_read_under_each_fault_drops_no_rule(
    scene: Scene, kind: str, action: str, passed: int, way: str
) -> None:
    """A broken answer is an error and never "no rules"."""
    scene.settle()
    known = dict(scene.stack.state)
    strike(scene, kind, action, passed)

    scene.lead(way)

    assert scene.stack.state == known
    converge(scene, scene.program)
    destroyed(scene)


@cases((DESCRIBE, 0), (DESCRIBE, 1), (MODIFY, 0), (MODIFY, 1), ways=DEPLOYING)
def test_update_under_each_fault_leaves_no_gap(
    scene: Scene, kind: str, action: str, passed: int, way: str
) -> None:
    """The rule keeps its ID, and is the old one or the new one."""
    scene.settle()
    before = set(scene.watch.ours())
    program = scene.change(priority=7)
    strike(scene, kind, action, passed)

    scene.lead(way, program)

    converge(scene, program)
    assert set(scene.watch.ours()) == before
    destroyed(scene)


REPLACED = {
    "by diff": NO_OPTIONS,
    "by diff, deleted first": FIRST,
    "replace_on_changes": Options(replace_on_changes=("priority",)),
    "replace_on_changes of all": Options(replace_on_changes=("*",)),
    "replace_on_changes, deleted first": Options(
        replace_on_changes=("priority",), delete_before_replace=True
    ),
}
REPLACING = tuple(f"{how}: {command}" for command in SAME for how in REPLACED)


@cases(
    (DESCRIBE, 0),
    (DESCRIBE, 1),
    (AUTHORIZE, 0),
    (REVOKE, 0),
    (REVOKE, 1),
    ways=REPLACING,
)
def test_replace_under_each_fault_keeps_its_order(
    scene: Scene, kind: str, action: str, passed: int, way: str
) -> None:
    """
    The new rule is made first and the old one deleted then; or the other way round.
    """
    scene.settle()
    how, command = way.split(": ")
    program = scene.change(priority=7)
    if "by diff" in how:
        program = {
            name: {
                **{n: v for n, v in args.items() if n != "source_cidr_ip"},
                "source_group_id": scene.fake.new_group(),
            }
            for name, args in scene.program.items()
        }
    strike(scene, kind, action, passed)

    scene.lead(command, program, REPLACED[how])

    converge(scene, program, options=REPLACED[how])
    destroyed(scene)


FORCED = tuple(
    f"{how}: {command}" for command in SAME for how in ("tainted", "named by --replace")
)


@cases((DESCRIBE, 0), (AUTHORIZE, 0), (REVOKE, 0), (REVOKE, 1), ways=FORCED)
def test_forced_replacement_under_each_fault_loses_no_rule(
    scene: Scene, kind: str, action: str, passed: int, way: str
) -> None:
    """The identical rule is created again, where it is deleted first."""
    scene.settle()
    how, command = way.split(": ")
    if how == "tainted":
        scene.stack.taint()
    else:
        command += "".join(f" --replace {name}" for name in scene.program)
    strike(scene, kind, action, passed)

    scene.lead(command, options=FIRST)

    converge(scene, scene.program, f"{UP} --refresh", FIRST)
    destroyed(scene)


@cases((REVOKE, 0), (REVOKE, 1), (DESCRIBE, 0), ways=REMOVING)
def test_delete_by_id_under_each_fault_completes(
    scene: Scene, kind: str, action: str, passed: int, way: str
) -> None:
    """Deleted, or still in the state; a second destroy completes."""
    scene.settle()
    strike(scene, kind, action, passed)

    scene.lead(way)

    scene.calm()
    destroyed(scene)


@cases((REVOKE, 0), (REVOKE, 1), (DESCRIBE, 0), (DESCRIBE, 1), ways=REMOVING)
def test_delete_without_an_id_spares_neighbours_under_faults(
    scene: Scene, kind: str, action: str, passed: int, way: str
) -> None:
    """All attributes are sent, and the result is verified."""
    scene.settle()
    scene.stack.forget_ids()
    strike(scene, kind, action, passed)

    scene.lead(way)

    scene.calm()
    destroyed(scene)


@cases((MODIFY, 0), (DESCRIBE, 0), (DESCRIBE, 1), ways=SAME)
def test_update_without_an_id_under_faults_loses_no_rule(
    scene: Scene, kind: str, action: str, passed: int, way: str
) -> None:
    """Found by the old identity; what cannot be found again is named."""
    scene.settle()
    scene.stack.forget_ids()
    strike(scene, kind, action, passed)
    program = scene.change(priority=7)

    scene.lead(way, program)

    converge(scene, program)
    destroyed(scene)
