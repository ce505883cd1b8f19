"""
Answers of ECS, taken apart: what is not whole is no answer, and never "no rules".

The SDK's own models take a broken answer for an empty one, so the raw one is read.
Fields that are not known here are left alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from email.utils import parsedate_to_datetime
from typing import cast

from alicloud_ingress.ecs.group_listing import ListedGroup
from alicloud_ingress.errors import NoAnswerError
from alicloud_ingress.rules.live import LiveRule
from alicloud_ingress.rules.rule import IngressRule

Answer = Mapping[str, object]
SERVER_TIME = "Date"
"""
The header beside the fields of the body: when the answer left, by the server's clock.
"""


def as_object(value: object) -> Answer | None:
    """
    A JSON object, or None if it is not one.
    """
    return cast("Answer", value) if isinstance(value, dict) else None


def objects(action: str, answer: Answer, *path: str) -> list[Answer]:
    """
    The list of objects at a path, such as `Permissions`, `Permission`.

    Raises:
        NoAnswerError: it is not there, or not such a list.
    """
    value: object = answer
    for name in path:
        value = (as_object(value) or {}).get(name)
    found = cast("list[object]", value) if isinstance(value, list) else None
    entries = [entry for item in found or [] if (entry := as_object(item)) is not None]
    if found is None or len(entries) != len(found):
        raise broken(action, answer, f"{'.'.join(path)} is not a list of objects")
    return entries


def broken(action: str, answer: Answer, why: str) -> NoAnswerError:
    """
    The error for an answer that cannot be believed.
    """
    request_id = str(answer.get("RequestId") or "")
    return NoAnswerError(
        action, "BrokenAnswer", f"the answer is not whole: {why}", request_id
    )


def server_time(answer: Answer) -> datetime | None:
    """
    When the answer left, in whole seconds; None where it does not say so.
    """
    try:
        return parsedate_to_datetime(str(answer.get(SERVER_TIME) or ""))
    except ValueError:
        return None


def rules(action: str, answer: Answer, group_id: str) -> list[LiveRule]:
    """
    The inbound rules of one page of DescribeSecurityGroupAttribute.
    """
    if answer.get("SecurityGroupId") != group_id:
        raise broken(action, answer, f"it is not about {group_id}")
    try:
        return [
            _rule(entry)
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
            rule_count=_number(entry.get("RuleCount")),
            tags={
                str(tag.get("TagKey") or ""): str(tag.get("TagValue") or "")
                for tag in _tags(action, entry)
            },
        )
        for entry in entries
    ]


def _tags(action: str, group: Answer) -> list[Answer]:
    """
    The tags of a group; ECS leaves the list out where there are none.
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
    The entries of a prefix list, which has them in `Entries.Entry`, or of a port list,
    which has them in `Entries`.
    """
    path = ("Entries", "Entry") if as_object(answer.get("Entries")) else ("Entries",)
    entries = objects(action, answer, *path)
    found = [str(e.get("Cidr") or e.get("PortRange") or "") for e in entries]
    if not all(found):
        raise broken(action, answer, "an entry is empty")
    return found


def _rule(entry: Answer) -> LiveRule:
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


def _number(value: object) -> int | None:
    text = str(value)
    return int(text) if text.isdecimal() else None
