"""
A stack of rules and sets of rules, led as the engine leads it.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from pulumi.dynamic import ResourceProvider

from alicloud_ingress.engine.declarations import DECLARATION, Declaration, fingerprint
from alicloud_ingress.engine.program import as_checked
from alicloud_ingress.resource import IngressRuleProvider, IngressRuleSetProvider
from engine import double
from engine.host import Properties
from engine.state import NO_OPTIONS, Entry, Key, Options, Wanted
from engine.ways import DESTROY, REFRESH, UP

Program = Mapping[str, Properties]
RULES, SETS = IngressRuleProvider(), IngressRuleSetProvider()
NO_MORE: Mapping[str, Options] = {}


@dataclass
class Stack:
    """
    One stack, whose programs are the arguments of each resource by its name.
    """

    settings: Mapping[str, str]
    engine: double.Stack = field(init=False)

    def __post_init__(self) -> None:
        self.engine = double.Stack(self.settings)

    @property
    def entries(self) -> list[Entry]:
        """All entries of the state for which a rule should exist."""
        return [entry for entry in self.engine.entries if not entry.deleted]

    @property
    def state(self) -> dict[str, Entry]:
        """The entries of the program's resources, by name."""
        return {entry.name: entry for entry in self.entries if not entry.doomed}

    @property
    def doomed(self) -> list[Entry]:
        """What was replaced and has still to be deleted."""
        return [entry for entry in self.entries if entry.doomed]

    def run(
        self, command: str, program: Program, options: Mapping[str, Options] = NO_MORE
    ) -> list[Exception]:
        """Run a command of the engine and return the errors of what failed."""
        return self.engine.run(
            command, lambda is_preview: declared(program, options, is_preview)
        )

    def up(self, program: Program) -> list[Exception]:
        """Deploy the program."""
        return self.run(UP, program)

    def refresh(self) -> list[Exception]:
        """Read all that is in the state; what no longer exists is dropped."""
        return self.run(REFRESH, {})

    def destroy(self) -> list[Exception]:
        """Delete all that is in the state."""
        return self.run(DESTROY, {})

    def taint(self) -> None:
        """Let the next deployment replace every resource."""
        for name in self.state:
            self.engine.taint(name)

    def forget_ids(self) -> None:
        """
        Remove the rule IDs, as after creates whose rules were not visible in
        time.
        """
        self.engine.entries = [_without_id(entry) for entry in self.engine.entries]


def _without_id(entry: Entry) -> Entry:
    group = entry.outputs["security_group_id"]
    outputs = {**entry.outputs, "security_group_rule_id": ""}
    return replace(entry, id=f"{group}/pending/0123456789ab", outputs=outputs)


def declared(
    program: Program,
    options: Mapping[str, Options],
    is_preview: bool,  # noqa: FBT001  as the engine tells a program
) -> Sequence[Wanted]:
    """The resources of one run of a program."""
    run = uuid.uuid4().hex
    return [
        Wanted(
            Key(name),
            provider_of(arguments),
            {
                **arguments,
                DECLARATION: Declaration(
                    run,
                    number,
                    name,
                    deploys=not is_preview,
                    rules=fingerprint(as_checked(arguments["rules"]))
                    if "rules" in arguments
                    else "",
                ).written(),
            },
            options.get(name, NO_OPTIONS),
        )
        for number, (name, arguments) in enumerate(program.items())
    ]


def provider_of(arguments: Properties) -> ResourceProvider:
    """The provider of a resource with these arguments."""
    return SETS if "rules" in arguments else RULES
