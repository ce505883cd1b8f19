"""
Refusals as ECS words them.
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


def not_valid(status: int, code: str, parameter: str) -> FakeError:
    """
    The commonest wording: the parameter is not valid.
    """
    return FakeError(status, code, f"The specified parameter {parameter} is not valid.")


def group_not_found() -> FakeError:
    """
    No such group in the account and region that were asked.
    """
    return FakeError(
        404,
        "InvalidSecurityGroupId.NotFound",
        "The specified SecurityGroupId does not exist.",
    )


def rule_id_not_found() -> FakeError:
    """
    No rule of the group has this ID.
    """
    return FakeError(
        404,
        "InvalidSecurityGroupRuleId.NotFound",
        "The specified SecurityGroupRuleId is not exists.",
    )
