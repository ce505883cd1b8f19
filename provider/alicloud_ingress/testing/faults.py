"""
Faults and rate limits that a test injects: which calls fail, and how.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, fields, replace
from typing import Any

from alicloud_ingress.testing.errors import FakeError
from alicloud_ingress.testing.world import World

ANY_ACTION = "*"
SET_BY_TEST = "set by the test"
HTML = "<html><head><title>{0}</title></head><body><h1>{0}</h1></body></html>"


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """
    A fault of calls of one action; effects can be combined.

    If none of `code`, `body`, `keep` and `drop` is set, the normal answer is sent. If
    one is set, the action has no effect, unless `takes_effect` is set.

    Args:
        action: the action that fails; `*` is any.
        times: how many calls fail.
        skip: how many calls of the action succeed before the first one fails.
        having: only calls with a parameter whose name starts with this text, such as
            `Permissions.` for a Revoke by attributes.
        takes_effect: the action is carried out, and only its answer is changed.
        status: HTTP status; 0 for that of the normal answer.
        code: the code of an error body.
        message: the message beside the code.
        retry_after: value of the header `x-acs-retry-after`; 0 sends none.
        body: replaces the normal body.
        content_type: of that body.
        keep: how many characters of the body are sent: a truncated answer.
        drop: the connection is closed without an answer.
        delay_s: seconds between the call and its answer; with `takes_effect`, the
            action is carried out first.
        lag: how many Describes of the group do not show yet what this call changed:
            new rules are missing, and removed or changed ones are shown as before.
        edit: called with the `FakeEcs` just before the call is carried out, as a
            change by someone else.
    """

    action: str = ANY_ACTION
    times: int = 1
    skip: int = 0
    having: str = ""
    takes_effect: bool = False
    status: int = 0
    code: str = ""
    message: str = SET_BY_TEST
    retry_after: int = 0
    body: str | None = None
    content_type: str = "application/json;charset=utf-8"
    keep: int | None = None
    drop: bool = False
    delay_s: float = 0.0
    lag: int = 0
    edit: Callable[[Any], object] | None = None

    @property
    def spoils(self) -> bool:
        """
        Whether the normal answer is replaced.
        """
        return bool(self.code or self.drop) or (self.body, self.keep) != (None, None)

    @staticmethod
    def refused(
        action: str, status: int, code: str, message: str = SET_BY_TEST
    ) -> Fault:
        """
        An error with any code and status.
        """
        return Fault(action=action, status=status, code=code, message=message)

    @staticmethod
    def throttled(action: str, *, retry_after: int = 0) -> Fault:
        """
        A throttling error, with status 400 as from the gateway.
        """
        return Fault(
            action=action,
            status=400,
            code="Throttling.User",
            message="Request was denied due to user flow control.",
            retry_after=retry_after,
        )

    @staticmethod
    def html(action: str, status: int = 502) -> Fault:
        """
        An HTML page of a gateway or proxy, such as 502, 503 or 414.
        """
        return Fault(
            action=action,
            status=status,
            body=HTML.format(status),
            content_type="text/html",
        )

    @staticmethod
    def empty(action: str, status: int = 200, *, takes_effect: bool = True) -> Fault:
        """
        An answer without a body.
        """
        return Fault(action=action, status=status, body="", takes_effect=takes_effect)

    @staticmethod
    def truncated(action: str, keep: int = 20) -> Fault:
        """
        The normal answer, truncated within its JSON; the action takes effect.
        """
        return Fault(action=action, keep=keep, takes_effect=True)

    @staticmethod
    def shaped(action: str, body: str, *, takes_effect: bool = True) -> Fault:
        """
        A 200 with JSON of a wrong shape, such as `null`.
        """
        return Fault(action=action, status=200, body=body, takes_effect=takes_effect)

    @staticmethod
    def slow(action: str, seconds: float, *, takes_effect: bool = True) -> Fault:
        """
        The normal answer after a delay.
        """
        return Fault(action=action, delay_s=seconds, takes_effect=takes_effect)

    @staticmethod
    def dropped(action: str, *, takes_effect: bool) -> Fault:
        """
        The connection is closed before or after the action takes effect.
        """
        return Fault(action=action, drop=True, takes_effect=takes_effect)

    @staticmethod
    def late(action: str, describes: int = 1) -> Fault:
        """
        The change is shown only after some Describes of the group.
        """
        return Fault(action=action, lag=describes)

    @staticmethod
    def other_hand(action: str, edit: Callable[[Any], object]) -> Fault:
        """
        Someone else changes something just before the call.
        """
        return Fault(action=action, edit=edit)

    @staticmethod
    def from_json(given: Mapping[str, Any]) -> Fault:
        """
        Read a fault in the form of the admin API: the fields by name, and `edit` as a
        list of objects with the fields of `Edit`.

        Raises:
            ValueError: a name or a type is not valid; the message says which.
        """
        known = {entry.name: entry.default for entry in fields(Fault)}
        for name, value in given.items():
            if name not in known:
                raise ValueError(f"a fault has no {name!r}, only {sorted(known)}")
            if name not in ("body", "keep", "edit") and not _alike(value, known[name]):
                kind = type(known[name]).__name__
                raise ValueError(f"{name} of a fault is a {kind}, not {value!r}")
        if not _alike(given.get("body", ""), ""):
            raise ValueError("body of a fault is a str")
        if not _alike(given.get("keep", 0), 0):
            raise ValueError("keep of a fault is an int")
        if "edit" not in given:
            return Fault(**given)
        plain = {name: value for name, value in given.items() if name != "edit"}
        return Fault(**plain, edit=_edits(given["edit"]))


def _alike(value: object, default: object) -> bool:
    if isinstance(default, float):
        return isinstance(value, int | float) and not isinstance(value, bool)
    return type(value) is type(default)


@dataclass(frozen=True, slots=True, kw_only=True)
class Edit:
    """
    A change made outside the stack, in a form that JSON can hold.

    Without `rule_id` it adds a rule with `fields`. With it, it changes these fields of
    the rule, or removes the rule if `fields` is empty.
    """

    group_id: str
    rule_id: str = ""
    fields: Mapping[str, str] | None = None

    def __call__(self, fake: World) -> None:
        """
        Make the change.
        """
        if not self.rule_id:
            fake.add_rule(self.group_id, **(self.fields or {}))
        elif self.fields:
            fake.change_rule(self.group_id, self.rule_id, **self.fields)
        else:
            fake.remove_rule(self.group_id, self.rule_id)


def _edits(given: Any) -> Callable[[World], None]:
    try:
        edits = [Edit(**entry) for entry in given]
    except TypeError as error:
        raise ValueError(f"edit of a fault: {error}") from None

    def edit(fake: World) -> None:
        for each in edits:
            each(fake)

    return edit


def taken(
    waiting: list[Fault], action: str, parameters: Iterable[str] = ()
) -> Fault | None:
    """
    The first fault that applies to a call of this action with these parameters. It is
    taken from those that wait, unless it applies to more calls.
    """
    names = [*parameters] or [""]
    for index, fault in enumerate(waiting):
        if fault.action not in (action, ANY_ACTION):
            continue
        if not any(name.startswith(fault.having) for name in names):
            continue
        if fault.skip:
            waiting[index] = replace(fault, skip=fault.skip - 1)
            continue
        rest = replace(fault, times=fault.times - 1)
        waiting[index : index + 1] = [rest] if rest.times > 0 else []
        return fault
    return None


@dataclass(frozen=True, slots=True, kw_only=True)
class RateLimit:
    """
    How often an action may be called.

    Args:
        action: the action that is limited.
        per_second: how many tokens are added per second.
        burst: how many tokens the bucket holds; it starts full.
        status: of the error; some real actions answer 429.
        code: of the error.
    """

    action: str
    per_second: float
    burst: int = 1
    status: int = 400
    code: str = "Throttling.User"


class TokenBucket:
    """
    The tokens of one limit. Each call takes one; without one, it is refused.
    """

    def __init__(self, limit: RateLimit, clock: Callable[[], float]) -> None:
        self._limit = limit
        self._clock = clock
        self._tokens = float(limit.burst)
        self._filled_at = clock()

    def take(self) -> None:
        """
        Take a token.

        Raises:
            FakeError: the bucket is empty.
        """
        now = self._clock()
        added = (now - self._filled_at) * self._limit.per_second
        self._tokens = min(self._limit.burst, self._tokens + added)
        self._filled_at = now
        if self._tokens < 1:
            raise FakeError(
                self._limit.status,
                self._limit.code,
                "Request was denied due to user flow control.",
            )
        self._tokens -= 1
