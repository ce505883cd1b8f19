"""
Makes one rule for each pair of a source and a port.

If rules are named by their place in a list, an entry inserted at the front changes all
of them. These are named by their content, so that a new entry adds one rule.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import Any, cast

from alicloud_ingress.engine.set_properties import key_of
from alicloud_ingress.resource import IngressRuleArgs
from alicloud_ingress.rules.rule import IngressRule


def expand_rules(  # noqa: PLR0913  what the rules have in common
    *,
    sources: Sequence[str],
    ports: Sequence[str | int] = (),
    ip_protocol: str = "tcp",
    policy: str = "accept",
    priority: int = 1,
    description: str = "",
    expires_on: str | dt.date = "",
) -> dict[str, IngressRuleArgs]:
    """
    Make a rule for each port from each source.

    Use the values for a set; for single resources, use the names too::

        SecurityGroupIngressRuleSet("office", rules=list(rules.values()), ...)
        for name, rule in rules.items():
            SecurityGroupIngressRule(f"office {name}", **rule, ...)

    Args:
        sources: IPv4 and IPv6 addresses and blocks, `sg-...` and `pl-...`. Duplicates
            are ignored, also if they are spelled differently.
        ports: 443, "8000-8010", `prl-...`; none for protocols without ports.
        ip_protocol: of all rules.
        policy: accept or drop, for all rules.
        priority: 1 (first) to 100, of all rules.
        description: of all rules.
        expires_on: last day of all rules in UTC, as a date or 2026-12-31.

    Returns:
        the rules by name: `tcp 443/443 from 10.0.0.0/8`.

    Raises:
        InvalidRuleError: a source, a port or another argument is not valid.
    """
    shared: dict[str, Any] = {
        "ip_protocol": ip_protocol,
        "policy": policy,
        "priority": priority,
        "description": description,
        "expires_on": str(expires_on),
    }
    rules: dict[str, IngressRuleArgs] = {}
    for port in ports or ("",):
        for source in sources:
            every = {**shared, _kind_of_port(port): port, _kind_of(source): source}
            given = {name: value for name, value in every.items() if value != ""}
            name = key_of(IngressRule.parse(given))
            rules.setdefault(name, cast("IngressRuleArgs", given))
    return rules


def _kind_of(source: str) -> str:
    if source.startswith("sg-"):
        return "source_group_id"
    if source.startswith("pl-"):
        return "source_prefix_list_id"
    return "ipv6_source_cidr_ip" if ":" in source else "source_cidr_ip"


def _kind_of_port(port: str | int) -> str:
    return "port_range_list_id" if str(port).startswith("prl-") else "port_range"
