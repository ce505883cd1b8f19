"""
Prepares the arguments of a resource in the program, before Pulumi gets them.
"""

from __future__ import annotations

import datetime as dt
import functools
import itertools
import os
import uuid
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from typing import Any, TypeGuard, cast

import pulumi
from pulumi.dynamic import ResourceProvider
from pulumi.dynamic.dynamic import (
    serialize_provider,  # pyright: ignore[reportUnknownVariableType]
)

from alicloud_ingress.ecs import config
from alicloud_ingress.engine.declarations import Declaration, fingerprint
from alicloud_ingress.errors import ConfigurationError

_run = uuid.uuid4().hex
_numbers = itertools.count(1)


def declaration_of(name: str, given: Mapping[str, Any]) -> pulumi.Input[str]:
    """
    What check has to know of this resource besides its arguments.

    Args:
        name: of the resource in the stack.
        given: its arguments.
    """
    number = next(_numbers)

    def written(secrets: Iterable[str], rules: object) -> str:
        return Declaration(
            run=_run,
            number=number,
            name=name,
            secrets=frozenset(secrets),
            deploys=not pulumi.runtime.is_dry_run(),
            rules=fingerprint(rules) if "rules" in given else "",
        ).written()

    async def written_with_secrets() -> str:
        secrets = [
            path
            for argument, value in given.items()
            async for path in _secret_paths(argument, value)
        ]
        rules = await pulumi.Output.from_input(given.get("rules")).future()
        return written(secrets, as_checked(rules))

    if not _holds_output(given):
        return written((), given.get("rules"))
    return pulumi.Output.secret(written_with_secrets())


@functools.cache
def pickled(provider: Callable[[], ResourceProvider]) -> str:
    """
    The pickle of a provider without attributes, as Pulumi makes it.
    """
    return str(serialize_provider(provider()))


def passed(
    arguments: Mapping[str, Any],
    names: Iterable[str],
    opts: pulumi.ResourceOptions | None,
) -> dict[str, Any]:
    """
    Select the arguments of a constructor that are passed on to Pulumi.

    Pulumi makes about six futures for each argument, also for None, so those are left
    out. A resource that is read by its ID needs all of them, to get an Output for each
    property that is read.

    Args:
        arguments: the local variables of the constructor.
        names: of the arguments among them.
        opts: options of the resource.
    """
    is_read = opts is not None and opts.id is not None
    return {
        name: arguments[name]
        for name in names
        if is_read or arguments[name] is not None
    }


def output_of_none(names: Iterable[str], name: str) -> pulumi.Output[None]:
    """
    An Output of None, for an argument that the program has not passed.

    Raises:
        AttributeError: no argument has this name.
    """
    if name not in names:
        raise AttributeError(name)
    return pulumi.Output.from_input(None)


def with_region(given: Mapping[str, Any]) -> dict[str, Any]:
    """
    The arguments, with the region that check would fill in.

    `refresh --run-program` compares them without a check.
    """
    profile = given.get("profile") or ""
    if given.get("region") is not None or not isinstance(profile, str):
        return dict(given)
    try:
        region = config.region_of(pulumi.runtime.get_config, os.environ, profile)
    except ConfigurationError:  # check reports it
        return dict(given)
    return {**given, "region": region}


def as_checked(rules: object) -> object:
    """
    The rules of a set with the keys that check would make, if all are known, and valid
    for some state.

    `refresh --run-program` compares them without a check.
    """
    from alicloud_ingress.engine.arguments import checked_rules

    if _holds_output(rules):
        return rules
    checked = checked_rules(rules, None, "")
    return rules if checked.problems else checked.rules


def secret_where(
    value: object, output: str, opts: pulumi.ResourceOptions | None
) -> pulumi.ResourceOptions | None:
    """
    Options that make an output secret if an argument is secret.

    Options are set before Pulumi knows whether an Output is secret. Only a transform
    runs late enough.

    Args:
        value: the argument.
        output: name of the output that contains its text.
        opts: options of the program.
    """
    if not _holds_output(value):
        return opts

    async def transform(
        declared: pulumi.ResourceTransformArgs,
    ) -> pulumi.ResourceTransformResult | None:
        if not await pulumi.Output.from_input(value).is_secret():
            return None
        secret = pulumi.ResourceOptions(additional_secret_outputs=[output])
        return pulumi.ResourceTransformResult(
            declared.props, pulumi.ResourceOptions.merge(declared.opts, secret)
        )

    return pulumi.ResourceOptions.merge(
        opts, pulumi.ResourceOptions(transforms=[transform])
    )


def with_dates_as_text(value: Any) -> Any:
    """
    The same value, with each `datetime.date` as text, which the engine can hold.
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
    The paths of secrets in an argument: `description`, `rules[2].description`.
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


def _holds_output(value: object) -> bool:
    if isinstance(value, Mapping):
        entries = cast("Mapping[str, object]", value).values()
        return any(_holds_output(entry) for entry in entries)
    if isinstance(value, list | tuple):
        return any(_holds_output(entry) for entry in cast("Sequence[object]", value))
    return _is_output(value)


def _is_output(value: object) -> TypeGuard[pulumi.Output[Any]]:
    return isinstance(value, pulumi.Output)
