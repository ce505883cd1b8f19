"""
What the prefix lists and port lists hold that the rules of a group use.
"""

from __future__ import annotations

from collections.abc import Iterable

from alicloud_ingress.ecs.client import EcsClient
from alicloud_ingress.errors import EcsError, IngressError
from alicloud_ingress.exposure.packets import lists_of
from alicloud_ingress.rules.rule import IngressRule

GONE = ("InvalidPrefixListId.NotFound", "InvalidPortRangeListId.NotFound")
"""
Codes of a list that is no more: it holds nothing.
"""


def read_lists(
    client: EcsClient, rules: Iterable[IngressRule]
) -> tuple[dict[str, tuple[str, ...]], list[str]]:
    """
    The entries by the list's ID; and which lists could not be read, in sentences.
    """
    found: dict[str, tuple[str, ...]] = {}
    problems: list[str] = []
    for list_id in lists_of(rules):
        try:
            found[list_id] = client.list_entries(list_id)
        except IngressError as error:
            if isinstance(error, EcsError) and error.code in GONE:
                found[list_id] = ()
                continue
            problems.append(f"what {list_id} holds could not be read: {error}")
    return found, problems
