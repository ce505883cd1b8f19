"""
What the dynamic providers of both resources share.

The state contains a pickled provider object, so the object must have no attributes.
What a process has to remember is in `running()`. The state refers to the subclasses in
`resource` by name.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Mapping
from typing import Any

from pulumi.dynamic import (
    CheckFailure,
    CheckResult,
    ConfigureRequest,
    ResourceProvider,
)

from alicloud_ingress.ecs import config
from alicloud_ingress.engine.checks import ResourceCheck
from alicloud_ingress.engine.failure import PROVIDER_KEY, PartialFailureError
from alicloud_ingress.engine.logs import log_to_stderr
from alicloud_ingress.engine.runtime import Location, running, warn
from alicloud_ingress.engine.thread_pool import widen_own_pool


class Provider(ResourceProvider):
    """
    A provider that uses the configuration of the stack.
    """

    serialize_as_secret_always = False

    def configure(self, req: ConfigureRequest) -> None:
        """
        Use the stack's configuration in this process.
        """
        log_to_stderr(os.environ, sys.argv[1:])
        widen_own_pool()
        running().configure(
            {
                key: value
                for key in config.KEYS
                if (value := req.config.get(key)) is not None
            }
        )


def result_of(check: ResourceCheck, warnings: Iterable[str]) -> CheckResult:
    """
    Record a check, and return it in the form of the engine.

    The engine shows the value of the property that a failure names. So a failure names
    none if the property contains a secret.
    """
    for text in warnings:
        warn(text)
    running().record_check(check.inputs, check.declaration, check.olds)
    holding = {path.split("[", 1)[0] for path in check.secret}
    failures = [
        CheckFailure(
            "" if p.argument in holding else p.argument, f"{p.argument}: {p.reason}"
        )
        for p in check.problems
    ]
    return CheckResult(check.inputs, failures)


def location_of(properties: Mapping[str, Any]) -> Location:
    """
    Where a resource is. A state of an import may have no region.
    """
    profile = str(properties.get("profile") or "")
    region = str(properties.get("region") or "")
    return Location(
        group_id=str(properties["security_group_id"]),
        region=region or running().connection("", profile).region,
        profile=profile,
    )


def partial_failure(
    error: Exception, id_: str, outputs: Mapping[str, Any], news: Mapping[str, Any]
) -> PartialFailureError:
    """
    The error by which the engine saves outputs though the operation has failed.

    Args:
        error: that ended the operation.
        id_: of the resource.
        outputs: for the state.
        news: what the engine passed to the operation.
    """
    host = {key: value for key, value in news.items() if key == PROVIDER_KEY}
    return PartialFailureError(str(error), id_, {**outputs, **host}, news)
