"""
One row on its way: its groups, its part of a stack, and what is done by hand.
"""

from __future__ import annotations

import copy
import re
import shlex
import uuid
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import cycle
from typing import Any

from alicloud_ingress.testing import FakeCall, FakeEcs
from alicloud_ingress.testing.faults import Fault
from alicloud_ingress.testing.state import Lag
from e2e.project import Outcome
from e2e.ways.program import ROOT
from e2e.ways.stack import Stack, plain
from e2e.ways.way import (
    FIELDS,
    NAMING,
    ByHand,
    Declared,
    Expected,
    Program,
    Rule,
    Walk,
    compared,
)

DYNAMIC = "pulumi-python:dynamic/alicloud-ingress:SecurityGroupIngressRule"
KNOWN_TO_0_1_0 = frozenset(
    (
        *("__provider", "account_id", "adopt", "create_time", "description"),
        *("dest_cidr_ip", "exclusive", "expires_on", "foreign_rule_ids"),
        *("ip_protocol", "ipv6_dest_cidr_ip", "ipv6_source_cidr_ip"),
        *("keep_descriptions", "keep_rule_ids", "nic_type", "policy", "port_range"),
        *("port_range_list_id", "priority", "profile", "region", "rule_ids", "rules"),
        *("security_group_id", "security_group_rule_id", "source_cidr_ip"),
        *("source_group_id", "source_group_owner_account", "source_group_owner_id"),
        *("source_port_range", "source_prefix_list_id"),
    )
)
"""The properties that a state of the first release has."""
NEIGHBOURS: tuple[dict[str, str], ...] = (
    {"Priority": "2"},
    {"Policy": "drop"},
    {"IpProtocol": "udp"},
    {"SourceCidrIp": "10.0.0.0/9"},
    {"DestCidrIp": "10.1.0.0/16"},
    {"SourcePortRange": "1024/65535"},
)
"""The fields in which neighbours differ from the rules of a row."""
DESCRIBE, REVOKE = "DescribeSecurityGroupAttribute", "RevokeSecurityGroup"
REFUSED_FROM = 400
WRITES = ("AuthorizeSecurityGroup", "ModifySecurityGroupRule", REVOKE)


@dataclass(frozen=True)
class Before:
    """
    What a walk starts from.

    Args:
        groups: the ID of each group by its name in the row.
        ecs: these groups as the fake keeps them, by ID.
        resources: the entries of each stack by its name in the row.
    """

    groups: dict[str, str]
    ecs: dict[str, Any]
    resources: dict[str, list[dict[str, Any]]]


@dataclass
class Scene:
    """
    One walk in progress.

    Args:
        program: the program of the next command.
        ids: the rule IDs of each resource in the beginning, by its name.
        by_hand: IDs of rules that were deleted by hand, or got another port.
        dones: the outcomes of the commands.
        found: what differed from the expectations, as text.
        neighbours: the other live rules, by ID.
    """

    walk: Walk
    before: Before
    fake: FakeEcs
    stacks: Mapping[str, Stack]
    program: Program = ()
    ids: dict[str, dict[str, Rule]] = field(default_factory=dict[str, dict[str, Rule]])
    by_hand: set[str] = field(default_factory=set[str])
    dones: list[Outcome] = field(default_factory=list[Outcome])
    found: list[str] = field(default_factory=list[str])
    neighbours: dict[str, Rule] = field(default_factory=dict[str, Rule])

    def __post_init__(self) -> None:
        self.program = self.walk.way.after
        group_id = self.before.groups[""]
        added = [self.fake.add_rule(group_id, **f) for f in self._neighbouring()]
        live = self.live
        self.neighbours = {rule_id: live[rule_id] for rule_id in added}
        for stack in self.stacks:
            for name, ids in self.held(self.entries(stack)).items():
                self.ids[name] = {i: live[i] for i in ids}

    @property
    def live(self) -> dict[str, Rule]:
        """
        All live rules of the walk's groups, by ID.
        """
        return {
            rule_id: (("group", name), *compared(fields))
            for name, group_id in self.before.groups.items()
            for rule_id, fields in self.fake.rules(group_id).items()
        }

    def _neighbouring(self) -> list[dict[str, str]]:
        """Rules that differ in one field from those of the row."""
        declared = (*self.walk.way.before, *self.walk.way.after)
        if any(each.arguments.get("exclusive") for each in declared):
            return []
        rules = {r for d in declared for r in d.as_kind(self.walk.kind).rules()}
        beside = {tuple({**dict(r), **o}.items()) for r in rules for o in NEIGHBOURS}
        return [
            {name: value for name, value in each if value and name != "NicType"}
            for each in sorted(beside - rules)
            if not dict(each)["Ipv6SourceCidrIp"]
        ]

    def entries(self, stack: str = "") -> list[dict[str, Any]]:
        """
        The walk's rules in the state.
        """
        return [
            plain(entry)
            for entry in self.stacks[stack].resources
            if self.is_ours(entry)
        ]

    def is_ours(self, entry: Mapping[str, Any]) -> bool:
        """Whether an entry of the state belongs to this walk, a component included."""
        return _name(entry).startswith(f"{self.walk.slug}.")

    def held(self, entries: Sequence[Mapping[str, Any]]) -> dict[str, list[str]]:
        """The rule IDs of entries of the state, by the name in the row."""
        held: dict[str, list[str]] = {}
        for entry in entries:
            if not entry["type"].startswith("pulumi-python:"):
                continue
            outputs = entry["outputs"]
            name = _name(entry).removeprefix(f"{self.walk.slug}.")
            ids = (
                [i for key, i in outputs["rule_ids"].items() if key in outputs["rules"]]
                if "rule_ids" in outputs
                else [outputs["security_group_rule_id"]]
            )
            foreign = outputs.get("foreign_rule_ids", [])
            held.setdefault(name, []).extend(i for i in ids if i not in foreign)
        return held

    def calls(self) -> list[FakeCall]:
        """All calls on the walk's groups."""
        ours = self.before.groups.values()
        return [
            call
            for call in list(self.fake.calls)
            if call.parameters.get("SecurityGroupId") in ours
        ]

    def rules_of(self, declared: Declared) -> list[Rule]:
        """The live rules of a resource of the row."""
        placed = declared.as_kind(self.walk.kind)
        return [(("group", placed.group), *rule) for rule in placed.rules()]

    def placed(self, stack: str = "") -> list[dict[str, Any]]:
        """
        The program of a stack, as data.
        """
        return placed_program(self.walk, self.program, self.before.groups, stack)

    def arguments(self, command: str) -> list[str]:
        """
        A command with the URNs of the resources that it names.
        """
        words = shlex.split(command)
        if words[:2] == ["state", "rename"]:
            old, new = words[2:]
            return [*words[:2], self.urn(old), f"{self.walk.slug}.{new}"]
        named = {flag.split()[-1] for flag in NAMING}
        return [
            self.urn(word) if before in named else word
            for before, word in zip(["", *words], words, strict=False)
        ]

    def urn(self, name: str) -> str:
        """
        The URN of a resource of the row, in the state or in the program.
        """
        full = f"{self.walk.slug}.{name}"
        for entry in self.stacks[""].resources:
            if _name(entry) == full:
                urn: str = entry["urn"]
                return urn
        set_suffix = "Set" if self.walk.kind == "set" else ""
        return f"urn:pulumi:test::ways::{DYNAMIC}{set_suffix}::{full}"

    def own_words(self, done: Outcome) -> str:
        """The lines of a command's output about the resources of this walk."""
        parts = re.split(r"\n  (?=[\w:/$-]+ \([^)]*\):\n)", done.text)
        return "\n".join(p for p in parts if f"({self.walk.slug}." in p.split("\n")[0])

    def problems(self, expected: Expected) -> list[str]:
        """What differs from what is expected, as text."""
        return [*self._wrong_live(expected), *self._wrong_state(expected)]

    def problems_at_the_end(self) -> list[str]:
        """
        The same after the last command, and what the calls say.
        """
        way = self.walk.way
        end = Expected(way.live, way.unmanaged, way.missing)
        if way.runs[-1].exit == "either" and "error:" in self.own_words(self.dones[-1]):
            end = Expected(way.before)
        found = self.problems(end)
        if not way.any_id:
            found += self._wrong_ids(end)
        if way.revoked_once:
            found += self._wrong_revokes()
        if way.quiet:
            writes = [call.action for call in self.calls() if call.action in WRITES]
            found += [f"{action} was called" for action in writes]
        return found

    def _wrong_live(self, expected: Expected) -> list[str]:
        live = self.live
        found = [
            f"the neighbour {rule_id} is {live.get(rule_id, 'gone')}"
            for rule_id, rule in self.neighbours.items()
            if live.get(rule_id) != rule
        ]
        ours = Counter(r for i, r in live.items() if i not in self.neighbours)
        if expected.live is None:
            return found
        wanted = Counter({r for d in expected.live for r in self.rules_of(d)})
        found += [f"is open, and not wanted: {as_text(r)}" for r in ours - wanted]
        return found + [f"is wanted, and not live: {as_text(r)}" for r in wanted - ours]

    def _wrong_state(self, expected: Expected) -> list[str]:
        if expected.live is None:
            return self._inconsistent()
        found: list[str] = []
        live = self.live
        for stack in self.stacks:
            entries = self.entries(stack)
            held = self.held(entries)
            managed = {
                d.name: d
                for d in expected.live
                if d.stack == stack and d not in expected.unmanaged
            }
            known = {*managed, *expected.missing}
            odd = [name for name, ids in held.items() if ids and name not in known]
            found += [f"is in the state, and not wanted: {name}" for name in odd]
            if not self.dones or self.dones[-1].ok:
                late = [e["urn"] for e in entries if e.get("delete")]
                found += [f"is still to be deleted: {urn}" for urn in late]
            for name, declared in managed.items():
                if name not in held:
                    found.append(f"is live, and not in the state: {name}")
                    continue
                ids = held[name]
                named = Counter(live.get(i, (("id", i or "unknown"),)) for i in ids)
                if named != Counter(self.rules_of(declared)):
                    said = ", ".join(map(as_text, named))
                    found.append(f"the state says of {name} that it is {said}")
        return found

    def _inconsistent(self) -> list[str]:
        """
        What is in the state and not live, or live and not in the state.

        The engine marks the entry of a rule that it has deleted to replace it.
        """

        def ids(entries: Iterable[Mapping[str, Any]]) -> set[str]:
            return {i for ids in self.held([*entries]).values() for i in ids}

        entries = [each for stack in self.stacks for each in self.entries(stack)]
        held = ids(entries)
        lasting = ids(each for each in entries if not each.get("pendingReplacement"))
        live = self.live.keys() - self.neighbours.keys()
        return [
            *(f"is live, and not in the state: {i}" for i in live - held),
            *(f"is in the state, and not live: {i}" for i in lasting - live),
        ]

    def _wrong_ids(self, expected: Expected) -> list[str]:
        """
        Rules that have another ID though they are what they were.
        """
        found: list[str] = []
        live = self.live
        now = {rule: i for i, rule in live.items() if i not in self.neighbours}
        for name, ids in self.ids.items():
            for rule_id, rule in ids.items():
                if rule_id in self.by_hand or rule not in now:
                    continue
                if name in self.walk.way.renewed:
                    if now[rule] == rule_id:
                        found.append(f"{name} was not replaced: {rule_id}")
                elif now[rule] != rule_id:
                    found.append(f"{name} ({as_text(rule)}) has a new ID: {now[rule]}")
        for declared in expected.live or ():
            old = self.ids.get(declared.name, {})
            if len(old) == 1 and declared.name not in self.walk.way.renewed:
                (rule_id,) = old
                wanted = self.rules_of(declared)
                if rule_id not in self.by_hand and live.get(rule_id) not in wanted:
                    found.append(f"{declared.name} was not changed in place: {rule_id}")
        return found

    def _wrong_revokes(self) -> list[str]:
        """
        Rules that were revoked and are live, and those that were not revoked once. A
        call that is refused because of one of its rules revokes none of them.
        """
        revokes = [call for call in self.calls() if call.action == REVOKE]
        by_id: Counter[str] = Counter()
        by_fields: Counter[tuple[str, str]] = Counter()
        for call in revokes:
            named, described = _revoked_by(call)
            if call.status < REFUSED_FROM or len(named) + len(described) == 1:
                by_id.update(named)
                by_fields.update(described)
        live = self.live
        sent = {rule_id for call in revokes for rule_id in _revoked_by(call)[0]}
        found = [f"{i} was revoked, and is live" for i in sorted(sent) if i in live]
        for ids in self.ids.values():
            for rule_id, rule in ids.items():
                if rule_id in live:
                    continue
                fields = dict(rule)
                count = by_id[rule_id]
                count += by_fields[fields["PortRange"], fields["SourceCidrIp"]]
                if count != 1 and not (rule_id in self.by_hand and count == 0):
                    found.append(f"{rule_id} was revoked {count} times")
        return found

    def report(self) -> str:
        """What happened, for the reader of a failed test."""
        lines = ["calls:"]
        lines += [
            f"  {c.action} {dict(c.parameters)} -> {c.status} {c.code}"
            for c in self.calls()
        ]
        lines.append("live, less the neighbours:")
        lines += [
            f"  {i}: {as_text(r)}"
            for i, r in self.live.items()
            if i not in self.neighbours
        ]
        lines.append("state:")
        for stack in self.stacks:
            lines += [f"  {stack} {_name(e)}: {e}" for e in self.entries(stack)]
        for run, done in zip(self.walk.way.runs, self.dones, strict=False):
            lines += [
                f"pulumi {run.command}: {'ok' if done.ok else 'failed'}",
                done.text,
            ]
        return "\n".join(lines)


def placed_program(
    walk: Walk, program: Program, groups: Mapping[str, str], stack: str
) -> list[dict[str, Any]]:
    """
    A program of a row as data for `program.declare`.
    """
    return [
        _placed(walk, declared.as_kind(walk.kind), groups)
        for declared in program
        if declared.stack == stack
    ]


def _placed(
    walk: Walk, declared: Declared, groups: Mapping[str, str]
) -> dict[str, Any]:
    source = "ipv6_source_cidr_ip" if ":" in declared.source else "source_cidr_ip"

    def named(name: str) -> str:
        return f"{walk.slug}.{name}"

    options = dict(declared.options)
    for option in ("parent", "deleted_with"):
        if option in options:
            options[option] = named(options[option])
    for option in ("depends_on", "replace_with"):
        if option in options:
            options[option] = [named(name) for name in options[option]]
    if "aliases" in options:
        options["aliases"] = [
            {
                key: value if key == "type_" or value == ROOT else named(value)
                for key, value in alias.items()
            }
            for alias in options["aliases"]
        ]
    return {
        "name": named(declared.name),
        "kind": declared.kind,
        "group": groups[declared.group],
        "rules": [
            {
                "ip_protocol": "tcp",
                "port_range": port,
                source: declared.source,
                **declared.fields,
            }
            for port in declared.ports
        ],
        "arguments": dict(declared.arguments),
        "options": options,
    }


def as_text(rule: Rule) -> str:
    """A rule by the fields that differ from the defaults."""
    return " ".join(f"{n}={v}" for n, v in rule if v and v != FIELDS.get(n))


def _name(entry: Mapping[str, Any]) -> str:
    name: str = entry["urn"].split("::")[-1]
    return name


def _port(rule: Rule) -> int:
    return int(dict(rule)["PortRange"].split("/")[0])


def removed(name: str) -> ByHand:
    """Delete the rules of a resource by hand."""

    def act(scene: Scene) -> None:
        for rule_id, rule in scene.ids[name].items():
            scene.by_hand.add(rule_id)
            scene.fake.remove_rule(scene.before.groups[dict(rule)["group"]], rule_id)

    return ByHand(f"{name} is removed by hand", act)


def changed(declared: Declared) -> ByHand:
    """Change the rules of a resource by hand."""

    def act(scene: Scene) -> None:
        ids = scene.ids[declared.name]
        by_port = sorted(ids, key=lambda rule_id: _port(ids[rule_id]))
        wanted = sorted(scene.rules_of(declared), key=_port)
        for rule_id, rule in zip(by_port, wanted, strict=True):
            if _port(rule) != _port(ids[rule_id]):
                scene.by_hand.add(rule_id)
            fields = {n: v for n, v in rule if v and n not in ("group", "NicType")}
            group = scene.before.groups[declared.group]
            scene.fake.change_rule(group, rule_id, **fields)

    return ByHand(f"{declared.name} is changed by hand", act)


def one_for_another(name: str, gone: int, other: int) -> ByHand:
    """Delete the rule of one port by hand, and change another one to that port."""

    def act(scene: Scene) -> None:
        ids = {_port(rule): rule_id for rule_id, rule in scene.ids[name].items()}
        group = scene.before.groups[""]
        scene.by_hand |= set(ids.values())
        scene.fake.remove_rule(group, ids[gone])
        scene.fake.change_rule(group, ids[other], PortRange=f"{gone}/{gone}")

    return ByHand(f"of {name}, {gone} is removed by hand, and {other} becomes it", act)


def swapped_by_hand(name: str) -> ByHand:
    """Exchange the ports of two rules of a set by hand."""

    def act(scene: Scene) -> None:
        (one, port), (other, then) = (
            (rule_id, str(dict(rule)["PortRange"]))
            for rule_id, rule in scene.ids[name].items()
        )
        group = scene.before.groups[""]
        scene.by_hand |= {one, other}
        for rule_id, to in ((one, "9/9"), (other, port), (one, then)):
            scene.fake.change_rule(group, rule_id, PortRange=to)

    return ByHand(f"the rules of {name} are swapped by hand", act)


def added(declared: Declared) -> ByHand:
    """Add rules by hand."""

    def act(scene: Scene) -> None:
        for rule in scene.rules_of(declared):
            fields = {n: v for n, v in rule if v and n not in ("group", "NicType")}
            scene.fake.add_rule(scene.before.groups[declared.group], **fields)

    return ByHand(f"{declared.name} is added by hand", act)


def now(*program: Declared) -> ByHand:
    """Use another program from here on."""

    def act(scene: Scene) -> None:
        scene.program = program

    return ByHand("the program is changed", act)


def faults(*struck: Fault) -> ByHand:
    """Let ECS fail from here on."""
    return ByHand("ECS does badly", lambda scene: scene.fake.inject(*struck))


def all_is_well() -> ByHand:
    """Let ECS answer correctly from here on."""
    return ByHand("ECS does well", lambda scene: scene.fake.forget_faults())


def shows_at_last() -> ByHand:
    """Let ECS show the rules that were made and were not visible."""

    def act(scene: Scene) -> None:
        for group in scene.fake.groups.values():
            group.lags.clear()

    return ByHand("what was made shows at last", act)


def shows_late(name: str, turn: str = "") -> ByHand:
    """
    Let the next read show deleted rules in place of those of a resource. With *turn*,
    let all reads show the deleted rules (D), the own ones (O) or none (-), in turn.
    """

    def show(scene: Scene, shown: str) -> None:
        for group_id in scene.before.groups.values():
            scene.fake.groups[group_id].lags.clear()
        for rule_id, rule in scene.ids[name].items():
            group = scene.fake.groups[scene.before.groups[dict(rule)["group"]]]
            deleted = {**group.rules[rule_id], "CreateTime": "2020-01-01T00:00:00Z"}
            if shown != "O":
                group.lags[rule_id] = Lag(None, 1)
            if shown == "D":
                group.lags[f"{rule_id}-deleted"] = Lag(deleted, 1)

    def act(scene: Scene) -> None:
        show(scene, "D")
        turns = cycle(turn)
        edit = Fault.other_hand(DESCRIBE, lambda _: show(scene, next(turns)))
        scene.fake.inject(*([replace(edit, times=1_000)] if turn else []))

    return ByHand(f"reads show deleted rules in place of those of {name}", act)


def without_id(*names: str) -> ByHand:
    """
    Take the rule IDs out of the state, as after a create that did not see its rule.
    """

    def edit(scene: Scene, entry: dict[str, Any]) -> None:
        if _name(entry).removeprefix(f"{scene.walk.slug}.") not in names:
            return
        outputs = entry["outputs"]
        if "rule_ids" in outputs:
            outputs["rule_ids"] = dict.fromkeys(outputs["rule_ids"], "")
            return
        group = outputs["security_group_id"]
        outputs["security_group_rule_id"] = outputs["create_time"] = ""
        entry["id"] = f"{group}/pending/{uuid.uuid4().hex[:12]}"

    return _edited(f"{', '.join(names)} without an ID in the state", edit)


def unmarked() -> ByHand:
    """Make the state one of the first release, which had no owner's mark."""

    def edit(_: Scene, entry: dict[str, Any]) -> None:
        for part in ("inputs", "outputs"):
            for name in entry.get(part, {}).keys() - KNOWN_TO_0_1_0:
                del entry[part][name]

    return _edited("the state is as the first release wrote it", edit)


def of_type(name: str, type_: str) -> ByHand:
    """Give a resource another type in the state."""

    def edit(scene: Scene, entry: dict[str, Any]) -> None:
        if _name(entry) == f"{scene.walk.slug}.{name}":
            entry["urn"] = entry["urn"].replace(entry["type"], type_)
            entry["type"] = type_

    return _edited(f"{name} is of another type in the state", edit)


def _edited(words: str, edit: Any) -> ByHand:
    def act(scene: Scene) -> None:
        for stack in scene.stacks.values():
            entries = stack.state.get("resources", [])
            for entry in entries:
                if scene.is_ours(entry) and entry["type"].startswith("pulumi-python:"):
                    edit(scene, entry)
            stack.put(entries)

    return ByHand(words, act)


def duplicate(name: str, other: str, *, own_mark: bool = True) -> ByHand:
    """
    The state, made by hand, names the rules of a resource for another one, too.

    Args:
        own_mark: whether the other one has an owner's mark of its own, as an import
            gives it, or the same one, as a copied entry has.
    """

    def act(scene: Scene) -> None:
        stack = scene.stacks[""]
        entries = stack.state["resources"]
        (found,) = [e for e in entries if _name(e) == f"{scene.walk.slug}.{name}"]
        copied = copy.deepcopy(found)
        copied["urn"] = found["urn"].removesuffix(f".{name}") + f".{other}"
        for key in copied["outputs"].keys() - KNOWN_TO_0_1_0 if own_mark else ():
            mark = copied["outputs"][key]
            copied["outputs"][key] = uuid.uuid4().hex[: len(mark)]
        stack.put([*entries, copied])

    return ByHand(f"{other} is a second resource of {name}'s rule", act)


def _revoked_by(call: FakeCall) -> tuple[list[str], list[tuple[str, str]]]:
    """
    The IDs, and the ports and sources, that a call of RevokeSecurityGroup names.
    """
    given = call.parameters
    ids = [i for name, i in given.items() if name.startswith("SecurityGroupRuleId.")]
    ports = {name: text for name, text in given.items() if name.endswith(".PortRange")}
    return ids, [
        (text, given.get(name.replace("PortRange", "SourceCidrIp"), ""))
        for name, text in ports.items()
    ]
