"""
Text for the steps of the engine and the calls of the API.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from pulumi.automation import OpType, StepEventMetadata
from rich.markup import escape

from alicloud_ingress.testing import FakeCall

SIGNS = {
    OpType.CREATE: "[green]+[/green]",
    OpType.UPDATE: "[yellow]~[/yellow]",
    OpType.REFRESH: "[yellow]found changed:[/yellow]",
    OpType.DELETE: "[red]-[/red]",
}
QUIET = {OpType.SAME, OpType.REFRESH}
SOURCES = ("SourceCidrIp", "Ipv6SourceCidrIp", "SourceGroupId", "SourcePrefixListId")
ARGUMENTS = (
    "source_cidr_ip",
    "ipv6_source_cidr_ip",
    "source_group_id",
    "source_prefix_list_id",
)
DESTINATIONS = ("DestCidrIp", "Ipv6DestCidrIp")


def change(step: StepEventMetadata) -> list[str]:
    """
    A line for the rule that a step changes, and one for each field; else nothing.
    """
    fields = sorted(step.detailed_diff or {})
    if step.op in QUIET and not fields:
        return []
    name = step.urn.rpartition("::")[2]
    line = f"{name:<20} {detail(step)}".rstrip()
    lines = [f"{SIGNS.get(step.op, step.op.value)} {escape(line)}"]
    before = (step.old and step.old.outputs) or {}
    after = (step.new and (step.new.outputs or step.new.inputs)) or {}
    for field in fields:
        old, new = (escape(str(side.get(field, ""))) for side in (before, after))
        lines.append(f"    {field}: [red]{old}[/red] -> [green]{new}[/green]")
    return lines


def detail(step: StepEventMetadata) -> str:
    """
    What is created, or the ID of what is deleted.
    """
    if step.op is OpType.DELETE and step.old:
        return step.old.id
    inputs = (step.op is OpType.CREATE and step.new and step.new.inputs) or {}
    source = next((inputs[name] for name in ARGUMENTS if inputs.get(name)), "")
    if not source:
        return ""
    what = (inputs.get("policy") or "accept", inputs["ip_protocol"])
    return " ".join(map(str, (*what, inputs.get("port_range", ""), "from", source)))


def write(call: FakeCall) -> list[str]:
    """
    A call that changes something: a line for each rule that it names.
    """
    named = [
        f"{parameter}={value}"
        for parameter, value in call.parameters.items()
        if parameter.startswith("SecurityGroupRuleId")
    ]
    listed: dict[str, dict[str, str]] = {}
    for parameter, value in call.parameters.items():
        if found := re.fullmatch(r"Permissions\.(\d+)\.(\w+)", parameter):
            listed.setdefault(found[1], {})[found[2]] = value
    described = [rule(fields) for fields in listed.values()]
    if "IpProtocol" in call.parameters:
        described.append(rule(call.parameters))
    refused = [f"refused: {call.code}"] if call.code else []
    return [
        f"{call.action if first else ' ' * len(call.action)}  {escape(text)}"
        for first, text in zip(
            [True, *[False] * len(call.parameters)],
            [*named, *described, *refused],
            strict=False,
        )
    ]


def rule(fields: Mapping[str, str]) -> str:
    """
    One rule, from the parameters of a call.
    """
    source = next((fields[name] for name in SOURCES if fields.get(name)), "nowhere")
    words = [fields.get("Policy", "accept"), fields["IpProtocol"]]
    words += [fields.get("PortRange", ""), "from", source]
    if ports := fields.get("SourcePortRange"):
        words.append(f"source ports {ports}")
    words += [f"to {fields[name]}" for name in DESTINATIONS if fields.get(name)]
    return " ".join([*words, "priority", fields.get("Priority", "1")])
