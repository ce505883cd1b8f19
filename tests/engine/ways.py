"""
The ways in which the engine leads resources, as data.

A way is a program that is deployed first, and steps that are recorded. A command is
written as for the engine; `{a}` stands for the URN of the resource `a`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import product
from typing import Any

UP = "up --skip-preview"
REFRESH = "refresh --skip-preview"
DESTROY = "destroy --skip-preview"


@dataclass(frozen=True)
class Declared:
    """
    A resource in a program.

    Args:
        label: what its calls are recorded under; its name if left out.
        value: what an update changes.
        kind: what makes a replacement.
        remark: what diff does not compare.
        source: the resource whose ID is this one's input.
        type: `Recorded` or `Renamed`.
        options: as of `pulumi.ResourceOptions`, with names in place of resources.
    """

    name: str
    value: int = 1
    kind: int = 1
    remark: int = 1
    label: str = ""
    source: str = ""
    type: str = "Recorded"
    options: Mapping[str, Any] = field(default_factory=dict[str, Any])

    def but(self, **options: Any) -> Declared:
        """The same with more options."""
        return replace(self, options={**self.options, **options})


Program = tuple[Declared, ...]


@dataclass(frozen=True)
class Step:
    """
    One command of the engine.

    Args:
        refused: the calls that the cloud refuses meanwhile, such as `create a`; or
            `partly a`, where a create or an update of `a` fails when it has made or
            changed something.
        by_hand: what happens in the cloud before: `remove a-1`, `change a-1`.
    """

    command: str
    program: Program
    refused: tuple[str, ...] = ()
    by_hand: tuple[str, ...] = ()


@dataclass(frozen=True)
class Way:
    """
    Steps after a first `up` of a program.

    Args:
        inline: whether the Automation API runs it, with the program as a function.
        alone: whether the engine itself stops there, so that it shares no stack.
    """

    name: str
    before: Program
    steps: tuple[Step, ...]
    inline: bool = False
    alone: bool = False


def are_ordered(way: Way) -> bool:
    """Whether one of its resources needs another."""
    programs = [way.before, *(step.program for step in way.steps)]
    return any(
        each.source or {"depends_on", "deleted_with"} & each.options.keys()
        for program in programs
        for each in program
    )


def reads_first(command: str) -> bool:
    """Whether all is read before the program runs."""
    verb, *words = command.split()
    with_program = "--run-program" in words and verb != "destroy"
    return ("--refresh" in words or verb == "refresh") and not with_program


def a(value: int = 1, kind: int = 1, **options: Any) -> Declared:
    """The resource that most changes are made to."""
    return Declared("a", value, kind, options=options)


def b(value: int = 1, kind: int = 1, **options: Any) -> Declared:
    """The resource beside it."""
    return Declared("b", value, kind, options=options)


N = Declared("n")
ALIASED = Declared("n", label="a", options={"aliases": [{"name": "a"}]})
USES_A = Declared("b", source="a")
ON_VALUE: dict[str, Any] = {"replace_on_changes": ["value"]}
ON_ANY: dict[str, Any] = {"replace_on_changes": ["*"]}
FIRST: dict[str, Any] = {"delete_before_replace": True}
AFTER_A: dict[str, Any] = {"depends_on": ["a"]}


@dataclass(frozen=True)
class Change:
    """One program after another, and manual changes in between."""

    before: Program
    after: Program
    by_hand: tuple[str, ...] = ()


AB = (a(), b())
CHANGES: dict[str, Change] = {
    "nothing changed": Change(AB, AB),
    "b left the program": Change(AB, (a(),)),
    "both left the program": Change(AB, ()),
    "n joined": Change(AB, (*AB, N)),
    "a changed": Change(AB, (a(2), b())),
    "both changed": Change(AB, (a(2), b(2))),
    "a replaced by diff": Change(AB, (a(kind=2), b())),
    "both replaced by diff": Change(AB, (a(kind=2), b(kind=2))),
    "a replaced, b left": Change(AB, (a(kind=2),)),
    "a replaced, deleted first": Change(AB, (a(kind=2, **FIRST), b())),
    "replace_on_changes": Change(AB, (a(2, **ON_VALUE), b())),
    "replace_on_changes of all": Change(AB, (a(2, **ON_ANY), b())),
    "replace_on_changes of another field": Change(
        AB, (a(2, replace_on_changes=["kind"]), b())
    ),
    "replace_on_changes, deleted first": Change(AB, (a(2, **ON_VALUE, **FIRST), b())),
    "renamed with an alias": Change(AB, (ALIASED, b())),
    "renamed with an alias and changed": Change(AB, (replace(ALIASED, value=2), b())),
    "renamed with an alias and replaced": Change(AB, (replace(ALIASED, kind=2), b())),
    "renamed without an alias": Change(AB, (N, b())),
    "another parent, with an alias": Change(
        AB, (a(parent="c", aliases=[{"parent": None}]), b())
    ),
    "another parent, without an alias": Change(AB, (a(parent="c"), b())),
    "another type, with an alias": Change(
        AB,
        (
            replace(
                a(aliases=[{"type_": "pulumi-python:dynamic/recorded:Recorded"}]),
                type="Renamed",
            ),
            b(),
        ),
    ),
    "another type, without an alias": Change(AB, (replace(a(), type="Renamed"), b())),
    "in a component, nothing changed": Change(
        (a(parent="c"), b()), (a(parent="c"), b())
    ),
    "in a component, a left": Change((a(parent="c"), b()), (b(),)),
    "retained, a left": Change((a(retain_on_delete=True), b()), (b(),)),
    "retained, a replaced": Change(
        (a(retain_on_delete=True), b()), (a(kind=2, retain_on_delete=True), b())
    ),
    "b deleted with a, both left": Change((a(), b(deleted_with="a")), ()),
    "b deleted with a, b left": Change((a(), b(deleted_with="a")), (a(),)),
    "b deleted with a, a replaced": Change(
        (a(), b(deleted_with="a")), (a(kind=2), b(deleted_with="a"))
    ),
    "ignore_changes": Change(AB, (a(2, ignore_changes=["value"]), b())),
    "b after a, both changed": Change((a(), b(**AFTER_A)), (a(2), b(2, **AFTER_A))),
    "b after a, both left": Change((a(), b(**AFTER_A)), ()),
    "b after a, a replaced": Change((a(), b(**AFTER_A)), (a(kind=2), b(**AFTER_A))),
    "b after a, a replaced, deleted first": Change(
        (a(**FIRST), b(**AFTER_A)), (a(kind=2, **FIRST), b(**AFTER_A))
    ),
    "b uses a, a changed": Change((a(), USES_A), (a(2), USES_A)),
    "b uses a, a replaced": Change((a(), USES_A), (a(kind=2), USES_A)),
    "b uses a, a replaced, deleted first": Change(
        (a(**FIRST), USES_A), (a(kind=2, **FIRST), USES_A)
    ),
    "b uses a, with replace_on_changes, a replaced, deleted first": Change(
        (a(**FIRST), USES_A.but(replace_on_changes=["source"])),
        (a(kind=2, **FIRST), USES_A.but(replace_on_changes=["source"])),
    ),
    "b uses a, both left": Change((a(), USES_A), ()),
    "a remarked": Change(AB, (replace(a(), remark=2), b())),
    "a remarked, replace_on_changes of all": Change(
        AB, (replace(a(**ON_ANY), remark=2), b())
    ),
    "secret output": Change(
        (a(additional_secret_outputs=["value"]), b()),
        (a(2, additional_secret_outputs=["value"]), b()),
    ),
    "a protected and changed": Change(
        (a(protect=True), b()), (a(2, protect=True), b())
    ),
    "a gone by hand": Change(AB, AB, ("remove a-1",)),
    "a gone by hand and changed": Change(AB, (a(2), b()), ("remove a-1",)),
    "a gone by hand and left": Change(AB, (b(),), ("remove a-1",)),
    "a changed by hand": Change(AB, AB, ("change a-1",)),
    "a changed by hand and changed": Change(AB, (a(2), b()), ("change a-1",)),
    "a changed by hand, with ignore_changes": Change(
        (a(ignore_changes=["value"]), b()),
        (a(ignore_changes=["value"]), b()),
        ("change a-1",),
    ),
    "a changed by hand, with replace_on_changes": Change(
        (a(**ON_VALUE), b()), (a(**ON_VALUE), b()), ("change a-1",)
    ),
    "a changed by hand and replaced": Change(AB, (a(kind=2), b()), ("change a-1",)),
    "a changed by hand and left": Change(AB, (b(),), ("change a-1",)),
    "a changed by hand and renamed with an alias": Change(
        AB, (ALIASED, b()), ("change a-1",)
    ),
}
LEADING = (UP, f"{UP} --refresh", f"{UP} --refresh --run-program")
ALIKE = (
    "up",
    "up --refresh",
    "preview",
    "preview --refresh",
    f"{UP} --continue-on-error",
)


def way(
    name: str,
    change: Change,
    command: str,
    *then: Step,
    refused: str = "",
    alone: bool = False,
) -> Way:
    """A command with the second program, of which one call may be refused, and more."""
    calls = (refused,) if refused else ()
    first = Step(command, change.after, calls, change.by_hand)
    return Way(name, change.before, (first, *then), alone=alone)


def changed() -> list[Way]:
    """Each change, by each command that runs the program."""
    return [
        way(f"{name}: {command}", CHANGES[name], command)
        for command, name in (*product(LEADING, CHANGES), *product(ALIKE, FEW))
    ]


FEW = (
    "nothing changed",
    "b left the program",
    "a changed",
    "a replaced by diff",
    "replace_on_changes",
    "a replaced, deleted first",
    "renamed with an alias",
    "renamed without an alias",
    "a gone by hand",
    "b uses a, a replaced",
    "b uses a, a replaced, deleted first",
    "b uses a, with replace_on_changes, a replaced, deleted first",
)
"""
Changes that stand for the others where a command differs in its preview alone.
"""


def picked() -> list[Way]:
    """Commands that name resources, each with some changes."""
    commands = (
        f"{UP} --target {{a}}",
        f"{UP} --target {{a}} --refresh",
        f"{UP} --target {{b}}",
        f"{UP} --exclude {{b}}",
        f"{UP} --exclude {{b}} --refresh",
        f"{UP} --replace {{a}}",
        f"{UP} --replace {{a}} --refresh",
        f"{UP} --target-replace {{a}}",
    )
    return [
        way(
            f"{name}: {command}",
            change,
            command,
            alone="{a} --refresh" in command and "gone" in name,
        )
        for command, (name, change) in product(commands, PICKED.items())
    ]


PICKED = {
    "nothing changed": CHANGES["nothing changed"],
    "both changed": CHANGES["both changed"],
    "b left the program": CHANGES["b left the program"],
    "a replaced by diff": CHANGES["a replaced by diff"],
    "a gone by hand": CHANGES["a gone by hand"],
    "deleted first, both changed": Change((a(**FIRST), b()), (a(2, **FIRST), b(2))),
    "b after a, both changed": CHANGES["b after a, both changed"],
    "b after a, deleted first, both changed": Change(
        (a(**FIRST), b(**AFTER_A)), (a(2, **FIRST), b(2, **AFTER_A))
    ),
}


def planned() -> list[Way]:
    """A preview saves a plan, and the deployment keeps to it."""
    return [
        way(
            f"{name}: a plan",
            CHANGES[name],
            "preview --save-plan plan.json",
            Step(f"{UP} --plan plan.json", CHANGES[name].after),
        )
        for name in FEW
    ]


STANDING: dict[str, Change] = {
    "two": Change(AB, AB),
    "retained": Change((a(retain_on_delete=True), b()), AB),
    "deleted with a": Change((a(), b(deleted_with="a")), AB),
    "b after a": Change((a(), b(**AFTER_A)), AB),
    "b uses a": Change((a(), USES_A), AB),
    "in a component": Change((a(parent="c"), b()), AB),
    "a gone by hand": Change(AB, AB, ("remove a-1",)),
    "both gone by hand": Change(AB, AB, ("remove a-1", "remove b-1")),
    "a changed by hand": Change(AB, AB, ("change a-1",)),
}


def destroyed() -> list[Way]:
    """Each way to remove all."""
    commands = (
        DESTROY,
        f"{DESTROY} --refresh",
        "destroy",
        "destroy --refresh",
        f"{DESTROY} --run-program",
        f"{DESTROY} --run-program --refresh",
        f"{DESTROY} --continue-on-error",
        f"{DESTROY} --target {{b}}",
        f"{DESTROY} --target {{b}} --refresh",
        f"{DESTROY} --exclude {{a}}",
    )
    return [
        way(
            f"{name}: {command}",
            replace(standing, after=standing.before),
            command,
            alone="{b} --refresh" in command and "both gone" in name,
        )
        for command, (name, standing) in product(commands, STANDING.items())
        if not (name == "in a component" and "{" in command)
    ]


REFRESHED: dict[str, Change] = {
    **{
        name: CHANGES[name]
        for name in (
            "nothing changed",
            "a changed",
            "b left the program",
            "a replaced by diff",
            "a gone by hand",
            "a changed by hand",
            "a changed by hand and changed",
            "a changed by hand, with ignore_changes",
            "b after a, both changed",
            "retained, a left",
        )
    },
    "both gone by hand": Change(AB, AB, ("remove a-1", "remove b-1")),
}


def refreshed() -> list[Way]:
    """Each way to read all, and the deployment after it."""
    alone = ("refresh", "refresh --preview-only")
    commands = (REFRESH, f"{REFRESH} --run-program", f"{REFRESH} --target {{a}}")
    return [
        way(f"{name}: {command}", change, command)
        for command, (name, change) in product(alone, REFRESHED.items())
    ] + [
        way(f"{name}: {command}, then up", change, command, Step(UP, change.after))
        for command, (name, change) in product(commands, REFRESHED.items())
    ]


TAINT, UNTAINT = "state taint {a}", "state untaint {a}"


def tainted() -> list[Way]:
    """What happens to a resource that is marked for replacement."""
    changes = {
        "nothing changed": Change(AB, AB),
        "a changed": Change(AB, (a(2), b())),
        "a left": Change(AB, (b(),)),
        "deleted first": Change((a(**FIRST), b()), (a(**FIRST), b())),
        "b after a": Change((a(), b(**AFTER_A)), (a(), b(**AFTER_A))),
        "renamed with an alias": Change(AB, (ALIASED, b())),
        "gone by hand": Change(AB, AB, ("remove a-1",)),
    }
    commands = (
        UP,
        f"{UP} --refresh",
        f"{UP} --refresh --run-program",
        REFRESH,
        f"{DESTROY} --refresh",
    )
    ways = [
        Way(
            f"{name}, tainted: {command}",
            change.before,
            (
                Step(TAINT, change.before),
                Step(command, change.after, by_hand=change.by_hand),
            ),
        )
        for command, (name, change) in product(commands, changes.items())
    ]
    return [
        *ways,
        Way(
            "untainted: up",
            AB,
            (Step(TAINT, AB), Step(UNTAINT, AB), Step(UP, AB)),
        ),
    ]


def edited() -> list[Way]:
    """Changes of the state alone."""
    guarded = (a(protect=True), b())
    renaming = "state rename {a} n --yes"
    deletion = "state delete {a} --yes"
    unprotect = "state unprotect {a} --yes"
    renamed = (Declared("n", label="a"), b())
    return [
        Way(
            "unprotected, a left: up", guarded, (Step(unprotect, AB), Step(UP, (b(),)))
        ),
        Way(
            "unprotected, a left: up --refresh",
            guarded,
            (Step(unprotect, AB), Step(f"{UP} --refresh", (b(),))),
        ),
        Way("renamed in the state: up", AB, (Step(renaming, AB), Step(UP, renamed))),
        Way(
            "renamed in the state: up --refresh",
            AB,
            (Step(renaming, AB), Step(f"{UP} --refresh", renamed)),
        ),
        Way(
            "renamed in the state, not in the program: up",
            AB,
            (Step(renaming, AB), Step(UP, AB)),
        ),
        Way("deleted from the state: up", AB, (Step(deletion, AB), Step(UP, AB))),
        Way(
            "deleted from the state: up --refresh",
            AB,
            (Step(deletion, AB), Step(f"{UP} --refresh", AB)),
        ),
        *(
            Way(
                f"an older state, {name}: {command}",
                AB,
                (
                    Step("stack export", AB),
                    Step(UP, after),
                    Step("stack import", after),
                    Step(command, after),
                ),
            )
            for name, after in {
                "a changed since": (a(2), b()),
                "a replaced since": (a(kind=2), b()),
                "n joined since": (*AB, N),
                "b left since": (a(),),
            }.items()
            for command in (UP, f"{UP} --refresh", f"{DESTROY} --refresh")
        ),
    ]


PROGRAM_FAILURES: dict[str, tuple[Change, str]] = {
    "create of n": (CHANGES["n joined"], "create n"),
    "update of a": (CHANGES["a changed"], "update a"),
    "create of a's replacement": (CHANGES["a replaced by diff"], "create a"),
    "create of a, deleted first": (CHANGES["a replaced, deleted first"], "create a"),
    "delete of a, deleted first": (CHANGES["a replaced, deleted first"], "delete a"),
    "update of a, b left": (
        Change(AB, (a(2),)),
        "update a",
    ),
    "update of a, b after it": (CHANGES["b after a, both changed"], "update a"),
    "diff of a": (CHANGES["b after a, both changed"], "diff a"),
    "check of a": (CHANGES["b after a, both changed"], "check a"),
}
SURVIVABLE = {
    name: failure
    for name, failure in PROGRAM_FAILURES.items()
    if name != "delete of a, deleted first"
}
"""
With `--continue-on-error` the engine never ends where the delete before a replacement
fails, so that there is nothing to record.
"""
DELETE_FAILURES: dict[str, tuple[Change, str]] = {
    "delete of b": (CHANGES["b left the program"], "delete b"),
    "delete of one of two": (CHANGES["both left the program"], "delete a"),
    "delete of the replaced a": (CHANGES["a replaced by diff"], "delete a"),
    "delete of b, a before it": (
        CHANGES["b after a, both left"],
        "delete b",
    ),
}
ORDERED_FAILURES = {
    name: failure
    for name, failure in {**PROGRAM_FAILURES, **DELETE_FAILURES}.items()
    if failure[1].startswith(("check", "diff")) or "a before it" in name
}
"""
Those that stop the engine before it comes to what else is in the stack.
"""
AFTERWARDS = (UP, f"{UP} --refresh", REFRESH, DESTROY, f"{DESTROY} --refresh")


def failed() -> list[Way]:
    """A call is refused, and what follows."""
    survived = f"{UP} --continue-on-error"
    followed = (
        *((PROGRAM_FAILURES, UP, then) for then in AFTERWARDS),
        *(
            (DELETE_FAILURES, UP, then)
            for then in (UP, f"{UP} --refresh", f"{DESTROY} --refresh")
        ),
        (SURVIVABLE, survived, UP),
        (SURVIVABLE, survived, DESTROY),
        (DELETE_FAILURES, survived, UP),
    )
    reading = (
        REFRESH,
        f"{UP} --refresh",
        f"{UP} --refresh --run-program",
        f"{DESTROY} --refresh",
    )
    before = (a(), b(**AFTER_A))
    destroyed_twice = Change(before, before)
    return [
        *(
            way(
                f"{name} fails: {command}, then {afterwards}",
                change,
                command,
                Step(afterwards, change.after),
                refused=refused,
            )
            for failures, command, afterwards in followed
            for name, (change, refused) in failures.items()
            if name not in ORDERED_FAILURES
        ),
        *(
            way(
                f"{name} fails: {command}", change, command, refused=refused, alone=True
            )
            for command in (UP, survived)
            for name, (change, refused) in ORDERED_FAILURES.items()
        ),
        *(
            way(
                f"read of a fails: {command}",
                CHANGES["a changed"],
                command,
                refused="read a",
            )
            for command in reading
        ),
        *(
            way(
                f"delete of b fails: {command}, then {DESTROY}",
                destroyed_twice,
                command,
                Step(DESTROY, before),
                refused="delete b",
                alone=True,
            )
            for command in (DESTROY, f"{DESTROY} --continue-on-error")
        ),
    ]


def failed_in_part() -> list[Way]:
    """An update that fails reports what it has done."""
    changes = {
        "a": CHANGES["a changed"],
        "a, b after it": CHANGES["b after a, both changed"],
        "a, b left": Change(AB, (a(2),)),
    }
    update = changes["a"]
    commands = (UP, REFRESH, f"{DESTROY} --refresh", f"{UP} --refresh --run-program")
    return [
        *(
            way(
                f"update of {name} fails in part: {UP}, then {afterwards}",
                change,
                UP,
                Step(afterwards, change.after),
                refused="partly a",
            )
            for afterwards, (name, change) in product(commands, changes.items())
        ),
        way(
            f"update of a fails in part: {UP}, then {UP} of the program before",
            update,
            UP,
            Step(UP, AB),
            refused="partly a",
        ),
        way(
            f"update of a fails in part: {UP}, then {REFRESH}, then {UP}",
            update,
            UP,
            Step(REFRESH, update.after),
            Step(UP, update.after),
            refused="partly a",
        ),
    ]


MADE_IN_PART = {
    "n": (CHANGES["n joined"], "partly n"),
    "the replacement of a": (CHANGES["a replaced by diff"], "partly a"),
    "the replacement of a, deleted first": (
        CHANGES["a replaced, deleted first"],
        "partly a",
    ),
    "n, b left": (Change(AB, (a(), N)), "partly n"),
}
"""Creates that fail after they have made something."""


def reverted_after(
    failure: str, change: Change, refused: str, afterwards: str = UP
) -> Way:
    """A deployment fails half-way, and the program becomes again what it was."""
    return way(
        f"{failure}: {UP}, then {afterwards} of the program before",
        change,
        UP,
        Step(afterwards, change.before),
        refused=refused,
    )


def made_in_part() -> list[Way]:
    """A create that fails reports what it has made."""
    followed = (
        *((UP, then) for then in (*AFTERWARDS, f"{UP} --refresh --run-program")),
        *((f"{UP} --continue-on-error", then) for then in (UP, DESTROY)),
    )
    return [
        way(
            f"create of {name} fails in part: {command}, then {then}",
            change,
            command,
            Step(then, change.after),
            refused=refused,
        )
        for name, (change, refused) in MADE_IN_PART.items()
        for command, then in followed
    ] + [
        reverted_after(f"create of {name} fails in part", change, refused)
        for name, (change, refused) in MADE_IN_PART.items()
    ]


def reverted() -> list[Way]:
    """A deployment fails half-way, and another program than its own follows."""
    failures = {**PROGRAM_FAILURES, **DELETE_FAILURES}
    return [
        reverted_after(f"{name} fails", change, refused, afterwards)
        for afterwards in (UP, f"{UP} --refresh")
        for name, (change, refused) in failures.items()
        if name not in ORDERED_FAILURES
    ] + [
        way(
            f"{name} fails: {UP}, then {UP} without a",
            change,
            UP,
            Step(UP, (b(),)),
            refused=refused,
        )
        for name, (change, refused) in PROGRAM_FAILURES.items()
        if "create" in refused
    ]


def guarded() -> list[Way]:
    """What protection forbids."""
    both = (a(protect=True), b())
    steps = {
        "forbidden, a left": Step(UP, (b(),)),
        "forbidden, a left: up --refresh": Step(f"{UP} --refresh", (b(),)),
        "forbidden: destroy": Step(DESTROY, both),
        "forbidden: destroy --refresh": Step(f"{DESTROY} --refresh", both),
    }
    return [
        *(Way(name, both, (step,), alone=True) for name, step in steps.items()),
        Way(
            "forbidden, a replaced",
            (a(protect=True),),
            (Step(UP, (a(kind=2, protect=True),)),),
            alone=True,
        ),
    ]


def inline() -> list[Way]:
    """The main ones by the Automation API."""
    commands = (UP, f"{UP} --refresh", REFRESH, f"{DESTROY} --refresh")
    names = (
        "nothing changed",
        "b left the program",
        "a changed",
        "a replaced by diff",
        "replace_on_changes",
        "a gone by hand",
    )
    return [
        replace(way(f"inline, {name}: {command}", CHANGES[name], command), inline=True)
        for command, name in product(commands, names)
    ]


def all_ways() -> Sequence[Way]:
    """The whole table."""
    ways = [
        *changed(),
        *picked(),
        *planned(),
        *destroyed(),
        *refreshed(),
        *tainted(),
        *edited(),
        *failed(),
        *reverted(),
        *failed_in_part(),
        *made_in_part(),
        *guarded(),
        *inline(),
    ]
    assert len({way.name for way in ways}) == len(ways)
    return ways
