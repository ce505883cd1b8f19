"""
Reads the contents of the prefix lists and port lists that rules use.
"""

from __future__ import annotations

from collections.abc import Iterable

from alicloud_ingress.ecs.client import EcsClient
from alicloud_ingress.errors import EcsError, IngressError
from alicloud_ingress.rules.rule import IngressRule

NOT_FOUND = ("InvalidPrefixListId.NotFound", "InvalidPortRangeListId.NotFound")
"""
Error codes for a list that does not exist; it counts as empty.
"""


def lists_of(rules: Iterable[IngressRule]) -> tuple[str, ...]:
    """
    The IDs of the prefix lists and port lists that rules use, in a fixed order.
    """
    names = {n for r in rules for n in (r.source_prefix_list_id, r.port_range_list_id)}
    return tuple(sorted(name for name in names if name.startswith(("pl-", "prl-"))))


def read_lists(
    client: EcsClient, rules: Iterable[IngressRule]
) -> tuple[dict[str, tuple[str, ...]], list[str]]:
    """
    Read the lists of some rules.

    Returns:
        The entries by the list's ID; and which lists could not be read, in sentences.
    """
    found: dict[str, tuple[str, ...]] = {}
    problems: list[str] = []
    for list_id in lists_of(rules):
        try:
            found[list_id] = client.list_entries(list_id)
        except IngressError as error:
            if isinstance(error, EcsError) and error.code in NOT_FOUND:
                found[list_id] = ()
                continue
            problems.append(f"the entries of {list_id} could not be read: {error}")
    return found, problems
