"""
The calls of ECS that this package makes.

This module adds paging, ClientToken and a deadline. `gateway` sends one call, `retry`
repeats it, `responses` reads the response.
"""

from __future__ import annotations

import contextlib
import importlib
import json
import threading
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import NoReturn, TypeVar

from alicloud_ingress.ecs import responses
from alicloud_ingress.ecs.batching import MAX_ENTRIES
from alicloud_ingress.ecs.config import Connection
from alicloud_ingress.ecs.gateway import STS_VERSION, Gateway
from alicloud_ingress.ecs.reactions import OUTCOME_UNKNOWN, before_sending
from alicloud_ingress.ecs.responses import Answer, ListedGroup, NetworkInterface
from alicloud_ingress.ecs.retry import retried
from alicloud_ingress.ecs.sharing import Once
from alicloud_ingress.ecs.signed_request import ApiCall
from alicloud_ingress.errors import (
    EcsError,
    NoAnswerError,
    PermissionRefusedError,
    RuleIdNotValidError,
    RuleNotFoundError,
    WrongAccountError,
)
from alicloud_ingress.rules.live import LiveGroup, LiveRule
from alicloud_ingress.rules.rule import IngressRule

RULES_PER_PAGE = 1_000
INTERFACES_PER_PAGE = 500
MAX_PAGES = 1_000
ACCOUNT_TIMEOUT_S = 20.0
"""
How long a call of STS for the account ID may take. Rules can be created without it.
"""
_Result = TypeVar("_Result")


def warm_up() -> None:
    """
    Import the HTTP client on another thread, so that the first call does not wait.
    """

    def quietly() -> None:
        with contextlib.suppress(Exception):  # the first call reports it
            importlib.import_module("alicloud_ingress.ecs.transport")

    threading.Thread(target=quietly, name="import-transport", daemon=True).start()


class EcsClient:
    """
    The calls of one account in one region; threads may share it.

    All calls are retried with the same ClientToken after throttling, faults of the
    service and failed connections. A call without an answer is retried if a repetition
    is harmless. Authorize and Revoke by attributes raise `NoAnswerError` instead,
    because only a read of the group shows what happened.

    Args:
        connection: endpoint and credentials.
        account: the account ID, shared by the clients of the same credentials.
    """

    def __init__(
        self, connection: Connection, account: Once[str] | None = None
    ) -> None:
        self._connection = connection
        self._gateway = Gateway(connection)
        self._account = account or Once()

    def __repr__(self) -> str:
        return f"EcsClient(region={self._connection.region!r})"

    def __reduce__(self) -> NoReturn:
        raise TypeError("an EcsClient holds a secret and must not be pickled")

    def describe(self, group_id: str) -> LiveGroup:
        """
        Read all inbound rules of a group, all pages.

        Raises:
            GroupNotFoundError: the group does not exist in this account and region.
            NoAnswerError: no complete answer came before the deadline.
        """
        head, rules = self._rules(group_id)
        vpc_id = str(head.get("VpcId") or "")
        if not vpc_id:
            # In the classic network, ECS returns the rules of one NIC type at a time.
            known = {live.rule_id for live in rules if live.rule_id}
            _, more = self._rules(group_id, NicType="intranet")
            rules += [live for live in more if live.rule_id not in known]
        return LiveGroup(
            group_id,
            self._connection.region,
            vpc_id,
            tuple(rules),
            responses.server_time(head),
            str(head.get("SecurityGroupName") or ""),
            str(head.get("InnerAccessPolicy") or ""),
            responses.answered_s(head),
        )

    def authorize(self, group_id: str, rules: Sequence[IngressRule]) -> None:
        """
        Add up to 100 rules. ECS reports success for a rule that exists.

        Raises:
            NoAnswerError: the outcome is unknown, also if a fault of ECS is followed by
                a refusal. Read the group, then call again.
        """
        action = "AuthorizeSecurityGroup"
        self._write(action, group_id, _permissions(rules), not_retried=NoAnswerError)

    def revoke_by_attributes(self, group_id: str, rules: Sequence[IngressRule]) -> None:
        """
        Delete up to 100 rules by their attributes. ECS reports success if none matches.

        Raises:
            NoAnswerError: the outcome is unknown, also if a fault of ECS is followed by
                a refusal. Read the group, then call again.
        """
        action = "RevokeSecurityGroup"
        self._write(action, group_id, _permissions(rules), not_retried=NoAnswerError)

    def revoke_by_id(self, group_id: str, rule_ids: Sequence[str]) -> None:
        """
        Delete up to 100 rules by ID. A success is reliable.

        "Not found" after a call without an answer means that the call took effect.

        Raises:
            NoAnswerError: the outcome is unknown, also if a fault of ECS or a missing
                answer is followed by another refusal.
        """
        named = list(dict.fromkeys(rule_ids))
        _require_few(named)
        ids = _numbered("SecurityGroupRuleId", named)
        try:
            self._write("RevokeSecurityGroup", group_id, ids)
        except NoAnswerError as error:
            match error.__cause__:
                case RuleNotFoundError() if len(named) == 1:
                    return
                case RuleNotFoundError() | RuleIdNotValidError() as refusal:
                    raise refusal from None
                case _:
                    raise

    def modify(self, group_id: str, rule_id: str, rule: IngressRule) -> None:
        """
        Change a rule by ID. All fields are sent, except the NIC type, which is fixed.

        Raises:
            NoAnswerError: the outcome is unknown, also if a fault of ECS or a missing
                answer is followed by a refusal.
        """
        fields = {k: v for k, v in rule.to_permission().items() if k != "NicType"}
        fields["SecurityGroupRuleId"] = rule_id
        self._write("ModifySecurityGroupRule", group_id, fields)

    def describe_groups(
        self, group_ids: Sequence[str] = (), *, vpc_id: str = ""
    ) -> Iterator[ListedGroup]:
        """
        List the groups of the region, or those of *group_ids* that exist.

        Pages are read one at a time, so that thousands of groups need little memory.

        Args:
            group_ids: of groups; none for all.
            vpc_id: only groups of this VPC; "" for all.
        """
        named = list(dict.fromkeys(group_ids))
        for start in range(0, max(len(named), 1), MAX_ENTRIES):
            batch = named[start : start + MAX_ENTRIES]
            parameters = {"MaxResults": str(MAX_ENTRIES)}
            if batch:
                parameters["SecurityGroupIds"] = json.dumps(batch)
            if vpc_id:
                parameters["VpcId"] = vpc_id
            action = "DescribeSecurityGroups"
            for _, groups in self._pages(action, parameters, responses.groups):
                yield from groups

    def group_exists(self, group_id: str) -> bool:
        """
        Whether the group exists, by DescribeSecurityGroups.
        """
        return any(g.group_id == group_id for g in self.describe_groups([group_id]))

    def network_interfaces(self, vpc_id: str) -> tuple[NetworkInterface, ...]:
        """
        List the interfaces of a VPC, to the last page, by their IDs.

        They are asked for by VPC and not by group: the filter by group is documented
        to leave primary interfaces out.

        Raises:
            NoAnswerError: no whole answer came until the deadline.
        """

        def read(action: str, answer: Answer) -> list[NetworkInterface]:
            return responses.network_interfaces(action, answer, vpc_id)

        parameters = {"VpcId": vpc_id, "MaxResults": str(INTERFACES_PER_PAGE)}
        pages = self._pages("DescribeNetworkInterfaces", parameters, read, place=vpc_id)
        found = {each.interface_id: each for _, page in pages for each in page}
        return tuple(found[each] for each in sorted(found))

    def existing_prefix_lists(self, prefix_list_ids: Sequence[str]) -> frozenset[str]:
        """
        Those of these prefix lists that exist, by ID.
        """
        named = list(dict.fromkeys(prefix_list_ids))
        found: set[str] = set()
        for start in range(0, len(named), MAX_ENTRIES):
            batch = _numbered("PrefixListId", named[start : start + MAX_ENTRIES])
            parameters = {"MaxResults": str(MAX_ENTRIES), **batch}
            action = "DescribePrefixLists"
            for _, page in self._pages(action, parameters, responses.prefix_lists):
                found.update(page)
        return frozenset(found.intersection(named))

    def list_entries(self, list_id: str) -> tuple[str, ...]:
        """
        The blocks of a prefix list (`pl-`), or the ranges of a port list (`prl-`).
        """
        if list_id.startswith("prl-"):
            action, parameter = "DescribePortRangeListEntries", "PortRangeListId"
        else:
            action, parameter = "DescribePrefixListAttributes", "PrefixListId"
        parameters = {parameter: list_id}
        pages = self._pages(action, parameters, responses.list_entries, place=list_id)
        return tuple(entry for _, page in pages for entry in page)

    def account_id(self, on_ask: Callable[[], object] = lambda: None) -> str:
        """
        The account of the credentials, asked for once; "" if STS refuses.

        Args:
            on_ask: called before STS is asked.
        """

        def ask() -> str:
            on_ask()
            return self._ask_account()

        return self._account.get(ask)

    def check_account(self) -> None:
        """
        Compare the account with `alicloud:accountId`, if that is set.

        Each write does so before it is sent.

        Raises:
            WrongAccountError: they differ.
            UnreachableError: STS sent no answer.
        """
        expected = self._connection.expected_account_id
        if not expected:
            return
        with before_sending():
            account_id = self.account_id()
        if account_id and account_id != expected:
            raise WrongAccountError(
                f"the credentials ({self._connection.credentials.source}) belong to"
                f" account {account_id}, but alicloud:accountId expects {expected}:"
                " nothing was changed; correct one of the two"
            )

    def _ask_account(self) -> str:
        call = ApiCall("GetCallerIdentity", {}, STS_VERSION)
        send = partial(self._gateway.send, call)
        timeout_s = min(self._connection.timeout_s, ACCOUNT_TIMEOUT_S)
        try:
            return str(retried(call.words, send, timeout_s).get("AccountId") or "")
        except PermissionRefusedError:
            return ""

    def _rules(self, group_id: str, **more: str) -> tuple[Answer, list[LiveRule]]:
        """
        The last page of a response about a group, and the inbound rules of all pages.
        """
        action = "DescribeSecurityGroupAttribute"
        parameters = {
            "SecurityGroupId": group_id,
            "Direction": "ingress",
            "MaxResults": str(RULES_PER_PAGE),
            **more,
        }
        answer: Answer = {}
        rules: list[LiveRule] = []
        known: set[str] = set()

        def read(action: str, answer: Answer) -> list[LiveRule]:
            return responses.rules(action, answer, group_id)

        for answer, page in self._pages(action, parameters, read, group_id):
            ids = {live.rule_id for live in page if live.rule_id}
            if ids and ids <= known:
                raise responses.broken(action, answer, "a page came twice")
            rules += [live for live in page if live.rule_id not in known]
            known |= ids
        return answer, rules

    def _pages(
        self,
        action: str,
        parameters: Mapping[str, str],
        read: Callable[[str, Answer], list[_Result]],
        place: str = "",
    ) -> Iterator[tuple[Answer, list[_Result]]]:
        """
        All pages. A page that cannot be read is requested again.
        """
        token = ""
        seen: set[str] = set()
        for _ in range(MAX_PAGES):
            where = {"RegionId": self._connection.region}
            if token:
                where["NextToken"] = token
            call = ApiCall(action, {**where, **parameters}, place=self._place(place))
            answer, page = self._read(call, read)
            yield answer, page
            token = str(answer.get("NextToken") or "")
            if not token:
                return
            if token in seen:
                raise responses.broken(action, answer, "a page came twice")
            seen.add(token)
        raise NoAnswerError(action, "BrokenAnswer", f"more than {MAX_PAGES} pages")

    def _read(
        self, call: ApiCall, read: Callable[[str, Answer], list[_Result]]
    ) -> tuple[Answer, list[_Result]]:
        def send(remaining_s: float, attempt: int) -> tuple[Answer, list[_Result]]:
            answer = self._gateway.send(call, remaining_s, attempt)
            return answer, read(call.action, answer)

        return retried(call.words, send, self._connection.timeout_s)

    def _place(self, group_id: str) -> str:
        region = self._connection.region
        return f"{group_id} in {region}" if group_id else region

    def _write(
        self,
        action: str,
        group_id: str,
        parameters: Mapping[str, str],
        not_retried: type[EcsError] | None = None,
    ) -> None:
        """
        Change the group, with one ClientToken for all attempts. Once the outcome is
        unknown, a later refusal does not settle it.
        """
        self.check_account()
        where = {"RegionId": self._connection.region, "SecurityGroupId": group_id}
        token = {"ClientToken": str(uuid.uuid4())}
        parameters = {**where, **token, **parameters}
        call = ApiCall(action, parameters, place=self._place(group_id))
        is_unknown = False

        def send(remaining_s: float, attempt: int) -> None:
            nonlocal is_unknown
            try:
                self._gateway.send(call, remaining_s, attempt)
            except OUTCOME_UNKNOWN:
                is_unknown = True
                raise

        try:
            retried(call.words, send, self._connection.timeout_s, not_retried)
        except EcsError as error:
            if not is_unknown or isinstance(error, OUTCOME_UNKNOWN):
                raise
            raise NoAnswerError(
                error.action, error.code, error.detail, error.request_id, error.place
            ) from error


def _permissions(rules: Sequence[IngressRule]) -> dict[str, str]:
    unique = list(dict.fromkeys(rules))  # ECS refuses duplicates
    _require_few(unique)
    return {
        f"Permissions.{number}.{name}": value
        for number, rule in enumerate(unique, 1)
        for name, value in rule.to_permission().items()
    }


def _numbered(name: str, values: Sequence[str]) -> dict[str, str]:
    return {f"{name}.{number}": value for number, value in enumerate(values, 1)}


def _require_few(entries: Sequence[object]) -> None:
    if not 0 < len(entries) <= MAX_ENTRIES:
        raise ValueError(f"{len(entries)} entries; one call takes 1 to {MAX_ENTRIES}")
