"""
The rules of a group for people and programs: whose they are, and what they expose.
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from alicloud_ingress.cleanup.judgement import created_at
from alicloud_ingress.cleanup.owners import GroupOwners
from alicloud_ingress.exposure import Policy
from alicloud_ingress.live import LiveGroup, LiveRule
from alicloud_ingress.markup import code, markdown_table
from alicloud_ingress.policy.cover import alone, covers_in_words
from alicloud_ingress.policy.diagram import TooComplexError
from alicloud_ingress.rule import IngressRule
from alicloud_ingress.spelling import is_date

COLUMNS = ("rule", "ID", "age", "description", "expires", "owner", "exposes")


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """
    One live rule.

    Args:
        age_days: whole days since its creation; None where that is not told.
        owner: in words; "" for none.
        exposes: what the rule by itself lets in, in words; or why that is nothing.
        world_open: whether the world gets in through it.
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
        reach: all that its rules together let in, in words.
        world_open: what of it the whole world may reach, in words.
        doubts: why some owners are not known, in sentences.
    """

    group: LiveGroup
    rows: tuple[Row, ...]
    reach: tuple[str, ...]
    world_open: tuple[str, ...]
    doubts: tuple[str, ...]


def listing(
    group: LiveGroup,
    owners: GroupOwners | None,
    now: dt.datetime,
    lists: Mapping[str, Sequence[str]] | None = None,
) -> Listing:
    """
    List a group's rules, in the order in which ECS takes them.

    Args:
        group: as read.
        owners: None where no state was given.
        now: with its zone.
        lists: what prefix lists and port lists hold, by ID.
    """
    doubts = list(owners.doubts) if owners else []
    rules = [live.rule for live in group.rules]
    ids = {n: live.rule_id for n, live in enumerate(group.rules)}
    try:
        policy = Policy(rules, lists)
        openings = policy.world_open()
        reach = tuple(reach.in_words for reach in policy.reach)
        idle = alone(rules)
    except TooComplexError as error:
        doubts.append(f"what the group lets in cannot be judged: {error}")
        openings, reach, idle = (), (), {}
    wide = {rule for each in openings if each.certain for rule in each.rules}
    rows = [
        Row(
            live=live,
            age_days=_age_days(live, now),
            expired=_has_expired(live.rule, now),
            owner=owners.owners[n] if owners else "",
            exposes=(
                f"nothing: {covers_in_words(idle[n], rules, ids)}"
                if n in idle
                else _exposes(live.rule, lists)
            ),
            world_open=live.rule in wide,
        )
        for n, live in enumerate(group.rules)
    ]
    return Listing(
        group=group,
        rows=tuple(sorted(rows, key=_place)),
        reach=reach,
        world_open=tuple(opening.in_words for opening in openings),
        doubts=tuple(doubts),
    )


def cells(row: Row) -> tuple[str, ...]:
    """
    The texts of a row, in the order of `COLUMNS`; not made safe.
    """
    rule = row.live.rule
    expires = f"{rule.expires_on} (over)" if row.expired else rule.expires_on
    age = "" if row.age_days is None else f"{row.age_days} d"
    exposes = f"THE WORLD: {row.exposes}" if row.world_open else row.exposes
    return (
        rule.in_words,
        row.live.rule_id,
        age,
        rule.description,
        expires,
        row.owner,
        exposes,
    )


def as_json(listings: Sequence[Listing]) -> str:
    """
    The groups as one JSON document.
    """
    return json.dumps({"groups": [_group(each) for each in listings]}, indent=1)


def as_markdown(listings: Sequence[Listing]) -> str:
    """
    The groups as Markdown in which no text of others means anything.
    """
    return "\n".join(line for each in listings for line in _lines(each))


def _lines(listed: Listing) -> Iterator[str]:
    group = listed.group
    title = f"{group.group_id} in {group.region}"
    yield from markdown_table(title, COLUMNS, map(cells, listed.rows))
    for opening in listed.world_open:
        yield f"- open to the world: {code(opening)}"
    for doubt in listed.doubts:
        yield f"- not judged: {code(doubt)}"


def _group(listed: Listing) -> dict[str, Any]:
    return {
        "group_id": listed.group.group_id,
        "region": listed.group.region,
        "vpc_id": listed.group.vpc_id,
        "rules": [
            {
                "rule_id": row.live.rule_id,
                "in_words": row.live.rule.in_words,
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


def _place(row: Row) -> tuple[int, bool, str, str]:
    rule = row.live.rule
    return rule.priority, rule.policy != "drop", rule.in_words, row.live.rule_id


def _exposes(rule: IngressRule, lists: Mapping[str, Sequence[str]] | None) -> str:
    if rule.policy == "drop":
        return "nothing: it drops"
    return "; ".join(reach.in_words for reach in Policy([rule], lists).reach)


def _age_days(live: LiveRule, now: dt.datetime) -> int | None:
    created = created_at(live.create_time)
    return None if created is None else max((now - created).days, 0)


def _has_expired(rule: IngressRule, now: dt.datetime) -> bool:
    today = now.astimezone(dt.timezone.utc).date()
    return is_date(rule.expires_on) and today > dt.date.fromisoformat(rule.expires_on)
