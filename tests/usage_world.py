"""
A VPC as tests need it: groups, rules that are older than any flow, interfaces.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timezone

from alicloud_ingress.ecs.responses import NetworkInterface
from alicloud_ingress.rules.live import LiveGroup, LiveRule
from alicloud_ingress.rules.rule import IngressRule
from alicloud_ingress.usage.facts import GroupFacts, VpcFacts
from usage_tables import VPC

LONG_AGO = "2020-01-01T00:00:00Z"
OLD = datetime(2020, 1, 1, tzinfo=timezone.utc)


def rule(**arguments: object) -> IngressRule:
    """A rule of https from everywhere, unless said otherwise."""
    named = {"source_group_id", "source_prefix_list_id", "ipv6_source_cidr_ip"}
    source = {} if named & arguments.keys() else {"source_cidr_ip": "0.0.0.0/0"}
    given_ = {"ip_protocol": "tcp", "port_range": "443", **source, **arguments}
    return IngressRule.parse(given_)


def group(
    group_id: str,
    *rules: IngressRule | LiveRule,
    kind: str = "normal",
    inner: str = "Accept",
) -> GroupFacts:
    """A group; its rules are older than any flow."""
    live = tuple(
        each
        if isinstance(each, LiveRule)
        else LiveRule(each, f"sgr-{group_id}-{n}", LONG_AGO)
        for n, each in enumerate(rules)
    )
    return GroupFacts(
        group=LiveGroup(group_id, "cn-hangzhou", VPC, live, inner_access=inner),
        group_type=kind,
    )


def interface(
    interface_id: str,
    groups: Sequence[str],
    *addresses_: str,
    created: datetime | None = OLD,
) -> NetworkInterface:
    """An interface; without addresses it holds none."""
    return NetworkInterface(
        interface_id=interface_id,
        vpc_id=VPC,
        group_ids=tuple(groups),
        addresses=addresses_,
        created=created,
    )


def facts(
    groups: Iterable[GroupFacts],
    interfaces: Iterable[NetworkInterface] = (),
    lists: Mapping[str, tuple[str, ...]] | None = None,
    unread: Iterable[str] = (),
) -> VpcFacts:
    """A VPC in which eni-1 is in the first group."""
    known = list(groups)
    mine = interface("eni-1", [known[0].group.group_id], "192.168.0.1")
    given_ = tuple(interfaces) or (mine,)
    return VpcFacts(
        vpc_id=VPC,
        region="cn-hangzhou",
        listed=frozenset(
            {*(g.group.group_id for g in known)}
            | {each for i in given_ for each in i.group_ids}
        ),
        groups={g.group.group_id: g for g in known},
        unread=frozenset(unread),
        interfaces=given_,
        lists=lists or {},
    )
