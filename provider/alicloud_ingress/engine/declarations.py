"""
Which resources of a program declare which rules.

Two resources for one rule would each believe that it is theirs, and the removal
of one would take it from the other. Check sees one resource at a time and not
even its name, so the program sends the name along, and check drops it again.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast

from alicloud_ingress.rules.rule import IngressRule

DECLARATION = "__declaration"
"""
An input that the program adds and check drops again. The engine shows no difference in
a property with such a name: `refresh --run-program` compares what check has not seen.
"""


@dataclass(frozen=True, slots=True)
class Declaration:
    """
    Who declares a rule.

    Args:
        run: tells one execution of the program from another.
        number: tells resources of one run apart, even those of the same name.
        secrets: names of the arguments whose values are secret.
        deploys: whether the run is to change anything, and is no preview.
    """

    run: str
    number: int
    name: str
    secrets: frozenset[str] = frozenset()
    deploys: bool = False

    @classmethod
    def read(cls, value: object) -> Declaration | None:
        """
        Read what `written` wrote; None where a program sends nothing of the kind.
        """
        if not isinstance(value, Mapping):
            return None
        given = cast("Mapping[str, Any]", value)
        return cls(
            run=str(given["run"]),
            number=int(given["number"]),
            name=str(given["name"]),
            secrets=frozenset(map(str, given["secrets"])),
            deploys=bool(given.get("deploys")),
        )

    def written(self) -> dict[str, Any]:
        """
        The declaration as an input of a resource.
        """
        return {
            "run": self.run,
            "number": self.number,
            "name": self.name,
            "secrets": sorted(self.secrets),
            "deploys": self.deploys,
        }


@dataclass(frozen=True, slots=True)
class _Occupant:
    name: str
    exclusive: bool


class Declarations:
    """
    The rules that one run of a program has declared so far, by place and identity.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._run = ""
        self._by_rule: dict[tuple[str, str, IngressRule], Declaration] = {}
        self._by_group: dict[tuple[str, str], dict[int, _Occupant]] = {}

    def add(
        self, declaration: Declaration, region: str, group_id: str, rule: IngressRule
    ) -> str:
        """
        Remember a rule; return the name of another resource that declares it, or "".
        """
        with self._lock:
            self._begin(declaration.run)
            # ECS may clear host bits, and would then make one rule of the two.
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
        Remember a resource of a group; return the name of one that it cannot be
        beside, or "": who has a group to itself would remove what others put there.
        """
        with self._lock:
            self._begin(declaration.run)
            there = self._by_group.setdefault((region, group_id), {})
            there[declaration.number] = _Occupant(declaration.name, exclusive)
            return next(
                (
                    other.name
                    for number, other in there.items()
                    if number != declaration.number and (exclusive or other.exclusive)
                ),
                "",
            )

    def _begin(self, run: str) -> None:
        """
        Forget what an earlier run of the program has declared.
        """
        if run != self._run:
            self._run = run
            self._by_rule.clear()
            self._by_group.clear()
