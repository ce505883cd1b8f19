"""
Reads the groups that a preview names, and the lists that their rules use.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from alicloud_ingress.ecs.connections import Connections
from alicloud_ingress.ecs.list_entries import lists_of, read_lists
from alicloud_ingress.errors import IngressError
from alicloud_ingress.previews.preview import Preview, known_groups, rules_of
from alicloud_ingress.rules.live import LiveGroup
from alicloud_ingress.rules.rule import IngressRule


@dataclass(frozen=True, slots=True)
class LiveState:
    """
    What ECS holds now.

    Args:
        groups: by ID.
        lists: contents of prefix lists and port lists, by ID.
        problems: which groups could not be read, in sentences.
        unread_lists: which lists could not be read, in sentences. These are not
            problems: what depends on them is reported as not judged.
    """

    groups: Mapping[str, LiveGroup]
    lists: Mapping[str, tuple[str, ...]]
    problems: tuple[str, ...]
    unread_lists: tuple[str, ...]


def read_live_state(
    preview: Preview, connections: Connections, region: str
) -> LiveState:
    """
    Read the groups and lists of a preview.

    Args:
        preview: the preview.
        connections: clients by region.
        region: of groups whose region the preview does not show; "" for the
            configured one.
    """
    groups: dict[str, LiveGroup] = {}
    answers: dict[str, list[tuple[str, ...] | None]] = {}
    problems: list[str] = []
    unread: list[str] = []
    for group, its_region in known_groups(preview).items():
        try:
            client = connections.client(connections.region(its_region or region))
            groups[group] = client.describe(group)
        except IngressError as error:
            problems.append(f"{group} could not be read: {error}")
            continue
        rules = [live.rule for live in groups[group].rules]
        rules += rules_of(preview, group)
        found, missing = read_lists(client, rules)
        for name in lists_of(rules):
            answers.setdefault(name, []).append(found.get(name))
        unread += missing
    contents = {name: _content(each) for name, each in answers.items()}
    lists = {name: known for name, known in contents.items() if known is not None}
    changed = {each.list_id: each for each in preview.lists if each.changes}
    if unread_yet := [each for each in changed if each not in lists]:
        try:
            client = connections.client(connections.region(region))
            found, missing = read_lists(client, map(_rule_of_list, unread_yet))
        except IngressError as error:
            found, missing = {}, [f"{', '.join(unread_yet)} could not be read: {error}"]
        # In another region it does not exist, and then the state counts.
        lists.update({n: e for n, e in found.items() if e or not changed[n].before})
        unread += missing
    return LiveState(groups, lists, tuple(problems), tuple(dict.fromkeys(unread)))


def _content(answers: Sequence[tuple[str, ...] | None]) -> tuple[str, ...] | None:
    """
    What a list contains, asked for in several regions; None if it is not known. It
    exists in one of them, and counts as empty in the others.
    """
    return next(filter(None, answers), None if None in answers else ())


def _rule_of_list(list_id: str) -> IngressRule:
    return IngressRule(ip_protocol="all", source_prefix_list_id=list_id)
