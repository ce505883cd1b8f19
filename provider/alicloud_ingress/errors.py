"""
The main errors that this package raises, grouped by what the caller does next.

The exceptions of libraries may hold a secret, so they never become part of these
errors::

    IngressError
    ├── InvalidRuleError          correct the arguments
    ├── ConfigurationError        correct the configuration
    ├── RuleExistsError           import, alias or adopt the rule
    ├── RuleNotConfirmedError     the effect is not confirmed: see what exists
    ├── WrongAccountError         use the credentials of the resource's account
    └── EcsError                  ECS returned an error code, or no answer
        ├── ThrottledError        retry
        ├── ServiceFaultError     retry
        ├── UnreachableError      retry: nothing was sent
        │   ├── NotTrustedError   name the authority that signs the certificate
        │   └── ProxyNotValidError  correct the proxy's address
        ├── NoAnswerError         outcome unknown: read the group, then retry
        ├── GroupNotFoundError    deleted, if account and region are correct
        ├── RuleNotFoundError     deleted
        ├── RuleIdNotValidError   deleted or malformed: read the group to find out
        ├── DuplicateRuleError    make the two rules differ
        ├── RefusedForEnterpriseError   address the rule by ID
        ├── PermissionRefusedError      allow the action in a RAM policy
        │   └── CredentialsRefusedError   correct the credentials
        ├── QuotaExceededError    delete rules, or raise the quota
        ├── InvalidCallError      correct the group, or what the call changes
        └── BatchEntryError       correct the one rule of the batch
            └── ReferenceNotFoundError   a rule that names it may be read
"""

from __future__ import annotations

import re
from collections.abc import Generator, Iterable
from contextlib import contextmanager
from dataclasses import dataclass
from typing import ClassVar, TypeVar

_Error = TypeVar("_Error", bound=BaseException)
SECRET = "[secret]"  # noqa: S105  the text in place of a secret
MAX_SHOWN_LENGTH = 80
"""
How many characters of an argument a message shows. Of a longer one, it shows the start.
"""
MAX_DETAIL_LENGTH = 256
"""
How many characters of a message of ECS are shown. A longer text may leak data.
"""


class IngressError(Exception):
    """
    The base class of all errors of this package.
    """


@dataclass(frozen=True, slots=True)
class Problem:
    """
    One error in one argument.

    Args:
        argument: path of the argument, such as `port_range`.
        reason: the value, and what to set instead.
    """

    argument: str
    reason: str


class InvalidRuleError(IngressError):
    """
    The arguments do not describe a valid rule. `problems` lists all errors.
    """

    def __init__(self, *problems: Problem) -> None:
        super().__init__("; ".join(f"{p.argument}: {p.reason}" for p in problems))
        self.problems = problems


class ConfigurationError(IngressError):
    """
    The region, the credentials or the endpoint is missing or not valid.
    """


class RuleExistsError(IngressError):
    """
    The group already has an identical rule, which another owner manages.
    """


class RuleNotConfirmedError(IngressError):
    """
    The effect of an operation is not confirmed. The message says what may exist.
    """


class WrongAccountError(IngressError):
    """
    The credentials belong to another account than the resource.
    """


class EcsError(IngressError):
    """
    ECS returned an error code, or no answer.

    Some users see only the last line of a traceback. So the message states the
    action, the group, the code, the RequestId and the next step.

    Args:
        action: of the API, such as `RevokeSecurityGroup`.
        code: of the API; or a code of this package where ECS returned none.
        detail: the message of ECS, shortened and without control characters.
        request_id: RequestId, which a support ticket needs.
        place: what the call was about, such as `sg-1 in cn-hangzhou`.

    Attributes:
        credentials: where they are set, if the error is about them.
        after_unknown: whether an earlier call for the same may have taken effect.
    """

    retryable: ClassVar[bool] = False
    next_step: ClassVar[str] = "look up the code in the ECS API reference"
    credentials: str = ""
    after_unknown: bool = False

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
        Copy the error and name a more exact place, such as one rule of a group.
        """
        located = copied(self)
        located.place = place
        return located

    def of_credentials(self, source: str) -> EcsError:
        """
        Copy the error and name where the credentials are set.
        """
        error = copied(self)
        error.credentials = source
        return error

    @property
    def quoted(self) -> str:
        """
        Code and RequestId, for the message of another error.
        """
        request = f", RequestId {self.request_id}" if self.request_id else ""
        return f"{self.code}{request}"

    def __str__(self) -> str:
        about = f" on {self.place}" if self.place else ""
        if self.credentials:
            about += f" (credentials: {self.credentials})"
        request = f" (RequestId {self.request_id})" if self.request_id else ""
        step = _STEP_BY_CODE.get(self.code, self._step)
        return (
            f"{self.action}{about}: {one_line(self.code)}: {self.detail}{request};"
            f" {step.format(permission=self._permission)}"
        )

    @property
    def _step(self) -> str:
        return self.next_step

    @property
    def _permission(self) -> str:
        """
        The name of the action in a RAM policy.
        """
        return f"{_PRODUCT_BY_ACTION.get(self.action, 'ecs')}:{self.action}"


class ThrottledError(EcsError):
    """
    This account makes too many calls. The same call works later.

    Attributes:
        retry_after_s: seconds that ECS asks to wait; 0 if it does not say.
    """

    retryable = True
    next_step = "try again in a minute, or set a lower --parallel"
    retry_after_s: float = 0.0


class ServiceFaultError(EcsError):
    """
    ECS failed internally. The same call may work if it is sent again.
    """

    retryable = True
    next_step = "try again; if it fails again, contact support with the RequestId"


class UnreachableError(EcsError):
    """
    The service cannot be reached. Nothing was sent, so nothing has changed.
    """

    retryable = True
    next_step = "check the network, the proxy and the region, then try again"


class NotTrustedError(UnreachableError):
    """
    The TLS certificate of the service, or of a proxy, is not trusted. A retry does not
    help.
    """

    retryable = False
    next_step = (
        "set SSL_CERT_FILE to a PEM file with the certificate authority of the endpoint"
        " or of the proxy that replaces its certificate, and check the clock"
    )


class ProxyNotValidError(UnreachableError):
    """
    The environment names a proxy by an address that none can have. A retry does not
    help.
    """

    retryable = False
    next_step = "correct HTTPS_PROXY or HTTP_PROXY, such as http://proxy:3128"


class NoAnswerError(EcsError):
    """
    ECS sent no answer, or one that cannot be read. The call may have taken effect.
    """

    retryable = True
    next_step = "try again: it is not known whether ECS acted"

    @property
    def _step(self) -> str:
        """
        A call that only reads, or that returns keys, has no effect.
        """
        return _READ_AGAIN if self.action.startswith(_READS) else self.next_step


class GroupNotFoundError(EcsError):
    """
    The group does not exist in this account and region.
    """

    next_step = "check the group ID, the region and the account"


class RuleNotFoundError(EcsError):
    """
    The rule does not exist.
    """

    next_step = "run `pulumi refresh`"


class RuleIdNotValidError(EcsError):
    """
    The rule does not exist, or its ID is malformed: ECS has one code for both.
    """

    next_step = "run `pulumi refresh`"


class DuplicateRuleError(EcsError):
    """
    After the change, the rule would duplicate another rule of its group.
    """

    next_step = "make the two rules differ, or remove one of them"


class RefusedForEnterpriseError(EcsError):
    """
    An advanced security group does not support policy, priority or source group.
    """

    next_step = "do not set policy, priority or source group in an advanced group"


class PermissionRefusedError(EcsError):
    """
    The credentials lack a permission. A retry does not help.
    """

    next_step = "allow {permission} in a RAM policy of these credentials"


class CredentialsRefusedError(PermissionRefusedError):
    """
    The credentials are unknown, have expired, or do not belong together.
    """

    next_step = "correct or renew these credentials where they are set"


class QuotaExceededError(EcsError):
    """
    The group, or a list that it uses, has reached its quota.
    """

    next_step = "delete rules that are not needed, or raise the quota in Quota Center"


class InvalidCallError(EcsError):
    """
    ECS refuses the call because of the group or the kind of change.
    """

    next_step = "check the group, its network type and the region"


class BatchEntryError(EcsError):
    """
    ECS refuses the call because of one of its rules.
    """

    next_step = "correct the rule that the message describes"


class ReferenceNotFoundError(BatchEntryError):
    """
    The group or list that one of the rules names does not exist.
    """


def located(error: Exception, place: str) -> Exception:
    """
    Name a more exact place in an error of ECS; other errors are unchanged.
    """
    return error.about(place) if isinstance(error, EcsError) else error


def copied(error: _Error) -> _Error:
    """
    Copy an error, without its traceback, so that another thread can raise it.
    """
    copy = type(error).__new__(type(error), *error.args)
    copy.__dict__.update(error.__dict__)
    return copy


@contextmanager
def error_context(place: str) -> Generator[None]:
    """
    Name the place in each error of ECS that the block raises.
    """
    try:
        yield
    except EcsError as error:
        raise error.about(place) from error


def as_sentence(error: Exception) -> str:
    """
    The message of an error with a full stop, so that another sentence can follow.
    """
    text = str(error)
    return text if text.endswith(".") else f"{text}."


def quoted(value: object, *, secret: bool = False) -> str:
    """
    The value of an argument for a message; `[secret]` in place of a secret.
    """
    if secret:
        return SECRET
    if isinstance(value, str) and len(value) > MAX_SHOWN_LENGTH:
        return repr(f"{value[: MAX_SHOWN_LENGTH // 2]}...")
    return repr(value)


def some_of(words: Iterable[str], most: int) -> str:
    """
    The first words as a list, and how many more there are.
    """
    every = list(words)
    more = len(every) - most
    return ", ".join(every[:most]) + (f" and {more} more" if more > 0 else "")


def one_line(text: str) -> str:
    """
    Make text of another system safe for a message: short, no control characters.
    """
    printable = re.sub(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\s]+", " ", text).strip()
    if len(printable) <= MAX_DETAIL_LENGTH:
        return printable
    return printable[: MAX_DETAIL_LENGTH - 1] + "…"


_READS = ("Describe", "GetCallerIdentity", "AssumeRole")
_READ_AGAIN = "try again; if it fails again, check the network and the proxy"
_PRODUCT_BY_ACTION = {
    "AssumeRole": "sts",
    "AssumeRoleWithOIDC": "sts",
    "GetCallerIdentity": "sts",
}
_ACTION_NOT_SERVED = "check the endpoint: it does not support this action"
_NEW_RULE_NEEDED = (
    "ECS cannot change this in place: create a new rule and delete the old one"
)
_STEP_BY_CODE = {
    "IdempotentParameterMismatch": "try again",
    "InvalidAction.NotFound": _ACTION_NOT_SERVED,
    "InvalidApi.NotFound": _ACTION_NOT_SERVED,
    "InvalidProduct.NotFound": "check the endpoint: it does not serve ECS",
    "InvalidGroupAuthParameter.OperationDenied": (
        "use another source: an advanced group cannot be a source"
    ),
    "InvalidOperation.ModifyNicType": _NEW_RULE_NEEDED,
    "InvalidOperation.ModifyPortRangeType": _NEW_RULE_NEEDED,
    "InvalidOperation.ModifySgRuleEntityType": _NEW_RULE_NEEDED,
    "InvalidOperation.ResourceManagedByCloudProduct": (
        "change the rule through the cloud service that manages this group"
    ),
    "InvalidTimeStamp.Expired": "set the clock of this machine, then try again",
}
"""
The next step for codes that need a more exact one than their class has.
"""
