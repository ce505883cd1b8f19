"""
Converts HTTP requests to actions with parameters, and answers to HTTP responses.
"""

from __future__ import annotations

import json
import re
import urllib.parse
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeGuard, cast
from xml.etree import ElementTree

from alicloud_ingress.testing.errors import FakeError

COMMON_PARAMETERS = frozenset(
    {
        "AccessKeyId",
        "Action",
        "Format",
        "SecureTransport",
        "SecurityToken",
        "Signature",
        "SignatureMethod",
        "SignatureNonce",
        "SignatureType",
        "SignatureVersion",
        "SourceIp",
        "Timestamp",
        "Version",
    }
)
JSON_TYPE = "application/json;charset=utf-8"
XML_TYPE = "text/xml;charset=utf-8"
_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


class Reply(NamedTuple):
    """
    An HTTP response.
    """

    status: int
    headers: dict[str, str]
    body: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """
    A parsed HTTP request.

    Args:
        method: in upper case.
        path: percent-encoded, unchanged.
        headers: by name in lower case.
        body: unchanged.
        given: all parameters of query and form, also those of the gateway.
        from_query: only those of the query.
    """

    method: str
    path: str
    headers: Mapping[str, str]
    body: str
    given: Mapping[str, str]
    from_query: Mapping[str, str]

    @staticmethod
    def read(method: str, url: str, headers: Mapping[str, str], body: str) -> Request:
        """
        Parse a request; the URL may be absolute or a path.
        """
        place, _, query = url.partition("?")
        path = re.sub(r"^https?://[^/]*", "", place) or "/"
        from_query = _pairs(query)
        return Request(
            method=method.upper(),
            path=path,
            headers={name.lower(): value for name, value in headers.items()},
            body=body,
            given={**from_query, **_pairs(body)},
            from_query=from_query,
        )

    @property
    def action(self) -> str:
        """
        The action, from the header or the parameters; "" if it is missing.
        """
        return self.headers.get("x-acs-action") or self.given.get("Action", "")

    @property
    def version(self) -> str:
        """
        The version of the API, such as `2014-05-26`; "" if it is missing.
        """
        return self.headers.get("x-acs-version") or self.given.get("Version", "")

    @property
    def parameters(self) -> dict[str, str]:
        """
        The parameters of the action, without those of the gateway.
        """
        return {n: v for n, v in self.given.items() if n not in COMMON_PARAMETERS}

    @property
    def wants_xml(self) -> bool:
        """
        Whether to answer with XML, the default of the API.
        """
        asked = self.given.get("Format") or self.headers.get("accept", "")
        return "json" not in asked.lower()


def from_json(text: str) -> Any:
    """
    The value of a JSON text.

    Raises:
        ValueError: it is not valid JSON, or nested too deeply.
    """
    try:
        return json.loads(text)
    except RecursionError:
        raise ValueError("the JSON is nested too deeply") from None


def is_list(value: object) -> TypeGuard[list[Any]]:
    """
    Whether a value from JSON is a list.
    """
    return isinstance(value, list)


def _pairs(text: str) -> dict[str, str]:
    return dict(urllib.parse.parse_qsl(text, keep_blank_values=True))


def answered(
    request: Request, request_id: str, answer: Mapping[str, object] | FakeError
) -> Reply:
    """
    The response for an answer or an error, as XML or JSON.
    """
    if isinstance(answer, FakeError):
        status, root = answer.status, "Error"
        content: Mapping[str, object] = {
            "RequestId": request_id,
            "HostId": request.headers.get("host", "ecs.aliyuncs.com"),
            "Code": answer.code,
            "Message": answer.message,
            "Recommend": "https://api.alibabacloud.com/troubleshoot?"
            f"q={answer.code}&product=Ecs&requestId={request_id}",
        }
    else:
        status, root = 200, f"{request.action}Response"
        content = {**answer, "RequestId": request_id}
    if request.wants_xml:
        headers, body = {"content-type": XML_TYPE}, _xml(root, content)
    else:
        headers, body = {"content-type": JSON_TYPE}, json.dumps(content)
    return Reply(status, {**headers, "x-acs-request-id": request_id}, body)


def _xml(name: str, content: Mapping[str, object]) -> str:
    root = ElementTree.Element(name)
    for key, value in content.items():
        _grow(root, key, value)
    text = ElementTree.tostring(root, encoding="unicode")
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{text}'


def _grow(parent: ElementTree.Element, name: str, value: Any) -> None:
    """
    Add an element for a value; for a list, one element for each member.
    """
    members = value if is_list(value) else [value]
    for member in members:
        element = ElementTree.SubElement(parent, name)
        if isinstance(member, dict):
            for key, inner in cast("dict[str, Any]", member).items():
                _grow(element, key, inner)
        else:
            text = str(member).lower() if isinstance(member, bool) else str(member)
            element.text = _NOT_XML.sub("\ufffd", text)
