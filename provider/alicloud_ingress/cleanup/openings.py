"""
What deleting rules that drop packets opens: other rules may accept those packets.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

from alicloud_ingress.exposure.comparison import Entry, entries_of, membership_cases
from alicloud_ingress.exposure.diagram import TooComplexError
from alicloud_ingress.exposure.group_exposure import Policy, difference
from alicloud_ingress.rules.rule import IngressRule

MAX_NAMED = 3


def drops(rule: IngressRule) -> bool:
    """
    Whether a rule drops packets, also if it is spelled as ECS returns it.
    """
    return rule.policy.lower() == "drop"


def opened_as_text(before: Sequence[IngressRule], after: Sequence[IngressRule]) -> str:
    """
    What can be reached with the rules after but not before, for people; "" for nothing.
    """
    try:
        opened = [r.as_text for r in difference(_change(before, after)).opened]
    except TooComplexError:
        return "an unknown part of the traffic: the rules overlap in too many ways"
    more = len(opened) - MAX_NAMED
    return "; ".join([*opened[:MAX_NAMED], *([f"{more} more"] if more > 0 else [])])


def opens_through(
    before: Sequence[IngressRule],
    after: Sequence[IngressRule],
    through: Collection[IngressRule],
) -> bool:
    """
    Whether a packet is accepted after but not before, and only because of some rules.

    Args:
        before: the rules of the group before a deletion.
        after: those after it.
        through: some of the rules after it.

    Raises:
        TooComplexError: the rules overlap in too many ways.
    """
    for case in membership_cases(_change(before, after), whole=False):
        some = sum(1 << n for n, e in enumerate(case.entries) if e.rule in through)

        def opens(met: int, some: int = some) -> bool:
            return case.opens(met) and not case.lets_in_after(met & ~some)  # noqa: B023

        if case.only_here(opens):
            return True
    return False


def _change(before: Sequence[IngressRule], after: Sequence[IngressRule]) -> list[Entry]:
    return entries_of(Policy(before).judged, Policy(after).judged)
