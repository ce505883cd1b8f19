"""
The rules of a security group, as ECS reports them.
"""

from __future__ import annotations

import time
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import cached_property

from alicloud_ingress.rules.rule import IngressRule
from alicloud_ingress.times import span_of

CLOCK_TOLERANCE = timedelta(seconds=2)


@dataclass(frozen=True, slots=True)
class LiveRule:
    """
    A rule that exists in a group.

    Args:
        rule_id: `sgr-...`; "" if ECS does not report it.
        create_time: ISO 8601 in UTC, such as `2018-12-12T07:28:38Z`; or "".
        as_spelled: the rule in the spelling of ECS, which a revoke by attributes has
            to match; None if it is not known.
        update_time: when this package has changed the rule last, in the same form; ""
            if it never has. ECS does not report it.
    """

    rule: IngressRule
    rule_id: str
    create_time: str
    as_spelled: IngressRule | None = None
    update_time: str = ""

    @property
    def place(self) -> tuple[int, bool, str, str]:
        """
        The key that sorts rules in the order in which ECS evaluates them.
        """
        rule = self.rule
        return rule.priority, not rule.drops, rule.as_text, self.rule_id

    def existed_before(self, moment: datetime) -> bool:
        """
        Whether the rule is certainly older than a moment of ECS's clock.

        ECS cuts the creation time to seconds, and the clocks of its machines may differ
        by another second. So a rule created within two seconds before is not older.
        """
        span = span_of(self.create_time)
        return span is not None and span[1] + CLOCK_TOLERANCE < moment


@dataclass(frozen=True)
class LiveGroup:
    """
    All inbound rules of one group, read to the last page.

    Many resources share one, so it indexes its rules once.

    Args:
        vpc_id: "" for a group of the classic network.
        read_at: when it was read, in the time of ECS; None if not known.
        name: of the group; "" if it has none.
        inner_access: `Accept` or `Drop`: what a basic group does with traffic among its
            members before it applies a rule; "" if not known.
        read_s: when it was read, in seconds of the monotonic clock of this machine.
    """

    group_id: str
    region: str
    vpc_id: str
    rules: tuple[LiveRule, ...]
    read_at: datetime | None = None
    name: str = ""
    inner_access: str = ""
    read_s: float = field(default_factory=time.monotonic, compare=False)

    @cached_property
    def _by_id(self) -> Mapping[str, LiveRule]:
        return {live.rule_id: live for live in self.rules if live.rule_id}

    @cached_property
    def _by_rule(self) -> Mapping[IngressRule, LiveRule]:
        return {live.rule: live for live in self.rules}

    @property
    def title(self) -> str:
        """
        The group's ID, name and region, for people; not escaped.
        """
        name = f" ({self.name})" if self.name else ""
        return f"{self.group_id}{name} in {self.region}"

    def by_id(self, rule_id: str) -> LiveRule | None:
        """
        The rule with this ID, if it exists.
        """
        return self._by_id.get(rule_id)

    def without(self, rule_ids: Collection[str]) -> LiveGroup:
        """
        The group without the rules that have these IDs.
        """
        if self._by_id.keys().isdisjoint(rule_ids):
            return self
        kept = tuple(live for live in self.rules if live.rule_id not in rule_ids)
        return replace(self, rules=kept)

    def identical_to(self, rule: IngressRule) -> LiveRule | None:
        """
        The rule that equals this one.
        """
        return self._by_rule.get(rule.in_vpc if self.vpc_id else rule)

    def matching(self, rule: IngressRule) -> LiveRule | None:
        """
        The identical rule, or otherwise the one that it becomes if ECS clears host
        bits.

        The documentation of ECS does not say whether it keeps 10.1.2.3/8 or makes it
        10.0.0.0/8.
        """
        return self.identical_to(rule) or self.identical_to(rule.masked)

    def in_terms_of(self, declared: IngressRule, live: LiveRule) -> LiveRule:
        """
        The live rule with the declared spelling, where both mean the same.

        ECS ignores the NIC type in a VPC, and may clear host bits.
        """
        rule = live.rule.with_host_bits_of(declared)
        if self.vpc_id and rule.nic_type != declared.nic_type:
            rule = replace(rule, nic_type=declared.nic_type)
        return live if rule is live.rule else replace(live, rule=rule)
