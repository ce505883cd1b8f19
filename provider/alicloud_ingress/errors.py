"""
Every error that this package raises, by what the caller does next.

The tree is our own, so that nothing but `client` depends on the SDK's
exceptions, and no payload of theirs (which may hold a secret) travels on::

    IngressError
    ├── InvalidRuleError          correct the arguments
    ├── ConfigurationError        correct the configuration
    ├── RuleExistsError           import, alias or adopt
    ├── RuleNotConfirmedError     a yes of ECS was not followed by the effect
    ├── WrongAccountError         use the credentials that made the resource
    └── EcsError                  ECS answered with a code
        ├── ThrottledError        retry
        ├── ServiceFaultError     retry
        ├── NoAnswerError         it is open whether ECS acted
        ├── GroupNotFoundError
        ├── RuleNotFoundError
        ├── RuleIdNotValidError   gone or malformed: only a look can tell
        ├── RefusedForEnterpriseError
        ├── PermissionRefusedError
        └── BatchEntryError       one entry of several is at fault
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar


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
    ECS answered a call with an error code.

    The last line of a traceback is all that some users will read, so the
    message says what was asked, what came back and which request to quote.
    """

    retryable: ClassVar[bool] = False

    def __init__(
        self, action: str, code: str, detail: str, request_id: str = ""
    ) -> None:
        request = f" (RequestId {request_id})" if request_id else ""
        super().__init__(f"{action}: {code}: {detail}{request}")
        self.action = action
        self.code = code
        self.detail = detail
        self.request_id = request_id

    def about(self, subject: str) -> EcsError:
        """
        The same error, saying what it is about.
        """
        detail = f"{subject}: {self.detail}"
        return type(self)(self.action, self.code, detail, self.request_id)

    def __reduce__(self) -> tuple[Any, ...]:
        return (type(self), (self.action, self.code, self.detail, self.request_id))


class ThrottledError(EcsError):
    """
    Too many calls of this account; the same call works again later.
    """

    retryable = True


class ServiceFaultError(EcsError):
    """
    A fault inside ECS; the same call may work when it is sent again.
    """

    retryable = True


class NoAnswerError(EcsError):
    """
    No answer came, or one that cannot be read: ECS may have acted or not.
    """

    retryable = True


class GroupNotFoundError(EcsError):
    """
    The group does not exist in the account and region that were asked.
    """


class RuleNotFoundError(EcsError):
    """
    The rule is not there.
    """


class RuleIdNotValidError(EcsError):
    """
    The rule ID is gone or malformed: one code for both.
    """


class DuplicateRuleError(EcsError):
    """
    The change would make the rule the same as another of its group.
    """


class RefusedForEnterpriseError(EcsError):
    """
    An advanced group refuses policy, priority or source group.
    """


class PermissionRefusedError(EcsError):
    """
    The credentials may not do this; a retry changes nothing.
    """


class BatchEntryError(EcsError):
    """
    The call was refused because of what one of its entries says.
    """


BY_CODE: dict[str, type[EcsError]] = {
    "Throttling": ThrottledError,
    "Throttling.Api": ThrottledError,
    "Throttling.User": ThrottledError,
    "Rejected.Throttling": ThrottledError,
    "InternalError": ServiceFaultError,
    "InvalidGressFlow.Malformed": ServiceFaultError,
    "ServiceUnavailable": ServiceFaultError,
    "SignatureNonceUsed": ServiceFaultError,
    "InvalidSecurityGroupId.NotFound": GroupNotFoundError,
    "InvalidSecurityGroupRule.RuleNotExist": RuleNotFoundError,
    "InvalidSecurityGroupRuleId.NotFound": RuleNotFoundError,
    "SecurityGroupRule.NotFound": RuleNotFoundError,
    "InvalidParam.SecurityGroupRuleId": RuleIdNotValidError,
    "InvalidOperation.RuleDuplicate": DuplicateRuleError,
    "InvalidGroupParameter.OperationDenied": RefusedForEnterpriseError,
    "InvalidGroupAuthParameter.OperationDenied": RefusedForEnterpriseError,
    "Forbidden": PermissionRefusedError,
    "Forbidden.RAM": PermissionRefusedError,
    "InvalidAccessKeyId.NotFound": PermissionRefusedError,
    "InvalidAccessKeyId.Inactive": PermissionRefusedError,
    "InvalidCredentials": PermissionRefusedError,
    "InvalidOperation.ResourceManagedByCloudProduct": PermissionRefusedError,
    "InvalidOperation.SecurityGroupNotAuthorized": PermissionRefusedError,
    "InvalidSecurityToken.Expired": PermissionRefusedError,
    "NoPermission": PermissionRefusedError,
    "SignatureDoesNotMatch": PermissionRefusedError,
}
"""
The code alone decides, never the HTTP status: one code comes with several.
Source: the error table of RevokeSecurityGroup and the gateway's common codes.
"""


def of_code(action: str, code: str, detail: str, request_id: str = "") -> EcsError:
    """
    Build the error that `BY_CODE` names for *code*.

    A code with `Throttling` anywhere in it is throttling; a code that the
    table does not hold is a plain `EcsError`, which is shown and not retried.
    """
    kind = BY_CODE.get(code, ThrottledError if "Throttling" in code else EcsError)
    return kind(action, code, detail, request_id)
