"""
The Pulumi resource: dicts of the engine in and out, `lifecycle` in between.

Users' state holds the import path of the provider class and a pickle of an
object without attributes. Neither may ever change, so all that a process has
to remember is kept in `process`, not in the object.
"""

from __future__ import annotations

import datetime as dt
import itertools
import os
import sys
import uuid
from collections.abc import Mapping
from typing import Any

import pulumi
from pulumi.dynamic import (
    CheckFailure,
    CheckResult,
    ConfigureRequest,
    CreateResult,
    DiffResult,
    ReadResult,
    Resource,
    ResourceProvider,
    UpdateResult,
)

from alicloud_ingress import config
from alicloud_ingress.arguments import LAST_PRIORITY, problems_of
from alicloud_ingress.declarations import Declaration
from alicloud_ingress.errors import ConfigurationError, Problem
from alicloud_ingress.logs import log_to_stderr
from alicloud_ingress.process import Place, Process, warn
from alicloud_ingress.properties import (
    ARGUMENTS,
    inputs_as_read,
    inputs_of,
    is_same,
    outputs_of,
    replaced,
    rule_id_of,
    rule_of,
)
from alicloud_ingress.spelling import has_expired
from alicloud_ingress.workers import widen_own_pool

DECLARATION = "declaration"
"""
An input that the program adds and check drops again; see `declarations`.
"""

_process = Process()
_run = uuid.uuid4().hex
_numbers = itertools.count(1)


class IngressRuleProvider(ResourceProvider):
    """
    Manages one inbound rule. Frozen: this path and this class are in state.
    """

    serialize_as_secret_always = False

    def __init__(self) -> None:
        """
        Nothing is kept here; see the module's docstring.
        """

    def configure(self, req: ConfigureRequest) -> None:
        """
        Take over the stack's configuration for this process.
        """
        log_to_stderr(os.environ, sys.argv[1:])
        widen_own_pool()
        _process.configure(
            {
                key: value
                for key in config.KEYS
                if (value := req.config.get(key)) is not None
            }
        )

    def check(self, _olds: dict[str, Any], news: dict[str, Any]) -> CheckResult:
        """
        Find all problems that can be known before a call, and fill in the region.
        """
        _process.claims.stir()
        inputs = inputs_of(news)
        unknown = _unknown(inputs)
        declaration = Declaration.read(news.get(DECLARATION))
        problems = [
            *problems_of(
                inputs,
                unknown=unknown,
                secret=declaration.secrets if declaration else frozenset(),
            ),
            *_problems_of_place(inputs, unknown),
            *_problems_of_expiry(_olds, inputs, unknown),
        ]
        if _keeps_an_old_system_priority(_olds, inputs):
            problems = [p for p in problems if p.argument != "priority"]
        if declaration and not problems and not unknown:
            problems += _problems_of_twins(declaration, inputs)
        return CheckResult(
            inputs,
            [CheckFailure(p.argument, f"{p.argument}: {p.reason}") for p in problems],
        )

    def diff(
        self, _id: str, _olds: dict[str, Any], _news: dict[str, Any]
    ) -> DiffResult:
        """
        Compare what old and new arguments mean, not how they are spelled.
        """
        unknown = _unknown(_news)
        if not unknown and is_same(_olds, _news):
            _process.claims.hold(rule_id_of(_olds))
            return DiffResult(changes=False)
        replaces = replaced(_olds, _news, unknown)
        if not replaces:
            _process.claims.hold(rule_id_of(_olds), moving=True)
        return DiffResult(changes=None, replaces=replaces)

    def create(self, props: dict[str, Any]) -> CreateResult:
        """
        Authorize the rule and learn its ID.
        """
        place = _place_of(props)
        account_id = _process.account_id(place)
        live = _process.lifecycle(place).create(
            rule_of(props), adopt=bool(props.get("adopt"))
        )
        identity = live.rule_id or f"{place.group_id}/pending/{uuid.uuid4().hex[:12]}"
        return CreateResult(identity, outputs_of(props, live, account_id))

    def read(self, id_: str, props: dict[str, Any]) -> ReadResult:
        """
        Look the rule up by ID, or by its whole identity while no ID is known.
        """
        place = _place_of(props)
        props = {**props, "region": place.region}
        rule_id = rule_id_of(props) or (id_ if id_.startswith("sgr-") else "")
        account_id = str(props.get("account_id") or "")
        live = _process.lifecycle(place).read(
            rule_of(props), rule_id, account_id, adopt=bool(props.get("adopt"))
        )
        if live is None:
            return ReadResult("", {})
        inputs = inputs_as_read(props, live.rule)
        outputs = outputs_of(inputs, live, account_id or _process.account_id(place))
        return ReadResult(live.rule_id or id_, outputs, inputs)

    def update(
        self, _id: str, _olds: dict[str, Any], _news: dict[str, Any]
    ) -> UpdateResult:
        """
        Modify the rule in place, by ID.
        """
        place = _place_of(_news)
        account_id = str(_olds.get("account_id") or "") or _process.account_id(place)
        try:
            live = _process.lifecycle(place).update(
                rule_of(_olds), rule_of(_news), rule_id_of(_olds)
            )
        finally:
            _process.claims.settle(rule_id_of(_olds))
        return UpdateResult(outputs_of(_news, live, account_id))

    def delete(self, _id: str, _props: dict[str, Any]) -> None:
        """
        Revoke the rule, unless another resource of this run has taken it over.
        """
        _process.lifecycle(_place_of(_props)).delete(
            rule_of(_props), rule_id_of(_props), str(_props.get("account_id") or "")
        )


class SecurityGroupIngressRule(
    Resource, module="alicloud-ingress", name="SecurityGroupIngressRule"
):
    """
    One inbound rule of an ECS security group.

    Source: the AuthorizeSecurityGroup page of ECS 2014-05-26, whose names the
    arguments bear in snake_case.
    """

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
        Declare the rule; just one source is to be given, and none is assumed.

        Args:
            resource_name: name in the stack; best one that says what the rule is.
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
            region: of the group; else `alicloud:region`.
            profile: name of a profile of the aliyun command line; never a secret.
            adopt: take over the very rule if it is there already.
            opts: options of the resource.
        """
        given = {name: value for name, value in locals().items() if name in ARGUMENTS}
        if isinstance(expires_on, dt.date):
            given["expires_on"] = expires_on.isoformat()
        known_after = dict.fromkeys(
            ("account_id", "security_group_rule_id", "create_time")
        )
        declaration = _declaration(resource_name, given)
        super().__init__(
            IngressRuleProvider(),
            resource_name,
            {**given, **known_after, DECLARATION: declaration},
            opts,
        )

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
            arguments: `region` and `profile`, and what else is known of the rule.
        """
        merged = pulumi.ResourceOptions.merge(opts, pulumi.ResourceOptions(id=id))
        return cls(
            resource_name, security_group_id=security_group_id, opts=merged, **arguments
        )


def _declaration(name: str, given: Mapping[str, Any]) -> pulumi.Output[dict[str, Any]]:
    """
    What check is to know of this resource beyond its arguments.
    """
    number = next(_numbers)

    async def written() -> dict[str, Any]:
        secrets = [
            argument
            for argument, value in given.items()
            if isinstance(value, pulumi.Output) and await value.is_secret()
        ]
        return Declaration(_run, number, name, frozenset(secrets)).written()

    return pulumi.Output.from_input(written())


def _unknown(properties: Mapping[str, Any]) -> frozenset[str]:
    return frozenset(
        name
        for name in ARGUMENTS
        if isinstance(value := properties.get(name), pulumi.output.Unknown)
        or value == pulumi.UNKNOWN
    )


def _place_of(properties: Mapping[str, Any]) -> Place:
    profile = str(properties.get("profile") or "")
    region = str(properties.get("region") or "")
    return Place(
        group_id=str(properties["security_group_id"]),
        region=region or _process.connection("", profile).region,
        profile=profile,
    )


def _problems_of_place(
    inputs: dict[str, Any], unknown: frozenset[str]
) -> list[Problem]:
    """
    Check group, region and `adopt`; fill in the region where none is given.
    """
    problems: list[Problem] = []
    if not inputs.get("security_group_id"):
        problems.append(Problem("security_group_id", "'' is no group; give its sg- ID"))
    if not isinstance(inputs.get("adopt", False), bool) and "adopt" not in unknown:
        problems.append(Problem("adopt", f"{inputs['adopt']!r} is not True or False"))
    if inputs.get("region") or "profile" in unknown:
        return problems
    try:
        connection = _process.connection("", str(inputs.get("profile") or ""))
    except ConfigurationError as error:
        return [*problems, Problem("region", str(error))]
    inputs["region"] = connection.region
    return problems


def _problems_of_expiry(
    olds: Mapping[str, Any], inputs: Mapping[str, Any], unknown: frozenset[str]
) -> list[Problem]:
    """
    Refuse a new rule that has expired; of one that exists, tell it.
    """
    expires_on = str(inputs.get("expires_on") or "")
    if "expires_on" in unknown or not has_expired(expires_on):
        return []
    if not olds:
        reason = f"{expires_on!r} is over; give a day to come, or remove the rule"
        return [Problem("expires_on", reason)]
    warn(
        f"the rule {rule_of(inputs).in_words} of {inputs.get('security_group_id')}"
        f" expired after {expires_on} (UTC) and is still in force; remove it, or give"
        " it another expires_on"
    )
    return []


def _keeps_an_old_system_priority(
    olds: Mapping[str, Any], inputs: Mapping[str, Any]
) -> bool:
    """
    Rules that the system made before 2020 have priority 110, and stay importable.
    """
    priority = olds.get("priority")
    return (
        isinstance(priority, int | float)
        and priority > LAST_PRIORITY
        and priority == inputs.get("priority")
    )


def _problems_of_twins(
    declaration: Declaration, inputs: Mapping[str, Any]
) -> list[Problem]:
    rule = rule_of(inputs)
    other = _process.declarations.add(
        declaration,
        str(inputs["region"]),
        str(inputs["security_group_id"]),
        rule,
    )
    if not other:
        return []
    return [
        Problem(
            "security_group_id",
            f"resources {other!r} and {declaration.name!r} are the same rule"
            f" ({rule.in_words}) of {inputs['security_group_id']}; remove one of the"
            " two, or let them differ in priority",
        )
    ]
