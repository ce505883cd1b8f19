"""
A group in the fake, and the gate on previews of changes to it.
"""

from __future__ import annotations

import datetime as dt
import json
from pathlib import Path
from typing import Any

from click.testing import CliRunner, Result

from alicloud_ingress.cli.main import main
from alicloud_ingress.testing import FakeEcs

WORLD = "0.0.0.0/0"
ADMIN = ("--fail-on", "world-open-admin")
ANY = ("--fail-on", "world-open-any")
LIVE = ("--live", *ADMIN)


class Gate:
    """A group in the fake, and the command over previews of changes to it."""

    def __init__(self, fake: FakeEcs, folder: Path) -> None:
        self.fake = fake
        self.group = fake.new_group()
        self.preview = folder / "preview.json"
        self.waivers = folder / "waivers.json"

    def __call__(
        self, steps: list[dict[str, Any]], *arguments: str, **more: Any
    ) -> Result:
        self.preview.write_text(json.dumps({"steps": steps, **more}))
        return CliRunner().invoke(
            main, ["preview-report", str(self.preview), *arguments]
        )

    def waive(self, *waivers: dict[str, Any]) -> tuple[str, str]:
        """A file of waivers that last some days, as the option that names it."""
        until = dt.datetime.now(dt.timezone.utc).date() + dt.timedelta(days=20)
        entries = [
            {"reason": "a test", "until": until.isoformat(), **each} for each in waivers
        ]
        self.waivers.write_text(json.dumps(entries))
        return ("--waivers", str(self.waivers))

    def live(
        self, ports: str = "22/22", source: str = WORLD, group: str = "", **more: str
    ) -> str:
        """Add a live rule to the group; its ID."""
        kind = "Ipv6SourceCidrIp" if ":" in source else "SourceCidrIp"
        fields = {"IpProtocol": "tcp", "PortRange": ports, kind: source, **more}
        return self.fake.add_rule(group or self.group, **fields)

    def rule(
        self, ports: object = 22, source: str = WORLD, **more: Any
    ) -> dict[str, Any]:
        """The inputs of a rule of the group."""
        kind = "ipv6_source_cidr_ip" if ":" in source else "source_cidr_ip"
        return {
            "security_group_id": self.group,
            "region": "cn-hangzhou",
            "ip_protocol": "tcp",
            "port_range": ports,
            kind: source,
            **more,
        }

    def set_of(self, *rules: dict[str, Any]) -> dict[str, Any]:
        """The inputs of a set of rules of the group."""
        place = {"security_group_id": self.group, "region": "cn-hangzhou"}
        entries = {
            f"tcp {n}": {k: v for k, v in rule.items() if k not in place}
            for n, rule in enumerate(rules)
        }
        return {**place, "rules": entries}


def known(old: dict[str, Any], rule_id: str, **more: Any) -> dict[str, Any]:
    """The old state of a rule whose ID is known."""
    return {"outputs": {**old, "security_group_rule_id": rule_id}, "id": rule_id} | more
