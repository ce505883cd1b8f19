"""
The calls of one command in a form that can be compared.

A command's calls are a list of hosts, in the order in which they began. A host's calls
are a list of stages: whatever is in one has ended before the next begins. A stage holds
the calls of each resource, in their order; those of different resources meet.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

Call = list[Any]
Stage = dict[str, list[Call]]
Host = list[Stage]
End = dict[str, int]
"""How many calls of each resource have been made."""


@dataclass(frozen=True)
class Made:
    """One call, as it was recorded."""

    host: str
    label: str
    call: Call
    started: float
    ended: float

    @classmethod
    def read(
        cls, line: Mapping[str, Any], doomed: Collection[str], prefix: str = ""
    ) -> Made:
        """
        From a line of the file, without the prefix of the way.

        Args:
            line: what a call has written down.
            doomed: IDs of what was replaced before, and is another thing now.
            prefix: what all names of the way begin with.
        """
        label = str(line["label"]).removeprefix(prefix)
        call = [told(prefix, each) for each in line["call"]]
        is_doomed = isinstance(call[1], str) and call[1] in doomed
        return cls(
            str(line["host"]),
            f"{label}, replaced" if is_doomed else label,
            call,
            float(line["started"]),
            float(line["ended"]),
        )


def doomed_in(state: Iterable[Sequence[Any]]) -> set[str]:
    """The IDs of what was replaced and is still to be deleted."""
    return {str(entry[1]) for entry in state if "delete" in entry[4:]}


def told(prefix: str, argument: Any) -> Any:
    """An argument of a call, without the label of the recording."""
    held = without(prefix, argument)
    if not isinstance(held, dict):
        return held
    return {name: value for name, value in held.items() if name != "label"}  # pyright: ignore[reportUnknownVariableType]


def without(prefix: str, value: Any) -> Any:
    """A value whose texts have the prefix removed."""
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
    total = whole(first)
    if total != whole(second):
        return None
    others = _ends(second)
    return _divided(total, [end for end in _ends(first) if end in others])


def fixed(host: Host, *, are_ordered: bool, reads_first: bool) -> Host:
    """
    The stages that the engine brings about, without those of one recording alone.

    In which order a program registers resources that do not need one another, and the
    engine reads them, is chance. What is fixed are the phases: all is read before the
    program runs, and what leaves is deleted when the program has ended. A delete that
    is refused may be of either kind, so that nothing is said of it.

    Args:
        host: the calls.
        are_ordered: whether a resource needs another, so that all is one after the
            other.
        reads_first: whether all is read before the program runs.
    """
    total = whole(host)

    def is_kept(end: End) -> bool:
        before = [calls[: end.get(label, 0)] for label, calls in total.items()]
        after = [calls[end.get(label, 0) :] for label, calls in total.items()]
        is_reading = reads_first and _methods(before) <= {"read", "diff"}
        if is_reading:
            then = {calls[0][0] for calls in after if calls}
            return "read" not in _methods(after) and "diff" not in then
        deletes = _methods(after) <= {"delete"} and not _is_refused(after)
        has_begun = any(calls and calls[-1][0] == "delete" for calls in before)
        return are_ordered or (deletes and not has_begun)

    kept = [end for end in _ends(host) if is_kept(end)]
    return _divided(
        total, [*kept, {label: len(calls) for label, calls in total.items()}]
    )


def _methods(chains: Iterable[Sequence[Call]]) -> set[str]:
    return {call[0] for calls in chains for call in calls}


def _is_refused(chains: Iterable[Sequence[Call]]) -> bool:
    return any("refused" in call for calls in chains for call in calls)


def _divided(total: Stage, ends: Iterable[End]) -> Host:
    stages: Host = []
    before: End = {}
    for end in ends:
        stage = {
            label: calls[before.get(label, 0) : end.get(label, 0)]
            for label, calls in total.items()
            if end.get(label, 0) > before.get(label, 0)
        }
        if stage:
            stages.append(stage)
        before = end
    return joined(stages)


def whole(host: Host) -> Stage:
    """All calls of each resource in their order, whatever the stages."""
    total: Stage = {}
    for stage in host:
        for label, calls in stage.items():
            total[label] = [*total.get(label, []), *calls]
    return dict(sorted(total.items()))


def _ends(host: Host) -> list[End]:
    """
    How many calls of each resource are made wherever all before have ended: at the end
    of each stage, and after each call of a stage of one resource.
    """
    ends: list[End] = []
    made: End = {}
    for stage in host:
        if len(stage) == 1:
            ((label, calls),) = stage.items()
            count = made.get(label, 0)
            ends += [{**made, label: count + i + 1} for i in range(len(calls))]
        else:
            ends.append({**made, **{n: made.get(n, 0) + len(stage[n]) for n in stage}})
        made = ends[-1]
    return ends
