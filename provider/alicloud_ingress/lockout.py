"""
Whether a removal would take away the last way into a group's machines.

Exact by exposure: it is about who may reach a port, not about how rules are written.
A list of ports that is not resolved may hold a port before a removal, and is not
relied on after it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from alicloud_ingress.exposure import Policy
from alicloud_ingress.rule import IngressRule

WAYS_IN = (22, 3389)
"""
SSH and Remote Desktop.
"""


def locks_out(before: Sequence[IngressRule], after: Sequence[IngressRule]) -> str:
    """
    Name the port that somebody reaches before, and nobody after; "" for none.

    Raises:
        TooComplexError: the rules cannot be judged in bounded time.
    """
    for port in WAYS_IN:
        if _is_reached(before, port, relied_on=False) and not _is_reached(
            after, port, relied_on=True
        ):
            return str(port)
    return ""


def _is_reached(rules: Sequence[IngressRule], port: int, *, relied_on: bool) -> bool:
    narrowed = [
        asked
        for rule in rules
        if (asked := _asked_of(rule, port, relied_on=relied_on)) is not None
    ]
    return bool(Policy(narrowed).reach)


def _asked_of(rule: IngressRule, port: int, *, relied_on: bool) -> IngressRule | None:
    """
    What the rule says of one tcp port; None for nothing.
    """
    if rule.ip_protocol not in ("tcp", "6", "all"):
        return None
    only = f"{port}/{port}"
    if rule.port_range_list_id:
        counts = rule.policy == "drop" if relied_on else rule.policy != "drop"
        if not counts:
            return None
        return replace(rule, port_range_list_id="", port_range=only)
    if rule.ip_protocol == "all" or rule.port_range == "-1/-1":
        return replace(rule, ip_protocol="tcp", port_range=only)
    first, last = (int(end) for end in rule.port_range.split("/"))
    return replace(rule, port_range=only) if first <= port <= last else None
