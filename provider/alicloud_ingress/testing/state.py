"""
Groups and rules of the fake, spelled as ECS spells them in its answers.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass, field

from alicloud_ingress.testing.errors import FakeError, not_valid

IDENTITY = (
    "IpProtocol",
    "PortRange",
    "PortRangeListId",
    "SourceCidrIp",
    "Ipv6SourceCidrIp",
    "SourceGroupId",
    "SourcePrefixListId",
    "DestCidrIp",
    "Ipv6DestCidrIp",
    "SourcePortRange",
    "Policy",
    "Priority",
    "NicType",
)
SOURCES = ("SourceCidrIp", "Ipv6SourceCidrIp", "SourceGroupId", "SourcePrefixListId")
PORTED = ("TCP", "UDP")
PROTOCOLS = (*PORTED, "ICMP", "ICMPV6", "GRE", "ALL")
PARAMETERS = (
    *IDENTITY,
    "SourceGroupOwnerId",
    "SourceGroupOwnerAccount",
    "Description",
)


@dataclass
class FakeGroup:
    """
    A group: whose and where it is, and its rules by ID in the order of making.
    """

    group_id: str
    region: str
    account: str
    vpc_id: str
    rules: dict[str, dict[str, object]] = field(default_factory=dict)


def spelled(given: Mapping[str, str], group_id: str) -> dict[str, object]:
    """
    Check one entry, and write it as Describe will show it.

    Raises:
        FakeError: with the code that ECS documents for the mistake.
    """
    rule: dict[str, object] = dict.fromkeys(PARAMETERS, "")
    rule.update(given)
    owner = given.get("SourceGroupOwnerId") or given.get("SourceGroupOwnerAccount", "")
    rule["SourceGroupOwnerAccount"] = owner
    del rule["SourceGroupOwnerId"]
    protocol = rule["IpProtocol"] = given.get("IpProtocol", "").upper()
    if protocol not in PROTOCOLS:
        raise FakeError(
            400,
            "InvalidIpProtocol.ValueNotSupported",
            "The parameter IpProtocol must be specified with case insensitive"
            " TCP, UDP, ICMP, GRE or All.",
        )
    if not any(given.get(name) for name in SOURCES):
        raise FakeError(
            400,
            "MissingParameter.Source",
            "One of the parameters SourceCidrIp, Ipv6SourceCidrIp, SourceGroupId or"
            " SourcePrefixListId in Permissions.1 must be specified.",
        )
    if given.get("SourceGroupId") == group_id:
        raise FakeError(
            400,
            "InvalidParamter.Conflict",
            "The specified SecurityGroupId should be different from the SourceGroupId.",
        )
    _spell_ports(rule, given, protocol)
    _spell_networks(rule, given)
    policy = given.get("Policy", "accept").lower()
    if policy not in ("accept", "drop"):
        raise not_valid(400, "InvalidPolicy.Malformed", "Policy")
    rule["Policy"] = policy.capitalize()
    priority = given.get("Priority", "1")
    if not priority.isdigit() or not 1 <= int(priority) <= 100:
        raise FakeError(
            400,
            "InvalidPriority.ValueNotSupported",
            "The specified parameter Priority is invalid.",
        )
    rule["Priority"] = int(priority)
    rule["NicType"] = "intranet"
    if len(given.get("Description", "")) > 512:
        raise FakeError(
            400,
            "InvalidSecurityGroupDiscription.Malformed",
            "The specified security group rule description is not valid.",
        )
    return rule


def _spell_ports(
    rule: dict[str, object], given: Mapping[str, str], protocol: str
) -> None:
    ports, source_ports = given.get("PortRange", ""), given.get("SourcePortRange", "")
    if not ports and not given.get("PortRangeListId"):
        raise FakeError(
            400,
            "InvalidPortRange.Malformed",
            "The specified parameter PortRange must set.",
        )
    if protocol in PORTED:
        if ports and not _is_range(ports):
            raise not_valid(400, "InvalidParam.PortRange", "PortRange")
        if source_ports and not _is_range(source_ports):
            raise not_valid(400, "InvalidSourcePortRange.Malformed", "SourcePortRange")
    else:
        if ports != "-1/-1":
            raise not_valid(400, "InvalidIpProtocol.Malformed", "PortRange")
        rule["SourcePortRange"] = "-1/-1"


def _is_range(text: str) -> bool:
    parts = text.split("/")
    if len(parts) != 2 or not all(part.isdigit() for part in parts):
        return False
    return 1 <= int(parts[0]) <= int(parts[1]) <= 65535


def _spell_networks(rule: dict[str, object], given: Mapping[str, str]) -> None:
    for name, version in (
        ("SourceCidrIp", 4),
        ("DestCidrIp", 4),
        ("Ipv6SourceCidrIp", 6),
        ("Ipv6DestCidrIp", 6),
    ):
        text = given.get(name, "")
        if not text:
            continue
        try:
            network = ipaddress.ip_interface(text)
        except ValueError:
            raise not_valid(400, f"InvalidParam.{name}", name) from None
        if network.version != version:
            raise not_valid(400, f"InvalidParam.{name}", name)
        whole = network.network.prefixlen == network.max_prefixlen
        rule[name] = str(network.ip) if whole else network.with_prefixlen


def same(one: Mapping[str, object], other: Mapping[str, object]) -> bool:
    """
    Whether two spelled rules are one rule to ECS.
    """
    return all(one[name] == other[name] for name in IDENTITY)
