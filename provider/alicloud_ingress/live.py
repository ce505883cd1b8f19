"""
What a look at a security group shows.
"""

from __future__ import annotations

from dataclasses import dataclass

from alicloud_ingress.rule import IngressRule


@dataclass(frozen=True, slots=True)
class LiveRule:
    """
    A rule as it stands in a group.

    Args:
        rule_id: `sgr-...`; "" in answers that do not tell it.
        create_time: ISO 8601 in UTC, such as `2018-12-12T07:28:38Z`; or "".
    """

    rule: IngressRule
    rule_id: str
    create_time: str


@dataclass(frozen=True, slots=True)
class LiveGroup:
    """
    All inbound rules of one group, read to the last page.
    """

    group_id: str
    region: str
    vpc_id: str
    rules: tuple[LiveRule, ...]

    def by_id(self, rule_id: str) -> LiveRule | None:
        """
        The rule with this ID, if it is there.
        """
        return next((live for live in self.rules if live.rule_id == rule_id), None)

    def identical_to(self, rule: IngressRule) -> LiveRule | None:
        """
        The rule with the same quintuple, policy, priority and NIC type.
        """
        return next((live for live in self.rules if live.rule == rule), None)
