"""
The stack of the bench: many rules in groups, as configured.

The rules differ only in their port, so that each has the same cost.
"""

import json

import pulumi
from benchmarks.floor import Floor

import alicloud_ingress

settings = pulumi.Config("bench")
kind = settings.require("kind")
count = settings.require_int("count")
groups = json.loads(settings.require("groups"))
SOURCE = "10.0.0.0/8"

if kind == "set":
    for place, group in enumerate(groups):
        alicloud_ingress.SecurityGroupIngressRuleSet(
            f"set-{place}",
            security_group_id=group,
            rules=[
                alicloud_ingress.IngressRuleArgs(
                    ip_protocol="tcp", port_range=port, source_cidr_ip=SOURCE
                )
                for port in range(1 + place, count + 1, len(groups))
            ],
        )
else:
    resource = {"single": alicloud_ingress.SecurityGroupIngressRule, "floor": Floor}[
        kind
    ]
    for port in range(1, count + 1):
        resource(
            f"tcp-{port}",
            security_group_id=groups[port % len(groups)],
            ip_protocol="tcp",
            port_range=port,
            source_cidr_ip=SOURCE,
        )
