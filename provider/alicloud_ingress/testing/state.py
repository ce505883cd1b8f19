"""
The state of the fake: groups with their rules, prefix lists and port lists, and network
interfaces.
"""

from __future__ import annotations

import itertools
import json
import re
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal, TypeVar

from alicloud_ingress.testing.gateway import from_json
from alicloud_ingress.testing.spelling import REMEMBERED, Direction, Rule, facing

ACCOUNT = "1000000000000001"
_Member = TypeVar("_Member")
InterfaceStatus = Literal["Available", "Attaching", "InUse", "Detaching", "Deleting"]


class Numbers:
    """
    Numbers for IDs. As in the cloud, no ID is ever used twice.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._next = itertools.count(1)

    def take(self) -> int:
        """
        A number that was never used before.
        """
        with self._lock:
            return next(self._next)

    def skip(self, taken: int) -> None:
        """
        Use only numbers above this one from now on.
        """
        with self._lock:
            self._next = itertools.count(max(next(self._next), taken + 1))


NUMBERS = Numbers()
"""
Shared by all fakes of a process.
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
    A rule whose last change is not shown yet.

    Args:
        shown: the rule before the change; None for a new rule.
        describes: how many Describes still show it like this.
    """

    shown: Rule | None
    describes: int


@dataclass
class FakeGroup:
    """
    A security group with its rules, in the order of their creation.

    Args:
        group_id: `sg-...`.
        region: such as `cn-hangzhou`.
        account: ID of the owner.
        vpc_id: "" makes it a group of the classic network.
        kind: basic (`normal`) or advanced (`enterprise`).
        service_managed: whether a cloud service manages it; then changes are refused.
        inner_access: `Accept` or `Drop`: traffic between members.
        operable: whether the caller may change it.
        most_rules: the quota of rules; a list counts as its maximum number of entries.
        most_group_sources: the quota of rules with a group as source.
        rules: by ID, in the spelling of a Describe; a test may edit them.
        lags: the changes that a Describe does not show yet, by rule ID.
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
        Whether it is in the classic network, and so in no VPC.
        """
        return not self.vpc_id

    def rules_of(self, direction: Direction) -> Iterator[tuple[str, Rule]]:
        """
        The rules of one direction by ID, with the fields of inbound rules.
        """
        for rule_id, rule in self.rules.items():
            if rule["Direction"] == direction:
                yield rule_id, facing(rule, direction)

    def shown_rules(self, *, counts: bool) -> dict[str, Rule]:
        """
        The rules that a Describe shows.

        Args:
            counts: False for a further page of the same Describe.
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
    A prefix list or a port list.

    Args:
        list_id: `pl-...` or `prl-...`.
        entries: CIDR block or port range -> description.
        most_entries: maximum number of entries; counts towards the quota of rules.
        family: `IPv4` or `IPv6`; "" for port lists.
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
    An elastic network interface, with its groups and addresses.

    Args:
        interface_id: `eni-...`.
        group_ids: the security groups that it is in, `sg-...`.
        private_ips: IPv4 addresses, the primary one first.
        ipv6_ips: IPv6 addresses, the primary one first.
        kind: `Primary` is created and deleted with its instance.
        status: `InUse` while it is attached to an instance.
        instance_id: "" while it is not attached.
        public_ip: its public address; "" for none.
        create_time: in the form of ECS, `2018-12-12T07:28:38Z`.
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
    Everything that the fake keeps between calls.

    Args:
        tokens: the parameters of earlier calls, by account, region, action and
            ClientToken.
        answers: the answers to those calls, if they have more than a RequestId.
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
        An unused group ID.
        """
        while (group_id := f"sg-{NUMBERS.take():08d}") in self.groups:
            pass
        return group_id

    def to_json(self) -> str:
        """
        The state as JSON.
        """
        return json.dumps(asdict(self), indent=1)

    @staticmethod
    def from_json(text: str) -> State:
        """
        Read the text of `to_json`. New IDs will differ from those in it.

        Raises:
            ValueError: the text does not have this form.
        """
        try:
            given = from_json(text)
        except ValueError as error:
            raise ValueError(f"not a state of the fake: {error}") from None
        try:
            state = State(
                groups=_each(_group, given["groups"]),
                prefix_lists=_each(FakeList, given["prefix_lists"]),
                port_range_lists=_each(FakeList, given["port_range_lists"]),
                interfaces=_each(FakeInterface, given.get("interfaces", {})),
                tokens=_each(dict, given["tokens"]),
                answers=_each(dict, given.get("answers", {})),
            )
        except (AttributeError, KeyError, TypeError, ValueError):
            raise ValueError(
                "not a state of the fake: groups or lists are missing, or have"
                " other fields"
            ) from None
        taken = re.findall(r'"(?:sg|sgr|pl|prl|eni|i)-(\d{8,})"', text)
        NUMBERS.skip(max(map(int, taken), default=0))
        return state


def _each(
    make: Callable[..., _Member], given: Mapping[str, Mapping[str, Any]]
) -> dict[str, _Member]:
    return {name: make(**fields) for name, fields in given.items()}


def _group(
    rules: Mapping[str, Rule], lags: Mapping[str, Any] | None = None, **fields: Any
) -> FakeGroup:
    filled = {rule_id: {**_BLANK, **rule} for rule_id, rule in rules.items()}
    return FakeGroup(rules=filled, lags=_each(Lag, lags or {}), **fields)
