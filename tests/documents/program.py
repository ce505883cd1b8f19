"""
Runs one Python block of the documentation: `python program.py FILE`.

Pulumi's mocks take the engine's part; they let this provider check what is declared.
`pulumi_alicloud` is a stand-in, because its plugin is not installed here.
"""

from __future__ import annotations

import runpy
import sys
import types
from typing import Any

import pulumi

from alicloud_ingress import resource

PROVIDERS: dict[str, Any] = {
    "SecurityGroupIngressRule": resource.IngressRuleProvider,
    "SecurityGroupIngressRuleSet": resource.IngressRuleSetProvider,
}
problems: list[str] = []


class Engine(pulumi.runtime.Mocks):
    """Answers as the engine does, after the provider's check."""

    def new_resource(
        self, args: pulumi.runtime.MockResourceArgs
    ) -> tuple[str, dict[Any, Any]]:
        """Check the resources of this provider."""
        told: Any = args  # its inputs have no types
        outputs: dict[str, Any] = {**told.inputs}
        if provider := PROVIDERS.get(args.typ.rpartition(":")[2]):
            olds: dict[str, Any] = {}
            checked = provider().check(olds, outputs)
            outputs |= checked.inputs
            if not args.resource_id:
                problems.extend(failure.reason for failure in checked.failures)
        return args.resource_id or f"sg-{args.name}", outputs

    def call(
        self, args: pulumi.runtime.MockCallArgs
    ) -> tuple[dict[Any, Any], list[tuple[str, str]]]:
        """Return nothing: programs call no functions."""
        raise NotImplementedError(args.token)


class SecurityGroup(pulumi.CustomResource):
    """The security group of pulumi-alicloud, as far as the documentation uses it."""

    def __init__(self, name: str, *, vpc_id: str) -> None:
        super().__init__(
            "alicloud:ecs/securityGroup:SecurityGroup", name, {"vpcId": vpc_id}
        )


def main(file: str) -> None:
    """Run the file as a Pulumi program."""
    peer: Any = types.ModuleType("pulumi_alicloud")
    peer.ecs = types.SimpleNamespace(SecurityGroup=SecurityGroup)
    sys.modules["pulumi_alicloud"] = peer
    pulumi.runtime.set_mocks(Engine())

    engine: Any = pulumi.runtime  # whose test takes any function
    engine.test(lambda: runpy.run_path(file, run_name="__main__") and None)()
    for problem in problems:
        print(problem, file=sys.stderr)  # noqa: T201 - what the test shows
    sys.exit(1 if problems else 0)


if __name__ == "__main__":
    main(sys.argv[1])
