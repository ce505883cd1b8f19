"""
Responses of ECS. An incomplete response is an error, and never "no rules".

The SDK's models read an incomplete response as an empty one, so this module reads the
raw JSON. It ignores fields that it does not know.
"""

from __future__ import annotations

import functools
import marshal
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from email.utils import parsedate_to_datetime
from ipaddress import ip_network
from typing import cast

from alicloud_ingress.errors import NoAnswerError
from alicloud_ingress.files import as_object, as_objects
from alicloud_ingress.rules.live import LiveRule
from alicloud_ingress.rules.rule import IngressRule
from alicloud_ingress.times import moment_of

Answer = Mapping[str, object]
KNOWN_RULES = 2_048
"""
How many rules are kept as read: each read of a group has the rules of the one before.
"""
_WITHOUT_REFERENCES = 2
"""
The version of marshal in which equal values are equal bytes.
"""
SERVER_TIME = "Date"
"""
The header that is added to the fields of the body: when ECS sent the response.
"""
ANSWERED_S = "AnsweredSeconds"
"""
Added as well: when that header came, in seconds of the monotonic clock.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedGroup:
    """
    A security group as DescribeSecurityGroups returns it, without its rules.

    Args:
        group_type: `normal` or `enterprise`; "" if not known.
        vpc_id: "" in the classic network.
        service_managed: whether a cloud service manages it; users cannot change it.
        tags: by key.
    """

    group_id: str
    name: str
    group_type: str
    vpc_id: str
    service_managed: bool
    tags: Mapping[str, str] = field(default_factory=dict[str, str])


@dataclass(frozen=True, slots=True, kw_only=True)
class NetworkInterface:
    """
    A network interface as DescribeNetworkInterfaces shows it.

    Args:
        group_ids: the security groups that it is in.
        addresses: its private addresses, IPv4 and IPv6, and its prefixes as blocks.
        created: when it was created, with its zone; None where ECS does not say.
    """

    interface_id: str
    vpc_id: str
    group_ids: tuple[str, ...]
    addresses: tuple[str, ...]
    created: datetime | None


def objects(action: str, answer: Answer, *path: str) -> list[Answer]:
    """
    The list of objects at a path, such as `Permissions`, `Permission`.

    Raises:
        NoAnswerError: the path does not have a list of objects.
    """
    value: object = answer
    for name in path:
        value = (as_object(value) or {}).get(name)
    found = as_objects(value)
    if found is None:
        raise broken(action, answer, f"{'.'.join(path)} is not a list of objects")
    return found


def broken(action: str, answer: Answer, why: str) -> NoAnswerError:
    """
    The error for a response that is incomplete or cannot be read.
    """
    request_id = str(answer.get("RequestId") or "")
    return NoAnswerError(
        action, "BrokenAnswer", f"the response is not complete: {why}", request_id
    )


def server_time(answer: Answer) -> datetime | None:
    """
    When ECS sent the response, in whole seconds; None if it does not say.
    """
    try:
        return parsedate_to_datetime(str(answer.get(SERVER_TIME) or ""))
    except ValueError:
        return None


def answered_s(answer: Answer) -> float:
    """
    When the head of the response came, in seconds of the monotonic clock.
    """
    return cast("float", answer[ANSWERED_S])


def rules(action: str, answer: Answer, group_id: str) -> list[LiveRule]:
    """
    The inbound rules of one page of DescribeSecurityGroupAttribute.
    """
    if answer.get("SecurityGroupId") != group_id:
        raise broken(action, answer, f"it does not describe {group_id}")
    try:
        return [
            _rule(marshal.dumps(dict(entry), _WITHOUT_REFERENCES))
            for entry in objects(action, answer, "Permissions", "Permission")
            if entry.get("Direction", "ingress") == "ingress"
        ]
    except (ValueError, TypeError, KeyError) as error:
        why = f"a rule cannot be read ({type(error).__name__})"
        raise broken(action, answer, why) from None


def groups(action: str, answer: Answer) -> list[ListedGroup]:
    """
    The groups of one page of DescribeSecurityGroups.
    """
    entries = objects(action, answer, "SecurityGroups", "SecurityGroup")
    if not all(entry.get("SecurityGroupId") for entry in entries):
        raise broken(action, answer, "a group has no ID")
    return [
        ListedGroup(
            group_id=str(entry["SecurityGroupId"]),
            name=str(entry.get("SecurityGroupName") or ""),
            group_type=str(entry.get("SecurityGroupType") or ""),
            vpc_id=str(entry.get("VpcId") or ""),
            service_managed=entry.get("ServiceManaged") in (True, "true", "True"),
            tags={
                str(tag.get("TagKey") or ""): str(tag.get("TagValue") or "")
                for tag in _tags(action, entry)
            },
        )
        for entry in entries
    ]


def _tags(action: str, group: Answer) -> list[Answer]:
    """
    The tags of a group. ECS omits the list if there are none.
    """
    return objects(action, group, "Tags", "Tag") if group.get("Tags") else []


def prefix_lists(action: str, answer: Answer) -> list[str]:
    """
    The IDs of one page of DescribePrefixLists.
    """
    entries = objects(action, answer, "PrefixLists", "PrefixList")
    return [str(entry.get("PrefixListId") or "") for entry in entries]


def list_entries(action: str, answer: Answer) -> list[str]:
    """
    The entries of a prefix list (in `Entries.Entry`) or of a port list (in `Entries`).
    """
    path = ("Entries", "Entry") if as_object(answer.get("Entries")) else ("Entries",)
    entries = objects(action, answer, *path)
    found = [str(e.get("Cidr") or e.get("PortRange") or "") for e in entries]
    if not all(found):
        raise broken(action, answer, "an entry is empty")
    return found


def network_interfaces(
    action: str, answer: Answer, vpc_id: str
) -> list[NetworkInterface]:
    """
    The interfaces of one page of DescribeNetworkInterfaces.

    Raises:
        NoAnswerError: an interface has no ID, is of another VPC, has no list of its
            groups, or has an address that cannot be read.
    """
    path = ("NetworkInterfaceSets", "NetworkInterfaceSet")
    return [
        _network_interface(action, answer, entry, vpc_id)
        for entry in objects(action, answer, *path)
    ]


def _network_interface(
    action: str, answer: Answer, entry: Answer, vpc_id: str
) -> NetworkInterface:
    interface_id = entry.get("NetworkInterfaceId")
    if not isinstance(interface_id, str) or not interface_id:
        raise broken(action, answer, "a network interface has no ID")
    if entry.get("VpcId") != vpc_id:
        raise broken(action, answer, f"{interface_id} is not in {vpc_id}")
    within = as_object(entry.get("SecurityGroupIds")) or {}
    named = within.get("SecurityGroupId")
    group_ids = cast("list[object]", named) if isinstance(named, list) else [None]
    if not all(isinstance(each, str) and each for each in group_ids):
        raise broken(action, answer, f"{interface_id} does not name its groups")
    addresses = tuple(dict.fromkeys(_addresses(action, answer, entry)))
    for each in addresses:
        try:
            ip_network(each, strict=False)
        except ValueError:
            why = f"{interface_id} has the address {each!r}"
            raise broken(action, answer, why) from None
    return NetworkInterface(
        interface_id=interface_id,
        vpc_id=vpc_id,
        group_ids=tuple(dict.fromkeys(map(str, group_ids))),
        addresses=addresses,
        created=moment_of(str(entry.get("CreationTime") or "")),
    )


_ADDRESSES = (
    ("PrivateIpSets", "PrivateIpSet", "PrivateIpAddress"),
    ("Ipv6Sets", "Ipv6Set", "Ipv6Address"),
    ("Ipv4PrefixSets", "Ipv4PrefixSet", "Ipv4Prefix"),
    ("Ipv6PrefixSets", "Ipv6PrefixSet", "Ipv6Prefix"),
)


def _addresses(action: str, answer: Answer, entry: Answer) -> Iterator[str]:
    if primary := entry.get("PrivateIpAddress"):
        yield str(primary)
    for plural, singular, name in _ADDRESSES:
        # ECS leaves an empty set out.
        if (as_object(entry.get(plural)) or {}).get(singular) is None:
            if entry.get(plural) in (None, "", {}):
                continue
            raise broken(action, answer, f"{plural} cannot be read")
        for each in objects(action, entry, plural, singular):
            yield str(each.get(name) or "")


@functools.lru_cache(maxsize=KNOWN_RULES)
def _rule(written: bytes) -> LiveRule:
    """
    Read one Permission, as bytes: 1, 1.0 and True are different keys.
    """
    entry = marshal.loads(written)  # noqa: S302 - written by `rules`, in this process
    for name in ("IpProtocol", "Policy"):
        if not entry[name]:
            raise ValueError(name)
    spelled = IngressRule.as_spelled(entry)
    return LiveRule(
        spelled.as_read(),
        str(entry.get("SecurityGroupRuleId") or ""),
        str(entry.get("CreateTime") or ""),
        spelled,
    )
