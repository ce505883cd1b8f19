"""
Reads what else in a preview may change access: prefix lists, security groups, and
resources that join or leave a group.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from alicloud_ingress.files import items, mapping
from alicloud_ingress.previews.declared import (
    GROUP_ARGUMENT,
    PREFIX_LIST,
    SECURITY_GROUP,
    future_list,
)
from alicloud_ingress.previews.notation import (
    CREATING,
    UNCHANGED,
    inputs_of,
    is_known,
    known_text,
    name_of,
    type_of,
)
from alicloud_ingress.rules.spelling import masked

_PROVIDER = "pulumi:providers:alicloud"
_KNOWN = frozenset({*GROUP_ARGUMENT, PREFIX_LIST})
_SOME_RULE = re.compile(
    r"security_?group_?(ingress_?)?rule|(prefix|port_?range)_?list", re.IGNORECASE
)
_SIGNS_OF_A_RULE = (
    {"security_group_id", "ip_protocol"},
    {"security_group_id", "rules"},
    {"securityGroupId", "ipProtocol"},
)
_OTHER_CLOUDS = ("aws:", "aws-native:", "huaweicloud:", "openstack:", "tencentcloud:")
_INNER = ("innerAccessPolicy", "innerAccess")
_JOINING = ("securityGroups", "securityGroupIds", "securityGroupId")


@dataclass(frozen=True, slots=True, kw_only=True)
class ListChange:
    """
    A prefix list of the stack.

    Args:
        urn: URN of the resource.
        list_id: `pl-...`; see `future_list` if the preview creates it.
        name: name of the resource.
        before: its address blocks in the state, or as it is created; None if they are
            not known.
        after: its address blocks in the program; None if they are not known.
        changes: whether the preview changes the list.
    """

    urn: str
    list_id: str
    name: str
    before: tuple[str, ...] | None
    after: tuple[str, ...] | None
    changes: bool

    def blocks_after(self, live: Sequence[str] | None) -> Sequence[str] | None:
        """
        Its address blocks after an update; None if they are not known.

        pulumi-alicloud adds and removes what differs between the state and the program.
        Blocks that neither of the two has remain. Whether one that both have, and the
        list has not, is added again is not known.

        Args:
            live: its blocks now; None or empty if it was not found.
        """
        if not live or self.after is None:
            return self.after
        if self.before is None:
            return None
        now, old, new = (
            {*map(masked, blocks)} for blocks in (live, self.before, self.after)
        )
        if not old & new <= now:
            return None
        return (*self.after, *now.difference(old))


def list_changes(steps: Iterable[Mapping[str, Any]]) -> Iterator[ListChange]:
    """
    The prefix lists of the stack: those that exist, and those that the preview creates.
    """
    for step in steps:
        if _kind(step) != PREFIX_LIST:
            continue
        old, new = mapping(step.get("oldState")), mapping(step.get("newState"))
        if step.get("op") in CREATING:
            blocks = _blocks(inputs_of(new))
            yield ListChange(
                urn=str(step.get("urn")),
                list_id=future_list(str(step.get("urn"))),
                name=_name(step),
                before=blocks,
                after=blocks,
                changes=False,
            )
        list_id = str(old.get("id") or new.get("id") or "")
        if not list_id.startswith("pl-"):
            continue
        changes = step.get("op") not in UNCHANGED
        before = _blocks(inputs_of(old))
        yield ListChange(
            urn=str(step.get("urn")),
            list_id=list_id,
            name=_name(step),
            before=before,
            after=_blocks(inputs_of(new)) if changes else before,
            changes=step.get("op") == "update",
        )


def provider_regions(
    steps: Iterable[Mapping[str, Any]],
) -> Iterator[tuple[str, str]]:
    """
    The URNs of the providers of pulumi-alicloud, and their regions.
    """
    for step in steps:
        if _kind(step) == _PROVIDER:
            state = mapping(step.get("newState") or step.get("oldState"))
            yield str(step.get("urn")), known_text(inputs_of(state).get("region"))


def unknown_rules(steps: Iterable[Mapping[str, Any]]) -> Iterator[str]:
    """
    URNs of changing resources that seem to be rules, or lists that rules use, of a type
    that is not known here: by the name of the type, or by their arguments.
    """
    for step in steps:
        kind = _kind(step)
        if (
            kind
            and kind not in _KNOWN
            and step.get("op") not in UNCHANGED
            and not kind.startswith(_OTHER_CLOUDS)
            and (_SOME_RULE.search(kind) or _has_rule_arguments(step))
            and not _is_component(step)
        ):
            yield str(step.get("urn"))


def _has_rule_arguments(step: Mapping[str, Any]) -> bool:
    states = (mapping(step.get(side)) for side in ("newState", "oldState"))
    return any(names <= {*inputs_of(s)} for s in states for names in _SIGNS_OF_A_RULE)


def _is_component(step: Mapping[str, Any]) -> bool:
    """
    Whether a step is about a component, whose resources have steps of their own.
    """
    states = (mapping(step.get(side)) for side in ("newState", "oldState"))
    return any(state.get("custom") is False for state in states)


def notes(steps: Iterable[Mapping[str, Any]]) -> Iterator[str]:
    """
    Changes that are not judged, one sentence each.
    """
    for step in steps:
        if _kind(step) in GROUP_ARGUMENT or step.get("op") in UNCHANGED:
            continue
        old = inputs_of(mapping(step.get("oldState")))
        new = inputs_of(mapping(step.get("newState")))
        if _kind(step) == SECURITY_GROUP:
            if old and any(old.get(name) != new.get(name) for name in _INNER):
                yield (
                    f"{_name(step)}: its inner access policy changes, which decides"
                    " whether members of the group reach one another"
                )
        elif new and any(old.get(name) != new.get(name) for name in _JOINING):
            yield (
                f"{_name(step)} ({_kind(step)}) joins or leaves a security group,"
                " which changes the traffic that reaches it"
            )


def _blocks(inputs: Mapping[str, Any]) -> tuple[str, ...] | None:
    entries = inputs.get("entries")
    blocks = [mapping(entry).get("cidr") for entry in items(entries)]
    if not isinstance(entries, list) or not all(map(is_known, blocks)):
        return None
    return tuple(map(str, blocks))


def _kind(step: Mapping[str, Any]) -> str:
    return type_of(str(step.get("urn")))


def _name(step: Mapping[str, Any]) -> str:
    return name_of(str(step.get("urn")))
