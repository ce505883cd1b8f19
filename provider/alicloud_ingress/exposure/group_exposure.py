"""
Who may reach what through a group's rules, and what a change does to that.

ECS takes the rule with the smallest priority first, on a tie a drop before an
accept, and lets nothing in that no rule accepts. What a group lets in is worked
out here for all packets at once, exactly, by the diagrams of `diagram`.

A source group or an unresolved list is a set that the rules do not tell. Whoever
is in it is judged apart, and apart from everybody else: it may hold any address,
or none. So an accept from such a set is always shown, and a drop of such a set
never hides what others may reach.

That members of a basic group reach one another is no rule, and is not told here.

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
    What a change of rules does.

    It is judged for everybody, and apart for the members of the unknown sets that a
    rule names, wherever that rule matches.

    Args:
        opened: what can be reached after it only.
        closed: what could be reached before it only.
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
        TooComplexError: from any method, see `diagram.STEP_LIMIT`.
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
        All that may be reached, and by whom, in a fixed order.
        """
        return difference(entries_of((), self.judged)).opened

    def world_open(
        self, ports: Iterable[int] | None = None
    ) -> tuple[InternetOpening, ...]:
        """
        What the world may reach.

        Args:
            ports: of tcp and udp; None for everything, other protocols too.
        """
        return internet_openings(internet_cases(entries_of((), self.judged), ports))


def difference(entries: Sequence[Entry]) -> Difference:
    """
    Compare two policies of one group.

    Args:
        entries: of `entries_of`, the group as it is and as it will be.
    """
    cases = membership_cases(entries, whole=False)

    def told(
        change: Callable[[MembershipCase], Callable[[int], bool]],
    ) -> tuple[Reach, ...]:
        return tuple(
            reach
            for case in cases
            for reach in reaches(case.only_here(change(case)), case.members)
        )

    return Difference(
        opened=told(lambda case: case.opens),
        closed=told(lambda case: case.closes),
    )
