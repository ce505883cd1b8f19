"""
Stands in for a policy pack that remediates: it changes inputs after check.

The pack is a folder. Its `remedies.json` has, by the name of a resource, the arguments
that replace those of its rule, or of each rule of its set.
"""

# ruff: noqa: ARG002, N802 - names of gRPC, and its parameters

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

from google.protobuf import (  # type: ignore[import-untyped]
    empty_pb2,
    json_format,
    struct_pb2,
)
from pulumi.runtime.proto import analyzer_pb2, analyzer_pb2_grpc, plugin_pb2

from e2e import engine_plugin

NAME = "remedies"
FOLDER = f"--policy-pack={NAME}"


class Policy(analyzer_pb2_grpc.AnalyzerServicer):
    """Answers the engine's calls."""

    def GetPluginInfo(self, request: Any, context: Any) -> Any:
        return plugin_pb2.PluginInfo(version="1.0.0")

    def GetAnalyzerInfo(self, request: Any, context: Any) -> Any:
        return analyzer_pb2.AnalyzerInfo(name=NAME, version="1.0.0")

    def Configure(self, request: Any, context: Any) -> Any:
        return empty_pb2.Empty()

    def ConfigureStack(self, request: Any, context: Any) -> Any:
        return analyzer_pb2.AnalyzerStackConfigureResponse()

    def Analyze(self, request: Any, context: Any) -> Any:
        return analyzer_pb2.AnalyzeResponse()

    def AnalyzeStack(self, request: Any, context: Any) -> Any:
        return analyzer_pb2.AnalyzeResponse()

    def Remediate(self, request: Any, context: Any) -> Any:
        remedies = json.loads(Path("remedies.json").read_text())
        if request.name not in remedies:
            return analyzer_pb2.RemediateResponse()
        properties = json_format.MessageToDict(request.properties)
        for rule in _rules_of(properties):
            rule.update(remedies[request.name])
        changed = struct_pb2.Struct()
        changed.update(properties)
        return analyzer_pb2.RemediateResponse(
            remediations=[analyzer_pb2.Remediation(policyName=NAME, properties=changed)]
        )


def _rules_of(properties: dict[str, Any]) -> list[dict[str, Any]]:
    """The rule of a resource, or those of a set, which are secret if one of them is."""
    if "rules" not in properties:
        return [properties]
    rules = properties["rules"]
    return [*rules.get("value", rules).values()]


def installed(folder: Path) -> str:
    """Write the plugin into a folder for PATH."""
    return engine_plugin.installed(
        folder, "pulumi-analyzer-policy-test", "e2e.policy_plugin"
    )


def write_pack(project: Path, remedies: Mapping[str, Mapping[str, Any]]) -> None:
    """Write the policy pack of a project."""
    pack = project / NAME
    pack.mkdir(exist_ok=True)
    (pack / "PulumiPolicy.yaml").write_text("runtime: test\n")
    (pack / "remedies.json").write_text(json.dumps(remedies))


if __name__ == "__main__":
    engine_plugin.serve(
        partial(analyzer_pb2_grpc.add_AnalyzerServicer_to_server, Policy())
    )
