"""
Converts a rule from the spelling of a request to the spelling in which ECS stores it.

These checks need only the text of the rule; `writes` has those that need the group.

Each action is implemented once, for inbound rules. For outbound rules, the names of
source and destination are exchanged in the parameters of a call and in its errors.
Ports are unchanged: `PortRange` is that of the destination in both directions.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Mapping
from typing import Literal, TypeVar

from alicloud_ingress.testing.behaviour import Behaviour
from alicloud_ingress.testing.entries import FIELDS, Entry
from alicloud_ingress.testing.errors import FakeError, error_of, not_valid

Rule = dict[str, object]
AUTHORIZE = "AuthorizeSecurityGroup"
MODIFY = "ModifySecurityGroupRule"
REVOKE = "RevokeSecurityGroup"
IDENTITY = tuple(
    name
    for name in FIELDS
    if not name.startswith("SourceGroupOwner") and name != "Description"
)
"""
The fields that make a rule another one.
"""
REMEMBERED = tuple(name for name in FIELDS if name != "SourceGroupOwnerId")
"""
The fields that are stored. The owner of a source group is stored as an account ID only.
"""
SOURCES = ("SourceCidrIp", "Ipv6SourceCidrIp", "SourceGroupId", "SourcePrefixListId")
PORTED = ("TCP", "UDP")
PROTOCOLS = (*PORTED, "ICMP", "ICMPV6", "GRE", "ALL")
PROTOCOL_NAMES = {"1": "ICMP", "6": "TCP", "17": "UDP", "47": "GRE", "58": "ICMPV6"}
NUMBERED_REGIONS = frozenset(
    {
        "ap-southeast-1",
        "ap-southeast-3",
        "ap-southeast-6",
        "cn-huhehaote",
        "cn-qingdao",
        "eu-west-1",
        "us-west-1",
    }
)
"""
The regions in which IpProtocol may be an IANA protocol number.
"""
ALL_PORTS = "-1/-1"
NIC_TYPES = ("internet", "intranet")
_IPV4_FORM = re.compile(r"\d+(\.\d+){3}(/\d+)?", re.ASCII)
_IPV6_FORM = re.compile(r"[0-9a-fA-F:.]+(/\d+)?", re.ASCII)
_RANGE = re.compile(r"(\d{1,5})/(\d{1,5})", re.ASCII)


def spelled(
    entry: Entry, behaviour: Behaviour, action: str = REVOKE, *, numbers: bool = False
) -> Rule:
    """
    Check an entry, and return the rule in the spelling in which ECS stores it.

    Args:
        entry: the fields in the spelling of the request.
        behaviour: how addresses and protocol numbers are stored.
        action: decides the code of some errors.
        numbers: whether protocol numbers are allowed.

    Raises:
        FakeError: with the code that ECS documents for the error.
    """
    rule: Rule = dict.fromkeys(REMEMBERED, "")
    rule["IpProtocol"] = _protocol(entry, behaviour, numbers=numbers)
    rule["Policy"] = _policy(entry)
    rule["Priority"] = _priority(entry)
    rule["NicType"] = _nic_type(entry)
    rule["Description"] = _description(entry, action)
    rule.update(_ports(entry, str(rule["IpProtocol"]), action))
    rule.update(_networks(entry, behaviour))
    rule.update(_source(entry, rule, action))
    _require_one_family(rule, action)
    owner = entry["SourceGroupOwnerId"] or entry["SourceGroupOwnerAccount"]
    rule["SourceGroupOwnerAccount"] = owner if rule["SourceGroupId"] else ""
    return rule


def identity(rule: Mapping[str, object]) -> tuple[object, ...]:
    """
    The fields by which ECS identifies a rule.
    """
    return tuple(rule[name] for name in IDENTITY)


def _protocol(entry: Entry, behaviour: Behaviour, *, numbers: bool) -> str:
    protocol = entry["IpProtocol"].upper()
    if numbers and re.fullmatch(r"\d{1,3}", protocol, re.ASCII):
        number = str(int(protocol))
        if int(number) <= 255:  # noqa: PLR2004
            named = PROTOCOL_NAMES.get(number, number)
            return named if behaviour.protocol_numbers_are_named else number
    if protocol not in PROTOCOLS:
        raise FakeError(
            400,
            "InvalidIpProtocol.ValueNotSupported",
            f"The parameter {entry.named('IpProtocol')} must be specified with case"
            " insensitive TCP, UDP, ICMP, GRE or All.",
        )
    return protocol


def _policy(entry: Entry) -> str:
    policy = entry.fields.get("Policy", "accept").lower()
    if policy not in ("accept", "drop"):
        raise not_valid("InvalidPolicy.Malformed", entry.named("Policy"))
    return policy.capitalize()


def _priority(entry: Entry) -> int:
    text = entry.fields.get("Priority", "1")
    if not re.fullmatch(r"-?\d{1,9}", text, re.ASCII):
        raise error_of("InvalidPriority.Malformed")
    if not 1 <= int(text) <= 100:  # noqa: PLR2004
        raise FakeError(
            400,
            "InvalidPriority.ValueNotSupported",
            "The parameter Priority is invalid."
            if entry.is_flat
            else f"The specified parameter {entry.named('Priority')} is invalid.",
        )
    return int(text)


def _nic_type(entry: Entry) -> str:
    nic_type = entry.fields.get("NicType", "internet")
    if nic_type not in NIC_TYPES:
        raise not_valid("InvalidNicType.ValueNotSupported", entry.named("NicType"))
    return nic_type


def _description(entry: Entry, action: str) -> str:
    description = entry.fields.get("Description")
    if description == "" and entry.is_flat and action == REVOKE:
        return ""  # The Terraform provider sends this for rules without a description.
    if description is not None and not 1 <= len(description) <= 512:  # noqa: PLR2004
        raise FakeError(
            400,
            "InvalidSecurityGroupDiscription.Malformed",
            "The specified security group rule description is not valid.",
        )
    return description or ""


def _ports(entry: Entry, protocol: str, action: str) -> Rule:
    ports, source_ports = entry["PortRange"], entry["SourcePortRange"]
    port_list = "" if ports else entry["PortRangeListId"]
    if not ports and not port_list:
        raise error_of("InvalidPortRange.Malformed")
    if port_list and not _is_ported(protocol):
        raise error_of("InvalidParam.ProtocolNotSupportPortRangeList")
    if ports and not _fits(ports, protocol):
        raise _bad_port_range(entry, protocol, action)
    if source_ports and not _fits(source_ports, protocol):
        raise not_valid("InvalidSourcePortRange.Malformed", "SourcePortRange")
    if not _is_ported(protocol):
        source_ports = ALL_PORTS
    return {
        "PortRange": ports,
        "PortRangeListId": port_list,
        "SourcePortRange": source_ports,
    }


def _is_ported(protocol: str) -> bool:
    return PROTOCOL_NAMES.get(protocol, protocol) in PORTED


def _fits(ports: str, protocol: str) -> bool:
    if not _is_ported(protocol):
        return ports == ALL_PORTS
    match = _RANGE.fullmatch(ports)
    return match is not None and 1 <= int(match[1]) <= int(match[2]) <= 65535  # noqa: PLR2004


def _bad_port_range(entry: Entry, protocol: str, action: str) -> FakeError:
    ports = entry["PortRange"]
    has_form = _fits(ports, "TCP") or ports == ALL_PORTS
    if has_form and action == MODIFY:
        return error_of("InvalidParam.ProtocolAndPortRangeMismatch")
    if has_form and action == AUTHORIZE:
        if not _is_ported(protocol):
            return not_valid("InvalidIpProtocol.Malformed", "PortRange")
        return error_of("OperationDenied")
    if entry.is_flat:
        return not_valid("InvalidIpPortRange.Malformed", "PortRange")
    return FakeError(
        400,
        "InvalidParam.PortRange",
        f"The specified parameter {entry.named('PortRange')} is not valid. It should"
        " be two integers less than 65535 in ?/? format.",
    )


def _networks(entry: Entry, behaviour: Behaviour) -> Rule:
    for end in ("Source", "Dest"):
        if entry[f"{end}CidrIp"] and entry[f"Ipv6{end}CidrIp"]:
            raise FakeError(
                400,
                f"InvalidParam.{end}Ip",
                f"The Parameters {end}CidrIp and Ipv6{end}CidrIp in"
                f" {entry.prefix or 'the request'} cannot be set at the same time.",
            )
    return {
        name: _network(entry, name, behaviour)
        for name in ("SourceCidrIp", "DestCidrIp", "Ipv6SourceCidrIp", "Ipv6DestCidrIp")
    }


def _network(entry: Entry, name: str, behaviour: Behaviour) -> str:
    text = entry[name]
    if not text:
        return ""
    form, version = (_IPV6_FORM, 6) if name.startswith("Ipv6") else (_IPV4_FORM, 4)
    if not form.fullmatch(text):
        raise _bad_network(entry, name, malformed=True)
    try:
        interface = ipaddress.ip_interface(text)
    except ValueError:
        raise _bad_network(entry, name, malformed=False) from None
    if interface.version != version:
        raise _bad_network(entry, name, malformed=True)
    if "/" not in text:
        return str(interface.ip)
    if interface.network.prefixlen == interface.max_prefixlen:
        bare = behaviour.address_equals_its_block
        return str(interface.ip) if bare else interface.with_prefixlen
    masked = behaviour.host_bits_are_masked
    return interface.network.with_prefixlen if masked else interface.with_prefixlen


def _bad_network(entry: Entry, name: str, *, malformed: bool) -> FakeError:
    """
    The error for a block. Flat parameters have their own code for malformed text.
    """
    if not entry.is_flat:
        return not_valid(f"InvalidParam.{name}", entry.named(name))
    if name.startswith("Ipv6"):
        return error_of("InvalidParameter.Ipv6CidrIp")
    if malformed:
        return not_valid(f"Invalid{name}.Malformed", name)
    wording = {
        "SourceCidrIp": "The specified param SourceCidrIp is not valid.",
        "DestCidrIp": "The specified parameter DestCidrIp is invalid.",
    }
    return FakeError(400, f"InvalidParam.{name}", wording[name])


def _source(entry: Entry, rule: Rule, action: str) -> Rule:
    """
    The source that ECS uses if several are set: an address, then a group, then a list.
    """
    given: Rule = {name: rule[name] or entry[name] for name in SOURCES}
    wins = next((name for name in SOURCES if given[name]), None)
    if wins is None:
        raise _no_source(entry, action)
    return {name: given[name] if name == wins else "" for name in SOURCES}


def _no_source(entry: Entry, action: str) -> FakeError:
    if entry.is_flat:
        return FakeError(
            403 if action == AUTHORIZE else 400,
            "MissingParameter",
            "The input parameter SourceGroupId or SourceCidrIp cannot be both blank.",
        )
    return FakeError(
        400,
        "MissingParameter.Source",
        "One of the parameters SourceCidrIp, Ipv6SourceCidrIp, SourceGroupId or"
        f" SourcePrefixListId in {entry.prefix} must be specified.",
    )


def _require_one_family(rule: Rule, action: str) -> None:
    ipv4 = bool(rule["SourceCidrIp"] or rule["DestCidrIp"])
    ipv6 = bool(rule["Ipv6SourceCidrIp"] or rule["Ipv6DestCidrIp"])
    protocol = PROTOCOL_NAMES.get(str(rule["IpProtocol"]), rule["IpProtocol"])
    mismatch = (protocol == "ICMP" and ipv6) or (protocol == "ICMPV6" and ipv4)
    if mismatch and action == MODIFY:
        raise error_of("InvalidParam.ProtocolAndAddressFamilyMismatch")
    if protocol == "ICMP" and ipv6:
        raise error_of("InvalidParam.Ipv4ProtocolConflictWithIpv6Address")
    if protocol == "ICMPV6" and ipv4:
        raise error_of("InvalidParam.Ipv6ProtocolConflictWithIpv4Address")
    if ipv4 and ipv6:
        raise error_of("InvalidParameter.Conflict")


Direction = Literal["ingress", "egress"]
_Value = TypeVar("_Value")
_END = re.compile(r"(Source|Dest)(?=CidrIp|Group|PrefixList|Ip\b|$)")
_END_IN_WORDS = re.compile(r"(source|destination)(?= (?:security )?group)")
_OTHER = {
    "Source": "Dest",
    "Dest": "Source",
    "source": "destination",
    "destination": "source",
}


def exchanged(fields: Mapping[str, _Value]) -> dict[str, _Value]:
    """
    Fields or parameters, with `Source` and `Dest` exchanged in their names.
    """
    return {_END.sub(_other, name): value for name, value in fields.items()}


def facing(rule: Rule, direction: Direction) -> Rule:
    """
    A rule of this direction with the fields of an inbound rule, or the reverse.
    """
    if direction == "ingress":
        return rule
    return {**dict.fromkeys(REMEMBERED, ""), **exchanged(rule)}


def outbound(error: FakeError) -> FakeError:
    """
    The error for an outbound rule that corresponds to one for an inbound rule.
    """
    message = error.message
    if not ("Source" in message and "Dest" in message):
        message = _END_IN_WORDS.sub(_other, _END.sub(_other, message))
    return FakeError(error.status, _END.sub(_other, error.code), message)


def _other(match: re.Match[str]) -> str:
    return _OTHER[match[1]]
