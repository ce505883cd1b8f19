"""
The Pulumi resources: dicts of the engine in and out, `lifecycle` in between.

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
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any, TypedDict, TypeGuard, cast

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
from alicloud_ingress.host.process import Place, Process, warn
from alicloud_ingress.host.workers import widen_own_pool
from alicloud_ingress.logs import log_to_stderr
from alicloud_ingress.properties import (
    ARGUMENTS,
    PLACE,
    inputs_as_read,
    inputs_of,
    is_same,
    outputs_of,
    replaced,
    rule_id_of,
    rule_of,
)
from alicloud_ingress.rule import IngressRule
from alicloud_ingress.ruleset import Member
from alicloud_ingress.sets.arguments import checked_rules, problems_of_settings
from alicloud_ingress.sets.properties import (
    SET_ARGUMENTS,
    is_same_set,
    keep_of,
    members_of,
    rules_of,
    set_as_read,
    set_inputs_of,
    set_outputs_of,
)
from alicloud_ingress.spelling import has_expired

DECLARATION = "declaration"
"""
An input that the program adds and check drops again; see `declarations`.
"""

_process = Process()
_run = uuid.uuid4().hex
_numbers = itertools.count(1)


class _IngressRuleIdentity(TypedDict):
    ip_protocol: pulumi.Input[str]


class IngressRuleArgs(_IngressRuleIdentity, total=False):
    """
    One rule of a `SecurityGroupIngressRuleSet`.

    What the arguments mean stands at `SecurityGroupIngressRule`. It is a dict, so
    that each value, each rule, and the list of rules may be an Output.
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
        _configure(req)

    def check(self, _olds: dict[str, Any], news: dict[str, Any]) -> CheckResult:
        """
        Find all problems that can be known before a call, and fill in the region.
        """
        inputs = inputs_of(news)
        unknown = _unknown(inputs)
        declaration = Declaration.read(news.get(DECLARATION))
        _process.comes_forward(declaration, is_new=not _olds)
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
        if declaration and not problems and not unknown & {*PLACE, "profile"}:
            problems += _problems_of_company(declaration, inputs, exclusive=False)
        if declaration and not problems and not unknown:
            problems += _problems_of_twins(
                declaration, inputs, rule_of(inputs), "security_group_id"
            )
        return CheckResult(inputs, _failures(problems))

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
        place, rule = _place_of(props), rule_of(props)
        lifecycle = _process.lifecycle(place)
        account_id = lifecycle.account_id(rule)
        live = lifecycle.create(rule, adopt=bool(props.get("adopt")))
        identity = live.rule_id or f"{place.group_id}/pending/{uuid.uuid4().hex[:12]}"
        return CreateResult(identity, outputs_of(props, live, account_id))

    def read(self, id_: str, props: dict[str, Any]) -> ReadResult:
        """
        Look the rule up by ID, or by its whole identity while no ID is known.
        """
        place = _place_of(props)
        props = {**props, "region": place.region}
        rule = rule_of(props)
        rule_id = rule_id_of(props) or (id_ if id_.startswith("sgr-") else "")
        account_id = str(props.get("account_id") or "")
        lifecycle = _process.lifecycle(place)
        live = lifecycle.read(rule, rule_id, account_id, adopt=bool(props.get("adopt")))
        if live is None:
            return ReadResult("", {})
        inputs = inputs_as_read(props, live.rule)
        outputs = outputs_of(inputs, live, account_id or lifecycle.account_id(rule))
        return ReadResult(live.rule_id or id_, outputs, inputs)

    def update(
        self, _id: str, _olds: dict[str, Any], _news: dict[str, Any]
    ) -> UpdateResult:
        """
        Modify the rule in place, by ID.
        """
        lifecycle, rule = _process.lifecycle(_place_of(_news)), rule_of(_news)
        account_id = str(_olds.get("account_id") or "") or lifecycle.account_id(rule)
        try:
            live = lifecycle.update(rule_of(_olds), rule, rule_id_of(_olds))
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


class IngressRuleSetProvider(ResourceProvider):
    """
    Manages a set of inbound rules. Frozen: this path and this class are in state.
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
        _configure(req)

    def check(self, _olds: dict[str, Any], news: dict[str, Any]) -> CheckResult:
        """
        Check every rule, and key the rules by what they say.
        """
        inputs = set_inputs_of(news)
        declaration = Declaration.read(news.get(DECLARATION))
        _process.comes_forward(declaration, is_new=not _olds)
        unknown = frozenset(name for name in SET_ARGUMENTS if _is_unknown(news, name))
        checked = checked_rules(
            inputs.get("rules", []),
            _olds,
            str(inputs.get("security_group_id") or ""),
            is_unknown=_is_unknown_value,
            secret=declaration.secrets if declaration else frozenset(),
        )
        inputs["rules"] = checked.rules
        problems = [
            *checked.problems,
            *problems_of_settings(inputs, is_unknown=_is_unknown_value),
            *_problems_of_place(inputs, unknown),
        ]
        if declaration and not problems and not unknown & {*PLACE, "profile"}:
            problems += _problems_of_company(
                declaration, inputs, exclusive=inputs.get("exclusive") is True
            )
            for path, rule in checked.known.items():
                problems += _problems_of_twins(declaration, inputs, rule, path)
        for text in checked.warnings:
            warn(text)
        return CheckResult(inputs, _failures(problems))

    def diff(
        self, _id: str, _olds: dict[str, Any], _news: dict[str, Any]
    ) -> DiffResult:
        """
        Compare what old and new rules mean; the engine tells the keys that differ.
        """
        members = members_of(_olds)
        if _has_unknown({name: _news.get(name) for name in SET_ARGUMENTS}):
            staying = members
        elif is_same_set(_olds, _news):
            _hold(members)
            return DiffResult(changes=False)
        else:
            wanted = set(rules_of(_news).values())
            staying = [member for member in members if member.rule in wanted]
        replaces = [
            name
            for name in PLACE
            if _is_unknown(_news, name) or _olds.get(name) != _news.get(name)
        ]
        if not replaces:
            _hold(staying)
        inputs_differ = any(_olds.get(n) != _news.get(n) for n in SET_ARGUMENTS)
        return DiffResult(changes=None if inputs_differ else True, replaces=replaces)

    def create(self, props: dict[str, Any]) -> CreateResult:
        """
        Authorize all rules, in calls of up to a hundred, and learn their IDs.
        """
        place = _place_of(props)
        account_id = _process.account_id(place)
        ids = _process.set_lifecycle(place).create(
            list(rules_of(props).values()),
            adopt=bool(props.get("adopt")),
            exclusive=bool(props.get("exclusive")),
            keep=keep_of(props),
        )
        identity = f"{place.group_id}/set/{uuid.uuid4().hex[:12]}"
        return CreateResult(identity, set_outputs_of(props, ids, account_id))

    def read(self, id_: str, props: dict[str, Any]) -> ReadResult:
        """
        Look all rules up; an exclusive set takes in whatever else is there.
        """
        place = _place_of(props)
        props = {**props, "region": place.region}
        account_id = str(props.get("account_id") or "")
        seen = _process.set_lifecycle(place).read(
            members_of(props),
            account_id,
            adopt=bool(props.get("adopt")),
            exclusive=bool(props.get("exclusive")),
            keep=keep_of(props),
        )
        if seen is None:
            return ReadResult("", {})
        account_id = account_id or _process.account_id(place)
        inputs, outputs = set_as_read(props, seen, account_id)
        return ReadResult(id_, outputs, inputs)

    def update(
        self, _id: str, _olds: dict[str, Any], _news: dict[str, Any]
    ) -> UpdateResult:
        """
        Authorize, modify, revoke, in this order.
        """
        place = _place_of(_news)
        account_id = str(_olds.get("account_id") or "") or _process.account_id(place)
        ids = _process.set_lifecycle(place).update(
            list(rules_of(_news).values()),
            members_of(_olds),
            adopt=bool(_news.get("adopt")),
            exclusive=bool(_news.get("exclusive")),
            keep=keep_of(_news),
        )
        return UpdateResult(set_outputs_of(_news, ids, account_id))

    def delete(self, _id: str, _props: dict[str, Any]) -> None:
        """
        Revoke the rules that the set declared.
        """
        _process.set_lifecycle(_place_of(_props)).delete(
            members_of(_props), str(_props.get("account_id") or "")
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


class SecurityGroupIngressRuleSet(
    Resource, module="alicloud-ingress", name="SecurityGroupIngressRuleSet"
):
    """
    Many inbound rules of one ECS security group, as one resource.

    A thousand rules cost a dozen calls; as a thousand resources they would cost
    the engine alone most of a minute.
    """

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
            exclusive: no other rule may be in the group. A refresh brings what else
                is there into the set, so that the next preview names what would go;
                what no preview has named is never removed.
            keep_rule_ids: `sgr-...` that an exclusive set leaves alone.
            keep_descriptions: globs such as `managed by *`; rules so described
                are left alone.
            region: of the group; else `alicloud:region`.
            profile: name of a profile of the aliyun command line; never a secret.
            adopt: take over those of the rules that are there already.
            opts: options of the resource.
        """
        given = {
            name: value for name, value in locals().items() if name in SET_ARGUMENTS
        }
        given["rules"] = _with_dates_as_text(rules)
        known_after = dict.fromkeys(("account_id", "rule_ids", "foreign_rule_ids"))
        super().__init__(
            IngressRuleSetProvider(),
            resource_name,
            {**given, **known_after, DECLARATION: _declaration(resource_name, given)},
            opts,
        )


def _configure(req: ConfigureRequest) -> None:
    log_to_stderr(os.environ, sys.argv[1:])
    widen_own_pool()
    _process.configure(
        {
            key: value
            for key in config.KEYS
            if (value := req.config.get(key)) is not None
        }
    )


def _declaration(name: str, given: Mapping[str, Any]) -> pulumi.Output[dict[str, Any]]:
    """
    What check is to know of this resource beyond its arguments.
    """
    number = next(_numbers)

    async def written() -> dict[str, Any]:
        secrets = [
            path
            for argument, value in given.items()
            async for path in _secret_paths(argument, value)
        ]
        return Declaration(
            run=_run,
            number=number,
            name=name,
            secrets=frozenset(secrets),
            deploys=not pulumi.runtime.is_dry_run(),
        ).written()

    return pulumi.Output.from_input(written())


async def _secret_paths(path: str, value: object) -> AsyncIterator[str]:
    """
    Where in the arguments secrets are: `description`, `rules[2].description`.
    """
    if _is_output(value):
        if await value.is_secret():
            yield path
    elif isinstance(value, Mapping):
        for name, entry in cast("Mapping[str, object]", value).items():
            async for found in _secret_paths(f"{path}.{name}", entry):
                yield found
    elif isinstance(value, list | tuple):
        for number, entry in enumerate(cast("Sequence[object]", value)):
            async for found in _secret_paths(f"{path}[{number}]", entry):
                yield found


def _with_dates_as_text(value: Any) -> Any:
    """
    The same rules, with each `datetime.date` as the engine can carry it.
    """
    if _is_output(value):
        return value.apply(_with_dates_as_text)
    if isinstance(value, Mapping):
        given = cast("Mapping[str, Any]", value)
        return {name: _with_dates_as_text(entry) for name, entry in given.items()}
    if isinstance(value, list | tuple):
        return [_with_dates_as_text(entry) for entry in cast("Sequence[Any]", value)]
    return value.isoformat() if isinstance(value, dt.date) else value


def _is_output(value: object) -> TypeGuard[pulumi.Output[Any]]:
    return isinstance(value, pulumi.Output)


def _failures(problems: Sequence[Problem]) -> list[CheckFailure]:
    return [CheckFailure(p.argument, f"{p.argument}: {p.reason}") for p in problems]


def _hold(members: Sequence[Member]) -> None:
    for member in members:
        _process.claims.hold(member.rule_id)


def _is_unknown_value(value: object) -> bool:
    return isinstance(value, pulumi.output.Unknown) or value == pulumi.UNKNOWN


def _is_unknown(properties: Mapping[str, Any], name: str) -> bool:
    return _is_unknown_value(properties.get(name))


def _has_unknown(value: object) -> bool:
    """
    Whether anything in there is not known yet.
    """
    if isinstance(value, Mapping):
        return any(map(_has_unknown, cast("Mapping[str, object]", value).values()))
    if isinstance(value, list | tuple):
        return any(map(_has_unknown, cast("Sequence[object]", value)))
    return _is_unknown_value(value)


def _unknown(properties: Mapping[str, Any]) -> frozenset[str]:
    return frozenset(name for name in ARGUMENTS if _is_unknown(properties, name))


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
    declaration: Declaration, inputs: Mapping[str, Any], rule: IngressRule, path: str
) -> list[Problem]:
    other = _process.declarations.add(
        declaration,
        str(inputs["region"]),
        str(inputs["security_group_id"]),
        rule,
    )
    if not other:
        return []
    hidden = any(not secret.endswith("description") for secret in declaration.secrets)
    words = "[secret]" if hidden else rule.in_words
    return [
        Problem(
            path,
            f"resources {other!r} and {declaration.name!r} are the same rule"
            f" ({words}) of {inputs['security_group_id']}; remove one of the"
            " two, or let them differ in priority",
        )
    ]


def _problems_of_company(
    declaration: Declaration, inputs: Mapping[str, Any], *, exclusive: bool
) -> list[Problem]:
    """
    Refuse an exclusive set beside another resource of its group.
    """
    group_id = str(inputs["security_group_id"])
    other = _process.declarations.occupy(
        declaration, str(inputs["region"]), group_id, exclusive=exclusive
    )
    if not other:
        return []
    return [
        Problem(
            "security_group_id",
            f"resources {other!r} and {declaration.name!r} are both for {group_id}, and"
            " one of them is an exclusive set, which has its group to itself; put all"
            " rules into the set, or take exclusive=True away",
        )
    ]
