"""
The backend: what the API remembers and answers, under one lock.
"""

from __future__ import annotations

import itertools
import json
import re
import threading
import urllib.parse
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

from alicloud_ingress.testing.errors import (
    FakeError,
    group_not_found,
    rule_id_not_found,
)
from alicloud_ingress.testing.state import PARAMETERS, FakeGroup, same, spelled

ACCOUNT = "1000000000000001"
MOST_ENTRIES = 100
_NUMBERS = itertools.count(1)
"""
Shared by all fakes of a process: as in the cloud, no ID ever comes twice.
"""
_COMMON = {"RegionId", "SecurityGroupId", "ClientToken"}


@dataclass(frozen=True)
class FakeCall:
    """
    One call as it came, and how it was answered ("" for no error).
    """

    action: str
    parameters: Mapping[str, str]
    status: int
    code: str


class FakeEcs:
    """
    A fake of ECS: any key is good, and belongs to `ACCOUNT` unless it is named
    in `accounts`.
    """

    def __init__(self) -> None:
        self.groups: dict[str, FakeGroup] = {}
        self.calls: list[FakeCall] = []
        self.accounts: dict[str, str] = {}
        self._failures: dict[str, list[FakeError]] = {}
        self._tokens: dict[str, Mapping[str, str]] = {}
        self._lock = threading.RLock()

    def new_group(self, region: str = "cn-hangzhou", account: str = ACCOUNT) -> str:
        """
        Make an empty group and return its ID.
        """
        with self._lock:
            group_id = f"sg-{self._count():08d}"
            self.groups[group_id] = FakeGroup(group_id, region, account, "vpc-1")
            return group_id

    def add_rule(self, group_id: str, **permission: str) -> str:
        """
        Add a rule by hand, its fields named as the API names them.
        """
        with self._lock:
            rule_id = f"sgr-{self._count():08d}"
            self.groups[group_id].rules[rule_id] = spelled(permission, group_id)
            return rule_id

    def rules(self, group_id: str) -> dict[str, dict[str, object]]:
        """
        The rules of a group by ID, spelled as in a Describe.
        """
        with self._lock:
            return {i: dict(rule) for i, rule in self.groups[group_id].rules.items()}

    def fail_next(self, action: str, status: int, code: str, times: int = 1) -> None:
        """
        Answer the next calls of *action* with an error, and do nothing else.
        """
        error = FakeError(status, code, "set by the test")
        with self._lock:
            self._failures.setdefault(action, []).extend([error] * times)

    @contextmanager
    def serve(self, host: str = "127.0.0.1", port: int = 0) -> Iterator[str]:
        """
        Serve this fake over HTTP for as long as the context lasts.
        """
        from alicloud_ingress.testing.server import serving

        with serving(self, host, port) as url:
            yield url

    def handle(
        self, url: str, headers: Mapping[str, str], body: str
    ) -> tuple[int, dict[str, str], str]:
        """
        Answer one HTTP request: status, headers, body.
        """
        folded = {name.lower(): value for name, value in headers.items()}
        pairs = urllib.parse.parse_qsl(
            urllib.parse.urlsplit(url).query, keep_blank_values=True
        ) + urllib.parse.parse_qsl(body, keep_blank_values=True)
        parameters = dict(pairs)
        action = folded.get("x-acs-action") or parameters.pop("Action", "")
        with self._lock:
            request_id = f"FAKE-{self._count():08d}"
            try:
                answer = self._answer(action, parameters, self._account(folded))
                status, code = 200, ""
            except FakeError as error:
                status, code = error.status, error.code
                answer = {"Code": code, "Message": error.message, "HostId": "ecs.fake"}
            self.calls.append(FakeCall(action, parameters, status, code))
        text = json.dumps({**answer, "RequestId": request_id})
        return status, {"content-type": "application/json;charset=utf-8"}, text

    @staticmethod
    def _count() -> int:
        return next(_NUMBERS)

    def _account(self, headers: Mapping[str, str]) -> str:
        match = re.search(r"Credential=([^,]*)", headers.get("authorization", ""))
        return self.accounts.get(match[1] if match else "", ACCOUNT)

    def _answer(
        self, action: str, parameters: Mapping[str, str], account: str
    ) -> dict[str, object]:
        if failures := self._failures.get(action):
            raise failures.pop(0)
        if action == "GetCallerIdentity":
            return {"AccountId": account, "Arn": f"acs:ram::{account}:root"}
        actions: dict[
            str, Callable[[Mapping[str, str], FakeGroup], dict[str, object]]
        ] = {
            "AuthorizeSecurityGroup": self._authorize,
            "DescribeSecurityGroupAttribute": self._describe,
            "ModifySecurityGroupRule": self._modify,
            "RevokeSecurityGroup": self._revoke,
        }
        if action == "DescribeSecurityGroups":
            return self._list(parameters, account)
        if action not in actions:
            raise FakeError(404, "InvalidAction.NotFound", f"No such action: {action}")
        group = self.groups.get(parameters.get("SecurityGroupId", ""))
        region = parameters.get("RegionId")
        if group is None or (group.region, group.account) != (region, account):
            raise group_not_found()
        return self._once(parameters, lambda: actions[action](parameters, group))

    def _once(
        self, parameters: Mapping[str, str], act: Callable[[], dict[str, object]]
    ) -> dict[str, object]:
        """
        Act but once for one ClientToken.
        """
        token = parameters.get("ClientToken", "")
        if token in self._tokens:
            if self._tokens[token] != parameters:
                raise FakeError(
                    400,
                    "IdempotentParameterMismatch",
                    "The request uses the same client token as a previous, but"
                    " non-identical request.",
                )
            return {}
        answer = act()
        if token:
            self._tokens[token] = parameters
        return answer

    def _list(self, parameters: Mapping[str, str], account: str) -> dict[str, object]:
        wanted = parameters.get("SecurityGroupId")
        shown = [
            {
                "SecurityGroupId": group.group_id,
                "VpcId": group.vpc_id,
                "SecurityGroupType": "normal",
                "RuleCount": len(group.rules),
                "ServiceManaged": False,
            }
            for group in self.groups.values()
            if (group.region, group.account) == (parameters.get("RegionId"), account)
            and wanted in (None, group.group_id)
        ]
        return {
            "SecurityGroups": {"SecurityGroup": shown},
            "TotalCount": len(shown),
            "RegionId": parameters.get("RegionId", ""),
        }

    def _describe(
        self, parameters: Mapping[str, str], group: FakeGroup
    ) -> dict[str, object]:
        size = int(parameters.get("MaxResults", "500"))
        start = int(parameters.get("NextToken") or 0)
        entries = [
            {**rule, "SecurityGroupRuleId": rule_id, "Direction": "ingress"}
            for rule_id, rule in group.rules.items()
        ]
        if parameters.get("Direction") == "egress":
            entries = []
        more = start + size < len(entries)
        return {
            "SecurityGroupId": group.group_id,
            "RegionId": group.region,
            "VpcId": group.vpc_id,
            "InnerAccessPolicy": "Accept",
            "Permissions": {"Permission": entries[start : start + size]},
            "NextToken": str(start + size) if more else "",
        }

    def _authorize(
        self, parameters: Mapping[str, str], group: FakeGroup
    ) -> dict[str, object]:
        for rule in _permissions(parameters, group):
            if not any(same(rule, there) for there in group.rules.values()):
                group.rules[f"sgr-{self._count():08d}"] = rule
        return {}

    def _revoke(
        self, parameters: Mapping[str, str], group: FakeGroup
    ) -> dict[str, object]:
        named = [
            v for k, v in parameters.items() if k.startswith("SecurityGroupRuleId.")
        ]
        if not named:
            unwanted = _permissions(parameters, group)
            group.rules = {
                rule_id: rule
                for rule_id, rule in group.rules.items()
                if not any(same(rule, other) for other in unwanted)
            }
            return {}
        if any(name.startswith("Permissions.") for name in parameters):
            raise FakeError(
                400,
                "InvalidParam.Permissions",
                "The specified parameter Permissions cannot coexist with other"
                " parameters.",
            )
        if not all(rule_id in group.rules for rule_id in named):
            raise rule_id_not_found()
        for rule_id in named:
            del group.rules[rule_id]
        return {}

    def _modify(
        self, parameters: Mapping[str, str], group: FakeGroup
    ) -> dict[str, object]:
        rule_id = parameters.get("SecurityGroupRuleId", "")
        if rule_id not in group.rules:
            raise rule_id_not_found()
        fields = {n: v for n, v in parameters.items() if n in PARAMETERS}
        rule = spelled(fields, group.group_id)
        others = (there for i, there in group.rules.items() if i != rule_id)
        if any(same(rule, other) for other in others):
            raise FakeError(
                400, "InvalidOperation.RuleDuplicate", "The rule already exists."
            )
        group.rules[rule_id] = rule
        return {}


def _permissions(
    parameters: Mapping[str, str], group: FakeGroup
) -> list[dict[str, object]]:
    """
    Gather `Permissions.N.*`, or the flat parameters as one entry.
    """
    entries: dict[str, dict[str, str]] = {}
    for name, value in parameters.items():
        match = re.fullmatch(r"(?:Permissions\.(\d+)\.)?(\w+)", name)
        if match is None or (match[2] not in PARAMETERS and name not in _COMMON):
            raise FakeError(400, "InvalidParameter", f"{name} is not known.")
        if match[2] in PARAMETERS:
            entries.setdefault(match[1] or "flat", {})[match[2]] = value
    if not 0 < len(entries) <= MOST_ENTRIES:
        raise FakeError(
            400,
            "InvalidParam.Permissions",
            "The specified parameter Permissions is not valid.",
        )
    return [spelled(entry, group.group_id) for entry in entries.values()]
