"""
The rules in a request: as `Permissions.N.*`, by ID, or as parameters without a prefix.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from alicloud_ingress.testing.errors import (
    FakeError,
    error_of,
    not_valid,
    rule_id_not_valid,
    unknown_parameter,
)
from alicloud_ingress.testing.gateway import from_json

MAX_ENTRIES = 100
FIELDS = (
    "IpProtocol",
    "PortRange",
    "PortRangeListId",
    "SourceCidrIp",
    "Ipv6SourceCidrIp",
    "SourceGroupId",
    "SourceGroupOwnerId",
    "SourceGroupOwnerAccount",
    "SourcePrefixListId",
    "DestCidrIp",
    "Ipv6DestCidrIp",
    "SourcePortRange",
    "Policy",
    "Priority",
    "NicType",
    "Description",
)
FLAT_FIELDS = tuple(name for name in FIELDS if name != "PortRangeListId")
LEGACY = frozenset(
    {"OwnerAccount", "OwnerId", "ResourceOwnerAccount", "ResourceOwnerId"}
)
COMMON = LEGACY | {"RegionId", "SecurityGroupId", "ClientToken"}
RULE_ID = re.compile(r"sgr-[\w*-]+", re.ASCII)
_MEMBER = re.compile(r"(Permissions|SecurityGroupRuleId)\.(\d{1,9})(?:\.(\w+))?")


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """
    One rule of a request.

    Args:
        fields: those that are set, by their names in the API.
        prefix: `Permissions.3`; "" for parameters without a prefix (flat).
    """

    fields: Mapping[str, str]
    prefix: str = ""

    @property
    def is_flat(self) -> bool:
        """
        Whether the fields have no prefix, as in older clients.
        """
        return not self.prefix

    def named(self, field: str) -> str:
        """
        The name of a field in the request.
        """
        return f"{self.prefix}.{field}" if self.prefix else field

    def __getitem__(self, field: str) -> str:
        return self.fields.get(field, "")


def named_rules(
    parameters: Mapping[str, str], *, by_id: bool
) -> tuple[list[str], list[Entry]]:
    """
    Find the rules of a request.

    Args:
        parameters: of the request.
        by_id: whether the action takes rule IDs.

    Returns:
        Rule IDs, or entries: one of the two is empty.

    Raises:
        FakeError: the forms are mixed, an index is not valid, or the action does not
            have a parameter.
    """
    flat: dict[str, str] = {}
    ids: dict[int, str] = {}
    grouped: dict[int, dict[str, str]] = {}
    for name, value in parameters.items():
        member = _MEMBER.fullmatch(name)
        if name in FLAT_FIELDS:
            flat[name] = value
        elif member and member[1] == "Permissions" and member[3] in FIELDS:
            grouped.setdefault(int(member[2]), {})[member[3]] = value
        elif by_id and member and member[1] != "Permissions" and not member[3]:
            ids[int(member[2])] = value
        elif name not in COMMON:
            raise unknown_parameter(name)
    if grouped and (flat or ids):
        raise FakeError(
            400,
            "InvalidParam.Permissions",
            "The specified parameter Permissions cannot coexist with other parameters.",
        )
    _require_fewer(grouped, "Permissions")
    _require_fewer(ids, "SecurityGroupRuleId")
    if ids:
        if flat:
            raise rule_id_not_valid()
        return _distinct([ids[number] for number in sorted(ids)]), []
    entries = [
        Entry(fields=grouped[number], prefix=f"Permissions.{number}")
        for number in sorted(grouped)
    ]
    return [], entries or [Entry(fields=flat)]


def spread_out(parameters: Mapping[str, str]) -> dict[str, str]:
    """
    The parameters, with `Permissions` as JSON converted to `Permissions.N.*`.

    Raises:
        FakeError: the JSON is not a list of objects, or both forms are used.
    """
    if "Permissions" not in parameters:
        return dict(parameters)
    rest = {n: v for n, v in parameters.items() if n != "Permissions"}
    try:
        given = from_json(parameters["Permissions"])
        spread = {
            f"Permissions.{number}.{name}": str(value)
            for number, entry in enumerate(given, start=1)
            for name, value in entry.items()
        }
    except (AttributeError, TypeError, ValueError):
        raise not_valid("InvalidParam.Permissions", "Permissions") from None
    if any(name.startswith("Permissions.") for name in rest):
        raise not_valid("InvalidParam.Permissions", "Permissions")
    return rest | spread


def _require_fewer(members: Iterable[int], name: str) -> None:
    if not all(1 <= number <= MAX_ENTRIES for number in members):
        raise not_valid(f"InvalidParam.{name}", name)


def _distinct(rule_ids: list[str]) -> list[str]:
    for rule_id in rule_ids:
        if not RULE_ID.fullmatch(rule_id):
            raise rule_id_not_valid()
    if len(set(rule_ids)) != len(rule_ids):
        raise error_of("InvalidParam.SecurityGroupRuleIdRepeated")
    return rule_ids
