"""
The kept states of the real pulumi-alicloud, with their rules in a fake.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from alicloud_ingress.testing import FakeEcs

GROUP = "sg-00000001"
PEER_TYPE = "alicloud:ecs/securityGroupRule:SecurityGroupRule"
_FIELDS = {
    "ipProtocol": "IpProtocol",
    "portRange": "PortRange",
    "policy": "Policy",
    "cidrIp": "SourceCidrIp",
    "ipv6CidrIp": "Ipv6SourceCidrIp",
    "sourceSecurityGroupId": "SourceGroupId",
    "prefixListId": "SourcePrefixListId",
    "description": "Description",
}


def peer_rules(export: dict[str, Any]) -> list[dict[str, Any]]:
    """The rule resources of pulumi-alicloud in a state."""
    resources = export["deployment"]["resources"]
    return [each for each in resources if each["type"] == PEER_TYPE]


def existing(fake: FakeEcs, name: str, group: str = GROUP) -> str:
    """
    Make the rules of a state in a group; the state, changed to that group and its
    IDs.
    """
    file = Path(__file__).with_name(f"{name}.json")
    text = file.read_text(encoding="utf-8").replace(GROUP, group)
    ids: dict[str, str] = {}
    for resource in peer_rules(json.loads(text)):
        outputs = resource["outputs"]
        fields = {_FIELDS[k]: str(v) for k, v in outputs.items() if k in _FIELDS and v}
        if outputs["prefixListId"]:
            fields["SourcePrefixListId"] = fake.new_prefix_list("10.0.0.0/8")
        made = fake.add_rule(group, **fields, Priority=str(outputs["priority"]))
        ids[outputs["securityGroupRuleId"]] = made
    # All at once: an ID of the state may be the new ID of another rule.
    return re.sub(r"sgr-\w+", lambda found: ids.get(found[0], found[0]), text)
