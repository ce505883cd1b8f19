"""
One inbound rule: how it is written, what it means, and when two are the same.

Spellings are many (`443`, `443/443`, `TCP`, `2001:DB8::/32`), and ECS answers in
a spelling of its own. Everything beyond this module compares rules in one normal
form. Sources: the AuthorizeSecurityGroup, RevokeSecurityGroup and
DescribeSecurityGroupAttribute pages of ECS 2014-05-26; RFC 5952 for IPv6 text;
the IANA registry of protocol numbers.
"""

from __future__ import annotations

import datetime
import ipaddress
import re
from collections.abc import Mapping, Set
from dataclasses import dataclass, field, fields

from alicloud_ingress.errors import InvalidRuleError, Problem

ALL_PORTS = "-1/-1"
PROTOCOLS = ("tcp", "udp", "icmp", "icmpv6", "gre", "all")
PROTOCOL_NUMBERS = {"1": "icmp", "6": "tcp", "17": "udp", "47": "gre", "58": "icmpv6"}
WITH_PORTS = ("tcp", "udp")
SOURCES = (
    "source_cidr_ip",
    "ipv6_source_cidr_ip",
    "source_group_id",
    "source_prefix_list_id",
)
DESCRIPTION_LIMIT = 512
EMPTIED_DESCRIPTION = "-"
"""
What stands for "no description" where ECS does not let one be emptied.
"""

_EXPIRY = re.compile(r"(?:^| )\[expires (\d{4}-\d{2}-\d{2})\]\Z", re.ASCII)
_PORTS = re.compile(r"(-?\d{1,5})(?:[/-](-?\d{1,5}))?", re.ASCII)
_RULE_ARGUMENTS_BY_PARAMETER = {
    "IpProtocol": "ip_protocol",
    "PortRange": "port_range",
    "PortRangeListId": "port_range_list_id",
    "SourceCidrIp": "source_cidr_ip",
    "Ipv6SourceCidrIp": "ipv6_source_cidr_ip",
    "SourceGroupId": "source_group_id",
    "SourceGroupOwnerId": "source_group_owner_id",
    "SourceGroupOwnerAccount": "source_group_owner_account",
    "SourcePrefixListId": "source_prefix_list_id",
    "DestCidrIp": "dest_cidr_ip",
    "Ipv6DestCidrIp": "ipv6_dest_cidr_ip",
    "SourcePortRange": "source_port_range",
    "Policy": "policy",
    "NicType": "nic_type",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class IngressRule:
    """
    One inbound rule in normal form; "" stands for unset.

    Equality is what a revoke has to match: the whole quintuple with policy,
    priority and NIC type. Description and expiry are remarks, and the owner of
    a source group follows from the group's ID: none of them is compared.

    Args:
        ip_protocol: one of `PROTOCOLS`, or an IANA number as text.
        port_range: destination ports as `first/last`, `-1/-1` for protocols
            without ports, "" where a port list is used.
        priority: 1 (first) to 100; old system rules are read with 110.
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
        Read a user's arguments, named as in `IngressRuleArgs`.

        Raises:
            InvalidRuleError: with every problem found.
        """
        reader = _Reader(arguments, frozenset())
        rule = reader.rule()
        if reader.problems:
            raise InvalidRuleError(*reader.problems)
        return rule

    @classmethod
    def from_permission(cls, permission: Mapping[str, object]) -> IngressRule:
        """
        Read one Permission of a DescribeSecurityGroupAttribute answer.

        Nothing is refused: what ECS reports is there, priority 110 included.
        """
        text = {name: _text(value) for name, value in permission.items()}
        given = {
            argument: text.get(parameter, "")
            for parameter, argument in _RULE_ARGUMENTS_BY_PARAMETER.items()
        }
        owner = given["source_group_owner_account"]
        if owner.isdigit():
            given["source_group_owner_account"] = ""
            given["source_group_owner_id"] = owner
        description, expires_on = split_expiry(text.get("Description", ""))
        protocol = _protocol(given.pop("ip_protocol"))
        ports = _ports(given.pop("port_range"))
        return cls(
            ip_protocol=protocol,
            port_range=""
            if given["port_range_list_id"] and ports == ALL_PORTS
            else ports,
            priority=int(text.get("Priority") or 1),
            description="" if description == EMPTIED_DESCRIPTION else description,
            expires_on=expires_on,
            **_normal(given),
        )

    def to_permission(self) -> dict[str, str]:
        """
        Write the fields of one `Permissions.N` entry; unset ones are left out.
        """
        entry = {
            parameter: getattr(self, argument)
            for parameter, argument in _RULE_ARGUMENTS_BY_PARAMETER.items()
        }
        entry["Priority"] = str(self.priority)
        entry["Description"] = self.remark
        return {name: value for name, value in entry.items() if value}

    @property
    def remark(self) -> str:
        """
        The description as ECS stores it, with the expiry at its end.
        """
        if not self.expires_on:
            return self.description
        marker = f"[expires {self.expires_on}]"
        return f"{self.description} {marker}" if self.description else marker

    @property
    def source(self) -> str:
        """
        Whichever one source is set.
        """
        return next((value for name in SOURCES if (value := getattr(self, name))), "")

    @property
    def in_words(self) -> str:
        """
        The canonical text: `tcp 443/443 from 10.0.0.0/8`, then what is not default.
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

    def difference(self, other: IngressRule) -> tuple[str, ...]:
        """
        Name the fields that mean something else in *other*, remarks included.

        A source group's owner counts only where both rules name one: ECS fills
        it in for groups of the own account too.
        """
        return tuple(
            name
            for name in (f.name for f in fields(self))
            if (mine := getattr(self, name)) != (theirs := getattr(other, name))
            and not (name.startswith("source_group_owner") and not (mine and theirs))
        )


def problems_of(
    arguments: Mapping[str, object], unknown: Set[str] = frozenset()
) -> tuple[Problem, ...]:
    """
    Tell all that is wrong with a rule's arguments.

    Args:
        unknown: names of arguments whose value is not known yet; they pass.
    """
    reader = _Reader(arguments, unknown)
    reader.rule()
    return tuple(reader.problems)


def split_expiry(remark: str) -> tuple[str, str]:
    """
    Part a stored description into its text and its expiry (ISO date or "").

    Only a real date in the one form ` [expires 2026-12-31]` counts.
    """
    match = _EXPIRY.search(remark)
    if match is None or not _is_date(match[1]):
        return remark, ""
    return remark[: match.start()], match[1]


def _is_date(text: str) -> bool:
    try:
        return datetime.date.fromisoformat(text).isoformat() == text
    except ValueError:
        return False


def _text(value: object) -> str:
    """
    Write a value as text; the engine hands whole numbers over as floats.
    """
    if value is None:
        return ""
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value).strip()


def _protocol(text: str) -> str:
    folded = text.lower()
    return "all" if folded == "-1" else PROTOCOL_NUMBERS.get(folded, folded)


def _ports(text: str) -> str:
    match = _PORTS.fullmatch(text)
    if match is None:
        return text
    first = int(match[1])
    last = first if match[2] is None else int(match[2])
    return f"{first}/{last}"


def _network(text: str) -> str:
    """
    Spell an address block: compressed, host bits kept, no prefix of full length.
    """
    if not text:
        return ""
    interface = ipaddress.ip_interface(text)
    bare = interface.network.prefixlen == interface.max_prefixlen
    return str(interface.ip) if bare else interface.with_prefixlen


def _lenient_network(text: str) -> str:
    try:
        return _network(text)
    except ValueError:
        return text


def _normal(given: Mapping[str, str]) -> dict[str, str]:
    """
    Bring the fields that need no judgement into normal form.
    """
    normal = dict(given)
    for name in (
        "source_cidr_ip",
        "ipv6_source_cidr_ip",
        "dest_cidr_ip",
        "ipv6_dest_cidr_ip",
    ):
        normal[name] = _lenient_network(normal[name])
    source_ports = _ports(normal["source_port_range"])
    normal["source_port_range"] = "" if source_ports == ALL_PORTS else source_ports
    normal["policy"] = normal["policy"].lower() or "accept"
    normal["nic_type"] = normal["nic_type"].lower() or "intranet"
    return normal


class _Reader:
    """
    Reads arguments and gathers every problem on the way.
    """

    def __init__(self, arguments: Mapping[str, object], unknown: Set[str]) -> None:
        self.unknown = unknown
        self.problems: list[Problem] = []
        self.given = {
            name: "" if name in unknown else _text(arguments.get(name))
            for name in (
                *_RULE_ARGUMENTS_BY_PARAMETER.values(),
                "priority",
                "description",
                "expires_on",
                "security_group_id",
            )
        }
        self.protocol = _protocol(self.given["ip_protocol"])

    def rule(self) -> IngressRule:
        """
        The rule as far as it can be read; to be used only without problems.
        """
        self._check_protocol()
        ports = self._checked_ports()
        self._check_source_ports()
        self._check_sources()
        self._check_networks()
        self._check_words()
        priority = self._checked_priority()
        expires_on = self._checked_remark()
        plain = {
            name: self.given[name]
            for name in _RULE_ARGUMENTS_BY_PARAMETER.values()
            if name not in ("ip_protocol", "port_range")
        }
        return IngressRule(
            ip_protocol=self.protocol,
            port_range=ports,
            priority=priority,
            description=self.given["description"],
            expires_on=expires_on,
            **_normal(plain),
        )

    def _problem(self, argument: str, reason: str) -> None:
        self.problems.append(Problem(argument, reason))

    def _known(self, *names: str) -> bool:
        return not any(name in self.unknown for name in names)

    def _check_protocol(self) -> None:
        protocol = self.protocol
        number = protocol.isascii() and protocol.isdigit() and int(protocol) <= 255
        if self._known("ip_protocol") and protocol not in PROTOCOLS and not number:
            self._problem(
                "ip_protocol",
                f"{protocol!r} is no protocol; use {', '.join(PROTOCOLS)}"
                " or an IANA number from 0 to 255",
            )

    def _checked_ports(self) -> str:
        text, list_id = self.given["port_range"], self.given["port_range_list_id"]
        if not self._known("ip_protocol", "port_range", "port_range_list_id"):
            return text
        if text and list_id:
            self._problem(
                "port_range_list_id",
                f"{list_id!r} would be ignored beside port_range {text!r}; give one",
            )
        if list_id:
            if self.protocol not in WITH_PORTS:
                self._problem(
                    "port_range_list_id",
                    f"{list_id!r} does not go with {self.protocol}, only with tcp, udp",
                )
            return _ports(text)
        if self.protocol in WITH_PORTS:
            self._check_range("port_range", text)
        elif self.protocol in PROTOCOLS and _ports(text) not in ("", ALL_PORTS):
            self._problem(
                "port_range",
                f"{text!r} does not go with {self.protocol}, which has no ports;"
                " leave it out or use '-1/-1'",
            )
        return _ports(text) or ALL_PORTS

    def _check_range(self, argument: str, text: str) -> None:
        match = _PORTS.fullmatch(text)
        if match is None:
            self._problem(
                argument,
                f"{text!r} is no port range; use a port such as 443"
                " or a range such as '8000/8010'",
            )
            return
        first, last = (int(part) for part in _ports(text).split("/"))
        if not (1 <= first <= 65535 and 1 <= last <= 65535):
            self._problem(
                argument,
                f"{text!r} is outside of 1 to 65535;"
                f" all ports of {self.protocol} are '1/65535'",
            )
        elif first > last:
            self._problem(
                argument,
                f"{text!r} ends before it begins; did you mean '{last}/{first}'?",
            )

    def _check_source_ports(self) -> None:
        text = self.given["source_port_range"]
        if not text or _ports(text) == ALL_PORTS:
            return
        if self.protocol in WITH_PORTS:
            self._check_range("source_port_range", text)
        elif self._known("ip_protocol"):
            self._problem(
                "source_port_range",
                f"{text!r} does not go with {self.protocol}, which has no ports",
            )

    def _check_sources(self) -> None:
        named = [name for name in SOURCES if self.given[name]]
        if len(named) > 1:
            values = ", ".join(f"{name} {self.given[name]!r}" for name in named)
            self._problem(named[1], f"{values}: give one source, a rule has just one")
        elif not named and self._known(*SOURCES):
            self._problem(
                "source_cidr_ip",
                f"'' is no source, and none is assumed; give one of"
                f" {', '.join(SOURCES)}",
            )
        group = self.given["source_group_id"]
        if group and group == self.given["security_group_id"]:
            self._problem(
                "source_group_id",
                f"{group!r} is the rule's own group; members of a basic group reach"
                " one another without a rule",
            )
        if group and self.given["nic_type"].lower() == "internet":
            self._problem("nic_type", "'internet' does not go with a source group")
        for name in ("source_group_owner_id", "source_group_owner_account"):
            if self.given[name] and not group and self._known("source_group_id"):
                self._problem(
                    name, f"{self.given[name]!r} goes with source_group_id only"
                )

    def _check_networks(self) -> None:
        four = self._networks_of(4, "source_cidr_ip", "dest_cidr_ip")
        six = self._networks_of(6, "ipv6_source_cidr_ip", "ipv6_dest_cidr_ip")
        if four and six:
            self._problem(six[0], f"{self.given[six[0]]!r} is IPv6, {four[0]} IPv4")
        if six and self.protocol == "icmp":
            self._problem(
                "ip_protocol", "'icmp' is IPv4 only; use 'icmpv6' with IPv6 addresses"
            )
        if four and self.protocol == "icmpv6":
            self._problem(
                "ip_protocol", "'icmpv6' is IPv6 only; use 'icmp' with IPv4 addresses"
            )
        for group in (four, six):
            if (
                len(group) == 2
                and len({_lenient_network(self.given[n]) for n in group}) == 1
            ):
                self._problem(
                    group[1], f"{self.given[group[1]]!r} is the source as well"
                )

    def _networks_of(self, version: int, *names: str) -> list[str]:
        given = [name for name in names if self.given[name]]
        for name in given:
            try:
                interface = ipaddress.ip_interface(self.given[name])
                right = interface.version == version and "%" not in self.given[name]
            except ValueError:
                right = False
            if not right:
                sample = "10.0.0.0/8" if version == 4 else "2001:db8::/32"
                self._problem(
                    name,
                    f"{self.given[name]!r} is no IPv{version} address or block"
                    f" such as '{sample}'",
                )
        return given

    def _check_words(self) -> None:
        for name, allowed in (
            ("policy", ("accept", "drop")),
            ("nic_type", ("intranet", "internet")),
        ):
            value = self.given[name]
            if value and value.lower() not in allowed:
                self._problem(name, f"{value!r} is none of {', '.join(allowed)}")

    def _checked_priority(self) -> int:
        text = self.given["priority"] or "1"
        if text.isascii() and text.isdigit() and 1 <= int(text[:4]) <= 100:
            return int(text)
        self._problem("priority", f"{text} is not a whole number from 1 to 100")
        return 1

    def _checked_remark(self) -> str:
        description, expires_on = self.given["description"], self.given["expires_on"]
        if split_expiry(description)[1]:
            self._problem(
                "description", f"{description!r} ends in an expiry; use expires_on"
            )
        if expires_on and not _is_date(expires_on):
            self._problem(
                "expires_on", f"{expires_on!r} is no date such as '2026-12-31'"
            )
        stored = f"{description} [expires {expires_on}]" if expires_on else description
        if len(stored) > DESCRIPTION_LIMIT:
            self._problem(
                "description",
                f"{stored[:40]!r}... has {len(stored)} characters, expiry included;"
                f" {DESCRIPTION_LIMIT} are allowed",
            )
        if description == EMPTIED_DESCRIPTION:
            self._problem("description", "'-' stands for none; leave it out")
        return expires_on
