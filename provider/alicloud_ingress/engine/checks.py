"""
What check finds beyond one rule's own arguments: it takes the process to know it.

The process tells the region that is configured and what other resources of the
program declare; the clock and the state tell the rest.
"""

from __future__ import annotations

from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from typing import Any

from alicloud_ingress.engine.declarations import Declaration, Declarations
from alicloud_ingress.engine.properties import rule_of
from alicloud_ingress.engine.runtime import Process, warn
from alicloud_ingress.errors import ConfigurationError, Problem
from alicloud_ingress.rules.rule import IngressRule
from alicloud_ingress.rules.spelling import has_expired
from alicloud_ingress.rules.validation import LAST_PRIORITY, problem_of_id


def location_problems(
    process: Process,
    inputs: dict[str, Any],
    unknown: AbstractSet[str],
    secret: AbstractSet[str],
) -> list[Problem]:
    """
    Check group, region and `adopt`; fill in the region where none is given.
    """
    problems: list[Problem] = []
    group_id = str(inputs.get("security_group_id") or "")
    if not group_id:
        problems.append(Problem("security_group_id", "'' is no group; give its sg- ID"))
    elif "security_group_id" not in unknown:
        shown = "[secret]" if "security_group_id" in secret else repr(group_id[:80])
        found = problem_of_id("security_group_id", group_id, shown)
        problems += [found] if found else []
    if not isinstance(inputs.get("adopt", False), bool) and "adopt" not in unknown:
        shown = "[secret]" if "adopt" in secret else repr(inputs["adopt"])
        problems.append(Problem("adopt", f"{shown} is not True or False"))
    if inputs.get("region") or "profile" in unknown:
        return problems
    try:
        connection = process.connection("", str(inputs.get("profile") or ""))
    except ConfigurationError as error:
        return [*problems, Problem("region", str(error))]
    inputs["region"] = connection.region
    return problems


def expiry_problems(
    olds: Mapping[str, Any],
    inputs: Mapping[str, Any],
    unknown: AbstractSet[str],
    secret: AbstractSet[str],
) -> list[Problem]:
    """
    Refuse a new rule that has expired; of one that exists, tell it.
    """
    expires_on = str(inputs.get("expires_on") or "")
    if "expires_on" in unknown or not has_expired(expires_on):
        return []
    hidden = "expires_on" in secret
    if not olds:
        shown = "[secret]" if hidden else repr(expires_on)
        reason = f"{shown} is over; give a day to come, or remove the rule"
        return [Problem("expires_on", reason)]
    warn(
        f"the rule {_words(rule_of(inputs), secret)} of"
        f" {inputs.get('security_group_id')} expired after"
        f" {'[secret]' if hidden else expires_on} (UTC) and is still in force; remove"
        " it, or give it another expires_on"
    )
    return []


def keeps_an_old_system_priority(
    olds: Mapping[str, Any], inputs: Mapping[str, Any]
) -> bool:
    """
    Rules that the system made before 2020 have priority 110, and stay importable.
    """
    priority = olds.get("priority")
    return (
        isinstance(priority, int | float)
        and priority > LAST_PRIORITY
        and priority == inputs.get("priority")
    )


def duplicate_rules(
    others: Declarations,
    declaration: Declaration,
    inputs: Mapping[str, Any],
    rule: IngressRule,
    path: str,
) -> list[Problem]:
    """
    Refuse a rule that another resource of the program declares, too.

    Args:
        others: what the program has declared so far.
        declaration: who declares the rule.
        inputs: of the resource, its place known.
        rule: declared.
        path: of the argument to be corrected.
    """
    other = others.add(
        declaration,
        str(inputs["region"]),
        str(inputs["security_group_id"]),
        rule,
    )
    if not other:
        return []
    words = _words(rule, declaration.secrets)
    return [
        Problem(
            path,
            f"resources {other!r} and {declaration.name!r} are the same rule"
            f" ({words}) of {inputs['security_group_id']}; remove one of the"
            " two, or let them differ in priority",
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
            f"resources {other!r} and {declaration.name!r} are both for {group_id}, and"
            " one of them is an exclusive set, which has its group to itself; put all"
            " rules into the set, or take exclusive=True away",
        )
    ]


def _words(rule: IngressRule, secret: AbstractSet[str]) -> str:
    """
    The rule in words, in which its description is not, unless some is a secret.
    """
    hidden = any(not path.endswith("description") for path in secret)
    return "[secret]" if hidden else rule.as_text
