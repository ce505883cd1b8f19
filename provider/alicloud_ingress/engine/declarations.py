"""
Which resources of a program declare which rules.

If two resources declared one rule, the deletion of one would delete the rule of the
other. Check gets one resource at a time, without its name. So the program sends the
name as an input, and check removes it.
"""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import cast

from alicloud_ingress.rules.rule import IngressRule

DECLARATION = "__declaration"
"""
An input that the program adds and check removes. The engine hides differences in a
property with two leading underscores: `refresh --run-program` compares unchecked
inputs.
"""


@dataclass(frozen=True, slots=True)
class Declaration:
    """
    The resource that declares a rule.

    Args:
        run: a unique ID of this execution of the program.
        number: a unique number of the resource in this run.
        name: of the resource; two resources of different types may share it.
        secrets: paths of the arguments whose values are secret.
        deploys: False in a preview.
        rules: fingerprint of the rules of a set; "" if it has none.
    """

    run: str
    number: int
    name: str
    secrets: frozenset[str] = frozenset()
    deploys: bool = False
    rules: str = ""

    @classmethod
    def read(cls, value: object) -> Declaration | None:
        """
        Read a value that `written` returned; None if the program sends none.
        """
        if not isinstance(value, str):
            return None
        given = json.loads(value)
        secrets = frozenset(given.pop("secrets"))
        return cls(**given, secrets=secrets)

    def written(self) -> str:
        """
        The declaration as an input of a resource.

        It is one text: Pulumi makes about six futures for each field of an object.
        """
        return json.dumps({**asdict(self), "secrets": sorted(self.secrets)})


def fingerprint(rules: object) -> str:
    """
    What shows whether check gets the rules of a set that its program declares.

    With `ignore_changes` it gets those of the state. Which options are in force, only
    the engine knows: a transform can set them.

    Args:
        rules: by key, as checked; anything else, if they are not known or not valid,
            counts as no rules.
    """
    keys = cast("Mapping[str, object]", rules) if isinstance(rules, Mapping) else ()
    return hashlib.sha256("\n".join(sorted(keys)).encode()).hexdigest()[:16]


class Declarations:
    """
    The rules that one run of a program has declared so far, by region, group and rule.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._run = ""
        self._by_rule: dict[tuple[str, str, IngressRule], Declaration] = {}
        self._by_group: dict[tuple[str, str], dict[int, tuple[str, bool]]] = {}

    def add(
        self, declaration: Declaration, region: str, group_id: str, rule: IngressRule
    ) -> str:
        """
        Record a rule; return the name of another resource that declares it, or "".
        """
        with self._lock:
            self._forget_other_runs(declaration.run)
            # If ECS clears host bits, two rules may become one.
            key = (region, group_id, rule.masked)
            first = self._by_rule.setdefault(key, declaration)
            return "" if first.number == declaration.number else first.name

    def occupy(
        self,
        declaration: Declaration,
        region: str,
        group_id: str,
        *,
        exclusive: bool = False,
    ) -> str:
        """
        Record a resource of a group; return the name of one that conflicts with it.

        An exclusive set conflicts with any other resource of its group, whose rules it
        would delete. "" means no conflict.
        """
        with self._lock:
            self._forget_other_runs(declaration.run)
            group = self._by_group.setdefault((region, group_id), {})
            group[declaration.number] = declaration.name, exclusive
            conflicts = (
                name
                for number, (name, is_exclusive) in group.items()
                if number != declaration.number and (exclusive or is_exclusive)
            )
            return next(conflicts, "")

    def _forget_other_runs(self, run: str) -> None:
        if run != self._run:
            self._run = run
            self._by_rule.clear()
            self._by_group.clear()
