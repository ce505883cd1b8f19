"""
The backend of the fake: finds the action of a request, carries it out, and answers.

Faults change the answer, and a ClientToken makes a write idempotent.
"""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable, Mapping
from contextvars import ContextVar
from dataclasses import dataclass, replace
from datetime import datetime

from alicloud_ingress.testing import groups, interfaces, reads, writes
from alicloud_ingress.testing.behaviour import Behaviour
from alicloud_ingress.testing.call import Call
from alicloud_ingress.testing.entries import spread_out
from alicloud_ingress.testing.errors import ConnectionDroppedError, FakeError, error_of
from alicloud_ingress.testing.faults import HTML, Fault, RateLimit, TokenBucket, taken
from alicloud_ingress.testing.gateway import (
    Gatekeeper,
    KeyPair,
    Reply,
    Request,
    access_key_id,
    answered,
)
from alicloud_ingress.testing.spelling import (
    AUTHORIZE,
    MODIFY,
    REVOKE,
    Rule,
    exchanged,
    outbound,
)
from alicloud_ingress.testing.state import ACCOUNT, NUMBERS, FakeGroup, Lag
from alicloud_ingress.testing.world import World, system_time
from alicloud_ingress.testing.writes import Answer

ECS = "2014-05-26"
STS = "2015-04-01"
_TOKEN = re.compile(r"[\x21-\x7e]{1,64}")


@dataclass(frozen=True, slots=True)
class Action:
    """
    The function of an action, and the version of the API that has it.
    """

    act: Callable[[Call], Answer]
    version: str = ECS
    writes: bool = False


def _egress(inbound: str, act: Callable[[Call], Answer]) -> Callable[[Call], Answer]:
    """
    The action for outbound rules that corresponds to one for inbound rules.
    """

    def acting(call: Call) -> Answer:
        parameters = exchanged(call.parameters)
        try:
            return act(
                replace(call, action=inbound, parameters=parameters, direction="egress")
            )
        except FakeError as error:
            raise outbound(error) from None

    return acting


ACTIONS = {
    "AuthorizeSecurityGroup": Action(writes.authorize, writes=True),
    "AuthorizeSecurityGroupEgress": Action(
        _egress(AUTHORIZE, writes.authorize), writes=True
    ),
    "RevokeSecurityGroup": Action(writes.revoke, writes=True),
    "RevokeSecurityGroupEgress": Action(_egress(REVOKE, writes.revoke), writes=True),
    "ModifySecurityGroupRule": Action(writes.modify, writes=True),
    "ModifySecurityGroupEgressRule": Action(
        _egress(MODIFY, writes.modify), writes=True
    ),
    "CreateSecurityGroup": Action(groups.create, writes=True),
    "DeleteSecurityGroup": Action(groups.delete, writes=True),
    "ModifySecurityGroupAttribute": Action(groups.modify, writes=True),
    "ModifySecurityGroupPolicy": Action(groups.modify_policy, writes=True),
    "DescribeRegions": Action(reads.regions),
    "DescribeSecurityGroupAttribute": Action(reads.describe),
    "DescribeSecurityGroups": Action(groups.groups),
    "DescribeSecurityGroupReferences": Action(groups.references),
    "DescribeNetworkInterfaces": Action(interfaces.interfaces),
    "DescribePrefixLists": Action(reads.prefix_lists),
    "DescribePrefixListAttributes": Action(reads.prefix_list),
    "DescribePortRangeLists": Action(reads.port_range_lists),
    "DescribePortRangeListEntries": Action(reads.port_range_list_entries),
    "GetCallerIdentity": Action(reads.caller_identity, STS),
}


def action_of(name: str, version: str) -> Action:
    """
    The action of this name.

    Raises:
        FakeError: no action has this name, or not in this version; "" is any version.
    """
    if not name:
        raise error_of("MissingAction") from None
    action = ACTIONS.get(name)
    if action is None:
        raise error_of("InvalidAction.NotFound")
    if version not in ("", action.version):
        raise error_of("InvalidApi.NotFound")
    return action


def carry_out(action: Action, call: Call) -> Answer:
    """
    Carry out the call. A write that is repeated with its ClientToken is not carried out
    again.

    Raises:
        FakeError: the call is refused.
    """
    token = call["ClientToken"]
    if not token or not action.writes:
        return action.act(call)
    if not _TOKEN.fullmatch(token):
        raise error_of("InvalidClientToken.ValueNotSupported")
    key = "/".join((call.account, call["RegionId"], call.action, token))
    before = call.state.tokens.get(key)
    if before is not None and before != call.parameters:
        raise error_of("IdempotentParameterMismatch")
    by_id = any(name.startswith("SecurityGroupRuleId.") for name in call.parameters)
    judged_anew = by_id and call.behaviour.repeated_revoke_is_judged_anew
    if before is None or judged_anew:
        answer = action.act(call)
        call.state.tokens[key] = dict(call.parameters)
        if answer:
            call.state.answers[key] = answer
        return answer
    return call.state.answers.get(key, {})


READING = ("Describe", "Get")
"""
Prefixes of the names of actions that change nothing.
"""
FRONT_ENDS = ContextVar("FRONT_ENDS", default=threading.Event())  # noqa: B039
"""
Set when the server of this thread ends; calls that wait are then dropped.
"""


@dataclass(frozen=True)
class FakeCall:
    """
    One call, and how it was answered.

    Args:
        action: "" if the request named none.
        parameters: without those of the gateway (signature, format).
        status: of the answer; 0 if the connection was dropped.
        code: of the error; "" for none.
        time: when it was answered, in seconds since 1970.
    """

    action: str
    parameters: Mapping[str, str]
    status: int
    code: str
    time: float = 0.0

    def to_json(self) -> dict[str, object]:
        """
        The fields by name, for files and the admin API.
        """
        return {
            "time": self.time,
            "action": self.action,
            "parameters": dict(self.parameters),
            "status": self.status,
            "code": self.code,
        }


class Backend(World):
    """
    Answers requests, in process or over HTTP.

    See `FakeEcs` for arguments and attributes.
    """

    def __init__(
        self,
        *,
        behaviour: Behaviour | None = None,
        latency_s: float = 0.0,
        clock: Callable[[], float] = time.monotonic,
        now: Callable[[], datetime] = system_time,
    ) -> None:
        super().__init__(behaviour or Behaviour(), now)
        self.latency_s = latency_s
        self.calls: list[FakeCall] = []
        self.accounts: dict[str, str] = {}
        self.logins: dict[str, str] = {}
        self.listeners: list[Callable[[FakeCall], object]] = []
        self._clock = clock
        self._faults: list[Fault] = []
        self._limits: dict[str, TokenBucket] = {}
        self._gatekeeper = Gatekeeper()

    @property
    def keys(self) -> dict[str, KeyPair]:
        """
        The known key pairs by access key ID. While there are none, any key is accepted.
        """
        return self._gatekeeper.keys

    def add_key(
        self,
        key_id: str,
        secret: str,
        *,
        account: str = ACCOUNT,
        security_token: str = "",
        expired: bool = False,
    ) -> None:
        """
        Add a key pair. From the first one on, every signature is verified.
        """
        with self._lock:
            self._gatekeeper.keys[key_id] = KeyPair(
                access_key_id=key_id,
                secret=secret,
                account=account,
                security_token=security_token,
                expired=expired,
            )

    def inject(self, *faults: Fault) -> None:
        """
        Apply these faults to later calls, in this order.
        """
        with self._lock:
            self._faults += faults

    @property
    def waiting_faults(self) -> tuple[Fault, ...]:
        """
        The faults that no call has met yet.
        """
        with self._lock:
            return tuple(self._faults)

    def forget_faults(self) -> None:
        """
        Remove the faults that no call has met yet, and all rate limits.
        """
        with self._lock:
            self._faults.clear()
            self._limits.clear()

    def fail_next(self, action: str, status: int, code: str, times: int = 1) -> None:
        """
        Answer the next calls of an action with an error, without any effect.
        """
        self.inject(replace(Fault.refused(action, status, code), times=times))

    def limit(self, limit: RateLimit) -> None:
        """
        Throttle an action by a token bucket; this replaces its former limit.
        """
        with self._lock:
            self._limits[limit.action] = TokenBucket(limit, self._clock)

    def handle(
        self,
        url: str,
        headers: Mapping[str, str],
        body: str,
        method: str = "POST",
    ) -> Reply:
        """
        Answer one HTTP request.

        Raises:
            ConnectionDroppedError: the connection must be closed without an answer.
        """
        return self.dated(self._undated(url, headers, body, method))

    def dated(self, reply: Reply) -> Reply:
        """
        The reply with a `Date` header, which shows the time of the fake.
        """
        return reply._replace(headers={**reply.headers, "date": self.http_date()})

    def _undated(
        self, url: str, headers: Mapping[str, str], body: str, method: str
    ) -> Reply:
        request = Request.read(method, url, headers, body)
        if len(url) > self.behaviour.longest_url:
            return _page(414)
        with self._lock:
            fault = taken(self._faults, request.action, request.parameters) or Fault()
        sleep_first = self.latency_s + (0 if fault.takes_effect else fault.delay_s)
        if sleep_first:
            _pause(sleep_first)
        with self._lock:
            reply = self._handle(request, fault)
        if fault.takes_effect and fault.delay_s:
            _pause(fault.delay_s)
        if reply is None:
            raise ConnectionDroppedError
        return reply

    def _handle(self, request: Request, fault: Fault) -> Reply | None:
        """
        Carry out the call, record it and return the reply; None for no reply.
        """
        if fault.edit:
            fault.edit(self)
        request_id = f"FAKE{NUMBERS.take():08d}-0000-4000-8000-000000000000"
        answer: Mapping[str, object] | FakeError = {}
        if fault.takes_effect or not fault.spoils:
            answer = self._answer(request, fault.lag)
        if fault.code:
            answer = FakeError(fault.status or 400, fault.code, fault.message)
        reply = answered(request, request_id, answer)
        code = answer.code if isinstance(answer, FakeError) else ""
        if fault.edit or not request.action.startswith(READING):
            for keep in self.keepers:
                keep()
        if fault.drop:
            self._write_down(request, 0, "")
            return None
        reply = _spoilt(reply, fault)
        self._write_down(request, reply.status, code)
        return reply

    def _write_down(self, request: Request, status: int, code: str) -> None:
        call = FakeCall(
            request.action, request.parameters, status, code, self.now().timestamp()
        )
        self.calls.append(call)
        for tell in self.listeners:
            tell(call)

    def _answer(self, request: Request, lag: int) -> Mapping[str, object] | FakeError:
        try:
            action = action_of(request.action, request.version)
            default = self.accounts.get(access_key_id(request), ACCOUNT)
            account = self._gatekeeper.account_of(request, self.now(), default)
            if request.action in self._limits:
                self._limits[request.action].take()
            parameters = request.parameters
            if self.behaviour.permissions_as_json:
                parameters = spread_out(parameters)
            call = self._call(request.action, parameters, account)
            group = self.groups.get(call["SecurityGroupId"])
            before = dict(group.rules) if group and lag else {}
            answer = carry_out(action, call)
        except FakeError as error:
            return error
        if group and lag:
            _lag_behind(group, before, lag)
        return answer

    def _call(self, action: str, parameters: Mapping[str, str], account: str) -> Call:
        return Call(
            action=action,
            parameters=parameters,
            account=account,
            state=self.state,
            behaviour=self.behaviour,
            now=self._timestamp(),
            logins=self.logins,
        )


def _pause(seconds: float) -> None:
    if FRONT_ENDS.get().wait(seconds):
        raise ConnectionDroppedError


def _lag_behind(group: FakeGroup, before: Mapping[str, Rule], describes: int) -> None:
    for rule_id in before.keys() | group.rules.keys():
        if before.get(rule_id) != group.rules.get(rule_id):
            group.lags[rule_id] = Lag(before.get(rule_id), describes)


def _spoilt(reply: Reply, fault: Fault) -> Reply:
    status, headers, body = reply
    if fault.body is not None:
        body, headers = fault.body, {"content-type": fault.content_type}
    if fault.retry_after:
        headers = {**headers, "x-acs-retry-after": str(fault.retry_after)}
    return Reply(fault.status or status, headers, body[: fault.keep])


def _page(status: int) -> Reply:
    return Reply(status, {"content-type": "text/html"}, HTML.format(status))
