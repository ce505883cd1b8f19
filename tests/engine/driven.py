"""
Runs the double through the recorded ways, with the provider that records its calls.
"""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from typing import Any

from engine.calls import Made, hosts_of
from engine.double import Stack
from engine.real import backwards as the_other_way_round
from engine.real import by_hand
from engine.recorder import Cloud, RecordingProvider
from engine.state import Entry, Key, Options, Wanted
from engine.ways import Declared, Program, Step, Way

PROVIDER = RecordingProvider()
STATE_COMMANDS = ("taint", "untaint", "unprotect", "rename", "delete")


def wanted_of(declared: Declared) -> Wanted:
    """A recorded resource as the double takes it."""
    options = dict(declared.options)
    parent = options.pop("parent", "")
    secret = options.pop("additional_secret_outputs", ())
    del secret  # is only in the state
    aliases = tuple(
        Key(
            each.get("name", declared.name),
            each.get("type_", f":{declared.type}").rsplit(":", 1)[1],
            (each["parent"] or "") if "parent" in each else parent,
        )
        for each in options.pop("aliases", ())
    )
    return Wanted(
        Key(declared.name, declared.type, parent),
        PROVIDER,
        {
            "label": declared.label or declared.name,
            "value": declared.value,
            "kind": declared.kind,
            "remark": declared.remark,
        },
        options_of(options, aliases),
        {"source": declared.source} if declared.source else {},
    )


def options_of(given: dict[str, Any], aliases: tuple[Key, ...]) -> Options:
    """Options of a resource, with lists that can be compared."""
    fixed: dict[str, Any] = {
        name: tuple(value) if isinstance(value, list) else value  # pyright: ignore[reportUnknownArgumentType]
        for name, value in given.items()
    }
    return Options(aliases=aliases, **fixed)


def wanted_by(program: Program) -> list[Wanted]:
    """A program as the double takes it."""
    return [wanted_of(declared) for declared in program]


def lead(way: Way, cloud: Cloud, *, backwards: bool = False) -> list[dict[str, Any]]:
    """The recording of a way, as from the real engine."""
    stack = Stack({})
    assert run(stack, "up --skip-preview", way.before) == []
    cloud.calls()
    older: list[Entry] = []
    recordings: list[dict[str, Any]] = []
    for step in way.steps:
        doomed = {entry.id for entry in stack.entries if entry.doomed}
        cloud.refuse(list(step.refused))
        for deed in step.by_hand:
            by_hand(cloud, deed)
        went_well = True
        if step.command == "stack export":
            older = list(stack.entries)
        elif step.command == "stack import":
            stack.entries = list(older)
        elif step.command.startswith("state"):
            edit(stack, step)
        else:
            command = step.command.format(a="a", b="b")
            program = the_other_way_round(step.program) if backwards else step.program
            went_well = not run(stack, command, program)
        recordings.append(
            {
                "ok": went_well,
                "hosts": hosts_of(Made.read(line, doomed) for line in cloud.calls()),
                "state": state_of(stack, secrets_of(step.program)),
            }
        )
    return recordings


def run(stack: Stack, command: str, program: Program) -> list[Exception]:
    """Run a command of the engine."""
    return stack.run(command, lambda _: wanted_by(program))


def edit(stack: Stack, step: Step) -> None:
    """A command that changes the state alone."""
    _, verb, name, *more = shlex.split(step.command.format(a="a"))
    if verb == "rename":
        stack.rename(name, more[0])
    elif verb == "delete":
        stack.forget(name)
    else:
        getattr(stack, verb)(name)


def secrets_of(program: Program) -> dict[str, list[str]]:
    """The outputs that are secret in the state, by resource."""
    option = "additional_secret_outputs"
    return {each.name: each.options.get(option, []) for each in program}


def state_of(stack: Stack, secrets: Mapping[str, list[str]]) -> list[Any]:
    """What the state holds, in the form of the recording."""
    return sorted(
        (
            [
                entry.name,
                entry.id,
                masked(entry.inputs, []),
                masked(entry.outputs, secrets.get(entry.name, [])),
                *marks_of(entry),
            ]
            for entry in stack.entries
        ),
        key=lambda held: (held[0], held[1]),
    )


def marks_of(entry: Entry) -> list[str]:
    """The flags of a resource in the state."""
    marks = {
        "delete": entry.doomed,
        "initErrors": entry.unfinished,
        "pendingReplacement": entry.deleted,
        "protect": entry.options.protect,
        "taint": entry.tainted,
    }
    return [mark for mark, is_set in marks.items() if is_set]


def masked(outputs: Mapping[str, Any], secret: list[str]) -> dict[str, Any]:
    """Outputs in the order of their names, without what is secret."""
    return {
        name: "secret" if name in secret else value
        for name, value in sorted(outputs.items())
        if name != "label"
    }
