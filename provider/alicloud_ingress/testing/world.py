"""
What a test can set up and read without calls of the API.
"""

from __future__ import annotations

import ipaddress
import re
import threading
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timezone
from email.utils import format_datetime
from typing import Any, Literal

from alicloud_ingress.testing.behaviour import Behaviour
from alicloud_ingress.testing.call import GROUP_ID
from alicloud_ingress.testing.entries import Entry
from alicloud_ingress.testing.reads import shown
from alicloud_ingress.testing.spelling import REMEMBERED, Rule, spelled
from alicloud_ingress.testing.state import (
    ACCOUNT,
    NUMBERS,
    FakeGroup,
    FakeInterface,
    FakeList,
    InterfaceStatus,
    State,
)
from alicloud_ingress.testing.writes import add, as_given

_PRIVATE = ipaddress.ip_network("172.16.0.0/12")
BY_HAND = ("CreateTime", "Direction", "Priority")
INTERFACE_ID = re.compile(r"eni-[\w*-]+", re.ASCII)
TIMESTAMP = re.compile(r"\d{4}(-\d\d){2}T\d\d:\d\d(:\d\d)?Z", re.ASCII)


def system_time() -> datetime:
    """
    The time of this machine.
    """
    return datetime.now(timezone.utc)


class World:
    """
    Groups, rules, lists and network interfaces, under one lock.

    Args:
        behaviour: how addresses and protocols are stored and shown.
        now: the clock, with a time zone.

    Attributes:
        now: the clock of the fake, for `CreateTime`, the header `Date` and the age of
            signatures; a test may replace it at any time.
        keepers: called each time that the state may have changed.
    """

    def __init__(self, behaviour: Behaviour, now: Callable[[], datetime]) -> None:
        self.behaviour = behaviour
        self.now = now
        self.state = State()
        self.keepers: list[Callable[[], object]] = []
        self._lock = threading.RLock()

    @property
    def groups(self) -> dict[str, FakeGroup]:
        """
        The groups by ID; a test may edit them, as changes outside the stack.
        """
        return self.state.groups

    def new_group(  # noqa: PLR0913 - what a group can be
        self,
        region: str = "cn-hangzhou",
        account: str = ACCOUNT,
        *,
        vpc_id: str = "vpc-1",
        kind: Literal["normal", "enterprise"] = "normal",
        service_managed: bool = False,
        name: str = "",
        tags: Mapping[str, str] | None = None,
        id: str = "",  # noqa: A002 - the word of Pulumi and Terraform
    ) -> str:
        """
        Add a group without rules, and return its ID.

        Args:
            region: such as `cn-hangzhou`.
            account: ID of the owner.
            vpc_id: "" for the classic network.
            kind: basic (`normal`) or advanced (`enterprise`).
            service_managed: whether changes are refused.
            name: "" for none.
            tags: key -> value.
            id: `sg-...`; by default an unused one.

        Raises:
            ValueError: the ID is not a group ID, or a group has it already.
        """
        with self._lock:
            group_id = id or self.state.new_group_id()
            if not GROUP_ID.fullmatch(group_id):
                raise ValueError(f"{group_id!r} is not a security group ID: sg-...")
            if group_id in self.groups:
                raise ValueError(f"there is a group {group_id} already")
            self.groups[group_id] = FakeGroup(
                group_id,
                region,
                account,
                vpc_id,
                kind=kind,
                service_managed=service_managed,
                name=name,
                tags=dict(tags or {}),
                create_time=self._timestamp(),
            )
            return group_id

    def add_rule(self, group_id: str, **permission: str) -> str:
        """
        Add a rule by the field names of the API, and return its ID.

        `CreateTime`, `Direction` (`egress`) and `Priority` are not checked, so that a
        rule can have a priority that no call can set.
        """
        with self._lock:
            group = self.groups[group_id]
            return add(self._by_hand(permission, group), group, self._timestamp())

    def change_rule(self, group_id: str, rule_id: str, **permission: str) -> None:
        """
        Change some fields of a rule, by the field names of the API.
        """
        with self._lock:
            group = self.groups[group_id]
            old = group.rules[rule_id]
            given = {**as_given(old), **{n: str(old[n]) for n in BY_HAND}, **permission}
            group.rules[rule_id] = {**old, **self._by_hand(given, group)}

    def remove_rule(self, group_id: str, rule_id: str) -> None:
        """
        Remove a rule, if it exists.
        """
        with self._lock:
            self.groups[group_id].rules.pop(rule_id, None)

    def rules(self, group_id: str) -> dict[str, dict[str, object]]:
        """
        The rules of a group by ID, in the spelling of a Describe. A fault with `lag`
        has no effect here.
        """
        with self._lock:
            rules = self.groups[group_id].rules
            return {
                rule_id: shown(rule_id, rule, self.state, self.behaviour)
                for rule_id, rule in rules.items()
            }

    def new_prefix_list(
        self,
        *cidrs: str,
        region: str = "cn-hangzhou",
        account: str = ACCOUNT,
        name: str = "",
        most_entries: int = 10,
    ) -> str:
        """
        Add a prefix list of these blocks, and return its ID.
        """
        return self._new_list(
            self.state.prefix_lists,
            f"pl-{NUMBERS.take():08d}",
            region=region,
            account=account,
            name=name,
            entries=dict.fromkeys(cidrs, ""),
            most_entries=most_entries,
            family="IPv6" if any(":" in cidr for cidr in cidrs) else "IPv4",
        )

    def new_port_range_list(
        self,
        *ports: str,
        region: str = "cn-hangzhou",
        account: str = ACCOUNT,
        name: str = "",
        most_entries: int = 10,
    ) -> str:
        """
        Add a port list of these ranges (`80/80`), and return its ID.
        """
        return self._new_list(
            self.state.port_range_lists,
            f"prl-{NUMBERS.take():08d}",
            region=region,
            account=account,
            name=name,
            entries=dict.fromkeys(ports, ""),
            most_entries=most_entries,
        )

    def _new_list(self, lists: dict[str, FakeList], list_id: str, **fields: Any) -> str:
        with self._lock:
            now = self._timestamp()
            lists[list_id] = FakeList(list_id, create_time=now, **fields)
        return list_id

    @property
    def interfaces(self) -> dict[str, FakeInterface]:
        """
        The network interfaces by ID; a test may edit them.
        """
        return self.state.interfaces

    def new_interface(  # noqa: PLR0913 - what an interface can be
        self,
        *group_ids: str,
        private_ips: Sequence[str] = (),
        ipv6_ips: Sequence[str] = (),
        kind: Literal["Primary", "Secondary"] = "Primary",
        status: InterfaceStatus = "InUse",
        vswitch_id: str = "",
        instance_id: str = "",
        public_ip: str = "",
        name: str = "",
        tags: Mapping[str, str] | None = None,
        create_time: str = "",
        id: str = "",  # noqa: A002 - the word of Pulumi and Terraform
    ) -> str:
        """
        Add a network interface in the VPC of its groups, and return its ID.

        Args:
            group_ids: at least one group; all of one VPC, and all basic or all
                advanced.
            private_ips: IPv4 addresses, the primary one first; by default a free one.
            ipv6_ips: IPv6 addresses.
            kind: `Primary` or `Secondary`.
            status: such as `InUse` or `Available`.
            vswitch_id: by default the first vSwitch of the VPC.
            instance_id: by default a new one for `InUse`, and none for other statuses.
            public_ip: "" for none.
            name: "" for none.
            tags: key -> value.
            create_time: such as `2018-12-12T07:28:38Z`; by default now.
            id: `eni-...`; by default an unused one.

        Raises:
            ValueError: a group does not exist, the groups cannot be combined, or an
                address or the ID is not valid or already used.
        """
        with self._lock:
            group = self._first_of_one_vpc(group_ids)
            if create_time and not TIMESTAMP.fullmatch(create_time):
                raise ValueError(f"{create_time!r} is not a time: 2018-12-12T07:28:38Z")
            number, vpc_id = NUMBERS.take(), group.vpc_id
            interface_id = self._new_interface_id(id or f"eni-{number:08d}")
            taken = _addresses_of(vpc_id, self.state)
            made = FakeInterface(
                interface_id,
                group.region,
                group.account,
                vpc_id,
                vswitch_id or f"vsw-{vpc_id.removeprefix('vpc-')}",
                list(dict.fromkeys(group_ids)),
                _free(private_ips or [_private_ip(number, taken)], 4, taken),
                _free(ipv6_ips, 6, taken),
                kind=kind,
                status=status,
                instance_id=instance_id
                or (f"i-{number:08d}" if status == "InUse" else ""),
                public_ip=public_ip,
                name=name,
                tags=dict(tags or {}),
                create_time=create_time or self._timestamp(),
            )
            self.interfaces[interface_id] = made
            return interface_id

    def remove_interface(self, interface_id: str) -> None:
        """
        Remove a network interface, if it exists.
        """
        with self._lock:
            self.interfaces.pop(interface_id, None)

    def _first_of_one_vpc(self, group_ids: Sequence[str]) -> FakeGroup:
        """
        The first group of an interface; refuse groups that cannot be combined.
        """
        for unknown in set(group_ids) - self.groups.keys():
            raise ValueError(f"there is no group {unknown}")
        groups = [self.groups[each] for each in group_ids]
        if len({(g.region, g.account, g.vpc_id, g.kind) for g in groups}) != 1:
            raise ValueError(
                "an interface needs groups of one VPC and of one type, not "
                f"{list(group_ids)}"
            )
        if groups[0].is_classic:
            raise ValueError("a group of the classic network has no interfaces")
        return groups[0]

    def _new_interface_id(self, interface_id: str) -> str:
        if not INTERFACE_ID.fullmatch(interface_id):
            raise ValueError(f"{interface_id!r} is not an interface ID: eni-...")
        if interface_id in self.interfaces:
            raise ValueError(f"there is an interface {interface_id} already")
        return interface_id

    def dump(self) -> str:
        """
        The whole state as JSON.
        """
        with self._lock:
            return self.state.to_json()

    def load(self, text: str) -> None:
        """
        Replace the state by the text of an earlier `dump`.

        Raises:
            ValueError: the text is not a state.
        """
        state = State.from_json(text)
        with self._lock:
            self.state = state
            for keep in self.keepers:
                keep()

    def _by_hand(self, permission: Mapping[str, str], group: FakeGroup) -> Rule:
        """
        A rule of these fields; those in `BY_HAND` are not checked.
        """
        fields = {n: v for n, v in permission.items() if n not in BY_HAND}
        taken: Rule = {n: permission[n] for n in BY_HAND if n in permission}
        taken["Priority"] = int(permission.get("Priority", "1"))
        if permission.get("Direction") == "egress":
            blank: Rule = dict.fromkeys(REMEMBERED, "")
            rule: Rule = {**blank, "Policy": "Accept", "NicType": "intranet", **fields}
        else:
            rule = spelled(Entry(fields=fields), self.behaviour, numbers=True)
            if not group.is_classic:
                rule["NicType"] = "intranet"
        return {**rule, **taken}

    def _timestamp(self) -> str:
        """
        The time in the form of ECS.
        """
        return self._utc().strftime("%Y-%m-%dT%H:%M:%SZ")

    def http_date(self) -> str:
        """
        The time in the form of the header `Date`.
        """
        return format_datetime(self._utc(), usegmt=True)

    def _utc(self) -> datetime:
        return self.now().astimezone(timezone.utc)


def _addresses_of(vpc_id: str, state: State) -> set[str]:
    return {
        address
        for each in state.interfaces.values()
        if each.vpc_id == vpc_id
        for address in (*each.private_ips, *each.ipv6_ips)
    }


def _free(addresses: Sequence[str], version: int, taken: set[str]) -> list[str]:
    """
    Check that each is a free address of this IP version, and return their spelling.

    Raises:
        ValueError: one is not; the message says which.
    """
    written: list[str] = []
    for text in addresses:
        try:
            address = ipaddress.ip_address(text)
        except ValueError:
            raise ValueError(f"{text!r} is not an IPv{version} address") from None
        if address.version != version:
            raise ValueError(f"{text!r} is not an IPv{version} address")
        if str(address) in {*taken, *written}:
            raise ValueError(f"the address {address} is taken in this VPC")
        written.append(str(address))
    return written


def _private_ip(number: int, taken: set[str]) -> str:
    """
    The first free address of 172.16.0.0/12 from a number on.

    Raises:
        ValueError: none is free.
    """
    for step in range(_PRIVATE.num_addresses):
        address = str(_PRIVATE[(number + step) % _PRIVATE.num_addresses])
        if address not in taken:
            return address
    raise ValueError(f"{_PRIVATE} is used up in this VPC")
