"""
A caller without an SDK: a test says exactly what goes over the wire.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import requests

from alicloud_ingress.testing import FakeEcs

REGION = "cn-hangzhou"
SSH = {"IpProtocol": "tcp", "PortRange": "22/22", "SourceCidrIp": "10.0.0.0/8"}


@dataclass(frozen=True, slots=True)
class Front:
    """
    A fake, and the address under which one of its fronts is reached.
    """

    fake: FakeEcs
    url: str
    session: requests.Session

    def call(
        self, action: str, group: str = "", **parameters: str
    ) -> requests.Response:
        """
        Call an action, asking for JSON; a group may be named before the rest.
        """
        given = {"RegionId": REGION, **parameters}
        if group:
            given["SecurityGroupId"] = group
        return self.session.post(
            f"{self.url}/",
            params=given,
            headers={"x-acs-action": action, "accept": "application/json"},
            timeout=10,
        )

    def code(self, action: str, group: str = "", **parameters: str) -> tuple[int, str]:
        """
        Status and code of the answer to a call.
        """
        answer = self.call(action, group, **parameters)
        return answer.status_code, str(answer.json().get("Code", ""))

    def authorize(self, group: str, **changes: str) -> requests.Response:
        """
        Authorize the rule `SSH`, with some fields changed.
        """
        return self.call("AuthorizeSecurityGroup", group, **entry(**changes))

    def revoke(self, group: str, **changes: str) -> requests.Response:
        """
        Revoke the rule `SSH`, with some fields changed.
        """
        return self.call("RevokeSecurityGroup", group, **entry(**changes))

    def shown(self, group: str, **parameters: str) -> list[dict[str, Any]]:
        """The rules in the answer to a Describe."""
        answer = self.call("DescribeSecurityGroupAttribute", group, **parameters)
        return list(answer.json()["Permissions"]["Permission"])


def entry(number: int = 1, /, **changes: str) -> dict[str, str]:
    """
    The parameters of one entry; a field changed to "" is left out.
    """
    fields = {name: value for name, value in {**SSH, **changes}.items() if value}
    return {f"Permissions.{number}.{name}": value for name, value in fields.items()}
