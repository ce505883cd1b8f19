"""
Outbound rules, treated as inbound rules with source and destination exchanged.

Each action is implemented once, for inbound rules. For outbound rules, the names of
source and destination are exchanged in the parameters of a call and in its errors.
Ports are unchanged: `PortRange` is that of the destination in both directions.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Literal, TypeVar

from alicloud_ingress.testing.errors import FakeError
from alicloud_ingress.testing.spelling import REMEMBERED, Rule
from alicloud_ingress.testing.state import FakeGroup

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


def rules_of(group: FakeGroup, direction: Direction) -> Iterator[tuple[str, Rule]]:
    """
    The rules of one direction by ID, with the fields of inbound rules.
    """
    inbound = direction == "ingress"
    for rule_id, rule in group.rules.items():
        if rule["Direction"] == direction:
            yield rule_id, rule if inbound else facing(rule, direction)


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
