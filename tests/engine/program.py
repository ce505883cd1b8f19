"""
A program of recorded resources, declared from data.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import pulumi

from engine.recorder import Component, Recorded, Renamed
from engine.ways import Declared

TYPES: dict[str, type[Recorded | Renamed]] = {
    "Recorded": Recorded,
    "Renamed": Renamed,
}


@dataclass(frozen=True)
class Declaring:
    """The resources of one way, whose names all begin with the same prefix."""

    prefix: str
    made: dict[str, Recorded | Renamed] = field(
        default_factory=dict[str, "Recorded | Renamed"]
    )
    components: dict[str, Component] = field(default_factory=dict[str, Component])

    def declare(self, wanted: Declared) -> None:
        """Register a resource."""
        properties: dict[str, Any] = {
            "label": self.prefix + (wanted.label or wanted.name),
            "value": wanted.value,
            "kind": wanted.kind,
            "remark": wanted.remark,
        }
        if wanted.source:
            properties["source"] = self.made[wanted.source].id
        made = TYPES[wanted.type](
            self.prefix + wanted.name, properties, self.options(wanted)
        )
        self.made[wanted.name] = made

    def options(self, wanted: Declared) -> pulumi.ResourceOptions:
        """The options, with resources in place of names."""
        options = dict(wanted.options)
        if "depends_on" in options:
            options["depends_on"] = [self.made[n] for n in options["depends_on"]]
        if "deleted_with" in options:
            options["deleted_with"] = self.made[options["deleted_with"]]
        if "parent" in options:
            options["parent"] = self.component(options["parent"])
        if "aliases" in options:
            options["aliases"] = [self.alias(each) for each in options["aliases"]]
        return pulumi.ResourceOptions(**options)

    def component(self, name: str) -> Component:
        """The component of that name."""
        if name not in self.components:
            self.components[name] = Component(self.prefix + name)
        return self.components[name]

    def alias(self, fields: dict[str, Any]) -> pulumi.Alias:
        """What the resource was before."""
        if "name" in fields:
            return pulumi.Alias(name=self.prefix + fields["name"])
        return pulumi.Alias(**fields)


def declare(programs: dict[str, Sequence[Declared]]) -> None:
    """Register the programs of several ways, by their prefixes."""
    for prefix, wanted in programs.items():
        declaring = Declaring(prefix)
        for each in wanted:
            declaring.declare(each)
