"""
The requests of the Terraform provider, which pulumi-alicloud wraps.

`peer_requests.json` holds their exact shape, as it was read in the public sources of
the provider and of the two SDKs that it uses: which verb, which parameters, what of
them is in the query and what in a form. Each is signed by RPC signature V1.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import urllib.parse
import uuid
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import requests

from fake.front import Front

SHAPES: dict[str, dict[str, Any]] = json.loads(
    Path(__file__).with_name("peer_requests.json").read_text(encoding="utf-8")
)
KEY, SECRET = "AK", "secret"


def send(front: Front, name: str, group: str = "", **changes: str) -> requests.Response:
    """
    Send one of the requests; a parameter changed to "-" is left out.
    """
    shape = SHAPES[name]
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
    parameters: dict[str, str], group: str, changes: dict[str, str]
) -> dict[str, str]:
    filled = {
        name: changes.get(name.rpartition(".")[2], value).format(group=group)
        for name, value in parameters.items()
    }
    return {name: value for name, value in filled.items() if value != "-"}


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
