"""
One security group in one process: what its rules ask and do, put into calls.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from alicloud_ingress.live import LiveGroup
from alicloud_ingress.rule import IngressRule


class GroupCalls(Protocol):
    """
    The calls of ECS for a group, as the client makes them.
    """

    def describe(self, group_id: str) -> LiveGroup:
        """Read all inbound rules."""
        ...

    def authorize(self, group_id: str, rules: Sequence[IngressRule]) -> None:
        """Add rules."""
        ...

    def revoke_by_id(self, group_id: str, rule_ids: Sequence[str]) -> None:
        """Remove rules by ID."""
        ...

    def revoke_by_attributes(self, group_id: str, rules: Sequence[IngressRule]) -> None:
        """Remove rules by all that names them."""
        ...

    def modify(self, group_id: str, rule_id: str, rule: IngressRule) -> None:
        """Change a rule by ID."""
        ...


@dataclass(frozen=True, slots=True)
class SecurityGroup:
    """
    The group as each of its rules uses it.
    """

    calls: GroupCalls
    group_id: str

    def look(self) -> LiveGroup:
        """
        The rules as they were a moment ago.
        """
        return self.calls.describe(self.group_id)

    def prove(self) -> LiveGroup:
        """
        The rules as they are, read after this call began.
        """
        return self.calls.describe(self.group_id)

    def authorize(self, rule: IngressRule) -> None:
        """
        Add the rule; one that exists already is a silent success of ECS.
        """
        self.calls.authorize(self.group_id, [rule])

    def revoke_by_id(self, rule_id: str) -> None:
        """
        Remove the rule with this ID; a return is proof.
        """
        self.calls.revoke_by_id(self.group_id, [rule_id])

    def revoke_by_attributes(self, rule: IngressRule) -> None:
        """
        Remove the rule by all that names it; a return proves nothing.
        """
        self.calls.revoke_by_attributes(self.group_id, [rule])

    def modify(self, rule_id: str, rule: IngressRule) -> None:
        """
        Change the rule with this ID, sending all of its fields.
        """
        self.calls.modify(self.group_id, rule_id, rule)
