"""
What an error of ECS means for the call that got it.

The same error can mean success for one call and failure for another: "no such rule"
fails a change and completes a deletion. An error that is not in the table is a failure,
which is reported. `client` retries errors whose class is `retryable` beforehand.
"""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from enum import Enum

from alicloud_ingress.errors import (
    CredentialsRefusedError,
    EcsError,
    GroupNotFoundError,
    IngressError,
    NoAnswerError,
    PermissionRefusedError,
    ReferenceNotFoundError,
    RefusedForEnterpriseError,
    RuleIdNotValidError,
    RuleNotFoundError,
    ServiceFaultError,
    ThrottledError,
    UnreachableError,
    copied,
)

OUTCOME_UNKNOWN = (NoAnswerError, ServiceFaultError)
"""
Errors after which it is not known whether the call took effect.
"""
OF_EVERY_GROUP = (UnreachableError, CredentialsRefusedError)
"""
Errors that a call for any other group would get, too.
"""


class Write(Enum):
    """
    The kinds of calls that change a group.
    """

    AUTHORIZE = "AuthorizeSecurityGroup"
    REVOKE_BY_ID = "RevokeSecurityGroup by ID"
    REVOKE_BY_ATTRIBUTES = "RevokeSecurityGroup by attributes"
    MODIFY = "ModifySecurityGroupRule"


class Reaction(Enum):
    """
    What to do after an error.
    """

    ALREADY_DONE = "the call is not needed: the group is as it should be"
    FAIL = "report the error"
    FIND_ID = "read the group: only the ID that it shows deletes the rule"
    READ_GROUP = "read the group: only that shows the outcome"
    READ_REPEATEDLY = "read the group until it shows the rule, or would have shown it"
    REFRESH = "the rule is deleted: the user refreshes the state"


_REACTIONS: dict[type[Exception], dict[Write, Reaction]] = {
    RuleNotFoundError: {
        Write.REVOKE_BY_ID: Reaction.ALREADY_DONE,
        Write.REVOKE_BY_ATTRIBUTES: Reaction.READ_GROUP,
        Write.MODIFY: Reaction.REFRESH,
    },
    RuleIdNotValidError: {
        Write.REVOKE_BY_ID: Reaction.READ_GROUP,
        Write.MODIFY: Reaction.READ_GROUP,
    },
    ReferenceNotFoundError: {Write.REVOKE_BY_ATTRIBUTES: Reaction.READ_REPEATEDLY},
    RefusedForEnterpriseError: {Write.REVOKE_BY_ATTRIBUTES: Reaction.FIND_ID},
}
_NOT_ABOUT_AN_ENTRY = (
    ThrottledError,
    ServiceFaultError,
    UnreachableError,
    NoAnswerError,
    GroupNotFoundError,
)
_REFUSED_BY_POLICY = "Forbidden.RAM"
"""
A RAM policy can have conditions on protocol and source, so it may refuse a call because
of one entry. Other missing permissions concern the whole call.
"""


def reaction(kind: Write, error: Exception) -> Reaction:
    """
    What to do after a write of this kind failed with *error*.
    """
    return _REACTIONS.get(type(error), {}).get(kind, Reaction.FAIL)


def is_outcome_unknown(error: Exception) -> bool:
    """
    Whether the call may have taken effect; also after an error that is not of this
    package, since that may come at any moment.
    """
    if isinstance(error, EcsError):
        return error.after_unknown or isinstance(error, OUTCOME_UNKNOWN)
    return not isinstance(error, IngressError)


def is_refusal(error: Exception) -> bool:
    """
    Whether the service has answered, and gives the same answer to the same call.
    """
    if not isinstance(error, EcsError) or error.retryable:
        return False
    return not isinstance(error, UnreachableError)


def after_unknown(error: Exception | None) -> Exception | None:
    """
    The error of a call that followed one whose outcome is unknown.
    """
    if isinstance(error, EcsError) and not settles_attempts_before(error):
        error = copied(error)
        error.after_unknown = True
    return error


def settles_attempts_before(error: Exception) -> bool:
    """
    Whether a refusal shows that no earlier attempt of the call had an effect: an
    advanced group remains one, and refuses the rule each time.
    """
    return isinstance(error, RefusedForEnterpriseError)


@contextmanager
def before_sending() -> Generator[None]:
    """
    A call of another service, without which no call of ECS is sent.

    Raises:
        UnreachableError: it got no answer, so the outcome of no call of ECS is unknown.
    """
    try:
        yield
    except OUTCOME_UNKNOWN as error:
        raise UnreachableError(
            error.action, error.code, error.detail, error.request_id, error.place
        ) from None


def is_of_one_entry(error: Exception) -> bool:
    """
    Whether a call with many entries may succeed without one of them.
    """
    if not isinstance(error, EcsError):
        return False
    if isinstance(error, PermissionRefusedError):
        return error.code == _REFUSED_BY_POLICY
    return not isinstance(error, _NOT_ABOUT_AN_ENTRY)
