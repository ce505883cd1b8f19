"""
The requests of the Terraform provider, which pulumi-alicloud wraps.

`peer_requests.json` holds their exact form, as read from the public sources of the
provider and of the two SDKs that it uses: the verb, the parameters, and which of them
are in the query and which in a form. Each is signed by RPC signature V1.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import urllib.parse
import uuid
from collections.abc import Mapping
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import requests

from fake.front import Front

SHAPES: dict[str, dict[str, Any]] = json.loads(
    Path(__file__).with_name("peer_requests.json").read_text(encoding="utf-8")
)
KEY, SECRET = "AK", "secret"
FIELDS = frozenset(
    {
        "IpProtocol",
        "PortRange",
        "SourceCidrIp",
        "Ipv6SourceCidrIp",
        "SourceGroupId",
        "SourcePrefixListId",
        "Policy",
        "Priority",
        "NicType",
        "Description",
    }
)


def send(front: Front, name: str, group: str = "", **changes: str) -> requests.Response:
    """
    Send one of the requests, with some fields of the rule changed.
    """
    return send_shape(front, SHAPES[name], group, **changes)


def send_rule(
    front: Front, name: str, group: str, fields: Mapping[str, str]
) -> requests.Response:
    """
    Send one of the requests with the fields of another rule.
    """
    shape = SHAPES[name]
    place, prefix = ("form", "Permissions.1.") if shape["form"] else ("query", "")
    kept = {
        name: value
        for name, value in shape[place].items()
        if name.removeprefix(prefix) not in FIELDS
    }
    named = {f"{prefix}{name}": value for name, value in fields.items()}
    return send_shape(front, {**shape, place: {**kept, **named}}, group)


def send_shape(
    front: Front, shape: Mapping[str, Any], group: str, **changes: str
) -> requests.Response:
    """
    Fill in, sign and send a request.
    """
    query = {
        **_filled(shape["query"], group, changes),
        "AccessKeyId": KEY,
        "SignatureNonce": uuid.uuid4().hex,
        "Timestamp": datetime.now(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ"),
    }
    form = _filled(shape["form"], group, changes)
    query["Signature"] = signature(shape["method"], {**query, **form}, SECRET)
    return front.session.request(
        shape["method"],
        f"{front.url}/",
        params=query,
        data=form,
        headers={"content-type": "application/x-www-form-urlencoded"},
        timeout=10,
    )


def _filled(
    parameters: Mapping[str, str], group: str, changes: Mapping[str, str]
) -> dict[str, str]:
    return {
        name: changes.get(name.rpartition(".")[2], value).format(group=group)
        for name, value in parameters.items()
    }


def signature(method: str, parameters: dict[str, str], secret: str) -> str:
    """
    RPC signature V1 of all parameters, of query and form alike.
    """
    canonical = urllib.parse.urlencode(
        sorted(parameters.items()), quote_via=urllib.parse.quote, safe="~"
    )
    text = f"{method}&%2F&{urllib.parse.quote(canonical, safe='~')}"
    digest = hmac.new(f"{secret}&".encode(), text.encode(), hashlib.sha1).digest()
    return base64.b64encode(digest).decode()
