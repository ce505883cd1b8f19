"""
What a look at a security group shows.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from alicloud_ingress.rules.rule import IngressRule

CLOCK_TOLERANCE = timedelta(seconds=2)


@dataclass(frozen=True, slots=True)
class LiveRule:
    """
    A rule as it stands in a group.

    Args:
        rule_id: `sgr-...`; "" in answers that do not tell it.
        create_time: ISO 8601 in UTC, such as `2018-12-12T07:28:38Z`; or "".
        as_spelled: the rule letter by letter as ECS tells it, for a revoke that
            has to match it; the rule itself where nothing else is known.
    """

    rule: IngressRule
    rule_id: str
    create_time: str
    as_spelled: IngressRule | None = None

    def existed_before(self, moment: datetime) -> bool:
        """
        Whether the rule is clearly older than a moment of ECS's clock.

        Its creation time is cut to seconds, and two machines of ECS may differ in
        another: within two seconds nothing is said.
        """
        try:
            created = datetime.strptime(self.create_time, "%Y-%m-%dT%H:%M:%S%z")
        except ValueError:
            return False
        return created + CLOCK_TOLERANCE < moment


@dataclass(frozen=True, slots=True)
class LiveGroup:
    """
    All inbound rules of one group, read to the last page.

    Args:
        vpc_id: "" for a group of the classic network.
        read_at: when it was read, by the clock of ECS; None where that is not known.
        name: of the group; "" where it has none.
    """

    group_id: str
    region: str
    vpc_id: str
    rules: tuple[LiveRule, ...]
    read_at: datetime | None = None
    name: str = ""

    def by_id(self, rule_id: str) -> LiveRule | None:
        """
        The rule with this ID, if it is there.
        """
        return next((live for live in self.rules if live.rule_id == rule_id), None)

    def without(self, rule_ids: Collection[str]) -> LiveGroup:
        """
        The group, less the rules with these IDs.
        """
        if not rule_ids:
            return self
        kept = tuple(live for live in self.rules if live.rule_id not in rule_ids)
        return replace(self, rules=kept)

    def identical_to(self, rule: IngressRule) -> LiveRule | None:
        """
        The rule with the same quintuple, policy, priority and NIC type.

        In a VPC the NIC type is always intranet, whatever was asked for.
        """
        wanted = replace(rule, nic_type="intranet") if self.vpc_id else rule
        return next((live for live in self.rules if live.rule == wanted), None)

    def masked_form_of(self, rule: IngressRule) -> LiveRule | None:
        """
        The rule that this one becomes where ECS clears host bits.

        No page of ECS says whether 10.1.2.3/8 is kept or becomes 10.0.0.0/8.
        """
        return None if rule.masked == rule else self.identical_to(rule.masked)

    def matching(self, rule: IngressRule) -> LiveRule | None:
        """
        The identical rule, or else its masked form.
        """
        return self.identical_to(rule) or self.masked_form_of(rule)

    def in_terms_of(self, asked: IngressRule, live: LiveRule) -> LiveRule:
        """
        The live rule, with the spelling of *asked* where it means the same.

        That is any NIC type in a VPC, and host bits that ECS has cleared.
        """
        rule = live.rule.with_host_bits_of(asked)
        if self.vpc_id:
            rule = replace(rule, nic_type=asked.nic_type)
        return replace(live, rule=rule)
