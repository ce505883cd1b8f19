"""
Writes the rules of a group as a program and as an import file.

The inputs in the import file are those that `check` makes from the program's arguments,
so that a preview after the import shows no change.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from alicloud_ingress.cleanup.owners import GroupOwners
from alicloud_ingress.engine.properties import OWNER_MARK, outputs_of
from alicloud_ingress.inventory.moving_over import (
    PeerResource,
    PeerState,
    kept_in_state,
    unused,
)
from alicloud_ingress.previews.declared import RULE, RULE_SET
from alicloud_ingress.previews.notation import UNKNOWN_MARKS
from alicloud_ingress.reconcile.ownership import new_mark
from alicloud_ingress.rendering.markup import template
from alicloud_ingress.rules.live import LiveGroup, LiveRule
from alicloud_ingress.rules.rule import IngressRule
from alicloud_ingress.rules.spelling import ALL_PORTS
from alicloud_ingress.rules.validation import LAST_PRIORITY, problems_of

MAX_NAME_LENGTH = 80
_LEADING_ZEROS = re.compile(r"(?<= )::")


_Taken = tuple[LiveRule, dict[str, Any], PeerResource | None]


@dataclass(frozen=True, slots=True)
class Named:
    """
    A live rule, with the name and the arguments of its resource.

    Args:
        name: name of the resource.
        live: the rule.
        arguments: arguments of the resource.
        peer: the resource of pulumi-alicloud that owns the rule now; None if none does.
    """

    name: str
    live: LiveRule
    arguments: dict[str, Any]
    peer: PeerResource | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Import:
    """
    The rules to import from one group.

    Args:
        group_id: the group.
        region: its region.
        account_id: its account.
        rules: the rules to import.
        skipped: the other rules, each with the reason.
        set_name: name of the resource, if they become a rule set.
    """

    group_id: str
    region: str
    account_id: str
    rules: tuple[Named, ...]
    skipped: tuple[tuple[LiveRule, str], ...]
    set_name: str

    @property
    def peers(self) -> tuple[PeerResource, ...]:
        """
        The resources of pulumi-alicloud that own the rules now.
        """
        return tuple(each.peer for each in self.rules if each.peer)


def import_of(
    group: LiveGroup,
    owners: GroupOwners | None,
    account_id: str,
    wanted: Callable[[LiveRule], bool],
    peers: PeerState,
) -> Import:
    """
    Choose the rules to import, and name their resources.

    Args:
        group: the group.
        owners: owners of its rules; None if no state was passed.
        account_id: the account of the group.
        wanted: whether a rule passes the filters.
        peers: the resources of pulumi-alicloud in the states.
    """
    resources, unclear = peers.taken_from(group, owners) if owners else ({}, {})
    skipped: list[tuple[LiveRule, str]] = []
    taken: list[_Taken] = []
    for place, live in enumerate(group.rules):
        if not wanted(live):
            continue
        arguments, peer = live.rule.arguments, resources.get(place)
        why = unclear.get(place) or ("" if peer else _owned(owners, place))
        if why := why or _cannot_be_declared(live, arguments, group):
            skipped.append((live, why))
        else:
            taken.append((live, arguments, peer))
    taken, twice = _once(taken)
    skipped += twice
    stems = Counter(_stem(group.group_id, live.rule) for live, _, _ in taken)
    named = [
        Named(_name(group.group_id, live.rule, stems), live, arguments, peer)
        for live, arguments, peer in taken
    ]
    return Import(
        group_id=group.group_id,
        region=group.region,
        account_id=account_id,
        rules=tuple(sorted(named, key=lambda each: each.name)),
        skipped=tuple(skipped),
        set_name=f"{group.group_id}-rules",
    )


def movable(
    imports: Sequence[Import], peers: PeerState, *, only_peers: bool
) -> list[Import]:
    """
    Skip the rules of resources that cannot be removed from the state, and give each
    resource a name that no other one has.

    Args:
        imports: the imports of all groups.
        peers: the resources of pulumi-alicloud in the states.
        only_peers: also skip rules that no resource of pulumi-alicloud owns, and keep
            the names of the resources.
    """
    kept = kept_in_state(peers, (peer.urn for found in imports for peer in found.peers))
    used = {*peers.used_names}

    def why_not(each: Named) -> str:
        if each.peer is None:
            return "no resource of pulumi-alicloud owns it" if only_peers else ""
        return kept.get(each.peer.urn, "")

    def named(each: Named) -> Named:
        name = each.peer.name if only_peers and each.peer else each.name
        return replace(each, name=unused(name, used))

    return [
        replace(
            found,
            rules=tuple(named(each) for each in found.rules if not why_not(each)),
            skipped=(
                *found.skipped,
                *((each.live, why) for each in found.rules if (why := why_not(each))),
            ),
            set_name=unused(found.set_name, used),
        )
        for found in imports
    ]


def resources(found: Import, provider: str) -> list[dict[str, Any]]:
    """
    The entries of the import file, one for each rule.

    Args:
        found: the rules to import.
        provider: the pickle of the resource's provider, as the engine stores it.
    """
    entries: list[dict[str, Any]] = []
    for each in found.rules:
        place = {"security_group_id": found.group_id, "region": found.region}
        inputs = {**each.arguments, **place}
        outputs = outputs_of(inputs, each.live, found.account_id, new_mark())
        entries.append(
            {
                "type": RULE,
                "name": each.name,
                "id": each.live.rule_id,
                "inputs": {**inputs, "__provider": provider},
                "outputs": {**outputs, "__provider": provider},
            }
        )
    return entries


def set_resource(found: Import, provider: str) -> dict[str, Any]:
    """
    The entry of the import file for a rule set of all the rules.
    """
    digest = hashlib.sha256(
        "\n".join(each.live.rule_id for each in found.rules).encode()
    ).hexdigest()
    inputs: dict[str, Any] = {
        "security_group_id": found.group_id,
        "region": found.region,
        "rules": {each.live.rule.as_text: each.arguments for each in found.rules},
        "__provider": provider,
    }
    ids = {each.live.rule.as_text: each.live.rule_id for each in found.rules}
    return {
        "type": RULE_SET,
        "name": found.set_name,
        "id": f"{found.group_id}/set/{digest[:12]}",
        "inputs": inputs,
        "outputs": {
            **inputs,
            "account_id": found.account_id,
            "rule_ids": ids,
            "foreign_rule_ids": [],
            OWNER_MARK: new_mark(),
        },
    }


def program(
    imports: Sequence[Import], peers: PeerState | None = None, *, as_set: bool
) -> str:
    """
    The Python program that declares the imported resources.

    Args:
        imports: the imports of all groups.
        peers: set it to get a part of a program, which replaces these resources of
            pulumi-alicloud.
        as_set: whether to declare one rule set for each group.
    """
    name = "import_set.py.j2" if as_set else "import_rules.py.j2"
    return template(name, literal=literal).render(
        groups=imports,
        group_names=peers.groups if peers else {},
        replaced=[peer.name for found in imports for peer in found.peers]
        if peers
        else [],
    )


def literal(value: object) -> str:
    r"""
    A value as Python source, with unprintable characters as `\u202e`.
    """
    if not isinstance(value, str):
        return repr(value)
    quoted = json.dumps(value, ensure_ascii=False)
    return "".join(
        c if c.isprintable() else c.encode("unicode_escape").decode() for c in quoted
    )


def _once(taken: Sequence[_Taken]) -> tuple[list[_Taken], list[tuple[LiveRule, str]]]:
    """
    Skip rules that are the same as another one: no program can declare both.

    The rule that a resource of pulumi-alicloud owns is taken.
    """
    first: dict[IngressRule, _Taken] = {}
    skipped: list[tuple[LiveRule, str]] = []
    for each in sorted(taken, key=lambda one: one[2] is None):
        live = each[0]
        same, *_ = first.setdefault(live.rule.masked, each)
        if same is not live:
            why = f"it is the same rule as {same.rule_id}, and still exists"
            skipped.append((live, f"{why}; `stale plan` reports it as a duplicate"))
    return [*first.values()], skipped


def _owned(owners: GroupOwners | None, place: int) -> str:
    """
    Why a rule cannot be imported because of its owner; "" if it can.
    """
    if owners is None:
        return ""
    if owners.owners[place]:
        return f"owned by {owners.owners[place]}"
    return f"it may have an owner: {owners.doubts[0]}" if owners.doubts else ""


def _cannot_be_declared(
    live: LiveRule, arguments: Mapping[str, object], group: LiveGroup
) -> str:
    """
    Why no resource can declare a rule; "" if one can.
    """
    if not live.rule_id:
        return "ECS returned no ID for it"
    if live.rule.description in UNKNOWN_MARKS:
        return "its description is the engine's mark for an unknown value; change it"
    problems = [
        problem
        for problem in problems_of({**arguments, "security_group_id": group.group_id})
        if problem.argument != "priority" or live.rule.priority <= LAST_PRIORITY
    ]
    return "; ".join(f"{p.argument}: {p.reason}" for p in problems)


def _stem(group_id: str, rule: IngressRule) -> str:
    words = rule.as_text.replace(f" {ALL_PORTS}", "")
    words = _LEADING_ZEROS.sub("ipv6-", words.replace(" ::/0", " all-ipv6"))
    first, _, last = rule.port_range.partition("/")
    if first == last:
        words = words.replace(rule.port_range, first, 1)
    text = re.sub(r"[^A-Za-z0-9.]+", "-", words).strip("-")
    return f"{group_id}-{text}"[:MAX_NAME_LENGTH]


def _name(group_id: str, rule: IngressRule, stems: Mapping[str, int]) -> str:
    """
    The stem, with a few digits of a hash if the stem is not unique or is cut.
    """
    stem = _stem(group_id, rule)
    if stems[stem] == 1 and len(stem) < MAX_NAME_LENGTH:
        return stem
    digest = hashlib.sha256(rule.as_text.encode()).hexdigest()[:8]
    return f"{stem}-{digest}"


def skipped_lines(found: Import) -> Iterator[str]:
    """
    A sentence for each rule that is not imported; not escaped.
    """
    for live, why in found.skipped:
        yield f"{live.rule_id or 'a rule'} ({live.rule.as_text}) is skipped: {why}"
