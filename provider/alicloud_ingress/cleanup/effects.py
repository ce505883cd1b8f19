"""
What deleting rules opens, as others may accept what a rule drops; and whether it would
remove the last access to a group's machines.

The answers come from who may reach a port, not from how the rules are written.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import replace
from itertools import combinations, product

from alicloud_ingress.exposure.comparison import Entry, entries_of, membership_cases
from alicloud_ingress.exposure.diagram import TooComplexError
from alicloud_ingress.exposure.group_exposure import Policy, difference
from alicloud_ingress.rules.rule import IngressRule
from alicloud_ingress.rules.spelling import ALL_PORTS

MAX_NAMED = 3


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


WAYS_IN = (22, 3389)
"""
SSH and Remote Desktop.
"""
MAX_LISTS = 6


def locks_out(before: Sequence[IngressRule], after: Sequence[IngressRule]) -> str:
    """
    The port that is reachable with the rules before but not after; "" for none.

    The contents of a port list are not known here, so every possibility is tried.

    Raises:
        TooComplexError: the rules are too many or too entangled to be judged.
    """
    lists = {rule.port_range_list_id for rule in before} - {""}
    if len(lists) > MAX_LISTS:
        raise TooComplexError(f"the group uses more than {MAX_LISTS} port lists")
    for port, count in product(WAYS_IN, range(len(lists) + 1)):
        for holding in map(frozenset, combinations(sorted(lists), count)):
            if _is_reached(before, port, holding) and not _is_reached(
                after, port, holding
            ):
                return str(port)
    return ""


def _is_reached(
    rules: Sequence[IngressRule], port: int, holding: AbstractSet[str]
) -> bool:
    narrowed = [
        part for rule in rules if (part := _for_port(rule, port, holding)) is not None
    ]
    return bool(Policy(narrowed).reach)


def _for_port(
    rule: IngressRule, port: int, holding: AbstractSet[str]
) -> IngressRule | None:
    """
    The rule for one tcp port only; None if it does not apply to the port.

    Args:
        rule: the rule.
        port: of tcp.
        holding: IDs of the port lists that are assumed to contain the port.
    """
    only = f"{port}/{port}"
    if rule.port_range_list_id:
        applies = rule.port_range_list_id in holding
    elif rule.ip_protocol == "all" or rule.port_range == ALL_PORTS:
        applies = True
    else:
        first, last = (int(end) for end in rule.port_range.split("/"))
        applies = first <= port <= last
    if not applies or rule.ip_protocol not in ("tcp", "all"):
        return None
    return replace(rule, ip_protocol="tcp", port_range=only, port_range_list_id="")
