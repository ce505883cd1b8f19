"""
What a stack holds of its resources, and what a program wants of them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from pulumi.dynamic import ResourceProvider

from engine.host import Properties


@dataclass(frozen=True)
class Key:
    """What a URN names: unique within a stack."""

    name: str
    type: str = ""
    parent: str = ""


@dataclass(frozen=True)
class Options:
    """
    Options of a resource, with names in place of resources.

    Args:
        on_error: a hook, which says whether a call that failed is made again.
        remedy: a policy, which changes the inputs after check.
    """

    replace_on_changes: tuple[str, ...] = ()
    delete_before_replace: bool | None = None
    protect: bool = False
    retain_on_delete: bool = False
    ignore_changes: tuple[str, ...] = ()
    depends_on: tuple[str, ...] = ()
    deleted_with: str = ""
    aliases: tuple[Key, ...] = ()
    on_error: Callable[[], bool] = field(default=lambda: False, compare=False)
    remedy: Callable[[Properties], Properties] = field(
        default=lambda inputs: inputs, compare=False
    )


NO_OPTIONS = Options()


@dataclass(frozen=True)
class Wanted:
    """
    A resource in a program.

    Args:
        sources: properties that are the ID of another resource, by its name.
    """

    key: Key
    provider: ResourceProvider
    properties: Mapping[str, Any]
    options: Options = NO_OPTIONS
    sources: Mapping[str, str] = field(default_factory=dict[str, str])

    @property
    def name(self) -> str:
        """Its name in the program."""
        return self.key.name

    @property
    def needs(self) -> set[str]:
        """The resources that are registered before it."""
        named = {*self.options.depends_on, *self.sources.values()}
        return named | ({self.options.deleted_with} - {""})


@dataclass(frozen=True)
class Entry:
    """
    A resource in the state.

    Attributes:
        depends_on: resources that are to be deleted after it.
        needed_by: those of them whose ID is one of its inputs, by property.
        doomed: whether it was replaced and is still to be deleted.
        deleted: whether it was deleted for a replacement that was not made.
        unfinished: whether its create or its last update has failed in part.
        tainted: whether the next deployment is to replace it.
    """

    key: Key
    provider: ResourceProvider
    id: str
    inputs: Properties
    outputs: Properties
    options: Options = NO_OPTIONS
    depends_on: tuple[Key, ...] = ()
    sources: Mapping[str, Key] = field(default_factory=dict[str, Key])
    doomed: bool = False
    deleted: bool = False
    unfinished: bool = False
    tainted: bool = False

    @property
    def name(self) -> str:
        """Its name in the program."""
        return self.key.name

    @property
    def rule_id(self) -> str:
        """`sgr-...`, or "" while unknown."""
        return str(self.outputs["security_group_rule_id"])

    @property
    def rule_ids(self) -> set[str]:
        """The IDs of its rule, or of its rules if it is a set; "" while unknown."""
        if "rule_ids" in self.outputs:
            return set(self.outputs["rule_ids"].values())
        return {self.rule_id}
