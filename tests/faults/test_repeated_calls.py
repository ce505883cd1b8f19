"""
Random lives of rules and sets whose failed calls a hook of the program repeats, while
ECS fails in other ways, with and without a policy that changes what check returned:
after each run, the state names every rule that is live.
"""

from __future__ import annotations

import os
import random
from dataclasses import dataclass, replace

from alicloud_ingress.testing import FakeEcs, Fault
from engine.host import Properties
from engine.state import Options
from faults.stack import Stack
from faults.test_each_fault import KINDS
from faults.test_unfinished_creates import (
    AUTHORIZE,
    DESCRIBE,
    MODIFY,
    REVOKE,
    STORM,
    Scene,
)
from functional.conftest import opened

STEPS_OF_A_LIFE = 8
LIVES = int(os.environ.get("STEPS", "960")) // STEPS_OF_A_LIFE
ATTEMPTS = 3
UNDOCUMENTED = (
    "revoke_without_match_is_refused",
    "batches_are_atomic",
    "repeated_revoke_is_judged_anew",
    "address_equals_its_block",
    "host_bits_are_masked",
    "omitted_fields_are_reset",
)
COMMANDS = [
    f"up --skip-preview{refresh}{more}"
    for refresh in ("", " --refresh")
    for more in ("", " --continue-on-error")
]


def unchanged(inputs: Properties) -> Properties:
    """No policy."""
    return inputs


def described(inputs: Properties) -> Properties:
    """A policy that describes each rule."""
    if "rules" not in inputs:
        return {**inputs, "description": "by a policy"}
    rules = {key: described(rule) for key, rule in inputs["rules"].items()}
    return {**inputs, "rules": rules}


@dataclass
class Hook:
    """A hook that repeats the calls of a resource; ECS may fail in other ways then."""

    life: Life
    left: int = ATTEMPTS - 1

    def __call__(self) -> bool:
        """Whether the call is made again."""
        self.left -= 1
        if self.life.random.random() < 0.5:
            self.life.fail()
        return self.left >= 0


class Life:
    """One life: a fake, a stack, and what happens to them."""

    def __init__(self, seed: int, fake: FakeEcs, stack: Stack) -> None:
        self.random = random.Random(seed)  # noqa: S311 - no secret
        self.fake, self.stack, self.group = fake, stack, fake.new_group()
        self.sources = self.begin()
        self.has_policy = self.random.random() < 0.5
        self.foreign = fake.add_rule(
            self.group,
            IpProtocol="tcp",
            PortRange="1/1",
            SourceCidrIp="10.0.0.0/8",
            Priority="9",
        )

    def begin(self) -> list[Properties]:
        """Draw what ECS leaves open, and its quota; return sources of rules."""
        drawn = {name: self.random.random() < 0.5 for name in UNDOCUMENTED}
        unknown = self.random.choice(["not found", "not valid"])
        self.fake.behaviour = self.fake.behaviour.changed(
            {**drawn, "unknown_rule_id": unknown}
        )
        self.fake.groups[self.group].most_rules = self.random.choice([4, 6, 1000])
        return [
            *[{"source_cidr_ip": "10.0.0.0/8"}] * 4,
            {"source_cidr_ip": "172.16.3.4/12"},
            {"source_cidr_ip": "192.0.2.7"},
            {"ipv6_source_cidr_ip": "2001:0db8::1/64"},
            {"source_group_id": self.fake.new_group()},
            {"source_prefix_list_id": self.fake.new_prefix_list(most_entries=1)},
        ]

    def step(self) -> None:
        """Deploy another program while ECS fails; lose some marks before."""
        if self.random.random() < 0.3:
            self.lose_marks()
        self.fail()
        program = self.program()
        before = self.fake.rules(self.group)[self.foreign]
        options = {
            name: Options(
                delete_before_replace=self.random.choice([None, None, True]),
                on_error=Hook(self),
                remedy=described if self.has_policy else unchanged,
            )
            for name in program
        }
        self.stack.run(self.random.choice(COMMANDS), program, options)
        self.fake.forget_faults()
        assert self.fake.rules(self.group)[self.foreign] == before
        assert self.scene(program).unknown == []

    def end(self) -> None:
        """Destroy the stack."""
        scene = self.scene({})
        scene.calm()
        assert self.stack.destroy() == []
        assert scene.ours == {}

    def scene(self, program: dict[str, Properties]) -> Scene:
        """What there is now."""
        foreign = frozenset({self.foreign})
        return Scene(self.fake, self.stack, self.group, program, foreign)

    def lose_marks(self) -> None:
        """Let the state be one of an older release."""
        self.stack.engine.entries = [
            replace(
                entry,
                outputs={n: v for n, v in entry.outputs.items() if n != "owner_mark"},
            )
            for entry in self.stack.engine.entries
        ]

    def fail(self) -> None:
        """Replace all faults by others."""
        self.fake.forget_faults()
        for _ in range(self.random.randrange(6)):
            action = self.random.choice([AUTHORIZE, DESCRIBE, MODIFY, REVOKE])
            fault = KINDS[self.random.choice(sorted(KINDS))](action)
            times = self.random.choice([1, 1, 2, 6, 12, 40, STORM])
            skip = self.random.randrange(9)
            self.fake.inject(replace(fault, skip=skip, times=times))
        if self.random.random() < 0.2:
            lag = self.random.choice([1, 5, STORM])
            self.fake.inject(Fault.late(AUTHORIZE, lag))

    def program(self) -> dict[str, Properties]:
        """Three rules and two sets at most, none of which has another's rule."""
        ports = self.random.sample(range(1, 9), 8)
        sizes = {"a": 1, "b": 1, "c": 1, "s": 3, "t": 2}
        program: dict[str, Properties] = {}
        for name, size in sizes.items():
            rules = [self.rule(ports.pop()) for _ in range(size)]
            if self.random.random() < 0.6:
                program[name] = {"rules": rules} if size > 1 else rules[0]
                program[name]["security_group_id"] = self.group
                program[name]["adopt"] = self.random.random() < 0.4
        return program

    def rule(self, port: int) -> Properties:
        """A rule for a port, in one of several forms."""
        return {
            "ip_protocol": "tcp",
            **self.random.choice(self.sources),
            "port_range": port,
            "priority": self.random.choice([1, 1, 2]),
            "description": self.random.choice(["", "", "office", "home"]),
        }


def test_no_rule_is_lost_when_a_hook_repeats_calls() -> None:
    """More lives with STEPS. The order of threads differs from run to run."""
    for seed in range(LIVES):
        with opened("in process") as front:
            life = Life(seed, front.fake, Stack(front.settings))
            for _ in range(STEPS_OF_A_LIFE):
                life.step()
            life.end()
