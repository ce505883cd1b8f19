"""
What the fake remembers: groups with their rules, the lists that rules name, and the
network interfaces that are in groups.
"""

from __future__ import annotations

import itertools
import json
import re
import threading
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from alicloud_ingress.testing.spelling import REMEMBERED, Rule
from alicloud_ingress.testing.wire import from_json

ACCOUNT = "1000000000000001"
InterfaceStatus = Literal["Available", "Attaching", "InUse", "Detaching", "Deleting"]


class Numbers:
    """
    Counts up, so that no ID ever comes twice: as in the cloud.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._next = itertools.count(1)

    def take(self) -> int:
        """
        A number that was never taken before.
        """
        with self._lock:
            return next(self._next)

    def skip(self, taken: int) -> None:
        """
        Never hand out a number up to this one.
        """
        with self._lock:
            self._next = itertools.count(max(next(self._next), taken + 1))


NUMBERS = Numbers()
"""
Shared by all fakes of a process, as one cloud has one.
"""


_BLANK: Rule = {
    **dict.fromkeys(REMEMBERED, ""),
    "CreateTime": "",
    "Direction": "ingress",
    "NicType": "intranet",
    "Policy": "Accept",
    "Priority": 1,
}


@dataclass
class Lag:
    """
    A rule whose last change does not show yet.

    Args:
        shown: the rule as it was; None where it was not there.
        describes: how many Describes still show it so.
    """

    shown: Rule | None
    describes: int


@dataclass
class FakeGroup:
    """
    A group: whose and where it is, and its rules by ID in the order of making.

    Args:
        group_id: `sg-...`.
        region: such as `cn-hangzhou`.
        account: ID of the owner.
        vpc_id: "" makes it a group of the classic network.
        kind: basic (`normal`) or advanced (`enterprise`).
        service_managed: whether a cloud service manages it, so that it refuses
            every change.
        inner_access: `Accept` or `Drop` among members.
        operable: whether the caller may change it at all.
        most_rules: the quota of rules; a list counts as the most it may hold.
        most_group_sources: the quota of rules with a group as source.
        rules: by ID, spelled as in a Describe; may be edited by a test.
        lags: by rule ID, what Describe still shows differently.
    """

    group_id: str
    region: str
    account: str
    vpc_id: str
    kind: Literal["normal", "enterprise"] = "normal"
    service_managed: bool = False
    name: str = ""
    description: str = ""
    create_time: str = ""
    inner_access: str = "Accept"
    tags: dict[str, str] = field(default_factory=dict[str, str])
    resource_group_id: str = ""
    operable: bool = True
    most_rules: int = 1000
    most_group_sources: int = 20
    rules: dict[str, Rule] = field(default_factory=dict[str, Rule])
    lags: dict[str, Lag] = field(default_factory=dict[str, Lag])

    @property
    def is_classic(self) -> bool:
        """
        Whether it is in no VPC.
        """
        return not self.vpc_id

    def shown_rules(self, *, counts: bool) -> dict[str, Rule]:
        """
        The rules as a Describe shows them; `counts` says that it is one more, not
        a further page of the last.
        """
        shown = dict(self.rules)
        for rule_id, lag in list(self.lags.items()):
            if counts and lag.describes == 0:
                del self.lags[rule_id]
                continue
            lag.describes -= counts
            shown.pop(rule_id, None)
            if lag.shown is not None:
                shown[rule_id] = lag.shown
        return shown


@dataclass
class FakeList:
    """
    A prefix list or a list of port ranges.

    Args:
        list_id: `pl-...` or `prl-...`.
        entries: CIDR block or port range -> description.
        most_entries: counts against the quota of a group that names the list.
        family: `IPv4` or `IPv6`; "" for port ranges.
    """

    list_id: str
    region: str
    account: str
    name: str
    entries: dict[str, str]
    most_entries: int
    family: str = ""
    description: str = ""
    create_time: str = ""


@dataclass
class FakeInterface:
    """
    An elastic network interface: where it is, its groups and its addresses.

    Args:
        interface_id: `eni-...`.
        group_ids: the security groups that it is in, `sg-...`.
        private_ips: IPv4 addresses, the primary one first.
        ipv6_ips: IPv6 addresses, the primary one first.
        kind: `Primary` comes and goes with its instance.
        status: `InUse` while it is attached to an instance.
        instance_id: "" while it is attached to none.
        public_ip: the address under which it is reached from the internet; "" for
            none.
        create_time: as ECS writes it, `2018-12-12T07:28:38Z`.
    """

    interface_id: str
    region: str
    account: str
    vpc_id: str
    vswitch_id: str
    group_ids: list[str]
    private_ips: list[str]
    ipv6_ips: list[str] = field(default_factory=list[str])
    kind: Literal["Primary", "Secondary"] = "Primary"
    status: InterfaceStatus = "InUse"
    instance_id: str = ""
    public_ip: str = ""
    name: str = ""
    description: str = ""
    create_time: str = ""
    tags: dict[str, str] = field(default_factory=dict[str, str])
    resource_group_id: str = ""
    service_managed: bool = False


@dataclass
class State:
    """
    All that outlives a call.

    Args:
        tokens: parameters of calls by the account, region, action and ClientToken
            that they came with.
        answers: what those calls were answered, where it is more than a RequestId.
    """

    groups: dict[str, FakeGroup] = field(default_factory=dict[str, FakeGroup])
    prefix_lists: dict[str, FakeList] = field(default_factory=dict[str, FakeList])
    port_range_lists: dict[str, FakeList] = field(default_factory=dict[str, FakeList])
    interfaces: dict[str, FakeInterface] = field(
        default_factory=dict[str, FakeInterface]
    )
    tokens: dict[str, dict[str, str]] = field(default_factory=dict[str, dict[str, str]])
    answers: dict[str, dict[str, object]] = field(
        default_factory=dict[str, dict[str, object]]
    )

    def new_group_id(self) -> str:
        """
        An ID that no group has.
        """
        while (group_id := f"sg-{NUMBERS.take():08d}") in self.groups:
            pass
        return group_id

    def to_json(self) -> str:
        """
        Write it as JSON.
        """
        return json.dumps(asdict(self), indent=1)

    @staticmethod
    def from_json(text: str) -> State:
        """
        Read what `to_json` wrote; later IDs are none of those in it.

        Raises:
            ValueError: the text is not of this form.
        """
        try:
            given = from_json(text)
        except ValueError as error:
            raise ValueError(f"this is no state of the fake: {error}") from None
        try:
            state = State(
                groups={i: _group(each) for i, each in given["groups"].items()},
                prefix_lists=_lists(given["prefix_lists"]),
                port_range_lists=_lists(given["port_range_lists"]),
                interfaces=_interfaces(given.get("interfaces", {})),
                tokens={i: dict(each) for i, each in given["tokens"].items()},
                answers={i: dict(e) for i, e in given.get("answers", {}).items()},
            )
        except (AttributeError, KeyError, TypeError, ValueError):
            raise ValueError(
                "this is no state of the fake: groups or lists are missing, or have"
                " other fields"
            ) from None
        taken = re.findall(r'"(?:sg|sgr|pl|prl|eni|i)-(\d{8,})"', text)
        NUMBERS.skip(max(map(int, taken), default=0))
        return state


def _group(given: Mapping[str, Any]) -> FakeGroup:
    lags = {i: Lag(**lag) for i, lag in given.get("lags", {}).items()}
    rules = {i: {**_BLANK, **rule} for i, rule in given["rules"].items()}
    loaded: dict[str, Any] = {**given, "rules": rules, "lags": lags}
    return FakeGroup(**loaded)


def _lists(given: Mapping[str, Mapping[str, Any]]) -> dict[str, FakeList]:
    return {i: FakeList(**each) for i, each in given.items()}


def _interfaces(given: Mapping[str, Mapping[str, Any]]) -> dict[str, FakeInterface]:
    return {i: FakeInterface(**each) for i, each in given.items()}
