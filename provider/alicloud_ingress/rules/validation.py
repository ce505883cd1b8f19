"""
The check of a rule's arguments.

It finds everything that ECS would refuse and that can be known before a call.
"""

from __future__ import annotations

import functools
import ipaddress
from collections.abc import Mapping
from collections.abc import Set as AbstractSet

from alicloud_ingress.errors import Problem, quoted
from alicloud_ingress.rules.spelling import (
    ALL_PORTS,
    DESCRIPTION_LIMIT,
    EMPTIED_DESCRIPTION,
    KNOWN_NETWORKS,
    PROTOCOLS,
    WITH_PORTS,
    is_date,
    masked,
    network,
    port_pair,
    ports,
    protocol,
    split_expiry,
    text_of,
    with_expiry,
)

SOURCES = (
    "source_cidr_ip",
    "ipv6_source_cidr_ip",
    "source_group_id",
    "source_prefix_list_id",
)
RULE_ARGUMENTS = (
    "ip_protocol",
    "port_range",
    "port_range_list_id",
    "source_cidr_ip",
    "ipv6_source_cidr_ip",
    "source_group_id",
    "source_group_owner_id",
    "source_group_owner_account",
    "source_prefix_list_id",
    "dest_cidr_ip",
    "ipv6_dest_cidr_ip",
    "source_port_range",
    "policy",
    "priority",
    "nic_type",
    "description",
    "expires_on",
)
"""
The arguments of a rule. `IngressRule`, `IngressRuleArgs`, previews and the fake list
them, too: `tests/unit/test_rule.py` fails where one lacks a new argument. A resource
whose signature lacks one cannot be declared.
"""
ID_PREFIXES = {
    "security_group_id": "sg-",
    "source_group_id": "sg-",
    "source_prefix_list_id": "pl-",
    "port_range_list_id": "prl-",
}
_SCALARS = (str, int, float, type(None))
HIGHEST_PROTOCOL = 255
HIGHEST_PORT = 65535
LAST_PRIORITY = 100


def problems_of(
    arguments: Mapping[str, object],
    *,
    unknown: AbstractSet[str] = frozenset(),
    secret: AbstractSet[str] = frozenset(),
) -> tuple[Problem, ...]:
    """
    Find all errors in a rule's arguments.

    Args:
        arguments: as in `IngressRuleArgs`, and optionally `security_group_id`.
        unknown: names of arguments whose value is not known yet; they pass.
        secret: names of arguments whose value must not be shown.
    """
    return _Inspection(arguments, unknown, secret).problems()


def problem_of_id(argument: str, value: str, in_message: str) -> Problem | None:
    """
    Find a value that is not an ID, such as the name of a group.

    Args:
        argument: one of `ID_PREFIXES`.
        value: of the argument.
        in_message: the value for a message.
    """
    prefix = ID_PREFIXES[argument]
    if any(map(str.isspace, value)):
        return Problem(argument, f"{in_message} has a space; an ID has none")
    if not value or value.startswith(prefix):
        return None
    reason = f"{in_message} is not an ID; set an ID, which starts with '{prefix}'"
    return Problem(argument, reason)


class _Inspection:
    def __init__(
        self,
        arguments: Mapping[str, object],
        unknown: AbstractSet[str],
        secret: AbstractSet[str],
    ) -> None:
        self.secret = secret
        self.found: list[Problem] = []
        not_scalar = {
            name
            for name in RULE_ARGUMENTS
            if name not in unknown and not isinstance(arguments.get(name), _SCALARS)
        }
        self.unknown = {*unknown, *not_scalar}
        self.given = {
            name: "" if name in self.unknown else text_of(arguments.get(name))
            for name in (*RULE_ARGUMENTS, "security_group_id")
        }
        self.protocol = protocol(self.given["ip_protocol"])
        for name in sorted(not_scalar):
            kind = type(arguments[name]).__name__
            self.problem(name, f"this is a {kind}; set a string or a number")

    def problems(self) -> tuple[Problem, ...]:
        self.check_protocol()
        self.check_ports()
        self.check_source_ports()
        self.check_sources()
        self.check_ids()
        self.check_owner()
        self.check_networks()
        self.check_policy_and_nic_type()
        self.check_priority()
        self.check_description()
        return tuple(self.found)

    def problem(self, argument: str, reason: str) -> None:
        self.found.append(Problem(argument, reason))

    def refuse(self, argument: str, reason: str) -> None:
        self.problem(argument, f"{self.quoted(argument)} {reason}")

    def known(self, *names: str) -> bool:
        return not any(name in self.unknown for name in names)

    def quoted(self, name: str) -> str:
        return quoted(self.given[name], secret=name in self.secret)

    def check_protocol(self) -> None:
        name = self.protocol
        short = name.isascii() and name.isdigit() and len(name) <= len("255")
        numeric = short and int(name) <= HIGHEST_PROTOCOL
        if self.given["ip_protocol"] == "-1":
            self.refuse(
                "ip_protocol",
                "is not a protocol of ECS; use 'all' for all protocols",
            )
        elif self.known("ip_protocol") and name not in PROTOCOLS and not numeric:
            self.refuse(
                "ip_protocol",
                f"is not a protocol; use {', '.join(PROTOCOLS)} or an IANA number from"
                " 0 to 255",
            )

    def check_ports(self) -> None:
        if not self.known("ip_protocol", "port_range", "port_range_list_id"):
            return
        text, list_id = self.given["port_range"], self.given["port_range_list_id"]
        if list_id:
            self.check_port_list(text)
        elif self.protocol in WITH_PORTS:
            self.check_range("port_range")
        elif self.protocol in PROTOCOLS and ports(text) not in ("", ALL_PORTS):
            self.refuse(
                "port_range",
                f"is not valid for {self.protocol}, which has no ports; do not set it,"
                " or use '-1/-1'",
            )

    def check_port_list(self, text: str) -> None:
        list_id = self.quoted("port_range_list_id")
        if text:
            self.problem(
                "port_range_list_id",
                f"ECS ignores {list_id} if port_range {self.quoted('port_range')} is"
                " set too; set one of the two",
            )
        if self.protocol not in WITH_PORTS:
            self.problem(
                "port_range_list_id",
                f"{list_id} is not valid for {self.protocol}, only for tcp and udp",
            )

    def check_range(self, argument: str) -> None:
        pair = port_pair(self.given[argument])
        if pair is None:
            self.refuse(
                argument,
                "is not a port range; use a port such as 443 or a range such as"
                " '8000/8010'",
            )
            return
        first, last = pair
        if not all(1 <= port <= HIGHEST_PORT for port in pair):
            self.refuse(
                argument,
                f"is not within 1 to {HIGHEST_PORT}; use '1/{HIGHEST_PORT}' for all"
                f" ports of {self.protocol}",
            )
        elif first > last:
            hint = (
                "" if argument in self.secret else f"; did you mean '{last}/{first}'?"
            )
            self.refuse(argument, f"ends before it begins{hint}")

    def check_source_ports(self) -> None:
        if ports(self.given["source_port_range"]) in ("", ALL_PORTS):
            return
        if self.protocol in WITH_PORTS:
            self.check_range("source_port_range")
        elif self.known("ip_protocol"):
            self.refuse(
                "source_port_range",
                f"is not valid for {self.protocol}, which has no ports; do not set it",
            )

    def check_sources(self) -> None:
        named = [name for name in SOURCES if self.given[name]]
        if len(named) > 1:
            values = ", ".join(f"{name} {self.quoted(name)}" for name in named)
            self.problem(named[1], f"{values}: a rule has one source; set only one")
        elif not named and self.known(*SOURCES):
            self.problem(
                "source_cidr_ip",
                "the rule has no source, and there is no default; set one of"
                f" {', '.join(SOURCES)}",
            )
        group = self.given["source_group_id"]
        if group and group == self.given["security_group_id"]:
            self.refuse(
                "source_group_id",
                "is the rule's own group; members of a basic group reach each other"
                " without a rule",
            )
        if group and self.given["nic_type"].lower() == "internet":
            self.refuse("nic_type", "is not valid for a source group; use 'intranet'")

    def check_ids(self) -> None:
        for name in ID_PREFIXES:
            # A set has one group for all rules; `ResourceCheck` checks it.
            if name == "security_group_id":
                continue
            if found := problem_of_id(name, self.given[name], self.quoted(name)):
                self.found.append(found)

    def check_owner(self) -> None:
        owner_id = self.given["source_group_owner_id"]
        if owner_id and not (owner_id.isascii() and owner_id.isdigit()):
            self.refuse(
                "source_group_owner_id",
                "is not an account ID such as '1234567890123456'; set"
                " source_group_owner_account for an account name",
            )
            return
        if self.given["source_group_id"] or not self.known("source_group_id"):
            return
        for name in ("source_group_owner_id", "source_group_owner_account"):
            if self.given[name]:
                self.refuse(
                    name,
                    "is valid only with source_group_id; do not set it, or set"
                    " source_group_id",
                )

    def check_networks(self) -> None:
        four = self.networks(4, "source_cidr_ip", "dest_cidr_ip")
        six = self.networks(6, "ipv6_source_cidr_ip", "ipv6_dest_cidr_ip")
        if four and six:
            self.refuse(
                six[0],
                f"is IPv6 and {four[0]} {self.quoted(four[0])} is IPv4; use one address"
                " family per rule",
            )
        for given, wrong, right in ((six, "icmp", "icmpv6"), (four, "icmpv6", "icmp")):
            if given and self.protocol == wrong:
                self.refuse(
                    "ip_protocol",
                    f"is not valid with {given[0]} {self.quoted(given[0])}; use"
                    f" '{right}'",
                )
        for family in (four, six):
            if len({masked(network(self.given[name])) for name in family}) < len(
                family
            ):
                self.refuse(
                    family[1],
                    "is the source too; ECS refuses a rule from a block to itself",
                )

    def networks(self, version: int, *names: str) -> list[str]:
        """
        Which of *names* are set. Report each that is not a network of this version.
        """
        given = [name for name in names if self.given[name]]
        for name in given:
            if not _is_network(self.given[name], version):
                sample = {4: "10.0.0.0/8", 6: "2001:db8::/32"}[version]
                self.refuse(
                    name,
                    f"is not an IPv{version} address or block such as '{sample}'",
                )
        return given

    def check_policy_and_nic_type(self) -> None:
        for name, allowed in (
            ("policy", ("accept", "drop")),
            ("nic_type", ("intranet", "internet")),
        ):
            value = self.given[name]
            if value and value.lower() not in allowed:
                self.refuse(name, f"is not valid; use {' or '.join(allowed)}")

    def check_priority(self) -> None:
        text = self.given["priority"] or "1"
        whole = text.isascii() and text.isdigit() and len(text) <= len("100")
        if not whole or not 1 <= int(text) <= LAST_PRIORITY:
            self.refuse("priority", f"is not a whole number from 1 to {LAST_PRIORITY}")

    def check_description(self) -> None:
        description, expires_on = self.given["description"], self.given["expires_on"]
        if split_expiry(description)[1]:
            self.refuse("description", "ends with an expiry; set expires_on instead")
        if expires_on and not is_date(expires_on):
            self.refuse("expires_on", "is not a date such as '2026-12-31'")
        length = len(with_expiry(description, expires_on))
        if length > DESCRIPTION_LIMIT:
            self.refuse(
                "description",
                f"has {length} characters, including the expiry; the limit is"
                f" {DESCRIPTION_LIMIT}",
            )
        if description == EMPTIED_DESCRIPTION:
            self.problem("description", "'-' means no description; do not set it")


@functools.lru_cache(maxsize=KNOWN_NETWORKS)
def _is_network(text: str, version: int) -> bool:
    try:
        return "%" not in text and ipaddress.ip_interface(text).version == version
    except ValueError:
        return False
