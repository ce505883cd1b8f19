"""
The floor: a provider that does nothing, to measure the cost of the engine alone.

Like the real one, it can be imported and has no attributes, so that both have the same
kind of pickle.
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
    Accepts everything.
    """

    serialize_as_secret_always = False

    def check(self, _olds: dict[str, Any], news: dict[str, Any]) -> CheckResult:
        """
        Return all inputs unchanged.
        """
        return CheckResult(news, [])

    def diff(
        self, _id: str, _olds: dict[str, Any], _news: dict[str, Any]
    ) -> DiffResult:
        """
        Report no change.
        """
        return DiffResult(changes=False)

    def create(self, props: dict[str, Any]) -> CreateResult:
        """
        Create nothing, and return an ID made from the port.
        """
        return CreateResult(f"floor-{props['port_range']}", dict(props))

    def read(self, id_: str, props: dict[str, Any]) -> ReadResult:
        """
        Return the state unchanged.
        """
        return ReadResult(id_, dict(props), dict(props))

    def delete(self, _id: str, _props: dict[str, Any]) -> None:
        """
        Delete nothing.
        """


class Floor(Resource, module="floor", name="Floor"):
    """
    A resource with the inputs of a rule, without a rule.
    """

    def __init__(self, resource_name: str, **inputs: pulumi.Input[Any]) -> None:
        """
        Declare the resource.

        Args:
            resource_name: name in the stack.
            inputs: the arguments of a rule.
        """
        super().__init__(FloorProvider(), resource_name, inputs)
