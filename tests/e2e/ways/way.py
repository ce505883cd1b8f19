"""
What a row of the table holds: programs, commands, manual changes, and expectations.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from e2e.ways.scene import Scene

Kind = Literal["rule", "set"]
Via = Literal["command line", "language host", "automation"]
Rule = tuple[tuple[str, str], ...]
"""
The fields of a live rule that are compared, by name.
"""

BOTH: tuple[Kind, ...] = ("rule", "set")
OPTIONS = (
    "additional_secret_outputs",
    "aliases",
    "custom_timeouts",
    "delete_before_replace",
    "deleted_with",
    "depends_on",
    "hide_diffs",
    "hooks",
    "ignore_changes",
    "parent",
    "protect",
    "remedied",
    "replace_on_changes",
    "replace_with",
    "replacement_trigger",
    "retain_on_delete",
    "transforms",
)
FIELDS = {
    "IpProtocol": "tcp",
    "PortRange": "",
    "SourceCidrIp": "",
    "Ipv6SourceCidrIp": "",
    "SourceGroupId": "",
    "DestCidrIp": "",
    "SourcePortRange": "",
    "Policy": "accept",
    "Priority": "1",
    "NicType": "intranet",
    "Description": "",
}
"""
What is compared of a live rule, with the values that are assumed.
"""
SECOND_PORT = 1000
"""
A set holds each port of a row twice: unchanged, and with this offset.
"""


@dataclass(frozen=True)
class Declared:
    """
    One resource of a program.

    Args:
        name: in the program.
        ports: of its rules; one, unless it is always a set.
        kind: what it is; None is what the row is walked as.
        source: block that may connect; IPv6 if it has a colon.
        fields: further fields of each rule, by the names of the arguments.
        group: "" or "other", the second group of the row.
        stack: "" or "other", the second stack of the row.
        arguments: of the resource beside its rules: adopt, exclusive, ...
        options: of the resource, by name; resources in them are named.
    """

    name: str
    ports: tuple[int, ...]
    kind: Kind | None = None
    source: str = "10.0.0.0/8"
    fields: Mapping[str, Any] = field(default_factory=dict[str, Any])
    group: str = ""
    stack: str = ""
    arguments: Mapping[str, Any] = field(default_factory=dict[str, Any])
    options: Mapping[str, Any] = field(default_factory=dict[str, Any])

    def but(self, **changes: Any) -> Declared:
        """
        The same resource with other options, arguments or fields.
        """
        own = {n: changes.pop(n) for n in _OWN if n in changes}
        options = {n: changes.pop(n) for n in OPTIONS if n in changes}
        arguments = {n: changes.pop(n) for n in _ARGUMENTS if n in changes}
        return replace(
            self,
            **own,
            options={**self.options, **options},
            arguments={**self.arguments, **arguments},
            fields={**self.fields, **changes},
        )

    def as_kind(self, kind: Kind) -> Declared:
        """
        The resource as one rule or as a set.
        """
        if self.kind is not None:
            return self
        if kind == "rule":
            return replace(self, kind=kind)
        (port,) = self.ports
        ports = (port, port + SECOND_PORT)
        return replace(self, kind=kind, ports=ports, options=_of_a_set(self.options))

    def rules(self) -> list[Rule]:
        """The live rules that it declares."""
        source = "Ipv6SourceCidrIp" if ":" in self.source else "SourceCidrIp"
        named = {_api_name(name): str(value) for name, value in self.fields.items()}
        return [
            compared({"PortRange": f"{port}/{port}", source: self.source, **named})
            for port in self.ports
        ]


Program = tuple[Declared, ...]
_OWN = ("name", "ports", "source", "group", "stack")
_ARGUMENTS = ("adopt", "exclusive", "keep_descriptions")


def rule(name: str, port: int, **more: Any) -> Declared:
    """
    One rule, or a set of two, as the row is walked.
    """
    return Declared(name, (port,)).but(**more)


def one(name: str, port: int, **more: Any) -> Declared:
    """
    Always a single rule.
    """
    return replace(Declared(name, (port,), kind="rule")).but(**more)


def set_of(name: str, *ports: int, **more: Any) -> Declared:
    """
    Always a set, of these ports.
    """
    return Declared(name, ports, kind="set").but(**more)


def compared(fields: Mapping[str, Any]) -> Rule:
    """
    A rule by all fields that may differ from its neighbour.

    A description that was emptied is shown as `-`: ECS does not accept an empty
    one.
    """
    given = {
        name: str(fields.get(name, value)).lower() for name, value in FIELDS.items()
    }
    given["Description"] = given["Description"].removeprefix("-")
    return tuple(given.items())


def _of_a_set(options: Mapping[str, Any]) -> Mapping[str, Any]:
    """The same option of a set, which holds a rule's fields in `rules`."""
    named = {"port_range": "rules", "description": "rules"}
    named["security_group_rule_id"] = "rule_ids"
    return {
        option: [named.get(name, name) for name in value]
        if option.endswith(("_changes", "_outputs"))
        else value
        for option, value in options.items()
    }


def _api_name(name: str) -> str:
    return "".join(word.capitalize() for word in name.split("_"))


@dataclass(frozen=True)
class Run:
    """
    One command of the engine.

    Args:
        command: as typed, with names for URNs; `other: up` runs in the second stack.
        exit: "ok", "fails", or "either".
        says: what the output holds.
    """

    command: str
    exit: Literal["ok", "fails", "either"] = "ok"
    says: tuple[str, ...] = ()

    @property
    def is_shared(self) -> bool:
        """
        Whether others may fail in it, without this row being touched.
        """
        return "--continue-on-error" in self.command

    @property
    def shape(self) -> str:
        """
        The command without the resources that it names.
        """
        named = re.sub(r"(state rename) .*", r"\1", self.command)
        return re.sub(rf"({'|'.join(NAMING)}) \S+", r"\1", named)


NAMING = (
    "--target",
    "--exclude",
    "--replace",
    "--target-replace",
    "state taint",
    "state untaint",
    "state unprotect",
    "state delete",
)
"""The name that commands of a row use for its resource."""


def fails(command: str, *says: str) -> Run:
    """A command that ends with an error, and the text of the error."""
    return Run(command, "fails", says)


def either(command: str) -> Run:
    """A command that converges or fails, and leaves nothing in between."""
    return Run(command, "either")


@dataclass(frozen=True)
class ByHand:
    """What is done between commands: to the cloud, the state, or the program."""

    words: str
    act: Callable[[Scene], object]


@dataclass(frozen=True)
class Expected:
    """
    What holds after a command that is not the last.

    Args:
        live: the resources whose rules are live; None means those that the state names.
    """

    live: Program | None
    unmanaged: Program = ()
    missing: tuple[str, ...] = ()


Step = str | Run | ByHand | Expected


@dataclass(frozen=True, kw_only=True)
class Way:
    """
    One row of the table.

    Args:
        name: says what happens, in one line.
        before: the program that the state was made by.
        after: the program that the commands run.
        steps: commands, and what is done by hand between them.
        live: the resources whose rules are live in the end, and in the state.
        unmanaged: those of them that the user has taken out of the state.
        missing: names in the state whose rule is deleted, which no command has read.
        renewed: names whose rule has a new ID.
        any_id: a rule that moves may be deleted and created again; the engine does not
            fix the order of the two resources.
        quiet: no call changes anything.
        kinds: what the row is run with: a rule, a set.
        alone: the row does not share its stack.
        together: the fault that affects all rows that share a stack.
        revoked_once: each deleted rule was revoked exactly once.
        via: how the engine is started, and what runs the program.
        timeout: seconds that a call may take, with its retries.
    """

    name: str
    before: Program
    after: Program
    steps: tuple[Step, ...]
    live: Program
    unmanaged: Program = ()
    missing: tuple[str, ...] = ()
    renewed: tuple[str, ...] = ()
    any_id: bool = False
    quiet: bool = False
    kinds: tuple[Kind, ...] = BOTH
    alone: bool = False
    together: str = ""
    revoked_once: bool = True
    via: Via = "command line"
    timeout: int = 120

    @property
    def runs(self) -> list[Run]:
        """
        The commands in their order.
        """
        steps = [Run(step) if isinstance(step, str) else step for step in self.steps]
        return [step for step in steps if isinstance(step, Run)]


@dataclass(frozen=True)
class Walk:
    """
    A row, walked with single rules or with sets.
    """

    number: int
    way: Way
    kind: Kind

    @property
    def id(self) -> str:
        """
        How the test is named.
        """
        return f"{self.way.name} [{self.kind}]"

    @property
    def slug(self) -> str:
        """
        What the names of its resources begin with.
        """
        return f"w{self.number}{self.kind[0]}"

    @cached_property
    def company(self) -> tuple[object, ...]:
        """
        Walks of the same company share a stack and its commands.
        """
        way = self.way
        shapes = tuple(run.shape for run in way.runs)
        exits = tuple(run.exit for run in way.runs)
        fragile = any(run.exit != "ok" and not run.is_shared for run in way.runs)
        own = self.id if way.alone or (fragile and not way.together) else ""
        return (way.via, way.timeout, shapes, exits, way.together, own)
