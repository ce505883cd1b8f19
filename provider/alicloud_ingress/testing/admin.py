"""
The admin API of the served fake: faults, calls, state and behaviour over HTTP.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

from alicloud_ingress.testing.backend import Backend
from alicloud_ingress.testing.faults import Fault, RateLimit
from alicloud_ingress.testing.wire import JSON_TYPE, Reply, from_json, is_list

PREFIX = "/_fake/"


def administer(fake: Backend, method: str, path: str, body: str) -> Reply:
    """
    Answer a request below `/_fake/`.

    `POST faults` takes one fault or a list of them, as objects with the fields of
    `Fault`; an object with `per_second` is a `RateLimit`. `GET calls` returns a list.
    `GET state` returns what `FakeEcs.dump` writes, and `PUT state` loads it.
    `GET behaviour` returns the settings of `Behaviour` by name; `POST behaviour`
    changes some of them.
    """
    act = _ROUTES.get((method, path.removeprefix(PREFIX)))
    if act is None:
        return _reply(404, {"error": f"there is no {method} {path}"})
    try:
        return act(fake, body)
    except ValueError as error:
        return _reply(400, {"error": str(error)})


def _calls(fake: Backend, _body: str) -> Reply:
    return _reply(200, [call.to_json() for call in list(fake.calls)])


def _state(fake: Backend, _body: str) -> Reply:
    return Reply(200, {"content-type": JSON_TYPE}, fake.dump())


def _load(fake: Backend, body: str) -> Reply:
    fake.load(body)
    return _reply(200, {})


def _behaviour(fake: Backend, _body: str) -> Reply:
    return _reply(200, fake.behaviour.to_json())


def _behave(fake: Backend, body: str) -> Reply:
    try:
        settings: dict[str, object] = dict(from_json(body))
    except TypeError as error:
        raise ValueError(f"this is not an object of settings: {error}") from None
    fake.behaviour = fake.behaviour.changed(settings)
    return _behaviour(fake, "")


def _order(fake: Backend, body: str) -> Reply:
    given = from_json(body)
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
        raise ValueError(f"the fault is not valid: {error}") from None


def _reply(status: int, content: object) -> Reply:
    return Reply(status, {"content-type": JSON_TYPE}, json.dumps(content))


_ROUTES: dict[tuple[str, str], Callable[[Backend, str], Reply]] = {
    ("POST", "faults"): _order,
    ("GET", "calls"): _calls,
    ("GET", "state"): _state,
    ("PUT", "state"): _load,
    ("GET", "behaviour"): _behaviour,
    ("POST", "behaviour"): _behave,
}
