"""
Stands in for the plugin of pulumi-alicloud, which a state with its resources needs.

It creates and deletes nothing: a resource whose inputs equal those in the state is
unchanged, and everything else is refused.
"""

# ruff: noqa: ARG002, N802 - names of gRPC, and its parameters

from __future__ import annotations

import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import grpc
from pulumi.runtime.proto import plugin_pb2, provider_pb2, provider_pb2_grpc

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
    folder.mkdir()
    file = folder / "pulumi-resource-alicloud"
    file.write_text(f'#!/bin/sh\nexec "{sys.executable}" "{__file__}" "$@"\n')
    file.chmod(0o755)
    return str(folder)


def main() -> None:
    """Serve on a free port, print it, and run until the engine ends the process."""
    server = grpc.server(ThreadPoolExecutor())
    provider_pb2_grpc.add_ResourceProviderServicer_to_server(Peer(), server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    sys.stdout.write(f"{port}\n")
    sys.stdout.flush()
    time.sleep(300)


if __name__ == "__main__":
    main()
