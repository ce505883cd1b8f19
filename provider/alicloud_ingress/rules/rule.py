"""
One inbound rule: its normal form, and when two rules are the same.

A value has many spellings (`443`, `443/443`, `TCP`, `2001:DB8::/32`), and ECS returns
its own. All other modules compare rules in the one normal form that this module makes.
Sources: the AuthorizeSecurityGroup, RevokeSecurityGroup and
DescribeSecurityGroupAttribute pages of ECS 2014-05-26.
"""

from __future__ import annotations

import functools
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any

from alicloud_ingress.errors import SECRET, InvalidRuleError
from alicloud_ingress.rules.spelling import (
    ALL_PORTS,
    EMPTIED_DESCRIPTION,
    WITH_PORTS,
    masked,
    network,
    ports,
    protocol,
    split_expiry,
    text_of,
    with_expiry,
)
from alicloud_ingress.rules.validation import RULE_ARGUMENTS, SOURCES, problems_of

API_NAMES = {
    name: "".join(word.capitalize() for word in name.split("_"))
    for name in RULE_ARGUMENTS
    if name != "expires_on"
}
"""
The arguments by the API's names, which are the same in PascalCase: `SourceCidrIp` is
`source_cidr_ip`. It has no parameter for the expiry.
"""
_ARGUMENT_BY_PARAMETER = {
    parameter: name for name, parameter in API_NAMES.items() if name != "priority"
}
"""
Those of texts: `priority` is the only number.
"""
_NOTHING_SET = dict.fromkeys(_ARGUMENT_BY_PARAMETER.values(), "")
KNOWN_RULES = 4096
"""
How many rules are cached: one operation reads the same arguments several times.
"""
NEVER_EMPTIED = ("dest_cidr_ip", "ipv6_dest_cidr_ip", "source_port_range")
"""
Arguments that ModifySecurityGroupRule can change, but not clear.
"""
_NETWORKS = (
    "source_cidr_ip",
    "ipv6_source_cidr_ip",
    "dest_cidr_ip",
    "ipv6_dest_cidr_ip",
)


def secret_arguments(secret: Collection[str]) -> frozenset[str]:
    """
    The arguments of a rule of which a resource's rules may hold a secret: all, if the
    secret is a whole rule, all rules, or not an argument of a rule.

    Args:
        secret: names or paths, such as `port_range` and `rules[2].port_range`.
    """
    names = frozenset(path.rpartition(".")[2] for path in secret)
    return names if names <= {*RULE_ARGUMENTS} else frozenset(RULE_ARGUMENTS)


@dataclass(frozen=True, slots=True, kw_only=True)
class IngressRule:
    """
    One inbound rule in normal form; "" means not set.

    Two rules are equal if they have the same protocol, ports, source, destination,
    policy, priority and NIC type: a revoke by attributes deletes both. Description,
    expiry and the owner of a source group are not compared.

    Args:
        ip_protocol: one of `PROTOCOLS`, or an IANA number as text.
        port_range: destination ports as `first/last`; `-1/-1` for protocols
            without ports; "" if a port list is used.
        priority: 1 (first) to 100; 110 for rules that ECS made itself until 2020.
        expires_on: ISO date, or "".
    """

    ip_protocol: str
    port_range: str = ""
    port_range_list_id: str = ""
    source_cidr_ip: str = ""
    ipv6_source_cidr_ip: str = ""
    source_group_id: str = ""
    source_group_owner_id: str = field(default="", compare=False)
    source_group_owner_account: str = field(default="", compare=False)
    source_prefix_list_id: str = ""
    dest_cidr_ip: str = ""
    ipv6_dest_cidr_ip: str = ""
    source_port_range: str = ""
    policy: str = "accept"
    priority: int = 1
    nic_type: str = "intranet"
    description: str = field(default="", compare=False)
    expires_on: str = field(default="", compare=False)

    @classmethod
    def parse(cls, arguments: Mapping[str, object]) -> IngressRule:
        """
        Check and read a user's arguments, named as in `IngressRuleArgs`.

        Raises:
            InvalidRuleError: with all errors.
        """
        problems = problems_of(arguments)
        if problems:
            raise InvalidRuleError(*problems)
        return cls.unchecked(arguments)

    @classmethod
    def unchecked(cls, arguments: Mapping[str, object]) -> IngressRule:
        """
        Read arguments without a check, such as those of a state.

        A rule that an older release accepted can so be deleted.
        """
        return _of_texts(*(text_of(arguments.get(name)) for name in RULE_ARGUMENTS))

    @classmethod
    def from_permission(cls, permission: Mapping[str, object]) -> IngressRule:
        """
        Read one Permission of a DescribeSecurityGroupAttribute response.

        It is not checked: ECS reports rules that it would refuse today.
        """
        return cls.as_spelled(permission).as_read()

    @classmethod
    def as_spelled(cls, permission: Mapping[str, object]) -> IngressRule:
        """
        Read one Permission in the spelling of ECS, to send it back unchanged.
        """
        return cls(**_spelled(permission))

    def as_read(self) -> IngressRule:
        """
        The normal form of a rule in the spelling of ECS.
        """
        return self._with(**_read(self._values))

    def to_permission(self) -> dict[str, str]:
        """
        The fields of one `Permissions.N` parameter, without those that are not set.
        """
        entry = {
            parameter: getattr(self, argument)
            for parameter, argument in _ARGUMENT_BY_PARAMETER.items()
        }
        entry["Priority"] = str(self.priority)
        entry["Description"] = self.remark
        return {name: value for name, value in entry.items() if value}

    @property
    def remark(self) -> str:
        """
        The description as ECS stores it, with the expiry at the end.
        """
        return with_expiry(self.description, self.expires_on)

    @property
    def drops(self) -> bool:
        """
        Whether the rule drops packets, also if it is in the spelling of ECS.
        """
        return self.policy.lower() == "drop"

    @property
    def in_vpc(self) -> IngressRule:
        """
        The rule as it acts in a VPC, where the NIC type is always intranet, also if a
        call sets another one.
        """
        return self._with(nic_type="intranet")

    @property
    def masked(self) -> IngressRule:
        """
        The same rule with the host bits of its networks cleared.
        """
        return self._with(**{n: masked(getattr(self, n)) for n in _NETWORKS})

    @property
    def source(self) -> str:
        """
        The source that is set: a block, a group ID or a prefix list ID.
        """
        return next((value for name in SOURCES if (value := getattr(self, name))), "")

    @property
    def as_text(self) -> str:
        """
        The rule as text: `tcp 443/443 from 10.0.0.0/8`, then what is not the default.

        Equal rules have equal texts: a state has the rules of a set by it. It contains
        no `ATTRIBUTES`.
        """
        words = [
            self.ip_protocol,
            self.port_range or self.port_range_list_id,
            "from",
            self.source,
        ]
        if self.source_port_range:
            words += ["source-ports", self.source_port_range]
        if dest := self.dest_cidr_ip or self.ipv6_dest_cidr_ip:
            words += ["to", dest]
        if self.policy != "accept":
            words.append(self.policy)
        if self.priority != 1:
            words += ["priority", str(self.priority)]
        if self.nic_type != "intranet":
            words.append(self.nic_type)
        return " ".join(words)

    @property
    def arguments(self) -> dict[str, Any]:
        """
        The arguments that declare the rule, without those that have the default value.
        """
        defaults = IngressRule(ip_protocol="", port_range=ALL_PORTS)
        given = {name: getattr(self, name) for name in RULE_ARGUMENTS}
        if self.source_group_owner_id:
            del given["source_group_owner_account"]
        return {
            name: value
            for name, value in given.items()
            if value and value != getattr(defaults, name)
        }

    def words(self, secret: Collection[str]) -> str:
        """
        The rule as text for a message; `[secret]` if it may contain a secret.

        Args:
            secret: names or paths of the arguments that are secret.
        """
        return self.as_text if secret_arguments(secret) <= ATTRIBUTES else SECRET

    def difference(self, other: IngressRule) -> tuple[str, ...]:
        """
        The fields that differ in *other*, including description and expiry.

        The owner of a source group counts only if both rules have one: ECS reports the
        owner also if it was not set.
        """
        return tuple(
            name
            for name in (f.name for f in fields(self))
            if (mine := getattr(self, name)) != (theirs := getattr(other, name))
            and not (name.startswith("source_group_owner") and not (mine and theirs))
        )

    def unchangeable(self, new: IngressRule) -> list[str]:
        """
        The fields in which ModifySecurityGroupRule cannot make this rule *new*, though
        both have the same kind of source.

        It cannot clear `NEVER_EMPTIED`. ECS sets the source ports of a protocol without
        ports, and TCP and UDP do not accept those.
        """
        emptied = [n for n in NEVER_EMPTIED if getattr(self, n) and not getattr(new, n)]
        has_ports = self.ip_protocol in WITH_PORTS
        if new.ip_protocol in WITH_PORTS and not has_ports:
            return [*emptied, "ip_protocol"]
        return emptied

    def normal(self) -> IngressRule:
        """
        The rule with each field in its normal form.
        """
        return self._with(**_normal(self._values))

    def with_host_bits_of(self, other: IngressRule) -> IngressRule:
        """
        This rule with the networks of *other*, if only their host bits differ.
        """
        networks = {
            name: theirs
            for name in _NETWORKS
            if masked(theirs := getattr(other, name)) == getattr(self, name)
        }
        return self._with(**networks)

    def _with(self, **values: Any) -> IngressRule:
        """
        The rule with these values; most rules have them already.
        """
        changed = {n: value for n, value in values.items() if getattr(self, n) != value}
        return replace(self, **changed) if changed else self

    @property
    def _values(self) -> dict[str, Any]:
        return {field_.name: getattr(self, field_.name) for field_ in fields(self)}


ATTRIBUTES = frozenset(f.name for f in fields(IngressRule) if not f.compare)
"""
The arguments that can change while the rule remains the same one.
"""


def _spelled(permission: Mapping[str, object]) -> dict[str, Any]:
    """
    The values of a Permission by the names of the fields, in the spelling of ECS.
    """
    given: dict[str, Any] = dict(_NOTHING_SET)
    for parameter, value in permission.items():
        if (argument := _ARGUMENT_BY_PARAMETER.get(parameter)) and value is not None:
            given[argument] = text_of(value)
    given["priority"] = int(text_of(permission.get("Priority")) or 1)
    given["description"] = str(permission.get("Description") or "")
    owner = given["source_group_owner_account"]
    if owner.isdigit():
        given["source_group_owner_account"] = ""
        given["source_group_owner_id"] = owner
    return given


def _read(given: Mapping[str, Any]) -> dict[str, str]:
    """
    The values that differ from the spelling of ECS.
    """
    read = _normal(given)
    description, read["expires_on"] = split_expiry(given["description"].strip())
    read["description"] = "" if description == EMPTIED_DESCRIPTION else description
    return read


def _normal(given: Mapping[str, Any]) -> dict[str, str]:
    """
    The values that have a normal form, in it.
    """
    port_range = ports(given["port_range"])
    if given["port_range_list_id"] and port_range == ALL_PORTS:
        port_range = ""
    elif not given["port_range_list_id"] and not port_range:
        port_range = ALL_PORTS
    source_ports = ports(given["source_port_range"])
    normal = {
        "ip_protocol": protocol(given["ip_protocol"]),
        "port_range": port_range,
        "source_port_range": "" if source_ports == ALL_PORTS else source_ports,
        "policy": given["policy"].lower() or "accept",
        "nic_type": given["nic_type"].lower() or "intranet",
    }
    for name in _NETWORKS:
        if text := given[name]:
            normal[name] = network(text)
    return normal


@functools.lru_cache(maxsize=KNOWN_RULES)
def _of_texts(*texts: str) -> IngressRule:
    """
    The rule of these texts, one for each of `RULE_ARGUMENTS`.
    """
    given: dict[str, Any] = dict(zip(RULE_ARGUMENTS, texts, strict=True))
    given["priority"] = int(given["priority"] or 1)
    given.update(_normal(given))
    return IngressRule(**given)
