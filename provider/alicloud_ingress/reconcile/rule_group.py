"""
A security group as a set of rules uses it, and how a set speaks of many rules.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Protocol

from alicloud_ingress.ecs.batching import Outcome
from alicloud_ingress.reconcile.context import Group
from alicloud_ingress.rules.live import LiveRule
from alicloud_ingress.rules.rule import IngressRule

MAX_NAMED = 20
"""
Rules that a message names one by one.
"""


class RuleGroup(Group, Protocol):
    """
    The security group of the set.
    """

    def authorize_all(self, rules: Sequence[IngressRule]) -> list[Outcome[IngressRule]]:
        """Add rules, telling each one's outcome."""
        ...

    def revoke_all_by_id(self, rule_ids: Sequence[str]) -> list[Outcome[str]]:
        """Remove rules by ID, telling each one's outcome."""
        ...

    def revoke_all_by_attributes(
        self, rules: Sequence[IngressRule]
    ) -> list[Outcome[IngressRule]]:
        """Remove rules by all that names them, telling each one's outcome."""
        ...


def live_words(rules: Iterable[LiveRule]) -> Iterator[str]:
    """
    Each rule with its ID.
    """
    return (f"{live.rule_id} ({live.rule.as_text})" for live in rules)


def named(words: Iterable[str]) -> str:
    """
    The words as a list, cut where nobody reads on.
    """
    every = list(words)
    more = len(every) - MAX_NAMED
    return ", ".join(every[:MAX_NAMED]) + (f" and {more} more" if more > 0 else "")
