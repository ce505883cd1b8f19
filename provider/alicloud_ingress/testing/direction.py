"""
Outbound rules are inbound rules with both ends exchanged.

What an action does is written once, for inbound rules. Its outbound duplicate exchanges
the names of source and destination on the way in, and in its refusals on the way out.
Ports stay as they are: `PortRange` is the destination's in both directions.
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
    Fields or parameters by name, with the names of both ends exchanged.
    """
    return {_END.sub(_other, name): value for name, value in fields.items()}


def facing(rule: Rule, direction: Direction) -> Rule:
    """
    A rule of this direction in the words of an inbound rule, or back again.
    """
    if direction == "ingress":
        return rule
    return {**dict.fromkeys(REMEMBERED, ""), **exchanged(rule)}


def rules_of(group: FakeGroup, direction: Direction) -> Iterator[tuple[str, Rule]]:
    """
    The rules of one direction by ID, in the words of inbound rules.
    """
    inbound = direction == "ingress"
    for rule_id, rule in group.rules.items():
        if rule["Direction"] == direction:
            yield rule_id, rule if inbound else facing(rule, direction)


def outbound(error: FakeError) -> FakeError:
    """
    The refusal of an inbound rule, as it is worded for an outbound one.
    """
    message = error.message
    if not ("Source" in message and "Dest" in message):
        message = _END_IN_WORDS.sub(_other, _END.sub(_other, message))
    return FakeError(error.status, _END.sub(_other, error.code), message)


def _other(match: re.Match[str]) -> str:
    return _OTHER[match[1]]
