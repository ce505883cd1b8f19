"""
Stands in for the plugin of pulumi-alicloud, which a state with its resources needs.

It creates and deletes nothing: a resource whose inputs equal those in the state is
unchanged, and everything else is refused.
"""

# ruff: noqa: ARG002, N802 - names of gRPC, and its parameters

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

from pulumi.runtime.proto import plugin_pb2, provider_pb2, provider_pb2_grpc

from e2e import engine_plugin

VERSION = "3.109.1"


class Peer(provider_pb2_grpc.ResourceProviderServicer):
    """Answers the engine's calls."""

    def GetPluginInfo(self, request: Any, context: Any) -> Any:
        return plugin_pb2.PluginInfo(version=VERSION)

    def CheckConfig(self, request: Any, context: Any) -> Any:
        return provider_pb2.CheckResponse(inputs=request.news)

    def DiffConfig(self, request: Any, context: Any) -> Any:
        return provider_pb2.DiffResponse(changes=provider_pb2.DiffResponse.DIFF_NONE)

    def Configure(self, request: Any, context: Any) -> Any:
        return provider_pb2.ConfigureResponse(acceptSecrets=True, acceptResources=True)

    def Check(self, request: Any, context: Any) -> Any:
        return provider_pb2.CheckResponse(inputs=request.news)

    def Diff(self, request: Any, context: Any) -> Any:
        same = request.old_inputs == request.news
        kinds = provider_pb2.DiffResponse
        return kinds(changes=kinds.DIFF_NONE if same else kinds.DIFF_SOME)


def installed(folder: Path) -> str:
    """Write the plugin into a folder for PATH."""
    return engine_plugin.installed(
        folder, "pulumi-resource-alicloud", "e2e.peer_plugin"
    )


if __name__ == "__main__":
    engine_plugin.serve(
        partial(provider_pb2_grpc.add_ResourceProviderServicer_to_server, Peer())
    )
