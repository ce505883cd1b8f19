"""
What is known of a VPC: its groups, their rules, its interfaces, and what lists hold.

All of it is as it is now. ECS keeps no history of it, so what was different earlier
is handled as a doubt where the usage is attributed.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Literal

from alicloud_ingress.ecs.client import EcsClient
from alicloud_ingress.ecs.list_entries import read_lists
from alicloud_ingress.ecs.responses import ListedGroup, NetworkInterface
from alicloud_ingress.errors import EcsError
from alicloud_ingress.rules.live import LiveGroup

InnerAccess = Literal["open", "closed", "unknown"]
"""
Whether members of a group reach one another before any rule is read.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupFacts:
    """
    One group.

    Args:
        group_type: `normal` (basic) or `enterprise` (advanced); "" where it is not
            known.
    """

    group: LiveGroup
    group_type: str = ""

    @property
    def inner_access(self) -> InnerAccess:
        """
        Only a basic group lets its members in by itself, unless it says `Drop`.
        """
        if self.group_type == "enterprise" or self.group.inner_access.lower() == "drop":
            return "closed"
        known = self.group_type == "normal" and self.group.inner_access
        return "open" if known else "unknown"


@dataclass(frozen=True, kw_only=True)
class VpcFacts:
    """
    One VPC.

    Args:
        listed: IDs of all its groups.
        groups: by ID, those that have interfaces and those that are asked about.
        unread: IDs of groups of interfaces whose rules could not be read.
        interfaces: all of the VPC.
        lists: entries of prefix lists and port range lists, by ID; a list that is
            empty, gone or could not be read is missing.
        problems: calls that failed, in sentences.
    """

    vpc_id: str
    region: str
    listed: frozenset[str] = frozenset()
    groups: Mapping[str, GroupFacts] = field(default_factory=dict[str, GroupFacts])
    unread: frozenset[str] = frozenset()
    interfaces: tuple[NetworkInterface, ...] = ()
    lists: Mapping[str, tuple[str, ...]] = field(
        default_factory=dict[str, tuple[str, ...]]
    )
    problems: tuple[str, ...] = ()

    def members(self, group_id: str) -> tuple[NetworkInterface, ...]:
        """
        The interfaces of a group.
        """
        return tuple(i for i in self.interfaces if group_id in i.group_ids)


def read_facts(
    client: EcsClient,
    vpc_id: str,
    region: str,
    asked: Collection[str] = (),
    known: Iterable[LiveGroup] = (),
) -> VpcFacts:
    """
    Read a VPC.

    Args:
        client: of the region.
        vpc_id: of the VPC.
        region: its name.
        asked: IDs of groups that are read though they have no interfaces; none for
            all groups of the VPC.
        known: groups that have been read already.

    Raises:
        EcsError: its interfaces or its groups cannot be listed.
    """
    interfaces = client.network_interfaces(vpc_id)
    listed = {each.group_id: each for each in client.describe_groups(vpc_id=vpc_id)}
    groups = {group.group_id: group for group in known}
    unread: set[str] = set()
    problems: list[str] = []
    needed = {each for i in interfaces for each in i.group_ids}
    needed.update(listed.keys() & asked if asked else listed)
    for group_id in sorted(needed - groups.keys()):
        try:
            groups[group_id] = client.describe(group_id)
        except EcsError as error:
            unread.add(group_id)
            problems.append(f"the rules of {group_id} could not be read: {error}")
    rules = [live.rule for group in groups.values() for live in group.rules]
    # A list that is empty or gone now may have held something in the period.
    found, unreadable = read_lists(client, rules)
    lists = {list_id: entries for list_id, entries in found.items() if entries}
    return VpcFacts(
        vpc_id=vpc_id,
        region=region,
        listed=frozenset({*listed, *groups}),
        groups={
            group_id: GroupFacts(group=group, group_type=_type(listed, group_id))
            for group_id, group in groups.items()
        },
        unread=frozenset(unread),
        interfaces=interfaces,
        lists=lists,
        problems=(*problems, *unreadable),
    )


def _type(listed: Mapping[str, ListedGroup], group_id: str) -> str:
    return listed[group_id].group_type if group_id in listed else ""
