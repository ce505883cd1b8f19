"""
Errors with the codes and messages of ECS.

The texts are those of the documentation, misspelt codes included. `errors.tsv` has the
errors whose text is always the same.
"""

from __future__ import annotations

import csv
import functools
from importlib import resources


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


def error_of(code: str) -> FakeError:
    """
    The error that has this code in `errors.tsv`.
    """
    row = _documented()[code]
    return FakeError(int(row["status"]), code, row["message"])


@functools.cache
def _documented() -> dict[str, dict[str, str]]:
    table = resources.files("alicloud_ingress.testing") / "errors.tsv"
    text = table.read_text("utf-8")
    rows = csv.DictReader(text.splitlines(), delimiter="\t", quoting=csv.QUOTE_NONE)
    return {row["code"]: row for row in rows}


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


def rule_id_not_valid() -> FakeError:
    """
    The rule ID is malformed; since 2024-07-08 also for an ID that no rule has.
    """
    return not_valid("InvalidParam.SecurityGroupRuleId", "SecurityGroupRuleId")
