"""
What each answer of ECS means for the one who asked, as a table.

The same refusal is the end of one call and good news for another: "no such rule"
fails a change and completes a removal. Retries are made by `client`, splits by
`group`, looks by `lifecycle`; all three ask here.
"""

from __future__ import annotations

from enum import Enum

from alicloud_ingress.errors import (
    BatchEntryError,
    EcsError,
    GroupNotFoundError,
    NoAnswerError,
    RefusedForEnterpriseError,
    RuleIdNotValidError,
    RuleNotFoundError,
    ServiceFaultError,
    ThrottledError,
    UnreachableError,
)


class Call(Enum):
    """
    The calls whose answers are told apart.
    """

    DESCRIBE = "DescribeSecurityGroupAttribute"
    AUTHORIZE = "AuthorizeSecurityGroup"
    REVOKE_BY_ID = "RevokeSecurityGroup by ID"
    REVOKE_BY_ATTRIBUTES = "RevokeSecurityGroup by attributes"
    MODIFY = "ModifySecurityGroupRule"


class Reaction(Enum):
    """
    What to do next.
    """

    DONE = "what was wanted is so"
    FAIL = "tell the person; nothing else helps"
    LOOK = "only a look at the group tells"
    LOOK_THEN_RETRY = "look at the group, and send again what a look does not show"
    REFRESH = "the rule is gone, and the person refreshes the state"
    RETRY = "send the same call again, with the same token"
    SPLIT = "look at the group, and send what is left one by one"
    WHOSE = "believe it only in the account and region of the state"


_R = Reaction
_MEANINGS: dict[
    type[EcsError], tuple[Reaction, Reaction, Reaction, Reaction, Reaction]
] = {
    ThrottledError: (_R.RETRY, _R.RETRY, _R.RETRY, _R.RETRY, _R.RETRY),
    ServiceFaultError: (_R.RETRY, _R.RETRY, _R.RETRY, _R.RETRY, _R.RETRY),
    UnreachableError: (_R.RETRY, _R.RETRY, _R.RETRY, _R.RETRY, _R.RETRY),
    NoAnswerError: (
        _R.RETRY,
        _R.LOOK_THEN_RETRY,
        _R.RETRY,
        _R.LOOK_THEN_RETRY,
        _R.RETRY,
    ),
    RuleNotFoundError: (_R.FAIL, _R.FAIL, _R.DONE, _R.LOOK, _R.REFRESH),
    RuleIdNotValidError: (_R.FAIL, _R.FAIL, _R.LOOK, _R.FAIL, _R.LOOK),
    GroupNotFoundError: (_R.WHOSE, _R.FAIL, _R.WHOSE, _R.WHOSE, _R.FAIL),
    RefusedForEnterpriseError: (_R.FAIL, _R.FAIL, _R.FAIL, _R.LOOK, _R.FAIL),
    BatchEntryError: (_R.FAIL, _R.SPLIT, _R.SPLIT, _R.SPLIT, _R.FAIL),
}
"""
One row an answer, in the order of `Call`. What is not here is a failure.
"""


def reaction(call: Call, error: EcsError) -> Reaction:
    """
    Tell what to do when *call* was answered with *error*.
    """
    for kind in type(error).__mro__:
        if kind in _MEANINGS:
            return _MEANINGS[kind][list(Call).index(call)]
    return Reaction.FAIL
