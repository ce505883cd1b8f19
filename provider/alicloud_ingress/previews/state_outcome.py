"""
Works out from the state alone what a preview does to a group.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator

from alicloud_ingress.previews.declared import PEER_RULE, as_the_peer_compares
from alicloud_ingress.previews.gate import OwnedRule
from alicloud_ingress.previews.operations import UNCHANGED
from alicloud_ingress.previews.outcome import (
    IDENTICAL,
    Added,
    Outcome,
    Refusal,
    created_twice,
    drops,
    flat,
    owned,
)
from alicloud_ingress.previews.preview import Preview
from alicloud_ingress.previews.steps import Step
from alicloud_ingress.rules.rule import IngressRule

_SETTING = ("update", "replace")


def state_outcome(preview: Preview, group: str, *, is_live: bool) -> Outcome:
    """
    Work out what a preview does to a group that was not read.

    Args:
        preview: the preview.
        group: the group, as its rules name it.
        is_live: whether live groups were to be read. Then a missing one means that the
            state may be wrong.
    """
    before: list[OwnedRule] = []
    least: list[OwnedRule] = []
    after: list[OwnedRule] = []
    most: list[OwnedRule] = []
    stopped: list[OwnedRule] = []
    added: list[Added] = []
    refusals: list[Refusal] = []
    held: dict[IngressRule, list[Step]] = {}
    revoked = _revoked_drops(preview, group)
    for step in preview.steps:
        olds = [owned(s) for s in step.before if s.group == group]
        news = [owned(s) for s in step.after if s.group == group]
        maybe = {flat(s.rule, None) for s in (*step.before, *step.after) if s.is_unsure}
        changes = step.op not in UNCHANGED
        if step.old_is_gone is not True:
            before += olds
            unsure = step.old_is_gone is None or (is_live and step.op in _SETTING)
            least += [
                old
                for old in olds
                if (
                    changes or old.rule not in maybe
                    if drops(old.rule)
                    else not unsure and not (changes and old.rule in maybe)
                )
            ]
        staying = [
            owned(s)
            for s in step.before
            if s.group == group and not s.declared and not step.exclusive
        ]
        if step.goes_with_group:
            staying += [old for old in olds if drops(old.rule)]
        news += [old for old in staying if old not in news]
        after += news
        lost = {
            n.rule for n in news if step.gap or as_the_peer_compares(n.rule) in revoked
        } | maybe
        most += [new for new in news if not (drops(new.rule) and new.rule in lost)]
        if step.unsure_delete or step.keeps:
            most += [old for old in olds if not drops(old.rule) and old not in news]
        kept = {old.rule for old in olds if step.op != "replace"}
        stopped += [o for o in (*olds, *news) if not drops(o.rule)]
        stopped += [n for n in news if drops(n.rule) and n.rule in kept - lost]
        if changes:
            rules = {old.rule for old in olds}
            added += [(new.rule, step) for new in news if new.rule not in rules]
            refusals += _replacements_by_the_same(step, rules, news)
        for old in olds:
            held.setdefault(old.rule, []).append(step)
    return Outcome(
        before=tuple(before),
        after=tuple(after),
        least_before=None if least == before else tuple(least),
        most_after=None if most == after else tuple(most),
        if_it_stops=tuple(stopped),
        refusals=(*created_twice(added), *refusals),
        may_stop=any(
            other.urn != step.urn and not (step.adopts and other.op == "delete")
            for rule, step in added
            if step.kind != PEER_RULE
            for other in held.get(rule, ())
        ),
    )


def _revoked_drops(preview: Preview, group: str) -> frozenset[IngressRule]:
    """
    The rules that a step deletes although another step, or itself, may want them:
    pulumi-alicloud goes by attributes, and none of its resources counts as an owner.
    Neither does one that keeps its rule: with `--target` it is not asked, and the state
    may lack its mark as an owner.
    """
    wanted: set[IngressRule] = set()
    by_peer: set[IngressRule] = set()
    by_others: set[IngressRule] = set()
    for step in preview.steps:
        olds, news = (
            {
                as_the_peer_compares(flat(s.rule, None))
                for s in side
                if s.group == group and drops(s.rule)
            }
            for side in (step.before, step.after)
        )
        is_peer = step.kind == PEER_RULE
        if is_peer:
            wanted |= news
        elif step.op != "replace":
            wanted |= news & olds
        is_replaced = step.op == "replace" and not step.retained
        if step.old_is_gone is not True:
            (by_peer if is_peer else by_others).update(
                olds if is_replaced else olds - news
            )
    return frozenset(by_peer | (by_others & wanted))


def _replacements_by_the_same(
    step: Step, olds: Collection[IngressRule], news: Iterable[OwnedRule]
) -> Iterator[Refusal]:
    """
    A rule that is identical to the one that it replaces is refused, unless that one is
    deleted first.
    """
    is_first = step.gap or step.old_is_gone or step.adopts
    if step.op == "replace" and step.kind != PEER_RULE and not is_first:
        for new in news:
            if new.rule in olds:
                yield Refusal(step, new.rule.as_text, IDENTICAL)
