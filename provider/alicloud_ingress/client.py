"""
The only module that speaks to ECS, and the only one that knows the SDK.

It goes through the SDK's own client, yet reads the raw answer: the SDK's models
take a broken one for "no rules". Retries are ours, since the SDK makes none by
default. The SDK is imported when the first call is made (it takes half a second).
"""

from __future__ import annotations

import os
import threading
import urllib.parse
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NoReturn, TypeVar

import stamina

from alicloud_ingress.codes import of_code
from alicloud_ingress.config import Connection
from alicloud_ingress.errors import (
    EcsError,
    NoAnswerError,
    PermissionRefusedError,
    RuleNotFoundError,
    ServiceFaultError,
    ThrottledError,
)
from alicloud_ingress.live import LiveGroup, LiveRule
from alicloud_ingress.rule import IngressRule

ECS_VERSION = "2014-05-26"
STS_VERSION = "2015-04-01"
URL_LIMIT = 6_000
"""
Bytes of parameters beyond which they go as a form: a long URL is answered with
414 and an HTML body. The gateway's own limit is not documented.
"""

_Answer = TypeVar("_Answer")
_REFUSED_AND_RETRIED = (ThrottledError, ServiceFaultError)


@dataclass(frozen=True, slots=True)
class _Call:
    action: str
    parameters: Mapping[str, Any]
    version: str = ECS_VERSION


class EcsClient:
    """
    The calls of one account in one region.

    Throttling and faults of the service are retried in all calls, with the same
    ClientToken. A call that got no answer is retried where that is harmless;
    Authorize and Revoke by attributes raise `NoAnswerError` instead, because only
    a look at the group tells what happened.

    Args:
        connection: where to call, and as whom.
    """

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._sdk_lock = threading.Lock()
        self._sdk: Any = None
        self._account_lock = threading.Lock()
        self._account: str | None = None

    def __repr__(self) -> str:
        return f"EcsClient(region={self._connection.region!r})"

    def __reduce__(self) -> NoReturn:
        raise TypeError("an EcsClient holds a secret and is not to be pickled")

    def describe(self, group_id: str) -> LiveGroup:
        """
        Read all inbound rules of a group, to the last page.

        Raises:
            GroupNotFoundError: there is no such group in account and region.
            NoAnswerError: no whole answer came until the deadline.
        """
        return self._retried(lambda: self._pages(group_id), NoAnswerError)

    def authorize(self, group_id: str, rules: Sequence[IngressRule]) -> None:
        """
        Add rules; one that exists already is a silent success of ECS.
        """
        self._write("AuthorizeSecurityGroup", group_id, _permissions(rules))

    def revoke_by_attributes(self, group_id: str, rules: Sequence[IngressRule]) -> None:
        """
        Remove rules by all that names them; no match is a silent success of ECS.
        """
        self._write("RevokeSecurityGroup", group_id, _permissions(rules))

    def revoke_by_id(self, group_id: str, rule_ids: Sequence[str]) -> None:
        """
        Remove rules by ID; a 200 is proof.

        "Not there" after a call that got no answer means that the call worked.
        """
        named = {f"SecurityGroupRuleId.{n}": id_ for n, id_ in enumerate(rule_ids, 1)}
        call = self._group_call("RevokeSecurityGroup", group_id, named)
        silent = False

        def send() -> None:
            nonlocal silent
            try:
                self._send(call)
            except NoAnswerError:
                silent = True
                raise
            except RuleNotFoundError:
                if not silent or len(rule_ids) > 1:
                    raise

        self._retried(send, NoAnswerError)

    def modify(self, group_id: str, rule_id: str, rule: IngressRule) -> None:
        """
        Change a rule by ID, sending all of its fields; its NIC type is fixed.
        """
        fields = rule.to_permission()
        del fields["NicType"]
        call = self._group_call(
            "ModifySecurityGroupRule",
            group_id,
            {**fields, "SecurityGroupRuleId": rule_id},
        )
        self._retried(lambda: self._send(call), NoAnswerError)

    def group_exists(self, group_id: str) -> bool:
        """
        Ask DescribeSecurityGroups, which answers an unknown ID with an empty list.
        """
        call = _Call(
            "DescribeSecurityGroups",
            {"RegionId": self._connection.region, "SecurityGroupId": group_id},
        )
        answer = self._retried(lambda: self._send(call), NoAnswerError)
        groups = answer.get("SecurityGroups")
        return bool(groups["SecurityGroup"] if isinstance(groups, dict) else groups)

    def account_id(self) -> str:
        """
        The account of the credentials, asked once; "" where STS refuses to tell.
        """
        with self._account_lock:
            if self._account is None:
                self._account = self._ask_account()
            return self._account

    def _ask_account(self) -> str:
        call = _Call("GetCallerIdentity", {}, STS_VERSION)
        try:
            answer = self._retried(lambda: self._send(call), NoAnswerError)
        except PermissionRefusedError:
            return ""
        return str(answer.get("AccountId") or "")

    def _write(
        self,
        action: str,
        group_id: str,
        parameters: Mapping[str, str],
    ) -> None:
        call = self._group_call(action, group_id, parameters)
        self._retried(lambda: self._send(call))

    def _group_call(
        self,
        action: str,
        group_id: str,
        parameters: Mapping[str, str],
    ) -> _Call:
        return _Call(
            action,
            {
                "RegionId": self._connection.region,
                "SecurityGroupId": group_id,
                "ClientToken": str(uuid.uuid4()),
                **parameters,
            },
        )

    def _retried(self, call: Callable[[], _Answer], *more: type[EcsError]) -> _Answer:
        for attempt in stamina.retry_context(
            on=(*_REFUSED_AND_RETRIED, *more),
            attempts=None,
            timeout=self._connection.timeout_s,
            wait_initial=0.2,
            wait_max=20.0,
        ):
            with attempt:
                return call()
        raise AssertionError("stamina either returns or raises")

    def _pages(self, group_id: str) -> LiveGroup:
        rules: list[LiveRule] = []
        vpc_id = ""
        for page in self._pages_of(group_id, ""):
            vpc_id = str(page.get("VpcId") or "")
            rules += _rules(page)
        if not vpc_id:
            # A classic network answers for one kind of interface at a time.
            for page in self._pages_of(group_id, "intranet"):
                known = {live.rule_id for live in rules if live.rule_id}
                rules += [live for live in _rules(page) if live.rule_id not in known]
        return LiveGroup(group_id, self._connection.region, vpc_id, tuple(rules))

    def _pages_of(self, group_id: str, nic_type: str) -> list[Mapping[str, Any]]:
        """
        All pages for one NIC type; one that is not whole is no answer at all.
        """
        action = "DescribeSecurityGroupAttribute"
        parameters: dict[str, Any] = {
            "RegionId": self._connection.region,
            "SecurityGroupId": group_id,
            "Direction": "ingress",
            "MaxResults": 1000,
        }
        if nic_type:
            parameters["NicType"] = nic_type
        pages: list[Mapping[str, Any]] = []
        seen: set[str] = set()
        while True:
            page = self._send(_Call(action, parameters))
            _require_whole(action, page, group_id)
            pages.append(page)
            token = str(page.get("NextToken") or "")
            if not token:
                return pages
            if token in seen:
                raise NoAnswerError(action, "BrokenAnswer", "a page came twice")
            seen.add(token)
            parameters = {**parameters, "NextToken": token}

    def _send(self, call: _Call) -> Mapping[str, Any]:
        """
        One attempt: the body of the answer, or one of our errors.
        """
        from Tea.exceptions import TeaException

        try:
            answer = self._client().call_api(*self._request(call))
        except TeaException as error:
            translated = _translated(call.action, error)
        except Exception as error:  # the SDK raises builtins for broken bodies
            translated = NoAnswerError(call.action, "NoAnswer", type(error).__name__)
        else:
            return _body(call.action, answer)
        raise translated from None

    def _request(self, call: _Call) -> tuple[Any, Any, Any]:
        from alibabacloud_tea_openapi.utils_models import OpenApiRequest, Params
        from darabonba.runtime import RuntimeOptions

        as_form = len(urllib.parse.urlencode(call.parameters)) > URL_LIMIT
        request = (
            OpenApiRequest(body=dict(call.parameters))
            if as_form
            else OpenApiRequest(
                query={name: str(value) for name, value in call.parameters.items()}
            )
        )
        if call.version == STS_VERSION and not self._connection.on_loopback:
            request.endpoint_override = f"sts.{self._connection.region}.aliyuncs.com"
        params = Params(
            action=call.action,
            version=call.version,
            protocol=self._connection.protocol.upper(),
            pathname="/",
            method="POST",
            auth_type="AK",
            style="RPC",
            req_body_type="formData",
            body_type="json",
        )
        runtime = RuntimeOptions(
            connect_timeout=self._connection.connect_timeout_ms,
            read_timeout=self._connection.read_timeout_ms,
        )
        return params, request, runtime

    def _client(self) -> Any:
        with self._sdk_lock:
            if self._sdk is None:
                self._sdk = _sdk_client(self._connection)
            return self._sdk


def _sdk_client(connection: Connection) -> Any:
    # With DEBUG=sdk the SDK prints each request, its signature and token included.
    if os.environ.get("DEBUG") == "sdk":
        del os.environ["DEBUG"]
    if connection.on_loopback:
        # The SDK ignores NO_PROXY, even for this very machine.
        for name in ("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy"):
            os.environ.pop(name, None)
    from alibabacloud_ecs20140526.client import Client
    from alibabacloud_tea_openapi.utils_models import Config

    settings = Config(
        region_id=connection.region,
        protocol=connection.protocol,
        user_agent="pulumi-alicloud-ingress",
    )
    if connection.endpoint:
        settings.endpoint = connection.endpoint
    credentials = connection.credentials
    if credentials.kind in ("access_key", "sts"):
        settings.access_key_id = credentials.access_key_id
        settings.access_key_secret = credentials.access_key_secret
        settings.security_token = credentials.security_token or None
    else:
        settings.credential = _credential_client(credentials.kind, credentials.name)
    return Client(settings)


def _credential_client(kind: str, name: str) -> Any:
    from alibabacloud_credentials.client import Client
    from alibabacloud_credentials.models import Config

    if kind == "default":
        return Client()
    if kind == "ecs_ram_role":
        return Client(Config(type=kind, role_name=name))
    return Client(Config(type=kind, credentials_uri=name))


def _permissions(rules: Sequence[IngressRule]) -> dict[str, str]:
    return {
        f"Permissions.{number}.{name}": value
        for number, rule in enumerate(rules, 1)
        for name, value in rule.to_permission().items()
    }


def _rules(page: Mapping[str, Any]) -> list[LiveRule]:
    return [
        LiveRule(
            IngressRule.from_permission(permission),
            str(permission.get("SecurityGroupRuleId") or ""),
            str(permission.get("CreateTime") or ""),
        )
        for permission in page["Permissions"]["Permission"]
        if permission.get("Direction", "ingress") == "ingress"
    ]


def _require_whole(action: str, page: Mapping[str, Any], group_id: str) -> None:
    permissions = page.get("Permissions")
    entries = permissions.get("Permission") if isinstance(permissions, dict) else None
    whole = (
        page.get("RequestId")
        and page.get("SecurityGroupId") == group_id
        and isinstance(entries, list)
        and all(isinstance(entry, dict) for entry in entries)
    )
    if not whole:
        raise NoAnswerError(
            action,
            "BrokenAnswer",
            f"the answer for {group_id} is not whole, so it says nothing of its rules",
            str(page.get("RequestId") or ""),
        )


def _body(action: str, answer: Any) -> Mapping[str, Any]:
    body = answer.get("body") if isinstance(answer, dict) else None
    if not isinstance(body, dict) or not body.get("RequestId"):
        raise NoAnswerError(action, "BrokenAnswer", "the answer is not whole")
    if body.get("Code"):
        raise of_code(
            action, str(body["Code"]), str(body.get("Message")), str(body["RequestId"])
        )
    return body


def _translated(action: str, error: Any) -> EcsError:
    """
    Our error for one of the SDK's, without its payload.
    """
    code = getattr(error, "code", None)
    if not code:
        return NoAnswerError(action, "NoAnswer", "no answer that can be read came")
    data = getattr(error, "data", None) or {}
    detail = str(data.get("Message") or "no message")[:256]
    request_id = str(data.get("RequestId") or "")
    translated = of_code(action, str(code), detail, request_id)
    status = getattr(error, "status_code", None) or getattr(error, "statusCode", None)
    if type(translated) is EcsError and isinstance(status, int) and status >= 500:
        return ServiceFaultError(action, str(code), detail, request_id)
    return translated
