"""
The calls of ECS that this package makes, and what is done when one fails.

Paging, ClientToken and the deadline are ours, since the SDK has none of them by
default; `sdk` sends, `retry` sends again, `responses` reads.
"""

from __future__ import annotations

import contextlib
import json
import threading
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import NoReturn, TypeVar

from alicloud_ingress.ecs import responses
from alicloud_ingress.ecs.batching import MAX_ENTRIES
from alicloud_ingress.ecs.config import Connection
from alicloud_ingress.ecs.group_listing import ListedGroup
from alicloud_ingress.ecs.reactions import OUTCOME_UNKNOWN
from alicloud_ingress.ecs.responses import Answer
from alicloud_ingress.ecs.retry import retried
from alicloud_ingress.ecs.sdk import STS_VERSION, Call, Sdk, import_sdk
from alicloud_ingress.errors import (
    EcsError,
    NoAnswerError,
    PermissionRefusedError,
    RuleNotFoundError,
    WrongAccountError,
)
from alicloud_ingress.rules.live import LiveGroup, LiveRule
from alicloud_ingress.rules.rule import IngressRule

RULES_PER_PAGE = 1_000
MAX_PAGES = 1_000
ACCOUNT_TIMEOUT_S = 20.0
"""
How long STS may take to name the account. It is another service than ECS, and rules
can be created without it.
"""
_Result = TypeVar("_Result")


def warm_up() -> None:
    """
    Import the SDK on another thread, so that the first call need not wait for it.
    """

    def quietly() -> None:
        with contextlib.suppress(Exception):  # the first call meets it, and tells
            import_sdk()

    threading.Thread(target=quietly, name="import-sdk", daemon=True).start()


class EcsClient:
    """
    The calls of one account in one region; threads may share it.

    Throttling, faults of the service and connections that fail are retried in all
    calls, with the same ClientToken. A call that got no answer is retried where
    that is harmless; Authorize and Revoke by attributes raise `NoAnswerError`
    instead, because only a look at the group tells what happened.

    Args:
        connection: where to call, and as whom.
    """

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._sdk = Sdk(connection)
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
        head, rules = self._rules(group_id)
        vpc_id = str(head.get("VpcId") or "")
        if not vpc_id:
            # A classic network answers for one kind of interface at a time.
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
        )

    def authorize(self, group_id: str, rules: Sequence[IngressRule]) -> None:
        """
        Add up to 100 rules; one that exists already is a silent success of ECS.

        Raises:
            NoAnswerError: it is open whether ECS acted; look, then call again. So it
                is where a fault of ECS is followed by a refusal.
        """
        call = self._write("AuthorizeSecurityGroup", group_id, _permissions(rules))
        self._keeping_unknown_outcome(call, but=NoAnswerError)

    def revoke_by_attributes(self, group_id: str, rules: Sequence[IngressRule]) -> None:
        """
        Remove up to 100 rules by all that names them; no match is a silent success.

        Raises:
            NoAnswerError: it is open whether ECS acted; look, then call again.
        """
        call = self._write("RevokeSecurityGroup", group_id, _permissions(rules))
        self._asked(call, but=NoAnswerError)

    def revoke_by_id(self, group_id: str, rule_ids: Sequence[str]) -> None:
        """
        Remove up to 100 rules by ID; a 200 is proof.

        "Not there" after a call that got no answer means that the call worked.
        """
        named = list(dict.fromkeys(rule_ids))
        _require_few(named)
        call = self._write(
            "RevokeSecurityGroup", group_id, _numbered("SecurityGroupRuleId", named)
        )
        silent = False

        def send(left_s: float, attempt: int) -> None:
            nonlocal silent
            try:
                self._sdk.send(call, left_s, attempt)
            except NoAnswerError:
                silent = True
                raise
            except RuleNotFoundError:
                if not silent or len(named) > 1:
                    raise

        retried(call.words, send, self._connection.timeout_s)

    def modify(self, group_id: str, rule_id: str, rule: IngressRule) -> None:
        """
        Change a rule by ID, sending all of its fields; its NIC type is fixed.

        Raises:
            NoAnswerError: it is open whether ECS acted. So it is where a fault or
                silence is followed by a refusal.
        """
        fields = {k: v for k, v in rule.to_permission().items() if k != "NicType"}
        fields["SecurityGroupRuleId"] = rule_id
        self._keeping_unknown_outcome(
            self._write("ModifySecurityGroupRule", group_id, fields)
        )

    def describe_groups(self, group_ids: Sequence[str] = ()) -> Iterator[ListedGroup]:
        """
        List the groups of the region, or those of *group_ids* that are there.

        They come page by page, so that thousands need no memory.
        """
        named = list(dict.fromkeys(group_ids))
        for start in range(0, max(len(named), 1), MAX_ENTRIES):
            batch = named[start : start + MAX_ENTRIES]
            parameters = {"MaxResults": str(MAX_ENTRIES)}
            if batch:
                parameters["SecurityGroupIds"] = json.dumps(batch)
            action = "DescribeSecurityGroups"
            for _, groups in self._pages(action, parameters, responses.groups):
                yield from groups

    def group_exists(self, group_id: str) -> bool:
        """
        Ask DescribeSecurityGroups, which answers an unknown ID with an empty list.
        """
        return any(g.group_id == group_id for g in self.describe_groups([group_id]))

    def existing_prefix_lists(self, prefix_list_ids: Sequence[str]) -> frozenset[str]:
        """
        Those of these prefix lists that are there, by ID.
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
        kind = "PortRangeList" if list_id.startswith("prl-") else "PrefixList"
        action = (
            "DescribePortRangeListEntries"
            if kind == "PortRangeList"
            else "DescribePrefixListAttributes"
        )
        parameters = {f"{kind}Id": list_id}
        pages = self._pages(action, parameters, responses.list_entries, place=list_id)
        return tuple(entry for _, page in pages for entry in page)

    def account_id(self) -> str:
        """
        The account of the credentials, asked once; "" where STS refuses to tell.
        """
        with self._account_lock:
            if self._account is None:
                self._account = self._ask_account()
            return self._account

    def check_account(self) -> None:
        """
        Compare the account with the one that `alicloud:accountId` expects.

        Every write does so by itself, before it is sent; nothing is asked where
        none is expected.

        Raises:
            WrongAccountError: it is another one.
        """
        expected = self._connection.expected_account_id
        if not expected:
            return
        asking = self.account_id()
        if asking and asking != expected:
            raise WrongAccountError(
                f"the credentials in use ({self._connection.credentials.source}) are of"
                f" account {asking}, and alicloud:accountId expects {expected}: nothing"
                " was changed. Correct one of the two"
            )

    def _ask_account(self) -> str:
        call = Call("GetCallerIdentity", {}, STS_VERSION)
        timeout_s = min(self._connection.timeout_s, ACCOUNT_TIMEOUT_S)

        def send(left_s: float, attempt: int) -> Answer:
            return self._sdk.send(call, left_s, attempt)

        try:
            return str(retried(call.words, send, timeout_s).get("AccountId") or "")
        except PermissionRefusedError:
            return ""

    def _rules(self, group_id: str, **more: str) -> tuple[Answer, list[LiveRule]]:
        """
        The last page of an answer about a group, and the inbound rules of all pages.
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
        All pages, each asked again until it can be read.
        """
        token = ""
        seen: set[str] = set()
        for _ in range(MAX_PAGES):
            where = {"RegionId": self._connection.region}
            if token:
                where["NextToken"] = token
            call = Call(action, {**where, **parameters}, place=self._place(place))
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
        self, call: Call, read: Callable[[str, Answer], list[_Result]]
    ) -> tuple[Answer, list[_Result]]:
        def send(left_s: float, attempt: int) -> tuple[Answer, list[_Result]]:
            answer = self._sdk.send(call, left_s, attempt)
            return answer, read(call.action, answer)

        return retried(call.words, send, self._connection.timeout_s)

    def _write(self, action: str, group_id: str, parameters: Mapping[str, str]) -> Call:
        """
        A call that changes the group, its ClientToken for all of its attempts.
        """
        self.check_account()
        where = {"RegionId": self._connection.region, "SecurityGroupId": group_id}
        token = {"ClientToken": str(uuid.uuid4())}
        return Call(
            action, {**where, **token, **parameters}, place=self._place(group_id)
        )

    def _place(self, group_id: str) -> str:
        region = self._connection.region
        return f"{group_id} in {region}" if group_id else region

    def _asked(self, call: Call, but: type[EcsError] | None = None) -> Answer:
        def send(left_s: float, attempt: int) -> Answer:
            return self._sdk.send(call, left_s, attempt)

        return retried(call.words, send, self._connection.timeout_s, but)

    def _keeping_unknown_outcome(
        self, call: Call, but: type[EcsError] | None = None
    ) -> None:
        """
        Ask what cannot be told by asking again: once it is open whether ECS acted,
        a refusal does not settle it.
        """
        is_open = False

        def send(left_s: float, attempt: int) -> None:
            nonlocal is_open
            try:
                self._sdk.send(call, left_s, attempt)
            except OUTCOME_UNKNOWN:
                is_open = True
                raise

        try:
            retried(call.words, send, self._connection.timeout_s, but)
        except EcsError as error:
            if not is_open or isinstance(error, OUTCOME_UNKNOWN):
                raise
            raise NoAnswerError(
                error.action, error.code, error.detail, error.request_id, error.place
            ) from error


def _permissions(rules: Sequence[IngressRule]) -> dict[str, str]:
    """
    The rules as parameters, each one once: ECS refuses one that comes twice.
    """
    different = list(dict.fromkeys(rules))
    _require_few(different)
    return {
        f"Permissions.{number}.{name}": value
        for number, rule in enumerate(different, 1)
        for name, value in rule.to_permission().items()
    }


def _numbered(name: str, values: Sequence[str]) -> dict[str, str]:
    return {f"{name}.{number}": value for number, value in enumerate(values, 1)}


def _require_few(entries: Sequence[object]) -> None:
    if not 0 < len(entries) <= MAX_ENTRIES:
        raise ValueError(f"{len(entries)} entries; one call takes 1 to {MAX_ENTRIES}")
