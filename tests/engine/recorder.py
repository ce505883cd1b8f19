"""
A dynamic provider that records each call it gets, in a file.

Its cloud is a folder with a file for each thing. What it stores shows where it came
from: `by` is only in outputs, and names the call that returned them.
"""

from __future__ import annotations

import fcntl
import json
import os
import threading
import time
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any
from weakref import WeakKeyDictionary

import pulumi
from pulumi.dynamic import (
    CheckFailure,
    CheckResult,
    ConfigureRequest,
    CreateResult,
    DiffResult,
    ReadResult,
    Resource,
    ResourceProvider,
    UpdateResult,
)
from pulumi.output import Unknown

from alicloud_ingress.engine.failure import (
    PROVIDER_KEY,
    PartialFailureError,
    shown_as_message,
)
from alicloud_ingress.engine.runtime import Process, running
from alicloud_ingress.engine.thread_pool import widen_own_pool

CLOUD = "RECORDED_CLOUD"
PACE = "RECORDED_PACE"
"""
Seconds that a call takes, by resource, as JSON. All other calls are quick, check and
diff among them. A call that fails does so once no call has ended for `FAILING` seconds:
what the engine does beside it is done by then.
"""
QUICK = "quick"
FAILING = "failing"
COMPARED = ("label", "value", "kind", "source")
MADE, FAILED = "calls.jsonl", "failed.jsonl"
Properties = dict[str, Any]
_hosts: WeakKeyDictionary[Process, int] = WeakKeyDictionary()
_numbers = count()
_lock = threading.Lock()


class RefusedError(Exception):
    """The answer of the cloud where a call is to fail."""


@dataclass(frozen=True)
class Cloud:
    """A folder with a file for each thing that exists or existed."""

    folder: Path

    def things(self) -> list[str]:
        """The IDs of what exists."""
        return sorted(file.stem for file in self.folder.glob("*.thing"))

    def add(self, label: str, properties: Properties) -> str:
        """Make a thing; IDs are never used twice."""
        number = len([*self.folder.glob(f"{label}-*.*")]) + 1
        self.put(f"{label}-{number}", properties)
        return f"{label}-{number}"

    def put(self, identity: str, properties: Properties) -> None:
        """Change a thing."""
        (self.folder / f"{identity}.thing").write_text(json.dumps(properties))

    def get(self, identity: str) -> Properties | None:
        """The thing, if it exists."""
        file = self.folder / f"{identity}.thing"
        found: Properties | None = (
            json.loads(file.read_text()) if file.exists() else None
        )
        return found

    def remove(self, identity: str) -> None:
        """Delete a thing; nothing happens where it does not exist."""
        file = self.folder / f"{identity}.thing"
        if file.exists():
            file.rename(self.folder / f"{identity}.gone")

    def refuse(self, calls: list[str]) -> None:
        """Let these calls fail from now on, such as `create a`."""
        (self.folder / "refused.json").write_text(json.dumps(calls))

    def refuses(self, call: str) -> bool:
        """Whether this call is to fail."""
        file = self.folder / "refused.json"
        return file.exists() and call in json.loads(file.read_text())

    def write_down(self, line: Mapping[str, Any], *, fails: bool) -> None:
        """Append a call to those made; one that fails, to a file of its own."""
        with (self.folder / (FAILED if fails else MADE)).open("a") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            file.write(json.dumps(line) + "\n")

    def wait_until_quiet(self, seconds: float) -> None:
        """Wait until no call has succeeded for that long."""
        file, size, since = self.folder / MADE, -1, 0.0
        while size < 0 or time.monotonic() - since < seconds:
            now = file.stat().st_size if file.exists() else 0
            if now != size:
                size, since = now, time.monotonic()
            time.sleep(seconds / 10)

    def calls(self) -> list[dict[str, Any]]:
        """The calls since the last time."""
        lines: list[str] = []
        for file in (self.folder / MADE, self.folder / FAILED):
            lines += file.read_text().splitlines() if file.exists() else []
            file.unlink(missing_ok=True)
        return [json.loads(line) for line in lines]


class RecordingProvider(ResourceProvider):
    """
    Holds no state, as the provider that users have; `kind` cannot be changed in
    place.
    """

    serialize_as_secret_always = False

    def configure(self, req: ConfigureRequest) -> None:
        """Serve as many calls at a time as the engine makes."""
        del req
        widen_own_pool()

    def check(self, _olds: Properties, news: Properties) -> CheckResult:
        """Accept everything."""
        inputs = plain(news)
        failures: list[CheckFailure] = []
        try:
            with _recorded("check", _olds, news):
                pass
        except RefusedError:
            failures = [CheckFailure("value", "refused")]
        return CheckResult({k: v for k, v in news.items() if k in inputs}, failures)

    def diff(self, _id: str, _olds: Properties, _news: Properties) -> DiffResult:
        """Compare the fields."""
        with _recorded("diff", _id, _olds, _news):
            pass
        changed = [n for n in COMPARED if plain(_olds).get(n) != plain(_news).get(n)]
        if not changed:
            return DiffResult(changes=False)
        return DiffResult(changes=None, replaces=[n for n in changed if n == "kind"])

    @shown_as_message
    def create(self, props: Properties) -> CreateResult:
        """Make a thing."""
        with _recorded("create", props) as cloud:
            identity = cloud.add(props["label"], plain(props))
            if cloud.refuses(f"partly {props['label']}"):
                raise _in_part(identity, props, "part of a create")
        return CreateResult(identity, {**plain(props), "by": "create"})

    def read(self, id_: str, props: Properties) -> ReadResult:
        """Return what the thing is now."""
        with _recorded("read", id_, props) as cloud:
            found = cloud.get(id_)
        if found is None:
            return ReadResult("", {})
        return ReadResult(id_, {**found, "by": "read"}, found)

    @shown_as_message
    def update(self, _id: str, _olds: Properties, _news: Properties) -> UpdateResult:
        """Change the thing."""
        with _recorded("update", _id, _olds, _news) as cloud:
            cloud.put(_id, plain(_news))
            if cloud.refuses(f"partly {_news['label']}"):
                raise _in_part(_id, _news, "part of an update")
        return UpdateResult({**plain(_news), "by": "update"})

    def delete(self, _id: str, _props: Properties) -> None:
        """Remove the thing."""
        with _recorded("delete", _id, _props) as cloud:
            cloud.remove(_id)


def plain(properties: Properties) -> Properties:
    """The content of a call, without the engine's own fields."""
    return {
        name: "unknown" if isinstance(value, Unknown) else value
        for name, value in sorted(properties.items())
        if not name.startswith("__")
    }


def _in_part(identity: str, news: Properties, by: str) -> PartialFailureError:
    keys = {PROVIDER_KEY: news.get(PROVIDER_KEY, "")}
    inputs = {**plain(news), **keys}
    return PartialFailureError("in part", identity, {**inputs, "by": by}, inputs)


@contextmanager
def _recorded(method: str, *arguments: Any) -> Generator[Cloud]:
    cloud = Cloud(Path(os.environ[CLOUD]))
    held = [plain(a) if isinstance(a, dict) else a for a in arguments]  # pyright: ignore[reportUnknownArgumentType]
    label = str(held[-1]["label"])
    is_refused = cloud.refuses(f"{method} {label}")
    in_part = method in ("create", "update") and cloud.refuses(f"partly {label}")
    started = time.monotonic()
    if is_refused or in_part:
        cloud.wait_until_quiet(pace_of(FAILING))
    else:
        time.sleep(pace_of(QUICK if method in ("check", "diff") else label))
    try:
        if is_refused:
            raise RefusedError(f"{method} of {label} is refused")
        yield cloud
    finally:
        cloud.write_down(
            {
                "host": f"{os.getpid()} {_host_number()}",
                "label": label,
                "call": [method, *held, *(["refused"] if is_refused else [])],
                "started": started,
                "ended": time.monotonic(),
            },
            fails=is_refused or in_part,
        )


def _host_number() -> int:
    """Which process of the host this is, where a double of the engine has several."""
    with _lock:
        process = running()
        if process not in _hosts:
            _hosts[process] = next(_numbers)
        return _hosts[process]


def pace_of(label: str) -> float:
    """How many seconds such a call takes."""
    pace: dict[str, float] = json.loads(os.environ.get(PACE, "{}"))
    return pace.get(label.rsplit(".", maxsplit=1)[-1], pace.get(QUICK, 0.005))


class _Recorded(Resource):
    def __init__(
        self, name: str, properties: Properties, opts: pulumi.ResourceOptions
    ) -> None:
        properties = {**properties, "by": None}
        super().__init__(RecordingProvider(), name, properties, opts)


class Recorded(_Recorded, module="recorded", name="Recorded"):
    """A resource of which all calls are written down."""

    by: pulumi.Output[str]


class Renamed(_Recorded, module="recorded", name="Renamed"):
    """The same under another type."""

    by: pulumi.Output[str]


class Component(pulumi.ComponentResource):
    """What a resource may be in."""

    def __init__(self, name: str) -> None:
        super().__init__("recorded:index:Component", name)
