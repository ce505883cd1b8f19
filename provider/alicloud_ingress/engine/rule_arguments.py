"""
Checks the arguments of one rule: of a rule resource, or of an entry of a set.
"""

from __future__ import annotations

from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import Any

from alicloud_ingress.engine.properties import rule_of
from alicloud_ingress.errors import SECRET, Problem, shown
from alicloud_ingress.rules.spelling import has_expired
from alicloud_ingress.rules.validation import LAST_PRIORITY, problems_of

DIFFER = "remove one of the two, or set different priorities"
"""
The next step for two declarations of one rule.
"""


@dataclass(frozen=True, slots=True)
class RuleCheck:
    """
    The errors in a rule's arguments, and what the user should know besides.
    """

    problems: tuple[Problem, ...]
    warnings: tuple[str, ...] = ()


def check_rule(
    arguments: Mapping[str, Any],
    *,
    unknown: AbstractSet[str],
    secret: AbstractSet[str],
    exists: bool | None,
    keeps_priority: bool,
) -> RuleCheck:
    """
    Check the arguments of a rule.

    Args:
        arguments: of the rule, and `security_group_id`.
        unknown: names of arguments whose value is not known yet; they pass.
        secret: names of arguments whose value must not be shown.
        exists: whether the state has the rule; None if that is not known yet. A rule
            that exists may have expired; a new one may not.
        keeps_priority: whether the rule has the same priority in the state. ECS made
            rules with priority 110 until 2020. They can be imported and kept.
    """
    priority = arguments.get("priority")
    is_of_system = isinstance(priority, int | float) and priority > LAST_PRIORITY
    problems = tuple(
        problem
        for problem in problems_of(arguments, unknown=unknown, secret=secret)
        if not (keeps_priority and is_of_system and problem.argument == "priority")
    )
    expires_on = str(arguments.get("expires_on") or "")
    if exists is None or "expires_on" in unknown or not has_expired(expires_on):
        return RuleCheck(problems)
    hidden = "expires_on" in secret
    if not exists:
        reason = "is in the past; set a future date or remove the rule"
        found = Problem("expires_on", f"{shown(expires_on, secret=hidden)} {reason}")
        return RuleCheck((*problems, found))
    if problems:
        return RuleCheck(problems)
    known = {name: v for name, v in arguments.items() if name not in unknown}
    warning = (
        f"the rule {rule_of(known).words(secret)} of"
        f" {arguments.get('security_group_id')} expired after"
        f" {SECRET if hidden else expires_on} (UTC) and is still in force; remove it,"
        " or set a later expires_on"
    )
    return RuleCheck((), (warning,))
