"""
Moves rules over from resources of pulumi-alicloud without deleting any.

A resource is removed from the state before its rule is imported. `pulumi state delete`
refuses a protected resource, unless it is forced, and one that another resource refers
to. So dependents come first, and a resource with a dependent that is kept is kept too.
"""

from __future__ import annotations

import shlex
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from alicloud_ingress.cleanup.owners import GroupOwners
from alicloud_ingress.files import items, mapping, parsed
from alicloud_ingress.previews.declared import RULE, RULE_SET, SECURITY_GROUP
from alicloud_ingress.previews.notation import name_of, type_of
from alicloud_ingress.previews.peer import PEER_RULE
from alicloud_ingress.rules.live import LiveGroup

_HEAD = (
    "#!/bin/sh",
    "# Removes resources of pulumi-alicloud from the state. No security group rule is",
    "# deleted. Run it in the project's folder, before `pulumi import`.",
    "set -e",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class PeerResource:
    """
    A rule resource of pulumi-alicloud in a state.

    Args:
        urn: URN of the resource.
        place: position in the state, in which dependents come after their dependencies.
        group_id: "" if it is secret.
        outbound: whether its rule is for outbound traffic.
        protected: whether the engine refuses to delete it.
        doubled: whether the state has it twice, after an unfinished replacement.
        rule_id: "" if the state does not have it.
        dependents: URNs of the resources that refer to it.
    """

    urn: str
    place: int
    group_id: str
    outbound: bool
    protected: bool
    doubled: bool
    rule_id: str
    dependents: tuple[str, ...]

    @property
    def name(self) -> str:
        """
        The name of the resource.
        """
        return name_of(self.urn)

    @property
    def stack(self) -> str:
        """
        The name of the resource's stack.
        """
        return self.urn.removeprefix("urn:pulumi:").partition("::")[0]


@dataclass(frozen=True, slots=True)
class PeerState:
    """
    The resources of pulumi-alicloud in some states.

    Args:
        rules: rule resources by URN, in the order of the state.
        groups: names of security group resources by the group's ID.
        used_names: names of this provider's resources: an import cannot use them.
    """

    rules: Mapping[str, PeerResource] = field(default_factory=dict[str, PeerResource])
    groups: Mapping[str, str] = field(default_factory=dict[str, str])
    used_names: frozenset[str] = frozenset()

    @staticmethod
    def read(texts: Iterable[str]) -> PeerState:
        """
        Read outputs of `pulumi stack export` that `Owners.read` has accepted.
        """
        entries: list[Mapping[str, Any]] = []
        for text in texts:
            deployment = mapping(mapping(parsed(text)).get("deployment"))
            entries += map(mapping, items(deployment.get("resources")))
        referring = _referring(entries)
        times = Counter(str(entry.get("urn")) for entry in entries)
        rules: dict[str, PeerResource] = {}
        groups: dict[str, str] = {}
        for place, entry in enumerate(entries):
            urn = str(entry.get("urn") or "")
            if entry.get("type") == SECURITY_GROUP and not entry.get("external"):
                groups[str(entry.get("id") or "")] = name_of(urn)
            if entry.get("type") == PEER_RULE and not entry.get("external"):
                rules[urn] = _peer_resource(
                    urn, place, entry, referring.get(urn, ()), doubled=times[urn] > 1
                )
        used = (e.get("urn") for e in entries if e.get("type") in (RULE, RULE_SET))
        return PeerState(rules, groups, frozenset(name_of(str(urn)) for urn in used))

    def taken_from(
        self, group: LiveGroup, owners: GroupOwners
    ) -> tuple[dict[int, PeerResource], dict[int, str]]:
        """
        Match the rules of a group with the resources that own them.

        Returns:
            The resource by the position of its rule; and, by position, why another rule
            that a resource may own cannot be taken over.
        """
        places: dict[str, list[int]] = {}
        for place, urn in enumerate(owners.peer_urns):
            if urn:
                places.setdefault(urn, []).append(place)
        taken: dict[int, PeerResource] = {}
        unclear: dict[int, str] = {}
        for urn, fitting in places.items():
            resource = self.rules[urn]
            named = [p for p in fitting if group.rules[p].rule_id == resource.rule_id]
            if len(chosen := named or fitting) == 1:
                taken[chosen[0]] = resource
            for place in set(fitting).difference(taken):
                owned = named and f", which owns {resource.rule_id}"
                unclear[place] = f"it may be the rule of {resource.name}{owned or ''}"
        return taken, unclear


def kept_in_state(peers: PeerState, urns: Iterable[str]) -> dict[str, str]:
    """
    Which of some resources cannot be removed from the state, and why.
    """
    going = set(urns)
    kept = {
        urn: f"the state has {name_of(urn)} twice, because of an unfinished"
        " replacement; run `pulumi up`, and export again"
        for urn in going
        if peers.rules[urn].doubled
    }
    going.difference_update(kept)
    while True:
        blocked = {
            urn: next(by for by in peers.rules[urn].dependents if by not in going)
            for urn in going
            if not going.issuperset(peers.rules[urn].dependents)
        }
        if not blocked:
            return kept
        going.difference_update(blocked)
        for urn, by in blocked.items():
            kept[urn] = (
                f"{name_of(by)} ({type_of(by)}) refers to"
                f" {peers.rules[urn].name}, so the engine keeps it in the state; remove"
                " the reference from the program, run `pulumi up`, and export again"
            )


def deletion_script(resources: Sequence[PeerResource]) -> str:
    """
    The shell script that removes resources from the state; "" for none.
    """
    if not resources:
        return ""
    last_first = sorted(resources, key=lambda each: each.place, reverse=True)
    return "\n".join([*_HEAD, *map(_deletion, last_first), ""])


def unused(name: str, used: set[str]) -> str:
    """
    The name, with a number if it is used already; it is used from now on.
    """
    found, number = name, 2
    while found in used:
        found, number = f"{name}-{number}", number + 1
    used.add(found)
    return found


def kept_resources(
    peers: PeerState, groups: Sequence[str], met: Sequence[str]
) -> Iterator[str]:
    """
    A sentence for each resource of which no rule was found in the groups, so that it is
    kept in pulumi-alicloud; not escaped.

    Args:
        peers: the resources of pulumi-alicloud in the states.
        groups: IDs of the groups that were read.
        met: URNs of the resources whose rule was found.
    """
    for each in peers.rules.values():
        if each.urn in met:
            continue
        if each.outbound:
            why = "its rule is for outbound traffic"
        elif each.group_id and each.group_id not in groups:
            why = f"its group is {each.group_id}, which is not passed with --group"
        else:
            why = (
                "none of the imported rules is certainly its rule;"
                " `pulumi refresh` shows whether it still exists"
            )
        yield f"{each.name} is kept in pulumi-alicloud: {why}"


def _deletion(resource: PeerResource) -> str:
    force = " --force" if resource.protected else ""
    return (
        f"pulumi state delete --yes{force} --stack {shlex.quote(resource.stack)}"
        f" {shlex.quote(resource.urn)}"
    )


def _peer_resource(
    urn: str,
    place: int,
    entry: Mapping[str, Any],
    dependents: Sequence[str],
    *,
    doubled: bool,
) -> PeerResource:
    stated = {**mapping(entry.get("inputs")), **mapping(entry.get("outputs"))}
    group_id = str(stated.get("securityGroupId") or "")
    rule_id = str(stated.get("securityGroupRuleId") or "")
    return PeerResource(
        urn=urn,
        place=place,
        group_id=group_id if group_id.startswith("sg-") else "",
        outbound=stated.get("type") == "egress",
        protected=bool(entry.get("protect")),
        doubled=doubled,
        rule_id=rule_id if rule_id.startswith("sgr-") else "",
        dependents=tuple(dependents),
    )


def _referring(entries: Sequence[Mapping[str, Any]]) -> dict[str, list[str]]:
    """
    The URNs of each resource's dependents, as the engine finds them.
    """
    found: dict[str, list[str]] = {}
    for entry in entries:
        urn = str(entry.get("urn") or "")
        by_property = mapping(entry.get("propertyDependencies")).values()
        referred = {
            *map(str, items(entry.get("dependencies"))),
            *(str(each) for listed in by_property for each in items(listed)),
            str(entry.get("parent") or ""),
            str(entry.get("deletedWith") or ""),
        }
        for each in referred - {"", urn}:
            found.setdefault(each, []).append(urn)
    return found
