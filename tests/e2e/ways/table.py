"""
The table of ways: what a user does, and which rules are live in the end.

Each row runs with a single rule and with a set of two, unless it says otherwise. `A`
and `B` are the resources that most rows begin with.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from alicloud_ingress.testing.faults import Fault
from e2e.policy_plugin import FOLDER
from e2e.ways.program import ROOT
from e2e.ways.scene import (
    added,
    all_is_well,
    changed,
    duplicate,
    faults,
    now,
    of_type,
    one_for_another,
    removed,
    shows_at_last,
    shows_late,
    swapped_by_hand,
    unmarked,
    without_id,
)
from e2e.ways.way import (
    Declared,
    Expected,
    Kind,
    Program,
    Run,
    Step,
    Walk,
    Way,
    either,
    fails,
    one,
    rule,
    set_of,
)

A, B, C = rule("a", 443), rule("b", 80), rule("c", 22)
B81 = B.but(ports=(81,))
DESCRIBED = B.but(description="changed")
BY_HAND = B.but(description="by hand")
B_IPV6 = B.but(source="2001:db8::/32")
B_MOVED = B.but(group="other")
RENAMED = rule("n", 80)
ALIAS: dict[str, Any] = {"aliases": [{"name": "b"}]}
DBR: dict[str, Any] = {"delete_before_replace": True}
ADOPT: dict[str, Any] = {"adopt": True}
OLD_TYPE = "pulumi-python:dynamic/older:Rule"
AUTHORIZE, DESCRIBE, MODIFY, REVOKE = (
    "AuthorizeSecurityGroup",
    "DescribeSecurityGroupAttribute",
    "ModifySecurityGroupRule",
    "RevokeSecurityGroup",
)
REFUSED = "Forbidden.RAM"
WAYS_OUT = ("delete_before_replace", "adopt", "untaint")
SET: tuple[Kind, ...] = ("set",)
RULE: tuple[Kind, ...] = ("rule",)
SETTLED = "preview --refresh --expect-no-changes"

# A row takes one or two lines, not one line for each word.
# fmt: off

Commands = tuple[str, ...]
UP: Commands = ("up", SETTLED)
UP_REFRESH: Commands = ("up --refresh", SETTLED)
UPS: tuple[Commands, ...] = (UP, UP_REFRESH)
MORE_UPS: tuple[Commands, ...] = (
    ("up --with-preview",),
    ("up --refresh --with-preview",),
    ("up --refresh --run-program",),
    ("up --continue-on-error",),
    ("up --refresh --continue-on-error",),
    ("up --parallel=1",),
    ("up --refresh --parallel=1",),
    ("preview --save-plan=plan.json", "up --plan=plan.json"),
    ("refresh", "up"),
    ("refresh --run-program", "up --refresh --run-program"),
    ("preview --refresh", "up --refresh", "up"),
)
DESTROYS: tuple[Commands, ...] = (("destroy",), ("destroy --refresh",))
MORE_DESTROYS: tuple[Commands, ...] = (
    ("destroy --run-program",),
    ("destroy --refresh --run-program",),
    ("destroy --continue-on-error",),
    ("destroy --refresh --continue-on-error",),
    ("destroy --with-preview",),
    ("destroy --refresh --with-preview",),
    ("destroy --refresh --parallel=1",),
    ("refresh", "destroy"),
    ("refresh", "destroy --refresh"),
    ("up --refresh", "destroy --refresh"),
)


CONSISTENT = Expected(live=None)
"""The live rules and the state are the same."""


def way(name: str, before: Program, after: Program, *steps: Step, **more: Any) -> Way:
    """A row that ends as the program wants, unless it says otherwise."""
    more.setdefault("live", after)
    return Way(name=name, before=before, after=after, steps=steps, **more)


def words(commands: Commands) -> str:
    """
    Commands in the name of a row, without the check that all is settled.
    """
    return ", ".join(c for c in commands if c != SETTLED)


MAIN_CHANGES = (
    way("one of two is removed", (A, B), (A,)),
    way("all are removed", (A, B), ()),
    way("one is added", (A,), (A, B)),
    way("a port is changed", (A, B), (A, B81)),
    way("it moves to another group", (A, B), (A, B_MOVED), renewed=("b",)),
    way("it is renamed with an alias", (A, B), (A, RENAMED.but(**ALIAS))),
    way("it is renamed with adopt", (A, B), (A, RENAMED.but(**ADOPT))),
    way(
        "a port with replace_on_changes is changed",
        (A, B.but(replace_on_changes=["port_range"])),
        (A, B81.but(replace_on_changes=["port_range"])),
        renewed=("b",),
    ),
    way("set: one rule of it is removed", (set_of("s", 1, 2, 3),), (set_of("s", 1, 3),),
        kinds=SET),
)
"""What is tried with each way to deploy."""


def more_changes() -> Iterator[Way]:
    """
    What is tried with the plain ways to deploy.
    """
    yield way("nothing is changed", (A, B), (A, B), quiet=True)
    yield way("all are added", (), (A, B))
    yield way("a description is changed", (A, B), (A, DESCRIBED))
    yield way("a description is emptied", (A, DESCRIBED), (A, B))
    yield way("a priority is changed", (A, B), (A, B.but(priority=7)))
    yield way("a policy is changed", (A, B), (A, B.but(policy="drop")))
    yield way("the kind of source is changed", (A, B), (A, B_IPV6), renewed=("b",))
    yield way("one is removed and one is added", (A, B), (A, C))
    yield way("all are changed", (A, B), (A.but(ports=(444,)), B81))
    yield way(
        "it is renamed with an alias, and changed",
        (A, B),
        (A, rule("n", 81, **ALIAS)),
    )
    yield way(
        "it is renamed with an alias, and moves to another group",
        (A, B),
        (A, rule("n", 80, group="other", **ALIAS)),
    )
    yield way(
        "it is renamed with an alias and adopt",
        (A, B),
        (A, RENAMED.but(**ALIAS, **ADOPT)),
    )
    yield way("it changes after its rule is adopted", (A, B),
        (A, RENAMED.but(**ADOPT), B81.but(depends_on=["n"])), any_id=True)
    yield way("both are renamed with adopt", (A, B),
        (rule("m", 443, **ADOPT), RENAMED.but(**ADOPT)))
    yield way(
        "it is renamed with adopt, and described",
        (A, B),
        (A, RENAMED.but(description="new", **ADOPT)),
    )
    yield way(
        "it moves into a component",
        (A, B),
        (A, B.but(parent="box", aliases=[{"parent": ROOT}])),
    )
    yield way(
        "it moves out of a component",
        (A, B.but(parent="box")),
        (A, B.but(aliases=[{"parent": "box"}])),
    )
    yield way(
        "it moves into a component with adopt, without an alias",
        (A, B),
        (A, B.but(parent="box", **ADOPT)),
    )
    yield way("it leaves a component", (A, B.but(parent="box")), (A,))
    yield way(
        "a component with all that is in it is removed",
        (A.but(parent="box"), B.but(parent="box")),
        (),
    )
    yield way(
        "it comes from another type by an alias",
        (A, B),
        (A, B.but(aliases=[{"type_": OLD_TYPE}])),
        of_type("b", OLD_TYPE),
        kinds=RULE,
    )
    yield way("an ignored change", (A, B), (A, B81.but(ignore_changes=["port_range"])),
        live=(A, B), quiet=True)
    yield way("what another depends on is changed", (A, B.but(depends_on=["a"])),
        (A.but(ports=(444,)), B.but(depends_on=["a"])))
    yield way("what depends on another is removed", (A, B.but(depends_on=["a"])), (A,))
    yield way("all of a chain is removed",
        (A, B.but(depends_on=["a"]), C.but(depends_on=["b"])), ())
    yield way("what goes with another is removed without it",
        (A, B.but(deleted_with="a")), (A,))
    yield way("what is retained is removed", (A, B.but(retain_on_delete=True)), (A,),
        live=(A, B), unmanaged=(B,))
    timeouts = {"create": "5m", "update": "5m", "delete": "5m"}
    yield way("what has timeouts of the engine is changed",
        (A, B.but(custom_timeouts=timeouts)), (A, B81.but(custom_timeouts=timeouts)))
    hidden = ["port_range", "rules"]
    yield way("what hides its differences is changed",
        (A, B.but(hide_diffs=hidden)), (A, B81.but(hide_diffs=hidden)))
    yield way("a transform changes the port", (A, B),
        (A, B.but(transforms=[{"props": {"port_range": "81/81"}}])), live=(A, B81),
        kinds=RULE)
    yield way(
        "what has secret outputs is changed",
        (A, B.but(additional_secret_outputs=["security_group_rule_id"])),
        (A, B81.but(additional_secret_outputs=["security_group_rule_id"])),
    )
    yield way(
        "what has secret outputs is removed",
        (A, B.but(additional_secret_outputs=["security_group_rule_id"])),
        (A,),
    )
    yield way("a single rule becomes one of a set", (A, one("b", 80)),
        (A, set_of("s", 80, 81, **ADOPT)), kinds=RULE)
    yield way("two single rules become a set", (one("a", 443), one("b", 80)),
        (set_of("s", 443, 80, **ADOPT),), kinds=SET)
    yield way("a rule of a set becomes a single one", (set_of("s", 80, 81),),
        (set_of("s", 81), one("b", 80, **ADOPT)), kinds=RULE, any_id=True)
    yield way("a set becomes single rules", (set_of("s", 443, 80),),
        (one("a", 443, **ADOPT), one("b", 80, **ADOPT)), kinds=SET)
    yield way("set: a rule moves to another set", (set_of("s", 1, 2), set_of("t", 3)),
        (set_of("s", 1), set_of("t", 2, 3, **ADOPT)), kinds=SET, any_id=True)
    yield way("set: two become one", (set_of("s", 1, 2), set_of("t", 3)),
        (set_of("s", 1, 2, 3, **ADOPT),), kinds=SET)
    yield way("set: one becomes two", (set_of("s", 1, 2),),
        (set_of("t", 1, **ADOPT), set_of("u", 2, **ADOPT)), kinds=SET)
    yield way("set: all of its rules are others", (set_of("s", 1, 2),),
        (set_of("s", 3, 4),), kinds=SET)
    yield way("set: it grows", (set_of("s", 1, 2),), (set_of("s", 1, 2, 3),), kinds=SET)
    yield way("set: it is emptied", (set_of("s", 1, 2), A), (set_of("s"), A), kinds=SET)


def replacements() -> Iterator[Way]:
    """
    Replacements that change the rule, with each mix of options.
    """
    changes = {
        "the kind of source": (B, B_IPV6),
        "the group": (B, B_MOVED),
        "a port, and every change replaces": (
            B.but(replace_on_changes=["*"]),
            B81.but(replace_on_changes=["*"]),
        ),
        "a port that replaces": (
            B.but(replace_on_changes=["port_range"]),
            B81.but(replace_on_changes=["port_range"]),
        ),
    }
    for name, (before, after) in changes.items():
        for label, options in {
            "delete_before_replace": DBR,
            "adopt": ADOPT,
            "delete_before_replace and adopt": {**DBR, **ADOPT},
        }.items():
            new = after.but(**options)
            yield way(f"changed is {name}, with {label}", (A, before), (A, new),
                renewed=("b",))
        yield way(f"changed is {name}, and it is renamed with an alias", (A, before),
            (A, after.but(name="n", **ALIAS)))
    yield way("every change replaces, and one is removed",
        (A, B.but(replace_on_changes=["*"])), (A,))
    yield way(
        "set: every change replaces, and some rules stay",
        (set_of("s", 1, 2, replace_on_changes=["rules"]),),
        (set_of("s", 2, 3, replace_on_changes=["rules"], **DBR),),
        kinds=SET,
        renewed=("s",),
    )
    yield way(
        "set: every change replaces, and some rules stay, with adopt",
        (set_of("s", 1, 2, replace_on_changes=["rules"]),),
        (set_of("s", 2, 3, replace_on_changes=["rules"], **ADOPT),),
        kinds=SET,
    )


def forced(
    name: str, *before_up: Step, flags: str = "", old: Declared = B, new: Declared = B
) -> Iterator[Way]:
    """
    A replacement by an identical rule: with adopt or a gap it works, else it fails.
    """
    for label, options, renewed in (
        ("delete_before_replace", DBR, ("b",)),
        ("adopt", ADOPT, ()),
        ("delete_before_replace and adopt", {**DBR, **ADOPT}, ("b",)),
    ):
        for refresh in ("", " --refresh"):
            yield way(
                f"{name}, with {label}: up{refresh}",
                (A, old),
                (A, new.but(**options)),
                *before_up,
                f"up{refresh}{flags}",
                renewed=renewed,
            )
    for refresh in ("", " --refresh"):
        yield way(
            f"{name}, without a way out: up{refresh}",
            (A, old),
            (A, new),
            *before_up,
            fails(f"up{refresh} --continue-on-error{flags}", *WAYS_OUT),
            quiet=True,
        )


def replaced_with_another() -> Iterator[Way]:
    """
    The rule of `b` stays as it is; the engine replaces `b` because it replaces `a`.
    """
    moved = A.but(group="other")
    follows = B.but(replace_with=["a"])
    for up in ("up", "up --refresh"):
        yield way(f"it is replaced with another, with adopt: {up}", (A, follows),
            (moved, follows.but(**ADOPT)), up, renewed=("a",))
        yield way(f"it is replaced with another, with delete_before_replace: {up}",
            (A, follows), (moved, follows.but(**DBR)), up, renewed=("a", "b"))
        yield way(f"it is replaced with another, without a way out: {up}", (A, follows),
            (moved, follows), fails(f"{up} --continue-on-error", *WAYS_OUT), CONSISTENT,
            now(moved, B), "up", live=(moved, B), renewed=("a",))
        goes = B.but(deleted_with="a")
        yield way(f"what goes with it stays when another is replaced: {up}", (A, goes),
            (moved, goes), up, renewed=("a",))


def hooked() -> Iterator[Way]:
    """
    Hooks of the engine before and after a call, which pass or fail.
    """
    for up in ("up --continue-on-error", "up --refresh --continue-on-error"):
        for change, before, after in (
            ("create", (A,), (A, B)), ("update", (A, B), (A, B81))
        ):
            hooks = {f"before_{change}": "passes", f"after_{change}": "passes"}
            yield way(f"a hook of the {change} passes: {up}", before,
                (A, after[1].but(hooks=hooks)), up)
            yield way(f"the hook before the {change} fails: {up}", before,
                (A, after[1].but(hooks={f"before_{change}": "fails"})), fails(up),
                live=before)
            yield way(f"the hook after the {change} fails: {up}", before,
                (A, after[1].but(hooks={f"after_{change}": "fails"})), fails(up))


def remedied() -> Iterator[Way]:
    """
    A policy changes the arguments of a resource after check.
    """
    def by_policy(**remedy: Any) -> Declared:
        return B.but(remedied=remedy)

    described, described_by_policy = DESCRIBED, by_policy(description="changed")
    for up in ("up", "up --refresh", "up --refresh --with-preview"):
        command = f"{up} {FOLDER}"
        yield way(f"a policy changes a new rule: {up}", (A,), (A, described_by_policy),
            command, live=(A, described))
        yield way(f"a policy changes the priority: {up}", (A, B),
            (A, by_policy(priority=7)), command, live=(A, B.but(priority=7)))
        yield way(f"a policy changes a rule, and it is removed: {up}", (A, described),
            (A,), command)
        yield way(f"a policy changes a rule, renamed with adopt: {up}", (A, described),
            (A, described_by_policy.but(name="n", **ADOPT)), command,
            live=(A, described.but(name="n")))
        yield way(f"a policy changes one of two resources of a rule: {up}",
            (A, described), (A, described_by_policy), duplicate("b", "z"), command,
            live=(A, described), quiet=True)
        yield way(f"a policy changes a rule without an ID: {up}", (A, described),
            (A, described_by_policy), without_id("b"), command, live=(A, described),
            quiet=True)
        for before in ((A,), (A, B)):
            what = "a rule" if B in before else "a new rule"
            yield way(f"a policy makes {what} invalid: {up}", before,
                (A, by_policy(port_range="70000/70000")),
                fails(f"{command} --continue-on-error", "70000", "policy"), live=before,
                quiet=True)


def retried() -> Iterator[Way]:
    """
    A hook lets the engine make a failed call again, in the same process.
    """
    again: dict[str, Any] = {"hooks": {"on_error": "2"}}
    a, b, b81 = (each.but(**again) for each in (A, B, B81))
    changes = (
        ("an added rule", AUTHORIZE, (), (a,)),
        ("a changed rule", MODIFY, (a, b), (a, b81)),
        ("a removed rule", REVOKE, (a, b), (a,)),
        ("a moved rule", REVOKE, (a, b), (a, b.but(group="other"))),
    )
    for what, action, before, after in changes:
        yield way(f"{what} is refused, and the engine tries again", before, after,
            faults(Fault.refused(action, 403, REFUSED)), either("up --run-program"),
            CONSISTENT, "up", kinds=RULE, any_id=True, alone=True, revoked_once=False)
    lost = replace(Fault.dropped(AUTHORIZE, takes_effect=True), times=1000)
    yield way("an added rule gets no answer, and the engine tries again", (), (a,),
        faults(lost), either("up"), CONSISTENT, all_is_well(), "up", timeout=3,
        alone=True, revoked_once=False)
    unread = replace(Fault.refused(DESCRIBE, 403, REFUSED), skip=1, times=1000)
    unrevoked = replace(Fault.refused(REVOKE, 403, REFUSED), times=1000)
    yield way("an added rule is not taken back, and the engine tries again", (), (a,),
        faults(lost, unread, unrevoked), fails("up"), all_is_well(), "up", timeout=3,
        any_id=True, alone=True, revoked_once=False)


def forced_replacements() -> Iterator[Way]:
    """Replacements of resources without a difference."""
    yield from forced("it is tainted", "state taint b")
    yield way("it is tainted, without a way out, and nothing else fails: up", (A, B),
        (A, B), "state taint b", fails("up", *WAYS_OUT), quiet=True)
    yield from forced("it is replaced by --replace", flags=" --replace b")
    yield from forced("its replacement_trigger changes",
        old=B.but(replacement_trigger=1), new=B.but(replacement_trigger=2))
    yield from replaced_with_another()
    yield way("it is replaced by --target-replace, with adopt: up", (A, B),
        (A, B.but(**ADOPT)), "up --target-replace b")
    yield way("it is replaced by --target-replace, with delete_before_replace: up",
        (A, B), (A, B.but(**DBR)), "up --refresh --target-replace b", renewed=("b",))
    replaced = {"replace_on_changes": ["description"]}
    described = DESCRIBED.but(**replaced)
    for refresh in ("", " --refresh"):
        name = f"a description that replaces is changed: up{refresh}"
        start = (A, B.but(**replaced))
        yield way(f"{name}, with delete_before_replace", start,
            (A, described.but(**DBR)), f"up{refresh}", renewed=("b",))
        yield way(f"{name}, with adopt", start,
            (A, described.but(**ADOPT)), f"up{refresh}")
        yield way(f"{name}, without a way out", start, (A, described),
            fails(f"up{refresh} --continue-on-error", *WAYS_OUT), live=start,
            quiet=True)
        yield way(f"it is tainted and untainted: up{refresh}", (A, B), (A, B),
            "state taint b", "state untaint b", f"up{refresh}", quiet=True)
        yield way(f"it is tainted, and removed: up{refresh}", (A, B), (A,),
            "state taint b", f"up{refresh}")
        yield way(f"it is tainted, and a port is changed: up{refresh}", (A, B),
            (A, B81), "state taint b", f"up{refresh}", renewed=("b",))
        yield way(f"it is tainted, and renamed with an alias: up{refresh}", (A, B),
            (A, RENAMED.but(**ALIAS, **DBR)), "state taint b", f"up{refresh}",
            renewed=("b",))
        yield way(f"it is tainted, and only another is deployed: up{refresh}", (A, B),
            (A.but(ports=(444,)), B), "state taint b", f"up{refresh} --target a")
    for command in ("destroy", "destroy --refresh"):
        yield way(f"it is tainted: {command}", (A, B), (A, B), "state taint b", command,
            live=())


def destroys() -> Iterator[Way]:
    """
    What is tried with each plain way to destroy.
    """
    yield way("as it was", (A, B), (A, B))
    yield way("one alone", (A,), (A,))
    yield way("in a chain", (A, B.but(depends_on=["a"])), (A, B.but(depends_on=["a"])))
    yield way("in a component", (A, B.but(parent="box")), (A, B.but(parent="box")))
    yield way("by a program without them", (A, B), ())
    yield way("by a program that changes one", (A, B), (A, B81))
    yield way("described by hand", (A, B), (A, B), changed(BY_HAND))
    yield way("another port by hand", (A, B), (A, B), changed(B81))
    yield way("one removed by hand", (A, B), (A, B), removed("b"))
    yield way("all removed by hand", (A, B), (A, B), removed("a"), removed("b"))
    yield way("recreated by hand", (A, B), (A, B), removed("b"), added(B),
        live=(B,), unmanaged=(B,))
    yield way("with secret outputs",
        (A, B.but(additional_secret_outputs=["security_group_rule_id"])), (A, B))
    yield way("one is retained", (A, B.but(retain_on_delete=True)), (A, B),
        live=(B,), unmanaged=(B,))
    yield way("one goes with another", (A, B.but(deleted_with="a")), (A, B),
        live=(B,), unmanaged=(B,))
    yield way("with adopt", (A, B.but(**ADOPT)), (A, B.but(**ADOPT)))
    yield way("one without an ID", (A, B), (A, B), without_id("b"))
    yield way("all without an ID", (A, B), (A, B), without_id("a", "b"))
    yield way("without an ID, and removed by hand", (A, B), (A, B), without_id("b"),
        removed("b"), revoked_once=False)
    yield way("from the first release", (A, B), (A, B), unmarked())
    yield way("from the first release, one without an ID", (A, B), (A, B), unmarked(),
        without_id("b"))
    yield way("two resources of one rule", (A, B), (A, B), duplicate("b", "z"))
    yield way("two resources of one rule, copied", (A, B), (A, B),
        duplicate("b", "z", own_mark=False))
    yield way("two resources of one rule, from the first release", (A, B), (A, B),
        duplicate("b", "z"), unmarked())
    yield way("three resources of one rule", (A, B), (A, B), duplicate("b", "y"),
        duplicate("b", "z"))
    # One revoke is by the ID, the other by the attributes: which rule that is, only
    # the answer to the second one shows. Side by side, both may be sent.
    yield way("two resources of one rule, one without an ID", (A, B), (A, B),
        duplicate("b", "z"), without_id("z"), revoked_once=False)
    yield way("two resources of one rule, both without an ID", (A, B), (A, B),
        duplicate("b", "z"), without_id("b", "z"), revoked_once=False)
    yield way("two resources of one rule, and it is removed by hand", (A, B), (A, B),
        duplicate("b", "z"), removed("b"), revoked_once=False)


MAIN_STATES = (
    way("as it was", (A, B), (A, B)),
    way("another port by hand", (A, B), (A, B), changed(B81)),
    way("without an ID", (A, B), (A, B), without_id("b")),
    way("from the first release", (A, B), (A, B), unmarked()),
    way("two resources of one rule", (A, B), (A, B), duplicate("b", "z")),
)
"""
What is tried with each further way to destroy.
"""


def destroyed_after_adoption() -> Iterator[Way]:
    """
    A refresh adopts with `adopt` what was recreated by hand; else the rule is kept.
    """
    taking = (A, B.but(**ADOPT))
    steps = (removed("b"), added(B))
    yield way("with adopt, and recreated by hand: destroy", taking, taking, *steps,
        "destroy", live=(B,), unmanaged=(B,))
    yield way("with adopt, and recreated by hand: destroy --refresh", taking, taking,
        *steps, "destroy --refresh", live=())


def targeted() -> Iterator[Way]:
    """Commands on some of the resources."""
    for flags in ("--target b", "--exclude a"):
        for refresh in ("", " --refresh"):
            up = f"up{refresh} {flags}"
            yield way(f"all are removed: {up}", (A, B), (), up, live=(A,))
            yield way(f"all are changed: {up}", (A, B), (A.but(ports=(444,)), B81), up,
                live=(A, B81))
            yield way(f"one replaces itself: {up}", (A, B), (A, B_MOVED), up,
                renewed=("b",))
            destroy = f"destroy{refresh} {flags}"
            yield way(f"as it was: {destroy}", (A, B), (A, B), destroy, live=(A,))
            yield way(f"one without an ID: {destroy}", (A, B), (A, B), without_id("b"),
                destroy, live=(A,))
            yield way(f"from the first release: {destroy}", (A, B), (A, B), unmarked(),
                destroy, live=(A,))
            yield way(f"two resources of one rule, one of them: {destroy}", (A, B),
                (A, B), duplicate("b", "a2"), f"{destroy} --exclude a2"
                if "exclude" in flags else destroy,
                live=(A,), missing=("a2",))
        yield way(f"described by hand: refresh {flags}", (A, B), (A, B),
            changed(BY_HAND), f"refresh {flags}", live=(A, BY_HAND), quiet=True)
        yield way(f"removed by hand: refresh {flags}", (A, B), (A, B),
            removed("b"), f"refresh {flags}", live=(A,), quiet=True)
        yield way(f"all are changed: preview {flags}", (A, B), (A, B81),
            f"preview {flags}", live=(A, B), quiet=True)
    for refresh in ("", " --refresh"):
        chain = (A, B.but(depends_on=["a"]))
        command = f"destroy{refresh} --target a --target-dependents"
        yield way(f"a chain: {command}", chain, chain, command, live=())
        command = f"destroy{refresh} --exclude-protected"
        protected = B.but(protect=True)
        yield way(f"one is protected: {command}", (A, protected), (A, protected),
            command, live=(protected,))
        command = f"destroy{refresh} --ignore-protect"
        yield way(f"one is protected: {command}", (A, protected), (A, protected),
            command, live=())
        yield way(f"what is protected is removed: up{refresh} --ignore-protect",
            (A, protected), (A,), f"up{refresh} --ignore-protect")
        yield way(f"all are changed: up{refresh} --strict", (A, B),
            (A.but(ports=(444,)), B81), f"up{refresh} --strict --with-preview")


def refreshes() -> Iterator[Way]:
    """
    Commands that only read.
    """
    for command in ("refresh", "refresh --run-program", "refresh --with-preview"):
        yield way(f"as it was: {command}", (A, B), (A, B), command, quiet=True)
        yield way(f"described by hand: {command}", (A, B), (A, B), changed(BY_HAND),
            command, live=(A, BY_HAND), quiet=True)
        yield way(f"another port by hand: {command}", (A, B), (A, B), changed(B81),
            command, live=(A, B81), quiet=True)
        yield way(f"removed by hand: {command}", (A, B), (A, B), removed("b"),
            command, live=(A,), quiet=True)
        yield way(f"without an ID: {command}", (A, B), (A, B), without_id("b"),
            command, quiet=True)
        yield way(f"from the first release: {command}", (A, B), (A, B), unmarked(),
            command, quiet=True)
        yield way(f"two resources of one rule: {command}", (A, B), (A, B),
            duplicate("b", "z"), command, live=(A, B, B.but(name="z")), quiet=True)
    for command in (
        "preview",
        "preview --refresh",
        "preview --refresh --run-program",
        "preview --json",
        "preview --diff",
        "refresh --preview-only",
        "destroy --preview-only",
        "destroy --refresh --preview-only",
    ):
        for change in MAIN_CHANGES[3:6]:
            yield replace(change, name=f"{change.name}: {command}", steps=(command,),
                live=change.before, renewed=(), quiet=True)


def changed_by_hand() -> Iterator[Way]:
    """Deployments after live rules were changed by hand."""
    other = A.but(ports=(444,))
    for up in ("up", "up --refresh"):
        sees = up != "up"
        yield way(f"described by hand: {up}", (A, B), (A, B), changed(BY_HAND), up,
            live=(A, B if sees else BY_HAND))
        yield way(f"another port by hand: {up}", (A, B), (A, B), changed(B81), up,
            live=(A, B if sees else B81))
        yield way(f"described by hand, and a port is changed: {up}", (A, B), (A, B81),
            changed(BY_HAND), up)
        yield way(f"another port by hand, and in the program: {up}", (A, B),
            (A, B.but(ports=(82,))), changed(B81), up)
        yield way(f"the same port by hand as in the program: {up}", (A, B), (A, B81),
            changed(B81), up)
        yield way(f"another port by hand, and it is removed: {up}", (A, B), (A,),
            changed(B81), up)
        yield way(f"another port by hand, and it moves to another group: {up}", (A, B),
            (A, B_MOVED), changed(B81), up, renewed=("b",))
        yield way(f"another port by hand, and it is renamed with an alias: {up}",
            (A, B), (A, RENAMED.but(**ALIAS)), changed(B81), up,
            live=(A, RENAMED if sees else RENAMED.but(ports=(81,))))
        yield way(f"removed by hand, and removed: {up}", (A, B), (A,), removed("b"), up)
        yield way(f"removed by hand, and another is changed: {up}", (A, B), (other, B),
            removed("b"), up, live=(other, B) if sees else (other,),
            missing=() if sees else ("b",))
        yield way(f"removed by hand, and it moves to another group: {up}", (A, B),
            (A, B_MOVED), removed("b"), up, renewed=("b",))
        yield way(f"recreated by hand, and removed: {up}", (A, B), (A,), removed("b"),
            added(B), up, live=(A, B), unmanaged=(B,))
        yield way(f"a neighbour is added by hand, and it is removed: {up}", (A, B),
            (A,), added(C), up, live=(A, C), unmanaged=(C,))
    taken, taking = changed(B.but(ports=A.ports)), A.but(**ADOPT)
    for up in ("up --refresh", "up --refresh --run-program"):
        for after in ((taking, B), (taking, B.but(**ADOPT))):
            name = "with adopt" if after[1] == B else "both with adopt"
            yield way(f"one removed by hand, the other is what it was, {name}: {up}",
                after, after, removed("a"), taken, up, SETTLED)
    for up in ("up", "up --refresh"):
        old, new = set_of("s", 1, 2), set_of("s", 1, 2, 3)
        yield way(f"set: one removed by hand, the other is what it was: {up}", (old,),
            (new,), one_for_another("s", 1, 2), up, SETTLED, kinds=SET)
        yield way(f"set: two swapped by hand, and one is removed: {up}", (old,),
            (set_of("s", 1),), swapped_by_hand("s"), up, SETTLED, kinds=SET)
    both = (A, B, rule("c", 81))
    yield way("another port by hand, which another resource wants: up --refresh",
        (A, B), both, changed(B81), either("up --refresh"), CONSISTENT, "up --refresh",
        kinds=RULE, any_id=True, revoked_once=False)
    yield way("recreated by hand, with adopt: up --refresh", (A, B),
        (A, B.but(**ADOPT)), now(A, B.but(**ADOPT)), "up", removed("b"), added(B),
        "up --refresh")
    yield way("recreated by hand: up --refresh", (A, B), (A, B), removed("b"),
        added(B), fails("up --refresh", "adopt"), live=(A, B), unmanaged=(B,),
        quiet=True)
    yield way("removed by hand, and a port is changed: up", (A, B), (A, B81),
        removed("b"), fails("up", "pulumi refresh"), live=(A,), missing=("b",),
        kinds=RULE, quiet=True)
    yield way("removed by hand, and all ports are changed: up", (A, B), (A, B81),
        removed("b"), "up", kinds=SET)


def without_ids() -> Iterator[Way]:
    """States that do not hold a rule's ID."""
    for up in ("up", "up --refresh"):
        name = f"without an ID: {up}"
        yield way(f"{name}, nothing is changed", (A, B), (A, B), without_id("b"), up,
            quiet=True)
        yield way(f"{name}, removed", (A, B), (A,), without_id("b"), up)
        yield way(f"{name}, a port is changed", (A, B), (A, B81), without_id("b"), up)
        yield way(f"{name}, described", (A, B), (A, DESCRIBED), without_id("b"), up)
        yield way(f"{name}, moves to another group", (A, B), (A, B_MOVED),
            without_id("b"), up, renewed=("b",))
        yield way(f"{name}, renamed with an alias", (A, B), (A, RENAMED.but(**ALIAS)),
            without_id("b"), up)
        yield way(f"{name}, renamed with adopt", (A, B), (A, RENAMED.but(**ADOPT)),
            without_id("b"), up)
        taken = RENAMED.but(**ADOPT)
        for order, after in (
            ("at the same time", (B81, taken)),
            ("first", (taken, B81.but(depends_on=["n"]))),
            ("then", (B81, taken.but(depends_on=["b"]))),
        ):
            yield way(f"{name}, a port is changed, and {order} another adopts it",
                (A, B), (A, *after), without_id("b"), up, any_id=True)
        yield way(f"{name}, a port is changed, and another takes its place", (A, B),
            (A, B81, RENAMED.but(depends_on=["b"])), without_id("b"), up, any_id=True)
        yield way(f"{name}, tainted, with delete_before_replace", (A, B),
            (A, B.but(**DBR)), without_id("b"), "state taint b", up, renewed=("b",))
        yield way(f"{name}, tainted, with adopt", (A, B),
            (A, B.but(**ADOPT)), without_id("b"), "state taint b", up)
        yield way(f"{name}, one of two resources of a rule is removed", (A, B), (A, B),
            duplicate("b", "z"), without_id("z"), up)
        yield way(f"{name}, both resources of a rule are removed", (A, B), (A,),
            duplicate("b", "z"), without_id("z"), up, revoked_once=False)
        yield way(f"{name}, removed, and by hand too", (A, B), (A,), without_id("b"),
            removed("b"), up, revoked_once=False)


def never_seen() -> Iterator[Way]:
    """
    Rules whose ID was never known, and which a refresh does not find.

    They are made and show late, or they are removed by hand; a refresh cannot
    distinguish the two.
    """
    late = faults(Fault.late(AUTHORIZE, 1000))
    made: dict[str, Any] = {"timeout": 3, "together": "late"}
    hidden: tuple[Step, ...] = (late, "up", "refresh")
    for last, after, more in (
        ("up", (), {}),
        ("up --refresh", (), {}),
        ("destroy --refresh", (A,), {"live": ()}),
        ("up", (A,), {}),
        ("up", (A.but(ports=(444,)),), {}),
    ):
        shown = way(f"made, not seen by a refresh, then {last}", (), after,
            now(A), *hidden, shows_at_last(), now(*after), last, **made, **more)
        wanted = "removed" if not after else "kept" if after == (A,) else "changed"
        yield replace(shown, name=f"{shown.name}, {wanted}")
    for last, after in (("up --refresh", ()), ("destroy --refresh", (A,))):
        yield way(f"made and not seen, then {last}; it shows at last", (), after,
            late, now(A), "up", now(*after), last, shows_at_last(), live=(),
            **{**made, "together": "late to the end"})
    for last in ("up", "up --refresh"):
        yield way(f"made and not seen, renamed without an alias, then {last}", (),
            (RENAMED,), late, now(B), "up", now(RENAMED), last, shows_at_last(),
            "refresh", **made)
    for last, turn in (("refresh", "DO"), ("up", "D--"), ("up --refresh", "DO")):
        yield way(f"without an ID, and reads disagree: {last}, then destroy", (A, B),
            (A, B), without_id("b"), shows_late("b", turn), last, all_is_well(),
            shows_at_last(), "destroy", live=(), timeout=3, revoked_once=False,
            alone=True)
    for commands in (UP, UP_REFRESH, ("refresh", "up", SETTLED)):
        name = f"never seen, and removed by hand: {words(commands)}"
        yield way(name, (A, B), (A, B), without_id("b"), removed("b"), *commands)
        yield way(f"{name}, and every change replaces", (A, B),
            (A, B.but(replace_on_changes=["*"])), without_id("b"), removed("b"),
            *commands)
        yield way(f"{name}, and a port is changed", (A, B), (A, B81), without_id("b"),
            removed("b"), *commands, revoked_once=False)
    yield way("set: one rule is never seen, and removed by hand: up --refresh",
        (set_of("s", 1, 2),), (set_of("s", 1, 2),), without_id("s"),
        removed("s"), *UP_REFRESH, kinds=SET)


def first_release() -> Iterator[Way]:
    """Deployments of states that have no owner's mark."""
    for up in ("up", "up --refresh"):
        name = f"from the first release: {up}"
        for change in MAIN_CHANGES:
            yield replace(change, name=f"{name}, {change.name}",
                steps=(unmarked(), up))
        yield way(f"{name}, nothing is changed", (A, B), (A, B), unmarked(), up,
            quiet=True)
        yield way(f"{name}, tainted, with delete_before_replace", (A, B),
            (A, B.but(**DBR)), unmarked(), "state taint b", up, renewed=("b",))
        yield way(f"{name}, tainted, with adopt", (A, B), (A, B.but(**ADOPT)),
            unmarked(), "state taint b", up)
        yield way(f"{name}, a single rule becomes one of a set", (A, one("b", 80)),
            (A, set_of("s", 80, 81, **ADOPT)), unmarked(), up, kinds=RULE)
        yield way(f"{name}, changed, and removed in the next run", (A, B), (A,),
            now(A, B81), unmarked(), up, now(A), up)


def two_of_one() -> Iterator[Way]:
    """
    States made by hand, in which two resources name one rule.

    Only an owner's mark distinguishes the resource that is kept from the one that is
    deleted. Without one, the rule is deleted with either, and the next refresh shows
    it.
    """
    for up in ("up", "up --refresh"):
        for label, own, edits in (
            ("imported twice", True, ()),
            ("copied", False, ()),
            ("from the first release", True, (unmarked(),)),
        ):
            name = f"two resources of one rule, {label}: {up}"
            made = (duplicate("b", "z", own_mark=own), *edits)
            yield way(f"{name}, both are removed", (A, B), (A,), *made, up)
            yield way(f"{name}, one is removed and one moves to another group", (A, B),
                (A, B_MOVED), *made, up, renewed=("b",))
            if label != "imported twice":
                yield way(f"{name}, one is removed, and the next run recreates it",
                    (A, B), (A, B), *made, up, "up --refresh", renewed=("b",))
                continue
            yield way(f"{name}, one is removed", (A, B), (A, B), *made, up, quiet=True)
            yield way(f"{name}, the other is removed", (A, B), (A, B.but(name="z")),
                *made, up, quiet=True)
            yield way(f"{name}, one is removed and one is changed", (A, B), (A, B81),
                *made, up)
            for which, first, other in (("other", B, B81), ("first", B81, B)):
                yield way(f"{name}, the {which} is changed", (A, B),
                    (A, first, other.but(name="z", depends_on=["b"])), *made, up,
                    any_id=True)


def exclusive_sets() -> Iterator[Way]:
    """Sets that own all rules of their group."""
    x = set_of("x", 1, 2, exclusive=True)
    foreign = one("foreign", 3)
    both: dict[str, Any] = {"live": (x, foreign), "unmanaged": (foreign,), "kinds": SET}
    for before, after, name, live in (
        (x, (x,), "nothing is changed", (x,)),
        (x, (x.but(ports=(1,)),), "it shrinks", (x.but(ports=(1,)),)),
        (x, (x.but(ports=(1, 2, 4)),), "it grows", (x.but(ports=(1, 2, 4)),)),
        (x, (), "it is removed", ()),
        (x.but(exclusive=False), (x,), "it becomes exclusive", (x,)),
    ):
        stays: dict[str, Any] = {
            "live": (*live, foreign),
            "unmanaged": (foreign,),
            "kinds": SET,
        }
        row = f"an exclusive set: {name}"
        yield way(f"{row}, beside a rule that no refresh showed", (before,), after,
            added(foreign), "up", **stays)
        if live and before.arguments["exclusive"]:
            for commands in (("refresh", "up"), ("up --refresh",)):
                yield way(f"{row}, beside a rule: {words(commands)}", (before,), after,
                    added(foreign), *commands, kinds=SET)
        elif not live:
            for commands in (("refresh", "up"), ("up --refresh",)):
                yield way(f"{row}, beside a rule: {words(commands)}", (before,), after,
                    added(foreign), *commands, **stays)
    gone: dict[str, Any] = {**both, "live": (foreign,)}
    wiped: tuple[Commands, ...] = (
        *DESTROYS,
        ("refresh", "destroy"),
        ("refresh", "destroy --refresh"),
    )
    for destroy in wiped:
        yield way(f"an exclusive set beside a rule: {words(destroy)}", (x,), (x,),
            added(foreign), *destroy, **gone)
    for up in ("up", "up --refresh"):
        yield way(f"an exclusive set is tainted, with delete_before_replace: {up}",
            (x,), (x.but(**DBR),), "state taint x", up, kinds=SET, renewed=("x",))
        by_transform = x.but(transforms=[{"opts": {"ignore_changes": ["rules"]}}])
        for what, ignoring in (
            ("rules", x.but(ignore_changes=["rules"])),
            ("*", x.but(ignore_changes=["*"])),
            ("rules by a transform", by_transform),
        ):
            for last in (("destroy",), ("destroy --refresh",)):
                yield way(
                    f"an exclusive set ignores {what}: refresh, {up}, {words(last)}",
                    (ignoring,), (ignoring.but(keep_descriptions=["kept *"]),),
                    added(foreign), "refresh", up, *last, live=(foreign,),
                    unmanaged=(foreign,), kinds=SET)
        yield way(f"an exclusive set keeps what is described so: {up}",
            (x.but(keep_descriptions=["kept *"]),),
            (x.but(keep_descriptions=["kept *"]),),
            added(foreign.but(description="kept by hand")), up,
            live=(x, foreign.but(description="kept by hand")),
            unmanaged=(foreign.but(description="kept by hand"),), kinds=SET)


def states() -> Iterator[Way]:
    """Commands that change the state, and those that follow."""
    protected = B.but(protect=True)
    for up in ("up", "up --refresh"):
        yield way(f"unprotected and removed: {up}", (A, protected), (A,),
            "state unprotect b", up)
        yield way(f"protected and removed: {up}", (A, protected), (A,),
            fails(up, "protect"), live=(A, protected), kinds=RULE, quiet=True)
        yield way(f"protected and changed: {up}", (A, protected),
            (A, B81.but(protect=True)), up)
        yield way(f"deleted from the state and removed: {up}", (A, B), (A,),
            "state delete b", up, live=(A, B), unmanaged=(B,), quiet=True)
        yield way(f"deleted from the state and wanted: {up}", (A, B), (A, B),
            "state delete b", fails(up, "adopt"), unmanaged=(B,), kinds=RULE,
            quiet=True)
        yield way(f"deleted from the state and wanted with adopt: {up}", (A, B),
            (A, B.but(**ADOPT)), "state delete b", up, quiet=True)
        yield way(f"renamed in the state and in the program: {up}", (A, B),
            (A, RENAMED), Run("state rename b n"), up, quiet=True)
        yield way(f"renamed in the state and removed: {up}", (A, B), (A,),
            Run("state rename b n"), up)
        yield way(f"moves to another stack, deleted from the state: {up}", (A, B),
            (A, B.but(stack="other", **ADOPT)), "state delete b", f"other: {up}", up,
            quiet=True)
        yield way(f"moves to another stack, retained: {up}",
            (A, B.but(retain_on_delete=True)), (A, B.but(stack="other", **ADOPT)), up,
            f"other: {up}", quiet=True)
        yield way(f"moves to another stack, recreated: {up}", (A, B),
            (A, B.but(stack="other")), up, f"other: {up}", renewed=("b",))
    for destroy in ("destroy", "destroy --refresh"):
        yield way(f"unprotected: {destroy}", (A, protected), (A, protected),
            "state unprotect b", destroy, live=())
        yield way(f"protected: {destroy}", (protected,), (protected,),
            fails(destroy, "protect"), kinds=RULE, quiet=True)
        yield way(f"renamed in the state: {destroy}", (A, B), (A, B),
            Run("state rename b n"), destroy, live=())


def older_states() -> Iterator[Way]:
    """
    An older state is imported after a deployment.
    """
    last: str
    twice: dict[str, Any] = {"revoked_once": False}
    for last in ("up --refresh", "up", "refresh"):
        name = f"an older state is imported: {last}"
        steps = ("up", "stack import", last)
        yield way(f"{name}, removed since", (A, B), (A,), *steps, **twice)
        yield way(f"{name}, a port was changed since", (A, B), (A, B81), *steps,
            kinds=RULE, **twice)
        yield way(f"{name}, described since", (A, B), (A, DESCRIBED), *steps, **twice)
        yield way(f"{name}, nothing was changed since", (A, B), (A, B), *steps, **twice)
    yield way("an older state is imported: up --refresh, renamed with an alias since",
        (A, B), (A, RENAMED.but(**ALIAS)), "up", "stack import", "up --refresh",
        **twice)
    for last in ("up --refresh", "up"):
        moved = B_MOVED.but(**ADOPT)
        yield way(f"an older state is imported: {last}, moved since, with adopt",
            (A, B), (A, moved), "up", "stack import", last, renewed=("b",), **twice)
        yield way(f"an older state is imported: {last}, added since", (A,), (A, B),
            "up", "stack import", fails(last, "adopt"), unmanaged=(B,), kinds=RULE)
    for last in ("destroy", "destroy --refresh"):
        name = f"an older state is imported: {last}"
        steps = ("up", "stack import", last)
        yield way(f"{name}, removed since", (A, B), (A,), *steps, live=(), **twice)
        yield way(f"{name}, a port was changed since", (A, B), (A, B81), *steps,
            live=(), kinds=RULE, **twice)
        yield way(f"{name}, added since", (A,), (A, B), *steps, live=(B,),
            unmanaged=(B,))


def refused() -> Iterator[Way]:
    """Runs that cannot converge: they fail with nothing changed, or converge."""
    there = one("foreign", 81)
    lists = (rule("0", 1), rule("1", 2))
    entry_more = (rule("0", 3), rule("1", 1), rule("2", 2))
    swapped = (A.but(ports=(80,)), B.but(ports=(443,)))
    apart, joined = (A, one("b", 80)), (A, set_of("s", 80, 81))
    for up in ("up", "up --refresh"):
        yield way(f"renamed without an alias: {up}", (A, B), (A, RENAMED),
            fails(up, "alias"), live=(A, B), quiet=True)
        yield way(f"two are swapped: {up}", (A, B), swapped, either(up))
        if up == "up --refresh":
            continue
        yield way(f"a list gets an entry at the front: {up}", lists, entry_more,
            either(up), kinds=RULE, any_id=True)
        yield way(f"a list loses its first entry: {up}", lists, (rule("0", 2),),
            either(up), kinds=RULE, any_id=True)
        yield way(f"one becomes what is removed: {up}", (A, B), (A.but(ports=(80,)),),
            either(up), kinds=RULE, any_id=True)
        yield way(f"a single rule becomes one of a set without adopt: {up}", apart,
            joined, fails(up), live=apart, kinds=RULE, quiet=True)
        yield way(f"a rule that is there is added: {up}", (A,), (A, B), added(B),
            fails(up, "adopt"), live=(A, B), unmanaged=(B,), kinds=RULE, quiet=True)
        yield way(f"a port becomes that of a rule that is there: {up}", (A, B),
            (A, B81), added(there), fails(up), live=(A, B, there), unmanaged=(there,),
            kinds=RULE)
    for up in ("up --continue-on-error", "up --refresh --continue-on-error"):
        goes_on: dict[str, Any] = {"any_id": True, "revoked_once": False}
        for name, before, after in (
            ("renamed without an alias", (A, B), (A, RENAMED)),
            ("a list gets an entry at the front", lists, entry_more),
            ("a list loses its first entry", lists, (rule("0", 2),)),
            ("one becomes what is removed", (A, B), (A.but(ports=(80,)),)),
            ("a single rule becomes one of a set without adopt", apart, joined),
            ("a set becomes single rules without adopt",
                (set_of("s", 443, 80),), (one("a", 443), one("b", 80))),
        ):
            yield way(f"{name}, then again: {up}", before, after, either(up),
                CONSISTENT, up, **goes_on)


def exchanged() -> Iterator[Way]:
    """
    Two resources exchange rules: that fails with nothing changed, and the message names
    what works.
    """
    single, several = one("a", 443), set_of("s", 80, 81)
    other = set_of("t", 443, 444)
    for name, before, between, after, kind in (
        ("a single rule and a set", (single, several),
            (single, set_of("s", 81)), (one("a", 80), set_of("s", 443, 81)),
            RULE),
        ("two sets", (other, several), (other, set_of("s", 81)),
            (set_of("t", 80, 444), set_of("s", 443, 81)), SET),
        ("two single rules", (single, one("b", 80)), (single,),
            (one("a", 80), one("b", 443)), RULE),
    ):
        yield way(f"{name} exchange rules: up --continue-on-error", before, after,
            fails("up --continue-on-error", "use two runs of `pulumi up`"),
            Expected(before), now(*between),
            "up", now(*after), "up", kinds=kind, any_id=True,
            revoked_once=False)


def failing() -> Iterator[Way]:
    """ECS refuses something, and the next run completes."""
    no_revoke = faults(replace(Fault.refused(REVOKE, 403, REFUSED), times=1000))
    one_revoke = faults(Fault.refused(REVOKE, 403, REFUSED))
    # A call that a RAM policy refuses is split, so one refusal would make nothing fail.
    one_authorize = faults(Fault.refused(AUTHORIZE, 403, "NoPermission"))
    no_read = faults(replace(Fault.refused(DESCRIBE, 403, REFUSED), times=1000))
    by_attributes = faults(replace(
        Fault.refused(REVOKE, 400, "InvalidGroupParameter.OperationDenied"),
        times=1000, having="Permissions."))
    again: dict[str, Any] = {"alone": True, "revoked_once": False}

    def all_of(together: str) -> dict[str, Any]:
        return {"together": together, "revoked_once": False}

    moving = (A, B_MOVED)
    for up in ("up", "up --refresh"):
        yield way(f"no revoke is allowed, then all: {up}", (A, B), (A,), no_revoke,
            fails(up), Expected((A, B)), all_is_well(), up, **all_of("no revoke"))
        yield way(f"a replacement cannot revoke, then it can: {up}", (A, B), moving,
            no_revoke, fails(up), CONSISTENT, all_is_well(), up, renewed=("b",),
            **all_of("no revoke"))
        yield way(f"two leave and one revoke is refused: {up}",
            (A, B.but(group="other")), (), one_revoke, fails(up), CONSISTENT,
            all_is_well(), up, kinds=RULE, **again)
        yield way(f"one of two authorizes is refused: {up}", (), (A, B_MOVED),
            one_authorize, fails(up), CONSISTENT, all_is_well(), up,
            **all_of("one authorize"))
    for first, then in (("up", "destroy --refresh"), ("up --refresh", "refresh")):
        yield way(f"a replacement cannot revoke: {first}, then {then}", (A, B), moving,
            no_revoke, fails(first), CONSISTENT, all_is_well(), then,
            *(("up",) if then == "refresh" else ()),
            live=moving if then == "refresh" else (), renewed=("b",),
            **all_of("no revoke"))
    for destroy in ("destroy --refresh", "destroy --continue-on-error"):
        yield way(f"one revoke is refused: {destroy}", (A, B_MOVED), (A, B_MOVED),
            one_revoke, fails(destroy), CONSISTENT, destroy, live=(), kinds=RULE,
            **again)
    for destroy in ("destroy", "destroy --refresh"):
        yield way(f"no revoke is allowed, then all: {destroy}", (A, B), (A, B),
            no_revoke, fails(destroy), Expected((A, B)), all_is_well(), destroy,
            live=(), **all_of("no revoke"))
        yield way(f"a revoke without an ID does nothing, then it does: {destroy}",
            (A, B), (A, B), without_id("b"), faults(replace(Fault.shaped(
                REVOKE, '{"RequestId": "1"}', takes_effect=False), times=1000,
                having="Permissions.")), destroy, live=(), **all_of("nothing revoked"))
        yield way(f"a revoke is answered by a broken connection: {destroy}", (A, B),
            (A, B), faults(Fault.dropped(REVOKE, takes_effect=True)), destroy,
            live=(), **all_of("broken"))
        yield way(f"a read is late after a refused revoke without an ID: {destroy}",
            (A, B), (A, B), without_id("b"), by_attributes, shows_late("b"), destroy,
            live=(), **all_of("not by attributes"))
        name = f"two resources of one rule, no revoke is allowed, then all: {destroy}"
        yield way(name, (A, B), (A, B), duplicate("b", "z"), no_revoke, fails(destroy),
            all_is_well(), destroy, live=(), **all_of("no revoke"))
    for up in ("up --refresh", "up --refresh --run-program"):
        yield way(f"no read is allowed, then all: {up}", (A, B), (A,), no_read,
            fails(up), Expected((A, B)), all_is_well(), up, **all_of("no read"))
    yield way("tainted with delete_before_replace, and not authorized, then it is: up",
        (A, B), (A, B.but(**DBR)), "state taint b", one_authorize, fails("up"),
        CONSISTENT, all_is_well(), "up", renewed=("b",), **all_of("one authorize"))
    for up in ("up", "up --refresh"):
        yield way(f"a change is refused, then it is not: {up}", (A, B), (A, B81),
            faults(Fault.refused(MODIFY, 403, REFUSED)), fails(up), Expected((A, B)),
            up, kinds=RULE, **again)
    for last in ("destroy", "destroy --refresh", "up --refresh"):
        yield way(f"made and not seen for long, then {last}", (), (A,),
            faults(Fault.late(AUTHORIZE, 1000)), "up", shows_at_last(), now(), last,
            live=(), timeout=3, **all_of("late"))


def without_an_answer() -> Iterator[Way]:
    """A change has an effect that no answer and no read after it shows."""
    # An ID that the state does not have is read twice before the change.
    for name, lost, reads in (("", (), 1), (" without an ID", (without_id("b"),), 2)):
        cut = faults(
            replace(Fault.dropped(MODIFY, takes_effect=True), times=1000),
            replace(Fault.refused(DESCRIBE, 403, REFUSED), skip=reads, times=1000))
        for end in ((A, B81), (A, B), (A,)):
            ends = " and ".join(f"{each.name} {each.ports[0]}" for each in end)
            yield way(f"a change{name} gets no answer, then {ends}", (A, B), (A, B81),
                *lost, cut, fails("up"), CONSISTENT, all_is_well(), now(*end), "up",
                live=end, kinds=RULE, timeout=3, revoked_once=False)
    yield way("a change shows late, and its undoing gets no answer", (A, B), (A, B81),
        faults(Fault.late(MODIFY, 1000)), "up", now(A, B), faults(replace(
            Fault.dropped(MODIFY, takes_effect=False), times=1000)), fails("up"),
        all_is_well(), shows_at_last(), "up", live=(A, B), kinds=RULE, timeout=3)


def stopped_half_way() -> Iterator[Way]:
    """
    Another resource fails, so that the engine stops before it deletes.

    A replacement leaves two entries in the state, of which one is still to be deleted:
    the next run begins with that, before it has compared anything.
    """
    one_authorize = faults(Fault.refused(AUTHORIZE, 403, REFUSED))
    more: dict[str, Any] = {"together": "one authorize"}
    adopted, described = B.but(**ADOPT), DESCRIBED.but(**ADOPT)
    renamed = RENAMED.but(**ADOPT)
    changes: tuple[tuple[str, Declared, tuple[Step, ...], tuple[str, ...]], ...] = (
        ("tainted, with adopt", adopted, ("state taint b",), ()),
        ("tainted and described, with adopt", described, ("state taint b",), ()),
        ("tainted, and moved", B_MOVED, ("state taint b",), ("b",)),
        ("renamed with adopt", renamed, (), ()),
    )
    last: tuple[Commands, ...] = (("up",), ("up --refresh",), ("destroy --refresh",))
    for name, after, first, renewed in changes:
        wanted = (A, after, C)
        for then in last:
            yield way(f"{name}, and another fails; then {words(then)}", (A, B), wanted,
                *first, one_authorize, fails("up"), CONSISTENT, all_is_well(), *then,
                live=wanted if "up" in then[-1] else (), renewed=renewed, **more)


def started_otherwise() -> Iterator[Way]:
    """
    The main ways by the Automation API, and with the program started by the engine.
    """
    main: tuple[tuple[Commands, tuple[Way, ...]], ...] = (
        (("up",), MAIN_CHANGES[::2]),
        (("up --refresh",), MAIN_CHANGES),
        (("destroy",), MAIN_STATES[:3]),
        (("destroy --refresh",), MAIN_STATES),
        (("destroy --refresh --run-program",), MAIN_STATES[:3]),
    )
    for via in ("automation", "language host"):
        for commands, rows in main:
            for row in rows:
                name = f"{via}: {row.name}: {words(commands)}"
                live = row.live if "up" in commands[-1] else ()
                yield replace(row, name=name, via=via, live=live,
                    steps=(*row.steps, *commands))


def table() -> Iterator[Way]:
    """
    All rows.
    """
    for commands in UPS:
        for change in (*MAIN_CHANGES, *more_changes(), *replacements()):
            yield with_commands(change, commands)
    for commands in MORE_UPS:
        for change in MAIN_CHANGES[:6]:
            yield with_commands(change, commands)
    for commands in DESTROYS:
        for state in destroys():
            yield with_commands(state, commands, destroyed=True)
    for commands in MORE_DESTROYS:
        for state in MAIN_STATES:
            if "up" not in commands[0] or "two" not in state.name:
                yield with_commands(state, commands, destroyed=True)
    yield from destroyed_after_adoption()
    yield from forced_replacements()
    yield from hooked()
    yield from remedied()
    yield from retried()
    yield from targeted()
    yield from refreshes()
    yield from changed_by_hand()
    yield from without_ids()
    yield from never_seen()
    yield from first_release()
    yield from two_of_one()
    yield from exclusive_sets()
    yield from states()
    yield from older_states()
    yield from refused()
    yield from exchanged()
    yield from failing()
    yield from without_an_answer()
    yield from stopped_half_way()
    yield from started_otherwise()


def with_commands(row: Way, commands: Commands, *, destroyed: bool = False) -> Way:
    """A row with its commands; after a destroy only unmanaged rules are left."""
    name = f"{row.name}: {words(commands)}"
    live = row.unmanaged if destroyed else row.live
    return replace(row, name=name, steps=(*row.steps, *commands), live=live)


WALKS = [
    Walk(number, row, kind) for number, row in enumerate(table()) for kind in row.kinds
]
"""Every row with single rules and with sets, as far as it allows."""
