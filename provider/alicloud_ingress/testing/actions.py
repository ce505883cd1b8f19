"""
The actions by name, and how a ClientToken makes a write idempotent.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, replace

from alicloud_ingress.testing import groups, interfaces, lists, reads, writes
from alicloud_ingress.testing.call import Call
from alicloud_ingress.testing.direction import exchanged, outbound
from alicloud_ingress.testing.errors import FakeError, error_of
from alicloud_ingress.testing.spelling import AUTHORIZE, MODIFY, REVOKE
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
    "DescribePrefixLists": Action(lists.prefix_lists),
    "DescribePrefixListAttributes": Action(lists.prefix_list),
    "DescribePortRangeLists": Action(lists.port_range_lists),
    "DescribePortRangeListEntries": Action(lists.port_range_list_entries),
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
    if before is None or _is_judged_anew(call):
        answer = action.act(call)
        call.state.tokens[key] = dict(call.parameters)
        if answer:
            call.state.answers[key] = answer
        return answer
    return call.state.answers.get(key, {})


def _is_judged_anew(call: Call) -> bool:
    by_id = any(name.startswith("SecurityGroupRuleId.") for name in call.parameters)
    return by_id and call.behaviour.repeated_revoke_is_judged_anew
