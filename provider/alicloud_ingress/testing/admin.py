"""
The served fake's back door: faults, calls and state over HTTP.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from alicloud_ingress.testing.faults import Fault
from alicloud_ingress.testing.limits import RateLimit
from alicloud_ingress.testing.wire import JSON_TYPE, Reply, is_list

if TYPE_CHECKING:
    from alicloud_ingress.testing.fake import FakeEcs

PREFIX = "/_fake/"


def administer(fake: FakeEcs, method: str, path: str, body: str) -> Reply:
    """
    Answer a request below `/_fake/`.

    `POST faults` takes one fault, or a list of them, by the names of `Fault`; an
    object with `per_second` is a `RateLimit`. `GET calls` gives a list. `GET` and
    `PUT state` carry what `FakeEcs.dump` writes.
    """
    name = path.removeprefix(PREFIX)
    try:
        if (method, name) == ("POST", "faults"):
            return _order(fake, json.loads(body))
        if (method, name) == ("GET", "calls"):
            return _reply(200, [call.to_json() for call in list(fake.calls)])
        if (method, name) == ("GET", "state"):
            return Reply(200, {"content-type": JSON_TYPE}, fake.dump())
        if (method, name) == ("PUT", "state"):
            fake.load(body)
            return _reply(200, {})
    except ValueError as error:
        return _reply(400, {"error": str(error)})
    return _reply(404, {"error": f"there is no {method} {path}"})


def _order(fake: FakeEcs, given: Any) -> Reply:
    orders = given if is_list(given) else [given]
    read = [_order_of(order) for order in orders]
    for each in read:
        if isinstance(each, RateLimit):
            fake.limit(each)
        else:
            fake.inject(each)
    return _reply(200, {"ordered": len(read)})


def _order_of(given: Any) -> Fault | RateLimit:
    try:
        fields: Mapping[str, Any] = dict(given)
        return (
            RateLimit(**fields) if "per_second" in fields else Fault.from_json(fields)
        )
    except TypeError as error:
        raise ValueError(f"this is no fault: {error}") from None


def _reply(status: int, content: object) -> Reply:
    return Reply(status, {"content-type": JSON_TYPE}, json.dumps(content))
