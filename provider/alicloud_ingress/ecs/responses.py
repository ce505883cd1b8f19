"""
Responses of ECS. An incomplete response is an error, and never "no rules".

The SDK's models read an incomplete response as an empty one, so this module reads the
raw JSON. It ignores fields that it does not know.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from email.utils import parsedate_to_datetime

from alicloud_ingress.ecs.group_listing import ListedGroup
from alicloud_ingress.errors import NoAnswerError
from alicloud_ingress.files import as_object, as_objects
from alicloud_ingress.rules.live import LiveRule
from alicloud_ingress.rules.rule import IngressRule

Answer = Mapping[str, object]
SERVER_TIME = "Date"
"""
The header that is added to the fields of the body: when ECS sent the response.
"""


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


def rules(action: str, answer: Answer, group_id: str) -> list[LiveRule]:
    """
    The inbound rules of one page of DescribeSecurityGroupAttribute.
    """
    if answer.get("SecurityGroupId") != group_id:
        raise broken(action, answer, f"it does not describe {group_id}")
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
