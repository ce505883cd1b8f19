"""
One call of an action, the checks that most actions have in common, and pages.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

from alicloud_ingress.testing.behaviour import Behaviour
from alicloud_ingress.testing.entries import LEGACY
from alicloud_ingress.testing.errors import (
    FakeError,
    error_of,
    missing,
    not_valid,
    unknown_parameter,
)
from alicloud_ingress.testing.spelling import Direction
from alicloud_ingress.testing.state import FakeGroup, State

NAMES_A_MISSING_REGION = ("DescribeSecurityGroupAttribute", "DeleteSecurityGroup")
_REGION = re.compile(r"[a-z]{2,}-[a-z0-9-]+")
GROUP_ID = re.compile(r"sg-[\w*-]+", re.ASCII)
_TAG_KEY = re.compile(r"Tag\.(\d{1,9})\.Key")
_INDEX = re.compile(r"\.\d{1,9}(?=\.|$)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """
    An action with its parameters, and the state that it reads or changes.

    Args:
        account: of the credentials.
        now: such as `2018-12-12T07:28:38Z`.
        logins: login name -> account ID.
        direction: of the rules. The names of parameters are those of inbound rules for
            outbound ones too.
    """

    action: str
    parameters: Mapping[str, str]
    account: str
    state: State
    behaviour: Behaviour
    now: str
    logins: Mapping[str, str] = field(default_factory=dict[str, str])
    direction: Direction = "ingress"

    def __getitem__(self, name: str) -> str:
        return self.parameters.get(name, "")

    @property
    def region(self) -> str:
        """
        The region that the call names.

        Raises:
            FakeError: it names none, or one that cannot exist.
        """
        region = self["RegionId"]
        if not region:
            if self.action in NAMES_A_MISSING_REGION:
                raise error_of("MissingParameter.RegionId")
            raise missing("RegionId")
        if not _REGION.fullmatch(region):
            raise error_of("InvalidRegionId.NotFound")
        return region

    def group(self) -> FakeGroup:
        """
        The group that the call names.

        Raises:
            FakeError: the caller has no such group in the region.
        """
        region, group_id = self.region, self["SecurityGroupId"]
        if not group_id:
            raise missing("SecurityGroupId")
        if not GROUP_ID.fullmatch(group_id):
            raise not_valid("InvalidSecurityGroupId.Malformed", "SecurityGroupId")
        group = self.state.groups.get(group_id)
        if group is None or group.region != region:
            raise error_of("InvalidSecurityGroupId.NotFound")
        if group.account != self.account:
            raise not_valid("InvalidSecurityGroupId.NotFound", "SecurityGroupId")
        return group

    def group_to_change(self) -> FakeGroup:
        """
        The group that the call names, which it is going to change.

        Raises:
            FakeError: the caller has no such group, or may not change it.
        """
        group = self.group()
        if not group.operable:
            raise error_of("InvalidOperation.SecurityGroupNotAuthorized")
        if group.service_managed:
            raise FakeError(
                403,
                "InvalidOperation.ResourceManagedByCloudProduct",
                f"The security group {group.group_id} is managed by a cloud product.",
            )
        return group

    def know_only(self, *names: str) -> None:
        """
        Refuse parameters that the action does not have; `Tag.Key` allows `Tag.1.Key`.
        """
        known = {*names, *LEGACY}
        for name in self.parameters:
            if _INDEX.sub("", name) not in known:
                raise unknown_parameter(name)

    def members(self, name: str) -> list[str]:
        """
        The values of a list, such as `PrefixListId.1`, `PrefixListId.2`.
        """
        return [
            value
            for given, value in self.parameters.items()
            if _INDEX.sub("", given) == name
        ]

    def has_tags(self, tags: Mapping[str, str]) -> bool:
        """
        Whether tags have all those that the call names: `Tag.N.Key`, and `Tag.N.Value`
        unless any value fits.
        """
        for name, key in self.parameters.items():
            if match := _TAG_KEY.fullmatch(name):
                value = self.parameters.get(f"Tag.{match[1]}.Value")
                if key not in tags or value not in (None, tags[key]):
                    return False
        return True

    def number(
        self,
        name: str,
        default: int,
        least: int,
        most: int,
        code: str = "InvalidParamter",
    ) -> int:
        """
        A number within bounds.

        Raises:
            FakeError: the value is not a number, or not within the bounds.
        """
        text = self.parameters.get(name, str(default))
        if re.fullmatch(r"\d{1,9}", text, re.ASCII) and least <= int(text) <= most:
            return int(text)
        raise not_valid(code, name)


_Member = TypeVar("_Member")
_TOKEN = re.compile(r"AAAAA(\d{11})", re.ASCII)


def page_of(
    found: Sequence[_Member], token: str, size: int, code: str = "InvalidParamter"
) -> tuple[Sequence[_Member], str]:
    """
    One page, and the token of the next one; "" for the last.
    """
    start = 0
    if token:
        match = _TOKEN.fullmatch(token)
        if match is None:
            raise not_valid(code, "NextToken")
        start = int(match[1])
    end = start + size
    return found[start:end], f"AAAAA{end:011d}" if end < len(found) else ""


def numbered_page_of(
    found: Sequence[_Member], call: Call, max_number: int, code: str = "InvalidParamter"
) -> tuple[Sequence[_Member], dict[str, object]]:
    """
    The page that a call names by `PageNumber` and `PageSize`, and the fields of the
    answer that describe it.
    """
    number = call.number("PageNumber", 1, 1, max_number, code)
    size = call.number("PageSize", 10, 1, 100, code)
    page = found[(number - 1) * size : number * size]
    counts = {"PageNumber": number, "PageSize": size, "TotalCount": len(found)}
    return page, {**counts, "NextToken": ""}
