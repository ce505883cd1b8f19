"""
What a program hands to Pulumi, and the attributes that it gets.
"""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

import pytest

from alicloud_ingress.previews.declared import RULE, RULE_SET

PROGRAM = """
import json, pulumi
from alicloud_ingress import SecurityGroupIngressRule, SecurityGroupIngressRuleSet

handed = {}
read = {}
types = {}

class Web(SecurityGroupIngressRule, name="Web"):
    pass

class Sets(SecurityGroupIngressRuleSet):
    pass

class Engine(pulumi.runtime.Mocks):
    def new_resource(self, args):
        handed[args.name] = sorted(args.inputs)
        types[args.name] = args.typ
        outputs = {"port_range": "22/22"} if args.resource_id else args.inputs
        return args.resource_id or args.name, outputs
    def call(self, args):
        return {}

def note(name, attribute, resource):
    def keep(value):
        read[f"{name}.{attribute}"] = value
    return getattr(resource, attribute).apply(keep)

def program():
    ssh = {"ip_protocol": "tcp", "port_range": "22/22", "source_cidr_ip": "10.0.0.0/8"}
    one = SecurityGroupIngressRule("one", security_group_id="sg-1", **ssh)
    many = SecurityGroupIngressRuleSet("many", security_group_id="sg-1", rules=[ssh])
    Web("web", security_group_id="sg-1", **ssh)
    Sets("sets", security_group_id="sg-1", rules=[ssh])
    got = SecurityGroupIngressRule.get("got", "sgr-1", security_group_id="sg-1")
    try:
        one.no_such_argument
    except AttributeError as error:
        read["no such argument"] = str(error)
    return pulumi.Output.all(
        note("one", "port_range", one),
        note("one", "source_group_id", one),
        note("many", "exclusive", many),
        note("got", "port_range", got),
        note("got", "description", got),
    )

pulumi.runtime.set_mocks(Engine())
pulumi.runtime.test(program)()
print(json.dumps({"handed": handed, "read": read, "types": types}))
"""


@pytest.fixture(scope="module")
def seen() -> dict[str, Any]:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM], check=True, capture_output=True, text=True
    )
    result: dict[str, Any] = json.loads(done.stdout)
    return result


def test_an_argument_left_out_does_not_reach_pulumi(seen: dict[str, Any]) -> None:
    """Pulumi makes about six futures for each argument of each resource."""
    handed = {*seen["handed"]["one"], *seen["handed"]["many"]}

    assert handed >= {"security_group_id", "port_range", "rules"}
    assert not handed & {"source_group_id", "description", "exclusive", "keep"}


def test_an_argument_that_is_not_passed_reads_as_none(seen: dict[str, Any]) -> None:
    assert seen["read"]["one.port_range"] == "22/22"
    assert seen["read"]["one.source_group_id"] is None
    assert seen["read"]["many.exclusive"] is None


def test_a_rule_that_is_read_has_what_was_read(seen: dict[str, Any]) -> None:
    assert seen["read"]["got.port_range"] == "22/22"
    assert seen["read"]["got.description"] is None


def test_a_name_that_is_no_argument_is_refused(seen: dict[str, Any]) -> None:
    assert "no_such_argument" in seen["read"]["no such argument"]


def test_a_class_that_a_program_derives_keeps_the_type(seen: dict[str, Any]) -> None:
    """All that reads states and previews knows rules by their type."""
    assert seen["types"]["web"] == seen["types"]["one"] == RULE
    assert seen["types"]["sets"] == seen["types"]["many"] == RULE_SET
