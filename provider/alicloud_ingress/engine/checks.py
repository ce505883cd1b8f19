"""
Checks of a resource that need more than its own arguments.

They need the configured region, and the other resources of the program.
"""

from __future__ import annotations

from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from typing import Any

from alicloud_ingress.engine.declarations import Declaration, Declarations
from alicloud_ingress.engine.rule_arguments import DIFFER, words_of
from alicloud_ingress.engine.runtime import Process
from alicloud_ingress.errors import ConfigurationError, Problem, shown
from alicloud_ingress.rules.rule import IngressRule
from alicloud_ingress.rules.validation import problem_of_id


def location_problems(
    process: Process,
    inputs: dict[str, Any],
    unknown: AbstractSet[str],
    secret: AbstractSet[str],
) -> list[Problem]:
    """
    Check group, region and `adopt`; fill in the region if the program sets none.
    """
    problems: list[Problem] = []
    name = "security_group_id"
    group_id = str(inputs.get(name) or "")
    if not group_id:
        problems.append(Problem(name, "'' is not a security group ID; set it"))
    elif name not in unknown and (
        found := problem_of_id(name, group_id, shown(group_id, secret=name in secret))
    ):
        problems.append(found)
    if not isinstance(inputs.get("adopt", False), bool) and "adopt" not in unknown:
        value = shown(inputs["adopt"], secret="adopt" in secret)
        problems.append(Problem("adopt", f"{value} is not True or False"))
    if inputs.get("region") or "profile" in unknown:
        return problems
    try:
        connection = process.connection("", str(inputs.get("profile") or ""))
    except ConfigurationError as error:
        return [*problems, Problem("region", str(error))]
    inputs["region"] = connection.region
    return problems


def duplicate_rules(
    others: Declarations,
    declaration: Declaration,
    inputs: Mapping[str, Any],
    rule: IngressRule,
    path: str,
) -> list[Problem]:
    """
    Refuse a rule that another resource of the program declares too.

    Args:
        others: what the program has declared so far.
        declaration: of the resource that declares the rule.
        inputs: of the resource; region and group are known.
        rule: declared.
        path: of the argument to correct.
    """
    group_id = str(inputs["security_group_id"])
    other = others.add(declaration, str(inputs["region"]), group_id, rule)
    if not other:
        return []
    return [
        Problem(
            path,
            f"resources {other!r} and {declaration.name!r} declare the same rule"
            f" ({words_of(rule, declaration.secrets)}) of {group_id}; {DIFFER}",
        )
    ]


def exclusive_set_conflicts(
    others: Declarations,
    declaration: Declaration,
    inputs: Mapping[str, Any],
    *,
    exclusive: bool,
) -> list[Problem]:
    """
    Refuse an exclusive set beside another resource of its group.
    """
    group_id = str(inputs["security_group_id"])
    other = others.occupy(
        declaration, str(inputs["region"]), group_id, exclusive=exclusive
    )
    if not other:
        return []
    return [
        Problem(
            "security_group_id",
            f"resources {other!r} and {declaration.name!r} both manage rules of"
            f" {group_id}, and one of them is an exclusive set, which must be the only"
            " resource of its group; move all rules into the set, or remove"
            " exclusive=True",
        )
    ]
