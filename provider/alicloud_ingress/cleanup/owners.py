"""
Who owns which live rule, as exported states of the engine tell it.

A rule is owned by the resource that knows its ID. While a resource knows none, the
rule with its whole identity is its own. The rule of pulumi-alicloud finds its rule by
what it says, without source ports and destinations, so it owns whatever looks so to
it. Its security group owns none: that resource has no rules of its own.

An entry that hides what it is about is a doubt. While it may be about a group, no
rule of that group that nobody else owns can be judged.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from alicloud_ingress.errors import IngressError
from alicloud_ingress.files import parsed
from alicloud_ingress.previews.declared import (
    GROUP_ARGUMENT,
    PEER_RULE,
    RULE,
    RULE_SET,
    DeclaredRule,
    Statement,
    inputs_of,
    items,
    mapping,
)
from alicloud_ingress.rules.live import LiveGroup
from alicloud_ingress.rules.rule import IngressRule

_SIGNATURE = "4dabf18193072939515e22adb298388d"
_PEER_ID = re.compile(
    r"(?P<group>sg-[^:]+):ingress:(?P<protocol>[^:]+):(?P<ports>[^:]+):(?P<nic>[^:]*):"
    r"(?P<source>.+):(?P<policy>[^:]+):(?P<priority>\d+)"
)
_RULE_ID = {
    RULE: "security_group_rule_id",
    PEER_RULE: "securityGroupRuleId",
}
_STEP = (
    "run `pulumi refresh` to learn the ID, or pipe the state in, which writes no secret"
    " to disk: `pulumi stack export --show-secrets | alicloud-ingress ... --state -`"
)


class StateError(IngressError):
    """
    A text is no exported state, so nothing can be said of whose a rule is.
    """


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """
    A rule that a resource owns.

    Args:
        owner: the resource and its stack, in words.
        group_id: "" where it is hidden.
        rule_id: "" while unknown; then `rule` is what tells it.
        rule: None where only the ID counts.
        loosely: whether source ports and destination do not count.
        peer_urn: of the resource, where it is one of pulumi-alicloud.
    """

    owner: str
    group_id: str
    rule_id: str = ""
    rule: IngressRule | None = None
    loosely: bool = False
    peer_urn: str = ""

    def holds(self, group: LiveGroup) -> Iterator[int]:
        """
        The places of the rules of a group that are this one.
        """
        for place, live in enumerate(group.rules):
            if self.rule_id and live.rule_id == self.rule_id:
                yield place
            elif self.rule is not None and self.group_id == group.group_id:
                asked = replace(self.rule, nic_type="intranet")
                there = replace(live.rule, nic_type="intranet")
                if not group.vpc_id and not self.loosely:
                    asked, there = self.rule, live.rule
                if self.loosely:
                    asked, there = _as_the_peer_sees(asked), _as_the_peer_sees(there)
                if asked.masked == there.masked:
                    yield place


@dataclass(frozen=True, slots=True, kw_only=True)
class Doubt:
    """
    An entry of a state that hides what it is about.

    Args:
        group_id: the only group that it can be about; "" where that is hidden.
    """

    text: str
    group_id: str

    def is_about(self, group_id: str) -> bool:
        """
        Whether the entry may be about a rule of this group.
        """
        return self.group_id in ("", group_id)


@dataclass(frozen=True, slots=True)
class GroupOwners:
    """
    Whose the rules of one group are.

    Args:
        owners: for each rule of the group its owner in words, "" for none.
        managed: whether the states own a rule in this group at all.
        doubts: why rules without an owner cannot be judged.
        peer_urns: for each rule the URN of its owner, where that is a resource of
            pulumi-alicloud.
    """

    owners: tuple[str, ...]
    managed: bool
    doubts: tuple[str, ...]
    peer_urns: tuple[str, ...]


class Owners:
    """
    What some states own.

    Args:
        stacks: names of the stacks.
    """

    def __init__(
        self,
        stacks: Iterable[str] = (),
        claims: Iterable[Claim] = (),
        doubts: Iterable[Doubt] = (),
    ) -> None:
        self.stacks = tuple(stacks)
        self.doubts = tuple(doubts)
        self._nameless: dict[str, list[Claim]] = {}
        self._by_id: dict[str, Claim] = {}
        self._groups: set[str] = set()
        for claim in claims:
            self._groups.add(claim.group_id)
            known = self._by_id.get(claim.rule_id)
            if claim.rule_id and (known is None or known.peer_urn):
                self._by_id[claim.rule_id] = claim
            if claim.rule is not None:
                self._nameless.setdefault(claim.group_id, []).append(claim)

    @staticmethod
    def read(states: Iterable[str]) -> Owners:
        """
        Read texts that `pulumi stack export` wrote.

        Raises:
            StateError: one of them is none.
        """
        try:
            read = [_State(text) for text in states]
        except RecursionError:
            raise StateError("it is nested too deeply") from None
        return Owners(
            stacks=[state.stack for state in read],
            claims=[claim for state in read for claim in state.claims],
            doubts=[doubt for state in read for doubt in state.doubts],
        )

    @property
    def given(self) -> bool:
        """
        Whether there is a state at all.
        """
        return bool(self.stacks)

    def of(self, group: LiveGroup) -> GroupOwners:
        """
        Tell whose the rules of a group are.
        """
        claims = [self._by_id.get(live.rule_id) for live in group.rules]
        managed = group.group_id in self._groups or any(claims)
        for claim in self._nameless.get(group.group_id, ()):
            for place in claim.holds(group):
                claims[place] = claims[place] or claim
        doubts = [doubt.text for doubt in self.doubts if doubt.is_about(group.group_id)]
        return GroupOwners(
            owners=tuple(claim.owner if claim else "" for claim in claims),
            managed=managed,
            doubts=tuple(doubts),
            peer_urns=tuple(claim.peer_urn if claim else "" for claim in claims),
        )


class _State:
    """
    One exported state.
    """

    def __init__(self, text: str) -> None:
        try:
            export = parsed(text)
        except ValueError as error:
            raise StateError(f"this is not valid JSON: {error}") from None
        deployment = mapping(mapping(export).get("deployment"))
        if not deployment:
            raise StateError("this is not the output of `pulumi stack export`")
        self.claims: list[Claim] = []
        self.doubts: list[Doubt] = []
        self.stack = ""
        pending = map(mapping, items(deployment.get("pending_operations")))
        unfinished = [mapping(operation.get("resource")) for operation in pending]
        done = map(mapping, items(deployment.get("resources")))
        for entry in (*done, *unfinished):
            parts = str(entry.get("urn") or "").split("::")
            self.stack = self.stack or parts[0].removeprefix("urn:pulumi:")
            kind = str(entry.get("type"))
            # What is external was read with `get`, and is somebody else's.
            if kind in GROUP_ARGUMENT and not entry.get("external"):
                self._take(kind, parts[-1], _opened(entry))
        self.stack = self.stack or "a state without resources"

    def _take(self, kind: str, name: str, entry: Mapping[str, Any]) -> None:
        owner = f"{name} of stack {self.stack}"
        outputs = mapping(entry.get("outputs"))
        stated = Statement(name, kind, entry, side="old", moved=None).rules()
        if kind == RULE_SET:
            self._take_set(owner, stated, entry)
            return
        identity = str(entry.get("id") or "")
        rule_id = str(outputs.get(_RULE_ID[kind]) or "")
        if not rule_id.startswith("sgr-"):
            rule_id = identity if identity.startswith("sgr-") else ""
        peer_urn = str(entry.get("urn") or "") if kind == PEER_RULE else ""
        if peer_urn and (claim := _claim_of_peer(owner, identity, rule_id)):
            self.claims.append(replace(claim, peer_urn=peer_urn))
            return
        for each in stated:
            self._take_rule(owner, each, rule_id, peer_urn)

    def _take_rule(
        self, owner: str, stated: DeclaredRule, rule_id: str, peer_urn: str = ""
    ) -> None:
        loosely = bool(peer_urn)
        group_id = stated.group if stated.known_group else ""
        by_rule = not stated.doubts and (loosely or not rule_id)
        if rule_id or (by_rule and group_id):
            self.claims.append(
                Claim(
                    owner=owner,
                    group_id=group_id,
                    rule_id=rule_id,
                    rule=stated.rule if by_rule else None,
                    loosely=loosely,
                    peer_urn=peer_urn,
                )
            )
        hidden = stated.doubts if group_id else (*stated.doubts, "its group is hidden")
        if hidden and (loosely or not rule_id):
            self._doubt(owner, hidden, group_id)

    def _take_set(
        self, owner: str, stated: Sequence[DeclaredRule], entry: Mapping[str, Any]
    ) -> None:
        inputs = inputs_of(entry)
        ids = mapping(mapping(entry.get("outputs")).get("rule_ids"))
        known = {} if _SIGNATURE in ids else {k: str(v or "") for k, v in ids.items()}
        group_id = str(inputs.get(GROUP_ARGUMENT[RULE_SET]) or "")
        group_id = group_id if group_id.startswith("sg-") else ""
        self.claims += [
            Claim(owner=owner, group_id=group_id, rule_id=rule_id)
            for rule_id in known.values()
            if rule_id.startswith("sgr-")
        ]
        keys = list(mapping(inputs.get("rules")))
        for place, each in enumerate(stated):
            key = keys[place] if len(keys) == len(stated) else each.rule.as_text
            rule_id = known.get(key, "")
            if not rule_id.startswith("sgr-"):
                self._take_rule(owner, each, "")

    def _doubt(self, owner: str, why: Sequence[str], group_id: str) -> None:
        text = f"{owner} shows no rule ID, and {', '.join(why)}; {_STEP}"
        self.doubts.append(Doubt(text=text, group_id=group_id))


def _claim_of_peer(owner: str, identity: str, rule_id: str) -> Claim | None:
    """
    Read the ID of a rule of pulumi-alicloud, which tells all that it goes by.
    """
    parts = _PEER_ID.fullmatch(identity)
    if parts is None:
        return None
    source = parts["source"]
    kind = "SourceCidrIp"
    if source.startswith("sg-"):
        kind = "SourceGroupId"
    elif source.startswith("pl-"):
        kind = "SourcePrefixListId"
    elif "_" in source or ":" in source:
        kind, source = "Ipv6SourceCidrIp", source.replace("_", ":")
    permission = {
        "IpProtocol": parts["protocol"],
        "PortRange": parts["ports"],
        kind: source,
        "Policy": parts["policy"],
        "Priority": parts["priority"],
    }
    return Claim(
        owner=owner,
        group_id=parts["group"],
        rule_id=rule_id,
        rule=IngressRule.from_permission(permission),
        loosely=True,
    )


def _as_the_peer_sees(rule: IngressRule) -> IngressRule:
    return replace(
        rule,
        nic_type="intranet",
        source_port_range="",
        dest_cidr_ip="",
        ipv6_dest_cidr_ip="",
    )


def _opened(value: Any) -> Any:
    """
    The value, with secrets as they are where the export shows them.
    """
    if listed := items(value):
        return [_opened(each) for each in listed]
    entries = mapping(value)
    if not entries:
        return value
    if _SIGNATURE in entries and isinstance(entries.get("plaintext"), str):
        try:
            return json.loads(entries["plaintext"])
        except ValueError:
            return value
    return {name: _opened(each) for name, each in entries.items()}
