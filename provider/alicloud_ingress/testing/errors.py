"""
Errors with the codes and messages of ECS.

The texts are those of the documentation, misspelt codes included.
"""

from __future__ import annotations


class FakeError(Exception):
    """
    An error code with its message and HTTP status.
    """

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(f"{status} {code}: {message}")
        self.status = status
        self.code = code
        self.message = message


class ConnectionDroppedError(Exception):
    """
    The connection must be closed before an answer is sent.
    """


def not_valid(code: str, parameter: str) -> FakeError:
    """
    The most common error: the parameter is not valid.
    """
    return FakeError(400, code, f"The specified parameter {parameter} is not valid.")


def missing(parameter: str) -> FakeError:
    """
    A required parameter was left out.
    """
    return FakeError(
        400, f"Missing{parameter}", f"{parameter} is mandatory for this action."
    )


def unknown_parameter(name: str) -> FakeError:
    """
    The action has no such parameter. The real API ignores it; this shows mistakes.
    """
    return FakeError(400, "InvalidParameter", f"{name} is not known to this action.")


def group_not_found() -> FakeError:
    """
    The group does not exist in the region of the call.
    """
    return FakeError(
        404,
        "InvalidSecurityGroupId.NotFound",
        "The specified SecurityGroupId does not exist.",
    )


def group_of_another_account() -> FakeError:
    """
    The group exists, but in another account.
    """
    return not_valid("InvalidSecurityGroupId.NotFound", "SecurityGroupId")


def rule_id_not_found() -> FakeError:
    """
    No rule of the group has this ID.
    """
    return FakeError(
        404,
        "InvalidSecurityGroupRuleId.NotFound",
        "The specified SecurityGroupRuleId is not exists.",
    )


def rule_id_not_valid() -> FakeError:
    """
    The rule ID is malformed; since 2024-07-08 also for an ID that no rule has.
    """
    return not_valid("InvalidParam.SecurityGroupRuleId", "SecurityGroupRuleId")


def rule_not_there() -> FakeError:
    """
    No rule has these attributes.
    """
    return FakeError(
        400,
        "InvalidSecurityGroupRule.RuleNotExist",
        "The specified rule does not exist.",
    )


def same_group(status: int) -> FakeError:
    """
    A group cannot be its own source.
    """
    return FakeError(
        status,
        "InvalidParamter.Conflict",
        "The specified SecurityGroupId should be different from the SourceGroupId.",
    )
