"""
The keys, the rule and the answers that the tests of the client share.
"""

from __future__ import annotations

from alicloud_ingress.ecs.config import Connection
from alicloud_ingress.ecs.credentials import Credentials
from alicloud_ingress.rules.rule import IngressRule
from functional.wire import Wire

SECRET = "a-secret-that-is-never-shown"
TOKEN = "a-token-that-is-never-shown"
KEYS = Credentials("access_key", "AK", SECRET, TOKEN, source="alicloud:accessKey")
SSH = IngressRule.parse(
    {"ip_protocol": "tcp", "port_range": 22, "source_cidr_ip": "10.0.0.0/8"}
)
HTML = "<html><body>Bad Gateway</body></html>"


def connection(server: Wire) -> Connection:
    """The address of the server, as a connection."""
    return Connection("cn-hangzhou", KEYS, server.endpoint, "http")
