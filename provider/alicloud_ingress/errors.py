"""
Every error that this package raises, by what the caller does next.

The tree is our own, so that nothing but `ecs.sdk` depends on the SDK's
exceptions, and no payload of theirs (which may hold a secret) travels on::

    IngressError
    ├── InvalidRuleError          correct the arguments
    ├── ConfigurationError        correct the configuration
    ├── RuleExistsError           import, alias or adopt
    ├── RuleNotConfirmedError     a yes of ECS was not followed by the effect
    ├── WrongAccountError         use the credentials that made the resource
    └── EcsError                  ECS answered with a code, or could not
        ├── ThrottledError        retry
        ├── ServiceFaultError     retry
        ├── UnreachableError      retry: nothing was sent
        ├── NoAnswerError         it is open whether ECS acted: look, then retry
        ├── GroupNotFoundError    gone, if account and region are the right ones
        ├── RuleNotFoundError     gone
        ├── RuleIdNotValidError   gone or malformed: only a look can tell
        ├── DuplicateRuleError    make the two rules differ
        ├── RefusedForEnterpriseError   address the rule by ID
        ├── PermissionRefusedError      have it allowed
        │   └── CredentialsRefusedError   correct the credentials
        ├── QuotaExceededError    remove rules, or have the quota raised
        ├── InvalidCallError      correct the group, or what the call changes
        └── BatchEntryError       split the batch; correct the one rule
"""

from __future__ import annotations

import re
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import ClassVar, TypeVar

_Error = TypeVar("_Error", bound=BaseException)
MAX_DETAIL_LENGTH = 256
"""
Characters of a message of ECS that are passed on; more is no help, and may leak.
"""


class IngressError(Exception):
    """
    The base of all errors of this package.
    """


@dataclass(frozen=True, slots=True)
class Problem:
    """
    One thing that is wrong with one argument.

    Args:
        argument: path of the argument, such as `port_range`.
        reason: the value and what would be right, as one sentence.
    """

    argument: str
    reason: str


class InvalidRuleError(IngressError):
    """
    The arguments do not make a rule; `problems` holds all reasons at once.
    """

    def __init__(self, *problems: Problem) -> None:
        super().__init__("; ".join(f"{p.argument}: {p.reason}" for p in problems))
        self.problems = problems


class ConfigurationError(IngressError):
    """
    Region, credentials or endpoint cannot be worked out.
    """


class RuleExistsError(IngressError):
    """
    The very rule is in the group already and is not this resource's.
    """


class RuleNotConfirmedError(IngressError):
    """
    ECS said yes, and a look at the group shows otherwise.
    """


class WrongAccountError(IngressError):
    """
    The credentials are of another account than the resource.
    """


class EcsError(IngressError):
    """
    ECS answered a call with an error code, or gave no answer.

    The last line of a traceback is all that some users will read, so the
    message says what was asked, what came back, which request to quote and
    what to do next.

    Args:
        action: of the API, such as `RevokeSecurityGroup`.
        code: of the API; or our own for what was no answer.
        detail: what ECS said; cut, and freed of control characters.
        request_id: what a support ticket asks for.
        place: what it was about, such as `sg-1 in cn-hangzhou`.

    Attributes:
        credentials: where they came from, if that is what the person has to know.
    """

    retryable: ClassVar[bool] = False
    next_step: ClassVar[str] = "look the code up in the API reference of ECS"
    credentials: str = ""

    def __init__(
        self,
        action: str,
        code: str,
        detail: str,
        request_id: str = "",
        place: str = "",
    ) -> None:
        self.action = action
        self.code = code
        self.detail = one_line(detail)
        self.request_id = one_line(request_id)
        self.place = place
        super().__init__(action, code, self.detail, self.request_id, place)

    def about(self, place: str) -> EcsError:
        """
        The same error, said of something nearer, such as one rule of a group.
        """
        nearer = copied(self)
        nearer.place = place
        return nearer

    def of_credentials(self, source: str) -> EcsError:
        """
        The same error, naming where the credentials came from.
        """
        named = copied(self)
        named.credentials = source
        return named

    @property
    def quoted(self) -> str:
        """
        What to quote of it in a message of another error.
        """
        request = f", RequestId {self.request_id}" if self.request_id else ""
        return f"{self.code}{request}"

    def __str__(self) -> str:
        about = f" on {self.place}" if self.place else ""
        if self.credentials:
            about += f" (credentials: {self.credentials})"
        request = f" (RequestId {self.request_id})" if self.request_id else ""
        step = _STEP_BY_CODE.get(self.code, self.next_step)
        return (
            f"{self.action}{about}: {one_line(self.code)}: {self.detail}{request};"
            f" {step.format(permission=self._permission)}"
        )

    @property
    def _permission(self) -> str:
        """
        What a RAM policy calls the action.
        """
        return f"{_PRODUCT_BY_ACTION.get(self.action, 'ecs')}:{self.action}"


class ThrottledError(EcsError):
    """
    Too many calls of this account; the same call works again later.

    Attributes:
        retry_after_s: seconds that ECS asked to wait; 0 where it did not say.
    """

    retryable = True
    next_step = "try again in a minute, or lower --parallel"
    retry_after_s: float = 0.0


class ServiceFaultError(EcsError):
    """
    A fault inside ECS; the same call may work when it is sent again.
    """

    retryable = True
    next_step = "try again; if it stays, quote the RequestId to the support"


class UnreachableError(EcsError):
    """
    The service could not be reached: nothing was sent, so nothing was done.
    """

    retryable = True
    next_step = "check the network, the proxy and the region, then run it again"


class NoAnswerError(EcsError):
    """
    No answer came, or one that cannot be read: ECS may have acted or not.
    """

    retryable = True
    next_step = "run it again: it is not known whether ECS acted"


class GroupNotFoundError(EcsError):
    """
    The group does not exist in the account and region that were asked.
    """

    next_step = "check the group's ID, the region and the account"


class RuleNotFoundError(EcsError):
    """
    The rule is not there.
    """

    next_step = "run `pulumi refresh`"


class RuleIdNotValidError(EcsError):
    """
    The rule ID is gone or malformed: one code for both.
    """

    next_step = "run `pulumi refresh`"


class DuplicateRuleError(EcsError):
    """
    The change would make the rule the same as another of its group.
    """

    next_step = "let the two rules differ, or remove one of them"


class RefusedForEnterpriseError(EcsError):
    """
    An advanced group refuses policy, priority or source group.
    """

    next_step = "leave out policy, priority and source group in an advanced group"


class PermissionRefusedError(EcsError):
    """
    The credentials may not do this; a retry changes nothing.
    """

    next_step = "have {permission} allowed by a RAM policy of these credentials"


class CredentialsRefusedError(PermissionRefusedError):
    """
    The credentials themselves are unknown, expired or do not fit together.
    """

    next_step = "correct or renew these credentials where they are set"


class QuotaExceededError(EcsError):
    """
    The group, or what refers to it, holds as many as it may.
    """

    next_step = "remove rules that are not needed, or ask for more in Quota Center"


class InvalidCallError(EcsError):
    """
    The call was refused for the group or the change that it names.
    """

    next_step = "check the group, its network type and the region"


class BatchEntryError(EcsError):
    """
    The call was refused because of what one of its entries says.
    """

    next_step = "correct the rule that the message is about"


def copied(error: _Error) -> _Error:
    """
    The same error for another thread to raise, without what was raised meanwhile.
    """
    duplicate = type(error).__new__(type(error), *error.args)
    duplicate.__dict__.update(error.__dict__)
    return duplicate


@contextmanager
def error_context(place: str) -> Generator[None]:
    """
    Let an error of ECS that is raised in here say what it is about.
    """
    try:
        yield
    except EcsError as error:
        raise error.about(place) from error


def as_sentence(error: Exception) -> str:
    """
    The message of an error, with a full stop, so that more can follow.
    """
    text = str(error)
    return text if text.endswith(".") else f"{text}."


def one_line(text: str) -> str:
    """
    Make foreign text fit for a message: no control characters, and not long.
    """
    printable = re.sub(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\s]+", " ", text).strip()
    if len(printable) <= MAX_DETAIL_LENGTH:
        return printable
    return printable[: MAX_DETAIL_LENGTH - 1] + "…"


_PRODUCT_BY_ACTION = {
    "AssumeRole": "sts",
    "AssumeRoleWithOIDC": "sts",
    "GetCallerIdentity": "sts",
}
_NEW_RULE_NEEDED = "this cannot be changed in place: make a new rule, delete the old"
_STEP_BY_CODE = {
    "IdempotentParameterMismatch": "run it again",
    "InvalidAction.NotFound": "check the endpoint: it does not serve this action",
    "InvalidApi.NotFound": "check the endpoint: it does not serve this action",
    "InvalidProduct.NotFound": "check the endpoint: it does not serve ECS",
    "InvalidGroupAuthParameter.OperationDenied": (
        "name another source: an advanced group cannot be one"
    ),
    "InvalidOperation.ModifyNicType": _NEW_RULE_NEEDED,
    "InvalidOperation.ModifyPortRangeType": _NEW_RULE_NEEDED,
    "InvalidOperation.ModifySgRuleEntityType": _NEW_RULE_NEEDED,
    "InvalidOperation.ResourceManagedByCloudProduct": (
        "change it through the cloud service that manages this group"
    ),
    "InvalidTimeStamp.Expired": "set the clock of this machine, then run it again",
}
"""
What to do next, where the class alone says too little.
"""
