"""
Lists the rules of groups for people and programs, with owners and what they expose.
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from alicloud_ingress.cleanup.owners import GroupOwners, Owners
from alicloud_ingress.cleanup.parallel import CALLS_PER_S, RateLimiter, in_parallel
from alicloud_ingress.ecs.client import EcsClient
from alicloud_ingress.ecs.connections import Connections, NoSuchGroupError, located
from alicloud_ingress.ecs.list_entries import lists_of, read_lists
from alicloud_ingress.ecs.reactions import OF_EVERY_GROUP
from alicloud_ingress.errors import (
    EcsError,
)
from alicloud_ingress.exposure.diagram import TooComplexError
from alicloud_ingress.exposure.group_exposure import Policy
from alicloud_ingress.exposure.redundancy import alone, covers_as_text
from alicloud_ingress.rendering.markup import MAX_MESSAGE_LENGTH, code, markdown_table
from alicloud_ingress.rules.live import LiveGroup, LiveRule
from alicloud_ingress.rules.rule import IngressRule
from alicloud_ingress.rules.spelling import has_expired
from alicloud_ingress.times import moment_of

COLUMNS = ("rule", "ID", "age", "description", "expires", "owner", "exposes")


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """
    One live rule.

    Args:
        live: the rule.
        age_days: whole days since its creation; None if that is not known.
        expired: whether its last day is past.
        owner: the resource and its stack, for people; "" for none.
        exposes: what the rule by itself allows, as text; or why that is nothing.
        world_open: whether it is open to the world.
    """

    live: LiveRule
    age_days: int | None
    expired: bool
    owner: str
    exposes: str
    world_open: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Listing:
    """
    One group.

    Args:
        group: the group.
        rows: its rules, in the order of evaluation.
        reach: everything that its rules together allow, as text.
        world_open: the part of it that is open to the world, as text.
        doubts: what is not known or not judged, in sentences.
    """

    group: LiveGroup
    rows: tuple[Row, ...]
    reach: tuple[str, ...]
    world_open: tuple[str, ...]
    doubts: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Unread:
    """
    A group, or the groups of a region, that could not be read.
    """

    why: str


class Reader:
    """
    Reads and lists groups of one or more regions, in parallel.

    Args:
        connections: clients by region.
        regions: their names, each once.
        owners: owners from the states that were passed.
        now: with its time zone.
    """

    def __init__(
        self,
        connections: Connections,
        regions: Sequence[str],
        owners: Owners,
        now: dt.datetime,
    ) -> None:
        self._connections = connections
        self._regions = regions
        self._owners = owners
        self._now = now
        self._rate_limiter = RateLimiter(CALLS_PER_S)
        self._fatal: EcsError | None = None

    def groups(self, group_ids: Sequence[str]) -> Iterator[Listing | Unread]:
        """
        List these groups, in this order. Each must be in one of the regions.
        """
        yield from in_parallel(self._of_group, dict.fromkeys(group_ids))

    def all_groups(self) -> Iterator[Listing | Unread]:
        """
        List all security groups of the regions.
        """
        yield from in_parallel(self._of_place, self._places())

    def _places(self) -> Iterator[tuple[str, str] | EcsError]:
        for region in self._regions:
            try:
                for group in self._connections.client(region).describe_groups():
                    yield region, group.group_id
            except EcsError as error:
                yield error

    def _of_place(self, place: tuple[str, str] | EcsError) -> Listing | Unread:
        if isinstance(place, EcsError):
            return Unread(why=str(place))
        region, group_id = place
        return self._read(group_id, lambda: self._connections.client(region))

    def _of_group(self, group_id: str) -> Listing | Unread:
        return self._read(
            group_id, lambda: located(self._connections, self._regions, group_id)
        )

    def _read(self, group_id: str, client: Callable[[], EcsClient]) -> Listing | Unread:
        if self._fatal is not None:
            return Unread(why=f"{group_id} was not read either: {self._fatal.quoted}")
        try:
            self._rate_limiter.wait()
            reader = client()
            group = reader.describe(group_id)
        except (EcsError, NoSuchGroupError) as error:
            if isinstance(error, OF_EVERY_GROUP):
                self._fatal = error
            return Unread(why=str(error))
        owners = self._owners.of(group) if self._owners.given else None
        lists, unread = read_lists(reader, (live.rule for live in group.rules))
        found = listing(group, owners, self._now, lists)
        return replace(found, doubts=(*found.doubts, *unread))


def listing(
    group: LiveGroup,
    owners: GroupOwners | None,
    now: dt.datetime,
    lists: Mapping[str, Sequence[str]],
) -> Listing:
    """
    List a group's rules, in the order in which ECS evaluates them.

    Args:
        group: the group.
        owners: owners of its rules; None if no state was passed.
        now: with its time zone.
        lists: contents of prefix lists and port lists, by ID.
    """
    doubts = list(owners.doubts) if owners else []
    rules = [live.rule for live in group.rules]
    ids = {n: live.rule_id for n, live in enumerate(group.rules)}
    try:
        policy = Policy(rules, lists)
        openings = policy.world_open()
        reach = tuple(reach.as_text for reach in policy.reach)
        idle = alone(rules)
    except TooComplexError as error:
        doubts.append(f"what the group allows cannot be judged: {error}")
        openings, reach, idle = (), (), {}
    world_open = {rule for each in openings if each.certain for rule in each.rules}
    rows = [
        Row(
            live=live,
            age_days=_age_days(live, now),
            expired=has_expired(live.rule.expires_on, now),
            owner=owners.owners[n] if owners else "",
            exposes=(
                f"nothing: {covers_as_text(idle[n], rules, ids)}"
                if n in idle
                else _exposes(live.rule, lists)
            ),
            world_open=live.rule in world_open,
        )
        for n, live in enumerate(group.rules)
    ]
    return Listing(
        group=group,
        rows=tuple(sorted(rows, key=lambda row: row.live.place)),
        reach=reach,
        world_open=tuple(opening.as_text for opening in openings),
        doubts=tuple(doubts),
    )


def cells(row: Row) -> tuple[str, ...]:
    """
    The texts of a row, in the order of `COLUMNS`; not escaped.
    """
    rule = row.live.rule
    expires = f"{rule.expires_on} (expired)" if row.expired else rule.expires_on
    age = "" if row.age_days is None else f"{row.age_days} d"
    exposes = f"THE WORLD: {row.exposes}" if row.world_open else row.exposes
    return (
        rule.as_text,
        row.live.rule_id,
        age,
        rule.description,
        expires,
        row.owner,
        exposes,
    )


def open_to_world(listed: Listing) -> Listing | None:
    """
    The group with only the rules that are open to the world.

    None if there are none, unless something in the group could not be judged.
    """
    rows = tuple(row for row in listed.rows if row.world_open)
    return replace(listed, rows=rows) if rows or listed.doubts else None


def as_json(listed: Listing) -> str:
    """
    One group as a JSON object.
    """
    return json.dumps(_group(listed), indent=1)


def as_markdown(listed: Listing) -> Iterator[str]:
    """
    The group as lines of escaped Markdown.
    """
    title = listed.group.title
    yield from markdown_table(title, COLUMNS, map(cells, listed.rows))
    for opening in listed.world_open:
        yield f"- open to the world: {code(opening)}"
    for doubt in listed.doubts:
        yield f"- not judged: {code(doubt, MAX_MESSAGE_LENGTH)}"


def _group(listed: Listing) -> dict[str, Any]:
    return {
        "group_id": listed.group.group_id,
        "name": listed.group.name,
        "region": listed.group.region,
        "vpc_id": listed.group.vpc_id,
        "rules": [
            {
                "rule_id": row.live.rule_id,
                "in_words": row.live.rule.as_text,
                "permission": (row.live.as_spelled or row.live.rule).to_permission(),
                "create_time": row.live.create_time,
                "age_days": row.age_days,
                "description": row.live.rule.description,
                "expires_on": row.live.rule.expires_on,
                "expired": row.expired,
                "owner": row.owner,
                "exposes": row.exposes,
                "world_open": row.world_open,
            }
            for row in listed.rows
        ],
        "reach": list(listed.reach),
        "world_open": list(listed.world_open),
        "not_judged": list(listed.doubts),
    }


def _exposes(rule: IngressRule, lists: Mapping[str, Sequence[str]]) -> str:
    if rule.drops:
        return "nothing: it drops packets"
    empty = [each for each in lists_of([rule]) if lists.get(each) == ()]
    if empty:
        return f"nothing: {empty[0]} does not exist or is empty"
    return "; ".join(reach.as_text for reach in Policy([rule], lists).reach)


def _age_days(live: LiveRule, now: dt.datetime) -> int | None:
    created = moment_of(live.create_time)
    return None if created is None else max((now - created).days, 0)
