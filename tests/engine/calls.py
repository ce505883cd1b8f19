"""
The calls of one command in a form that can be compared.

A command's calls are a list of hosts, in the order in which they began. A host's calls
are a list of stages: whatever is in one has ended before the next begins. A stage holds
the calls of each resource, in their order; those of different resources meet.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

Call = list[Any]
Stage = dict[str, list[Call]]
Host = list[Stage]


@dataclass(frozen=True)
class Made:
    """One call, as it was written down."""

    host: str
    label: str
    call: Call
    started: float
    ended: float

    @classmethod
    def read(cls, line: Mapping[str, Any], prefix: str = "") -> Made:
        """From a line of the file, without the prefix of the way."""
        return cls(
            str(line["host"]),
            str(line["label"]).removeprefix(prefix),
            [told(prefix, each) for each in line["call"]],
            float(line["started"]),
            float(line["ended"]),
        )


def told(prefix: str, argument: Any) -> Any:
    """An argument of a call, without the label that the call is recorded under."""
    held = without(prefix, argument)
    if not isinstance(held, dict):
        return held
    return {name: value for name, value in held.items() if name != "label"}  # pyright: ignore[reportUnknownVariableType]


def without(prefix: str, value: Any) -> Any:
    """A value whose texts do not begin with the prefix."""
    if isinstance(value, str):
        return value.removeprefix(prefix)
    if isinstance(value, list):
        return [without(prefix, each) for each in value]  # pyright: ignore[reportUnknownVariableType]
    if isinstance(value, dict):
        return {name: without(prefix, each) for name, each in value.items()}  # pyright: ignore[reportUnknownVariableType]
    return value


def hosts_of(calls: Iterable[Made]) -> list[Host]:
    """The calls of one command."""
    ordered = sorted(calls, key=lambda made: made.started)
    hosts = list(dict.fromkeys(made.host for made in ordered))
    return [stages_of([m for m in ordered if m.host == host]) for host in hosts]


def stages_of(ordered: Sequence[Made]) -> Host:
    """Divided wherever all calls before have ended; stages of one resource are one."""
    stages: list[list[Made]] = []
    latest = 0.0
    for made in ordered:
        if not stages or latest <= made.started:
            stages.append([])
        stages[-1].append(made)
        latest = max(latest, made.ended)
    return joined([by_resource(stage) for stage in stages])


def joined(stages: Sequence[Stage]) -> Host:
    """Neighbouring stages of the same one resource as one."""
    merged: Host = []
    for stage in stages:
        if merged and len(stage) == 1 and merged[-1].keys() == stage.keys():
            (label,) = stage
            merged[-1] = {label: [*merged[-1][label], *stage[label]]}
        else:
            merged.append(stage)
    return merged


def by_resource(calls: Iterable[Made]) -> Stage:
    """The calls of each resource in their order."""
    ordered = sorted(calls, key=lambda made: (made.label, made.started))
    return {
        label: [made.call for made in made_for]
        for label, made_for in groupby(ordered, lambda made: made.label)
    }


def common(first: Sequence[Host], second: Sequence[Host]) -> list[Host] | None:
    """
    The stages that two recordings of a command have in common, or None where they
    differ in a call, or in the order of the calls of a resource.
    """
    if len(first) != len(second):
        return None
    hosts = [_common(one, other) for one, other in zip(first, second, strict=True)]
    known = [host for host in hosts if host is not None]
    return known if len(known) == len(hosts) else None


def _common(first: Host, second: Host) -> Host | None:
    if whole(first) != whole(second):
        return None
    ends = [_ends(host) for host in (first, second)]
    shared_ends = [end for end in ends[0] if end in ends[1]]
    total = whole(first)
    stages: Host = []
    before: dict[str, int] = {}
    for end in shared_ends:
        stages.append(
            {
                label: calls[before.get(label, 0) : end[label]]
                for label, calls in total.items()
                if end.get(label, 0) > before.get(label, 0)
            }
        )
        before = end
    return joined(stages)


def whole(host: Host) -> Stage:
    """All calls of each resource in their order, whatever the stages."""
    total: Stage = {}
    for stage in host:
        for label, calls in stage.items():
            total[label] = [*total.get(label, []), *calls]
    return dict(sorted(total.items()))


def _ends(host: Host) -> list[dict[str, int]]:
    """How many calls of each resource are made by the end of each stage."""
    ends: list[dict[str, int]] = []
    for stage in host:
        before = ends[-1] if ends else {}
        ends.append(
            {
                label: before.get(label, 0) + len(stage.get(label, []))
                for label in before.keys() | stage.keys()
            }
        )
    return ends
