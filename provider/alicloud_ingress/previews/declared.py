"""
Reads rules from the inputs and outputs of resources, in states and previews.

Unknown values and secrets appear as marks. They are not guessed: such a value becomes a
text that cannot be parsed, which `packets` treats as an opaque set of its own, and the
rule gets a doubt that names it.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from alicloud_ingress.files import items, mapping
from alicloud_ingress.previews.notation import (
    NOT_KNOWN,
    SECRET,
    doubt_of,
    inputs_of,
    known_text,
    type_of,
)
from alicloud_ingress.previews.peer import PEER_RULE
from alicloud_ingress.rules.rule import API_NAMES, IngressRule
from alicloud_ingress.rules.spelling import ALL_PORTS, WITH_PORTS
from alicloud_ingress.rules.validation import SOURCES

RULE = "pulumi-python:dynamic/alicloud-ingress:SecurityGroupIngressRule"
RULE_SET = "pulumi-python:dynamic/alicloud-ingress:SecurityGroupIngressRuleSet"

PARAMETERS = {
    RULE: {
        argument: parameter
        for argument, parameter in API_NAMES.items()
        if not argument.startswith("source_group_owner")
    },
    PEER_RULE: {
        "ipProtocol": "IpProtocol",
        "portRange": "PortRange",
        "cidrIp": "SourceCidrIp",
        "ipv6CidrIp": "Ipv6SourceCidrIp",
        "sourceSecurityGroupId": "SourceGroupId",
        "prefixListId": "SourcePrefixListId",
        "policy": "Policy",
        "priority": "Priority",
        "nicType": "NicType",
        "description": "Description",
    },
}
"""
The arguments of each type of resource, by the API's names. The owner of a source group
is not among them: it makes no difference to which packets a rule matches.
"""
_PRIORITY = re.compile(r"\d{1,3}", re.ASCII)
_SOURCE_PARAMETERS = tuple(API_NAMES[name] for name in SOURCES)
ANY_GROUP = "the future group of "
SECURITY_GROUP = "alicloud:ecs/securityGroup:SecurityGroup"
PREFIX_LIST = "alicloud:ecs/ecsPrefixList:EcsPrefixList"
RULE_ID = {RULE: "security_group_rule_id", PEER_RULE: "securityGroupRuleId"}
GROUP_ARGUMENT = {
    RULE: "security_group_id",
    RULE_SET: "security_group_id",
    PEER_RULE: "securityGroupId",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class DeclaredRule:
    """
    A rule of a resource, in a state or a preview.

    Args:
        urn: URN of the resource.
        resource: name of the resource.
        group: the group's ID; for people, if the ID is not known yet.
        known_group: whether `group` is an ID.
        region: "" if it is not known.
        rule_id: `sgr-...`, or "".
        declared: whether a program declares it; an exclusive set has others too.
        doubts: why it cannot be judged, such as `port_range is secret`.
        is_unsure: whether it may not exist, or differ: its ID was never known, or it
            is still to be imported.
        hides_id: whether its ID is secret. So it may be another rule of the group,
            if it was changed outside of Pulumi.
        is_hidden: whether nothing is known of it, not even if it is one rule or more.
    """

    urn: str
    resource: str
    group: str
    known_group: bool
    region: str
    rule: IngressRule
    rule_id: str = ""
    declared: bool = True
    doubts: tuple[str, ...] = ()
    is_unsure: bool = False
    hides_id: bool = False
    is_hidden: bool = False

    @property
    def as_text(self) -> str:
        """
        The rule as text; what is not known, if that is all of it.
        """
        return ", ".join(self.doubts) if self.is_hidden else self.rule.as_text

    @property
    def may_be_any(self) -> bool:
        """
        Whether nothing tells which live rule it is.
        """
        return not self.rule_id and (bool(self.doubts) or self.hides_id)


@dataclass(frozen=True, slots=True)
class RuleResource:
    """
    A resource with rules, and what a preview says of it besides its states.

    Args:
        name: name of the resource.
        kind: `RULE`, `RULE_SET` or `PEER_RULE`.
        urn: URN of the resource; "" if its name is unique.
        region: of its provider, for a resource without a region; "" if not known.
        deleted: URNs of the resources that the preview deletes.
        created: URNs of the resources that the preview creates.
    """

    name: str
    kind: str
    urn: str = ""
    region: str = ""
    deleted: Collection[str] = ()
    created: Collection[str] = ()


class Statement:
    """
    The rules of one state of a resource.

    Args:
        resource: with the rules.
        state: as the engine writes it.
        side: `old` or `new`.
        moved: names of the fields that change; None if any of them may.
    """

    def __init__(
        self,
        resource: RuleResource,
        state: Mapping[str, Any],
        *,
        side: str,
        moved: set[str] | None,
    ) -> None:
        self._resource = resource
        self._label = _label(resource)
        self._kind = kind = resource.kind
        self._state = state
        self._side = side
        self._moved = moved
        inputs = inputs_of(state)
        argument = GROUP_ARGUMENT[kind]
        self._region = known_text(inputs.get("region")) or resource.region
        self._known_group = not doubt_of(inputs.get(argument)) and argument in inputs
        self._group = (
            str(inputs[argument])
            if self._known_group
            else self._group_to_come(argument, doubt_of(inputs.get(argument)))
        )

    def rules(self) -> tuple[DeclaredRule, ...]:
        """
        The rules; none if they are not inbound.
        """
        inputs = inputs_of(self._state)
        outputs = mapping(self._state.get("outputs"))
        if self._kind == RULE_SET:
            rules = inputs.get("rules")
            if self._side == "old":
                rules = rules_of_set(self._state)
            return tuple(self._rules_of_set(rules, outputs))
        if self._kind == PEER_RULE and inputs.get("type") == "egress":
            return ()
        rule_id = self._rule_id(outputs)
        is_pending = bool(outputs) and not rule_id and self._is_pending(outputs)
        return (self._rule(inputs, self._label, rule_id=rule_id, is_unsure=is_pending),)

    def _is_pending(self, outputs: Mapping[str, Any]) -> bool:
        """
        Whether the state says that the rule's ID was never known.
        """
        identity = known_text(self._state.get("id"))
        return "/pending/" in identity or outputs.get(RULE_ID[RULE]) == ""

    def _rule_id(self, outputs: Mapping[str, Any]) -> str:
        """
        The rule's ID; "" while unknown. The resource ID can be that of another rule
        then, since an update cannot change it.
        """
        stated = outputs.get(RULE_ID[self._kind])
        found = (known_text(stated), known_text(self._state.get("id")))
        return next((i for i in found if stated != "" and i.startswith("sgr-")), "")

    def _rules_of_set(
        self, rules: object, outputs: Mapping[str, Any]
    ) -> Iterator[DeclaredRule]:
        entries = items(rules) or list(mapping(rules).values())
        if doubt_of(rules) or not (entries or rules in ([], {})):
            yield self._hidden(f"rules is {doubt_of(rules) or 'missing'}")
            return
        keys = list(mapping(rules)) or [""] * len(entries)
        stated = outputs.get("rule_ids")
        ids = mapping(stated)
        foreign = items(outputs.get("foreign_rule_ids"))
        for number, (key, entry) in enumerate(zip(keys, entries, strict=True)):
            if mapping(entry) and not doubt_of(entry):
                rule_id = known_text(ids.get(key))
                hides = SECRET in (doubt_of(stated), doubt_of(ids.get(key)))
                rule = self._rule(
                    mapping(entry),
                    f"{self._label} {number}",
                    rule_id=rule_id,
                    declared=not rule_id or rule_id not in foreign,
                    is_unsure=not rule_id and key in ids and not hides,
                )
                yield replace(rule, hides_id=True) if hides else rule
            else:
                yield self._hidden(f"rule {number} is {doubt_of(entry) or 'missing'}")

    def _hidden(self, doubt: str) -> DeclaredRule:
        """
        One or more rules of which nothing is known, not even the address family.
        """
        mark = self._mark("rules", doubt, self._label)
        names = ("ip_protocol", "policy")
        nothing = self._rule(dict.fromkeys(names, mark), self._label)
        return replace(nothing, doubts=(doubt,), is_hidden=True)

    def _rule(
        self,
        inputs: Mapping[str, Any],
        label: str,
        *,
        rule_id: str = "",
        declared: bool = True,
        is_unsure: bool = False,
    ) -> DeclaredRule:
        """
        Read one rule. A value that is unknown or secret becomes a mark.
        """
        kind = PEER_RULE if self._kind == PEER_RULE else RULE
        permission: dict[str, object] = {}
        doubts: list[str] = []
        for argument, parameter in PARAMETERS[kind].items():
            value = inputs.get(argument)
            if value is None:
                continue
            why = doubt_of(value)
            if parameter == "SourcePrefixListId" and why == NOT_KNOWN:
                value = self._list_to_come(argument) or value
                why = doubt_of(value)
            if why and parameter != "Description":
                doubts.append(f"{argument} is {why}")
                permission[parameter] = self._mark(argument, why, label)
            else:
                permission[parameter] = why or value
        if kind == PEER_RULE and (why := doubt_of(inputs.get("type"))):
            # It may be an outbound rule, so its policy counts as unknown.
            doubts.append(f"type is {why}")
            permission["Policy"] = self._mark("type", why, label)
        sources = [name for name in _SOURCE_PARAMETERS if permission.get(name)]
        if not sources:
            doubts.append("no source is given")
        elif len(sources) > 1:
            doubts.append("more than one source is given")
            for name in sources:
                del permission[name]
        return DeclaredRule(
            urn=self._resource.urn,
            resource=self._resource.name,
            group=self._group,
            known_group=self._known_group,
            region=self._region,
            rule=_rule(permission, inputs),
            rule_id=rule_id,
            declared=declared,
            doubts=tuple(doubts),
            is_unsure=is_unsure,
        )

    def _group_to_come(self, argument: str, doubt: str) -> str:
        """
        Name the security group resource that the ID will come from, if that is known.
        Only one that the preview creates is surely a new group.

        Otherwise each rule counts as one of a group of its own.
        """
        if urn := self._needed(argument, SECURITY_GROUP):
            is_new = urn in self._resource.created and doubt != SECRET
            start = "the future group " if is_new else ANY_GROUP
            return f"{start}{_tail(urn, SECURITY_GROUP)}"
        return f"{ANY_GROUP}{self._label}"

    def _list_to_come(self, argument: str) -> str:
        """
        The name of the prefix list that an ID will come from; "" if it is not known.
        """
        of = "rules" if self._kind == RULE_SET else argument
        urn = self._needed(of, PREFIX_LIST)
        return future_list(urn) if urn else ""

    def _needed(self, argument: str, kind: str) -> str:
        """
        The URN of the only resource that an argument comes from, if it is of this type;
        otherwise "".
        """
        needed = items(mapping(self._state.get("propertyDependencies")).get(argument))
        urns = [str(each) for each in needed]
        return urns[0] if [*map(type_of, urns)] == [kind] else ""

    def _mark(self, argument: str, why: str, label: str) -> str:
        moved = self._moved is None or bool(self._moved & {argument, "rules"})
        return f"({why}: {argument} of {label}{f', {self._side}' if moved else ''})"


def _rule(permission: dict[str, object], inputs: Mapping[str, Any]) -> IngressRule:
    priority = str(permission.pop("Priority", "") or 1).removesuffix(".0")
    if not _PRIORITY.fullmatch(priority):
        # Its place in the order is not known, so its policy counts as unknown.
        permission["Policy"], priority = priority, "1"
    permission["Priority"] = priority
    rule = IngressRule.from_permission(permission)
    if not rule.port_range and rule.ip_protocol not in WITH_PORTS:
        rule = replace(rule, port_range=ALL_PORTS)
    if expires_on := known_text(inputs.get("expires_on")):
        rule = replace(rule, expires_on=expires_on)
    return rule


def _label(resource: RuleResource) -> str:
    """
    A unique name: with type and parent, unless it is a rule without a parent.
    """
    return _tail(resource.urn, RULE) if resource.urn else resource.name


def _tail(urn: str, kind: str) -> str:
    """
    The types and the name in a URN; the name alone if this is the only type.
    """
    return urn.split("::", 2)[-1].removeprefix(f"{kind}::")


def future_list(urn: str) -> str:
    """
    What stands for the ID of a prefix list that the preview creates.
    """
    return f"the future list {_tail(urn, PREFIX_LIST)}"


def is_any_group(group: str) -> bool:
    """
    Whether a group whose ID is not known may be any group, not only a new one.
    """
    return group.startswith(ANY_GROUP)


def rules_of_set(state: Mapping[str, Any]) -> object:
    """
    The rules of a set in a state: those that the program declares, and those that an
    update could not revoke, which only the outputs have.
    """
    declared = inputs_of(state).get("rules")
    known = mapping(state.get("outputs")).get("rules")
    unrevoked = mapping(None if doubt_of(known) else known)
    rules = mapping(declared)
    if rules is not declared or doubt_of(declared) or not unrevoked:
        return declared
    return {**rules, **{k: v for k, v in unrevoked.items() if k not in rules}}
