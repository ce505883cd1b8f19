"""
The program of all ways: it declares the resources that it gets as data.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pulumi

from alicloud_ingress import SecurityGroupIngressRule, SecurityGroupIngressRuleSet

COMPONENT = "test:ways:Component"
ROOT = "root"
"""The parent of an alias that had none."""


def declare(placed: Sequence[Mapping[str, Any]]) -> None:
    """Declare resources, each after those that it names."""
    made: dict[str, pulumi.Resource] = {}
    for each in placed:
        opts = _options(each["name"], each["options"], made)
        if each["kind"] == "rule":
            (only,) = each["rules"]
            made[each["name"]] = SecurityGroupIngressRule(
                each["name"],
                security_group_id=each["group"],
                **only,
                **each["arguments"],
                opts=opts,
            )
        else:
            made[each["name"]] = SecurityGroupIngressRuleSet(
                each["name"],
                security_group_id=each["group"],
                rules=each["rules"],
                **each["arguments"],
                opts=opts,
            )


def _options(
    name: str, given: Mapping[str, Any], made: dict[str, pulumi.Resource]
) -> pulumi.ResourceOptions:
    options = {n: value for n, value in given.items() if n != "remedied"}
    if "aliases" in options:
        options["aliases"] = [_alias(alias, made) for alias in options["aliases"]]
    if "parent" in options:
        options["parent"] = _component(options["parent"], made)
    for option in ("depends_on", "replace_with"):
        if option in options:
            options[option] = [made[name] for name in options[option]]
    if "deleted_with" in options:
        options["deleted_with"] = made[options["deleted_with"]]
    if "custom_timeouts" in options:
        timeouts = options["custom_timeouts"]
        options["custom_timeouts"] = pulumi.CustomTimeouts(**timeouts)
    if "hooks" in options:
        options["hooks"] = _hooks(name, options["hooks"])
    if "transforms" in options:
        options["transforms"] = [_transform(each) for each in options["transforms"]]
    return pulumi.ResourceOptions(**options)


def _hooks(name: str, given: Mapping[str, str]) -> pulumi.ResourceHookBinding:
    """
    A hook for each moment, which passes or fails.
    """
    binding = pulumi.ResourceHookBinding()
    for moment, ends in given.items():
        hook = _retrying if moment == "on_error" else _hook
        setattr(binding, moment, [hook(f"{name} {moment}", ends)])
    return binding


def _hook(name: str, ends: str) -> pulumi.ResourceHook:
    def run(_: pulumi.ResourceHookArgs) -> None:
        if ends == "fails":
            raise RuntimeError(f"the hook {name} fails")

    return pulumi.ResourceHook(name, run)


def _retrying(name: str, times: str) -> pulumi.ErrorHook:
    def run(args: pulumi.ErrorHookArgs) -> bool:
        return len(args.errors) <= int(times)

    return pulumi.ErrorHook(name, run)


def _transform(given: Mapping[str, Any]) -> pulumi.ResourceTransform:
    """
    A transform that sets arguments (`props`) and options (`opts`).
    """

    def run(args: pulumi.ResourceTransformArgs) -> pulumi.ResourceTransformResult:
        opts = pulumi.ResourceOptions(**given.get("opts", {}))
        return pulumi.ResourceTransformResult(
            {**args.props, **given.get("props", {})},
            pulumi.ResourceOptions.merge(args.opts, opts),
        )

    return run


def _alias(given: Mapping[str, str], made: dict[str, pulumi.Resource]) -> pulumi.Alias:
    alias: dict[str, Any] = dict(given)
    if alias.get("parent") == ROOT:
        alias["parent"] = pulumi.ROOT_STACK_RESOURCE
    elif "parent" in alias:
        alias["parent"] = _component(alias["parent"], made)
    return pulumi.Alias(**alias)


def _component(name: str, made: dict[str, pulumi.Resource]) -> pulumi.Resource:
    if name not in made:
        made[name] = pulumi.ComponentResource(COMPONENT, name)
    return made[name]
