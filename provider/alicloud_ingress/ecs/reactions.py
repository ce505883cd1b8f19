"""
What each answer of ECS means for the one who asked, as a table.

The same refusal is the end of one call and good news for another: "no such rule"
fails a change and completes a removal. Who looks after an answer (`rules`, `sets`)
and who splits a call of many entries (`ecs.batches`) ask here; `client` retries what
its class calls retryable, and of that writes what `OUTCOME_UNKNOWN` holds.
"""

from __future__ import annotations

from enum import Enum

from alicloud_ingress.errors import (
    BatchEntryError,
    EcsError,
    GroupNotFoundError,
    NoAnswerError,
    PermissionRefusedError,
    RefusedForEnterpriseError,
    RuleIdNotValidError,
    RuleNotFoundError,
    ServiceFaultError,
    ThrottledError,
    UnreachableError,
)

OUTCOME_UNKNOWN = (NoAnswerError, ServiceFaultError)
"""
Errors after which it is open whether ECS did what it was asked.
"""
_REFUSED_BY_POLICY = (PermissionRefusedError, "Forbidden.RAM")
"""
A RAM policy can have conditions on protocol and source, so that it refuses a
call for one of its entries; other refusals of credentials hold for all.
"""


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

    ALREADY_DONE = "what was wanted is so"
    FAIL = "tell the person; nothing else helps"
    READ_GROUP = "only a read of the group shows the outcome"
    READ_THEN_RETRY = "read the group, and send again what the read does not show"
    REFRESH = "the rule is gone, and the person refreshes the state"
    RETRY = "send the same call again, with the same token"
    APPLY_TO_ALL = "the answer holds for each of the entries"
    SPLIT = "look at the group, and send what is left one by one"
    VERIFY_ACCOUNT = "believe it only in the account and region of the state"


_DONE, _FAIL, _READ, _AGAIN, _REFRESH, _RETRY, _TO_ALL, _SPLIT, _VERIFY = Reaction
# fmt: off
_MEANINGS: dict[type[EcsError] | tuple[type[EcsError], str], tuple[Reaction, ...]] = {
    #                           Describe
    #                           |        Authorize
    #                           |        |        Revoke by ID
    #                           |        |        |        Revoke by attributes
    #                           |        |        |        |        Modify
    #                           |        |        |        |        |          a batch
    ThrottledError:            (_RETRY,  _RETRY,  _RETRY,  _RETRY,  _RETRY,    _TO_ALL),
    ServiceFaultError:         (_RETRY,  _RETRY,  _RETRY,  _RETRY,  _RETRY,    _TO_ALL),
    UnreachableError:          (_RETRY,  _RETRY,  _RETRY,  _RETRY,  _RETRY,    _TO_ALL),
    NoAnswerError:             (_RETRY,  _AGAIN,  _RETRY,  _AGAIN,  _RETRY,    _TO_ALL),
    RuleNotFoundError:         (_FAIL,   _FAIL,   _DONE,   _READ,   _REFRESH,  _SPLIT),
    RuleIdNotValidError:       (_FAIL,   _FAIL,   _READ,   _FAIL,   _READ,     _SPLIT),
    GroupNotFoundError:        (_VERIFY, _FAIL,   _VERIFY, _VERIFY, _FAIL,     _TO_ALL),
    RefusedForEnterpriseError: (_FAIL,   _FAIL,   _FAIL,   _READ,   _FAIL,     _SPLIT),
    PermissionRefusedError:    (_FAIL,   _FAIL,   _FAIL,   _FAIL,   _FAIL,     _TO_ALL),
    _REFUSED_BY_POLICY:        (_FAIL,   _FAIL,   _FAIL,   _FAIL,   _FAIL,     _SPLIT),
    BatchEntryError:           (_FAIL,   _SPLIT,  _SPLIT,  _SPLIT,  _FAIL,     _SPLIT),
    EcsError:                  (_FAIL,   _FAIL,   _FAIL,   _FAIL,   _FAIL,     _SPLIT),
}
# fmt: on
"""
One row an answer, by its class, or by its class and code: what it means for one rule
in each `Call`, and whether it is of one entry, where a call has many.
"""


def reaction(call: Call, error: EcsError) -> Reaction:
    """
    Tell what to do when *call* was answered with *error*.
    """
    return _meaning(error)[list(Call).index(call)]


def is_of_one_entry(error: EcsError) -> bool:
    """
    Whether a refused call may be accepted without one of its entries.
    """
    return _meaning(error)[-1] is Reaction.SPLIT


def _meaning(error: EcsError) -> tuple[Reaction, ...]:
    keys = (key for kind in type(error).__mro__ for key in ((kind, error.code), kind))
    return next(_MEANINGS[key] for key in keys if key in _MEANINGS)
