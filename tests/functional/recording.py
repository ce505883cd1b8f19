"""
The answers of a real account, recorded without secrets and without what belongs to
others.
"""

from __future__ import annotations

import datetime as dt
import json
import os
import re
import urllib.parse
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast

import pytest
import requests
from requests.adapters import HTTPAdapter

from alicloud_ingress.ecs.config import is_loopback
from alicloud_ingress.testing.gateway import is_list

SECRETS = re.compile(r"(ACCESS_KEY|SECRET|TOKEN)")
MASKED_FIELDS = {
    "AccountId": "****",
    "Arn": "****",
    "ClientToken": "****",
    "HostId": "****",
    "IdentityType": "****",
    "PrincipalId": "****",
    "Recommend": "****",
    "SecurityGroupName": "****",
    "SourceGroupOwnerAccount": "****",
    "UserId": "****",
}
IDS = re.compile(r"\b(sgr|sg|vpc|pl|prl|ssp)-[\w-]+")
REQUEST_ID = re.compile(r"\b(\w{8,12})-\w{4}-\w{4}-\w{4}-\w{12}\b")
ACCOUNT = re.compile(r"\b\d{16}\b")
REDACTED = [
    "IDs of groups, rules, networks and requests",
    "accounts, names, hosts and tokens",
    "rules that the test did not make, and all but one of those that it made",
    "headers that do not matter",
]


@contextmanager
def recording(folder: str, mark: str) -> Generator[None]:
    """
    Record the first exchange of each kind into a folder; none where it is "".

    Args:
        folder: of the files; created if it is missing.
        mark: the description of rules that may be shown.
    """
    if not folder:
        yield
        return
    send = HTTPAdapter.send

    def noted(
        self: HTTPAdapter, request: requests.PreparedRequest, *args: Any, **more: Any
    ) -> requests.Response:
        response = send(self, request, *args, **more)
        note(Path(folder), mark, request, response)
        return response

    with pytest.MonkeyPatch.context() as wire:
        wire.setattr(HTTPAdapter, "send", noted)
        yield


def note(
    folder: Path,
    mark: str,
    request: requests.PreparedRequest,
    response: requests.Response,
) -> None:
    """
    Write an exchange, unless there is one of its kind.
    """
    url = urllib.parse.urlsplit(str(request.url))
    body = request.body or b""
    form = body.decode() if isinstance(body, bytes) else str(body)
    parameters = dict(urllib.parse.parse_qsl(f"{url.query}&{form}"))
    action = request.headers.get("x-acs-action", "")
    try:
        answered: Any = response.json()
    except ValueError:
        answered = response.text
    if not _may_be_shown(answered, mark):
        return
    stand_in = is_loopback(url.netloc)
    exchange = {
        "kind": "recorded from a stand-in" if stand_in else "recorded live",
        "source": "the fake" if stand_in else f"ECS, {parameters.get('RegionId', '')}",
        "date": dt.datetime.now(dt.timezone.utc).date().isoformat(),
        "redacted": REDACTED,
        "added": [],
        "request": {
            "action": action,
            "version": request.headers.get("x-acs-version", ""),
            "method": str(request.method),
            "headers": {"accept": request.headers.get("accept", "")},
            "parameters": parameters,
        },
        "response": {
            "status": response.status_code,
            "headers": {"content-type": response.headers.get("content-type", "")},
            "body": answered,
        },
    }
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / f"live-{_name(action, parameters, answered)}.json"
    if not file.exists():
        file.write_text(redacted(exchange, os.environ) + "\n", encoding="utf-8")


def redacted(exchange: Mapping[str, Any], environ: Mapping[str, str]) -> str:
    """
    The exchange as JSON, without what identifies its owner.

    Raises:
        ValueError: a secret of the environment is still in it.
    """
    text = json.dumps(_masked(exchange), indent=2, ensure_ascii=False)
    text = IDS.sub(r"\1-****", text)
    text = REQUEST_ID.sub(r"\1-****", text)
    text = ACCOUNT.sub("****", text)
    for name, value in environ.items():
        if SECRETS.search(name) and len(value) > len("AK") and value in text:
            raise ValueError(f"the value of {name} would be written down")
    return text


def _masked(value: Any) -> Any:
    if (fields := _as_object(value)) is not None:
        return {
            name: MASKED_FIELDS.get(name, _masked(inner))
            for name, inner in fields.items()
        }
    if is_list(value):
        return [_masked(inner) for inner in value]
    return value


def _as_object(value: Any) -> dict[str, Any] | None:
    return cast("dict[str, Any]", value) if isinstance(value, dict) else None


def _may_be_shown(answered: Any, mark: str) -> bool:
    """
    Leave one rule of this run in an answer; an answer without one is not recorded.
    """
    permissions = _as_object((_as_object(answered) or {}).get("Permissions"))
    if permissions is None:
        return True
    rules: list[dict[str, Any]] = permissions["Permission"]
    permissions["Permission"] = [r for r in rules if r.get("Description") == mark][:1]
    return bool(permissions["Permission"])


def _name(action: str, parameters: Mapping[str, str], answered: Any) -> str:
    words = re.sub(r"(?<=[a-z])(?=[A-Z])", "-", action).lower()
    if "SecurityGroupRuleId.1" in parameters:
        words += "-by-id"
    code = str((_as_object(answered) or {"Code": "no-json"}).get("Code", ""))
    return f"{words}-{code}".strip("-").lower().replace(".", "-")
