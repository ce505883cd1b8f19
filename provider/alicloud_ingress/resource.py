"""
The Pulumi resources that programs declare.

The state contains the import path of each provider class and a pickle of an object
without attributes. Neither may ever change. What the classes do is in
`engine.rule_provider` and `engine.set_provider`.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypedDict, cast

import pulumi
from pulumi.dynamic import Resource, ResourceProvider

from alicloud_ingress.engine.declarations import DECLARATION
from alicloud_ingress.engine.failure import PROVIDER_KEY
from alicloud_ingress.engine.program import (
    as_checked,
    declaration_of,
    output_of_none,
    passed,
    pickled,
    secret_where,
    with_dates_as_text,
    with_region,
)
from alicloud_ingress.engine.properties import ARGUMENTS
from alicloud_ingress.engine.rule_provider import RuleProvider
from alicloud_ingress.engine.set_properties import SET_ARGUMENTS, key_of
from alicloud_ingress.engine.set_provider import RuleSetProvider
from alicloud_ingress.rules.rule import IngressRule


class IngressRuleProvider(RuleProvider):
    """
    Manages one inbound rule. Never move or rename this class: the state names it.
    """


class IngressRuleSetProvider(RuleSetProvider):
    """
    Manages a set of inbound rules. Never move or rename this class: the state names it.
    """


class _IngressRuleIdentity(TypedDict):
    ip_protocol: pulumi.Input[str]


class IngressRuleArgs(_IngressRuleIdentity, total=False):
    """
    One rule of a `SecurityGroupIngressRuleSet`.

    `SecurityGroupIngressRule` describes the arguments. This is a dict, so that each
    value, each rule, and the list of rules may be an Output.
    """

    port_range: pulumi.Input[str | int] | None
    port_range_list_id: pulumi.Input[str] | None
    source_cidr_ip: pulumi.Input[str] | None
    ipv6_source_cidr_ip: pulumi.Input[str] | None
    source_group_id: pulumi.Input[str] | None
    source_group_owner_id: pulumi.Input[str | int] | None
    source_group_owner_account: pulumi.Input[str] | None
    source_prefix_list_id: pulumi.Input[str] | None
    dest_cidr_ip: pulumi.Input[str] | None
    ipv6_dest_cidr_ip: pulumi.Input[str] | None
    source_port_range: pulumi.Input[str | int] | None
    policy: pulumi.Input[str] | None
    priority: pulumi.Input[int] | None
    nic_type: pulumi.Input[str] | None
    description: pulumi.Input[str] | None
    expires_on: pulumi.Input[str] | dt.date | None


class _Declared(Resource):
    def __init_subclass__(cls, **names: str) -> None:
        """
        A class that a program derives keeps the type, by which states and previews are
        read.
        """
        if _Declared in cls.__bases__:
            super().__init_subclass__(**names)  # pyright: ignore[reportUnknownMemberType]

    def _declare(
        self,
        provider: Callable[[], ResourceProvider],
        name: str,
        properties: Mapping[str, Any],
        opts: pulumi.ResourceOptions | None,
    ) -> None:
        """
        Register the resource. Pulumi's own initializer would pickle the provider for
        each resource, and be taken for the line of the program that declares it.

        Raises:
            RunError: `import_` is set. The engine would ask the provider for an ID
                alone, and what serves a dynamic provider cannot find it by that.
        """
        if opts and opts.import_ is not None:
            raise pulumi.RunError(
                f"{name}: import_ does not work for these resources. To take over rules"
                " that exist, set adopt=True in place of it, or use the import file of"
                " `alicloud-ingress import --group sg-...`."
            )
        super(Resource, self).__init__(
            f"pulumi-python:{self._resource_type_name}",
            name,
            {**properties, PROVIDER_KEY: pickled(provider)},
            opts,
        )


class SecurityGroupIngressRule(
    _Declared, module="alicloud-ingress", name="SecurityGroupIngressRule"
):
    """
    One inbound rule of an ECS security group.

    The arguments are those of AuthorizeSecurityGroup (ECS 2014-05-26), in snake_case.
    """

    if TYPE_CHECKING:  # Pulumi evaluates annotations again for each resource
        security_group_id: pulumi.Output[str]
        region: pulumi.Output[str]
        account_id: pulumi.Output[str]
        security_group_rule_id: pulumi.Output[str]
        create_time: pulumi.Output[str]

    def __init__(  # noqa: PLR0913  one argument for each field of the API
        self,
        resource_name: str,
        *,
        security_group_id: pulumi.Input[str],
        ip_protocol: pulumi.Input[str] | None = None,
        port_range: pulumi.Input[str | int] | None = None,
        port_range_list_id: pulumi.Input[str] | None = None,
        source_cidr_ip: pulumi.Input[str] | None = None,
        ipv6_source_cidr_ip: pulumi.Input[str] | None = None,
        source_group_id: pulumi.Input[str] | None = None,
        source_group_owner_id: pulumi.Input[str | int] | None = None,
        source_group_owner_account: pulumi.Input[str] | None = None,
        source_prefix_list_id: pulumi.Input[str] | None = None,
        dest_cidr_ip: pulumi.Input[str] | None = None,
        ipv6_dest_cidr_ip: pulumi.Input[str] | None = None,
        source_port_range: pulumi.Input[str | int] | None = None,
        policy: pulumi.Input[str] | None = None,
        priority: pulumi.Input[int] | None = None,
        nic_type: pulumi.Input[str] | None = None,
        description: pulumi.Input[str] | None = None,
        expires_on: pulumi.Input[str] | dt.date | None = None,
        region: pulumi.Input[str] | None = None,
        profile: pulumi.Input[str] | None = None,
        adopt: pulumi.Input[bool] | None = None,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        """
        Declare the rule. Exactly one source is required; no source is the default.

        Args:
            resource_name: name in the stack; best one that describes the rule.
            security_group_id: `sg-...`, the group that the rule is in.
            ip_protocol: tcp, udp, icmp, icmpv6, gre, all, or an IANA number;
                left out only with `get`.
            port_range: 443, "443", "8000-8010" or "8000/8010"; for tcp and udp.
            port_range_list_id: `prl-...` instead of a port range.
            source_cidr_ip: IPv4 block or address.
            ipv6_source_cidr_ip: IPv6 block or address.
            source_group_id: `sg-...` whose members may reach this group.
            source_group_owner_id: account ID that owns the source group.
            source_group_owner_account: login name of that account.
            source_prefix_list_id: `pl-...`.
            dest_cidr_ip: IPv4 block or address; all if left out.
            ipv6_dest_cidr_ip: IPv6 block or address; all if left out.
            source_port_range: like `port_range`; all if left out.
            policy: accept or drop; accept if left out.
            priority: 1 (first) to 100; 1 if left out.
            nic_type: intranet or internet; only the classic network has both.
            description: at most 512 characters, expiry included.
            expires_on: last day of the rule in UTC, as a date or 2026-12-31.
            region: of the group; `alicloud:region` if left out.
            profile: name of a profile of the aliyun CLI, which has the credentials.
            adopt: take over an identical rule that already exists.
            opts: options of the resource.
        """
        given = passed(locals(), ARGUMENTS, opts)
        if isinstance(expires_on, dt.date):
            given["expires_on"] = expires_on.isoformat()
        known_after = dict.fromkeys(
            ("account_id", "security_group_rule_id", "create_time")
        )
        declaration = declaration_of(resource_name, given)
        self._declare(
            IngressRuleProvider,
            resource_name,
            {**with_region(given), **known_after, DECLARATION: declaration},
            opts,
        )

    if not TYPE_CHECKING:

        def __getattr__(self, name: str) -> pulumi.Output[None]:
            """
            An Output of None for an argument that was not passed.
            """
            return output_of_none(ARGUMENTS, name)

    @classmethod
    def get(
        cls,
        resource_name: str,
        id: pulumi.Input[str],  # noqa: A002  the name that Pulumi's users expect
        *,
        security_group_id: pulumi.Input[str],
        opts: pulumi.ResourceOptions | None = None,
        **arguments: Any,
    ) -> SecurityGroupIngressRule:
        """
        Read an existing rule, without managing it.

        Args:
            resource_name: name in the stack.
            id: `sgr-...`.
            security_group_id: `sg-...`, the group that the rule is in.
            opts: options of the resource.
            arguments: other arguments of the resource, such as `region` and `profile`.
        """
        merged = pulumi.ResourceOptions.merge(opts, pulumi.ResourceOptions(id=id))
        return cls(
            resource_name, security_group_id=security_group_id, opts=merged, **arguments
        )


class SecurityGroupIngressRuleSet(
    _Declared, module="alicloud-ingress", name="SecurityGroupIngressRuleSet"
):
    """
    Many inbound rules of one ECS security group, as one resource.

    A thousand rules take about a dozen calls. As a thousand resources, the engine alone
    would need most of a minute for them.
    """

    if TYPE_CHECKING:  # Pulumi evaluates annotations again for each resource
        security_group_id: pulumi.Output[str]
        region: pulumi.Output[str]
        account_id: pulumi.Output[str]
        rules: pulumi.Output[Mapping[str, Any]]
        rule_ids: pulumi.Output[Mapping[str, str]]

    def __init__(  # noqa: PLR0913  one argument for each thing that can be set
        self,
        resource_name: str,
        *,
        security_group_id: pulumi.Input[str],
        rules: pulumi.Input[Sequence[pulumi.Input[IngressRuleArgs]]],
        exclusive: pulumi.Input[bool] | None = None,
        keep_rule_ids: pulumi.Input[Sequence[pulumi.Input[str]]] | None = None,
        keep_descriptions: pulumi.Input[Sequence[pulumi.Input[str]]] | None = None,
        region: pulumi.Input[str] | None = None,
        profile: pulumi.Input[str] | None = None,
        adopt: pulumi.Input[bool] | None = None,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        """
        Declare the rules of the set, in any order.

        Args:
            resource_name: name in the stack.
            security_group_id: `sg-...`, the group that the rules are in.
            rules: each rule once.
            exclusive: whether to remove all other rules of the group. A refresh adds
                them to the set, so that the next preview shows what an update would
                remove. A rule that no preview has shown is removed only by
                `pulumi up --refresh`, which reads the group again after its preview.
            keep_rule_ids: `sgr-...` that an exclusive set leaves alone.
            keep_descriptions: globs such as `managed by *`; an exclusive set leaves
                rules with such a description alone.
            region: of the group; `alicloud:region` if left out.
            profile: name of a profile of the aliyun CLI, which has the credentials.
            adopt: take over those of the rules that already exist.
            opts: options of the resource.
        """
        given = passed(locals(), SET_ARGUMENTS, opts)
        given["rules"] = as_checked(with_dates_as_text(rules))
        known_after = dict.fromkeys(("account_id", "rule_ids", "foreign_rule_ids"))
        declaration = declaration_of(resource_name, given)
        self._declare(
            IngressRuleSetProvider,
            resource_name,
            {**with_region(given), **known_after, DECLARATION: declaration},
            secret_where(rules, "rule_ids", opts),
        )

    if not TYPE_CHECKING:

        def __getattr__(self, name: str) -> pulumi.Output[None]:
            """
            An Output of None for an argument that was not passed.
            """
            return output_of_none(SET_ARGUMENTS, name)


def expand_rules(  # noqa: PLR0913  what the rules have in common
    *,
    sources: Sequence[str],
    ports: Sequence[str | int] = (),
    ip_protocol: str = "tcp",
    policy: str = "accept",
    priority: int = 1,
    description: str = "",
    expires_on: str | dt.date = "",
) -> dict[str, IngressRuleArgs]:
    """
    Make a rule for each port from each source, named by its content: a new entry of a
    list adds one rule, and changes no other.

    Use the values for a set; for single resources, use the names too::

        SecurityGroupIngressRuleSet("office", rules=list(rules.values()), ...)
        for name, rule in rules.items():
            SecurityGroupIngressRule(f"office {name}", **rule, ...)

    Args:
        sources: IPv4 and IPv6 addresses and blocks, `sg-...` and `pl-...`. Duplicates
            are ignored, also if they are spelled differently.
        ports: 443, "8000-8010", `prl-...`; none for protocols without ports.
        ip_protocol: of all rules.
        policy: accept or drop, for all rules.
        priority: 1 (first) to 100, of all rules.
        description: of all rules.
        expires_on: last day of all rules in UTC, as a date or 2026-12-31.

    Returns:
        the rules by name: `tcp 443/443 from 10.0.0.0/8`.

    Raises:
        InvalidRuleError: a source, a port or another argument is not valid.
    """
    shared: dict[str, Any] = {
        "ip_protocol": ip_protocol,
        "policy": policy,
        "priority": priority,
        "description": description,
        "expires_on": str(expires_on),
    }
    rules: dict[str, IngressRuleArgs] = {}
    for port in ports or ("",):
        for source in sources:
            every = {**shared, _kind_of_port(port): port, _kind_of(source): source}
            given = {name: value for name, value in every.items() if value != ""}
            name = key_of(IngressRule.parse(given))
            rules.setdefault(name, cast("IngressRuleArgs", given))
    return rules


def _kind_of(source: str) -> str:
    if source.startswith("sg-"):
        return "source_group_id"
    if source.startswith("pl-"):
        return "source_prefix_list_id"
    return "ipv6_source_cidr_ip" if ":" in source else "source_cidr_ip"


def _kind_of_port(port: str | int) -> str:
    return "port_range_list_id" if str(port).startswith("prl-") else "port_range"
