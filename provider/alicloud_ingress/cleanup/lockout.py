"""
Whether a removal would take away the last way into a group's machines.

Exact by exposure: it is about who may reach a port, not about how rules are written.
What a list of ports holds is not known, so every choice of what it may hold counts.
"""

from __future__ import annotations

from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from dataclasses import replace
from itertools import combinations, product

from alicloud_ingress.exposure.diagram import TooComplexError
from alicloud_ingress.exposure.group_exposure import Policy
from alicloud_ingress.rules.rule import IngressRule
from alicloud_ingress.rules.spelling import ALL_PORTS

WAYS_IN = (22, 3389)
"""
SSH and Remote Desktop.
"""
MAX_LISTS = 6


def locks_out(before: Sequence[IngressRule], after: Sequence[IngressRule]) -> str:
    """
    Name the port that somebody reaches before, and nobody after; "" for none.

    Raises:
        TooComplexError: the rules cannot be judged in bounded time.
    """
    lists = {rule.port_range_list_id for rule in before} - {""}
    if len(lists) > MAX_LISTS:
        raise TooComplexError(f"the group has more than {MAX_LISTS} lists of ports")
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
        asked for rule in rules if (asked := _asked_of(rule, port, holding)) is not None
    ]
    return bool(Policy(narrowed).reach)


def _asked_of(
    rule: IngressRule, port: int, holding: AbstractSet[str]
) -> IngressRule | None:
    """
    What the rule says of one tcp port, if these lists hold it; None for nothing.
    """
    only = f"{port}/{port}"
    if rule.port_range_list_id:
        speaks = rule.port_range_list_id in holding
    elif rule.ip_protocol == "all" or rule.port_range == ALL_PORTS:
        speaks = True
    else:
        first, last = (int(end) for end in rule.port_range.split("/"))
        speaks = first <= port <= last
    if not speaks or rule.ip_protocol not in ("tcp", "all"):
        return None
    return replace(rule, ip_protocol="tcp", port_range=only, port_range_list_id="")
