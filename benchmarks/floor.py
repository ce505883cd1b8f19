"""
The floor: a provider that does nothing, so that the engine's own cost is seen.

It is importable and without attributes, as the real one is, so that both are
pickled alike.
"""

from __future__ import annotations

from typing import Any

import pulumi
from pulumi.dynamic import (
    CheckResult,
    CreateResult,
    DiffResult,
    ReadResult,
    Resource,
    ResourceProvider,
)


class FloorProvider(ResourceProvider):
    """
    Says yes to everything.
    """

    serialize_as_secret_always = False

    def check(self, _olds: dict[str, Any], news: dict[str, Any]) -> CheckResult:
        """
        Take all inputs as they are.
        """
        return CheckResult(news, [])

    def diff(
        self, _id: str, _olds: dict[str, Any], _news: dict[str, Any]
    ) -> DiffResult:
        """
        Never find a change.
        """
        return DiffResult(changes=False)

    def create(self, props: dict[str, Any]) -> CreateResult:
        """
        Make nothing, under the name of what was asked for.
        """
        return CreateResult(f"floor-{props['port_range']}", dict(props))

    def read(self, id_: str, props: dict[str, Any]) -> ReadResult:
        """
        Find everything as it was.
        """
        return ReadResult(id_, dict(props), dict(props))

    def delete(self, _id: str, _props: dict[str, Any]) -> None:
        """
        Remove nothing.
        """


class Floor(Resource, module="floor", name="Floor"):
    """
    Has the inputs of a rule, and no rule.
    """

    def __init__(self, resource_name: str, **inputs: pulumi.Input[Any]) -> None:
        """
        Declare it.

        Args:
            resource_name: name in the stack.
            inputs: whatever a rule would have.
        """
        super().__init__(FloorProvider(), resource_name, inputs)
