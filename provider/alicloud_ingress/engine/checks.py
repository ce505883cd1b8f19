"""
The check of a resource, besides that of its rules.

It needs the configured region, and the other resources of the program.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from alicloud_ingress.ecs.config import NOT_A_REGION, is_region
from alicloud_ingress.engine.arguments import DIFFER
from alicloud_ingress.engine.declarations import DECLARATION, Declaration
from alicloud_ingress.engine.properties import PLACE
from alicloud_ingress.engine.runtime import Process
from alicloud_ingress.engine.unknowns import unknown_among
from alicloud_ingress.errors import ConfigurationError, Problem, quoted
from alicloud_ingress.rules.rule import IngressRule
from alicloud_ingress.rules.validation import problem_of_id


class ResourceCheck:
    """
    One check: the inputs of a resource, and the errors found so far.

    Args:
        process: that checks all resources of the program.
        inputs: the arguments among *news*.
        olds: the arguments among the inputs of the state; empty for a new resource.
        news: what the program sends.
    """

    def __init__(
        self,
        process: Process,
        inputs: dict[str, Any],
        olds: Mapping[str, Any],
        news: Mapping[str, Any],
    ) -> None:
        self.process = process
        self.inputs = inputs
        self.unknown = unknown_among(inputs)
        self.olds = olds
        self.declaration = Declaration.read(news.get(DECLARATION))
        self.secret = self.declaration.secrets if self.declaration else frozenset[str]()
        self.problems: list[Problem] = []
        process.on_checked(self.declaration, is_new=not olds)

    def find_location_problems(self) -> None:
        """
        Check group, region and `adopt`; fill in the region if the program sets none.
        """
        name = "security_group_id"
        group_id = str(self.inputs.get(name) or "")
        in_message = quoted(group_id, secret=name in self.secret)
        if not group_id:
            self._add(name, "'' is not a security group ID; set it")
        elif name not in self.unknown and (
            found := problem_of_id(name, group_id, in_message)
        ):
            self.problems.append(found)
        adopt = self.inputs.get("adopt", False)
        if not isinstance(adopt, bool) and "adopt" not in self.unknown:
            value = quoted(adopt, secret="adopt" in self.secret)
            self._add("adopt", f"{value} is not True or False")
        if region := self.inputs.get("region"):
            if "region" not in self.unknown and not is_region(str(region)):
                value = quoted(region, secret="region" in self.secret)
                self._add("region", f"{value} {NOT_A_REGION}")
            return
        if "profile" in self.unknown:
            return
        try:
            profile = str(self.inputs.get("profile") or "")
            self.inputs["region"] = self.process.connection("", profile).region
        except ConfigurationError as error:
            self._add("region", str(error))

    def find_conflicts(
        self, rules: Mapping[str, IngressRule], *, exclusive: bool = False
    ) -> None:
        """
        Refuse rules that another resource of the program declares too, and an exclusive
        set beside another resource of its group. Other problems are found first.

        Args:
            rules: that are declared, by the path of the argument to correct.
            exclusive: whether the resource is an exclusive set.
        """
        declaration = self.declaration
        if not declaration or self.problems or self.unknown & {*PLACE, "profile"}:
            return
        others = self.process.declarations
        group = str(self.inputs["region"]), str(self.inputs["security_group_id"])
        if other := others.occupy(declaration, *group, exclusive=exclusive):
            self._add(
                "security_group_id",
                f"resources {other!r} and {declaration.name!r} both manage rules of"
                f" {group[1]}, and one of them is an exclusive set, which must be the"
                " only resource of its group; move all rules into the set, or remove"
                " exclusive=True",
            )
        for path, rule in rules.items():
            if other := others.add(declaration, *group, rule):
                self._add(
                    path,
                    f"resources {other!r} and {declaration.name!r} declare the same"
                    f" rule ({rule.words(self.secret)}) of {group[1]}; {DIFFER}",
                )

    def _add(self, argument: str, reason: str) -> None:
        self.problems.append(Problem(argument, reason))
