"""
How an error reaches the engine: as one message, with the new state of the resource.

The dynamic host returns an exception with its whole traceback, and cannot report that
an update was done in part. The engine's protocol can do both: a gRPC status has a
message, and with `ErrorResourceInitFailed` in its details the engine saves the new
state of the resource before it fails the run.
"""

from __future__ import annotations

import asyncio
import functools
import logging
import sys
from collections.abc import Callable, Mapping
from types import FrameType
from typing import Any, TypeVar, cast

from alicloud_ingress.errors import IngressError, RuleNotConfirmedError

PROVIDER_KEY = "__provider"
"""
The property by which the host finds the provider; all inputs and outputs have it.
"""
_STATUS_UNKNOWN = 2
_SAVED = (
    "The state has each rule that this resource has left: run `pulumi up` again to go"
    " on, or `pulumi destroy` to delete them."
)
_NOT_SAVED = (
    "The state could not be saved: set adopt=True for the next `pulumi up`, which then"
    " takes over the added rules."
)
_log = logging.getLogger("alicloud_ingress")
_Method = TypeVar("_Method", bound=Callable[..., Any])


class PartialFailureError(IngressError):
    """
    An operation failed after it changed something, which must be saved in the state.

    Args:
        message: for the user, without the next step, which depends on whether the state
            can be saved.
        resource_id: ID of the resource.
        outputs: for its state.
        inputs: for its state.
    """

    def __init__(
        self,
        message: str,
        resource_id: str,
        outputs: Mapping[str, Any],
        inputs: Mapping[str, Any],
    ) -> None:
        super().__init__(message)
        self.resource_id = resource_id
        self.outputs = outputs
        self.inputs = inputs


def shown_as_message(method: _Method) -> _Method:
    """
    Show an error of this package as one message in the engine.

    The debug log has the traceback. Other errors are raised unchanged.
    """

    @functools.wraps(method)
    def wrapper(*arguments: Any) -> Any:
        try:
            return method(*arguments)
        except IngressError as error:
            _log.debug("%s failed", method.__name__, exc_info=True)
            raise _reported(error).with_traceback(None) from None

    return cast("_Method", wrapper)


def _reported(error: IngressError) -> IngressError:
    """
    Write the message into the gRPC status of the current call, if there is one.
    """
    context = _context_of_host()
    if isinstance(error, PartialFailureError):
        if context is None:
            return RuleNotConfirmedError(f"{error} {_NOT_SAVED}")
        error = PartialFailureError(
            f"{error} {_SAVED}", error.resource_id, error.outputs, error.inputs
        )
    if context is not None:
        from pulumi.runtime.proto import status_pb2

        status = status_pb2.Status(code=_STATUS_UNKNOWN, message=str(error))
        if isinstance(error, PartialFailureError):
            status.details.add().Pack(_init_failed(error))
        details = ("grpc-status-details-bin", status.SerializeToString())
        context.set_trailing_metadata((details,))
    return error


def _init_failed(error: PartialFailureError) -> Any:
    from pulumi.runtime import rpc
    from pulumi.runtime.proto import provider_pb2

    def written(properties: Mapping[str, Any]) -> Any:
        return asyncio.run(rpc.serialize_properties(dict(properties), {}))

    return provider_pb2.ErrorResourceInitFailed(
        id=error.resource_id,
        properties=written(error.outputs),
        inputs=written(error.inputs),
        reasons=[str(error)],
    )


def _context_of_host() -> Any:
    """
    The gRPC context of the current call; None outside of a dynamic host.

    The host does not pass it to the provider, so the callers are searched. If it is not
    found, the engine shows the error with the host's traceback.
    """
    if "grpc" not in sys.modules:
        return None
    import grpc

    frame: FrameType | None = sys._getframe()  # noqa: SLF001  # pyright: ignore[reportPrivateUsage]
    while frame is not None:
        found = frame.f_locals.get("context")
        if isinstance(found, grpc.ServicerContext):
            return found
        frame = frame.f_back
    return None
