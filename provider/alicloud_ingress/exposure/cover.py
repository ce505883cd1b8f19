"""
Which rules could go although others go too: those that what stays covers.

`redundancy` names what could go if nothing else did. Here some rules go for reasons
of their own, and some must stay. A rule is named only if rules that stay cover it, so
that any choice of the named ones, with any of those that go anyway, changes no
packet's lot by the named ones' going.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from alicloud_ingress.exposure.redundancy import Needless, needless, removable
from alicloud_ingress.rules.rule import IngressRule


def alone(rules: Sequence[IngressRule]) -> dict[int, Needless]:
    """
    By its place, each rule that could go alone.

    Raises:
        TooComplexError: the rules cannot be judged in bounded time.
    """
    return {entry.rule: entry for entry in needless(rules)}


def together(
    rules: Sequence[IngressRule], *, going: Collection[int], free: Sequence[int]
) -> dict[int, Needless]:
    """
    Name rules that may go together, for what is neither named nor going covers them.

    Args:
        rules: all of a group.
        going: places of those that go for other reasons; named too if covered.
        free: places of those that may be named; of equal ones the last is named
            first, so give the oldest first.

    Raises:
        TooComplexError: the rules cannot be judged in bounded time.
    """
    candidates = alone(rules)
    if not candidates:
        return {}
    fixed = [n for n in range(len(rules)) if n not in going and n not in free]
    movable = [n for n in free if n not in going]
    named = _within(rules, [*fixed, *movable], set(movable))
    staying = [n for n in (*fixed, *movable) if n not in named]
    named |= covered(rules, staying, [n for n in going if n in candidates])
    for place in reversed(movable):
        if place in candidates and place not in named:
            rest = [n for n in staying if n != place]
            if found := covered(rules, rest, [place]):
                named |= found
                staying = rest
    return named


def covered(
    rules: Sequence[IngressRule], staying: Sequence[int], candidates: Sequence[int]
) -> dict[int, Needless]:
    """
    Those of the candidates that the staying rules cover, each by itself.
    """
    found: dict[int, Needless] = {}
    for place in candidates:
        order = [*staying, place]
        entry = alone([rules[n] for n in order]).get(len(staying))
        if entry is not None:
            found[place] = _placed(entry, order)
    return found


def _within(
    rules: Sequence[IngressRule], order: Sequence[int], allowed: set[int]
) -> dict[int, Needless]:
    entries = removable([rules[n] for n in order])
    return {
        order[entry.rule]: _placed(entry, order)
        for entry in entries
        if order[entry.rule] in allowed
    }


def _placed(entry: Needless, order: Sequence[int]) -> Needless:
    return Needless(order[entry.rule], entry.kind, tuple(order[n] for n in entry.by))


def covers_as_text(
    entry: Needless, rules: Sequence[IngressRule], ids: Mapping[int, str]
) -> str:
    """
    By which rules a rule is covered, and how.
    """
    named = ", ".join(f"{ids[n] or 'a rule'} ({rules[n].as_text})" for n in entry.by)
    if entry.kind == "shadowed":
        return f"decided before by {named}"
    return f"the same is done by {named}"
