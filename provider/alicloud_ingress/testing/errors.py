"""
Refusals as ECS words them.

The text is data of the documentation: misspelt codes are its own.
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
    The connection breaks before an answer is sent; a front acts it out.
    """


def not_valid(code: str, parameter: str) -> FakeError:
    """
    The commonest wording: the parameter is not valid.
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
    The action has no such parameter: the real API ignores it, a fake should not.
    """
    return FakeError(400, "InvalidParameter", f"{name} is not known to this action.")


def group_not_found() -> FakeError:
    """
    No such group in the region that was asked.
    """
    return FakeError(
        404,
        "InvalidSecurityGroupId.NotFound",
        "The specified SecurityGroupId does not exist.",
    )


def group_of_another_account() -> FakeError:
    """
    There is such a group, but not in the account that asks.
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
    The rule ID is malformed; since 2024-07-08 also said of one that is not there.
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
    A group can not be its own source.
    """
    return FakeError(
        status,
        "InvalidParamter.Conflict",
        "The specified SecurityGroupId should be different from the SourceGroupId.",
    )
