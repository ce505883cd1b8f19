"""
The Pulumi resource: dicts of the engine in and out, `lifecycle` in between.

Users' state holds the import path of the provider class and a pickle of an
object without attributes. Neither may ever change, so all that a process has
to remember is kept in this module, not in the object.
"""

from __future__ import annotations

import datetime
import os
import sys
import threading
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
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
from alicloud_ingress.claims import Claims
from alicloud_ingress.client import EcsClient
from alicloud_ingress.errors import ConfigurationError
from alicloud_ingress.group import SecurityGroup
from alicloud_ingress.lifecycle import RuleLifecycle
from alicloud_ingress.live import LiveRule
from alicloud_ingress.rule import SOURCES, IngressRule, problems_of

RULE_ARGUMENTS = (
    "ip_protocol",
    "port_range",
    "port_range_list_id",
    "source_cidr_ip",
    "ipv6_source_cidr_ip",
    "source_group_id",
    "source_group_owner_id",
    "source_group_owner_account",
    "source_prefix_list_id",
    "dest_cidr_ip",
    "ipv6_dest_cidr_ip",
    "source_port_range",
    "policy",
    "priority",
    "nic_type",
    "description",
    "expires_on",
)
ARGUMENTS = (*RULE_ARGUMENTS, "security_group_id", "region", "profile", "adopt")
EMPTIABLE = ("description", "expires_on", "policy", "priority", "nic_type")
"""
Arguments whose absence has a meaning that ECS can be asked for in place.
"""


class _Process:
    """
    What one process of the dynamic host shares between its resources.
    """

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.settings: dict[str, str] = {}
        self.clients: dict[tuple[str, str], EcsClient] = {}
        self.claims = Claims()

    def configure(self, settings: Mapping[str, str]) -> None:
        with self.lock:
            self.settings = dict(settings)
            self.clients.clear()

    def client(self, region: str, profile: str) -> EcsClient:
        with self.lock:
            known = self.clients.get((region, profile))
            if known is None:
                known = EcsClient(self.connection(region, profile))
                self.clients[region, profile] = known
            return known

    def connection(self, region: str, profile: str) -> config.Connection:
        return config.resolve(
            self.settings.get, os.environ, region=region, profile=profile
        )


_process = _Process()


@dataclass(frozen=True, slots=True)
class _Place:
    """
    Where a resource's rule is, and how it is reached.
    """

    group_id: str
    region: str
    profile: str

    @classmethod
    def of(cls, properties: Mapping[str, Any]) -> _Place:
        return cls(
            group_id=str(properties["security_group_id"]),
            region=str(properties["region"]),
            profile=str(properties.get("profile") or ""),
        )

    def lifecycle(self) -> RuleLifecycle:
        client = _process.client(self.region, self.profile)
        return RuleLifecycle(
            SecurityGroup(client, self.group_id),
            client,
            self.region,
            warn=lambda text: print(f"warning: {text}", file=sys.stderr),
            claims=_process.claims,
        )

    def account_id(self) -> str:
        return _process.client(self.region, self.profile).account_id()


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
        inputs = {
            name: _plain(news[name]) for name in ARGUMENTS if news.get(name) is not None
        }
        unknown = {name for name, value in inputs.items() if _is_unknown(value)}
        failures = [
            CheckFailure(problem.argument, problem.reason)
            for problem in problems_of(inputs, unknown)
        ]
        if not inputs.get("security_group_id"):
            failures.append(
                CheckFailure("security_group_id", "'' is no group; give its sg- ID")
            )
        if not inputs.get("region"):
            failures += _fill_in_region(inputs)
        return CheckResult(inputs, failures)

    def diff(
        self, _id: str, _olds: dict[str, Any], _news: dict[str, Any]
    ) -> DiffResult:
        """
        Compare what old and new arguments mean, not how they are spelled.
        """
        if any(_is_unknown(_news.get(name)) for name in ARGUMENTS):
            return DiffResult(changes=None, replaces=_replaces(_olds, _news))
        same_place = all(
            _olds.get(name) == _news.get(name)
            for name in ("security_group_id", "region")
        )
        if same_place and not _rule(_olds).difference(_rule(_news)):
            _process.claims.hold(_rule_id(_olds))
            return DiffResult(changes=False)
        replaces = _replaces(_olds, _news)
        if not replaces:
            _process.claims.hold(_rule_id(_olds), moving=True)
        return DiffResult(changes=None, replaces=replaces)

    def create(self, props: dict[str, Any]) -> CreateResult:
        """
        Authorize the rule and learn its ID.
        """
        place = _Place.of(props)
        adopt = bool(props.get("adopt"))
        live = place.lifecycle().create(_rule(props), adopt=adopt)
        _process.claims.hold(live.rule_id)
        identity = live.rule_id or f"{place.group_id}/pending/{uuid.uuid4().hex[:12]}"
        return CreateResult(identity, _outputs(props, live, place.account_id()))

    def read(self, id_: str, props: dict[str, Any]) -> ReadResult:
        """
        Look the rule up by ID, or by its whole identity while no ID is known.
        """
        if not props.get("region"):
            region = _process.connection("", str(props.get("profile") or "")).region
            props = {**props, "region": region}
        place = _Place.of(props)
        rule_id = _rule_id(props) or (id_ if id_.startswith("sgr-") else "")
        live = place.lifecycle().read(
            _rule(props),
            rule_id,
            str(props.get("account_id") or ""),
            adopt=bool(props.get("adopt")),
        )
        if live is None:
            return ReadResult("", {})
        inputs = _as_read(props, live.rule)
        account_id = str(props.get("account_id") or "") or place.account_id()
        return ReadResult(
            live.rule_id or id_, _outputs(inputs, live, account_id), inputs
        )

    def update(
        self, _id: str, _olds: dict[str, Any], _news: dict[str, Any]
    ) -> UpdateResult:
        """
        Modify the rule in place, by ID.
        """
        lifecycle = _Place.of(_olds).lifecycle()
        try:
            rule_id = lifecycle.update(_rule(_olds), _rule(_news), _rule_id(_olds))
        finally:
            _process.claims.settle(_rule_id(_olds))
        live = LiveRule(_rule(_news), rule_id, str(_olds.get("create_time") or ""))
        return UpdateResult(_outputs(_news, live, str(_olds.get("account_id") or "")))

    def delete(self, _id: str, _props: dict[str, Any]) -> None:
        """
        Revoke the rule, unless another resource of this run has taken it over.
        """
        rule_id = _rule_id(_props)
        if _process.claims.holds(rule_id):
            print(
                f"warning: {rule_id} now belongs to another resource of this stack"
                " and is not revoked",
                file=sys.stderr,
            )
            return
        _Place.of(_props).lifecycle().delete(
            _rule(_props), rule_id, str(_props.get("account_id") or "")
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

    def __init__(
        self,
        resource_name: str,
        *,
        security_group_id: pulumi.Input[str],
        ip_protocol: pulumi.Input[str],
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
        expires_on: pulumi.Input[str] | datetime.date | None = None,
        region: pulumi.Input[str] | None = None,
        profile: pulumi.Input[str] | None = None,
        adopt: pulumi.Input[bool] | None = None,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        """
        Declare the rule; just one source is to be given, and none is assumed.

        Args:
            port_range: 443, "443", "8000-8010" or "8000/8010".
            priority: 1 (first) to 100; 1 if not given.
            adopt: take over the very rule if it is there already.
            expires_on: last day of the rule, in UTC.
        """
        given = {name: value for name, value in locals().items() if name in ARGUMENTS}
        if isinstance(expires_on, datetime.date):
            given["expires_on"] = expires_on.isoformat()
        known_after = dict.fromkeys(
            ("account_id", "security_group_rule_id", "create_time")
        )
        known_after["region"] = given["region"]
        super().__init__(
            IngressRuleProvider(), resource_name, {**given, **known_after}, opts
        )

    @classmethod
    def get(
        cls,
        resource_name: str,
        id: pulumi.Input[str],
        *,
        opts: pulumi.ResourceOptions | None = None,
        **arguments: Any,
    ) -> SecurityGroupIngressRule:
        """
        Read an existing rule by its `sgr-` ID, without managing it.
        """
        merged = pulumi.ResourceOptions.merge(opts, pulumi.ResourceOptions(id=id))
        return cls(resource_name, opts=merged, **arguments)


def _is_unknown(value: object) -> bool:
    return isinstance(value, pulumi.output.Unknown) or value == pulumi.UNKNOWN


def _plain(value: Any) -> Any:
    """
    Undo what the engine does to numbers: 1 arrives as 1.0.
    """
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return value


def _fill_in_region(inputs: dict[str, Any]) -> list[CheckFailure]:
    profile = inputs.get("profile")
    if _is_unknown(inputs.get("region")) or _is_unknown(profile):
        return []
    try:
        inputs["region"] = _process.connection("", str(profile or "")).region
    except ConfigurationError as error:
        return [CheckFailure("region", str(error))]
    return []


def _rule(properties: Mapping[str, Any]) -> IngressRule:
    return IngressRule.parse(
        {name: properties[name] for name in RULE_ARGUMENTS if name in properties}
    )


def _rule_id(properties: Mapping[str, Any]) -> str:
    return str(properties.get("security_group_rule_id") or "")


def _replaces(olds: Mapping[str, Any], news: Mapping[str, Any]) -> list[str]:
    """
    Name the arguments whose change ModifySecurityGroupRule refuses.

    It moves no rule to another group, region, NIC type or kind of source, swaps
    no port range for a port list, and empties nothing.
    """
    replaces = [
        name
        for name in ("security_group_id", "region", "nic_type")
        if _is_unknown(news.get(name))
        or _plain(news.get(name) or _default(name))
        != (olds.get(name) or _default(name))
    ]
    replaces += [
        name
        for name in RULE_ARGUMENTS
        if name not in EMPTIABLE
        and bool(olds.get(name)) != bool(news.get(name))
        and (olds.get(name) or name in SOURCES or name.startswith("port_range"))
    ]
    return replaces


def _default(name: str) -> str:
    return "intranet" if name == "nic_type" else ""


def _outputs(
    inputs: Mapping[str, Any], live: LiveRule, account_id: str
) -> dict[str, Any]:
    """
    All inputs and what ECS told; "" where unknown, as None does not round-trip.
    """
    return {
        **{name: inputs[name] for name in ARGUMENTS if inputs.get(name) is not None},
        "account_id": account_id,
        "security_group_rule_id": live.rule_id,
        "create_time": live.create_time,
    }


def _as_read(properties: Mapping[str, Any], live: IngressRule) -> dict[str, Any]:
    """
    The inputs that check would make, with the user's spelling where it holds.
    """
    inputs = {
        name: _plain(properties[name])
        for name in ARGUMENTS
        if properties.get(name) is not None
    }
    for name in _rule(properties).difference(live):
        value = getattr(live, name)
        if value == "" and name != "description":
            inputs.pop(name, None)
        else:
            inputs[name] = value
    return inputs
