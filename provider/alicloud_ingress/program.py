"""
What a program sends along with its arguments, and the form they are sent in.
"""

from __future__ import annotations

import datetime as dt
import itertools
import uuid
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any, TypeGuard, cast

import pulumi

from alicloud_ingress.declarations import Declaration

_run = uuid.uuid4().hex
_numbers = itertools.count(1)


def declaration_of(
    name: str, given: Mapping[str, Any]
) -> pulumi.Output[dict[str, Any]]:
    """
    What check is to know of this resource beyond its arguments.

    Args:
        name: of the resource in the stack.
        given: its arguments.
    """
    number = next(_numbers)

    async def written() -> dict[str, Any]:
        secrets = [
            path
            for argument, value in given.items()
            async for path in _secret_paths(argument, value)
        ]
        return Declaration(
            run=_run,
            number=number,
            name=name,
            secrets=frozenset(secrets),
            deploys=not pulumi.runtime.is_dry_run(),
        ).written()

    return pulumi.Output.from_input(written())


def with_dates_as_text(value: Any) -> Any:
    """
    The same rules, with each `datetime.date` as the engine can carry it.
    """
    if _is_output(value):
        return value.apply(with_dates_as_text)
    if isinstance(value, Mapping):
        given = cast("Mapping[str, Any]", value)
        return {name: with_dates_as_text(entry) for name, entry in given.items()}
    if isinstance(value, list | tuple):
        return [with_dates_as_text(entry) for entry in cast("Sequence[Any]", value)]
    return value.isoformat() if isinstance(value, dt.date) else value


async def _secret_paths(path: str, value: object) -> AsyncIterator[str]:
    """
    Where in the arguments secrets are: `description`, `rules[2].description`.
    """
    if _is_output(value):
        if await value.is_secret():
            yield path
    elif isinstance(value, Mapping):
        for name, entry in cast("Mapping[str, object]", value).items():
            async for found in _secret_paths(f"{path}.{name}", entry):
                yield found
    elif isinstance(value, list | tuple):
        for number, entry in enumerate(cast("Sequence[object]", value)):
            async for found in _secret_paths(f"{path}[{number}]", entry):
                yield found


def _is_output(value: object) -> TypeGuard[pulumi.Output[Any]]:
    return isinstance(value, pulumi.Output)
