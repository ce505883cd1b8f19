"""
Which sources a group's rules let reach which ports, and how a change affects that.

ECS applies the rule with the smallest priority first, and on a tie a drop before an
accept. It drops what no rule accepts. This module computes what a group accepts for all
packets at once, exactly, with the diagrams of `diagram`.

The rules do not say which addresses are in a source group or an unresolved list. Such
an unknown set may hold any address, or none, so its members are compared separately
from all other sources. An accept from such a set is always shown, and a drop of such a
set never hides what others may reach.

Traffic between the members of a basic group needs no rule and is not shown here.

Source: the pages "Security group rules" and AuthorizeSecurityGroup of ECS.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from alicloud_ingress.exposure.comparison import (
    Entry,
    Judged,
    MembershipCase,
    entries_of,
    membership_cases,
    rank,
)
from alicloud_ingress.exposure.internet import (
    InternetOpening,
    internet_cases,
    internet_openings,
)
from alicloud_ingress.exposure.packets import matched
from alicloud_ingress.exposure.reach import Reach, reaches
from alicloud_ingress.rules.rule import IngressRule


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """
    What a change of rules opens and closes.

    Members of an unknown set are listed separately where a rule names that set.

    Args:
        opened: what can be reached only after the change.
        closed: what can be reached only before it.
    """

    opened: tuple[Reach, ...]
    closed: tuple[Reach, ...]


class Policy:
    """
    The effective policy of a group.

    Args:
        rules: all inbound rules of the group.
        resolved: entries of prefix lists (blocks) and port lists (`first/last`)
            by the list's ID; other lists are unknown sets.

    Raises:
        TooComplexError: from any method; the rules overlap in too many ways.
    """

    def __init__(
        self,
        rules: Iterable[IngressRule],
        resolved: Mapping[str, Sequence[str]] | None = None,
    ) -> None:
        self.rules = tuple(sorted(rules, key=rank))
        self.judged: tuple[Judged, ...] = tuple(
            (rule, matched(rule, resolved)) for rule in self.rules
        )

    @cached_property
    def reach(self) -> tuple[Reach, ...]:
        """
        All that can be reached, and from where, in a fixed order.
        """
        return difference(entries_of((), self.judged)).opened

    def world_open(
        self, ports: Iterable[int] | None = None
    ) -> tuple[InternetOpening, ...]:
        """
        What the whole Internet can reach.

        Args:
            ports: of tcp and udp; None for all ports and all protocols.
        """
        return internet_openings(internet_cases(entries_of((), self.judged), ports))


def difference(entries: Sequence[Entry]) -> Difference:
    """
    Compare two policies of one group.

    Args:
        entries: of both policies, from `entries_of`.
    """
    cases = membership_cases(entries, whole=False)

    def found(
        change: Callable[[MembershipCase], Callable[[int], bool]],
    ) -> tuple[Reach, ...]:
        return tuple(
            reach
            for case in cases
            for reach in reaches(case.only_here(change(case)), case.members)
        )

    return Difference(
        opened=found(lambda case: case.opens),
        closed=found(lambda case: case.closes),
    )
